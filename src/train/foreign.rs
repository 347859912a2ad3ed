//! Weights that another program trained, PyTorch on many machines perhaps: from a safetensors file
//! with the names of `model::network` to a model folder. `tests/reference` has such a program.

use std::fs;
use std::path::Path;

use super::config::TrainConfig;
use super::export::{self, Trained};
use super::start;
use crate::checkpoint::load::{CODEC_COMPONENTS, CODEC_MEAN, CODEC_SCALE, CODEC_STD, codec_from_weights};
use crate::checkpoint::{CONFIG, MANIFEST, TOKENIZER, Weights, folder::read_folder};
use crate::error::{Error, Result};
use crate::model::config::ModelConfig;
use crate::model::{Network, Tokenizer};

/// Writes the model of `weights` into the folder `out`: each weight of the network by its name, as
/// `F32` or `F16`. Shape, tokenizer and defaults are those of the folder `like`, which is a run's or
/// a model's; so is the codec, unless the file has the codec's tensors, too.
///
/// # Errors
///
/// [`Error::Io`] naming the path; [`Error::Model`] naming the file, and the tensor that is missing,
/// left over, of another shape or dtype, not finite, or beyond half precision. A model in `out` is
/// then untouched.
pub fn write(weights: &Path, like: &Path, out: &Path) -> Result<()> {
    let Like { name, config, mut trained } = Like::read(like)?;
    let bytes = fs::read(weights).map_err(|error| Error::io(weights, error))?;
    let mut stored = Weights::parse(&weights.display().to_string(), bytes)?;
    let mut values = Vec::new();
    Network::build(&config, |spec| {
        let numbers = stored.take_f32(&spec.name, &spec.shape)?;
        values.push((spec, numbers));
        Ok(())
    })?;
    let codec = [CODEC_MEAN, CODEC_COMPONENTS, CODEC_SCALE, CODEC_STD];
    if codec.iter().any(|name| stored.tensors().contains_key(*name)) {
        (trained.codec, trained.preconditioner) = codec_from_weights(&config.codec, &mut stored)?;
    }
    stored.finish()?;
    // A model that cannot be put together is not written.
    trained.model(&config, values.clone())?;
    export::write_model(&trained, &config, &name, values, out)
}

/// What the weights do not say.
struct Like {
    name: String,
    config: ModelConfig,
    trained: Trained,
}

impl Like {
    fn read(folder: &Path) -> Result<Self> {
        if folder.join(MANIFEST).exists() { Self::of_model(folder) } else { Self::of_run(folder) }
    }

    fn of_model(folder: &Path) -> Result<Self> {
        let model = read_folder(folder)?;
        let name = model.manifest.name().to_string();
        let json = model.files.get(CONFIG).map_or(&[][..], Vec::as_slice);
        let config = ModelConfig::from_json(json)?;
        let start::Start { tokenizer_json, codec, preconditioner, .. } = start::read(folder, &config)?;
        let tokenizer = Tokenizer::from_json(&tokenizer_json)?;
        Ok(Self { name, config, trained: Trained { tokenizer, tokenizer_json, codec, preconditioner } })
    }

    fn of_run(folder: &Path) -> Result<Self> {
        let read = |name: &str| {
            let path = folder.join(name);
            fs::read(&path).map_err(|error| Error::io(&path, error))
        };
        let TrainConfig { name, model: config, .. } = TrainConfig::read(&folder.join(CONFIG))?;
        let tokenizer_json = read(TOKENIZER)?;
        let tokenizer = Tokenizer::from_json(&tokenizer_json)?;
        let (codec, preconditioner) = export::read_codec(&config.codec, &read("codec.safetensors")?)?;
        Ok(Self { name, config, trained: Trained { tokenizer, tokenizer_json, codec, preconditioner } })
    }
}
