//! `oneflow train`: the loop around the steps, with its log, checkpoints, plots and samples.
//!
//! A run folder holds `config.json`, `tokenizer.json`, `codec.safetensors`, `log.jsonl`,
//! `loss.png`, `samples/` and `checkpoints/step-N/`. A checkpoint is written beside its place and
//! renamed, so that a kill leaves the last good one whole.

use std::fs::{self, File, OpenOptions};
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, sync_channel};
use std::time::Instant;

use burn::tensor::Device;
use indicatif::{ProgressBar, ProgressStyle};
use serde_json::json;

use super::batch::{self, Batch};
use super::bpe::train_bpe;
use super::codec_fit;
use super::config::TrainConfig;
use super::export::{self, Trained};
use super::source::Source;
use super::trainer::{StepReport, Trainer};
use super::{plot, sheet, start};
use crate::data::{Documents, Part, Picture, Stream};
use crate::error::{Error, Result};
use crate::model::Tokenizer;

/// Documents from which the tokenizer learns.
const TOKENIZER_DOCUMENTS: u64 = 20_000;
/// Documents whose pictures the codec is fitted to.
const CODEC_DOCUMENTS: u64 = 1_500;
/// Checkpoints kept.
const KEPT: usize = 2;

/// Trains as `config` says, in folder `out`; goes on from `resume`'s last checkpoint if given.
///
/// # Errors
///
/// [`Error::Io`], [`Error::Data`] or [`Error::Model`] naming the file; [`Error::Internal`] if the
/// loss stops being a number.
pub fn run(config: &TrainConfig, out: &Path, resume: bool) -> Result<()> {
    create(out)?;
    create(&out.join("samples"))?;
    let trained = prepare(config, out)?;
    let mut config = config.clone();
    config.model.network.vocab_size = trained.tokenizer.vocab_size();
    write(&out.join("config.json"), serde_json::to_string_pretty(&config).unwrap_or_default().as_bytes())?;
    let source = Source::new(
        config.data.documents(Stream::Train, &config.model, config.seed)?,
        trained.tokenizer.clone(),
        trained.codec.clone(),
        trained.preconditioner.clone(),
        config.max_rows,
    )?;
    let mut trainer = Trainer::new(&config, Device::flex())?;
    if resume {
        let last = last_checkpoint(out)?;
        trainer = trainer.load(&last)?;
        println!("resuming from {}", last.display());
    } else if let Some(folder) = &config.init {
        trainer = trainer.with_weights(start::read(folder, &config.model)?.weights);
        println!("starting from {}", folder.display());
    }
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
    let mut speed = Speed::start();
    while trainer.step() < config.n_steps {
        let shards = batches.recv().map_err(|_| Error::Internal { reason: "the data thread stopped".into() })??;
        let report = trainer.train_step(&shards)?;
        speed.count(&shards);
        log.add(&report, &shards);
        if report.step % config.log_every == 0 {
            let line = log.write(&speed)?;
            bar.set_message(line.clone());
            if bar.is_hidden() {
                println!("{}/{} {line}", report.step, config.n_steps);
            }
            speed = Speed::start();
        }
        bar.set_position(report.step as u64);
        let last = report.step == config.n_steps;
        if report.step % config.save_every == 0 || last {
            save(&trainer, out)?;
            plot::losses(&out.join("log.jsonl"), &out.join("loss.png"))?;
        }
        if report.step % config.sample_every == 0 || last {
            let model = trained.model(&config.model, trainer.averaged())?;
            let path = out.join(format!("samples/step-{:06}.html", report.step));
            sheet::write(&model, &*unseen, &path, 6)?;
        }
    }
    bar.finish();
    export::write(&trained, &config, trainer.averaged(), &out.join("model"))?;
    println!("wrote {}", out.join("model").display());
    Ok(())
}

/// The model of a run's last checkpoint, averaged weights.
///
/// # Errors
///
/// [`Error::Io`] or [`Error::Model`] naming the file.
pub fn export_last(run: &Path, out: &Path) -> Result<usize> {
    let config = TrainConfig::read(&run.join("config.json"))?;
    let trained = prepare(&config, run)?;
    let trainer = Trainer::new(&config, Device::flex())?.load(&last_checkpoint(run)?)?;
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
        write(&out.join("codec.safetensors"), &export::codec_file(&start.codec, &start.preconditioner)?)?;
        write(&path, &start.tokenizer_json)?;
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
        write(&path, train_bpe(texts.into_iter(), config.model.network.vocab_size)?.as_bytes())?;
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
        write(&path, &export::codec_file(&codec, &preconditioner)?)?;
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

fn save(trainer: &Trainer, out: &Path) -> Result<()> {
    let folder = out.join("checkpoints");
    let part = folder.join("part");
    if part.exists() {
        fs::remove_dir_all(&part).map_err(|error| Error::io(&part, error))?;
    }
    create(&part)?;
    trainer.save(&part)?;
    let whole = folder.join(format!("step-{:08}", trainer.step()));
    if whole.exists() {
        fs::remove_dir_all(&whole).map_err(|error| Error::io(&whole, error))?;
    }
    fs::rename(&part, &whole).map_err(|error| Error::io(&whole, error))?;
    let mut old = checkpoints(out)?;
    old.truncate(old.len().saturating_sub(KEPT));
    old.iter().try_for_each(|path| fs::remove_dir_all(path).map_err(|error| Error::io(path, error)))
}

fn checkpoints(out: &Path) -> Result<Vec<PathBuf>> {
    let folder = out.join("checkpoints");
    let entries = fs::read_dir(&folder).map_err(|error| Error::io(&folder, error))?;
    let mut paths: Vec<PathBuf> = entries
        .filter_map(|entry| Some(entry.ok()?.path()))
        .filter(|path| path.file_name().is_some_and(|name| name.to_string_lossy().starts_with("step-")))
        .collect();
    paths.sort();
    Ok(paths)
}

fn last_checkpoint(out: &Path) -> Result<PathBuf> {
    checkpoints(out)?.pop().ok_or_else(|| Error::Model {
        file: out.join("checkpoints").display().to_string(),
        reason: "it holds no checkpoint; train without --resume first".into(),
    })
}

/// Sums over the steps since the last line of the log.
struct Log {
    file: File,
    reports: Vec<StepReport>,
    missing: f64,
    slots: f64,
}

impl Log {
    /// Opens the log and drops lines after `step`, which a resumed run will write again.
    fn open(path: &Path, step: usize) -> Result<Self> {
        let mut kept = Vec::new();
        if step > 0 && path.exists() {
            let file = File::open(path).map_err(|error| Error::io(path, error))?;
            for line in BufReader::new(file).lines() {
                let line = line.map_err(|error| Error::io(path, error))?;
                let at = serde_json::from_str::<serde_json::Value>(&line).ok().and_then(|v| v["step"].as_u64());
                if at.is_some_and(|at| at <= step as u64) {
                    kept.extend_from_slice(line.as_bytes());
                    kept.push(b'\n');
                }
            }
        }
        write(path, &kept)?;
        let file = OpenOptions::new().append(true).open(path).map_err(|error| Error::io(path, error))?;
        Ok(Self { file, reports: Vec::new(), missing: 0.0, slots: 0.0 })
    }

    fn add(&mut self, report: &StepReport, shards: &[Batch]) {
        self.reports.push(*report);
        let documents: usize = shards.iter().map(|shard| shard.input.batch).sum();
        let missing: usize = shards.iter().map(|shard| shard.targets.pair_tokens.len()).sum();
        let slots: usize = shards.iter().map(|shard| shard.targets.counts.len()).sum();
        self.missing += missing as f64 / documents as f64;
        self.slots += slots as f64 / documents as f64;
    }

    /// Writes the means since the last call; gives the line for the terminal.
    fn write(&mut self, speed: &Speed) -> Result<String> {
        let Some(last) = self.reports.last().copied() else { return Ok(String::new()) };
        let n = self.reports.len() as f32;
        let mean = |f: fn(&StepReport) -> f32| self.reports.iter().map(f).sum::<f32>() / n;
        let (tokens_s, images_s) = speed.rates();
        let line = json!({
            "step": last.step,
            "loss": mean(|r| r.loss),
            "tokens": mean(|r| r.tokens),
            "gate": mean(|r| r.gate),
            "poisson": mean(|r| r.poisson),
            "deletion": mean(|r| r.deletion),
            "image": mean(|r| r.image),
            "grad_norm": mean(|r| r.grad_norm),
            "learning_rate": last.learning_rate,
            "missing_per_document": self.missing / f64::from(n),
            "slots_per_document": self.slots / f64::from(n),
            "rows_per_s": tokens_s,
            "images_per_s": images_s,
        });
        writeln!(self.file, "{line}").map_err(|error| Error::io("log.jsonl", error))?;
        let text = format!(
            "tokens {:.4} gate {:.4} poisson {:.4} deletion {:.4} image {:.4} norm {:.2} lr {:.1e} {tokens_s:.0} rows/s {images_s:.0} pictures/s",
            mean(|r| r.tokens),
            mean(|r| r.gate),
            mean(|r| r.poisson),
            mean(|r| r.deletion),
            mean(|r| r.image),
            mean(|r| r.grad_norm),
            last.learning_rate
        );
        (self.reports, self.missing, self.slots) = (Vec::new(), 0.0, 0.0);
        Ok(text)
    }
}

struct Speed {
    start: Instant,
    rows: usize,
    images: usize,
}

impl Speed {
    fn start() -> Self {
        Self { start: Instant::now(), rows: 0, images: 0 }
    }

    fn count(&mut self, shards: &[Batch]) {
        self.rows += shards.iter().map(|shard| shard.input.batch * shard.input.seq()).sum::<usize>();
        self.images += shards.iter().map(|shard| shard.targets.n_noised).sum::<usize>();
    }

    fn rates(&self) -> (f64, f64) {
        let secs = self.start.elapsed().as_secs_f64().max(1e-9);
        (self.rows as f64 / secs, self.images as f64 / secs)
    }
}

fn create(folder: &Path) -> Result<()> {
    fs::create_dir_all(folder).map_err(|error| Error::io(folder, error))
}

fn write(path: &Path, bytes: &[u8]) -> Result<()> {
    let part = path.with_extension("part");
    fs::write(&part, bytes).map_err(|error| Error::io(&part, error))?;
    fs::rename(&part, path).map_err(|error| Error::io(path, error))
}
