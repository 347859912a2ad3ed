//! Weights gathered tensor by tensor, to become a file.

use std::collections::BTreeMap;

use super::blocks::{BLOCKS, SCALES};
use super::safetensors::{Weights, safetensors_from_tensors};
use super::stored::{Dtype, StoredTensor};
use crate::error::{Error, Result};
use crate::ops::stored::StoredNumbers;

impl Weights {
    /// No tensors yet. What `metadata` says of blocks does not count.
    pub fn empty(file: &str, metadata: BTreeMap<String, String>) -> Weights {
        Weights { file: file.into(), metadata, blocks: BTreeMap::new(), tensors: BTreeMap::new() }
    }

    /// Bytes of a tensor, its scales included; 0 if there is none of this name.
    pub fn size_bytes(&self, name: &str) -> u64 {
        let size = |name: &str| self.tensors.get(name).map_or(0, |tensor| tensor.bytes().len() as u64);
        size(name) + if self.blocks.contains_key(name) { size(&format!("{name}{SCALES}")) } else { 0 }
    }

    /// The file that [`parse`](Self::parse) reads.
    pub fn to_file(&self) -> Vec<u8> {
        let mut metadata = self.metadata.clone();
        metadata.remove(BLOCKS);
        if !self.blocks.is_empty() {
            // A map of words and numbers always serialises.
            metadata.insert(BLOCKS.into(), serde_json::to_string(&self.blocks).unwrap_or_default());
        }
        safetensors_from_tensors(&self.tensors, &metadata)
    }

    /// Takes a tensor over from another file, blocks with their scales.
    ///
    /// # Errors
    ///
    /// [`Error::Model`] if there is none of this name.
    pub fn adopt(&mut self, name: &str, from: &mut Weights) -> Result<()> {
        self.tensors.insert(name.into(), from.take(name)?);
        if let Some(spec) = from.blocks.remove(name) {
            let scales = format!("{name}{SCALES}");
            self.tensors.insert(scales.clone(), from.take(&scales)?);
            self.blocks.insert(name.into(), spec);
        }
        Ok(())
    }

    /// Adds numbers in the storage that they are in; `shape` is that of floats.
    ///
    /// # Errors
    ///
    /// [`Error::Internal`] if they do not fill their shape.
    pub fn insert(&mut self, name: &str, shape: &[usize], numbers: &StoredNumbers) -> Result<()> {
        let odd = || Error::Internal { reason: format!("the numbers of `{name}` do not fill their shape") };
        let tensor = match numbers {
            StoredNumbers::F32(values) => StoredTensor::f32(shape, values).ok_or_else(odd)?,
            StoredNumbers::F16(values) => {
                let bytes = values.iter().flat_map(|half| half.to_le_bytes()).collect();
                StoredTensor::new(Dtype::F16, shape, bytes).ok_or_else(odd)?
            }
            StoredNumbers::Blocks(blocks) => {
                let (packed, scales) = blocks.to_tensors().ok_or_else(odd)?;
                self.tensors.insert(format!("{name}{SCALES}"), scales);
                self.blocks.insert(name.into(), *blocks.spec());
                packed
            }
        };
        self.tensors.insert(name.into(), tensor);
        Ok(())
    }
}
