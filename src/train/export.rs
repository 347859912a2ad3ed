//! From a training run to a model folder.

use std::collections::BTreeMap;
use std::path::Path;

use burn::tensor::{Device, Tensor, TensorData};

use super::config::TrainConfig;
use crate::checkpoint::folder::write_folder;
use crate::checkpoint::load::{CODEC_COMPONENTS, CODEC_MEAN, CODEC_SCALE, CODEC_STD, codec_from_weights};
use crate::checkpoint::{CONFIG, Dtype, StoredTensor, TOKENIZER, WEIGHTS, Weights, safetensors_from_tensors};
use crate::error::{Error, Result};
use crate::model::codec::{PcaCodec, Preconditioner};
use crate::model::config::{CodecConfig, ModelConfig};
use crate::model::network::WeightSpec;
use crate::model::oneflow::{Model, ModelParts};
use crate::model::{Network, Tokenizer};
use crate::ops::burn::BurnOps;

/// The largest number of half precision.
const MAX_F16: f32 = 65504.0;

/// What a run has beside its weights.
pub struct Trained {
    /// Text to tokens.
    pub tokenizer: Tokenizer,
    /// The file it was read from.
    pub tokenizer_json: Vec<u8>,
    /// Pictures to latents.
    pub codec: PcaCodec,
    /// Scales of the latents.
    pub preconditioner: Preconditioner,
}

impl Trained {
    /// A model of these weights, on the CPU.
    ///
    /// # Errors
    ///
    /// [`Error::Model`] if a weight is missing.
    pub fn model(&self, config: &ModelConfig, weights: Vec<(WeightSpec, Vec<f32>)>) -> Result<Model<BurnOps>> {
        let device = Device::flex();
        let mut weights = weights.into_iter();
        let network = Network::build(config, |wanted| match weights.next() {
            Some((spec, values)) if spec == wanted => {
                Ok(Tensor::from_data(TensorData::new(values, spec.shape), &device))
            }
            _ => Err(Error::Model { file: WEIGHTS.into(), reason: format!("weight `{}` is missing", wanted.name) }),
        })?;
        let parts = ModelParts {
            config: config.clone(),
            network,
            codec: self.codec.clone(),
            preconditioner: self.preconditioner.clone(),
            tokenizer: self.tokenizer.clone(),
        };
        Model::new(BurnOps { device }, parts)
    }
}

/// Writes a model folder with weights in half precision.
///
/// # Errors
///
/// [`Error::Io`] naming the path, [`Error::Model`] naming a tensor that half precision cannot hold;
/// an existing model is then untouched.
pub fn write(trained: &Trained, config: &TrainConfig, weights: Vec<(WeightSpec, Vec<f32>)>, out: &Path) -> Result<()> {
    write_model(trained, &config.model, &config.name, weights, out)
}

/// [`write`] for who has no training configuration.
///
/// # Errors
///
/// Those of [`write`].
pub fn write_model(
    trained: &Trained,
    config: &ModelConfig,
    name: &str,
    weights: Vec<(WeightSpec, Vec<f32>)>,
    out: &Path,
) -> Result<()> {
    let mut tensors = codec_tensors(&trained.codec, &trained.preconditioner, Dtype::F16)?;
    for (spec, values) in weights {
        // Gains are few and matter: they stay in single precision.
        let dtype = if spec.shape[0] == 1 { Dtype::F32 } else { Dtype::F16 };
        let stored = store(&spec.name, &spec.shape, &values, dtype)?;
        tensors.insert(spec.name, stored);
    }
    let files = BTreeMap::from([
        (CONFIG.to_string(), config.to_json().into_bytes()),
        (TOKENIZER.to_string(), trained.tokenizer_json.clone()),
        (WEIGHTS.to_string(), safetensors_from_tensors(&tensors, &BTreeMap::new())),
    ]);
    write_folder(out, name, env!("CARGO_PKG_VERSION"), &files)?;
    Ok(())
}

/// The codec alone as a safetensors file.
///
/// # Errors
///
/// [`Error::Internal`] if its parts do not fit each other.
pub fn codec_file(codec: &PcaCodec, preconditioner: &Preconditioner) -> Result<Vec<u8>> {
    Ok(safetensors_from_tensors(&codec_tensors(codec, preconditioner, Dtype::F32)?, &BTreeMap::new()))
}

/// Reads what [`codec_file`] wrote.
///
/// # Errors
///
/// [`Error::Model`] naming the tensor.
pub fn read_codec(config: &CodecConfig, bytes: &[u8]) -> Result<(PcaCodec, Preconditioner)> {
    let mut weights = Weights::parse("codec.safetensors", bytes.to_vec())?;
    let codec = codec_from_weights(config, &mut weights)?;
    weights.finish()?;
    Ok(codec)
}

fn codec_tensors(
    codec: &PcaCodec,
    preconditioner: &Preconditioner,
    components: Dtype,
) -> Result<BTreeMap<String, StoredTensor>> {
    let len = codec.mean().len();
    let n_coefs = preconditioner.std.len();
    let tensor =
        |name: &str, shape: &[usize], values: &[f32], dtype| Ok((name.to_string(), store(name, shape, values, dtype)?));
    Ok(BTreeMap::from([
        tensor(CODEC_MEAN, &[len], codec.mean(), Dtype::F32)?,
        tensor(CODEC_COMPONENTS, &[n_coefs, len], codec.components(), components)?,
        tensor(CODEC_SCALE, &[1], &[codec.scale()], Dtype::F32)?,
        tensor(CODEC_STD, &[n_coefs], &preconditioner.std, Dtype::F32)?,
    ]))
}

fn store(name: &str, shape: &[usize], values: &[f32], dtype: Dtype) -> Result<StoredTensor> {
    let stored = match dtype {
        Dtype::F16 => StoredTensor::f16(shape, values),
        _ => StoredTensor::f32(shape, values),
    };
    stored.ok_or_else(|| match values.iter().find(|value| value.abs() > MAX_F16) {
        Some(value) => Error::Model {
            file: WEIGHTS.into(),
            reason: format!("tensor `{name}` holds {value}, expected at most {MAX_F16}, the largest F16"),
        },
        None => Error::Internal { reason: format!("{} values do not fill {shape:?} of `{name}`", values.len()) },
    })
}
