//! Files that arrive in chunks, and are what the manifest says before anyone sees them.

use sha2::{Digest, Sha256};

use super::manifest::{FileEntry, Manifest, hex};
use crate::error::{Error, Result};

/// The most memory that is set aside for a file on the word of the manifest alone.
const MAX_TRUSTED_BYTES: u64 = 64 << 20;

/// The files of one model on their way in.
///
/// Chunks of a file come in order; files may come in any order and even at the same time. A file
/// that turns out wrong is forgotten and may be pushed again from its beginning, from another
/// place perhaps; the others stay.
///
/// Takes the memory of the files that have begun and are not finished, and at most a quarter more,
/// for a moment, while a buffer grows.
#[derive(Debug)]
pub struct Incoming {
    files: Vec<Arriving>,
}

#[derive(Debug)]
struct Arriving {
    entry: FileEntry,
    bytes: Vec<u8>,
    hasher: Sha256,
    is_verified: bool,
}

impl Incoming {
    /// Nothing has arrived yet.
    pub fn new(manifest: &Manifest) -> Incoming {
        let files = manifest.files().iter().map(|entry| Arriving {
            entry: entry.clone(),
            bytes: Vec::new(),
            hasher: Sha256::new(),
            is_verified: false,
        });
        Incoming { files: files.collect() }
    }

    /// The next bytes of a file; a chunk may have any length.
    ///
    /// # Errors
    ///
    /// [`Error::Integrity`] if the manifest does not list the file, if it was finished before, or
    /// as soon as it is longer than listed; [`Error::Internal`] if there is no memory for it.
    pub fn push(&mut self, name: &str, chunk: &[u8]) -> Result<()> {
        self.file(name)?.push(chunk)
    }

    /// A file has arrived whole: compares it with the manifest, and hands it over.
    ///
    /// # Errors
    ///
    /// [`Error::Integrity`] if its length or its SHA-256 is another, if the manifest does not list
    /// it, or if it was finished before.
    pub fn finish_file(&mut self, name: &str) -> Result<Vec<u8>> {
        self.file(name)?.finish()
    }

    /// How many bytes have arrived, of all files together.
    pub fn arrived_bytes(&self) -> u64 {
        let arrived = |file: &Arriving| if file.is_verified { file.entry.size_bytes } else { file.bytes.len() as u64 };
        self.files.iter().map(arrived).sum()
    }

    /// Nothing more will come.
    ///
    /// # Errors
    ///
    /// [`Error::Integrity`] if a file has not been finished.
    pub fn finish(self) -> Result<()> {
        match self.files.iter().find(|file| !file.is_verified) {
            Some(file) => Err(file.differs(
                format!("{} bytes, unfinished", file.bytes.len()),
                format!("{} bytes", file.entry.size_bytes),
            )),
            None => Ok(()),
        }
    }

    fn file(&mut self, name: &str) -> Result<&mut Arriving> {
        self.files.iter_mut().find(|file| file.entry.name == name).ok_or_else(|| Error::Integrity {
            file: name.into(),
            found: "a file that it does not list".into(),
            expected: "a file of the manifest".into(),
        })
    }
}

impl Arriving {
    fn push(&mut self, chunk: &[u8]) -> Result<()> {
        self.check_open()?;
        let n_bytes = self.bytes.len() as u64 + chunk.len() as u64;
        if n_bytes > self.entry.size_bytes {
            let error = self.differs(format!("{n_bytes} bytes or more"), format!("{} bytes", self.entry.size_bytes));
            self.forget();
            return Err(error);
        }
        if n_bytes > self.bytes.capacity() as u64 {
            let capacity = capacity_for(n_bytes, self.entry.size_bytes);
            let additional = usize::try_from(capacity).unwrap_or(usize::MAX) - self.bytes.len();
            self.bytes.try_reserve_exact(additional).map_err(|_| Error::Internal {
                reason: format!("out of memory: {} needs {capacity} bytes", self.entry.name),
            })?;
        }
        self.hasher.update(chunk);
        self.bytes.extend_from_slice(chunk);
        Ok(())
    }

    fn finish(&mut self) -> Result<Vec<u8>> {
        self.check_open()?;
        let n_bytes = self.bytes.len() as u64;
        let error = if n_bytes != self.entry.size_bytes {
            self.differs(format!("{n_bytes} bytes"), format!("{} bytes", self.entry.size_bytes))
        } else {
            let found = hex(&self.hasher.finalize_reset());
            if found == self.entry.sha256 {
                self.is_verified = true;
                return Ok(std::mem::take(&mut self.bytes));
            }
            self.differs(format!("SHA-256 {found}"), format!("SHA-256 {}", self.entry.sha256))
        };
        self.forget();
        Err(error)
    }

    fn check_open(&self) -> Result<()> {
        if self.is_verified {
            return Err(self.differs("bytes after its end".into(), format!("{} bytes", self.entry.size_bytes)));
        }
        Ok(())
    }

    fn forget(&mut self) {
        self.bytes = Vec::new();
        self.hasher.reset();
    }

    fn differs(&self, found: String, expected: String) -> Error {
        Error::Integrity { file: self.entry.name.clone(), found, expected }
    }
}

/// How much memory to have for `n_bytes` of a file that is to be `size_bytes` long: all of it, if
/// it is small or a quarter has arrived, otherwise a quarter, a sixteenth, … A manifest that lies
/// thus costs at most 64 MiB or four times what was sent, and a buffer that has to move never
/// takes more than 1.25 times its new size.
fn capacity_for(n_bytes: u64, size_bytes: u64) -> u64 {
    let mut capacity = size_bytes;
    while capacity > MAX_TRUSTED_BYTES && capacity.div_ceil(4) >= n_bytes {
        capacity = capacity.div_ceil(4);
    }
    capacity
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_follows_what_has_arrived() {
        assert_eq!(capacity_for(1, 0), 0);
        assert_eq!(capacity_for(1, 8 << 20), 8 << 20);
        assert_eq!(capacity_for(1, 64 << 20), 64 << 20);
        assert_eq!(capacity_for(1, 100 << 20), 25 << 20);
        assert_eq!(capacity_for((25 << 20) + 1, 100 << 20), 100 << 20);
        assert!(capacity_for(1, 1 << 33) <= MAX_TRUSTED_BYTES);
        for n_bytes in [1, 1 << 20, 33 << 20, 1 << 29, 1 << 32, 1 << 33] {
            let capacity = capacity_for(n_bytes, 1 << 33);
            assert!(capacity >= n_bytes && capacity <= MAX_TRUSTED_BYTES.max(4 * n_bytes), "{n_bytes}: {capacity}");
        }
    }
}
