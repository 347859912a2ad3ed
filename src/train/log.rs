//! The log of a run: a line of JSON every so many steps, and the line for the terminal.

use std::fs::{self, File, OpenOptions};
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::time::Instant;

use serde_json::{Value, json};

use super::batch::Batch;
use super::bins::Bins;
use super::trainer::{Each, StepReport};
use crate::checkpoint::folder::write_file;
use crate::error::{Error, Result};

/// `log.jsonl`, and sums over the steps since its last line.
pub struct Log {
    path: PathBuf,
    file: File,
    reports: Vec<StepReport>,
    bins: Bins,
    missing: f64,
    slots: f64,
    speed: Speed,
}

impl Log {
    /// Opens the log and drops lines after `step`, which a resumed run will write again.
    ///
    /// # Errors
    ///
    /// [`Error::Io`] naming the file.
    pub fn open(path: &Path, step: usize) -> Result<Self> {
        let mut kept = Vec::new();
        if step > 0 && path.exists() {
            let file = File::open(path).map_err(|error| Error::io(path, error))?;
            for line in BufReader::new(file).lines() {
                let line = line.map_err(|error| Error::io(path, error))?;
                let at = serde_json::from_str::<Value>(&line).ok().and_then(|v| v["step"].as_u64());
                if at.is_some_and(|at| at <= step as u64) {
                    kept.extend_from_slice(line.as_bytes());
                    kept.push(b'\n');
                }
            }
        }
        write_file(path, &kept)?;
        let file = OpenOptions::new().append(true).open(path).map_err(|error| Error::io(path, error))?;
        let (bins, speed) = (Bins::default(), Speed::start());
        Ok(Self { path: path.into(), file, reports: Vec::new(), bins, missing: 0.0, slots: 0.0, speed })
    }

    /// Counts a step.
    pub fn add(&mut self, report: &StepReport, shards: &[Batch], each: &[Each]) {
        self.reports.push(*report);
        shards.iter().zip(each).for_each(|(shard, each)| self.bins.add(shard, each));
        let documents: usize = shards.iter().map(|shard| shard.input.batch).sum();
        let missing: usize = shards.iter().map(|shard| shard.targets.pair_tokens.len()).sum();
        let slots: usize = shards.iter().map(|shard| shard.targets.counts.len()).sum();
        self.missing += missing as f64 / documents as f64;
        self.slots += slots as f64 / documents as f64;
        self.speed.count(shards);
    }

    /// Writes the means since the last call; gives the line for the terminal.
    ///
    /// # Errors
    ///
    /// [`Error::Io`] naming the file.
    pub fn write(&mut self) -> Result<String> {
        let Some(last) = self.reports.last().copied() else { return Ok(String::new()) };
        let n = self.reports.len() as f32;
        let mean = |f: fn(&StepReport) -> f32| self.reports.iter().map(f).sum::<f32>() / n;
        let most = |f: fn(&StepReport) -> f32| self.reports.iter().map(f).fold(f32::NEG_INFINITY, f32::max);
        let (rows_s, images_s) = self.speed.rates();
        let peak_mib = peak_mib();
        let line = json!({
            "step": last.step,
            "loss": mean(|r| r.terms.loss),
            "excess": mean(|r| r.terms.excess),
            "excess_max": most(|r| r.terms.excess),
            "tokens": mean(|r| r.terms.tokens),
            "gate": mean(|r| r.terms.gate),
            "poisson": mean(|r| r.terms.poisson),
            "deletion": mean(|r| r.terms.deletion),
            "image": mean(|r| r.terms.image),
            "per": self.bins.totals(),
            "bins": self.bins.json(),
            "grad_norm": mean(|r| r.grad_norm),
            "grad_norm_max": most(|r| r.grad_norm),
            "learning_rate": last.learning_rate,
            "missing_per_document": self.missing / f64::from(n),
            "slots_per_document": self.slots / f64::from(n),
            "rows_per_s": rows_s,
            "images_per_s": images_s,
            "peak_mib": peak_mib,
        });
        writeln!(self.file, "{line}").map_err(|error| Error::io(&self.path, error))?;
        let text = format!(
            "tokens {:.4} gate {:.4} poisson {:.4} deletion {:.4} image {:.4} norm {:.2} lr {:.1e} {rows_s:.0} rows/s {images_s:.0} pictures/s{}",
            mean(|r| r.terms.tokens),
            mean(|r| r.terms.gate),
            mean(|r| r.terms.poisson),
            mean(|r| r.terms.deletion),
            mean(|r| r.terms.image),
            mean(|r| r.grad_norm),
            last.learning_rate,
            peak_mib.map(|mib| format!(" {mib} MiB")).unwrap_or_default(),
        );
        (self.reports, self.bins, self.missing, self.slots) = (Vec::new(), Bins::default(), 0.0, 0.0);
        self.speed = Speed::start();
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

/// The most memory that the process has held, in MiB; known on Linux only.
fn peak_mib() -> Option<u64> {
    let status = fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find(|line| line.starts_with("VmHWM:"))?;
    line.split_whitespace().nth(1)?.parse::<u64>().ok().map(|kib| kib / 1024)
}
