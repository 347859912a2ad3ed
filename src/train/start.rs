//! A model folder as the start of a run: fine-tuning, or more steps for a model that is good.

use std::path::Path;

use crate::checkpoint::folder::read_folder;
use crate::checkpoint::load::codec_from_weights;
use crate::checkpoint::shards::take_weights;
use crate::checkpoint::{CONFIG, TOKENIZER};
use crate::error::{Error, Result};
use crate::model::Network;
use crate::model::codec::{PcaCodec, Preconditioner};
use crate::model::config::{ModelConfig, NetworkConfig};
use crate::model::network::DELETE_HEAD;

/// What a run takes from a model.
pub struct Start {
    /// The values of each weight, in the network's order.
    pub weights: Vec<Vec<f32>>,
    /// Its tokenizer file.
    pub tokenizer_json: Vec<u8>,
    /// Its codec.
    pub codec: PcaCodec,
    /// The scales of its latents.
    pub preconditioner: Preconditioner,
}

/// Reads the model in `folder`, which must have the shape that `config` says; `config`'s
/// vocabulary may be larger, since there it is a bound, and it may have a delete head where the
/// model has none, which then starts from zero. One that the run does not want is left out.
///
/// # Errors
///
/// Those of [`read_folder`]; [`Error::Model`] if the model has another shape.
pub fn read(folder: &Path, config: &ModelConfig) -> Result<Start> {
    let mut files = read_folder(folder)?.files;
    let mut stored = take_weights(&mut files)?;
    let mut take = |name: &str| files.remove(name).unwrap_or_default();
    let model = ModelConfig::from_json(&take(CONFIG))?;
    let mut expected = config.network.clone();
    expected.vocab_size = model.network.vocab_size;
    expected.delete_head = model.network.delete_head;
    let is_same = model.network == expected && model.codec == config.codec;
    if !is_same || model.network.vocab_size > config.network.vocab_size {
        return Err(Error::Model {
            file: folder.join(CONFIG).display().to_string(),
            reason: "its `network` or `codec` is not that of the run that starts from it; make them the same".into(),
        });
    }
    let mut weights = Vec::new();
    let wanted = ModelConfig {
        network: NetworkConfig { delete_head: config.network.delete_head, ..model.network.clone() },
        ..model.clone()
    };
    Network::build(&wanted, |spec| {
        let is_new = spec.name == DELETE_HEAD && !model.network.delete_head;
        weights.push(match is_new {
            true => vec![0.0; spec.shape[0] * spec.shape[1]],
            false => stored.take_f32(&spec.name, &spec.shape)?,
        });
        Ok(())
    })?;
    let (codec, preconditioner) = codec_from_weights(&model.codec, &mut stored)?;
    Ok(Start { weights, tokenizer_json: take(TOKENIZER), codec, preconditioner })
}
