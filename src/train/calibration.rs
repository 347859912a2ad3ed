//! Rounding a model by what its products are on noised documents, not by its weights alone.
//!
//! Both networks, the one before and the one that is rounded, run over the documents side by side.
//! At each matrix, the inputs `x` of the one after are what the roundings so far have left of them;
//! the matrix is first fitted anew, so that its products (and what they are added to) come as near
//! as can be to those before, and then rounded with the least change of them
//! ([`rounding`](super::rounding)). Rows count by how much the loss minds
//! ([`sensitivity`](super::sensitivity)).

use std::cell::RefCell;
use std::collections::BTreeMap;

use burn::tensor::Tensor;
use nalgebra::{Cholesky, DMatrix};

use super::batch::{Batch, pool};
use super::config::TrainConfig;
use super::quantize::{Files, Numbers, Storage, Stored};
use super::recorder::{Named, Product, Recorder, Streams, Watch};
use super::rounding::Moments;
use super::sensitivity::{Sensitivity, matrix, measure};
use super::source::Source;
use super::threads::Threads;
use crate::checkpoint::load::codec_from_weights;
use crate::checkpoint::blocks::{BlockFormat, BlockSpec, Blocks};
use crate::checkpoint::{StoredTensor, CONFIG, TOKENIZER, WEIGHTS, Weights};
use crate::data::Documents;
use crate::error::{Error, Result};
use crate::model::{ModelConfig, Network, Tokenizer};
use crate::ops::burn::BurnOps;
use crate::ops::{Ops, ready};

/// The noise is that of the committed training configuration.
const NOISE: &str = include_str!("../../configs/storyworld-nano.json");
/// The generator of the noise, apart from those of training and of the probe.
const SEED: u64 = 0x9e0c;

fn env(name: &str, or: f64) -> f64 {
    std::env::var(name).ok().and_then(|s| s.parse().ok()).unwrap_or(or)
}

/// Noised documents to round a model on.
pub struct Calibration {
    config: ModelConfig,
    batch: Batch,
}

/// A matrix in blocks.
#[derive(Clone)]
pub struct Rounded {
    /// As it is stored.
    pub stored: Stored,
    /// Twice what its rounding adds to the loss, whose terms are weighed by
    /// [`sensitivity`](super::sensitivity).
    pub cost: f64,
}

impl Calibration {
    /// Documents `n` to `2·n` of `documents`, for the model of `files`.
    ///
    /// # Errors
    ///
    /// Those of the documents and of the files.
    pub fn new(files: &Files, documents: Box<dyn Documents>, n: usize) -> Result<Calibration> {
        let file = |name: &str| files.get(name).map_or(&[][..], Vec::as_slice);
        let config = ModelConfig::from_json(file(CONFIG))?;
        let mut weights = Weights::parse(WEIGHTS, file(WEIGHTS).to_vec())?;
        let (codec, preconditioner) = codec_from_weights(&config.codec, &mut weights)?;
        let source = Source::new(documents, Tokenizer::from_json(file(TOKENIZER))?, codec, preconditioner, usize::MAX)?;
        let internal = |reason: String| Error::Internal { reason };
        let noise: TrainConfig =
            serde_json::from_str(NOISE).map_err(|error| internal(format!("the committed configuration: {error}")))?;
        let model = config.clone();
        let noise =
            TrainConfig { model, seed: SEED, batch_size: n, n_shards: 1, accumulate: 1, pool_steps: 1, ..noise };
        // The first documents may be those of the probe.
        let batch = pool(&noise, &source, 1)?.pop().and_then(|mut shards| shards.pop());
        Ok(Calibration { config, batch: batch.ok_or_else(|| internal("no documents to calibrate on".into()))? })
    }

    /// What errors of the products cost.
    pub(super) fn sensitivity(&self, numbers: &Numbers) -> Result<Sensitivity> {
        alone(|| {
            let ops = BurnOps { device: BurnOps::cpu().device.autodiff() };
            measure(&self.network(numbers, &ops)?, &ops, &self.batch, SEED)
        })
    }

    /// The weights as they are stored by `plan`: all that stand in a product, and tables.
    pub(super) fn round(
        &self,
        numbers: &Numbers,
        plan: &BTreeMap<String, Storage>,
        sensitivity: &Sensitivity,
    ) -> Result<BTreeMap<String, Rounded>> {
        alone(|| {
            let ops = BurnOps::cpu();
            let network = self.network(numbers, &ops)?;
            let watch = SideBySide { plan, numbers, sensitivity, found: RefCell::default(), failed: RefCell::default() };
            let recorder = Recorder { ops, watch };
            let hidden = network.forward(&recorder, &self.batch.input);
            let gate = network.gate(&recorder, &hidden.slots);
            let _ = network.deletions(&recorder, &hidden.slots);
            ready(recorder.download(&gate))?;
            match recorder.watch.failed.into_inner() {
                Some(name) => Err(unstorable(&name)),
                None => Ok(recorder.watch.found.into_inner()),
            }
        })
    }

    fn network(&self, numbers: &Numbers, ops: &BurnOps) -> Result<Network<Named>> {
        Network::build(&self.config, |spec| {
            let (_, values) = numbers.get(&spec.name).ok_or_else(|| unstorable(&spec.name))?;
            Ok(Named { value: ops.upload(values.clone(), spec.shape[0]), name: spec.name })
        })
    }
}

/// Work on one thread, whose sums have one order.
fn alone<R: Send>(work: impl Fn() -> Result<R> + Sync) -> Result<R> {
    Threads::new(1)?.map(&[0], vec![()], |()| work()).pop().unwrap_or_else(|| unreachable!())
}

/// The matrices of `plan` in blocks of `q4` as they would be rounded with whole inputs: what that
/// costs.
pub(super) fn costs(numbers: &Numbers, plan: &BTreeMap<String, Storage>, sensitivity: &Sensitivity) -> BTreeMap<String, f64> {
    let mut costs = BTreeMap::new();
    for (name, storage) in plan {
        let (Storage::Blocks(spec), Some(place)) = (storage, sensitivity.products.get(name)) else { continue };
        if spec.format != BlockFormat::Q4 {
            continue;
        }
        let mut h = place.moments.clone();
        let extra = embed_cost(name, &spec.shape, sensitivity);
        damp(&mut h, extra);
        let (k, n) = spec.sizes();
        let values = &numbers[name].1;
        let lines: Vec<Vec<f64>> = (0..n).map(|line| (0..k).map(|i| f64::from(values[spec.place(line, i)])).collect()).collect();
        if let Some((_, cost)) = in_blocks(*spec, &lines, h) {
            costs.insert(name.clone(), cost);
        }
    }
    costs
}

fn embed_cost(name: &str, shape: &[usize], sensitivity: &Sensitivity) -> f64 {
    // The embedding is scaled by √d.
    sensitivity.rows.get(name).map_or(0.0, |sum| sum * shape[1] as f64 / shape[0] as f64)
}

fn damp(h: &mut DMatrix<f64>, extra: f64) -> f64 {
    let h_t = h.transpose();
    *h += h_t;
    *h *= 0.5;
    let ridge = env("DAMP", 0.05) * h.trace() / h.nrows() as f64 + 1e-30;
    (0..h.nrows()).for_each(|i| h[(i, i)] += ridge + extra);
    ridge
}

fn in_blocks(spec: BlockSpec, lines: &[Vec<f64>], h: DMatrix<f64>) -> Option<(Blocks, f64)> {
    let moments = Moments::new(h)?;
    let mut cost = 0.0;
    let (mut numbers, mut scales) = (Vec::new(), Vec::new());
    for values in lines {
        let line = moments.round(values, spec.block, spec.format)?;
        cost += moments.error(values, &line.to_f64());
        numbers.extend(line.numbers);
        scales.extend(line.scales);
    }
    Some((Blocks::pack(spec, &numbers, scales)?, cost))
}

struct SideBySide<'a> {
    plan: &'a BTreeMap<String, Storage>,
    numbers: &'a Numbers,
    sensitivity: &'a Sensitivity,
    found: RefCell<BTreeMap<String, Rounded>>,
    failed: RefCell<Option<String>>,
}

impl SideBySide<'_> {
    fn store(&self, name: &str, lines: &[Vec<f64>], h: DMatrix<f64>) {
        let (shape, values) = &self.numbers[name];
        let storage = self.plan[name];
        let rounded = match storage {
            Storage::Blocks(spec) => in_blocks(spec, lines, h).map(|(blocks, cost)| Rounded { stored: Stored::Blocks(blocks), cost }),
            _ => {
                let mut values = vec![0.0; shape[0] * shape[1]];
                for (j, line) in lines.iter().enumerate() {
                    for (i, &value) in line.iter().enumerate() {
                        values[i * shape[1] + j] = value as f32;
                    }
                }
                Stored::new(storage, shape, &values).map(|stored| Rounded { stored, cost: 0.0 })
            }
        };
        if rounded.is_none() {
            *self.failed.borrow_mut() = Some(name.into());
        }
        let rounded = rounded.unwrap_or_else(|| Rounded { stored: Stored::Plain(StoredTensor::f32(shape, values).unwrap()), cost: 0.0 });
        self.found.borrow_mut().insert(name.into(), rounded);
    }
    fn value(&self, name: &str, shape: &[usize], ops: &BurnOps) -> Tensor<2> {
        ops.upload(self.found.borrow()[name].stored.to_f32(), shape[0])
    }
}

impl Watch for SideBySide<'_> {
    fn n_streams(&self) -> usize {
        2
    }

    fn product(&self, ops: &BurnOps, product: Product<'_>) -> Streams {
        let name = &product.weight.name;
        let (shape, _) = &self.numbers[name];
        let whole = product.of(ops, 0, &product.weight.value);
        if !self.found.borrow().contains_key(name) {
            let place = &self.sensitivity.products[name];
            let x = &product.inputs[1];
            let target = match product.sum {
                Some(sum) => whole.clone() - sum[1].clone(),
                None => whole.clone(),
            };
            let w = matrix(&product.weight.value);
            let [n, _] = x.dims();
            let real = place.weights.iter().filter(|w| **w > 0.0).count().max(1) as f32;
            let mean = place.weights.iter().sum::<f32>() / real;
            let mix = env("MIX", 1.0) as f32;
            let d = ops.upload(place.weights.iter().map(|&w| if w > 0.0 { w + mix * mean } else { 0.0 }).collect(), n);
            let weighted = (x.clone() * d).transpose();
            let mut h = matrix(&weighted.clone().matmul(x.clone()));
            let mut c = matrix(&weighted.matmul(target));
            let ridge = damp(&mut h, 0.0);
            c += ridge * &w;
            let mut solved = Cholesky::new(h.clone()).unwrap().solve(&c);
            let fix = env("FIX", 1.0);
            solved = solved * fix + w * (1.0 - fix);
            let lines: Vec<Vec<f64>> = solved.column_iter().map(|column| column.iter().copied().collect::<Vec<f64>>()).collect();
            self.store(name, &lines, h);
        }
        let value = self.value(name, shape, ops);
        vec![whole, product.of(ops, 1, &value)]
    }

    fn rows(&self, ops: &BurnOps, table: &Named, ids: &[u32]) -> Streams {
        let name = &table.name;
        let (shape, values) = &self.numbers[name];
        if !self.found.borrow().contains_key(name) {
            match self.sensitivity.products.get(name) {
                Some(place) if matches!(self.plan[name], Storage::Blocks(_)) => {
                    let mut h = place.moments.clone();
                    damp(&mut h, embed_cost(name, shape, self.sensitivity));
                    let lines: Vec<Vec<f64>> = values.chunks_exact(shape[1]).map(|row| row.iter().map(|&v| f64::from(v)).collect()).collect();
                    self.store(name, &lines, h);
                }
                _ => {
                    let stored = Stored::new(self.plan[name], shape, values).unwrap();
                    self.found.borrow_mut().insert(name.clone(), Rounded { stored, cost: 0.0 });
                }
            }
        }
        let value = self.value(name, shape, ops);
        vec![ops.embed(&table.value, ids), ops.embed(&value, ids)]
    }
}

fn unstorable(name: &str) -> Error {
    Error::Model { file: WEIGHTS.into(), reason: format!("tensor `{name}` cannot be rounded; export it whole") }
}
