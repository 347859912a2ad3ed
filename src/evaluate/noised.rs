//! Noised documents of a stream that a model does not learn from: the losses of training, and whether
//! its heads mean what they say. No gradients.

use serde::Serialize;

use super::asked::{DIAL, World};
use super::parallel::each;
use crate::data::cards::Cards;
use crate::data::mix::{Selection, Storyworld};
use crate::data::{Documents, Stream};
use crate::error::{Error, Result};
use crate::model::Model;
use crate::model::oneflow::{sigmoid, softplus};
use crate::ops::burn::BurnOps;
use crate::ops::{Ops, ready};
use crate::train::batch::{Batch, pool};
use crate::train::config::TrainConfig;
use crate::train::loss::{image_loss, text_losses};
use crate::train::source::Source;

/// The noise is that of the committed training configuration.
const CONFIG: &str = include_str!("../../configs/storyworld-nano.json");
/// Documents that go through the network together.
const BATCH: usize = 16;

/// The terms of the loss, as `oneflow train` logs them, with the noise of
/// `configs/storyworld-nano.json`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct Losses {
    /// Documents.
    pub documents: usize,
    /// Noised pictures in them.
    pub noised_pictures: usize,
    /// Cross-entropy of the missing tokens, nats an element of the clean text.
    pub tokens: f64,
    /// Cross-entropy of the gate, nats an element of the clean text.
    pub gate: f64,
    /// Poisson term of the rates, an element of the clean text; negative where rates are high.
    pub poisson: f64,
    /// Squared error of the velocity, a value of a noised picture.
    pub image: f64,
}

/// Whether the heads of the slots mean what they say.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Calibration {
    /// Slots.
    pub slots: usize,
    /// π against the share of slots in which nothing is missing.
    pub zero_prob: Reliability,
    /// λ against the mean number of missing elements, over slots that lack any.
    pub insertion_rate: Reliability,
}

/// What was said against what was so.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Reliability {
    /// Mean of |predicted - observed| over the bins, each by its number of slots. For π this is the
    /// expected calibration error.
    pub expected_error: f64,
    /// Bins that hold a slot.
    pub bins: Vec<Bin>,
}

/// Slots of which about the same was said.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct Bin {
    /// The lower end of the bin.
    pub from: f64,
    /// Slots in it.
    pub slots: usize,
    /// Mean of what was said.
    pub predicted: f64,
    /// Mean of what was so.
    pub observed: f64,
}

/// Where bins of π begin.
const ZERO_PROB_BINS: [f64; 10] = [0.0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9];
/// Where bins of λ begin.
const RATE_BINS: [f64; 11] = [1.0, 1.25, 1.5, 2.0, 3.0, 4.0, 6.0, 8.0, 12.0, 16.0, 24.0];

/// What the heads said of a slot, and what was missing from it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Slot {
    /// π.
    pub zero_prob: f64,
    /// λ.
    pub insertion_rate: f64,
    /// Missing elements.
    pub missing: f64,
}

/// Losses and calibration over `n` documents, rounded up to whole batches of 16; `seed` chooses the
/// documents and their noise.
///
/// # Errors
///
/// Those of the documents; [`Error::Model`] if the tokenizer lacks a special token.
pub fn measure(
    model: &Model<BurnOps>,
    world: World,
    stream: Stream,
    (n, seed): (usize, u64),
    n_threads: usize,
) -> Result<(Losses, Calibration)> {
    let broken = |error: serde_json::Error| Error::Internal { reason: format!("the committed configuration: {error}") };
    let mut config: TrainConfig = serde_json::from_str(CONFIG).map_err(broken)?;
    config.model = model.config.clone();
    (config.batch_size, config.n_shards, config.pool_steps) = (BATCH, 1, n.div_ceil(BATCH));
    config.seed = seed;
    let documents: Box<dyn Documents> = match world {
        World::Cards => Box::new(Cards(stream)),
        World::Storyworld => Box::new(Storyworld::new(stream, DIAL, Selection::default())?),
    };
    let (tokenizer, codec) = (model.tokenizer.clone(), model.codec.clone());
    let source = Source::new(documents, tokenizer, codec, model.preconditioner().clone(), config.max_rows)?;
    let batches: Vec<Batch> = pool(&config, &source, seed as usize)?.into_iter().flatten().collect();
    let results = each(batches.len(), n_threads, || (), |i| run(model, &batches[i]))?;
    let mut losses = Losses::default();
    let mut slots = Vec::new();
    for (batch, (terms, said)) in batches.iter().zip(results) {
        let (documents, pictures) = (batch.input.batch, batch.targets.n_noised);
        losses.documents += documents;
        losses.noised_pictures += pictures;
        losses.tokens += terms[0] * documents as f64;
        losses.gate += terms[1] * documents as f64;
        losses.poisson += terms[2] * documents as f64;
        losses.image += terms[3] * pictures as f64;
        slots.extend(said);
    }
    for term in [&mut losses.tokens, &mut losses.gate, &mut losses.poisson] {
        *term /= losses.documents.max(1) as f64;
    }
    losses.image /= losses.noised_pictures.max(1) as f64;
    Ok((losses, calibration(&slots)))
}

/// The terms on one batch, and what was said of its slots.
fn run(model: &Model<BurnOps>, batch: &Batch) -> Result<([f64; 4], Vec<Slot>)> {
    let (network, ops, targets) = (model.network(), model.ops(), &batch.targets);
    let hidden = network.forward(ops, &batch.input);
    let heads = network.gate(ops, &hidden.slots);
    let n = targets.counts.len();
    let column = |i: usize| heads.clone().slice([0..n, i..i + 1]).reshape([n]);
    let with_bag = (!targets.bag_slots.is_empty()).then(|| ops.select(&hidden.slots, &targets.bag_slots));
    let logits = with_bag.map(|slots| network.token_logits(ops, &slots));
    let text = text_losses(ops, column(0), column(1), logits, targets);
    let image = match hidden.images {
        Some(output) if targets.n_noised > 0 => image_loss(ops, output, targets).into_scalar::<f32>(),
        _ => 0.0,
    };
    let terms = [text.tokens.into_scalar(), text.gate.into_scalar(), text.poisson.into_scalar(), image];
    let said = ready(ops.download(&heads))?;
    let slots = said.chunks_exact(2).zip(&targets.counts).map(|(head, &missing)| Slot {
        zero_prob: f64::from(sigmoid(head[0])),
        insertion_rate: f64::from(1.0 + softplus(head[1])),
        missing: f64::from(missing),
    });
    Ok((terms.map(f64::from), slots.collect()))
}

/// Puts slots into bins by what was said of them.
pub fn calibration(slots: &[Slot]) -> Calibration {
    let gate = slots.iter().map(|slot| (slot.zero_prob, f64::from(u8::from(slot.missing == 0.0))));
    let rate = slots.iter().filter(|slot| slot.missing > 0.0).map(|slot| (slot.insertion_rate, slot.missing));
    Calibration {
        slots: slots.len(),
        zero_prob: reliability(gate, &ZERO_PROB_BINS),
        insertion_rate: reliability(rate, &RATE_BINS),
    }
}

fn reliability(pairs: impl Iterator<Item = (f64, f64)>, starts: &[f64]) -> Reliability {
    let mut bins: Vec<Bin> = starts.iter().map(|&from| Bin { from, ..Bin::default() }).collect();
    for (predicted, observed) in pairs {
        let bin = &mut bins[starts.partition_point(|&from| from <= predicted).saturating_sub(1)];
        bin.slots += 1;
        bin.predicted += predicted;
        bin.observed += observed;
    }
    bins.retain(|bin| bin.slots > 0);
    for bin in &mut bins {
        bin.predicted /= bin.slots as f64;
        bin.observed /= bin.slots as f64;
    }
    let n: usize = bins.iter().map(|bin| bin.slots).sum();
    let error: f64 = bins.iter().map(|bin| bin.slots as f64 * (bin.predicted - bin.observed).abs()).sum();
    Reliability { expected_error: error / n.max(1) as f64, bins }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::flow::rng::Rng;

    /// Slots whose counts follow the laws that the heads name, or, twisted, another one.
    fn drawn(twist: f64) -> Calibration {
        let mut rng = Rng::new(1);
        let slot = |_| {
            let zero_prob = rng.uniform_f64();
            // One, or three, so that the mean is λ.
            let insertion_rate = 1.0 + 2.0 * rng.uniform_f64();
            let is_zero = rng.uniform_f64() < zero_prob.powf(twist);
            let count = if rng.uniform_f64() < (insertion_rate - 1.0) / 2.0 { 3.0 } else { 1.0 };
            Slot { zero_prob, insertion_rate, missing: if is_zero { 0.0 } else { count * twist } }
        };
        calibration(&(0..40_000).map(slot).collect::<Vec<Slot>>())
    }

    #[test]
    fn heads_that_name_the_law_are_calibrated_and_others_are_not() {
        let sound = drawn(1.0);
        // Of 4,000 slots in a bin, a share is off by 0.008 (one standard error) at most.
        assert!(sound.zero_prob.expected_error < 0.015, "{sound:?}");
        assert!(sound.insertion_rate.expected_error < 0.05, "{sound:?}");
        assert_eq!(sound.zero_prob.bins.iter().map(|bin| bin.slots).sum::<usize>(), 40_000);
        let twisted = drawn(2.0);
        assert!(twisted.zero_prob.expected_error > 0.1, "{twisted:?}");
        assert!(twisted.insertion_rate.expected_error > 1.0, "{twisted:?}");
    }
}
