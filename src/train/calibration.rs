//! Documents to round a model on, and the rounding of all its matrices on them.

use std::cell::RefCell;
use std::collections::BTreeMap;

use super::batch::{Batch, pool};
use super::config::TrainConfig;
use super::end_to_end;
use super::quantize::{Files, Numbers, Storage};
use super::recorder::{Named, Recorder};
use super::sensitivity::{Sensitivity, measure};
use super::side_by_side::SideBySide;
use super::source::Source;
use super::threads::Threads;
use crate::checkpoint::WEIGHTS;
use crate::data::Documents;
use crate::error::{Error, Result};
use crate::model::Network;
use crate::ops::Ops;
use crate::ops::burn::BurnOps;
use crate::ops::stored::StoredNumbers;

/// The noise is that of the committed training configuration.
const NOISE: &str = include_str!("../../configs/storyworld-nano.json");
/// The generator of the noise, apart from those of training and of the probe.
const SEED: u64 = 0x9e0c;

/// Noised documents to round a model on.
pub struct Calibration {
    noise: TrainConfig,
    source: Source,
    batch: Batch,
    n_steps: usize,
}

impl Calibration {
    /// Documents `n` to `2·n` of `documents`, for the model of `files`; the first may be those of a
    /// [`Probe`](super::compare::Probe). After rounding, `n_steps` steps of training follow
    /// (`train/end_to_end.rs`), on documents further on.
    ///
    /// # Errors
    ///
    /// Those of the documents and of the files.
    pub fn new(files: &Files, documents: Box<dyn Documents>, n: usize, n_steps: usize) -> Result<Calibration> {
        let (config, source) = Source::of_model(files, documents)?;
        let internal = |reason: String| Error::Internal { reason };
        let noise: TrainConfig =
            serde_json::from_str(NOISE).map_err(|error| internal(format!("the committed configuration: {error}")))?;
        let model = config.clone();
        let noise =
            TrainConfig { model, seed: SEED, batch_size: n, n_shards: 1, accumulate: 1, pool_steps: 1, ..noise };
        let batch = pool(&noise, &source, 1)?.pop().and_then(|mut shards| shards.pop());
        let batch = batch.ok_or_else(|| internal("no documents to calibrate on".into()))?;
        Ok(Calibration { noise, source, batch, n_steps })
    }

    /// What errors of the products cost.
    pub(super) fn sensitivity(&self, numbers: &Numbers) -> Result<Sensitivity> {
        alone(|| {
            let ops = BurnOps { device: BurnOps::cpu().device.autodiff() };
            measure(&self.network(numbers, &ops)?, &ops, &self.batch, SEED)
        })
    }

    /// The weights as `plan` stores them: rounded as far as they stand in a product or are tables, and
    /// then trained.
    pub(super) fn round(
        &self,
        numbers: &Numbers,
        plan: &BTreeMap<String, Storage>,
        sensitivity: &Sensitivity,
    ) -> Result<BTreeMap<String, StoredNumbers>> {
        let rounded = alone(|| {
            let ops = BurnOps::cpu();
            let network = self.network(numbers, &ops)?;
            let recorder = Recorder { ops, watch: SideBySide { plan, sensitivity, found: RefCell::default() } };
            let hidden = network.forward(&recorder, &self.batch.input);
            network.gate(&recorder, &hidden.slots);
            Ok(recorder.watch.found.into_inner())
        })?;
        match self.n_steps {
            0 => Ok(rounded),
            n => end_to_end::train(&self.noise, &self.source, numbers, plan, &rounded, n),
        }
    }

    fn network(&self, numbers: &Numbers, ops: &BurnOps) -> Result<Network<Named>> {
        Network::build(&self.noise.model, |spec| {
            let missing =
                || Error::Model { file: WEIGHTS.into(), reason: format!("weight `{}` is missing", spec.name) };
            let (_, values) = numbers.get(&spec.name).ok_or_else(missing)?;
            Ok(Named { value: ops.upload(values.clone(), spec.shape[0]), name: spec.name })
        })
    }
}

/// Work on one thread, whose sums have one order.
fn alone<R: Send>(work: impl Fn() -> Result<R> + Sync) -> Result<R> {
    let done = Threads::new(1)?.map(&[0], vec![()], |()| work()).pop();
    done.unwrap_or_else(|| Err(Error::Internal { reason: "a thread gave no result".into() }))
}
