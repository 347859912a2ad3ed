//! JSON Lines: a record a line, pictures in files beside it.

use std::fs::{self, File};
use std::io::{BufRead, BufReader, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};

use super::order;
use super::record::{Place, Record};
use crate::data::document::{Document, Documents};
use crate::error::{Error, Result};

/// The documents of a `.jsonl` file. Only where its lines are is kept in memory.
#[derive(Debug)]
pub struct JsonLines {
    path: PathBuf,
    /// Number, start and length of each line that is not empty.
    lines: Vec<(usize, u64, usize)>,
    image_px: usize,
    seed: u64,
}

impl JsonLines {
    /// Finds the lines of `path`; pictures are `image_px` pixels wide and high, `seed` determines
    /// the order.
    ///
    /// # Errors
    ///
    /// [`Error::Io`] if it cannot be read, [`Error::Data`] if it is empty.
    pub fn open(path: &Path, image_px: usize, seed: u64) -> Result<Self> {
        let mut reader = BufReader::new(File::open(path).map_err(|error| Error::io(path, error))?);
        let (mut lines, mut start, mut number) = (Vec::new(), 0, 0);
        let mut line = Vec::new();
        loop {
            line.clear();
            let n = reader.read_until(b'\n', &mut line).map_err(|error| Error::io(path, error))?;
            if n == 0 {
                break;
            }
            number += 1;
            if !line.trim_ascii().is_empty() {
                lines.push((number, start, n));
            }
            start += n as u64;
        }
        if lines.is_empty() {
            let place = path.display().to_string();
            return Err(Place { file: &place, line: 0 }.error("record", "the file is empty, expected a record a line"));
        }
        Ok(Self { path: path.to_owned(), lines, image_px, seed })
    }
}

impl Documents for JsonLines {
    fn document(&self, index: u64) -> Result<Document> {
        let (number, start, len) = self.lines[order::place(index, self.lines.len() as u64, self.seed) as usize];
        let mut file = File::open(&self.path).map_err(|error| Error::io(&self.path, error))?;
        let mut line = vec![0; len];
        file.seek(SeekFrom::Start(start))
            .and_then(|_| file.read_exact(&mut line))
            .map_err(|error| Error::io(&self.path, error))?;
        let name = self.path.display().to_string();
        let place = Place { file: &name, line: number };
        let folder = self.path.parent().unwrap_or(Path::new(""));
        Record::parse(&line, place)?.document(place, self.image_px, |file| {
            let path = folder.join(file);
            fs::read(&path).map_err(|error| Error::io(&path, error))
        })
    }

    fn period(&self) -> Option<u64> {
        Some(self.lines.len() as u64)
    }
}
