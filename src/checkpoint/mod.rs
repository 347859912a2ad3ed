//! A model as files: the manifest, the weights, and their way in and out.
//!
//! ```text
//! storyworld-nano/
//!   manifest.json        what there is: name, size and SHA-256 of each file   (manifest)
//!   config.json          the network's sizes and the sampler's defaults
//!   tokenizer.json       the vocabulary, as Hugging Face writes it
//!   model.safetensors    the weights, by name                                 (safetensors)
//! ```
//!
//! or, for the last, several files and an index ([`shards`]); one file is one shard.
//!
//! Files arrive in chunks from wherever they come ([`Incoming`]), and each is handed out when it is
//! what the manifest says, never before. [`load::Assembly`] takes them one by one, so that of the
//! weights no more than one file is in memory. In a browser JavaScript fetches them; natively
//! [`folder`] reads and writes them. Only this module knows byte layouts, and nothing in it runs code from a
//! file: a model is data.
//!
//! Weights are `F32`, `F16`, or blocks of int8 or int4 ([`blocks`]). [`Weights::take_stored`] gives
//! them as they are, which is how a model is loaded, and [`Weights::take_f32`] as numbers.

pub mod blocks;
pub mod load;
mod manifest;
mod reader;
mod safetensors;
pub mod shards;
mod stored;

/// Models in folders of the file system.
#[cfg(not(target_family = "wasm"))]
pub mod folder;
#[cfg(not(target_family = "wasm"))]
mod gather;
/// Weights cut into files.
#[cfg(not(target_family = "wasm"))]
pub mod cut;
/// A model of any size that says nothing.
#[cfg(not(target_family = "wasm"))]
pub mod made_up;

pub use manifest::{CONFIG, FileEntry, MANIFEST, Manifest, TOKENIZER};
pub use reader::Incoming;
pub use safetensors::{Weights, safetensors_from_tensors};
pub use shards::WEIGHTS;
pub use stored::{Dtype, StoredTensor};
