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
//! Files arrive in chunks from wherever they come ([`Incoming`]) and are handed out when all are
//! what the manifest says, never before. In a browser JavaScript fetches them; natively [`folder`]
//! reads and writes them. Only this module knows byte layouts, and nothing in it runs code from a
//! file: a model is data.
//!
//! Not supported yet: weights in several files, and blocks of int8 or int4. The second has its
//! place: such a tensor is stored as `U8` or `U32` beside its `F16` scales, described in the
//! header's metadata, and [`Weights::take`] gives it as it is.

pub mod load;
mod manifest;
mod reader;
mod safetensors;
mod stored;

/// Models in folders of the file system.
#[cfg(not(target_family = "wasm"))]
pub mod folder;

pub use manifest::{CONFIG, FileEntry, MANIFEST, Manifest, TOKENIZER, WEIGHTS};
pub use reader::Incoming;
pub use safetensors::{Weights, safetensors_from_tensors};
pub use stored::{Dtype, StoredTensor};
