//! One weight under training: its value, its moving average and what its optimiser remembers.
//!
//! Weights are updated one by one, so threads can share them out in any way with the same result.

use burn::optim::decay::WeightDecayConfig;
use burn::optim::{
    AdamW, AdamWConfig, AdamWState, AdaptiveMomentumState, AdjustLrFn, Muon, MuonConfig, MuonState, Optimizer as _,
    RecordState, StateSink, momentum::MomentumState,
};
use burn::tensor::Tensor;

use super::config::{Optimizer, TrainConfig};
use crate::error::{Error, Result};
use crate::model::network::WeightSpec;

/// A weight under training.
pub struct Weight {
    /// Name, shape and start.
    pub spec: WeightSpec,
    /// Its value.
    pub value: Tensor<2>,
    /// The moving average of its values.
    pub average: Tensor<2>,
    rule: Rule,
    memory: Memory,
}

#[derive(Clone)]
enum Rule {
    AdamW(AdamW),
    Muon(Box<Muon>),
}

/// What an optimiser remembers of a weight; nothing before the first gradient.
#[derive(Clone, Default)]
#[expect(clippy::large_enum_variant, reason = "there are few, and after the first step none is `Nothing`")]
enum Memory {
    #[default]
    Nothing,
    AdamW(AdamWState<2>),
    Muon(MuonState<2>),
}

/// What a checkpoint holds of a [`Weight`]'s optimiser: how many gradients AdamW has seen, and its
/// tensors by name.
pub struct Remembered {
    /// 0 for Muon, which does not count.
    pub n_gradients: usize,
    /// `momentum`, or `moment_1` and `moment_2`.
    pub tensors: Vec<(&'static str, Tensor<2>)>,
}

/// The names of the tensors that an optimiser keeps.
const MOMENTUM: &str = "momentum";
const MOMENTS: [&str; 2] = ["moment_1", "moment_2"];

impl Weight {
    /// A weight that has seen no gradient.
    pub fn new(config: &TrainConfig, spec: WeightSpec, value: Tensor<2>) -> Self {
        let is_inner = spec.name.starts_with("blocks.") && spec.shape[0] > 1;
        let rule = match config.optimizer {
            Optimizer::Muon if is_inner => {
                let decay = WeightDecayConfig::new(config.weight_decay);
                let muon = MuonConfig::new().with_adjust_lr_fn(AdjustLrFn::MatchRmsAdamW);
                Rule::Muon(Box::new(muon.with_weight_decay(Some(decay)).build()))
            }
            _ => {
                let adamw = AdamWConfig::new().with_beta_1(0.9).with_beta_2(0.98).with_epsilon(1e-8);
                Rule::AdamW(adamw.with_weight_decay(config.weight_decay).build())
            }
        };
        Self { spec, average: value.clone(), value, rule, memory: Memory::Nothing }
    }

    /// About how many operations an update takes.
    pub fn cost(&self) -> u64 {
        let [rows, cols] = self.spec.shape.map(|n| n as u64);
        let (short, long) = (rows.min(cols), rows.max(cols));
        // Elementwise operations wait for memory, so each counts as a good many.
        let elements = 200 * rows * cols;
        match self.rule {
            Rule::AdamW(_) => elements,
            // Five rounds of Newton-Schulz, three products each.
            Rule::Muon(_) => elements + 5 * (4 * short * short * long + 2 * short * short * short),
        }
    }

    /// One step: the value by the optimiser's rule, then `average ← decay·average + (1 - decay)·value`.
    /// A weight without a gradient keeps its value.
    pub fn update(mut self, grad: Option<Tensor<2>>, learning_rate: f64, decay: f32) -> Self {
        if let Some(grad) = grad {
            (self.value, self.memory) = match (&self.rule, self.memory) {
                (Rule::AdamW(rule), memory) => {
                    let state = if let Memory::AdamW(state) = memory { Some(state) } else { None };
                    let (value, state) = rule.step(learning_rate, self.value, grad, state);
                    (value, state.map_or(Memory::Nothing, Memory::AdamW))
                }
                (Rule::Muon(rule), memory) => {
                    let state = if let Memory::Muon(state) = memory { Some(state) } else { None };
                    let (value, state) = rule.step(learning_rate, self.value, grad, state);
                    (value, state.map_or(Memory::Nothing, Memory::Muon))
                }
            };
        }
        self.average = self.average.mul_scalar(decay) + self.value.clone().mul_scalar(1.0 - decay);
        self
    }

    /// The names of the tensors that its optimiser keeps.
    pub fn memory_names(&self) -> &'static [&'static str] {
        match self.rule {
            Rule::AdamW(_) => &MOMENTS,
            Rule::Muon(_) => &[MOMENTUM],
        }
    }

    /// What its optimiser remembers, if it has seen a gradient.
    ///
    /// # Errors
    ///
    /// [`Error::Internal`] if the optimiser's state is not what it was.
    pub fn remembered(&self) -> Result<Option<Remembered>> {
        match &self.memory {
            Memory::Nothing => Ok(None),
            Memory::AdamW(AdamWState { momentum, .. }) => {
                let AdaptiveMomentumState { time, moment_1, moment_2, .. } = momentum.clone();
                let tensors = MOMENTS.into_iter().zip([moment_1, moment_2]).collect();
                Ok(Some(Remembered { n_gradients: time, tensors }))
            }
            Memory::Muon(state) => {
                // The velocity has no name outside of burn, but can be recorded.
                let mut sink = StateSink::default();
                state.momentum.state_flatten("", &mut sink);
                let velocity = sink.tensors.pop().map(|(_, data)| Tensor::from_data(data, &self.value.device()));
                let velocity = velocity.ok_or_else(|| Error::Internal { reason: "Muon keeps no velocity".into() })?;
                Ok(Some(Remembered { n_gradients: 0, tensors: vec![(MOMENTUM, velocity)] }))
            }
        }
    }

    /// Takes up what [`remembered`](Self::remembered) gave: the tensors of
    /// [`memory_names`](Self::memory_names), in that order.
    pub fn remember(&mut self, n_gradients: usize, tensors: Vec<Tensor<2>>) {
        let mut tensors = tensors.into_iter();
        self.memory = match (&self.rule, tensors.next(), tensors.next()) {
            (Rule::AdamW(_), Some(moment_1), Some(moment_2)) => {
                Memory::AdamW(AdamWState::new(AdaptiveMomentumState::new(n_gradients, moment_1, moment_2)))
            }
            (Rule::Muon(_), Some(velocity), _) => Memory::Muon(MuonState::new(MomentumState::new(velocity))),
            _ => Memory::Nothing,
        };
    }
}
