//! The sampler: its steps, limits and events, whatever the model says.

use oneflow_web::error::{Error, Result};
use oneflow_web::flow::rng::Rng;
use oneflow_web::flow::schedule::Schedule;
use oneflow_web::flow::sequence::Element;
use oneflow_web::sample::{
    EndReason, Event, FlowModel, Insertion, Opening, Options, Phase, Prediction, Replay, Room, Sampler, SlotOpening,
    State, draw_token, fired_slots, limit,
};

use crate::support::{
    BEGIN, Chatter, Counted, IMAGE, Oracle, PROMPT_END, block_on, finish, plain_options, share_error, spec, step,
    tokens,
};

fn chatter(len: usize) -> Chatter {
    Chatter { spec: spec(9, 5), len }
}

/// Options with every draw in use.
fn lively_options(n_steps: usize) -> Options {
    Options { temperature: 0.9, top_p: 0.95, max_tokens: 40, max_images: 3, max_rounds: 12, ..plain_options(n_steps) }
}

fn run(seed: u64, options: Options) -> (Sampler, Vec<Event>) {
    let model = chatter(30);
    let mut sampler = Sampler::new(&[5, 6], model.spec, options, seed).unwrap();
    let events = finish(&mut sampler, &model);
    (sampler, events)
}

#[test]
fn the_same_seed_gives_the_same_run_and_another_seed_another() {
    assert_eq!(run(1, lively_options(6)), run(1, lively_options(6)));
    assert_ne!(run(1, lively_options(6)).1, run(2, lively_options(6)).1);
}

#[test]
fn replayed_events_rebuild_the_final_state() {
    let mut n_images = 0;
    for seed in 0..60 {
        let (sampler, events) = run(seed, lively_options(1 + seed as usize % 9));
        let mut replay = Replay::new();
        events.iter().for_each(|event| replay.apply(event).unwrap());
        let state = sampler.state();
        assert_eq!(replay.elements(), state.sequence.response());
        let times: Vec<f32> = state.images.iter().map(|image| image.t).collect();
        assert_eq!(replay.image_times(), times);
        assert!(replay.end().is_some());
        n_images += times.len();
    }
    assert!(n_images > 60, "too few pictures to show anything: {n_images}");
}

#[test]
fn events_that_do_not_fit_are_refused() {
    let misfits = [
        Event::TextInsert { position: 1, token: 3 },
        Event::TextDelete { position: 0, token: 3 },
        Event::ImageStart { index: 1, position: 0 },
        Event::ImageUpdate { index: 0, t: 0.5 },
        Event::ImageEnd { index: 0 },
    ];
    for event in misfits {
        let error = Replay::new().apply(&event).unwrap_err();
        assert!(error.to_string().contains("does not fit the events before it"), "{error}");
    }
}

#[test]
fn each_picture_takes_n_steps_from_its_appearance_to_exactly_1() {
    for n_steps in [1, 3, 7, 24] {
        let (sampler, events) = run(3, lively_options(n_steps));
        let n_images = sampler.stats().images;
        assert!(n_images > 0);
        for index in 0..n_images {
            let times: Vec<f32> = events
                .iter()
                .filter_map(|event| match *event {
                    Event::ImageUpdate { index: other, t } if other == index => Some(t),
                    _ => None,
                })
                .collect();
            let expected: Vec<f32> = (1..=n_steps).map(|step| step as f32 / n_steps as f32).collect();
            assert_eq!(times, expected);
            let at = |wanted: &Event| events.iter().position(|event| event == wanted);
            let end = at(&Event::ImageEnd { index }).unwrap();
            assert_eq!(events[end - 1], Event::ImageUpdate { index, t: 1.0 });
        }
    }
}

#[test]
fn a_run_lasts_at_most_twice_n_steps_and_its_rounds() {
    for seed in 0..40 {
        let options = lively_options(1 + seed as usize % 7);
        let n_steps = options.n_steps;
        let (sampler, events) = run(seed, options);
        let stats = sampler.stats();
        assert!(stats.steps <= 2 * n_steps + stats.rounds, "{stats:?}");
        let steps: Vec<(usize, f32, Phase)> = events
            .iter()
            .filter_map(|event| match *event {
                Event::StepEnd { step, t_text, phase } => Some((step, t_text, phase)),
                _ => None,
            })
            .collect();
        assert_eq!(steps.len(), stats.steps);
        for (i, &(step, t_text, phase)) in steps.iter().enumerate() {
            assert_eq!(step, i + 1);
            assert_eq!(t_text, step.min(n_steps) as f32 / n_steps as f32);
            assert_eq!(phase == Phase::Scheduled, i < n_steps);
        }
        assert!(steps.is_sorted_by_key(|&(_, _, phase)| phase == Phase::Painting), "text went on after its end");
    }
}

#[test]
fn pictures_are_painted_on_while_completion_rounds_write() {
    // A picture in the middle of a long text: when the schedule is over, both are unfinished.
    let mut text: Vec<u32> = (3..43).collect();
    text.insert(20, IMAGE);
    let oracle = Oracle { text, target: vec![1.0; 4] };
    let mixed = (0..20).any(|seed| {
        let mut sampler = Sampler::new(&[], oracle.spec(), plain_options(3), seed).unwrap();
        let events = finish(&mut sampler, &oracle);
        assert_eq!(tokens(sampler.state().sequence.response()), oracle.text);
        let steps = events.split_inclusive(|event| matches!(event, Event::StepEnd { .. }));
        let mut completion = steps
            .filter(|step| step.iter().any(|event| matches!(event, Event::StepEnd { phase: Phase::Completion, .. })));
        completion.any(|step| {
            step.iter().any(|event| matches!(event, Event::ImageUpdate { .. }))
                && step.iter().any(|event| matches!(event, Event::TextInsert { .. }))
        })
    });
    assert!(mixed);
}

#[test]
fn pictures_move_before_text_within_a_step() {
    let (_, events) = run(4, lively_options(8));
    for step in events.split_inclusive(|event| matches!(event, Event::StepEnd { .. })) {
        let is_insertion = |event: &Event| matches!(event, Event::TextInsert { .. } | Event::ImageStart { .. });
        let is_move = |event: &Event| matches!(event, Event::ImageUpdate { .. } | Event::ImageEnd { .. });
        let first_insertion = step.iter().position(is_insertion).unwrap_or(step.len());
        assert!(!step[first_insertion..].iter().any(is_move));
        let positions: Vec<usize> = step
            .iter()
            .filter_map(|event| match *event {
                Event::TextInsert { position, .. } | Event::ImageStart { position, .. } => Some(position),
                _ => None,
            })
            .collect();
        assert!(positions.is_sorted_by(|a, b| a > b), "insertions come from right to left: {positions:?}");
    }
}

#[test]
fn begin_and_prompt_end_are_never_inserted_and_limits_hold() {
    for seed in 0..60 {
        let options = Options { max_tokens: 7, max_images: seed as usize % 3, ..lively_options(4) };
        let max_images = options.max_images;
        let (sampler, _) = run(seed, options);
        let stats = sampler.stats();
        assert!(stats.tokens <= 7 && stats.images <= max_images, "{stats:?}");
        let response = sampler.state().sequence.response();
        for element in response {
            if let Element::Token(token) = element {
                assert!(![BEGIN, PROMPT_END, IMAGE].contains(token));
            }
        }
    }
}

/// A model that wants a picture in every slot; how much, its zero probability says.
struct Painter(f32);

impl FlowModel for Painter {
    type Hidden = ();

    async fn predict(&self, state: &State) -> Result<Prediction<()>> {
        let n_slots = state.sequence.n_slots();
        let velocities = vec![Vec::new(); state.images.len()];
        Ok(Prediction {
            zero_prob: vec![self.0; n_slots],
            insertion_rate: vec![1.0; n_slots],
            delete_prob: vec![],
            velocities,
            hidden: (),
        })
    }

    async fn token_logits(&self, _: &(), slots: &[usize]) -> Result<Vec<Vec<f32>>> {
        Ok(vec![vec![0.0, 0.0, 50.0, 1.0]; slots.len()])
    }
}

#[test]
fn where_no_more_pictures_may_come_their_slots_take_words() {
    let inserted = |max_images| {
        let options = Options { max_images, ..plain_options(1) };
        let mut sampler = Sampler::new(&[], spec(1, 0), options, 1).unwrap();
        step(&mut sampler, &Painter(0.0));
        step(&mut sampler, &Painter(0.0));
        tokens(sampler.state().sequence.response())
    };
    assert_eq!(inserted(0), [3, 3, 3]);
    assert_eq!(inserted(1), [3, IMAGE, 3]);
    assert_eq!(inserted(9), [IMAGE, IMAGE, IMAGE]);
}

#[test]
fn the_end_says_whether_a_limit_was_reached() {
    let oracle = Oracle::words(60);
    let reason = |options: Options| {
        let mut sampler = Sampler::new(&[], oracle.spec(), options, 1).unwrap();
        let events = finish(&mut sampler, &oracle);
        assert_eq!(events.iter().filter(|event| matches!(event, Event::End { .. })).count(), 1);
        match events.last() {
            Some(Event::End { reason }) => (*reason, sampler.stats()),
            other => panic!("the last event is {other:?}"),
        }
    };
    let (end, stats) = reason(plain_options(4));
    assert_eq!((end, stats.tokens), (EndReason::Complete, 60));
    let (end, stats) = reason(Options { max_rounds: 2, ..plain_options(4) });
    assert_eq!((end, stats.rounds, stats.steps), (EndReason::MaxRounds, 2, 6));
    let (end, stats) = reason(Options { max_rounds: 0, ..plain_options(4) });
    assert_eq!((end, stats.rounds, stats.steps), (EndReason::MaxRounds, 0, 4));
    let (end, stats) = reason(Options { max_tokens: 25, ..plain_options(4) });
    assert_eq!((end, stats.tokens), (EndReason::MaxTokens, 25));
}

#[test]
fn after_the_end_a_step_says_so_without_running_the_model() {
    let model = Counted::new(Oracle::words(5));
    let mut sampler = Sampler::new(&[], model.model.spec(), plain_options(3), 1).unwrap();
    finish(&mut sampler, &model);
    let forwards = model.forwards.get();
    assert_eq!(forwards, sampler.stats().steps, "one forward serves a step");
    let before = sampler.clone();
    assert_eq!(step(&mut sampler, &model), [Event::End { reason: EndReason::Complete }]);
    assert_eq!(sampler, before);
    assert_eq!(model.forwards.get(), forwards);
}

/// Reference, section 3.4: rounds that open slots by a draw insert wherever the gate is wrong.
#[test]
fn a_threshold_opens_where_something_is_likely_missing_and_draws_nothing() {
    let mut rng = Rng::new(1);
    let before = rng.clone();
    let zero_prob = [0.1, 0.49, 0.5, 0.9];
    assert_eq!(fired_slots(&zero_prob, &[1.0; 4], Opening::Threshold(0.5), &mut rng), [0, 1]);
    assert!(fired_slots(&zero_prob, &[1.0; 4], Opening::Threshold(0.0), &mut rng).is_empty());
    assert_eq!(rng, before);
}

#[test]
fn a_round_opens_a_slot_by_a_draw_or_by_a_threshold() {
    let n = 4000;
    let opened = |slot_opening| {
        let first_round = |seed| {
            let options = Options { slot_opening, ..plain_options(1) };
            let mut sampler = Sampler::new(&[], spec(1, 0), options, seed).unwrap();
            step(&mut sampler, &Painter(1.0));
            step(&mut sampler, &Painter(0.7));
            sampler.stats().images
        };
        (0..n).map(first_round).sum::<usize>() as f64 / n as f64
    };
    let share = opened(SlotOpening::Draw);
    assert!((share - 0.3).abs() < 5.0 * share_error(0.3, n as usize), "{share}");
    assert_eq!(opened(SlotOpening::Threshold(0.7)), 0.0);
    assert_eq!(opened(SlotOpening::Threshold(0.71)), 1.0);
}

/// Algorithm 2 with its rate clamped: P(fire) = (1 - π)·min(1, r·λ), and not min(1, r·(1 - π)·λ).
#[test]
fn a_slot_fires_with_the_gate_times_the_clamped_rate() {
    let (zero_prob, rate) = ([0.5, 0.25, 0.0, 0.9, 1.0], [3.0, 1.5, 2.0, 1.0, 9.0]);
    let arrival_prob = 0.5;
    let opening = Opening::Arrival { arrival_prob, close_threshold: 1.0 };
    let n = 20_000;
    let mut counts = [0; 5];
    let mut rng = Rng::new(2);
    for _ in 0..n {
        fired_slots(&zero_prob, &rate, opening, &mut rng).into_iter().for_each(|slot| counts[slot] += 1);
    }
    for slot in 0..5 {
        let p = f64::from((1.0 - zero_prob[slot]) * (arrival_prob * rate[slot]).min(1.0));
        let share = f64::from(counts[slot]) / f64::from(n);
        assert!((share - p).abs() <= 5.0 * share_error(p, n as usize), "slot {slot}: {share} of {p}");
    }
}

#[test]
fn a_closed_slot_never_opens_but_draws_as_others_do() {
    let zero_prob = [0.7, 0.2, 0.7, 0.2];
    let opening = |close_threshold| Opening::Arrival { arrival_prob: 1.0, close_threshold };
    let (mut rng, mut other) = (Rng::new(3), Rng::new(3));
    let mut n_left_out = 0;
    for _ in 0..50 {
        let all = fired_slots(&zero_prob, &[1.0; 4], opening(1.0), &mut rng);
        let likely = fired_slots(&zero_prob, &[1.0; 4], opening(0.5), &mut other);
        assert_eq!(likely, all.iter().copied().filter(|slot| slot % 2 == 1).collect::<Vec<_>>());
        n_left_out += all.len() - likely.len();
    }
    assert_eq!(rng, other);
    assert!(n_left_out > 0);
}

#[test]
fn what_stays_below_a_limit_is_drawn_evenly() {
    let fired: Vec<Insertion> =
        (0..10).map(|slot| Insertion { slot, token: if slot % 5 == 0 { IMAGE } else { 7 } }).collect();
    let mut rng = Rng::new(4);
    let mut counts = [0; 10];
    let n = 8000;
    for _ in 0..n {
        let left = limit(fired.clone(), Room { tokens: 3, images: 1 }, IMAGE, &mut rng);
        assert_eq!(left.iter().filter(|insertion| insertion.token == IMAGE).count(), 1);
        assert_eq!(left.len(), 4);
        left.iter().for_each(|insertion| counts[insertion.slot] += 1);
    }
    for (slot, &count) in counts.iter().enumerate() {
        let p = if slot % 5 == 0 { 0.5 } else { 3.0 / 8.0 };
        let share = f64::from(count) / f64::from(n);
        assert!((share - p).abs() < 5.0 * share_error(p, n as usize), "slot {slot}: {share} of {p}");
    }
    let before = rng.clone();
    assert_eq!(limit(fired.clone(), Room { tokens: 8, images: 2 }, IMAGE, &mut rng), fired);
    assert_eq!(rng, before, "where there is room for all, nothing is drawn");
}

#[test]
fn a_token_is_drawn_from_the_tempered_softmax() {
    let logits = [0.0f32, 1.0, 2.0, 0.5];
    for temperature in [0.5, 1.0, 2.0] {
        let weights = logits.map(|x| f64::from(x / temperature).exp());
        let allowed = [0, 1, 3];
        let total: f64 = allowed.iter().map(|&token| weights[token]).sum();
        let mut counts = [0; 4];
        let n = 20_000;
        let mut rng = Rng::new(5);
        for _ in 0..n {
            counts[draw_token(&logits, &[2], temperature, 1.0, &mut rng) as usize] += 1;
        }
        assert_eq!(counts[2], 0, "a banned token was drawn");
        for token in allowed {
            let (p, share) = (weights[token] / total, f64::from(counts[token]) / f64::from(n));
            assert!((share - p).abs() < 5.0 * share_error(p, n as usize), "token {token}: {share} of {p}");
        }
    }
}

#[test]
fn top_p_keeps_the_fewest_tokens_that_have_the_share() {
    let logits = [0.1f32, 0.4, 0.3, 0.2].map(f32::ln);
    let drawn = |top_p| {
        let mut rng = Rng::new(6);
        let mut seen: Vec<u32> = (0..2000).map(|_| draw_token(&logits, &[], 1.0, top_p, &mut rng)).collect();
        seen.sort_unstable();
        seen.dedup();
        seen
    };
    assert_eq!(drawn(0.01), [1]);
    assert_eq!(drawn(0.39), [1]);
    assert_eq!(drawn(0.41), [1, 2]);
    assert_eq!(drawn(0.75), [1, 2, 3]);
    assert_eq!(drawn(1.0), [0, 1, 2, 3]);
    let mut rng = Rng::new(7);
    let mut other = rng.clone();
    draw_token(&logits, &[], 1.0, 0.5, &mut rng);
    other.uniform();
    assert_eq!(rng, other, "a token takes one uniform number");
}

/// Low numbers belong to low ids, so that two logits that change places change few draws.
#[test]
fn numbers_are_given_to_tokens_in_the_order_of_their_ids() {
    let logits = [0.2f32, 0.3, 0.4, 0.1].map(f32::ln);
    for top_p in [0.9, 1.0] {
        let mut rng = Rng::new(8);
        let mut draws: Vec<(f32, u32)> =
            (0..500).map(|_| (rng.clone().uniform(), draw_token(&logits, &[], 1.0, top_p, &mut rng))).collect();
        draws.sort_by(|a, b| a.0.total_cmp(&b.0));
        assert!(draws.is_sorted_by_key(|&(_, token)| token), "with top_p {top_p}");
    }
}

#[test]
fn another_branch_shares_the_past_and_not_the_future() {
    let model = chatter(30);
    let mut sampler = Sampler::new(&[], model.spec, lively_options(8), 1).unwrap();
    for _ in 0..3 {
        step(&mut sampler, &model);
    }
    let mut branch = sampler.clone();
    branch.reseed(99);
    assert_eq!(branch.state(), sampler.state());
    assert_eq!(branch.seed(), 99);
    assert_ne!(finish(&mut branch, &model), finish(&mut sampler, &model));
}

#[test]
fn options_out_of_range_are_named() {
    let good = Options::default();
    good.validate().unwrap();
    let bad = [
        (Options { n_steps: 0, ..good.clone() }, "option `n_steps` is 0; expected a number from 1 to 200"),
        (Options { n_steps: 201, ..good.clone() }, "option `n_steps` is 201; expected a number from 1 to 200"),
        (Options { temperature: 0.0, ..good.clone() }, "option `temperature` is 0; expected a number from 0.01 to 10"),
        (
            Options { temperature: f32::NAN, ..good.clone() },
            "option `temperature` is NaN; expected a number from 0.01 to 10",
        ),
        (Options { top_p: 1.5, ..good.clone() }, "option `top_p` is 1.5; expected a number above 0, at most 1"),
        (Options { top_p: 0.0, ..good.clone() }, "option `top_p` is 0; expected a number above 0, at most 1"),
        (
            Options { text_guidance: -1.0, ..good.clone() },
            "option `text_guidance` is -1; expected a number from 0 to 20",
        ),
        (
            Options { image_guidance: 21.0, ..good.clone() },
            "option `image_guidance` is 21; expected a number from 0 to 20",
        ),
        (Options { max_tokens: 0, ..good.clone() }, "option `max_tokens` is 0; expected a number from 1 to 4096"),
        (Options { max_images: 65, ..good.clone() }, "option `max_images` is 65; expected a number from 0 to 64"),
        (
            Options { schedule: Schedule::Power(0.0), ..good.clone() },
            "option `schedule` is 0; expected a number from 0.1 to 10",
        ),
        (
            Options { close_threshold: 1.1, ..good.clone() },
            "option `close_threshold` is 1.1; expected a number from 0 to 1",
        ),
        (
            Options { slot_opening: SlotOpening::Threshold(-0.1), ..good.clone() },
            "option `slot_opening` is -0.1; expected a number from 0 to 1",
        ),
        (Options { max_rounds: 201, ..good.clone() }, "option `max_rounds` is 201; expected a number from 0 to 200"),
    ];
    for (options, message) in bad {
        let error = Sampler::new(&[], spec(3, 0), options, 1).unwrap_err();
        assert_eq!(error.code(), "invalid-option");
        assert_eq!(error.to_string(), message);
    }
}

#[test]
fn a_prompt_of_special_or_unknown_tokens_is_refused() {
    for token in [BEGIN, PROMPT_END, IMAGE, 12, u32::MAX] {
        let error = Sampler::new(&[4, token], spec(9, 0), Options::default(), 1).unwrap_err();
        assert_eq!(error.code(), "invalid-prompt");
    }
    let sampler = Sampler::new(&[4, 11], spec(9, 0), Options::default(), 1).unwrap();
    assert_eq!(tokens(&sampler.state().sequence.elements), [BEGIN, 4, 11, PROMPT_END]);
    assert_eq!(sampler.state().sequence.n_prompt, 4);
}

/// A model whose answers can be spoilt.
struct Spoilt {
    model: Chatter,
    spoil: fn(&mut Prediction<State>, &mut Vec<Vec<f32>>),
}

impl FlowModel for Spoilt {
    type Hidden = State;

    async fn predict(&self, state: &State) -> Result<Prediction<State>> {
        let mut prediction = self.model.predict(state).await?;
        (self.spoil)(&mut prediction, &mut Vec::new());
        Ok(prediction)
    }

    async fn token_logits(&self, hidden: &State, slots: &[usize]) -> Result<Vec<Vec<f32>>> {
        let mut logits = self.model.token_logits(hidden, slots).await?;
        let mut unused = self.model.predict(hidden).await?;
        (self.spoil)(&mut unused, &mut logits);
        Ok(logits)
    }
}

#[test]
fn an_answer_that_does_not_fit_is_an_error_and_leaves_the_run_where_it_was() {
    type Spoil = fn(&mut Prediction<State>, &mut Vec<Vec<f32>>);
    let spoils: [(Spoil, &str); 8] = [
        (|p, _| p.zero_prob.push(0.5), "zero probabilities, expected"),
        (|p, _| p.insertion_rate.push(1.0), "insertion rates, expected"),
        (|p, _| p.velocities.clear(), "velocities, expected"),
        (|p, _| p.velocities.iter_mut().for_each(|v| v.truncate(1)), "values of a velocity, expected"),
        (|p, _| p.velocities.iter_mut().flatten().for_each(|v| *v = f32::NAN), "a velocity that is not finite"),
        (|p, _| p.zero_prob[0] = f32::NAN, "a zero probability that is not finite"),
        (|_, l| l.iter_mut().for_each(|l| l.push(0.0)), "token logits, expected"),
        (|_, l| l.iter_mut().for_each(|l| l[4] = f32::INFINITY), "a token logit that is not finite"),
    ];
    for (spoil, message) in spoils {
        let model = chatter(30);
        let spoilt = Spoilt { model: chatter(30), spoil };
        let mut sampler = Sampler::new(&[], model.spec, lively_options(8), 3).unwrap();
        // Until there is something to spoil, the spoilt model is a good one.
        let (before, error) = loop {
            let before = sampler.clone();
            assert!(!sampler.is_done(), "no error about {message}");
            if let Err(error) = block_on(sampler.step(&spoilt)) {
                break (before, error);
            }
        };
        assert!(matches!(error, Error::Internal { .. }));
        assert!(error.to_string().contains(message), "{error}");
        assert_eq!(sampler, before);
        finish(&mut sampler, &model);
    }
}

/// A model that answers the first question and never the second.
struct Silent(Chatter);

impl FlowModel for Silent {
    type Hidden = State;

    async fn predict(&self, state: &State) -> Result<Prediction<State>> {
        self.0.predict(state).await
    }

    async fn token_logits(&self, _: &State, _: &[usize]) -> Result<Vec<Vec<f32>>> {
        std::future::pending().await
    }
}

#[test]
fn a_step_that_is_dropped_halfway_changes_nothing() {
    use std::task::{Context, Waker};
    let model = Silent(chatter(30));
    let mut sampler = Sampler::new(&[], model.0.spec, lively_options(1), 3).unwrap();
    let before = sampler.clone();
    {
        let mut future = std::pin::pin!(sampler.step(&model));
        assert!(future.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending());
    }
    assert_eq!(sampler, before);
}
