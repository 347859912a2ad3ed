//! WebDataset shards: tar files in which a sample is `KEY.json` and its pictures `KEY.SUFFIX`.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};

use super::order;
use super::record::{Place, Record};
use crate::data::document::{Document, Documents};
use crate::error::{Error, Result};

/// The documents of one or more shards. Only where the samples are is kept in memory.
#[derive(Debug)]
pub struct Shards {
    samples: Vec<Sample>,
    image_px: usize,
    seed: u64,
}

#[derive(Debug)]
struct Sample {
    shard: PathBuf,
    /// Its number in the shard, counted from 1.
    number: usize,
    key: String,
    /// Start and length of each file, by suffix.
    files: BTreeMap<String, (u64, usize)>,
}

impl Shards {
    /// Finds the samples of a `.tar` file, or of all those in a folder, in the order of their
    /// names; pictures are `image_px` pixels wide and high, `seed` determines the order.
    ///
    /// # Errors
    ///
    /// [`Error::Io`] if something cannot be read, [`Error::Data`] for a file that is no tar, a
    /// sample without `KEY.json`, or no sample at all.
    pub fn open(path: &Path, image_px: usize, seed: u64) -> Result<Self> {
        let mut shards = vec![path.to_owned()];
        if path.is_dir() {
            let entries = fs::read_dir(path).map_err(|error| Error::io(path, error))?;
            let paths = entries.map(|entry| entry.map(|entry| entry.path()).map_err(|error| Error::io(path, error)));
            shards = paths.collect::<Result<Vec<_>>>()?;
            shards.retain(|path| path.extension().is_some_and(|extension| extension == "tar"));
            shards.sort();
        }
        let mut samples = Vec::new();
        for shard in shards {
            samples.extend(index(&shard)?);
        }
        if samples.is_empty() {
            let name = path.display().to_string();
            return Err(Place { file: &name, line: 0 }.error("record", "no samples found, expected .tar files of them"));
        }
        Ok(Self { samples, image_px, seed })
    }
}

impl Documents for Shards {
    fn document(&self, index: u64) -> Result<Document> {
        let sample = &self.samples[order::place(index, self.samples.len() as u64, self.seed) as usize];
        let name = sample.shard.display().to_string();
        let place = Place { file: &name, line: sample.number };
        let read = |suffix: &str| {
            let Some(&(start, len)) = sample.files.get(suffix) else {
                let found: Vec<&str> = sample.files.keys().map(String::as_str).collect();
                return Err(
                    place.error("file", format!("sample {} has no {suffix}, only {}", sample.key, found.join(", ")))
                );
            };
            let mut file = File::open(&sample.shard).map_err(|error| Error::io(&sample.shard, error))?;
            let mut bytes = vec![0; len];
            file.seek(SeekFrom::Start(start))
                .and_then(|_| file.read_exact(&mut bytes))
                .map_err(|error| Error::io(&sample.shard, error))?;
            Ok(bytes)
        };
        Record::parse(&read("json")?, place)?.document(place, self.image_px, read)
    }

    fn period(&self) -> Option<u64> {
        Some(self.samples.len() as u64)
    }
}

/// The samples of one shard, in its order.
fn index(shard: &Path) -> Result<Vec<Sample>> {
    let name = shard.display().to_string();
    let broken = |line: usize, reason: String| Place { file: &name, line }.error("sample", reason);
    let mut archive = tar::Archive::new(File::open(shard).map_err(|error| Error::io(shard, error))?);
    let entries = archive.entries_with_seek().map_err(|error| Error::io(shard, error))?;
    let mut samples: Vec<Sample> = Vec::new();
    for entry in entries {
        let entry = entry.map_err(|error| broken(samples.len(), format!("not a tar file: {error}")))?;
        if !entry.header().entry_type().is_file() {
            continue;
        }
        let path = entry.path().map_err(|error| broken(samples.len(), error.to_string()))?.display().to_string();
        // The key ends at the first full stop of the file's name.
        let at = path.rfind('/').map_or(0, |at| at + 1);
        let Some(dot) = path[at..].find('.') else { continue };
        let (key, suffix) = (&path[..at + dot], &path[at + dot + 1..]);
        if samples.last().is_none_or(|last| last.key != key) {
            let number = samples.len() + 1;
            samples.push(Sample { shard: shard.to_owned(), number, key: key.to_owned(), files: BTreeMap::new() });
        }
        let size_bytes = entry.size() as usize;
        if let Some(last) = samples.last_mut() {
            last.files.insert(suffix.to_owned(), (entry.raw_file_position(), size_bytes));
        }
    }
    match samples.iter().find(|sample| !sample.files.contains_key("json")) {
        Some(sample) => {
            Err(broken(sample.number, format!("{0} has no {0}.json; files of a sample stand together", sample.key)))
        }
        None => Ok(samples),
    }
}
