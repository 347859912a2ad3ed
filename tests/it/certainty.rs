//! Slots that are unsure of what they lack wait, and in late rounds do not open.

use oneflow_web::Result;
use oneflow_web::sample::{
    EndReason, Event, FlowModel, Insertion, Options, Prediction, Sampler, SlotOpening, Spec, State, certainty,
    keep_certain,
};

use crate::support::finish;

fn close(found: f32, expected: f32) {
    // Four exponentials and a sum in f32.
    assert!((found - expected).abs() < 1e-5, "{found} {expected}");
}

#[test]
fn a_bag_of_known_tokens_is_sure_and_twice_as_many_are_half_as_sure() {
    const NO: f32 = -1e9;
    close(certainty(0.0, 2.0, &[0.0, 0.0, NO, NO]), 1.0);
    close(certainty(0.0, 2.0, &[0.0, 0.0, 0.0, 0.0]), 0.5);
    close(certainty(0.25, 1.0, &[0.0, NO, NO, NO]), 0.75);
}

#[test]
fn the_unsure_wait_and_the_surest_goes_where_all_are_unsure() {
    let fired = |sure: [f32; 3]| (0..3).map(|slot| (Insertion { slot, token: 7 }, sure[slot])).collect::<Vec<_>>();
    let kept = |sure, least| keep_certain(fired(sure), least).iter().map(|i| i.slot).collect::<Vec<usize>>();
    assert_eq!(kept([0.9, 0.2, 0.8], 0.5), [0, 2]);
    assert_eq!(kept([0.1, 0.4, 0.3], 0.5), [1]);
    assert_eq!(kept([0.2, 0.4, 0.4], 0.5), [1]);
    assert!(keep_certain(Vec::new(), 0.5).is_empty());
}

/// A model that finds the same zero probability in every slot, whatever stands there.
struct Unmoved(f32);

impl FlowModel for Unmoved {
    type Hidden = ();

    async fn predict(&self, state: &State) -> Result<Prediction<()>> {
        let n_slots = state.sequence.n_slots();
        let (zero_prob, insertion_rate) = (vec![self.0; n_slots], vec![1.0; n_slots]);
        Ok(Prediction { zero_prob, insertion_rate, delete_prob: vec![], velocities: vec![], hidden: () })
    }

    async fn token_logits(&self, _: &(), slots: &[usize]) -> Result<Vec<Vec<f32>>> {
        Ok(vec![vec![0.0, 0.0, 0.0, 9.0]; slots.len()])
    }
}

#[test]
fn in_the_last_quarter_of_the_rounds_a_slot_opens_below_one_half_only() {
    let spec = Spec { begin: 0, prompt_end: 1, image: 2, vocab_size: 4, latent_len: 0 };
    let ended = |zero_prob: f32| {
        let slot_opening = SlotOpening::Threshold(0.9);
        let options = Options { n_steps: 1, max_rounds: 4, max_images: 0, slot_opening, ..Options::default() };
        let mut sampler = Sampler::new(&[], spec, options, 1).unwrap();
        let events = finish(&mut sampler, &Unmoved(zero_prob));
        (events.last().cloned(), sampler.stats().rounds)
    };
    // Three rounds open it, the fourth is late and finds nothing to do.
    assert_eq!(ended(0.7), (Some(Event::End { reason: EndReason::Complete }), 4));
    assert_eq!(ended(0.4), (Some(Event::End { reason: EndReason::MaxRounds }), 4));
}
