//! From verified files to a model on a back end.

use std::collections::BTreeMap;

use super::{CONFIG, TOKENIZER, WEIGHTS, Weights};
use crate::error::{Error, Result};
use crate::model::codec::{PcaCodec, Preconditioner};
use crate::model::config::{CodecConfig, ModelConfig};
use crate::model::oneflow::{Model, ModelParts};
use crate::model::{Network, Tokenizer};
use crate::ops::Ops;
#[cfg(feature = "flex")]
use crate::ops::burn::BurnOps;

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
pub fn model<O: Ops>(ops: O, mut files: BTreeMap<String, Vec<u8>>) -> Result<Model<O>> {
    let mut take = |name: &str| {
        files.remove(name).ok_or_else(|| Error::Model { file: name.into(), reason: "the file is missing".into() })
    };
    let config = ModelConfig::from_json(&take(CONFIG)?)?;
    let tokenizer = Tokenizer::from_json(&take(TOKENIZER)?)?;
    let mut weights = Weights::parse(WEIGHTS, take(WEIGHTS)?)?;
    let network = Network::build(&config, |spec| {
        Ok(ops.stored_weight(weights.take_stored(&spec.name, &spec.shape)?, spec.shape[0]))
    })?;
    let (codec, preconditioner) = codec_from_weights(&config.codec, &mut weights)?;
    weights.finish()?;
    Model::new(ops, ModelParts { config, network, codec, preconditioner, tokenizer })
}

/// Takes the codec's tensors out of `weights`.
///
/// # Errors
///
/// [`Error::Model`] naming the tensor that is missing or out of range.
pub fn codec_from_weights(config: &CodecConfig, weights: &mut Weights) -> Result<(PcaCodec, Preconditioner)> {
    let mean = weights.take_f32(CODEC_MEAN, &[config.patch_len()])?;
    let components = weights.take_f32(CODEC_COMPONENTS, &[config.n_coefs, config.patch_len()])?;
    let scale = weights.take_f32(CODEC_SCALE, &[1])?[0];
    let std = weights.take_f32(CODEC_STD, &[config.n_coefs])?;
    for (name, values) in [(CODEC_SCALE, &[scale][..]), (CODEC_STD, &std)] {
        if let Some(bad) = values.iter().find(|value| !(value.is_finite() && **value > 0.0)) {
            return Err(Error::Model {
                file: weights.file().into(),
                reason: format!("tensor `{name}` holds {bad}, expected positive numbers"),
            });
        }
    }
    Ok((PcaCodec::new(config.clone(), mean, components, scale), Preconditioner { std }))
}
