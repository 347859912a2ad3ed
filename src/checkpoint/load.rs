//! From verified files to a model on a back end.

use std::collections::BTreeMap;

use super::shards::{INDEX, Shards, WEIGHTS, is_weights};
use super::{CONFIG, TOKENIZER, Weights};
use crate::error::{Error, Result};
use crate::model::codec::{PcaCodec, Preconditioner};
use crate::model::config::{CodecConfig, ModelConfig};
use crate::model::network::weight_specs;
use crate::model::oneflow::{Model, ModelParts};
use crate::model::{Network, Tokenizer};
use crate::ops::Ops;
#[cfg(feature = "flex")]
use crate::ops::burn::BurnOps;
use crate::ops::stored::StoredNumbers;

/// Mean patch `[patch_len]`.
pub const CODEC_MEAN: &str = "codec.mean";
/// Principal components `[n_coefs, patch_len]`.
pub const CODEC_COMPONENTS: &str = "codec.components";
/// The global scale `[1]`.
pub const CODEC_SCALE: &str = "codec.scale";
/// Standard deviation of each coefficient `[n_coefs]`.
pub const CODEC_STD: &str = "codec.std";

/// A model on all cores of the CPU out of its verified files.
///
/// # Errors
///
/// [`Error::Model`] naming the file, and the field or tensor that does not fit.
#[cfg(feature = "flex")]
pub fn cpu_model(files: BTreeMap<String, Vec<u8>>) -> Result<Model<BurnOps>> {
    model(BurnOps::cpu(), files)
}

/// A model on a back end out of its verified files.
///
/// # Errors
///
/// [`Error::Model`] naming the file, and the field or tensor that does not fit.
pub fn model<O: Ops>(ops: O, files: BTreeMap<String, Vec<u8>>) -> Result<Model<O>> {
    let mut assembly = Assembly::of(files.keys().map(String::as_str));
    let (weights, others): (Vec<_>, Vec<_>) = files.into_iter().partition(|(name, _)| is_weights(name));
    for (name, bytes) in others.into_iter().chain(weights) {
        assembly.take_file(&name, bytes, &mut |numbers, n_rows| ops.stored_weight(numbers, n_rows))?;
    }
    Model::new(ops, assembly.finish()?)
}

/// A model in the making: takes one verified file after the other, and keeps no bytes of weights
/// but what a back end made of them.
pub struct Assembly<W> {
    config: Option<ModelConfig>,
    tokenizer: Option<Tokenizer>,
    shards: Shards,
    wanted: BTreeMap<String, [usize; 2]>,
    made: BTreeMap<String, W>,
    codec: BTreeMap<String, Vec<f32>>,
}

impl<W> Assembly<W> {
    /// A model with files of these names.
    pub fn of<'a>(names: impl IntoIterator<Item = &'a str>) -> Self {
        Self {
            config: None,
            tokenizer: None,
            shards: Shards::of(names),
            wanted: BTreeMap::new(),
            made: BTreeMap::new(),
            codec: BTreeMap::new(),
        }
    }

    /// Takes a file of the model; those of weights have to come after all others. Files that are of
    /// no use here are dropped. `make` makes a weight of its numbers, row by row, and of how many rows
    /// there are.
    ///
    /// # Errors
    ///
    /// [`Error::Model`] naming the file, and the field or tensor that does not fit: one that the
    /// network lacks or has in another shape, whose numbers are not finite, or that is in another
    /// file than the index says.
    pub fn take_file(
        &mut self,
        name: &str,
        bytes: Vec<u8>,
        make: &mut dyn FnMut(StoredNumbers, usize) -> W,
    ) -> Result<()> {
        match name {
            CONFIG => {
                let config = ModelConfig::from_json(&bytes)?;
                self.wanted = weight_specs(&config).into_iter().map(|spec| (spec.name, spec.shape)).collect();
                self.config = Some(config);
            }
            TOKENIZER => self.tokenizer = Some(Tokenizer::from_json(&bytes)?),
            INDEX => self.shards.read_index(&bytes)?,
            name if is_weights(name) => self.take_weights(name, bytes, make)?,
            _ => {}
        }
        Ok(())
    }

    fn take_weights(
        &mut self,
        name: &str,
        bytes: Vec<u8>,
        make: &mut dyn FnMut(StoredNumbers, usize) -> W,
    ) -> Result<()> {
        let config = self.config.as_ref().ok_or_else(|| missing(CONFIG))?;
        let mut weights = self.shards.open(name, bytes)?;
        let names: Vec<String> = weights.tensors().keys().cloned().collect();
        for tensor in names {
            if let Some(shape) = self.wanted.get(&tensor) {
                self.made.insert(tensor.clone(), make(weights.take_stored(&tensor, shape)?, shape[0]));
            } else if let Some((_, shape)) = codec_shapes(&config.codec).iter().find(|(codec, _)| *codec == tensor) {
                self.codec.insert(tensor.clone(), weights.take_f32(&tensor, shape)?);
            }
        }
        weights.finish()
    }

    /// The parts of the model, when all files have been taken.
    ///
    /// # Errors
    ///
    /// [`Error::Model`] naming the file or the tensor that did not come.
    pub fn finish(mut self) -> Result<ModelParts<W>> {
        let config = self.config.ok_or_else(|| missing(CONFIG))?;
        let tokenizer = self.tokenizer.ok_or_else(|| missing(TOKENIZER))?;
        if self.shards.files().is_empty() {
            return Err(missing(WEIGHTS));
        }
        let list = self.shards.list();
        let missing = |name: &str| Error::Model { file: list.into(), reason: format!("tensor `{name}` is missing") };
        let network = Network::build(&config, |spec| self.made.remove(&spec.name).ok_or_else(|| missing(&spec.name)))?;
        let (codec, preconditioner) =
            codec_of(&config.codec, list, |name, _| self.codec.remove(name).ok_or_else(|| missing(name)))?;
        Ok(ModelParts { config, network, codec, preconditioner, tokenizer })
    }
}

fn missing(file: &str) -> Error {
    Error::Model { file: file.into(), reason: "the file is missing".into() }
}

/// The codec's tensors and their shapes.
pub(super) fn codec_shapes(config: &CodecConfig) -> [(&'static str, Vec<usize>); 4] {
    [
        (CODEC_MEAN, vec![config.patch_len()]),
        (CODEC_COMPONENTS, vec![config.n_coefs, config.patch_len()]),
        (CODEC_SCALE, vec![1]),
        (CODEC_STD, vec![config.n_coefs]),
    ]
}

/// Takes the codec's tensors out of `weights`.
///
/// # Errors
///
/// [`Error::Model`] naming the tensor that is missing or out of range.
pub fn codec_from_weights(config: &CodecConfig, weights: &mut Weights) -> Result<(PcaCodec, Preconditioner)> {
    let file = weights.file().to_string();
    codec_of(config, &file, |name, shape| weights.take_f32(name, shape))
}

/// The codec of the tensors that `take` gives by name and shape; `file` is to be named for them.
fn codec_of(
    config: &CodecConfig,
    file: &str,
    mut take: impl FnMut(&str, &[usize]) -> Result<Vec<f32>>,
) -> Result<(PcaCodec, Preconditioner)> {
    let [mean, components, scale, std] = codec_shapes(config).map(|(name, shape)| take(name, &shape));
    let (mean, components, scale, std) = (mean?, components?, scale?[0], std?);
    for (name, values) in [(CODEC_SCALE, &[scale][..]), (CODEC_STD, &std)] {
        if let Some(bad) = values.iter().find(|value| !(value.is_finite() && **value > 0.0)) {
            return Err(Error::Model {
                file: file.into(),
                reason: format!("tensor `{name}` holds {bad}, expected positive numbers"),
            });
        }
    }
    Ok((PcaCodec::new(config.clone(), mean, components, scale), Preconditioner { std }))
}
