//! Tokens that do not belong: made for training, found and taken out by the sampler.

use std::path::Path;

use oneflow_web::Result;
use oneflow_web::checkpoint::folder::read_folder;
use oneflow_web::checkpoint::load::cpu_model;
use oneflow_web::flow::noising::{Extra, noise_at};
use oneflow_web::flow::rng::Rng;
use oneflow_web::flow::sequence::{Element, Sequence};
use oneflow_web::model::story::{Page, edited, text_edits};
use oneflow_web::sample::{
    Deletion, EndReason, Event, FlowModel, Insertion, Options, Phase, Prediction, Replay, Sampler, SlotOpening, Spec,
    State, apply,
};

use crate::support::{IMAGE, finish, tokens};

const SPEC: Spec = Spec { begin: 0, prompt_end: 1, image: IMAGE, vocab_size: 12, latent_len: 0 };
const RIGHT: u32 = 3;
const WRONG: u32 = 9;

/// A model that writes `WRONG` while the text has its schedule, and then sees what it did: it wants
/// `n_right` times `RIGHT`, and no `WRONG`. Where `repents` is false it goes on as it began.
struct Repenting {
    n_right: usize,
    repents: bool,
}

impl FlowModel for Repenting {
    type Hidden = u32;

    async fn predict(&self, state: &State) -> Result<Prediction<u32>> {
        let response = tokens(state.sequence.response());
        let n_slots = state.sequence.n_slots();
        let (wants, is_missing) = match self.repents && state.t_text >= 1.0 {
            true => (RIGHT, response.iter().filter(|&&token| token == RIGHT).count() < self.n_right),
            false => (WRONG, true),
        };
        Ok(Prediction {
            zero_prob: vec![if is_missing { 0.0 } else { 1.0 }; n_slots],
            insertion_rate: vec![1.0; n_slots],
            delete_prob: response.iter().map(|&token| if token == WRONG { 0.9 } else { 0.1 }).collect(),
            velocities: Vec::new(),
            hidden: wants,
        })
    }

    async fn token_logits(&self, wants: &u32, slots: &[usize]) -> Result<Vec<Vec<f32>>> {
        let logits: Vec<f32> =
            (0..SPEC.vocab_size as u32).map(|token| if token == *wants { 30.0 } else { 0.0 }).collect();
        Ok(vec![logits; slots.len()])
    }
}

fn options(delete_threshold: f32) -> Options {
    let slot_opening = SlotOpening::Threshold(0.5);
    Options { n_steps: 2, top_p: 1.0, max_rounds: 10, delete_threshold, slot_opening, ..Options::default() }
}

#[test]
fn wrong_tokens_go_and_what_was_missing_beside_them_comes() {
    let model = Repenting { n_right: 1, repents: true };
    let mut sampler = Sampler::new(&[], SPEC, options(0.5), 1).unwrap();
    let events = finish(&mut sampler, &model);
    assert_eq!(tokens(sampler.state().sequence.response()), [RIGHT]);
    let mut replay = Replay::new();
    events.iter().for_each(|event| replay.apply(event).unwrap());
    assert_eq!(replay.elements(), sampler.state().sequence.response());
    assert_eq!(replay.end(), Some(EndReason::Complete));
    let deleted = events.iter().filter(|event| matches!(event, Event::TextDelete { token: WRONG, .. })).count();
    let inserted = events.iter().filter(|event| matches!(event, Event::TextInsert { token: WRONG, .. })).count();
    assert!(inserted > 1 && deleted == inserted, "{inserted} came, {deleted} went");
}

#[test]
fn nothing_goes_above_the_threshold_or_where_it_is_off() {
    for delete_threshold in [0.95, 1.0] {
        let model = Repenting { n_right: 1, repents: true };
        let mut sampler = Sampler::new(&[], SPEC, options(delete_threshold), 1).unwrap();
        let events = finish(&mut sampler, &model);
        assert!(!events.iter().any(|event| matches!(event, Event::TextDelete { .. })));
        assert!(tokens(sampler.state().sequence.response()).contains(&WRONG));
    }
}

#[test]
fn a_model_that_never_settles_deletes_in_the_first_half_of_the_rounds_only() {
    let model = Repenting { n_right: 0, repents: false };
    let mut sampler = Sampler::new(&[], SPEC, options(0.5), 1).unwrap();
    let events = finish(&mut sampler, &model);
    let mut round = 0;
    for event in &events {
        match event {
            Event::StepEnd { phase: Phase::Completion, .. } => round += 1,
            Event::TextDelete { .. } => assert!(round < 5, "round {round}"),
            _ => {}
        }
    }
    assert_eq!(round, 10);
}

#[test]
fn changes_of_one_step_come_from_right_to_left() {
    let mut state = State { sequence: Sequence::from_prompt(&[0, 1]), images: Vec::new(), t_text: 1.0 };
    (0..6).for_each(|i| state.sequence.insert(i, Element::Token(3 + i as u32)));
    let before = state.clone();
    let insertions = vec![Insertion { slot: 0, token: 10 }, Insertion { slot: 4, token: 11 }];
    let deletions = [2, 5].map(|position| Deletion { position, token: 3 + position as u32 });
    let events = apply(&mut state, insertions, &deletions, &SPEC, &mut Rng::new(1));
    assert_eq!(tokens(state.sequence.response()), [10, 3, 4, 6, 11, 7]);
    let mut replay = Replay::from_state(&before);
    events.iter().for_each(|event| replay.apply(event).unwrap());
    assert_eq!(replay.elements(), state.sequence.response());
}

#[test]
fn text_edits_say_what_went_and_touch_nothing_else() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("pkg/models/storyworld");
    let model = cpu_model(read_folder(&folder).unwrap().files).unwrap();
    let words = model.prompt_tokens("the shy fox sat in the the green grass and sang a long song").unwrap();
    let mut state = State { sequence: Sequence::from_prompt(&[0, 1]), images: Vec::new(), t_text: 1.0 };
    for (slot, &token) in words.iter().enumerate() {
        state.sequence.insert(slot, Element::Token(token));
    }
    let mut rng = Rng::new(5);
    for _ in 0..40 {
        let before = Page::of(&model, &state).text;
        let n = state.sequence.n_slots() - 1;
        let deletions: Vec<Deletion> = (0..n)
            .filter(|_| rng.bernoulli(0.15))
            .map(|position| Deletion { position, token: tokens(state.sequence.response())[position] })
            .collect();
        let insertions: Vec<Insertion> = (0..=n)
            .filter(|&slot| !deletions.iter().any(|deletion| deletion.is_beside(slot)) && rng.bernoulli(0.2))
            .map(|slot| Insertion { slot, token: words[slot % words.len()] })
            .collect();
        let removed: usize = deletions.iter().map(|deletion| model.tokenizer.decode(&[deletion.token]).len()).sum();
        let events = apply(&mut state, insertions, &deletions, model.spec(), &mut rng);
        let after = Page::of(&model, &state).text;
        let edits = text_edits(&model.tokenizer, &events, &state, &before, &after);
        assert_eq!(edited(&before, &edits), after);
        assert_eq!(edits.iter().map(|edit| edit.remove).sum::<usize>(), removed, "{before:?} {edits:?}");
    }
}

#[test]
fn of_two_copies_the_second_does_not_belong() {
    let mut clean = Sequence::from_prompt(&[0, 1]);
    (0..4).for_each(|i| clean.insert(i, Element::Token(3 + i as u32)));
    let noised = noise_at(&clean, IMAGE, &[true; 4], &[]);
    // 3 4 5 6 with a copy of 3 4 before the first: the same text as with the copy after it.
    let extra = Extra { slot: 0, tokens: vec![3, 4] }.settled(&noised);
    assert_eq!(extra, Extra { slot: 2, tokens: vec![3, 4] });
    let mut with = noised.clone();
    with.insert_extras(&[extra]);
    assert_eq!(tokens(with.sequence.response()), [3, 4, 3, 4, 5, 6]);
    assert_eq!(with.is_extra, [false, false, true, true, false, false]);
    let beside: Vec<bool> = (0..7).map(|slot| with.is_beside_extra(slot)).collect();
    assert_eq!(beside, [false, false, true, true, true, false, false]);
    assert_eq!(with.bags.len(), with.sequence.n_slots());
}

#[test]
fn a_token_that_is_missing_anyway_is_not_wrong() {
    let mut clean = Sequence::from_prompt(&[0, 1]);
    (0..3).for_each(|i| clean.insert(i, Element::Token(3 + i as u32)));
    let noised = noise_at(&clean, IMAGE, &[true, false, true], &[]);
    assert!(!Extra { slot: 1, tokens: vec![9, 4] }.is_wrong(&noised));
    assert!(Extra { slot: 1, tokens: vec![9, 3] }.is_wrong(&noised));
}
