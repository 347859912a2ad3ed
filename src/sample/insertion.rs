//! Which slots take an element, which element, and putting it there: the text half of Algorithm 2
//! of arXiv:2510.03506v3. And which tokens go again, for models that say so.
//!
//! All slots are decided from one forward, at most one element a slot, and applied from right to
//! left, so that no insertion moves a slot that is still to be served.

use super::event::Event;
use super::model::{Spec, State};
use super::token::log_softmax;
use crate::flow::image::ImageState;
use crate::flow::rng::Rng;
use crate::flow::sequence::Element;

/// What makes a slot take an element.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Opening {
    /// Gate and rate, both by a draw: the gate opens with probability 1 - π, and where it is open
    /// an element arrives with probability min(1, `arrival_prob`·λ). The gate comes first because
    /// min(1, arrival_prob·(1 - π)·λ) would insert too much where it is clamped. A slot whose π is
    /// above `close_threshold` stays closed.
    Arrival {
        /// Probability that one missing element arrives in this step.
        arrival_prob: f32,
        /// In [0, 1]; 1 is off.
        close_threshold: f32,
    },
    /// Every slot whose π is below the threshold.
    Threshold(f32),
}

/// One decision: `token` goes into `slot`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Insertion {
    /// The slot.
    pub slot: usize,
    /// The token, or the image token for a picture.
    pub token: u32,
}

/// One decision: element `position` of the response, which is `token`, goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Deletion {
    /// Which element.
    pub position: usize,
    /// The token.
    pub token: u32,
}

impl Deletion {
    /// Whether it is the element left or right of `slot`.
    pub fn is_beside(self, slot: usize) -> bool {
        self.position == slot || self.position + 1 == slot
    }
}

/// How many more elements may come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Room {
    /// Tokens.
    pub tokens: usize,
    /// Pictures.
    pub images: usize,
}

/// The slots that take an element, from left to right. For [`Opening::Arrival`], draws two uniform
/// numbers for each slot from left to right, gate and rate, both whatever the first one says.
pub fn fired_slots(zero_prob: &[f32], insertion_rate: &[f32], opening: Opening, rng: &mut Rng) -> Vec<usize> {
    let mut fires = |slot: usize| match opening {
        Opening::Arrival { arrival_prob, close_threshold } => {
            let gate = rng.bernoulli(1.0 - zero_prob[slot]);
            let arrives = rng.bernoulli((arrival_prob * insertion_rate[slot]).min(1.0));
            gate && arrives && zero_prob[slot] <= close_threshold
        }
        Opening::Threshold(threshold) => zero_prob[slot] < threshold,
    };
    (0..zero_prob.len()).filter(|&slot| fires(slot)).collect()
}

/// How sure a slot is of what it lacks: `(1 - π) · min(1, λ / exp H(Q))`, in [0, 1]. A slot with
/// `k` known tokens in any order has λ = k and Q uniform over them, so exp H(Q) = k: it is sure.
/// One that could be continued in two ways has twice as many tokens to choose from.
pub fn certainty(zero_prob: f32, insertion_rate: f32, logits: &[f32]) -> f32 {
    let log_probs = log_softmax(logits);
    let entropy: f32 = log_probs.iter().map(|&log_prob| -libm::expf(log_prob) * log_prob).sum();
    (1.0 - zero_prob) * (insertion_rate / libm::expf(entropy)).min(1.0)
}

/// Of insertions with their certainties, those of at least `min_certainty`; or the surest alone,
/// the leftmost of equals, where there is none. Slots decide independently of each other, so two
/// that are unsure may begin two different sentences; one at a time, the second knows the first.
pub fn keep_certain(insertions: Vec<(Insertion, f32)>, min_certainty: f32) -> Vec<Insertion> {
    let highest = insertions.iter().map(|pair| pair.1).fold(0.0, f32::max);
    let least = min_certainty.min(highest);
    let mut kept: Vec<Insertion> = insertions.into_iter().filter(|pair| pair.1 >= least).map(|pair| pair.0).collect();
    if highest < min_certainty {
        kept.truncate(1);
    }
    kept
}

/// Leaves out what there is no room for. Which ones stay is drawn, each with the same chance, so
/// that neither end of the text is preferred: where there are too many tokens, one `below` for
/// each that stays; then the same for pictures.
pub fn limit(insertions: Vec<Insertion>, room: Room, image: u32, rng: &mut Rng) -> Vec<Insertion> {
    let (images, tokens): (Vec<_>, Vec<_>) = insertions.into_iter().partition(|i| i.token == image);
    let mut left = choose(tokens, room.tokens, rng);
    left.extend(choose(images, room.images, rng));
    left.sort_unstable_by_key(|insertion| insertion.slot);
    left
}

fn choose(mut insertions: Vec<Insertion>, n: usize, rng: &mut Rng) -> Vec<Insertion> {
    if insertions.len() > n {
        for i in 0..n {
            let other = i + rng.below(insertions.len() - i);
            insertions.swap(i, other);
        }
        insertions.truncate(n);
    }
    insertions
}

/// The tokens of the response that do not belong with more than `threshold`, from left to right.
/// Pictures stay.
pub fn deletions(state: &State, delete_prob: &[f32], threshold: f32) -> Vec<Deletion> {
    let wrong = |(position, (&element, &prob)): (usize, (&Element, &f32))| match element {
        Element::Token(token) if prob > threshold => Some(Deletion { position, token }),
        _ => None,
    };
    state.sequence.response().iter().zip(delete_prob).enumerate().filter_map(wrong).collect()
}

/// Puts decisions of one forward into a state: at most one insertion a slot, none beside a token
/// that goes; their order does not matter. Draws the noise of each new picture, from right to left.
///
/// # Panics
///
/// If a slot or an element does not exist.
pub fn apply(
    state: &mut State,
    mut insertions: Vec<Insertion>,
    deletions: &[Deletion],
    spec: &Spec,
    rng: &mut Rng,
) -> Vec<Event> {
    insertions.sort_unstable_by_key(|insertion| insertion.slot);
    let mut events = Vec::with_capacity(insertions.len() + deletions.len());
    let mut left = deletions.iter().rev().peekable();
    for &Insertion { slot: position, token } in insertions.iter().rev() {
        while let Some(deletion) = left.next_if(|deletion| deletion.position >= position) {
            events.push(delete(state, *deletion));
        }
        if token == spec.image {
            let index = state.images.len();
            state.images.push(ImageState::from_noise(spec.latent_len, rng));
            state.sequence.insert(position, Element::Image(index));
            events.push(Event::ImageStart { index, position });
        } else {
            state.sequence.insert(position, Element::Token(token));
            events.push(Event::TextInsert { position, token });
        }
    }
    events.extend(left.map(|deletion| delete(state, *deletion)));
    events
}

fn delete(state: &mut State, Deletion { position, token }: Deletion) -> Event {
    state.sequence.remove(position);
    Event::TextDelete { position, token }
}
