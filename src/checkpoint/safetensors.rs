//! Weights by name: the safetensors format, read and written.
//!
//! ```text
//! byte  0                8                     8 + n                              end
//!       │ n: u64, little │ header: n bytes of  │ the tensors, little-endian and   │
//!       │ endian         │ JSON, spaces at end │ row-major, with nothing between  │
//!
//! header  { "__metadata__": { "key": "value", … },
//!           "name": { "dtype": "F32", "shape": [2, 3], "data_offsets": [0, 24] }, … }
//! ```
//!
//! `data_offsets` are begin and end, counted from byte 8 + n. The format is Hugging Face's; this
//! reader is stricter than its `safetensors` crate, which takes the last of two tensors of one
//! name and does not say which tensor is wrong. The writer gives the crate's bytes.

use std::collections::BTreeMap;
use std::fmt;

use serde::de::{Deserialize, Deserializer, Error as _, MapAccess, Visitor};
use serde::ser::{Serialize, SerializeMap, Serializer};

use super::blocks::{BLOCKS, BlockSpec, Blocks, SCALES, check_tensors};
use super::stored::{Dtype, StoredTensor, size_bytes};
use crate::error::{Error, Result};
use crate::ops::stored::StoredNumbers;

const LENGTH_BYTES: usize = 8;
const MAX_HEADER_BYTES: u64 = 10 << 20;
const METADATA: &str = "__metadata__";

/// The tensors of one file, to be taken out one by one; what is taken no longer needs memory here.
#[derive(Debug)]
pub struct Weights {
    pub(super) file: String,
    pub(super) metadata: BTreeMap<String, String>,
    pub(super) blocks: BTreeMap<String, BlockSpec>,
    pub(super) tensors: BTreeMap<String, StoredTensor>,
}

impl Weights {
    /// Reads a safetensors file; `file` is its name, for the messages.
    ///
    /// Needs the memory of the file and of its largest tensor: the tensors are cut off the end of
    /// `bytes` one after the other.
    ///
    /// # Errors
    ///
    /// [`Error::Model`] if the header is longer than the file or than 10 MiB, is no JSON of this
    /// form or has a name twice; if a tensor's dtype is not one of [`Dtype`]; if shapes and offsets
    /// do not cover the data exactly, each byte once; or if what the metadata says of `blocks` is
    /// not true of the tensors.
    pub fn parse(file: &str, mut bytes: Vec<u8>) -> Result<Weights> {
        let invalid = |reason| invalid(file, reason);
        let (header, data_start) = split_header(&bytes).map_err(invalid)?;
        let header: Header = serde_json::from_slice(header)
            .map_err(|error| invalid(format!("its header is not that of a safetensors file: {error}")))?;
        let entries = ordered_entries(header.tensors, bytes.len() - data_start).map_err(invalid)?;

        let mut tensors = BTreeMap::new();
        for Entry { name, dtype, shape, start } in entries.into_iter().rev() {
            let tensor = StoredTensor::new(dtype, &shape, bytes.split_off(data_start + start))
                .ok_or_else(|| invalid(format!("tensor `{name}` is cut")))?;
            bytes.shrink_to_fit();
            tensors.insert(name, tensor);
        }
        let blocks = described_blocks(&header.metadata, &tensors).map_err(invalid)?;
        Ok(Weights { file: file.into(), metadata: header.metadata, blocks, tensors })
    }

    /// The name of the file, for messages.
    pub fn file(&self) -> &str {
        &self.file
    }

    /// What the header says beside the tensors.
    pub fn metadata(&self) -> &BTreeMap<String, String> {
        &self.metadata
    }

    /// Which of the tensors are in blocks, and how.
    pub fn blocks(&self) -> &BTreeMap<String, BlockSpec> {
        &self.blocks
    }

    /// The tensors that have not been taken, in order of their names; blocks and their scales are
    /// two.
    pub fn tensors(&self) -> &BTreeMap<String, StoredTensor> {
        &self.tensors
    }

    /// Adds the tensors of another file; those of the same name are replaced.
    pub(super) fn absorb(&mut self, other: Weights) {
        self.metadata.extend(other.metadata);
        self.blocks.extend(other.blocks);
        self.tensors.extend(other.tensors);
    }

    /// The same under another file's name.
    pub(super) fn named(self, file: &str) -> Weights {
        Weights { file: file.into(), ..self }
    }

    /// Takes out a tensor in whatever storage it is in.
    ///
    /// # Errors
    ///
    /// [`Error::Model`] if there is none of this name, or none any more.
    pub fn take(&mut self, name: &str) -> Result<StoredTensor> {
        self.tensors.remove(name).ok_or_else(|| self.invalid(name, "is missing".into()))
    }

    /// Takes out a matrix in blocks as it is.
    ///
    /// # Errors
    ///
    /// [`Error::Model`] if there is none of this name, if it is not in blocks, or if a scale is
    /// infinite or no number.
    pub fn take_blocks(&mut self, name: &str) -> Result<Blocks> {
        let spec = self.blocks.remove(name).ok_or_else(|| self.invalid(name, "is missing, or not in blocks".into()))?;
        let packed = self.take(name)?;
        let scales = self.take(&format!("{name}{SCALES}"))?;
        Blocks::from_tensors(spec, &packed, &scales).map_err(|reason| self.invalid(name, reason))
    }

    /// Takes out a tensor of `F32`, of `F16` or in blocks as numbers, all of them finite.
    ///
    /// # Errors
    ///
    /// Those of [`take_stored`](Self::take_stored).
    pub fn take_f32(&mut self, name: &str, expected_shape: &[usize]) -> Result<Vec<f32>> {
        Ok(self.take_stored(name, expected_shape)?.into_f32())
    }

    /// Takes out a tensor of `F32`, of `F16` or in blocks in that storage, all numbers finite.
    ///
    /// # Errors
    ///
    /// [`Error::Model`] if there is none of this name, or if it is of another shape, of another
    /// dtype, or holds a number or a scale that is infinite or none at all.
    pub fn take_stored(&mut self, name: &str, expected_shape: &[usize]) -> Result<StoredNumbers> {
        let blocks = self.blocks.get(name).map(|spec| spec.shape);
        let found_shape = match blocks {
            Some(shape) => shape.to_vec(),
            None => match self.tensors.get(name) {
                Some(tensor) => tensor.shape().to_vec(),
                None => return Err(self.invalid(name, "is missing".into())),
            },
        };
        if found_shape != expected_shape {
            return Err(self.invalid(name, format!("has shape {found_shape:?}; expected {expected_shape:?}")));
        }
        if blocks.is_some() {
            return Ok(StoredNumbers::Blocks(self.take_blocks(name)?));
        }
        let tensor = self.take(name)?;
        let dtype = tensor.dtype().name();
        let numbers = match tensor.dtype() {
            Dtype::F16 => Some(StoredNumbers::F16(tensor.to_f16())),
            _ => tensor.to_f32().map(StoredNumbers::F32),
        };
        let numbers = numbers.ok_or_else(|| self.invalid(name, format!("has dtype {dtype}; expected F32 or F16")))?;
        match numbers.first_not_finite() {
            Some((place, value)) => {
                Err(self.invalid(name, format!("has {value} at place {place}; expected finite numbers")))
            }
            None => Ok(numbers),
        }
    }

    /// The model has taken all it wanted.
    ///
    /// # Errors
    ///
    /// [`Error::Model`] if a tensor is left over: the file is of another model.
    pub fn finish(self) -> Result<()> {
        let Some((name, _)) = self.tensors.first_key_value() else { return Ok(()) };
        let n = self.tensors.len();
        Err(invalid(&self.file, format!("{n} of its tensors have no place in this model, such as `{name}`")))
    }

    fn invalid(&self, name: &str, reason: String) -> Error {
        invalid(&self.file, format!("tensor `{name}` {reason}"))
    }
}

/// Writes a safetensors file: wide numbers first so that all are aligned, then in order of the
/// names; the same bytes each time. The name `__metadata__` is not free for a tensor.
pub fn safetensors_from_tensors(
    tensors: &BTreeMap<String, StoredTensor>,
    metadata: &BTreeMap<String, String>,
) -> Vec<u8> {
    let mut ordered: Vec<_> = tensors.iter().collect();
    ordered.sort_by_key(|(_, tensor)| std::cmp::Reverse(tensor.dtype().size_bytes()));
    let mut header = Header { metadata: metadata.clone(), tensors: Vec::new() };
    let mut end = 0;
    for (name, tensor) in &ordered {
        let start = end;
        end += tensor.bytes().len();
        let dtype = tensor.dtype().name().into();
        header
            .tensors
            .push(((*name).clone(), Info { dtype, shape: tensor.shape().into(), data_offsets: (start, end) }));
    }
    // Strings and whole numbers only: there is nothing in it that JSON cannot hold.
    let mut json = serde_json::to_vec(&header).expect("a header of strings and numbers");
    json.resize(json.len().next_multiple_of(LENGTH_BYTES), b' ');

    let mut bytes = Vec::with_capacity(LENGTH_BYTES + json.len() + end);
    bytes.extend_from_slice(&(json.len() as u64).to_le_bytes());
    bytes.extend_from_slice(&json);
    for (_, tensor) in ordered {
        bytes.extend_from_slice(tensor.bytes());
    }
    bytes
}

/// What the metadata says of blocks, compared with the tensors.
fn described_blocks(
    metadata: &BTreeMap<String, String>,
    tensors: &BTreeMap<String, StoredTensor>,
) -> Result<BTreeMap<String, BlockSpec>, String> {
    let Some(json) = metadata.get(BLOCKS) else { return Ok(BTreeMap::new()) };
    let blocks: BTreeMap<String, BlockSpec> = serde_json::from_str(json)
        .map_err(|error| format!("its metadata `{BLOCKS}` is not a description of blocks: {error}"))?;
    for (name, spec) in &blocks {
        let find = |wanted: &str| {
            let missing =
                || format!("tensor `{wanted}` is missing; blocks and scales of `{name}` have to be in one file");
            tensors.get(wanted).ok_or_else(missing)
        };
        let (packed, scales) = (find(name)?, find(&format!("{name}{SCALES}"))?);
        check_tensors(spec, packed, scales).map_err(|reason| format!("tensor `{name}` {reason}"))?;
    }
    Ok(blocks)
}

/// The header, and where the data begins.
fn split_header(bytes: &[u8]) -> Result<(&[u8], usize), String> {
    let (length, rest) = bytes
        .split_first_chunk::<LENGTH_BYTES>()
        .ok_or_else(|| format!("it has {} bytes; expected a safetensors file", bytes.len()))?;
    let length = u64::from_le_bytes(*length);
    if length > MAX_HEADER_BYTES {
        return Err(format!("its header is to have {length} bytes; expected at most {MAX_HEADER_BYTES}"));
    }
    // At most 10 MiB, which every machine can count.
    let length = length as usize;
    let header =
        rest.get(..length).ok_or_else(|| format!("its header is to have {length} bytes; {} are there", rest.len()))?;
    if header.first() != Some(&b'{') {
        return Err("its header is not JSON; expected a safetensors file".into());
    }
    Ok((header, LENGTH_BYTES + length))
}

/// A tensor whose place in the data has been checked.
struct Entry {
    name: String,
    dtype: Dtype,
    shape: Vec<usize>,
    start: usize,
}

/// The tensors in order of their data, which they cover without gap or overlap.
fn ordered_entries(mut tensors: Vec<(String, Info)>, data_bytes: usize) -> Result<Vec<Entry>, String> {
    tensors.sort_by(|(a_name, a), (b_name, b)| (a.data_offsets, a_name).cmp(&(b.data_offsets, b_name)));
    let mut entries = Vec::with_capacity(tensors.len());
    let mut covered = 0;
    for (name, Info { dtype, shape, data_offsets: (start, end) }) in tensors {
        let dtype = Dtype::from_name(&dtype)
            .ok_or_else(|| format!("tensor `{name}` has dtype {dtype}; expected F32, F16, U32 or U8"))?;
        if start != covered {
            return Err(format!("tensor `{name}` begins at byte {start} of the data; expected {covered}"));
        }
        let size = size_bytes(dtype, &shape)
            .ok_or_else(|| format!("tensor `{name}` has shape {shape:?}, which is too large"))?;
        if start.checked_add(size) != Some(end) {
            return Err(format!(
                "tensor `{name}` has bytes {start} to {end} of the data; expected {size} bytes for {} {shape:?}",
                dtype.name()
            ));
        }
        covered = end;
        entries.push(Entry { name, dtype, shape, start });
    }
    if covered != data_bytes {
        return Err(format!("its tensors take {covered} bytes of data; it has {data_bytes}"));
    }
    Ok(entries)
}

/// The header as JSON has it, tensors in order of appearance.
struct Header {
    metadata: BTreeMap<String, String>,
    tensors: Vec<(String, Info)>,
}

#[derive(serde::Serialize, serde::Deserialize)]
struct Info {
    dtype: String,
    shape: Vec<usize>,
    data_offsets: (usize, usize),
}

impl Serialize for Header {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        if !self.metadata.is_empty() {
            map.serialize_entry(METADATA, &self.metadata)?;
        }
        for (name, info) in &self.tensors {
            map.serialize_entry(name, info)?;
        }
        map.end()
    }
}

impl<'de> Deserialize<'de> for Header {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(HeaderVisitor)
    }
}

struct HeaderVisitor;

impl<'de> Visitor<'de> for HeaderVisitor {
    type Value = Header;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object of tensors")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Header, A::Error> {
        let mut metadata = None;
        let mut tensors = BTreeMap::new();
        while let Some(name) = map.next_key::<String>()? {
            let is_twice = if name == METADATA {
                metadata.replace(map.next_value()?).is_some()
            } else {
                tensors.insert(name.clone(), map.next_value()?).is_some()
            };
            if is_twice {
                return Err(A::Error::custom(format_args!("`{name}` is there twice")));
            }
        }
        Ok(Header { metadata: metadata.unwrap_or_default(), tensors: tensors.into_iter().collect() })
    }
}

/// Names and messages may be as long as the file; the beginning says enough.
fn invalid(file: &str, reason: String) -> Error {
    Error::Model { file: file.into(), reason: reason.chars().take(300).collect() }
}
