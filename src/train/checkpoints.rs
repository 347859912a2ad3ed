//! The checkpoints of a run: `checkpoints/step-N.safetensors`, the last few of them.
//!
//! Each is written to a file beside its place, synced and renamed, and older ones go only after
//! that; so whatever happens, the last good one stays whole.

use std::fs;
use std::path::{Path, PathBuf};

use super::trainer::Trainer;
use crate::error::{Error, Result};

/// Writes a checkpoint into the run folder `out` and keeps the last `n_kept`.
///
/// # Errors
///
/// [`Error::Io`] naming the file; the checkpoints that were there are then untouched.
pub fn save(trainer: &Trainer, out: &Path, n_kept: usize) -> Result<PathBuf> {
    let folder = folder(out);
    fs::create_dir_all(&folder).map_err(|error| Error::io(&folder, error))?;
    let path = folder.join(format!("step-{:08}.safetensors", trainer.step()));
    trainer.save(&path)?;
    let mut old = all(out)?;
    old.truncate(old.len().saturating_sub(n_kept));
    old.iter().try_for_each(|path| fs::remove_file(path).map_err(|error| Error::io(path, error)))?;
    Ok(path)
}

/// The checkpoints of a run folder, oldest first.
///
/// # Errors
///
/// [`Error::Io`] if the folder cannot be read.
pub fn all(out: &Path) -> Result<Vec<PathBuf>> {
    let folder = folder(out);
    if !folder.exists() {
        return Ok(Vec::new());
    }
    let entries = fs::read_dir(&folder).map_err(|error| Error::io(&folder, error))?;
    let is_one = |path: &PathBuf| {
        let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        name.starts_with("step-") && name.ends_with(".safetensors")
    };
    let mut paths: Vec<PathBuf> = entries.filter_map(|entry| Some(entry.ok()?.path())).filter(is_one).collect();
    paths.sort();
    Ok(paths)
}

/// The last checkpoint of a run folder.
///
/// # Errors
///
/// [`Error::Model`] if there is none.
pub fn last(out: &Path) -> Result<PathBuf> {
    all(out)?.pop().ok_or_else(|| Error::Model {
        file: folder(out).display().to_string(),
        reason: "it holds no checkpoint; train without --resume first".into(),
    })
}

fn folder(out: &Path) -> PathBuf {
    out.join("checkpoints")
}
