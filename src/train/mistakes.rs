//! Tokens that do not belong, for the delete head to learn from: what a sampler does that inserts
//! into many slots at once. Two slots begin the same phrase, or a phrase of another sentence gets in
//! between.

use super::source::Clean;
use crate::flow::noising::{Extra, Noised};
use crate::flow::rng::Rng;
use crate::flow::sequence::Element;

/// Runs of wrong tokens in a document, at most.
const MAX_RUNS: usize = 3;
/// Share of runs that are a copy of the document's own words; the others come from `other`.
const COPIED_SHARE: f32 = 0.5;
/// How far from its original a copy lands at most, in tokens.
const MAX_DISTANCE: usize = 8;
/// Chance that a run goes on after each of its tokens.
const GOES_ON: f32 = 0.6;
/// Longest run.
const MAX_LEN: usize = 16;

/// Draws the runs of one document, at most one a slot, ordered by slot.
pub fn draw(clean: &Clean, other: &Clean, noised: &Noised, rng: &mut Rng) -> Vec<Extra> {
    let (own, foreign) = (tokens(clean), tokens(other));
    let mut extras: Vec<Extra> = Vec::new();
    for _ in 0..1 + rng.below(MAX_RUNS) {
        let slot = rng.below(noised.bags.len());
        let mut len = 1;
        while len < MAX_LEN && rng.bernoulli(GOES_ON) {
            len += 1;
        }
        let copied = rng.bernoulli(COPIED_SHARE);
        let (from, near) = if copied { (&own, Some(place(noised, slot))) } else { (&foreign, None) };
        let extra = run(from, near, len, rng).map(|tokens| Extra { slot, tokens }.settled(noised));
        let is_free = |extra: &Extra| extras.iter().all(|other| other.slot != extra.slot) && extra.is_wrong(noised);
        extras.extend(extra.filter(is_free));
    }
    extras.sort_unstable_by_key(|extra| extra.slot);
    extras
}

/// `len` tokens of `from`, or those that are left from a drawn place on: near the share `near` of
/// the text, or anywhere.
fn run(from: &[u32], near: Option<f32>, len: usize, rng: &mut Rng) -> Option<Vec<u32>> {
    let last = from.len().checked_sub(1)?;
    let start = match near {
        Some(share) => {
            let middle = (share * last as f32) as usize + MAX_DISTANCE;
            (middle + rng.below(2 * MAX_DISTANCE + 1)).saturating_sub(2 * MAX_DISTANCE).min(last)
        }
        None => rng.below(from.len()),
    };
    Some(from[start..from.len().min(start + len)].to_vec())
}

/// How much of the text stands before a slot, in [0, 1]: missing tokens count.
fn place(noised: &Noised, slot: usize) -> f32 {
    let all: Vec<usize> = noised.bags.iter().map(|bag| 1 + bag.tokens.len()).collect();
    all[..slot].iter().sum::<usize>() as f32 / all.iter().sum::<usize>().max(1) as f32
}

fn tokens(clean: &Clean) -> Vec<u32> {
    let token = |element: &Element| match *element {
        Element::Token(token) => Some(token),
        Element::Image(_) => None,
    };
    clean.sequence.response().iter().filter_map(token).collect()
}
