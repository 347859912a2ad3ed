//! Weights in one file or in several, by Hugging Face's names, and which tensor is in which.
//!
//! ```text
//! model.safetensors                 all tensors; or
//!
//! model-00001-of-00016.safetensors  some of them
//! …
//! model-00016-of-00016.safetensors
//! model.safetensors.index.json      { "metadata": { "total_size": 537919488 },
//!                                     "weight_map": { "tokens": "model-00001-of-00016.safetensors", … } }
//! ```
//!
//! Each file is read on its own and can be dropped before the next one comes. For that, the blocks
//! of a tensor and their scales stand in one file, and its header describes them. The index maps
//! every name that a header has, scales included.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::safetensors::Weights;
use crate::error::{Error, Result};

/// The weights, where they are in one file.
pub const WEIGHTS: &str = "model.safetensors";
/// Which tensor is in which file, where there are several.
pub const INDEX: &str = "model.safetensors.index.json";

/// Above this an index is refused, as a header is.
const MAX_INDEX_BYTES: usize = 10 << 20;

/// The name of file `number`, counted from 1, of `count`.
pub fn shard_name(number: usize, count: usize) -> String {
    format!("model-{number:05}-of-{count:05}.safetensors")
}

/// Whether a file of this name holds weights.
pub fn is_weights(name: &str) -> bool {
    name == WEIGHTS || shard_count(name).is_some()
}

/// Of how many files the one of this name says that it is.
pub(super) fn shard_count(name: &str) -> Option<usize> {
    let (number, count) = name.strip_prefix("model-")?.strip_suffix(".safetensors")?.split_once("-of-")?;
    let (number, count): (usize, usize) = (number.parse().ok()?, count.parse().ok()?);
    // The way back tells signs and missing zeros.
    ((1..=count).contains(&number) && name == shard_name(number, count)).then_some(count)
}

/// The index as JSON.
#[derive(Serialize, Deserialize)]
pub(super) struct Index {
    #[serde(default, skip_deserializing)]
    pub metadata: IndexMetadata,
    pub weight_map: BTreeMap<String, String>,
}

/// What the index says beside; other programs write more or nothing, and it is not read.
#[derive(Default, Serialize)]
pub(super) struct IndexMetadata {
    /// Bytes of all tensors.
    pub total_size: u64,
}

/// The files of a model's weights, opened one after the other and compared with the index.
#[derive(Debug)]
pub struct Shards {
    files: Vec<String>,
    places: Option<BTreeMap<String, String>>,
    seen: BTreeMap<String, String>,
}

impl Shards {
    /// Those of the model's files that hold weights.
    pub fn of<'a>(names: impl IntoIterator<Item = &'a str>) -> Shards {
        let files = names.into_iter().filter(|name| is_weights(name)).map(String::from).collect();
        Shards { files, places: None, seen: BTreeMap::new() }
    }

    /// Their names, in the order in which they were given.
    pub fn files(&self) -> &[String] {
        &self.files
    }

    /// The index has come.
    ///
    /// # Errors
    ///
    /// [`Error::Model`] if it is no index, or names a file that is not among those of the model.
    pub fn read_index(&mut self, json: &[u8]) -> Result<()> {
        let broken = |reason| invalid(INDEX, reason);
        if json.len() > MAX_INDEX_BYTES {
            return Err(broken(format!("it has {} bytes; expected at most {MAX_INDEX_BYTES}", json.len())));
        }
        let index: Index =
            serde_json::from_slice(json).map_err(|error| broken(format!("it is not an index of weights: {error}")))?;
        if let Some((tensor, file)) = index.weight_map.iter().find(|(_, file)| !self.files.contains(file)) {
            return Err(broken(format!("it has tensor `{tensor}` in {file}, which is no file of this model")));
        }
        self.places = Some(index.weight_map);
        Ok(())
    }

    /// The tensors of one file, whose bytes have been verified.
    ///
    /// # Errors
    ///
    /// Those of [`Weights::parse`]; [`Error::Model`] naming file and tensor if the index, which has to
    /// come before any file but [`WEIGHTS`], says otherwise, or if another file has the tensor, too.
    pub fn open(&mut self, file: &str, bytes: Vec<u8>) -> Result<Weights> {
        let weights = Weights::parse(file, bytes)?;
        if self.places.is_none() && file != WEIGHTS {
            return Err(invalid(INDEX, format!("the file is missing, and {file} needs it")));
        }
        let broken = |tensor: &str, reason| Err(invalid(file, format!("tensor `{tensor}` {reason}")));
        for tensor in weights.tensors().keys() {
            if let Some(other) = self.seen.insert(tensor.clone(), file.into()) {
                return broken(tensor, format!("is in {other}, too"));
            }
            match self.places.as_ref().map(|places| places.get(tensor)) {
                Some(None) => return broken(tensor, format!("is not in {INDEX}")),
                Some(Some(place)) if place != file => return broken(tensor, format!("is in {place}, says {INDEX}")),
                _ => {}
            }
        }
        let is_missing =
            |(tensor, place): &(&String, &String)| *place == file && !weights.tensors().contains_key(*tensor);
        match self.places.iter().flatten().find(is_missing) {
            Some((tensor, _)) => broken(tensor, format!("is missing, and {INDEX} says that it is here")),
            None => Ok(weights),
        }
    }

    /// The file to name where a tensor is in none.
    pub fn list(&self) -> &'static str {
        if self.places.is_some() { INDEX } else { WEIGHTS }
    }
}

/// Takes the files of the weights out of a model's files, and all their tensors together, for who
/// has the memory. Messages name them [`WEIGHTS`].
///
/// # Errors
///
/// [`Error::Model`] if there are none; those of [`Shards`].
pub fn take_weights(files: &mut BTreeMap<String, Vec<u8>>) -> Result<Weights> {
    let mut shards = Shards::of(files.keys().map(String::as_str));
    if let Some(json) = files.remove(INDEX) {
        shards.read_index(&json)?;
    }
    let names = shards.files().to_vec();
    let mut all: Option<Weights> = None;
    for name in names {
        let weights = shards.open(&name, files.remove(&name).unwrap_or_default())?;
        match &mut all {
            Some(all) => all.absorb(weights),
            None => all = Some(weights.named(WEIGHTS)),
        }
    }
    all.ok_or_else(|| invalid(WEIGHTS, "the file is missing".into()))
}

fn invalid(file: &str, reason: String) -> Error {
    Error::Model { file: file.into(), reason: reason.chars().take(300).collect() }
}
