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

use super::load::Assembly;
use super::manifest::{CONFIG, FileEntry, MANIFEST, Manifest, TOKENIZER};
use super::reader::Incoming;
use super::shards::{INDEX, is_weights};
use crate::error::{Error, Result};
use crate::model::Model;
use crate::ops::{Ops, ready};

const CHUNK_BYTES: usize = 1 << 20;

/// A model's files, verified.
#[derive(Debug)]
pub struct ModelFolder {
    /// What `manifest.json` says.
    pub manifest: Manifest,
    /// The files that it lists, by name.
    pub files: BTreeMap<String, Vec<u8>>,
}

/// Reads the model in a folder, all of it, and verifies every file.
///
/// # Errors
///
/// [`Error::Io`] if a file is missing or cannot be read, [`Error::Manifest`] for the manifest,
/// [`Error::Integrity`] if a file is not what the manifest says.
pub fn read_folder(path: &Path) -> Result<ModelFolder> {
    let folder = FolderReader::open(path)?;
    let mut files = BTreeMap::new();
    folder.each_file(|name, bytes| {
        files.insert(name.into(), bytes);
        Ok(())
    })?;
    Ok(ModelFolder { manifest: folder.manifest, files })
}

/// Loads the model in a folder onto a back end. Of the files of its weights, one is in memory at a
/// time.
///
/// # Errors
///
/// Those of [`read_folder`]; [`Error::Model`] naming the file, and the field or tensor that does not
/// fit; [`Error::OutOfMemory`] and [`Error::DeviceLost`] where a GPU had no room, or went away.
pub fn load_folder<O: Ops>(path: &Path, ops: O) -> Result<Model<O>> {
    let folder = FolderReader::open(path)?;
    let mut assembly = Assembly::of(folder.manifest.names());
    folder.each_file(|name, bytes| {
        assembly.take_file(name, bytes, &mut |numbers, n_rows| ops.stored_weight(numbers, n_rows))?;
        if is_weights(name) { ready(ops.settle()) } else { Ok(()) }
    })?;
    Model::new(ops, assembly.finish()?)
}

/// A model's folder, to be read file by file.
pub struct FolderReader {
    path: PathBuf,
    manifest: Manifest,
}

impl FolderReader {
    /// Reads the manifest.
    ///
    /// # Errors
    ///
    /// [`Error::Io`] if it cannot be read, [`Error::Manifest`] if it is none.
    pub fn open(path: &Path) -> Result<FolderReader> {
        let aside = beside(path, ".old").ok().filter(|aside| !path.exists() && aside.exists());
        let path = aside.unwrap_or_else(|| path.into());
        Ok(FolderReader { manifest: read_manifest(&path)?, path })
    }

    /// What `manifest.json` says.
    pub fn manifest(&self) -> &Manifest {
        &self.manifest
    }

    /// Shows the files one by one, each verified, in the order of [`Manifest::fetch_order`].
    ///
    /// # Errors
    ///
    /// [`Error::Io`] if a file is missing or cannot be read, [`Error::Integrity`] if it is not what the
    /// manifest says; those of `show`.
    pub fn each_file(&self, mut show: impl FnMut(&str, Vec<u8>) -> Result<()>) -> Result<()> {
        let mut incoming = Incoming::new(&self.manifest);
        let mut chunk = vec![0; CHUNK_BYTES];
        for FileEntry { name, .. } in self.manifest.fetch_order() {
            let path = self.path.join(name);
            let mut file = File::open(&path).map_err(|error| Error::io(&path, error))?;
            loop {
                match file.read(&mut chunk) {
                    Ok(0) => break,
                    Ok(n_bytes) => incoming.push(name, &chunk[..n_bytes])?,
                    Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                    Err(error) => return Err(Error::io(&path, error)),
                }
            }
            show(name, incoming.finish_file(name)?)?;
        }
        Ok(())
    }
}

/// Writes a model and its manifest, which is returned. A model that is there already is replaced
/// when the new one is complete, and stays as it is if anything fails; what else lies in its
/// folder (a model card, samples) stays in either case.
///
/// # Errors
///
/// Those of [`FolderWriter`].
pub fn write_folder(path: &Path, name: &str, version: &str, files: &BTreeMap<String, Vec<u8>>) -> Result<Manifest> {
    let mut writer = FolderWriter::begin(path)?;
    for (name, bytes) in files {
        writer.add(name, bytes)?;
    }
    writer.finish(name, version)
}

/// [`write_folder`] file by file, for a model that is larger than the memory. One that is dropped
/// before its end leaves nothing behind.
pub struct FolderWriter {
    path: PathBuf,
    fresh: PathBuf,
    aside: PathBuf,
    files: Vec<FileEntry>,
}

impl FolderWriter {
    /// A model for the folder `path`.
    ///
    /// # Errors
    ///
    /// [`Error::Io`] if the system refuses something, or if the folder is there and holds other
    /// things than a model.
    pub fn begin(path: &Path) -> Result<FolderWriter> {
        let (fresh, aside) = (beside(path, ".new")?, beside(path, ".old")?);
        settle(path, &aside)?;
        is_model(path)?;
        if fresh.exists() {
            fs::remove_dir_all(&fresh).map_err(|error| Error::io(&fresh, error))?;
        }
        fs::create_dir_all(&fresh).map_err(|error| Error::io(&fresh, error))?;
        Ok(FolderWriter { path: path.into(), fresh, aside, files: Vec::new() })
    }

    /// Writes one file of it.
    ///
    /// # Errors
    ///
    /// [`Error::Manifest`] if a model cannot have a file of this name; [`Error::Io`] if the system
    /// refuses something.
    pub fn add(&mut self, name: &str, bytes: &[u8]) -> Result<()> {
        let entry = FileEntry::of_file(name, bytes);
        entry.check()?;
        write_new(&self.fresh.join(name), bytes)?;
        self.files.push(entry);
        Ok(())
    }

    /// Writes the manifest, and puts the model in its place.
    ///
    /// # Errors
    ///
    /// [`Error::Manifest`] if the files are not those of a model; [`Error::Io`] if the system refuses
    /// something.
    pub fn finish(mut self, name: &str, version: &str) -> Result<Manifest> {
        let manifest = Manifest::new(name.into(), version.into(), std::mem::take(&mut self.files))?;
        let FolderWriter { path, fresh, aside, .. } = &self;
        write_new(&fresh.join(MANIFEST), manifest.to_json().as_bytes())?;
        sync_folder(fresh)?;

        let is_replaced = is_model(path)?;
        if is_replaced {
            rename(path, aside)?;
        }
        if let Err(error) = rename(fresh, path) {
            // The old model goes back; if even that fails, the first reason is the one to report, and
            // `read_folder` finds it where it is.
            if is_replaced {
                let _ = fs::rename(aside, path);
            }
            return Err(error);
        }
        sync_folder(&parent(path))?;
        settle(path, aside)?;
        Ok(manifest)
    }
}

impl Drop for FolderWriter {
    fn drop(&mut self) {
        // After the end it is not there any more. What cannot be removed now, the next write removes.
        let _ = fs::remove_dir_all(&self.fresh);
    }
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
    /// The manifest of the model in a folder without one: of those files that belong to a model.
    ///
    /// # Errors
    ///
    /// [`Error::Io`] if one of them cannot be read; [`Error::Manifest`] if one is missing, or if the
    /// name or the version cannot be used.
    pub fn of_folder(path: &Path, name: &str, version: &str) -> Result<Manifest> {
        let mut files = Vec::new();
        for entry in path.read_dir().map_err(|error| Error::io(path, error))? {
            let file_name = entry.map_err(|error| Error::io(path, error))?.file_name();
            let Some(file_name) = file_name.to_str() else { continue };
            if [CONFIG, TOKENIZER, INDEX].contains(&file_name) || is_weights(file_name) {
                let path = path.join(file_name);
                files.push(FileEntry::of_file(file_name, &fs::read(&path).map_err(|error| Error::io(&path, error))?));
            }
        }
        files.sort_by(|a, b| a.name.cmp(&b.name));
        Manifest::new(name.into(), version.into(), files)
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
