//! `oneflow train`: the loop around the steps, with its log, checkpoints, plots and samples.
//!
//! A run folder holds `config.json`, `tokenizer.json`, `codec.safetensors`, `log.jsonl`,
//! `loss.png`, `bins.png`, `samples/` and `checkpoints/step-N.safetensors`, and
//! `stopped-at-N.json` if a step had to be refused.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, sync_channel};

use burn::tensor::Device;
use indicatif::{ProgressBar, ProgressStyle};
use serde_json::Value;

use super::batch::{self, Batch};
use super::bpe::train_bpe;
use super::codec_fit;
use super::config::TrainConfig;
use super::export::{self, Trained};
use super::log::Log;
use super::source::Source;
use super::trainer::{Gradient, Trainer};
use super::{checkpoints, look, plot, sheet, start};
use crate::checkpoint::folder::write_file;
use crate::data::{Documents, Part, Picture, Stream};
use crate::error::{Error, Result};
use crate::model::Tokenizer;

/// Documents from which the tokenizer learns.
const TOKENIZER_DOCUMENTS: u64 = 20_000;
/// Documents whose pictures the codec is fitted to.
const CODEC_DOCUMENTS: u64 = 1_500;
/// How a run is made, beside its configuration.
pub struct Settings<'a> {
    /// Whether it goes on from the run folder's last checkpoint.
    pub resume: bool,
    /// Where it computes ([`devices`](super::devices)): the shards of a batch by turns.
    pub devices: &'a [Device],
    /// Once this is true the run saves a checkpoint after the step that it is at, and leaves.
    pub stop: &'a AtomicBool,
}

/// How a run ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// All steps were made; the model is in this folder.
    Done(PathBuf),
    /// It was asked to stop; its state is in this checkpoint.
    Stopped(PathBuf),
}

/// Trains as `config` says, in folder `out`.
///
/// # Errors
///
/// [`Error::Option`] if the folder holds checkpoints already and the run is not to go on from them, or
/// if there are more devices than parts of a batch; [`Error::Io`], [`Error::Data`] or
/// [`Error::Model`] naming the file; [`Error::Diverged`] if a step would spoil the weights, after its
/// batch is written into the folder.
pub fn run(config: &TrainConfig, out: &Path, settings: &Settings<'_>) -> Result<Outcome> {
    if !settings.resume && !checkpoints::all(out)?.is_empty() {
        return Err(Error::Option {
            name: "out",
            found: format!("{}, which holds checkpoints of a run", out.display()),
            expected: "a new folder, or --resume to go on with that run".into(),
        });
    }
    let (n_devices, n_shards) = (settings.devices.len(), config.n_shards);
    if n_devices > n_shards {
        return Err(Error::Option {
            name: "device",
            found: format!("{n_devices} devices, for batches in {n_shards} parts"),
            expected: format!("at most {n_shards}, or `n_shards` of {n_devices} in the configuration"),
        });
    }
    create(out)?;
    create(&out.join("samples"))?;
    let trained = prepare(config, out)?;
    let mut config = config.clone();
    config.model.network.vocab_size = trained.tokenizer.vocab_size();
    let mut trainer = Trainer::new(&config, settings.devices)?;
    if settings.resume {
        let last = checkpoints::last(out)?;
        trainer = trainer.load(&last)?;
        println!("resuming from {}", last.display());
        print_changes(&config, &out.join("config.json"));
    } else if let Some(folder) = &config.init {
        trainer = trainer.with_weights(start::read(folder, &config.model)?.weights);
        println!("starting from {}", folder.display());
    }
    write_file(&out.join("config.json"), serde_json::to_string_pretty(&config).unwrap_or_default().as_bytes())?;
    let source = Source::new(
        config.data.documents(Stream::Train, &config.model, config.seed)?,
        trained.tokenizer.clone(),
        trained.codec.clone(),
        trained.preconditioner.clone(),
        config.max_rows,
    )?;
    println!(
        "{} weights, {} tokens, {} steps of {} documents",
        trainer.n_params(),
        config.model.network.vocab_size,
        config.n_steps,
        config.batch_size
    );
    let unseen = config.data.documents(Stream::Validation, &config.model, config.seed)?;
    let mut log = Log::open(&out.join("log.jsonl"), trainer.step())?;
    let bar = ProgressBar::new(config.n_steps as u64).with_position(trainer.step() as u64);
    if let Ok(style) = ProgressStyle::with_template("{pos}/{len} {bar:30} {eta} left {msg}") {
        bar.set_style(style);
    }
    let batches = prefetch(&config, source, trainer.step());
    while trainer.step() < config.n_steps {
        if settings.stop.load(Ordering::Relaxed) {
            bar.abandon();
            return Ok(Outcome::Stopped(checkpoints::save(&trainer, out, config.keep_checkpoints)?));
        }
        let shards = batches.recv().map_err(|_| Error::Internal { reason: "the data thread stopped".into() })??;
        let mut gradient = trainer.measure(&shards)?;
        if let Err(error) = trainer.check(&gradient) {
            bar.abandon();
            return Err(looked_at(error, out, &shards, &gradient, &trained));
        }
        let each = std::mem::take(&mut gradient.each);
        let report = trainer.apply(gradient);
        log.add(&report, &shards, &each);
        if report.step % config.log_every == 0 {
            let line = log.write()?;
            bar.set_message(line.clone());
            if bar.is_hidden() {
                println!("{}/{} {line}", report.step, config.n_steps);
            }
        }
        bar.set_position(report.step as u64);
        let last = report.step == config.n_steps;
        if report.step % config.save_every == 0 || last {
            checkpoints::save(&trainer, out, config.keep_checkpoints)?;
            plot::losses(&out.join("log.jsonl"), &out.join("loss.png"))?;
            plot::bins(&out.join("log.jsonl"), &out.join("bins.png"))?;
        }
        if report.step % config.sample_every == 0 || last {
            let model = trained.model(&config.model, trainer.averaged())?;
            let path = out.join(format!("samples/step-{:06}.html", report.step));
            sheet::write(&model, &*unseen, &path, 6)?;
        }
    }
    bar.finish();
    let model = out.join("model");
    export::write(&trained, &config, trainer.averaged(), &model)?;
    Ok(Outcome::Done(model))
}

/// The error of a step that is not made, with where to look and what to do.
fn looked_at(error: Error, out: &Path, shards: &[Batch], gradient: &Gradient, trained: &Trained) -> Error {
    let look = match look::write(out, &error, shards, gradient, &trained.tokenizer) {
        Ok(path) => format!("its batch is in {}", path.display()),
        Err(error) => format!("its batch could not be saved ({error})"),
    };
    let good = match checkpoints::last(out) {
        Ok(path) => format!("{} is as it was, go on from it with --resume", path.display()),
        Err(_) => "there is no checkpoint yet, start again".into(),
    };
    match error {
        Error::Diverged { step, reason } => Error::Diverged {
            step,
            reason: format!(
                "{reason}; {look}; {good} and a lower `learning_rate`, or a higher `spike_factor` if the batch is only hard"
            ),
        },
        other => other,
    }
}

/// Says which fields of a run's configuration are not what they were: it goes on, but not as it
/// would have.
fn print_changes(config: &TrainConfig, before: &Path) {
    // Both by way of the type, so that 0.08 is the same in both.
    let before = fs::read(before).ok().and_then(|bytes| serde_json::from_slice::<TrainConfig>(&bytes).ok());
    let [before, now] = [before.as_ref(), Some(config)].map(|config| serde_json::to_value(config?).ok());
    if let (Some(Value::Object(before)), Some(Value::Object(now))) = (before, now) {
        for (field, value) in now.iter().filter(|&(field, value)| before.get(field) != Some(value)) {
            println!("`{field}` is now {value}");
        }
    }
}

/// The model of a run's last checkpoint, averaged weights.
///
/// # Errors
///
/// [`Error::Io`] or [`Error::Model`] naming the file.
pub fn export_last(run: &Path, out: &Path) -> Result<usize> {
    let config = TrainConfig::read(&run.join("config.json"))?;
    let trained = prepare(&config, run)?;
    let trainer = Trainer::new(&config, &[Device::flex()])?.load(&checkpoints::last(run)?)?;
    export::write(&trained, &config, trainer.averaged(), out)?;
    Ok(trainer.step())
}

/// The tokenizer and the codec: read from the run folder, or taken from the model to start from, or
/// made from the data, and written there.
fn prepare(config: &TrainConfig, out: &Path) -> Result<Trained> {
    let documents = config.data.documents(Stream::Train, &config.model, config.seed)?;
    let path = out.join("tokenizer.json");
    if let (Some(folder), false) = (&config.init, path.exists()) {
        let start = start::read(folder, &config.model)?;
        write_file(&out.join("codec.safetensors"), &export::codec_file(&start.codec, &start.preconditioner)?)?;
        write_file(&path, &start.tokenizer_json)?;
    }
    if !path.exists() {
        let mut texts = Vec::new();
        for index in 0..at_most(TOKENIZER_DOCUMENTS, &*documents) {
            let document = documents.document(index)?;
            texts.push(document.prompt);
            texts.extend(document.parts.into_iter().filter_map(|part| match part {
                Part::Text(text) => Some(text),
                Part::Image(_) => None,
            }));
        }
        write_file(&path, train_bpe(texts.into_iter(), config.model.network.vocab_size)?.as_bytes())?;
    }
    let json = fs::read(&path).map_err(|error| Error::io(&path, error))?;
    let tokenizer = Tokenizer::from_json(&json)?;
    let path = out.join("codec.safetensors");
    if !path.exists() {
        let mut pictures: Vec<Picture> = Vec::new();
        for index in 0..at_most(CODEC_DOCUMENTS, &*documents) {
            pictures.extend(documents.document(index)?.parts.into_iter().filter_map(|part| match part {
                Part::Image(picture) => Some(picture),
                Part::Text(_) => None,
            }));
        }
        if pictures.is_empty() {
            return Err(config.data.error("data", "its documents have no pictures, expected some to fit the codec to"));
        }
        let (codec, preconditioner) = codec_fit::fit(&config.model.codec, &pictures);
        println!(
            "codec: {:.1} dB on {} pictures",
            codec_fit::mean_psnr(&codec, &pictures[..pictures.len().min(200)]),
            pictures.len()
        );
        write_file(&path, &export::codec_file(&codec, &preconditioner)?)?;
    }
    let bytes = fs::read(&path).map_err(|error| Error::io(&path, error))?;
    let (codec, preconditioner) = export::read_codec(&config.model.codec, &bytes)?;
    Ok(Trained { tokenizer, tokenizer_json: json, codec, preconditioner })
}

/// `n`, or one pass where there are fewer documents.
fn at_most(n: u64, documents: &dyn Documents) -> u64 {
    documents.period().map_or(n, |period| period.min(n))
}

/// Batches from `step` on, made one pool ahead by a thread of their own.
fn prefetch(config: &TrainConfig, source: Source, step: usize) -> Receiver<Result<Vec<Batch>>> {
    let (sender, receiver) = sync_channel(config.pool_steps);
    let config = Arc::new(config.clone());
    std::thread::spawn(move || {
        let (mut pool, mut skip) = (step / config.pool_steps, step % config.pool_steps);
        loop {
            let batches = match batch::pool(&config, &source, pool) {
                Ok(batches) => batches,
                Err(error) => {
                    // Whether anybody is left to hear it does not matter here.
                    let _ = sender.send(Err(error));
                    return;
                }
            };
            if batches.into_iter().skip(skip).any(|batch| sender.send(Ok(batch)).is_err()) {
                return;
            }
            (pool, skip) = (pool + 1, 0);
        }
    });
    receiver
}

fn create(folder: &Path) -> Result<()> {
    fs::create_dir_all(folder).map_err(|error| Error::io(folder, error))
}
