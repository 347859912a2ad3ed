//! The training configuration: everything a run depends on, in one committed file.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::data::cards::Cards;
use crate::data::mix::{Selection, Storyworld};
use crate::data::painting::Dial;
use crate::data::{Documents, Stream, files};
use crate::error::{Error, Result};
use crate::model::ModelConfig;

/// A training run as data.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TrainConfig {
    /// The model's name in its manifest.
    pub name: String,
    /// The model. `network.vocab_size` is an upper bound; the tokenizer may find fewer entries.
    pub model: ModelConfig,
    /// A model folder whose weights, tokenizer and codec the run starts from; without it the weights
    /// are drawn, and tokenizer and codec made from the data.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub init: Option<PathBuf>,
    /// What the model learns from.
    pub data: DataConfig,
    /// Seed of weights, noise and order.
    pub seed: u64,
    /// Optimiser steps.
    pub n_steps: usize,
    /// Rows of a document at most: its elements, and the patches of its pictures.
    pub max_rows: usize,
    /// Documents of a step.
    pub batch_size: usize,
    /// Parts of a batch that are differentiated side by side, one thread each; at most the
    /// processors at hand. Another number sums in another order.
    pub n_shards: usize,
    /// Rounds in which the parts of a batch are differentiated, for less memory: `batch_size`
    /// documents in `accumulate` × `n_shards` parts, `n_shards` of them at a time.
    #[serde(default = "one")]
    pub accumulate: usize,
    /// Steps whose documents are sorted by length together.
    pub pool_steps: usize,
    /// How gradients become steps.
    pub optimizer: Optimizer,
    /// Peak learning rate, reached after the warm-up.
    pub learning_rate: f64,
    /// Steps over which the learning rate rises from 0.
    pub warmup_steps: usize,
    /// Share of the peak at which the cosine ends, in [0, 1].
    pub final_rate: f64,
    /// Decoupled weight decay.
    pub weight_decay: f32,
    /// Gradients are scaled down to this norm.
    pub clip_norm: f32,
    /// A loss of more than so many times its running mean stops the run ([`guard`](super::guard)).
    #[serde(default = "spike_factor")]
    pub spike_factor: f32,
    /// Decay of the exponential moving average of the weights.
    pub ema_decay: f32,
    /// Weight of the flow-matching loss beside the text loss.
    pub image_weight: f32,
    /// Share of documents whose prompt is dropped.
    pub prompt_dropout: f32,
    /// Share of interleaved documents drawn with complete text (τ in [1, 2]); the paper's is 0.5.
    pub complete_share: f32,
    /// Share of documents noised with independent times, pictures never absent; the others are
    /// noised on the joint clock (regime c of section 2.3 of the paper).
    pub pair_share: f32,
    /// Share of those whose text is clean (regime a, text to picture).
    pub pair_clean_text: f32,
    /// Share of documents that get tokens which do not belong ([`mistakes`](super::mistakes)); for a
    /// network with a delete head.
    #[serde(default)]
    pub mistake_share: f32,
    /// Share of those whose pictures are clean (regime a, picture to text). The rest are regime b,
    /// both under noise: the paper's mixed-generation probability is one less these two.
    #[serde(default)]
    pub pair_clean_pictures: f32,
    /// Share of documents whose pictures are left out.
    #[serde(default)]
    pub text_only_share: f32,
    /// A line in the log every so many steps.
    pub log_every: usize,
    /// A checkpoint every so many steps.
    pub save_every: usize,
    /// How many checkpoints are kept.
    #[serde(default = "keep_checkpoints")]
    pub keep_checkpoints: usize,
    /// A sample sheet every so many steps.
    pub sample_every: usize,
}

fn one() -> usize {
    1
}

fn keep_checkpoints() -> usize {
    2
}

fn spike_factor() -> f32 {
    10.0
}

/// What a model learns from.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "lowercase", deny_unknown_fields)]
pub enum DataConfig {
    /// The small world, [`cards`](crate::data::cards).
    Cards,
    /// The large world, [`mix`](crate::data::mix).
    Storyworld {
        /// How much the pictures vary.
        dial: Dial,
        /// Which stories, and how many captions.
        #[serde(default)]
        select: Selection,
    },
    /// Documents from files, [`files`].
    Files {
        /// A `.jsonl` file, a `.tar` file or a folder of these.
        path: PathBuf,
    },
}

impl DataConfig {
    /// The documents of a stream for a model of this shape; files have only one, whose order `seed`
    /// determines.
    ///
    /// # Errors
    ///
    /// Those of [`files::open`] and [`Storyworld::new`].
    pub fn documents(&self, stream: Stream, model: &ModelConfig, seed: u64) -> Result<Box<dyn Documents>> {
        match self {
            DataConfig::Cards => Ok(Box::new(Cards(stream))),
            DataConfig::Storyworld { dial, select } => Ok(Box::new(Storyworld::new(stream, *dial, select.clone())?)),
            DataConfig::Files { path } => files::open(path, model.codec.image_px, seed),
        }
    }

    /// An error about the data as a whole.
    pub(super) fn error(&self, field: &str, reason: &str) -> Error {
        let file = match self {
            DataConfig::Cards => "cards".into(),
            DataConfig::Storyworld { .. } => "storyworld".into(),
            DataConfig::Files { path } => path.display().to_string(),
        };
        Error::Data { file, line: 0, field: field.into(), reason: reason.into() }
    }
}

/// How gradients become steps.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Optimizer {
    /// AdamW for every weight.
    AdamW,
    /// Muon for the matrices of the blocks, with updates of AdamW's size so that one learning rate
    /// and one weight decay serve both; AdamW for the rest.
    Muon,
}

impl TrainConfig {
    /// Reads and checks a configuration file (JSON).
    ///
    /// # Errors
    ///
    /// [`Error::Io`] or [`Error::Data`] naming the field.
    pub fn read(path: &Path) -> Result<Self> {
        let text = std::fs::read_to_string(path).map_err(|error| Error::io(path, error))?;
        let mut json = serde_json::Deserializer::from_str(&text);
        let config: Self = serde_path_to_error::deserialize(&mut json).map_err(|error| Error::Data {
            file: path.display().to_string(),
            line: error.inner().line(),
            field: error.path().to_string(),
            reason: error.inner().to_string(),
        })?;
        config.validate(path)?;
        Ok(config)
    }

    fn validate(&self, path: &Path) -> Result<()> {
        self.model.validate()?;
        let bad = |field: &str, found: String, expected: &str| {
            Err(Error::Data {
                file: path.display().to_string(),
                line: 1,
                field: field.into(),
                reason: format!("found {found}, expected {expected}"),
            })
        };
        let counts = [
            ("n_steps", self.n_steps),
            ("max_rows", self.max_rows),
            ("batch_size", self.batch_size),
            ("n_shards", self.n_shards),
            ("accumulate", self.accumulate),
            ("pool_steps", self.pool_steps),
            ("log_every", self.log_every),
            ("save_every", self.save_every),
            ("keep_checkpoints", self.keep_checkpoints),
            ("sample_every", self.sample_every),
        ];
        for (field, found) in counts {
            if found == 0 {
                return bad(field, "0".into(), "at least 1");
            }
        }
        let n_parts = self.accumulate.saturating_mul(self.n_shards);
        if self.batch_size < n_parts {
            let expected = format!("at least {n_parts}, a document for each of `accumulate` × `n_shards` parts");
            return bad("batch_size", self.batch_size.to_string(), &expected);
        }
        let shares = [
            ("prompt_dropout", self.prompt_dropout),
            ("complete_share", self.complete_share),
            ("pair_share", self.pair_share),
            ("pair_clean_text", self.pair_clean_text),
            ("mistake_share", self.mistake_share),
            ("pair_clean_pictures", self.pair_clean_pictures),
            ("text_only_share", self.text_only_share),
            ("final_rate", self.final_rate as f32),
            ("ema_decay", self.ema_decay),
        ];
        for (field, found) in shares {
            if !(0.0..=1.0).contains(&found) {
                return bad(field, found.to_string(), "a number in [0, 1]");
            }
        }
        let clean = self.pair_clean_text + self.pair_clean_pictures;
        if clean > 1.0 {
            return bad("pair_clean_pictures", clean.to_string(), "at most 1 together with `pair_clean_text`");
        }
        let positive = [
            ("learning_rate", self.learning_rate as f32),
            ("clip_norm", self.clip_norm),
            ("image_weight", self.image_weight),
        ];
        for (field, found) in positive {
            if !(found > 0.0 && found.is_finite()) {
                return bad(field, found.to_string(), "a positive number");
            }
        }
        if !(self.spike_factor > 1.0 && self.spike_factor.is_finite()) {
            return bad("spike_factor", self.spike_factor.to_string(), "a number above 1");
        }
        Ok(())
    }

    /// The learning rate of step `step`, counted from 0: linear warm-up, then a cosine down to
    /// `final_rate` of the peak.
    pub fn rate(&self, step: usize) -> f64 {
        if step < self.warmup_steps {
            return self.learning_rate * (step + 1) as f64 / self.warmup_steps as f64;
        }
        let left = (self.n_steps - self.warmup_steps).max(1) as f64;
        let done = ((step - self.warmup_steps) as f64 / left).min(1.0);
        let cosine = 0.5 * (1.0 + (std::f64::consts::PI * done).cos());
        self.learning_rate * (self.final_rate + (1.0 - self.final_rate) * cosine)
    }
}
