//! A model in fewer bits: which weights are stored how, and what that does to it.
//!
//! The matrices of the trunk and the embedding take the format that is asked for. What is small or
//! sensitive takes more: gains and the codec's scales `F32`, the gate and other small matrices
//! `F16`, the adapters' ends and the codec's components `q8` at least. For `q4` the file may have
//! [`Q4_BYTES`] a number; what long blocks leave of that goes where it saves most of the loss
//! (`train/budget.rs`). `q4` is rounded on documents ([`calibration`](super::calibration)), and its
//! scales are trained (`train/end_to_end.rs`).

use std::collections::BTreeMap;

use half::f16;
use serde::Serialize;

use super::budget::{Choice, spend};
use super::calibration::Calibration;
use super::compare::{Change, Probe};
use super::sensitivity::Sensitivity;
use super::side_by_side::cost;
use crate::checkpoint::blocks::{BlockFormat, BlockSpec, Blocks, SCALES};
use crate::checkpoint::load::cpu_model;
use crate::checkpoint::shards::{INDEX, is_weights, take_weights};
use crate::checkpoint::{CONFIG, WEIGHTS, Weights};
use crate::error::{Error, Result};
use crate::model::ModelConfig;
use crate::model::Network;
use crate::ops::stored::{BLOCK_LENGTHS, StoredNumbers};

/// A model's files by name.
pub type Files = BTreeMap<String, Vec<u8>>;

/// Bytes a number of a whole `q4` file at the most, where the formats above leave a choice.
pub const Q4_BYTES: f64 = 0.6;

/// A matrix of fewer numbers stays as it is.
const SMALL: usize = 8192;

/// How a tensor is stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Storage {
    /// 32-bit floats.
    F32,
    /// 16-bit floats.
    F16,
    /// Blocks.
    Blocks(BlockSpec),
}

/// What became of one tensor.
#[derive(Clone, Debug, Serialize)]
pub struct TensorReport {
    /// Its name.
    pub name: String,
    /// `F32`, `F16`, `q8` or `q4`.
    pub format: &'static str,
    /// Numbers of a block.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub block: Option<usize>,
    /// Its numbers.
    pub numbers: usize,
    /// Bytes with its scales.
    pub size_bytes: usize,
    /// √(Σ(found - before)² / Σ before²).
    pub relative_error: f64,
    /// In a `q4` file, what rounding it alone costs: twice what that adds to the loss, each term in
    /// units of about its level.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub change: Option<f64>,
}

/// What became of a model.
#[derive(Clone, Debug, Serialize)]
pub struct Report {
    /// Each tensor, in order of the names.
    pub tensors: Vec<TensorReport>,
    /// Numbers of the weights' file.
    pub numbers: usize,
    /// Its bytes.
    pub size_bytes: usize,
    /// The one over the other.
    pub bytes_per_number: f64,
    /// What the model says otherwise than before.
    pub change: Change,
}

/// In how many bits.
#[derive(Clone, Copy)]
pub enum Bits<'a> {
    /// 16-bit floats.
    F16,
    /// Blocks of 8 bits.
    Q8,
    /// Blocks of 4 bits, chosen and rounded on documents for the same model.
    Q4(&'a Calibration),
}

impl Bits<'_> {
    fn blocks(self) -> Option<BlockFormat> {
        match self {
            Bits::F16 => None,
            Bits::Q8 => Some(BlockFormat::Q8),
            Bits::Q4(_) => Some(BlockFormat::Q4),
        }
    }
}

/// The model of `files` with its weights in so many bits; what changed is measured on `probe`, which
/// is of the same model.
///
/// # Errors
///
/// [`Error::Model`] if the files are no model, or a tensor cannot be stored.
pub fn quantize(files: &Files, bits: Bits<'_>, probe: &Probe) -> Result<(Files, Report)> {
    let numbers = read(files)?;
    let n: usize = numbers.values().map(|(_, values)| values.len()).sum();
    let mut plan: BTreeMap<String, Storage> =
        numbers.iter().map(|(name, (shape, _))| (name.clone(), storage(name, shape, bits.blocks()))).collect();
    let mut changes = BTreeMap::new();
    let mut rounded = BTreeMap::new();
    if let Bits::Q4(calibration) = bits {
        let sensitivity = calibration.sensitivity(&numbers)?;
        let choices = choices(&numbers, &plan, &sensitivity);
        let left = Q4_BYTES * n as f64 - file(&numbers, &plan, &BTreeMap::new())?.0.len() as f64;
        for (name, choice) in spend(&choices, left as i64) {
            plan.insert(name.clone(), Storage::Blocks(choice.spec));
            changes.insert(name, choice.cost);
        }
        rounded = calibration.round(&numbers, &plan, &sensitivity)?;
    }
    let (bytes, stored) = file(&numbers, &plan, &rounded)?;
    let size_bytes = bytes.len();
    let found = with_weights(files, bytes);
    let change = probe.ask(&cpu_model(files.clone())?)?.change(&probe.ask(&cpu_model(found.clone())?)?);

    let mut tensors = Vec::new();
    for (name, (shape, before)) in &numbers {
        let after = stored[name].clone().into_f32();
        let square = |values: &mut dyn Iterator<Item = f64>| values.map(|value| value * value).sum::<f64>();
        let error = square(&mut before.iter().zip(&after).map(|(&a, &b)| f64::from(a) - f64::from(b)));
        let whole = square(&mut before.iter().map(|&value| f64::from(value)));
        tensors.push(TensorReport {
            name: name.clone(),
            format: format_name(&plan[name]),
            block: if let Storage::Blocks(spec) = plan[name] { Some(spec.block) } else { None },
            numbers: before.len(),
            size_bytes: stored_bytes(&plan[name], shape),
            relative_error: if whole > 0.0 { (error / whole).sqrt() } else { 0.0 },
            change: changes.get(name).copied(),
        });
    }
    let bytes_per_number = size_bytes as f64 / n as f64;
    Ok((found, Report { tensors, numbers: n, size_bytes, bytes_per_number, change }))
}

/// The files with these weights, in one file.
fn with_weights(files: &Files, bytes: Vec<u8>) -> Files {
    let others = files.iter().filter(|(name, _)| !is_weights(name) && *name != INDEX);
    let others = others.map(|(name, bytes)| (name.clone(), bytes.clone()));
    others.chain([(WEIGHTS.into(), bytes)]).collect()
}

/// Shape and values of each tensor.
pub(super) type Numbers = BTreeMap<String, (Vec<usize>, Vec<f32>)>;

fn read(files: &Files) -> Result<Numbers> {
    let missing = |name: &str| Error::Model { file: name.into(), reason: "the file is missing".into() };
    let config = ModelConfig::from_json(files.get(CONFIG).ok_or_else(|| missing(CONFIG))?)?;
    let mut weights = take_weights(&mut files.clone())?;
    let mut numbers = BTreeMap::new();
    Network::build(&config, |spec| {
        let values = weights.take_f32(&spec.name, &spec.shape)?;
        numbers.insert(spec.name, (spec.shape.to_vec(), values));
        Ok(())
    })?;
    let left: Vec<(String, Vec<usize>)> = (weights.tensors().iter())
        .filter(|(name, _)| !name.strip_suffix(SCALES).is_some_and(|name| weights.blocks().contains_key(name)))
        .map(|(name, tensor)| {
            let shape = weights.blocks().get(name).map_or_else(|| tensor.shape().to_vec(), |spec| spec.shape.to_vec());
            (name.clone(), shape)
        })
        .collect();
    for (name, shape) in left {
        let values = weights.take_f32(&name, &shape)?;
        numbers.insert(name, (shape, values));
    }
    Ok(numbers)
}

/// How a tensor is stored where nothing else is known of it.
fn storage(name: &str, shape: &[usize], format: Option<BlockFormat>) -> Storage {
    let &[rows, cols] = shape else { return Storage::F32 };
    if rows == 1 {
        return Storage::F32;
    }
    let Some(format) = format.filter(|_| rows * cols >= SMALL && !name.starts_with("heads.")) else {
        return Storage::F16;
    };
    let is_sensitive = name.starts_with("adapter.") || name.starts_with("codec.");
    // The input of the token head, of the codec's components and of `x·W`.
    let axis = usize::from(name == "tokens" || name.starts_with("codec."));
    let spec = |format, block| BlockSpec { format, block, axis, shape: [rows, cols] };
    let block = match format {
        BlockFormat::Q8 => Some(32).filter(|&block| shape[axis].is_multiple_of(block)),
        BlockFormat::Q4 => lengths(shape[axis]).next(),
    };
    let format = if is_sensitive { BlockFormat::Q8 } else { format };
    block.map_or(Storage::F16, |block| Storage::Blocks(spec(format, block)))
}

/// The lengths that blocks along `k` numbers can have, the longest first.
fn lengths(k: usize) -> impl Iterator<Item = usize> {
    BLOCK_LENGTHS.into_iter().rev().filter(move |&block| k.is_multiple_of(block))
}

/// What a number of 8 bits costs beside one of 4: its step is a sixteenth.
const Q8_COST: f64 = 1.0 / 256.0;

/// The ways to store each matrix that `plan` has in `q4`: as it is there, in shorter blocks, and in
/// `q8`.
fn choices(
    numbers: &Numbers,
    plan: &BTreeMap<String, Storage>,
    sensitivity: &Sensitivity,
) -> BTreeMap<String, Vec<Choice>> {
    let of = |(name, storage): (&String, &Storage)| {
        let &Storage::Blocks(first) = storage else { return None };
        if first.format != BlockFormat::Q4 {
            return None;
        }
        let mut found = Vec::new();
        for block in lengths(first.sizes().0) {
            let spec = BlockSpec { block, ..first };
            found.push(Choice { spec, cost: cost(name, spec, numbers, sensitivity)? });
        }
        let cost = Q8_COST * found.first()?.cost;
        found.push(Choice { spec: BlockSpec { format: BlockFormat::Q8, ..first }, cost });
        Some((name.clone(), found))
    };
    plan.iter().filter_map(of).collect()
}

/// The weights' file, and its tensors.
fn file(
    numbers: &Numbers,
    plan: &BTreeMap<String, Storage>,
    rounded: &BTreeMap<String, StoredNumbers>,
) -> Result<(Vec<u8>, BTreeMap<String, StoredNumbers>)> {
    let mut weights = Weights::empty(WEIGHTS, BTreeMap::new());
    let mut all = BTreeMap::new();
    for (name, (shape, values)) in numbers {
        let stored = rounded.get(name).cloned().or_else(|| plan[name].fit(values));
        let stored = stored.ok_or_else(|| Error::Model {
            file: WEIGHTS.into(),
            reason: format!("tensor `{name}` holds numbers beyond {}; export it whole", format_name(&plan[name])),
        })?;
        weights.insert(name, shape, &stored)?;
        all.insert(name.clone(), stored);
    }
    Ok((weights.to_file(), all))
}

impl Storage {
    /// Each number rounded by itself; nothing if one is beyond what this holds.
    pub(super) fn fit(self, values: &[f32]) -> Option<StoredNumbers> {
        let stored = match self {
            Storage::F32 => StoredNumbers::F32(values.to_vec()),
            Storage::F16 => StoredNumbers::F16(values.iter().map(|&value| f16::from_f32(value)).collect()),
            Storage::Blocks(spec) => StoredNumbers::Blocks(Blocks::fit(spec, values)?),
        };
        stored.first_not_finite().is_none().then_some(stored)
    }
}

fn format_name(storage: &Storage) -> &'static str {
    match storage {
        Storage::F32 => "F32",
        Storage::F16 => "F16",
        Storage::Blocks(spec) => spec.format.name(),
    }
}

fn stored_bytes(storage: &Storage, shape: &[usize]) -> usize {
    let n: usize = shape.iter().product();
    match storage {
        Storage::F32 => 4 * n,
        Storage::F16 => 2 * n,
        Storage::Blocks(spec) => spec.size_bytes(),
    }
}
