//! A model with made-up weights in a folder, for benchmarks and tests of loading: of any size, written
//! file by file, so that no more than one of them is in memory. It has a story to tell of random
//! letters, if anyone waits for it.

use std::collections::BTreeMap;
use std::path::Path;

use serde_json::json;

use super::cut::{Listing, cut, file_names};
use super::folder::FolderWriter;
use super::load::{CODEC_COMPONENTS, CODEC_MEAN, codec_shapes};
use super::manifest::{CONFIG, Manifest, TOKENIZER};
use super::safetensors::Weights;
use crate::error::Result;
use crate::flow::rng::Rng;
use crate::model::config::ModelConfig;
use crate::model::made_up::{Storage, numbers};
use crate::model::network::{WeightSpec, weight_specs};
use crate::model::tokenizer::{Alphabet, BEGIN, IMAGE, PROMPT_END};
use crate::ops::stored::StoredNumbers;

/// Writes a model of this shape with the network's weights in `storage`, in files of at most
/// `max_bytes` of tensors.
///
/// # Errors
///
/// [`Error::Model`](crate::Error::Model) if the shape is none; those of [`FolderWriter`].
pub fn write(path: &Path, config: &ModelConfig, storage: Storage, max_bytes: u64) -> Result<Manifest> {
    config.validate()?;
    let tensors = tensors(config);
    let sizes: Vec<u64> = tensors.values().map(|tensor| tensor.size_bytes(storage)).collect();
    let parts = cut(&sizes, max_bytes);

    let mut writer = FolderWriter::begin(path)?;
    writer.add(CONFIG, config.to_json().as_bytes())?;
    writer.add(TOKENIZER, tokenizer(config.network.vocab_size).to_string().as_bytes())?;
    let mut listing = Listing::default();
    let mut numbered = (0..).zip(&tensors);
    for (file, part) in file_names(parts.len()).iter().zip(parts) {
        let mut shard = Weights::empty(file, BTreeMap::new());
        for (i, (name, tensor)) in numbered.by_ref().take(part.len()) {
            let (shape, numbers) = tensor.numbers(storage, &mut Rng::stream(1, i));
            shard.insert(name, &shape, &numbers)?;
        }
        listing.add(&shard);
        writer.add(file, &shard.to_file())?;
    }
    if let Some((name, json)) = listing.to_file()? {
        writer.add(&name, &json)?;
    }
    writer.finish("made-up", env!("CARGO_PKG_VERSION"))
}

/// What is to be made.
enum Tensor {
    Weight(WeightSpec),
    /// Of the codec: its shape, and the standard deviation of its numbers; all ones without.
    Codec(Vec<usize>, Option<f32>),
}

/// All tensors of a model.
fn tensors(config: &ModelConfig) -> BTreeMap<String, Tensor> {
    let codec = codec_shapes(&config.codec).into_iter().map(|(name, shape)| {
        let std = match name {
            CODEC_MEAN => Some(0.1),
            CODEC_COMPONENTS => Some((1.0 / config.codec.patch_len() as f32).sqrt()),
            _ => None,
        };
        (name.to_string(), Tensor::Codec(shape, std))
    });
    codec.chain(weight_specs(config).into_iter().map(|spec| (spec.name.clone(), Tensor::Weight(spec)))).collect()
}

impl Tensor {
    fn size_bytes(&self, storage: Storage) -> u64 {
        match self {
            Tensor::Weight(spec) => storage.size_bytes(spec),
            Tensor::Codec(shape, _) => 4 * shape.iter().product::<usize>() as u64,
        }
    }

    fn numbers(&self, storage: Storage, rng: &mut Rng) -> (Vec<usize>, StoredNumbers) {
        match self {
            Tensor::Weight(spec) => (spec.shape.to_vec(), numbers(spec, storage, rng)),
            Tensor::Codec(shape, std) => {
                let n = shape.iter().product();
                let values = (0..n).map(|_| std.map_or(1.0, |std| std * rng.normal())).collect();
                (shape.clone(), StoredNumbers::F32(values))
            }
        }
    }
}

/// `tokenizer.json` of so many tokens: the special ones, the bytes, and strings of printable letters,
/// each one letter longer than an earlier token.
fn tokenizer(vocab_size: usize) -> serde_json::Value {
    let special: Vec<_> = [BEGIN, PROMPT_END, IMAGE].into_iter().map(String::from).collect();
    let letters: Vec<String> = ('!'..='~').map(String::from).collect();
    let bytes = Alphabet::new();
    let mut names = special.clone();
    names.extend(('\0'..='\u{143}').filter(|&c| bytes.byte(c).is_some()).map(String::from));
    let mut merges = Vec::new();
    let mut stems = letters.clone();
    for i in 0.. {
        let stem = stems[i].clone();
        for letter in &letters {
            if names.len() >= vocab_size {
                let added =
                    special.iter().zip(0..).map(|(name, id)| json!({ "id": id, "content": name, "special": true }));
                let vocab: BTreeMap<&String, usize> = names.iter().zip(0..).collect();
                return json!({
                    "added_tokens": added.collect::<Vec<_>>(),
                    "pre_tokenizer": { "type": "ByteLevel", "add_prefix_space": false, "use_regex": true },
                    "model": { "type": "BPE", "vocab": vocab, "merges": merges },
                });
            }
            let longer = format!("{stem}{letter}");
            merges.push([stem.clone(), letter.clone()]);
            names.push(longer.clone());
            stems.push(longer);
        }
    }
    unreachable!("there is no longest string")
}
