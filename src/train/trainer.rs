//! The state of a training run and one step of it: loss, gradients, the guard, clipping, and the
//! update of each weight.

use std::path::Path;

use burn::tensor::{Device, Tensor, TensorData};
use serde::{Deserialize, Serialize};

use super::batch::Batch;
use super::config::TrainConfig;
use super::guard::{Guard, poisson_floor};
use super::loss::{self, losses};
use super::state;
use super::threads::Threads;
use super::update::Weight;
use crate::error::{Error, Result};
use crate::flow::rng::Rng;
use crate::model::Network;
use crate::model::network::{Init, WeightSpec};
use crate::ops::burn::BurnOps;

/// Weights with their averages and optimisers, the guard and the step count.
pub struct Trainer {
    pub(super) config: TrainConfig,
    /// Where shards are differentiated, by turns; the weights are updated on the first device.
    ops: Vec<BurnOps>,
    pub(super) weights: Vec<Weight>,
    /// One thread for each shard that is differentiated at a time.
    threads: Threads,
    /// Which thread updates which weight.
    places: Vec<usize>,
    pub(super) guard: Guard,
    pub(super) step: usize,
}

/// The loss of a step.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Terms {
    /// What is minimised.
    pub loss: f32,
    /// The same, less the least that the Poisson term can be; never negative but for rounding.
    pub excess: f32,
    /// Cross-entropy of the missing tokens.
    pub tokens: f32,
    /// Cross-entropy of the gate.
    pub gate: f32,
    /// Poisson term of the rates.
    pub poisson: f32,
    /// Cross-entropy of the delete head; 0 without one.
    #[serde(default)]
    pub deletion: f32,
    /// Error of the velocities.
    pub image: f32,
}

/// What a step reports.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct StepReport {
    /// The step, counted from 1.
    pub step: usize,
    /// Its loss.
    #[serde(flatten)]
    pub terms: Terms,
    /// Norm of the gradient before clipping.
    pub grad_norm: f32,
    /// The learning rate.
    pub learning_rate: f64,
}

/// The loss and the gradient of a step that is not made yet.
pub struct Gradient {
    /// The loss.
    pub terms: Terms,
    /// The gradient's norm.
    pub norm: f32,
    /// Of each shard, the terms one by one.
    pub each: Vec<Each>,
    grads: Vec<Option<Tensor<2>>>,
}

/// The values of [`loss::Each`].
#[derive(Clone, Debug, Default)]
pub struct Each {
    /// Of each slot.
    pub gate: Vec<f32>,
    /// Of each slot.
    pub poisson: Vec<f32>,
    /// Of each missing element.
    pub tokens: Vec<f32>,
    /// Of each picture, padding included.
    pub images: Vec<f32>,
}

impl Trainer {
    /// A run at step 0 with weights drawn from the configuration's seed. The shards of a batch are
    /// differentiated on `devices` by turns; the weights are kept and updated on the first.
    ///
    /// # Errors
    ///
    /// [`Error::Internal`] if the system gives no threads, or there is no device.
    pub fn new(config: &TrainConfig, devices: &[Device]) -> Result<Self> {
        let device = devices.first().ok_or_else(|| Error::Internal { reason: "no device to train on".into() })?;
        let mut rng = Rng::stream(config.seed, u64::MAX);
        let mut before = Vec::new();
        let mut weights = Vec::new();
        Network::build(&config.model, |spec| {
            before = initial(&spec, &before, &mut rng);
            let value = Tensor::from_data(TensorData::new(before.clone(), spec.shape), device);
            weights.push(Weight::new(config, spec, value));
            Ok(())
        })?;
        let threads = Threads::new(config.n_shards)?;
        let places = threads.places(&weights.iter().map(Weight::cost).collect::<Vec<_>>());
        let ops = devices.iter().map(|device| BurnOps { device: device.clone().autodiff() }).collect();
        Ok(Self { config: config.clone(), ops, weights, threads, places, guard: Guard::default(), step: 0 })
    }

    /// The same run with other weights: the values of each of the network's, in its order.
    pub fn with_weights(mut self, values: Vec<Vec<f32>>) -> Self {
        for (weight, values) in self.weights.iter_mut().zip(values) {
            let value = Tensor::from_data(TensorData::new(values, weight.spec.shape), &weight.value.device());
            *weight = Weight::new(&self.config, weight.spec.clone(), value);
        }
        self
    }

    /// Steps made so far.
    pub fn step(&self) -> usize {
        self.step
    }

    /// Weights of the network.
    pub fn n_params(&self) -> usize {
        self.weights.iter().map(|weight| weight.spec.shape[0] * weight.spec.shape[1]).sum()
    }

    /// One optimiser step on the shards of a batch: [`measure`](Self::measure),
    /// [`check`](Self::check), [`apply`](Self::apply).
    ///
    /// # Errors
    ///
    /// [`Error::Diverged`] as from [`check`](Self::check); the weights are then those before.
    pub fn train_step(&mut self, shards: &[Batch]) -> Result<StepReport> {
        let gradient = self.measure(shards)?;
        self.check(&gradient)?;
        Ok(self.apply(gradient))
    }

    /// Loss and gradient over the shards of a batch, which are differentiated `n_shards` at a time,
    /// each by a thread of its own. Both are means over documents for text and over noised pictures
    /// for pictures, summed in the order of the shards, so that the result does not depend on which
    /// is ready first.
    ///
    /// # Errors
    ///
    /// [`Error::Internal`] if the network lacks a weight.
    pub fn measure(&self, shards: &[Batch]) -> Result<Gradient> {
        let values: Vec<Tensor<2>> = self.weights.iter().map(|weight| weight.value.clone()).collect();
        let n_documents: usize = shards.iter().map(|shard| shard.input.batch).sum();
        let n_noised: usize = shards.iter().map(|shard| shard.targets.n_noised).sum();
        let (mut terms, mut each) = (Terms::default(), Vec::new());
        let mut grads: Vec<Option<Tensor<2>>> = vec![None; values.len()];
        for wave in shards.chunks(self.config.n_shards) {
            let places: Vec<usize> = (0..wave.len()).collect();
            let shards = wave.iter().zip(self.ops.iter().cycle()).collect();
            let results = self.threads.map(&places, shards, |(shard, ops): (&Batch, &BurnOps)| {
                let share = Share {
                    text: shard.input.batch as f32 / n_documents as f32,
                    image: shard.targets.n_noised as f32 / n_noised.max(1) as f32,
                };
                differentiate(&self.config, ops, &values, shard, share)
            });
            let mut found: Vec<Vec<Option<Tensor<2>>>> = vec![Vec::new(); values.len()];
            for result in results {
                let shard = result?;
                terms.add(shard.terms);
                each.push(shard.each);
                found.iter_mut().zip(shard.grads).for_each(|(found, grad)| found.push(grad));
            }
            let pairs = grads.into_iter().zip(found).collect();
            grads = self.threads.map(&self.places, pairs, |(sum, found): (Option<_>, Vec<_>)| {
                found.into_iter().flatten().fold(sum, |sum, grad| Some(sum.map_or(grad.clone(), |sum| sum + grad)))
            });
        }
        terms.excess = terms.loss - poisson_floor(shards);
        let squares = self.threads.map(&self.places, grads.iter().collect(), |grad: &Option<Tensor<2>>| {
            grad.as_ref().map_or(0.0, |grad| f64::from(scalar(&grad.clone().square().sum())))
        });
        Ok(Gradient { terms, norm: squares.iter().sum::<f64>().sqrt() as f32, each, grads })
    }

    /// Whether a step can be made.
    ///
    /// # Errors
    ///
    /// [`Error::Diverged`] if the loss or the norm is not a finite number, or if the loss is more
    /// than `spike_factor` times its running mean.
    pub fn check(&self, gradient: &Gradient) -> Result<()> {
        match self.guard.judge(gradient.terms.excess, gradient.norm, self.config.spike_factor) {
            Some(reason) => Err(Error::Diverged { step: self.step + 1, reason }),
            None => Ok(()),
        }
    }

    /// Makes the step: the gradient, scaled down to `clip_norm` where it is longer, by the rule of
    /// each weight.
    pub fn apply(&mut self, gradient: Gradient) -> StepReport {
        let Gradient { terms, norm, grads, .. } = gradient;
        let factor = (self.config.clip_norm / norm.max(1e-12)).min(1.0);
        let learning_rate = self.config.rate(self.step);
        self.step += 1;
        // The average has a shorter memory in the first steps.
        let step = self.step as f32;
        let decay = self.config.ema_decay.min((1.0 + step) / (10.0 + step));
        let pairs = std::mem::take(&mut self.weights).into_iter().zip(grads).collect();
        self.weights = self.threads.map(&self.places, pairs, |(weight, grad): (Weight, Option<Tensor<2>>)| {
            weight.update(grad.map(|grad| grad.mul_scalar(factor)), learning_rate, decay)
        });
        self.guard.count(terms.excess);
        StepReport { step: self.step, terms, grad_norm: norm, learning_rate }
    }

    /// The weights with their names and shapes.
    pub fn values(&self) -> Vec<(WeightSpec, Vec<f32>)> {
        self.weights.iter().map(|weight| (weight.spec.clone(), values(&weight.value))).collect()
    }

    /// The averaged weights with their names and shapes.
    pub fn averaged(&self) -> Vec<(WeightSpec, Vec<f32>)> {
        self.weights.iter().map(|weight| (weight.spec.clone(), values(&weight.average))).collect()
    }

    /// Writes the whole state into the file `path`, whole or not at all.
    ///
    /// # Errors
    ///
    /// [`Error::Io`] naming the file.
    pub fn save(&self, path: &Path) -> Result<()> {
        state::write(self, path)
    }

    /// Takes up the state that [`save`](Self::save) wrote.
    ///
    /// # Errors
    ///
    /// [`Error::Io`] or [`Error::Model`] naming the file that is missing, damaged or of another
    /// model.
    pub fn load(self, path: &Path) -> Result<Self> {
        state::read(self, path)
    }
}

impl Gradient {
    /// The gradient by the weight, in the network's order; `None` where the loss does not depend on
    /// it.
    pub fn values(&self) -> Vec<Option<Vec<f32>>> {
        self.grads.iter().map(|grad| grad.as_ref().map(values)).collect()
    }
}

impl Terms {
    fn add(&mut self, other: Terms) {
        self.loss += other.loss;
        self.tokens += other.tokens;
        self.gate += other.gate;
        self.poisson += other.poisson;
        self.deletion += other.deletion;
        self.image += other.image;
    }
}

/// A shard's loss terms and the gradient of each weight.
struct Shard {
    terms: Terms,
    each: Each,
    grads: Vec<Option<Tensor<2>>>,
}

/// A shard's parts of the documents and of the noised pictures of its step.
#[derive(Clone, Copy)]
struct Share {
    text: f32,
    image: f32,
}

/// Loss and gradients of one shard, on leaves of its own on the device of `ops`; the gradients come
/// back to that of the weights.
fn differentiate(
    config: &TrainConfig,
    ops: &BurnOps,
    weights: &[Tensor<2>],
    shard: &Batch,
    share: Share,
) -> Result<Shard> {
    let (here, home) = (&ops.device, weights.first().map(Tensor::device));
    let is_away = home.as_ref().is_some_and(|home| home != here);
    let leaf = |weight: &Tensor<2>| {
        let weight = weight.clone();
        let weight = if is_away { weight.to_device(&here.clone().without_autodiff()) } else { weight };
        weight.autodiff().require_grad()
    };
    let leaves: Vec<Tensor<2>> = weights.iter().map(leaf).collect();
    let mut left = leaves.iter().cloned();
    let network = Network::build(&config.model, |spec| {
        left.next().ok_or_else(|| Error::Internal { reason: format!("no parameter for {}", spec.name) })
    })?;
    let (losses, each) = losses(&network, ops, shard, config.image_weight * share.image / share.text);
    let total = losses.total.mul_scalar(share.text);
    let terms = Terms {
        loss: scalar(&total),
        excess: 0.0,
        tokens: share.text * scalar(&losses.tokens),
        gate: share.text * scalar(&losses.gate),
        poisson: share.text * scalar(&losses.poisson),
        deletion: share.text * scalar(&losses.deletion),
        image: share.image * scalar(&losses.image),
    };
    let grads = total.backward();
    let brought = |grad: Tensor<2>| match &home {
        Some(home) if is_away => grad.to_device(home),
        _ => grad,
    };
    let grads = leaves.iter().map(|leaf| leaf.grad(&grads).map(brought)).collect();
    Ok(Shard { terms, each: Each::read(each), grads })
}

impl Each {
    fn read(each: loss::Each) -> Self {
        Self {
            gate: values(&each.gate),
            poisson: values(&each.poisson),
            tokens: each.tokens.as_ref().map(values).unwrap_or_default(),
            images: each.images.as_ref().map(values).unwrap_or_default(),
        }
    }
}

/// A weight's start; `before` is the weight before it.
fn initial(spec: &WeightSpec, before: &[f32], rng: &mut Rng) -> Vec<f32> {
    let [rows, cols] = spec.shape;
    let n = rows * cols;
    match spec.init {
        Init::Copying(factor) => (0..n).map(|i| factor * before[(i % cols) * rows + i / cols]).collect(),
        Init::Normal(std) => (0..n).map(|_| std * rng.normal()).collect(),
        Init::Ones => vec![1.0; n],
        Init::Zeros => vec![0.0; n],
    }
}

fn scalar(tensor: &Tensor<1>) -> f32 {
    tensor.clone().into_scalar::<f32>()
}

/// A tensor's values, row by row.
pub(super) fn values<const D: usize>(tensor: &Tensor<D>) -> Vec<f32> {
    // The trainer works in f32 throughout, so the conversion cannot fail.
    tensor.to_data().try_to_vec::<f32>().unwrap_or_default()
}
