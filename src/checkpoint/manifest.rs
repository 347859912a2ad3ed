//! `manifest.json`: which files a model has, how long they are, and their SHA-256.
//!
//! ```json
//! { "format": "oneflow-web/1", "name": "storyworld-nano", "version": "0.1.0",
//!   "files": [{ "name": "config.json", "size_bytes": 123, "sha256": "64 hex digits" }] }
//! ```
//!
//! Further fields are ignored. The files lie beside the manifest; there are no folders below it.

use std::collections::BTreeMap;
use std::fmt::Write;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::shards::{INDEX, WEIGHTS, is_weights, shard_count, shard_name};
use crate::error::{Error, Result};

/// The manifest's own name.
pub const MANIFEST: &str = "manifest.json";
/// The network's sizes.
pub const CONFIG: &str = "config.json";
/// The vocabulary.
pub const TOKENIZER: &str = "tokenizer.json";

const FORMAT: &str = "oneflow-web/1";
const MAX_MANIFEST_BYTES: usize = 1 << 20;
const MAX_FILES: usize = 256;
const MAX_TOTAL_BYTES: u64 = 1 << 33;
const MAX_NAME_BYTES: usize = 128;

/// The list of a model's files. Names are unique and plain, [`CONFIG`], [`TOKENIZER`] and either
/// [`WEIGHTS`] or all shards and their [`INDEX`] are there, and the sizes are within limits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Manifest {
    name: String,
    version: String,
    files: Vec<FileEntry>,
}

/// One file of a model.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileEntry {
    /// Its name in the model's folder.
    pub name: String,
    /// Its length.
    pub size_bytes: u64,
    /// Its SHA-256, 64 lower-case hex digits.
    pub sha256: String,
}

impl Manifest {
    /// Reads a manifest, which may come from anywhere.
    ///
    /// # Errors
    ///
    /// [`Error::Manifest`] if it is longer than 1 MiB, no JSON of this format, or breaks one of the
    /// limits: 256 files, 8 GiB in all, 128 bytes of letters, digits and `. _ -` for a name.
    pub fn parse(json: &[u8]) -> Result<Manifest> {
        if json.len() > MAX_MANIFEST_BYTES {
            return Err(invalid(format!("it has {} bytes; expected at most {MAX_MANIFEST_BYTES}", json.len())));
        }
        if json.trim_ascii_start().first() == Some(&b'<') {
            return Err(invalid("it is an HTML or XML page and not JSON; check the model's address".into()));
        }
        let document: Document =
            serde_json::from_slice(json).map_err(|error| invalid(format!("it is not a manifest: {error}")))?;
        if document.format != FORMAT {
            return Err(invalid(format!("its format is {:?}; expected {FORMAT:?}", document.format)));
        }
        Manifest::new(document.name, document.version, document.files)
    }

    /// The manifest of files that are in memory.
    ///
    /// # Errors
    ///
    /// [`Error::Manifest`] if a name or a size is outside the limits of [`Manifest::parse`].
    pub fn of_files(name: &str, version: &str, files: &BTreeMap<String, Vec<u8>>) -> Result<Manifest> {
        let files = files.iter().map(|(name, bytes)| FileEntry::of_file(name, bytes)).collect();
        Manifest::new(name.into(), version.into(), files)
    }

    pub(super) fn new(name: String, version: String, files: Vec<FileEntry>) -> Result<Manifest> {
        for (field, text) in [("name", &name), ("version", &version)] {
            if text.is_empty() || text.len() > MAX_NAME_BYTES || text.contains(char::is_control) {
                return Err(invalid(format!("`{field}` is {text:?}; expected 1 to {MAX_NAME_BYTES} bytes of text")));
            }
        }
        if files.len() > MAX_FILES {
            return Err(invalid(format!("it lists {} files; expected at most {MAX_FILES}", files.len())));
        }
        let mut total_bytes = 0u64;
        for (i, file) in files.iter().enumerate() {
            file.check()?;
            // Some file systems do not tell `A` from `a`.
            if files[..i].iter().any(|other| other.name.eq_ignore_ascii_case(&file.name)) {
                return Err(invalid(format!("it lists {} twice", file.name)));
            }
            total_bytes = total_bytes.saturating_add(file.size_bytes);
        }
        if total_bytes > MAX_TOTAL_BYTES {
            return Err(invalid(format!("its files have {total_bytes} bytes; expected at most {MAX_TOTAL_BYTES}")));
        }
        let manifest = Manifest { name, version, files };
        match manifest.missing() {
            Some(missing) => Err(invalid(format!("it does not list {missing}"))),
            None => manifest.check_shards(),
        }
    }

    /// A file that a model cannot do without and that is not listed.
    fn missing(&self) -> Option<String> {
        let is_missing = |name: &str| self.file(name).is_none();
        if let Some(name) = [CONFIG, TOKENIZER].into_iter().find(|name| is_missing(name)) {
            return Some(name.into());
        }
        match self.files.iter().find_map(|file| shard_count(&file.name)) {
            // At most one more than there are files is looked for.
            Some(count) => {
                (1..=count).map(|i| shard_name(i, count)).chain([INDEX.into()]).find(|name| is_missing(name))
            }
            None => Some(WEIGHTS.into()).filter(|name: &String| is_missing(name)),
        }
    }

    /// Shards of one model, and no file of all weights beside them.
    fn check_shards(self) -> Result<Manifest> {
        let mut weights = self.files.iter().map(|file| &file.name).filter(|name| is_weights(name));
        if let Some(first) = weights.next()
            && let Some(other) = weights.find(|name| shard_count(name) != shard_count(first))
        {
            return Err(invalid(format!("it lists both {first} and {other}, which are of two models")));
        }
        Ok(self)
    }

    /// The manifest as JSON, the same bytes each time.
    pub fn to_json(&self) -> String {
        let document = Document {
            format: FORMAT.into(),
            name: self.name.clone(),
            version: self.version.clone(),
            files: self.files.clone(),
        };
        // Strings and whole numbers only: there is nothing in it that JSON cannot hold.
        serde_json::to_string_pretty(&document).expect("a document of strings and numbers") + "\n"
    }

    /// The model's name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The model's version.
    pub fn version(&self) -> &str {
        &self.version
    }

    /// The files in the order in which they are listed.
    pub fn files(&self) -> &[FileEntry] {
        &self.files
    }

    /// Their names.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.files.iter().map(|file| file.name.as_str())
    }

    /// The files in the order in which to fetch them: what says how to read weights, then weights.
    pub fn fetch_order(&self) -> impl Iterator<Item = &FileEntry> {
        let is_weights = |file: &&FileEntry| is_weights(&file.name);
        self.files.iter().filter(move |file| !is_weights(file)).chain(self.files.iter().filter(is_weights))
    }

    /// The entry of one file.
    pub fn file(&self, name: &str) -> Option<&FileEntry> {
        self.files.iter().find(|file| file.name == name)
    }

    /// The length of all files together.
    pub fn total_bytes(&self) -> u64 {
        self.files.iter().map(|file| file.size_bytes).sum()
    }
}

impl FileEntry {
    pub(super) fn of_file(name: &str, bytes: &[u8]) -> FileEntry {
        FileEntry { name: name.into(), size_bytes: bytes.len() as u64, sha256: hex(&Sha256::digest(bytes)) }
    }

    pub(super) fn check(&self) -> Result<()> {
        let FileEntry { name, size_bytes: _, sha256 } = self;
        let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-');
        if name.is_empty() || name.len() > MAX_NAME_BYTES || name.starts_with('.') || !name.bytes().all(is_plain) {
            return Err(invalid(format!(
                "a file is called {name:?}; expected 1 to {MAX_NAME_BYTES} letters, digits and . _ -, no . in front"
            )));
        }
        if name.eq_ignore_ascii_case(MANIFEST) {
            return Err(invalid("it lists itself".into()));
        }
        if sha256.len() != 64 || !sha256.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f')) {
            return Err(invalid(format!("the sha256 of {name} is {sha256:?}; expected 64 lower-case hex digits")));
        }
        Ok(())
    }
}

/// Bytes in lower-case hex digits.
pub(super) fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::with_capacity(2 * bytes.len()), |mut text, byte| {
        // Writing to a string cannot fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}

#[derive(Serialize, Deserialize)]
struct Document {
    format: String,
    name: String,
    version: String,
    files: Vec<FileEntry>,
}

/// A manifest may quote a megabyte of nonsense; the beginning says enough.
fn invalid(reason: String) -> Error {
    Error::Manifest { reason: reason.chars().take(300).collect() }
}
