//! `oneflow`: generate, inspect, train, evaluate and export, from the command line.

#[cfg(feature = "train")]
mod data;
#[cfg(feature = "train")]
mod evaluate;
#[cfg(feature = "train")]
mod export;
mod generate;
#[cfg(feature = "train")]
mod training;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, Subcommand};
use oneflow_web::checkpoint::Weights;
use oneflow_web::checkpoint::blocks::SCALES;
use oneflow_web::checkpoint::folder::{FolderReader, load_folder};
use oneflow_web::checkpoint::load::Assembly;
use oneflow_web::checkpoint::shards::is_weights;
use oneflow_web::model::Model;
use oneflow_web::model::network::n_parameters;
use oneflow_web::model::oneflow::ModelParts;
use oneflow_web::ops::burn::BurnOps;
use oneflow_web::{Error, Result};

/// Text grows by insertions and pictures come out of noise, at the same time.
#[derive(Parser)]
#[command(version)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Writes an illustrated story.
    Generate(generate::Generate),
    /// Says what a model folder holds, after verifying every file.
    Inspect {
        /// The folder with manifest.json.
        model: PathBuf,
        /// JSON instead of lines.
        #[arg(long)]
        json: bool,
    },
    /// Trains a model.
    #[cfg(feature = "train")]
    Train(training::Train),
    /// Measures how good a model is.
    #[cfg(feature = "train")]
    Evaluate(evaluate::Evaluate),
    /// Makes a model folder: of a run, of weights that another program trained, or of a model in fewer bits.
    #[cfg(feature = "train")]
    Export(export::Export),
    /// Looks at the training data.
    #[cfg(feature = "train")]
    #[command(subcommand)]
    Data(data::Data),
}

fn main() -> ExitCode {
    let result = match Cli::parse().command {
        Command::Generate(args) => generate::run(&args).map(done),
        Command::Inspect { model, json } => inspect(&model, json).map(done),
        #[cfg(feature = "train")]
        Command::Train(args) => training::train(&args),
        #[cfg(feature = "train")]
        Command::Export(args) => export::run(&args).map(done),
        #[cfg(feature = "train")]
        Command::Evaluate(args) => evaluate::run(&args).map(done),
        #[cfg(feature = "train")]
        Command::Data(args) => data::run(&args).map(done),
    };
    match result {
        Ok(code) => code,
        Err(error) => {
            eprintln!("oneflow: {error}");
            let mut source = std::error::Error::source(&error);
            while let Some(cause) = source {
                eprintln!("  because: {cause}");
                source = cause.source();
            }
            // What the caller gave is bad usage; the rest is not the caller's fault.
            ExitCode::from(match error {
                Error::Option { .. } | Error::Prompt { .. } | Error::Data { .. } => 2,
                _ => 1,
            })
        }
    }
}

fn done(_: ()) -> ExitCode {
    ExitCode::SUCCESS
}

/// Reads and verifies a model folder.
fn load(folder: &std::path::Path) -> Result<Model<BurnOps>> {
    load_folder(folder, BurnOps::cpu())
}

fn inspect(folder: &std::path::Path, json: bool) -> Result<()> {
    let folder = FolderReader::open(folder)?;
    let manifest = folder.manifest();
    let mut assembly = Assembly::of(manifest.names());
    let (mut formats, mut files) = (BTreeMap::new(), Vec::new());
    folder.each_file(|name, bytes| {
        if is_weights(name) {
            let weights = Weights::parse(name, bytes.clone())?;
            files.push(WeightsFile { name: name.into(), tensors: weights.tensors().len(), size_bytes: bytes.len() });
            count_formats(&weights, &mut formats);
        }
        // Whether it is a model is seen without keeping its weights.
        assembly.take_file(name, bytes, &mut |_, _| ())
    })?;
    let ModelParts { config, .. } = assembly.finish()?;
    let (name, version, size_bytes) = (manifest.name(), manifest.version(), manifest.total_bytes());
    let n_parameters = n_parameters(&config);
    let facts = serde_json::json!({
        "name": name,
        "version": version,
        "size_bytes": size_bytes,
        "parameters": n_parameters,
        "formats": formats,
        "files": files,
        "config": config,
    });
    if json {
        println!("{facts}");
    } else {
        println!("{name} {version}: {n_parameters} parameters, {size_bytes} bytes, every file verified");
        for WeightsFile { name, tensors, size_bytes } in &files {
            println!("{name}: {tensors} tensors, {size_bytes} bytes");
        }
        for (format, Stored { tensors, numbers, size_bytes }) in &formats {
            println!("{format}: {tensors} tensors, {numbers} numbers, {size_bytes} bytes");
        }
        println!("{}", config.to_json());
    }
    Ok(())
}

/// What is stored in one format.
#[derive(Default, serde::Serialize)]
struct Stored {
    tensors: usize,
    numbers: usize,
    size_bytes: usize,
}

/// A file of weights; blocks and scales are two tensors.
#[derive(serde::Serialize)]
struct WeightsFile {
    name: String,
    tensors: usize,
    size_bytes: usize,
}

/// Adds how these weights are stored, by format; blocks with their scales.
fn count_formats(weights: &Weights, formats: &mut BTreeMap<String, Stored>) {
    for (name, tensor) in weights.tensors() {
        let scaled = name.strip_suffix(SCALES).filter(|name| weights.blocks().contains_key(*name));
        let blocks = weights.blocks().get(scaled.unwrap_or(name));
        let format = blocks.map_or(tensor.dtype().name(), |blocks| blocks.format.name());
        let stored = formats.entry(format.into()).or_default();
        stored.size_bytes += tensor.bytes().len();
        if scaled.is_none() {
            stored.tensors += 1;
            stored.numbers += blocks.map_or(tensor.shape(), |blocks| &blocks.shape[..]).iter().product::<usize>();
        }
    }
}
