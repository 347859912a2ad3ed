//! What one model says otherwise than another of the same shape: on noised documents, and in
//! stories of equal seeds.

use serde::Serialize;

use super::quantize::Files;
use super::source::Source;
use crate::data::Documents;
use crate::error::Result;
use crate::flow::image::ImageState;
use crate::flow::noising::{Corruption, noise_at};
use crate::flow::path;
use crate::flow::rng::Rng;
use crate::flow::schedule::Schedule;
use crate::flow::sequence::Element;
use crate::flow::times;
use crate::model::Model;
use crate::ops::burn::BurnOps;
use crate::ops::ready;
use crate::sample::{FlowModel, Sampler, State, log_softmax};

/// The generator of the noise, apart from those of training.
const SEED: u64 = 0x9e0b;

/// Noised documents to ask models about.
pub struct Probe {
    states: Vec<State>,
}

/// How much a model's answers differ, over all slots and unfinished pictures of a probe.
#[derive(Clone, Copy, Debug, Default, Serialize)]
pub struct Change {
    /// Slots.
    pub slots: usize,
    /// Mean of |Δπ|.
    pub gate: f64,
    /// Largest |Δπ|.
    pub gate_max: f64,
    /// Mean of |Δλ| / λ.
    pub rate: f64,
    /// Probability that a slot's draw is another at equal uniform numbers, dealt out as favourably
    /// as can be: the mean total variation between what the slot draws, nothing with probability
    /// π and token a with (1-π)·Q(a).
    pub draws: f64,
    /// √(Σ Δv² / Σ v²) of the velocities.
    pub velocity: f64,
}

/// Stories that two models tell at equal seeds.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Stories {
    /// How many.
    pub n: usize,
    /// Those that are the same, token by token.
    pub same: usize,
    /// Tokens of the first model's, a picture being one.
    pub tokens: usize,
    /// Insertions, deletions and replacements that turn them into the other's.
    pub changed: usize,
}

/// What a model says of one state.
struct Said {
    zero_prob: Vec<f32>,
    rate: Vec<f32>,
    token_log_probs: Vec<Vec<f32>>,
    velocities: Vec<f32>,
}

/// A model's answers to a probe.
pub struct Answers(Vec<Said>);

impl Probe {
    /// The first `n` of `documents`, for models with the tokenizer and codec of `files`, each under
    /// the noise of an interleaved document at a time of its own.
    ///
    /// # Errors
    ///
    /// Those of the documents and of the files.
    pub fn new(files: &Files, documents: Box<dyn Documents>, n: usize) -> Result<Probe> {
        let (_, source) = Source::of_model(files, documents)?;
        let state = |i: u64| {
            let clean = source.clean(i)?;
            let mut rng = Rng::stream(SEED, i);
            // From empty to complete, the last fifth with complete text.
            let tau = 1.25 * rng.uniform();
            let mut corruption = Corruption::draw(&clean.sequence, Schedule::Linear, tau, &mut rng);
            corruption.spare(&clean.sequence, &clean.given);
            let noised = noise_at(&clean.sequence, source.image_token(), &corruption.keep, &corruption.image_times);
            let mut image = |source: usize, t: f32| {
                let data = &clean.latents[source];
                let noise: Vec<f32> = data.iter().map(|_| rng.normal()).collect();
                ImageState { latents: path::latents_at(&noise, data, t), t }
            };
            let images = noised.images.iter().map(|noised| image(noised.source, noised.t)).collect();
            Ok(State { sequence: noised.sequence, images, t_text: times::clip(tau) })
        };
        Ok(Probe { states: (0..n as u64).map(state).collect::<Result<_>>()? })
    }

    /// What `model` says.
    ///
    /// # Errors
    ///
    /// Those of the model.
    pub fn ask(&self, model: &Model<BurnOps>) -> Result<Answers> {
        let said = |state: &State| {
            let prediction = ready(model.predict(state))?;
            let slots: Vec<usize> = (0..state.sequence.n_slots()).collect();
            let logits = ready(model.token_logits(&prediction.hidden, &slots))?;
            Ok(Said {
                zero_prob: prediction.zero_prob,
                rate: prediction.insertion_rate,
                token_log_probs: logits.iter().map(|logits| log_softmax(logits)).collect(),
                velocities: prediction.velocities.concat(),
            })
        };
        self.states.iter().map(said).collect::<Result<_>>().map(Answers)
    }
}

impl Answers {
    /// How much `other` differs, an answer to the same probe.
    pub fn change(&self, other: &Answers) -> Change {
        let mut change = Change::default();
        let (mut error, mut whole) = (0.0, 0.0);
        for (a, b) in self.0.iter().zip(&other.0) {
            for slot in 0..a.zero_prob.len() {
                let (pi_a, pi_b) = (f64::from(a.zero_prob[slot]), f64::from(b.zero_prob[slot]));
                let (rate_a, rate_b) = (f64::from(a.rate[slot]), f64::from(b.rate[slot]));
                let gate = (pi_a - pi_b).abs();
                let tokens = a.token_log_probs[slot].iter().zip(&b.token_log_probs[slot]);
                let moved = |(&a, &b): (&f32, &f32)| {
                    ((1.0 - pi_a) * f64::from(a).exp() - (1.0 - pi_b) * f64::from(b).exp()).abs()
                };
                change.slots += 1;
                change.gate += gate;
                change.gate_max = change.gate_max.max(gate);
                change.rate += (rate_a - rate_b).abs() / rate_a;
                change.draws += 0.5 * (gate + tokens.map(moved).sum::<f64>());
            }
            for (&a, &b) in a.velocities.iter().zip(&b.velocities) {
                error += (f64::from(a) - f64::from(b)).powi(2);
                whole += f64::from(a).powi(2);
            }
        }
        let n = change.slots.max(1) as f64;
        (change.gate, change.rate, change.draws) = (change.gate / n, change.rate / n, change.draws / n);
        change.velocity = if whole > 0.0 { (error / whole).sqrt() } else { 0.0 };
        change
    }
}

/// Tells a story of each prompt with both models at their defaults, the seed being its number.
///
/// # Errors
///
/// Those of the models.
pub fn stories(before: &Model<BurnOps>, after: &Model<BurnOps>, prompts: &[String]) -> Result<Stories> {
    let mut found = Stories { n: prompts.len(), same: 0, tokens: 0, changed: 0 };
    for (seed, prompt) in prompts.iter().enumerate() {
        let [a, b] = [response(before, prompt, seed as u64)?, response(after, prompt, seed as u64)?];
        let distance = edit_distance(&a, &b);
        found.same += usize::from(distance == 0);
        found.tokens += a.len();
        found.changed += distance;
    }
    Ok(found)
}

/// The tokens of a story, `None` for a picture.
fn response(model: &Model<BurnOps>, prompt: &str, seed: u64) -> Result<Vec<Option<u32>>> {
    let mut sampler = Sampler::new(&model.prompt_tokens(prompt)?, *model.spec(), model.options(), seed)?;
    while !sampler.is_done() {
        ready(sampler.step(model))?;
    }
    let token = |element: &Element| match *element {
        Element::Token(token) => Some(token),
        Element::Image(_) => None,
    };
    Ok(sampler.state().sequence.response().iter().map(token).collect())
}

/// Levenshtein's distance.
fn edit_distance<T: PartialEq>(a: &[T], b: &[T]) -> usize {
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.iter().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, y) in b.iter().enumerate() {
            let replaced = diagonal + usize::from(x != y);
            diagonal = row[j + 1];
            row[j + 1] = replaced.min(row[j] + 1).min(diagonal + 1);
        }
    }
    row[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn edits_are_counted() {
        for (a, b, expected) in
            [("", "", 0), ("abc", "abc", 0), ("abc", "", 3), ("kitten", "sitting", 3), ("ab", "ba", 2), ("b", "abc", 2)]
        {
            assert_eq!(edit_distance(a.as_bytes(), b.as_bytes()), expected, "{a} {b}");
        }
    }

    #[test]
    fn a_change_is_that_of_gate_and_tokens() {
        let said = |pi: f32, probs: [f32; 2], velocity: f32| Said {
            zero_prob: vec![pi],
            rate: vec![2.0 + pi],
            token_log_probs: vec![probs.iter().map(|p| p.ln()).collect()],
            velocities: vec![velocity, 0.0],
        };
        let before = Answers(vec![said(0.5, [0.5, 0.5], 2.0)]);
        let same = before.change(&Answers(vec![said(0.5, [0.5, 0.5], 2.0)]));
        assert_eq!((same.slots, same.gate, same.draws, same.velocity), (1, 0.0, 0.0, 0.0));
        // Nothing 0.5 to 0.75, tokens 0.25, 0.25 to 0.25, 0: a quarter moves.
        let other = before.change(&Answers(vec![said(0.75, [1.0, 1e-30], 1.0)]));
        let found = [other.gate, other.gate_max, other.rate, other.draws, other.velocity];
        for (found, expected) in found.into_iter().zip([0.25, 0.25, 0.1, 0.25, 0.5]) {
            assert!((found - expected).abs() < 1e-6, "{other:?}");
        }
    }
}
