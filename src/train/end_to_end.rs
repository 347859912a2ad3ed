//! Training what a model in blocks has besides its whole numbers: the scales, and all that is stored
//! in floats, by the loss itself (end-to-end training of quantisation parameters,
//! arXiv:2407.11062).
//!
//! Rounding makes each product as right as it can be; what is left adds up over the layers, and here
//! it is seen as a whole. A block's weights are its numbers times one scale, so the gradient of the
//! scale is the sum of theirs by the numbers. Text learns from the documents, pictures from what the
//! network before says of them: the noise in a picture, which is most of its loss, is then no noise
//! in the gradient.

use std::collections::BTreeMap;

use burn::tensor::{Device, Tensor, TensorData};
use half::f16;

use super::batch::{Batch, pool};
use super::config::{Optimizer, TrainConfig};
use super::quantize::{Numbers, Storage};
use super::source::Source;
use super::threads::Threads;
use super::trainer::{self, Trainer};
use super::update::Weight;
use crate::error::{Error, Result};
use crate::model::Network;
use crate::model::network::{Init, WeightSpec};
use crate::ops::Ops;
use crate::ops::burn::BurnOps;
use crate::ops::stored::{BlockSpec, Blocks, StoredNumbers};

/// Peak of the learning rate; of a scale in parts of itself, of other weights in parts of their root
/// mean square.
const LEARNING_RATE: f64 = 3e-3;
/// About one over the level of the pictures' loss beside the tokens'.
const IMAGE_WEIGHT: f32 = 30.0;
const WARMUP_STEPS: usize = 10;
const BATCH_SIZE: usize = 32;
/// Pools that are left to what else looks at the documents.
const FIRST_POOL: usize = 64;

/// Trains the weights of a network, which are `numbers` before, stored as `plan` says and as they are
/// `rounded` already, for `n_steps` steps of [`BATCH_SIZE`] documents. `noise` says how these are
/// noised. Gives all of the network's weights as they are stored.
pub fn train(
    noise: &TrainConfig,
    source: &Source,
    numbers: &Numbers,
    plan: &BTreeMap<String, Storage>,
    rounded: &BTreeMap<String, StoredNumbers>,
    n_steps: usize,
) -> Result<BTreeMap<String, StoredNumbers>> {
    let config = TrainConfig {
        optimizer: Optimizer::AdamW,
        weight_decay: 0.0,
        learning_rate: LEARNING_RATE,
        warmup_steps: WARMUP_STEPS,
        final_rate: 0.0,
        n_steps,
        batch_size: BATCH_SIZE,
        n_shards: 2,
        accumulate: 1,
        pool_steps: 16,
        image_weight: IMAGE_WEIGHT,
        ..noise.clone()
    };
    let mut trainer = Trainer::new(&config, &[Device::flex()])?;
    let ops = BurnOps::cpu();
    let missing = |spec: &WeightSpec| Error::Internal { reason: format!("weight `{}` is not stored", spec.name) };
    let before = Network::build(&config.model, |spec| {
        let (_, values) = numbers.get(&spec.name).ok_or_else(|| missing(&spec))?;
        Ok(ops.weight(values.clone(), spec.shape[0]))
    })?;
    let mut weights = Vec::new();
    for (spec, _) in trainer.values() {
        let plain = || plan.get(&spec.name)?.fit(&numbers.get(&spec.name)?.1);
        let stored = rounded.get(&spec.name).cloned().or_else(plain).ok_or_else(|| missing(&spec))?;
        weights.push(Trained::new(&config, spec, stored));
    }
    let threads = Threads::new(config.n_shards)?;
    let mut batches = Vec::new();
    for step in 0..n_steps {
        if batches.is_empty() {
            batches = pool(&config, source, FIRST_POOL + step / config.pool_steps)?;
        }
        let shards = batches.remove(0);
        let places: Vec<usize> = (0..shards.len()).collect();
        let shards = threads.map(&places, shards, |mut shard: Batch| {
            if let Some(images) = before.forward(&ops, &shard.input).images {
                shard.targets.image_targets = trainer::values(&images);
            }
            shard
        });
        trainer = trainer.with_weights(weights.iter().map(Trained::values).collect());
        let gradient = trainer.measure(&shards)?;
        let rate = config.rate(step);
        let pairs = weights.into_iter().zip(gradient.values());
        weights = pairs.map(|(weight, grad)| weight.moved(grad, rate)).collect();
    }
    weights.into_iter().map(|weight| Ok((weight.name.clone(), weight.stored(plan)?))).collect()
}

/// A weight of which some numbers are trained, each `start + unit · θ`.
struct Trained {
    name: String,
    start: Vec<f32>,
    unit: Vec<f32>,
    theta: Weight,
    /// Whole numbers row by row, where the numbers trained are their scales.
    blocks: Option<(BlockSpec, Vec<f32>)>,
}

impl Trained {
    fn new(config: &TrainConfig, spec: WeightSpec, stored: StoredNumbers) -> Trained {
        let (start, unit, blocks) = match stored {
            StoredNumbers::Blocks(blocks) => {
                // The numbers are the weights of the same blocks with scales of 1, which always fit.
                let scales: Vec<f32> = blocks.scales().iter().map(|scale| scale.to_f32()).collect();
                let numbers = Blocks::new(*blocks.spec(), blocks.words().to_vec(), vec![f16::ONE; scales.len()]);
                let numbers = numbers.map(|blocks| blocks.to_f32()).unwrap_or_default();
                (scales.clone(), scales, Some((*blocks.spec(), numbers)))
            }
            floats => {
                let values = floats.into_f32();
                let square = values.iter().map(|value| value * value).sum::<f32>() / values.len().max(1) as f32;
                let unit = vec![square.sqrt(); values.len()];
                (values, unit, None)
            }
        };
        let shape = [1, start.len()];
        let zeros = Tensor::zeros(shape, &Device::flex());
        let theta = Weight::new(config, WeightSpec { name: spec.name.clone(), shape, init: Init::Zeros }, zeros);
        Trained { name: spec.name, start, unit, theta, blocks }
    }

    /// What is trained.
    fn numbers(&self) -> Vec<f32> {
        let theta = trainer::values(&self.theta.value);
        (self.start.iter().zip(&self.unit).zip(theta)).map(|((start, unit), theta)| start + unit * theta).collect()
    }

    /// The weight, row by row.
    fn values(&self) -> Vec<f32> {
        let numbers = self.numbers();
        match &self.blocks {
            None => numbers,
            Some((spec, whole)) => {
                let mut values = whole.clone();
                each(spec, |block, place| values[place] *= numbers[block]);
                values
            }
        }
    }

    /// One step by the gradient of the weight.
    fn moved(mut self, grad: Option<Vec<f32>>, rate: f64) -> Trained {
        let Some(grad) = grad else { return self };
        let mut by_number = match &self.blocks {
            None => grad,
            Some((spec, whole)) => {
                let mut sums = vec![0.0; self.start.len()];
                each(spec, |block, place| sums[block] += whole[place] * grad[place]);
                sums
            }
        };
        by_number.iter_mut().zip(&self.unit).for_each(|(grad, unit)| *grad *= unit);
        let shape = [1, by_number.len()];
        let grad = Tensor::from_data(TensorData::new(by_number, shape), &Device::flex());
        self.theta = self.theta.update(Some(grad), rate, 0.0);
        self
    }

    fn stored(self, plan: &BTreeMap<String, Storage>) -> Result<StoredNumbers> {
        let numbers = self.numbers();
        let stored = match &self.blocks {
            None => plan.get(&self.name).and_then(|storage| storage.fit(&numbers)),
            Some((spec, whole)) => {
                let scales = numbers.into_iter().map(f16::from_f32).collect();
                let mut lines = vec![0; whole.len()];
                let mut at = 0;
                each(spec, |_, place| {
                    lines[at] = whole[place] as i8;
                    at += 1;
                });
                Blocks::pack(*spec, &lines, scales).map(StoredNumbers::Blocks)
            }
        };
        let stored = stored.filter(|stored| stored.first_not_finite().is_none());
        stored.ok_or_else(|| Error::Internal { reason: format!("weight `{}` was trained out of its range", self.name) })
    }
}

/// Block and place, row by row, of each number of a matrix in blocks, line by line.
fn each(spec: &BlockSpec, mut f: impl FnMut(usize, usize)) {
    let (k, n) = spec.sizes();
    for line in 0..n {
        for i in 0..k {
            f((line * k + i) / spec.block, spec.place(line, i));
        }
    }
}
