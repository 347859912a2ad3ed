//! The state of a training run and one step of it: loss, gradients, clipping, AdamW, and the
//! exponential moving average of the weights.

use std::fs;
use std::path::Path;
use std::thread::ScopedJoinHandle;

use burn::module::{Module, Param, ParamGroup, ParamId};
use burn::optim::decay::WeightDecayConfig;
use burn::optim::{AdamWConfig, AdjustLrFn, GradientsParams, ModuleOptimizer, MuonConfig};
use burn::store::ModuleRecord;
use burn::tensor::{Device, Tensor, TensorData};
use rayon::{ThreadPool, ThreadPoolBuilder};
use serde::{Deserialize, Serialize};

use super::batch::Batch;
use super::config::{Optimizer, TrainConfig};
use super::loss::{Losses, losses};
use crate::error::{Error, Result};
use crate::flow::rng::Rng;
use crate::model::Network;
use crate::model::network::{Init, WeightSpec};
use crate::ops::burn::BurnOps;

/// Weights, their average, the optimiser and the step count.
pub struct Trainer {
    config: TrainConfig,
    ops: BurnOps,
    specs: Vec<WeightSpec>,
    params: Vec<Param<Tensor<2>>>,
    average: Vec<Tensor<2>>,
    optimizer: ModuleOptimizer,
    /// One thread pool of one thread for each shard of a step.
    pools: Vec<ThreadPool>,
    step: usize,
}

/// What a step reports.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct StepReport {
    /// The step, counted from 1.
    pub step: usize,
    /// What was minimised.
    pub loss: f32,
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
    /// Norm of the gradient before clipping.
    pub grad_norm: f32,
    /// The learning rate.
    pub learning_rate: f64,
}

impl Trainer {
    /// A run at step 0 with weights drawn from the configuration's seed.
    ///
    /// # Errors
    ///
    /// [`Error::Internal`] if the system gives no threads.
    pub fn new(config: &TrainConfig, device: Device) -> Result<Self> {
        let device = device.autodiff();
        let mut rng = Rng::stream(config.seed, u64::MAX);
        let mut specs = Vec::new();
        let mut values: Vec<Vec<f32>> = Vec::new();
        Network::build(&config.model, |spec| {
            let value = initial(&spec, values.last().map_or(&[], Vec::as_slice), &mut rng);
            values.push(value);
            specs.push(spec);
            Ok(())
        })?;
        let tensors: Vec<Tensor<2>> = specs
            .iter()
            .zip(values)
            .map(|(spec, values)| Tensor::from_data(TensorData::new(values, spec.shape), &device))
            .collect();
        let average = tensors.iter().map(|tensor| tensor.clone().inner()).collect();
        Ok(Self {
            config: config.clone(),
            ops: BurnOps { device },
            optimizer: optimizer(config, &specs),
            specs,
            params: tensors.into_iter().enumerate().map(param).collect(),
            average,
            pools: (0..config.n_shards).map(|_| pool()).collect::<Result<_>>()?,
            step: 0,
        })
    }

    /// The same run with other weights: the values of each of the network's, in its order.
    pub fn with_weights(mut self, weights: Vec<Vec<f32>>) -> Self {
        let tensors: Vec<Tensor<2>> = (self.specs.iter().zip(weights))
            .map(|(spec, values)| Tensor::from_data(TensorData::new(values, spec.shape), &self.ops.device))
            .collect();
        self.average = tensors.iter().map(|tensor| tensor.clone().inner()).collect();
        self.params = tensors.into_iter().enumerate().map(param).collect();
        self
    }

    /// Steps made so far.
    pub fn step(&self) -> usize {
        self.step
    }

    /// Weights of the network.
    pub fn n_params(&self) -> usize {
        self.specs.iter().map(|spec| spec.shape[0] * spec.shape[1]).sum()
    }

    /// One optimiser step on a batch in as many shards as the configuration says. Each shard is
    /// differentiated by a thread of its own; losses and gradients are their means, over documents
    /// for text and over noised pictures for pictures, taken in the order of the shards, so that
    /// the result does not depend on which is ready first.
    ///
    /// # Errors
    ///
    /// [`Error::Internal`] if the loss is not a finite number; the weights are then those before
    /// the step.
    pub fn train_step(&mut self, shards: &[Batch]) -> Result<StepReport> {
        let weights: Vec<Tensor<2>> = self.params.iter().map(|param| param.val().inner()).collect();
        let (config, ops, weights) = (&self.config, &self.ops, &weights);
        let n_noised: usize = shards.iter().map(|shard| shard.targets.n_noised).sum();
        let results: Vec<Result<Shard>> = std::thread::scope(|scope| {
            let run = |(shard, pool): (&Batch, &'_ ThreadPool)| {
                let share = (shard.targets.n_noised * shards.len()) as f32 / n_noised.max(1) as f32;
                pool.install(|| differentiate(config, ops, weights, shard, share))
            };
            let threads: Vec<_> =
                shards.iter().zip(self.pools.iter().cycle()).map(|pair| scope.spawn(move || run(pair))).collect();
            threads.into_iter().map(joined).collect()
        });
        let n = shards.len() as f32;
        let mut terms = [0.0; 6];
        let mut sums: Vec<Option<Tensor<2>>> = vec![None; self.params.len()];
        for result in results {
            let shard = result?;
            terms.iter_mut().zip(shard.terms).for_each(|(sum, term)| *sum += term / n);
            for (sum, grad) in sums.iter_mut().zip(shard.grads) {
                *sum = match (sum.take(), grad) {
                    (Some(a), Some(b)) => Some(a + b),
                    (a, b) => a.or(b),
                };
            }
        }
        let [loss, tokens, gate, poisson, deletion, image] = terms;
        if !loss.is_finite() {
            return Err(Error::Internal { reason: format!("the loss is {loss} at step {}", self.step + 1) });
        }
        let (grads, grad_norm) = self.clipped(sums, 1.0 / n);
        let learning_rate = self.config.rate(self.step);
        let params = std::mem::take(&mut self.params);
        self.params = self.optimizer.step(learning_rate, params, grads);
        self.step += 1;
        self.update_average();
        Ok(StepReport { step: self.step, loss, tokens, gate, poisson, deletion, image, grad_norm, learning_rate })
    }

    /// The gradients times `scale`, scaled down further where their joint norm is above
    /// `clip_norm`; and that norm.
    fn clipped(&self, grads: Vec<Option<Tensor<2>>>, scale: f32) -> (GradientsParams, f32) {
        let squares = grads.iter().flatten().map(|grad| scalar(&grad.clone().square().sum()));
        let norm = scale * squares.sum::<f32>().sqrt();
        let factor = scale * (self.config.clip_norm / norm.max(1e-12)).min(1.0);
        let mut clipped = GradientsParams::new();
        for (param, grad) in self.params.iter().zip(grads) {
            if let Some(grad) = grad {
                clipped.register(param.id, grad.mul_scalar(factor));
            }
        }
        (clipped, norm)
    }

    /// `average ← decay·average + (1 - decay)·weights`, with a shorter memory in the first steps.
    fn update_average(&mut self) {
        let step = self.step as f32;
        let decay = self.config.ema_decay.min((1.0 + step) / (10.0 + step));
        for (average, param) in self.average.iter_mut().zip(&self.params) {
            let now = param.val().inner();
            *average = average.clone().mul_scalar(decay) + now.mul_scalar(1.0 - decay);
        }
    }

    /// The averaged weights with their names and shapes.
    pub fn averaged(&self) -> Vec<(WeightSpec, Vec<f32>)> {
        self.specs.iter().cloned().zip(self.average.iter().map(values)).collect()
    }

    /// Writes the whole state into `folder`, which must exist.
    ///
    /// # Errors
    ///
    /// [`Error::Io`] or [`Error::Internal`] naming the file.
    pub fn save(&self, folder: &Path) -> Result<()> {
        let average = self.average.iter().cloned().enumerate().map(|(i, tensor)| Param::initialized(id(i), tensor));
        let average: Vec<Param<Tensor<2>>> = average.collect();
        record(folder, "weights.bpk", |path| self.params.clone().into_record().save(path).map_err(text))?;
        record(folder, "average.bpk", |path| average.into_record().save(path).map_err(text))?;
        record(folder, "optimizer.bpk", |path| self.optimizer.save(path).map_err(text))?;
        let path = folder.join("step.json");
        fs::write(&path, self.step.to_string()).map_err(|error| Error::io(&path, error))
    }

    /// Takes up the state that [`save`](Self::save) wrote.
    ///
    /// # Errors
    ///
    /// [`Error::Io`] or [`Error::Model`] naming the file that is missing or does not fit.
    pub fn load(mut self, folder: &Path) -> Result<Self> {
        let path = folder.join("step.json");
        let step = fs::read_to_string(&path).map_err(|error| Error::io(&path, error))?;
        self.step = step.trim().parse().map_err(|_| Error::Model {
            file: path.display().to_string(),
            reason: format!("found \"{}\", expected a step count", step.trim()),
        })?;
        self.params = self.read(&folder.join("weights.bpk"))?.into_iter().enumerate().map(param).collect();
        self.average = self.read(&folder.join("average.bpk"))?.into_iter().map(Tensor::inner).collect();
        let path = folder.join("optimizer.bpk");
        self.optimizer = self.optimizer.load(&path).map_err(|error| unusable(&path, text(error)))?;
        Ok(self)
    }

    fn read(&self, path: &Path) -> Result<Vec<Tensor<2>>> {
        let record = ModuleRecord::load(path).map_err(|error| unusable(path, text(error)))?;
        let loaded = self.params.clone().try_load_record(record).map_err(|error| unusable(path, text(error)))?;
        Ok(loaded.iter().map(|param| param.val().detach()).collect())
    }
}

/// A shard's loss terms and the gradient of each weight.
struct Shard {
    terms: [f32; 6],
    grads: Vec<Option<Tensor<2>>>,
}

/// Loss and gradients of one shard, on leaves of its own; `image_share` is its number of noised
/// pictures, in units of the mean shard's.
fn differentiate(
    config: &TrainConfig,
    ops: &BurnOps,
    weights: &[Tensor<2>],
    shard: &Batch,
    image_share: f32,
) -> Result<Shard> {
    let leaves: Vec<Tensor<2>> = weights.iter().map(|weight| weight.clone().autodiff().require_grad()).collect();
    let mut left = leaves.iter().cloned();
    let network = Network::build(&config.model, |spec| {
        left.next().ok_or_else(|| Error::Internal { reason: format!("no parameter for {}", spec.name) })
    })?;
    let losses = losses(&network, ops, shard, config.image_weight * image_share);
    let Losses { total, tokens, gate, poisson, deletion, image } = &losses;
    let mut terms = [total, tokens, gate, poisson, deletion, image].map(scalar);
    terms[5] *= image_share;
    let grads = losses.total.backward();
    Ok(Shard { terms, grads: leaves.iter().map(|leaf| leaf.grad(&grads)).collect() })
}

fn joined(thread: ScopedJoinHandle<'_, Result<Shard>>) -> Result<Shard> {
    // A panic in a thread is a bug that must not be hidden.
    thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
}

fn pool() -> Result<ThreadPool> {
    let built = ThreadPoolBuilder::new().num_threads(1).build();
    built.map_err(|error| Error::Internal { reason: format!("no thread for training: {error}") })
}

/// The optimiser of a configuration.
fn optimizer(config: &TrainConfig, specs: &[WeightSpec]) -> ModuleOptimizer {
    let adamw = AdamWConfig::new()
        .with_beta_1(0.9)
        .with_beta_2(0.98)
        .with_epsilon(1e-8)
        .with_weight_decay(config.weight_decay)
        .init();
    if config.optimizer == Optimizer::AdamW {
        return adamw;
    }
    let muon = MuonConfig::new()
        .with_adjust_lr_fn(AdjustLrFn::MatchRmsAdamW)
        .with_weight_decay(Some(WeightDecayConfig::new(config.weight_decay)))
        .build();
    let is_inner = |spec: &WeightSpec| spec.name.starts_with("blocks.") && spec.shape[0] > 1;
    let inner = specs.iter().enumerate().filter(|(_, spec)| is_inner(spec)).map(|(i, _)| id(i)).collect();
    adamw.with_group(ParamGroup::from_ids(inner), muon, None)
}

/// The parameter of a place in the list; its id is fixed so that the optimiser's record finds it.
fn param((index, tensor): (usize, Tensor<2>)) -> Param<Tensor<2>> {
    Param::initialized(id(index), tensor.require_grad())
}

fn id(index: usize) -> ParamId {
    ParamId::from(index as u64 + 1)
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

fn values(tensor: &Tensor<2>) -> Vec<f32> {
    // The trainer works in f32 throughout, so the conversion cannot fail.
    tensor.to_data().try_to_vec::<f32>().unwrap_or_default()
}

fn record(folder: &Path, name: &str, save: impl FnOnce(&Path) -> Result<(), String>) -> Result<()> {
    let path = folder.join(name);
    save(&path).map_err(|reason| Error::Io { path: path.display().to_string(), source: std::io::Error::other(reason) })
}

fn text(error: impl std::fmt::Debug) -> String {
    format!("{error:?}")
}

fn unusable(path: &Path, reason: String) -> Error {
    Error::Model { file: path.display().to_string(), reason }
}
