//! Weights cut into files of about one size.
//!
//! Tensors keep the order of their names, so the same weights and size give the same files. A
//! tensor is never cut, and its scales go with it; one above the size has a file of its own.

use std::collections::BTreeMap;
use std::ops::Range;

use super::blocks::SCALES;
use super::safetensors::Weights;
use super::shards::{INDEX, Index, IndexMetadata, WEIGHTS, shard_name, take_weights};
use crate::error::{Error, Result};

/// Which tensors go into one file: runs of them of at most `max_bytes`, or of one tensor.
pub fn cut(sizes_bytes: &[u64], max_bytes: u64) -> Vec<Range<usize>> {
    let mut parts: Vec<Range<usize>> = Vec::new();
    let mut room = 0;
    for (i, &size) in sizes_bytes.iter().enumerate() {
        match parts.last_mut() {
            Some(part) if size <= room => part.end = i + 1,
            _ => {
                parts.push(i..i + 1);
                room = max_bytes;
            }
        }
        room = room.saturating_sub(size);
    }
    parts
}

/// The names of so many files, of which a single one is [`WEIGHTS`].
pub fn file_names(count: usize) -> Vec<String> {
    match count {
        1 => vec![WEIGHTS.into()],
        _ => (1..=count).map(|number| shard_name(number, count)).collect(),
    }
}

/// The files of a model with its weights in files of at most `max_bytes` of tensors, and the index
/// that these need; in one file, without an index, if they fit.
///
/// # Errors
///
/// Those of [`take_weights`].
pub fn with_shards(mut files: BTreeMap<String, Vec<u8>>, max_bytes: u64) -> Result<BTreeMap<String, Vec<u8>>> {
    let mut weights = take_weights(&mut files)?;
    let is_scales = |name: &str| name.strip_suffix(SCALES).is_some_and(|name| weights.blocks().contains_key(name));
    let names: Vec<String> = weights.tensors().keys().filter(|name| !is_scales(name)).cloned().collect();
    let sizes: Vec<u64> = names.iter().map(|name| weights.size_bytes(name)).collect();
    let parts = cut(&sizes, max_bytes);
    let mut listing = Listing::default();
    for (file, part) in file_names(parts.len()).into_iter().zip(parts) {
        let mut shard = Weights::empty(&file, weights.metadata().clone());
        for name in &names[part] {
            shard.adopt(name, &mut weights)?;
        }
        listing.add(&shard);
        files.insert(file, shard.to_file());
    }
    files.extend(listing.to_file()?);
    Ok(files)
}

/// The index in the making.
#[derive(Default)]
pub struct Listing {
    weight_map: BTreeMap<String, String>,
    total_size: u64,
}

impl Listing {
    /// Lists the tensors of one file.
    pub fn add(&mut self, shard: &Weights) {
        for (name, tensor) in shard.tensors() {
            self.weight_map.insert(name.clone(), shard.file().into());
            self.total_size += tensor.bytes().len() as u64;
        }
    }

    /// The index and its name; none for what is in [`WEIGHTS`].
    ///
    /// # Errors
    ///
    /// [`Error::Internal`] if it is no JSON.
    pub fn to_file(self) -> Result<Option<(String, Vec<u8>)>> {
        if self.weight_map.values().all(|file| file == WEIGHTS) {
            return Ok(None);
        }
        let metadata = IndexMetadata { total_size: self.total_size };
        let json = serde_json::to_string_pretty(&Index { metadata, weight_map: self.weight_map })
            .map_err(|error| Error::Internal { reason: format!("the index of the weights: {error}") })?;
        Ok(Some((INDEX.into(), (json + "\n").into_bytes())))
    }
}
