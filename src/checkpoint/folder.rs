//! Models in folders of the file system, read verified and written whole or not at all.
//!
//! A model is written to a folder beside its place and moved there when it is complete. The names
//! beside `story` are `.story.new` while it is written and `.story.old` for the model that it
//! replaces, for the instant between two renames. Whoever reads at that instant, or after a crash
//! in it, gets the old model; the next write clears up.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

use super::manifest::{CONFIG, FileEntry, MANIFEST, Manifest, TOKENIZER, WEIGHTS};
use super::reader::Incoming;
use crate::error::{Error, Result};

const CHUNK_BYTES: usize = 1 << 20;

/// A model's files, verified.
#[derive(Debug)]
pub struct ModelFolder {
    /// What `manifest.json` says.
    pub manifest: Manifest,
    /// The files that it lists, by name.
    pub files: BTreeMap<String, Vec<u8>>,
}

/// Reads the model in a folder and verifies every file.
///
/// # Errors
///
/// [`Error::Io`] if a file is missing or cannot be read, [`Error::Manifest`] for the manifest,
/// [`Error::Integrity`] if a file is not what the manifest says.
pub fn read_folder(path: &Path) -> Result<ModelFolder> {
    let aside = beside(path, ".old").ok().filter(|aside| !path.exists() && aside.exists());
    let path = aside.as_deref().unwrap_or(path);
    let manifest = read_manifest(path)?;
    let mut incoming = Incoming::new(&manifest);
    let mut chunk = vec![0; CHUNK_BYTES];
    for FileEntry { name, .. } in manifest.files() {
        let path = path.join(name);
        let mut file = File::open(&path).map_err(|error| Error::io(&path, error))?;
        loop {
            match file.read(&mut chunk) {
                Ok(0) => break,
                Ok(n_bytes) => incoming.push(name, &chunk[..n_bytes])?,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(Error::io(&path, error)),
            }
        }
        incoming.finish_file(name)?;
    }
    Ok(ModelFolder { manifest, files: incoming.into_files()? })
}

/// Writes a model and its manifest, which is returned. A model that is there already is replaced
/// when the new one is complete, and stays as it is if anything fails; what else lies in its
/// folder (a model card, samples) stays in either case.
///
/// # Errors
///
/// [`Error::Manifest`] if the files are not those of a model; [`Error::Io`] if the system refuses
/// something, or if the folder is there and holds other things than a model.
pub fn write_folder(path: &Path, name: &str, version: &str, files: &BTreeMap<String, Vec<u8>>) -> Result<Manifest> {
    let manifest = Manifest::of_files(name, version, files)?;
    let (fresh, aside) = (beside(path, ".new")?, beside(path, ".old")?);
    settle(path, &aside)?;
    let is_replaced = is_model(path)?;

    if fresh.exists() {
        fs::remove_dir_all(&fresh).map_err(|error| Error::io(&fresh, error))?;
    }
    fs::create_dir_all(&fresh).map_err(|error| Error::io(&fresh, error))?;
    for (name, bytes) in files {
        write_new(&fresh.join(name), bytes)?;
    }
    write_new(&fresh.join(MANIFEST), manifest.to_json().as_bytes())?;
    sync_folder(&fresh)?;

    if is_replaced {
        rename(path, &aside)?;
    }
    if let Err(error) = rename(&fresh, path) {
        // The old model goes back; if even that fails, the first reason is the one to report, and
        // `read_folder` finds it where it is.
        if is_replaced {
            let _ = fs::rename(&aside, path);
        }
        return Err(error);
    }
    sync_folder(&parent(path))?;
    settle(path, &aside)?;
    Ok(manifest)
}

/// Writes one file whole or not at all: to a temporary file beside it, then in its place.
///
/// # Errors
///
/// [`Error::Io`] if the system refuses something.
pub fn write_file(path: &Path, bytes: &[u8]) -> Result<()> {
    let fresh = beside(path, ".new")?;
    write_new(&fresh, bytes)?;
    rename(&fresh, path)?;
    sync_folder(&parent(path))
}

impl Manifest {
    /// The manifest of a model's three files, which lie in a folder without one.
    ///
    /// # Errors
    ///
    /// [`Error::Io`] if one of them is missing; [`Error::Manifest`] if the name or the version
    /// cannot be used.
    pub fn of_folder(path: &Path, name: &str, version: &str) -> Result<Manifest> {
        let mut files = BTreeMap::new();
        for name in [CONFIG, TOKENIZER, WEIGHTS] {
            let path = path.join(name);
            files.insert(name.into(), fs::read(&path).map_err(|error| Error::io(&path, error))?);
        }
        Manifest::of_files(name, version, &files)
    }
}

fn read_manifest(folder: &Path) -> Result<Manifest> {
    let path = folder.join(MANIFEST);
    let file = File::open(&path).map_err(|error| Error::io(&path, error))?;
    let mut json = Vec::new();
    // A little more than a manifest may have, so that one that is too long is refused.
    file.take(2 << 20).read_to_end(&mut json).map_err(|error| Error::io(&path, error))?;
    Manifest::parse(&json)
}

/// Whether there is a model that a new one may replace.
fn is_model(path: &Path) -> Result<bool> {
    if !path.exists() {
        return Ok(false);
    }
    let mut entries = path.read_dir().map_err(|error| Error::io(path, error))?;
    if !path.join(MANIFEST).exists() && entries.next().is_some() {
        let reason = "the folder is not empty and holds no model; choose another";
        return Err(Error::io(path, io::Error::new(io::ErrorKind::AlreadyExists, reason)));
    }
    Ok(true)
}

/// Clears up what a replaced model has left in `aside`: if the new one is in place, the old files
/// go, and whatever else was in the folder moves over; if it is not, the old model goes back.
fn settle(path: &Path, aside: &Path) -> Result<()> {
    if !aside.exists() {
        return Ok(());
    }
    if !path.exists() {
        return rename(aside, path);
    }
    let of_model: Vec<OsString> = match read_manifest(aside) {
        Ok(manifest) => manifest.files().iter().map(|file| file.name.clone().into()).collect(),
        Err(_) => Vec::new(),
    };
    for entry in aside.read_dir().map_err(|error| Error::io(aside, error))? {
        let name = entry.map_err(|error| Error::io(aside, error))?.file_name();
        let is_kept = name != MANIFEST && !of_model.contains(&name) && !path.join(&name).exists();
        if is_kept {
            rename(&aside.join(&name), &path.join(&name))?;
        }
    }
    fs::remove_dir_all(aside).map_err(|error| Error::io(aside, error))
}

/// `.NAME.new` or `.NAME.old` in the same folder as `path`.
fn beside(path: &Path, suffix: &str) -> Result<PathBuf> {
    let name = path.file_name().ok_or_else(|| {
        Error::io(path, io::Error::new(io::ErrorKind::InvalidInput, "expected a path that ends in a name"))
    })?;
    let mut hidden = OsString::from(".");
    hidden.push(name);
    hidden.push(suffix);
    Ok(path.with_file_name(hidden))
}

fn parent(path: &Path) -> PathBuf {
    path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new(".")).into()
}

fn write_new(path: &Path, bytes: &[u8]) -> Result<()> {
    let write = || {
        let mut file = File::create(path)?;
        file.write_all(bytes)?;
        file.sync_all()
    };
    write().map_err(|error| Error::io(path, error))
}

fn rename(from: &Path, to: &Path) -> Result<()> {
    fs::rename(from, to).map_err(|error| Error::io(to, error))
}

/// Makes renames in a folder last through a power cut. Windows has no such thing for folders.
fn sync_folder(path: &Path) -> Result<()> {
    if cfg!(unix) {
        File::open(path).and_then(|folder| folder.sync_all()).map_err(|error| Error::io(path, error))?;
    }
    Ok(())
}
