//! A checkpoint: the whole state of a run in one safetensors file.
//!
//! ```text
//! weights.NAME  average.NAME                                    of each weight
//! momentum.NAME, or moment_1.NAME and moment_2.NAME             of each that has seen a gradient
//! metadata: format, step, guard, model, n_gradients, sha256     the last over all tensors
//! ```
//!
//! The data's position and the generators follow from the step: a batch is a function of it.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use burn::tensor::{Device, Tensor, TensorData};
use serde::de::DeserializeOwned;
use serde_json::json;
use sha2::{Digest, Sha256};

use super::config::TrainConfig;
use super::trainer::{Trainer, values};
use crate::checkpoint::folder::write_file;
use crate::checkpoint::{StoredTensor, Weights, safetensors_from_tensors};
use crate::error::{Error, Result};

const FORMAT: &str = "oneflow-web/training-1";

/// Writes a run's state, whole or not at all.
pub fn write(trainer: &Trainer, path: &Path) -> Result<()> {
    let mut tensors = BTreeMap::new();
    let mut n_gradients = BTreeMap::new();
    for weight in &trainer.weights {
        let name = &weight.spec.name;
        tensors.insert(format!("weights.{name}"), stored(&weight.value)?);
        tensors.insert(format!("average.{name}"), stored(&weight.average)?);
        let Some(remembered) = weight.remembered()? else { continue };
        n_gradients.insert(name.clone(), remembered.n_gradients);
        for (kind, tensor) in remembered.tensors {
            tensors.insert(format!("{kind}.{name}"), stored(&tensor)?);
        }
    }
    let metadata = BTreeMap::from([
        ("format".into(), FORMAT.into()),
        ("step".into(), trainer.step.to_string()),
        ("guard".into(), json!(trainer.guard).to_string()),
        ("model".into(), model(&trainer.config)),
        ("n_gradients".into(), json!(n_gradients).to_string()),
        ("sha256".into(), hash(&tensors)),
    ]);
    write_file(path, &safetensors_from_tensors(&tensors, &metadata))
}

/// Reads a run's state into a run of the same model.
pub fn read(mut trainer: Trainer, path: &Path) -> Result<Trainer> {
    let mut file = File::open(path)?;
    let expected = model(&trainer.config);
    let found = file.text("model")?;
    if *found != expected {
        return Err(file.unusable(format!("it is of another model, {found}, expected {expected}")));
    }
    trainer.step = file.value("step")?;
    trainer.guard = file.value("guard")?;
    let n_gradients: BTreeMap<String, usize> = file.value("n_gradients")?;
    for weight in &mut trainer.weights {
        let (spec, device) = (weight.spec.clone(), weight.value.device());
        let mut take = |kind: &str| file.take(&format!("{kind}.{}", spec.name), spec.shape, &device);
        weight.value = take("weights")?;
        weight.average = take("average")?;
        if let Some(&n) = n_gradients.get(&spec.name) {
            let tensors = weight.memory_names().iter().map(|kind| take(kind)).collect::<Result<_>>()?;
            weight.remember(n, tensors);
        }
    }
    file.weights.finish()?;
    Ok(trainer)
}

/// A checkpoint that is whole.
struct File {
    name: String,
    metadata: BTreeMap<String, String>,
    weights: Weights,
}

impl File {
    fn open(path: &Path) -> Result<Self> {
        let name = path.display().to_string();
        let bytes = fs::read(path).map_err(|error| Error::io(path, error))?;
        let weights = Weights::parse(&name, bytes)?;
        let file = Self { name, metadata: weights.metadata().clone(), weights };
        let format = file.metadata.get("format").map_or("none", String::as_str);
        if format != FORMAT {
            return Err(
                file.unusable(format!("its format is {format}, expected {FORMAT}, a checkpoint of `oneflow train`"))
            );
        }
        let (found, expected) = (hash(file.weights.tensors()), file.text("sha256")?);
        if found != *expected {
            return Err(
                file.unusable(format!("the SHA-256 of its tensors is {found}, expected {expected}: it is damaged"))
            );
        }
        Ok(file)
    }

    fn text(&self, key: &str) -> Result<&String> {
        self.metadata.get(key).ok_or_else(|| self.unusable(format!("its metadata have no `{key}`")))
    }

    fn value<T: DeserializeOwned>(&self, key: &str) -> Result<T> {
        let text = self.text(key)?;
        serde_json::from_str(text).map_err(|error| self.unusable(format!("`{key}` is \"{text}\": {error}")))
    }

    fn take(&mut self, name: &str, shape: [usize; 2], device: &Device) -> Result<Tensor<2>> {
        let values = self.weights.take_f32(name, &shape)?;
        Ok(Tensor::from_data(TensorData::new(values, shape), device))
    }

    fn unusable(&self, reason: String) -> Error {
        Error::Model { file: self.name.clone(), reason: format!("{reason}; take it away to go on from the one before") }
    }
}

/// What must be the same for weights to fit.
fn model(config: &TrainConfig) -> String {
    json!({ "network": config.model.network, "codec": config.model.codec, "optimizer": config.optimizer }).to_string()
}

fn stored(tensor: &Tensor<2>) -> Result<StoredTensor> {
    let shape = tensor.dims();
    let stored = StoredTensor::f32(&shape, &values(tensor));
    stored.ok_or_else(|| Error::Internal { reason: format!("a tensor's values do not fill {shape:?}") })
}

fn hash(tensors: &BTreeMap<String, StoredTensor>) -> String {
    let mut hash = Sha256::new();
    for (name, tensor) in tensors {
        hash.update(name);
        hash.update(tensor.bytes());
    }
    hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect()
}
