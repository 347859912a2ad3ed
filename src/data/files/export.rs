//! Documents as files that [`open`](super::open) reads.

use std::fs::{self, File};
use std::io::{BufWriter, Write};
use std::path::Path;

use super::record::{Record, RecordPart};
use crate::data::document::{Document, Documents, Part};
use crate::data::picture::png;
use crate::error::{Error, Result};

/// How documents are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// `documents.jsonl` and a folder of pictures for each document.
    JsonLines,
    /// `shard-000000.tar` and so on, with so many documents each.
    Shards {
        /// Documents of a shard, at least 1.
        size: usize,
    },
}

/// Writes the documents `start .. start + count` into the folder `out`; each file appears under
/// its name when it is whole.
///
/// # Errors
///
/// [`Error::Io`] naming the path, and those of `documents`.
pub fn export(documents: &dyn Documents, start: u64, count: u64, format: Format, out: &Path) -> Result<()> {
    fs::create_dir_all(out).map_err(|error| Error::io(out, error))?;
    match format {
        Format::JsonLines => json_lines(documents, start, count, out),
        Format::Shards { size } => {
            let size = size.max(1) as u64;
            (0..count.div_ceil(size)).try_for_each(|shard| {
                let from = start + shard * size;
                let to = (from + size).min(start + count);
                write_shard(documents, from..to, &out.join(format!("shard-{shard:06}.tar")))
            })
        }
    }
}

fn json_lines(documents: &dyn Documents, start: u64, count: u64, out: &Path) -> Result<()> {
    let path = out.join("documents.jsonl");
    whole(&path, |file| {
        for index in start..start + count {
            let (record, pictures) = split(&documents.document(index)?, index, &format!("{index}/"))?;
            if !pictures.is_empty() {
                let folder = out.join(index.to_string());
                fs::create_dir_all(&folder).map_err(|error| Error::io(&folder, error))?;
            }
            for (name, bytes) in pictures {
                let path = out.join(name);
                fs::write(&path, bytes).map_err(|error| Error::io(&path, error))?;
            }
            writeln!(file, "{}", json(&record)?).map_err(|error| Error::io(&path, error))?;
        }
        Ok(())
    })
}

fn write_shard(documents: &dyn Documents, indices: std::ops::Range<u64>, path: &Path) -> Result<()> {
    whole(path, |file| {
        let mut archive = tar::Builder::new(file);
        for index in indices {
            let (record, pictures) = split(&documents.document(index)?, index, "")?;
            let files = std::iter::once(("json".to_owned(), json(&record)?.into_bytes())).chain(pictures);
            for (suffix, bytes) in files {
                let mut header = tar::Header::new_ustar();
                header.set_size(bytes.len() as u64);
                header.set_mode(0o644);
                archive
                    .append_data(&mut header, format!("{index:08}.{suffix}"), bytes.as_slice())
                    .map_err(|error| Error::io(path, error))?;
            }
        }
        archive.finish().map_err(|error| Error::io(path, error))
    })
}

/// A picture's name and its bytes.
type PictureFile = (String, Vec<u8>);

/// A document's record and its pictures as files; `folder` stands before their names.
fn split(document: &Document, index: u64, folder: &str) -> Result<(Record, Vec<PictureFile>)> {
    let mut pictures = Vec::new();
    let mut parts = Vec::with_capacity(document.parts.len());
    for part in &document.parts {
        parts.push(match part {
            Part::Text(text) => RecordPart::Text { text: text.clone() },
            Part::Image(picture) => {
                let file = format!("{folder}{}.png", pictures.len());
                pictures.push((file.clone(), png(picture)?));
                RecordPart::Image { file }
            }
        });
    }
    let all = 0..document.parts.len();
    let asked = (document.asked != all).then_some([document.asked.start, document.asked.end]);
    Ok((Record { id: index.to_string(), prompt: document.prompt.clone(), parts, asked }, pictures))
}

fn json(record: &Record) -> Result<String> {
    serde_json::to_string(record)
        .map_err(|error| Error::Internal { reason: format!("a record cannot be written: {error}") })
}

/// Writes a file beside its place and puts it there when it is whole.
fn whole(path: &Path, write: impl FnOnce(&mut BufWriter<File>) -> Result<()>) -> Result<()> {
    let part = path.with_extension("part");
    let mut file = BufWriter::new(File::create(&part).map_err(|error| Error::io(&part, error))?);
    let written = write(&mut file).and_then(|()| file.flush().map_err(|error| Error::io(&part, error)));
    if let Err(error) = written {
        // The reason is what matters, not whether its remains can be taken away.
        let _ = fs::remove_file(&part);
        return Err(error);
    }
    fs::rename(&part, path).map_err(|error| Error::io(path, error))
}
