//! Anybody's documents: JSON Lines with pictures beside them, or WebDataset shards.
//!
//! A record is a JSON object:
//!
//! ```json
//! {
//!   "id": "7",
//!   "prompt": "A shy fox in the forest.",
//!   "parts": [
//!     { "type": "text", "text": "Once there was a shy fox." },
//!     { "type": "image", "file": "7/0.png" }
//!   ]
//! }
//! ```
//!
//! - `id`: a string, for messages; may be missing.
//! - `prompt`: a string; may be missing or empty.
//! - `parts`: at least one, in reading order. A text follows the text before it without a space of
//!   its own. A picture is a PNG of the codec's size.
//! - `asked`: `[from, to]`, the parts that are to be learned, `from` included and `to` not; may be
//!   missing, and then it is all of them.
//! - Other fields, of the record and of its parts, are not read.
//!
//! In a `.jsonl` file each line is a record and `file` is a path relative to the file's folder. In
//! a WebDataset shard (`.tar`) a sample is `KEY.json` and its pictures `KEY.SUFFIX`, and `file` is
//! the suffix, such as `0.png`.

mod export;
mod jsonl;
mod order;
mod record;
mod shards;

pub use export::{Format, export};
pub use jsonl::JsonLines;
pub use shards::Shards;

use std::path::Path;

use super::document::Documents;
use crate::error::{Error, Result};

/// The documents of a `.jsonl` file, a `.tar` file, or a folder of `.tar` files; pictures are
/// `image_px` pixels wide and high, `seed` determines the order of each pass.
///
/// # Errors
///
/// [`Error::Io`] for a path that cannot be read; [`Error::Data`] for one that is none of these, or
/// that holds no documents.
pub fn open(path: &Path, image_px: usize, seed: u64) -> Result<Box<dyn Documents>> {
    let extension = path.extension().and_then(|extension| extension.to_str());
    if path.is_dir() || extension == Some("tar") {
        Ok(Box::new(Shards::open(path, image_px, seed)?))
    } else if extension == Some("jsonl") {
        Ok(Box::new(JsonLines::open(path, image_px, seed)?))
    } else {
        Err(Error::Data {
            file: path.display().to_string(),
            line: 0,
            field: "path".into(),
            reason: "expected a .jsonl file, a .tar file, or a folder of .tar files".into(),
        })
    }
}
