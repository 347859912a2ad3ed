//! What stops a run before a step that would spoil its weights.
//!
//! A loss or a gradient that is not a finite number, or a loss far above what it has been. The
//! loss is judged by its excess: what was minimised, less the least that its Poisson term can be.
//! The excess is never negative, so that "so many times its mean" has a meaning.

use serde::{Deserialize, Serialize};

use super::batch::{Batch, Targets};

/// Steps before the mean is trusted.
const N_UNJUDGED: u64 = 50;
/// How much of the mean stays with each step once it has seen enough of them.
const MEMORY: f32 = 0.99;

/// The running mean of the excess; a part of a checkpoint.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Guard {
    mean: f32,
    n_steps: u64,
}

impl Guard {
    /// What is wrong with a step of this excess and this norm of the gradient, if anything is.
    pub fn judge(&self, excess: f32, grad_norm: f32, spike_factor: f32) -> Option<String> {
        if !excess.is_finite() {
            return Some(format!("the loss is {excess}, expected a finite number"));
        }
        if !grad_norm.is_finite() {
            return Some(format!("the norm of the gradient is {grad_norm}, expected a finite number"));
        }
        let most = spike_factor * self.mean;
        (self.n_steps >= N_UNJUDGED && excess > most).then(|| {
            format!(
                "the loss is {excess:.4} above its floor, expected at most {most:.4}, `spike_factor` times its \
                 running mean of {:.4}",
                self.mean
            )
        })
    }

    /// Counts a step that was made: a plain mean at first, an exponential one later.
    pub fn count(&mut self, excess: f32) {
        let memory = MEMORY.min(self.n_steps as f32 / (self.n_steps + 1) as f32);
        self.mean = memory * self.mean + (1.0 - memory) * excess;
        self.n_steps += 1;
    }
}

/// The least that the Poisson term of these shards can be, Σ weight · (k - k·log k) over slots that
/// lack k > 0 elements, as a mean over documents.
pub fn poisson_floor(shards: &[Batch]) -> f32 {
    let n: usize = shards.iter().map(|shard| shard.input.batch).sum();
    shards.iter().map(|shard| floor(&shard.targets) * shard.input.batch as f32 / n as f32).sum()
}

fn floor(targets: &Targets) -> f32 {
    let least = |k: f32| if k > 0.0 { k - k * k.ln() } else { 0.0 };
    targets.counts.iter().zip(&targets.slot_weights).map(|(&k, weight)| weight * least(k)).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seasoned() -> Guard {
        let mut guard = Guard::default();
        (0..N_UNJUDGED).for_each(|_| guard.count(0.5));
        guard
    }

    #[test]
    fn what_is_no_number_is_found_at_once() {
        assert!(Guard::default().judge(f32::NAN, 1.0, 10.0).is_some_and(|reason| reason.contains("loss is NaN")));
        assert!(Guard::default().judge(1.0, f32::INFINITY, 10.0).is_some_and(|reason| reason.contains("norm")));
        assert_eq!(Guard::default().judge(1e9, 1e9, 10.0), None);
    }

    #[test]
    fn a_spike_is_a_multiple_of_the_mean_of_enough_steps() {
        assert_eq!(seasoned().judge(4.9, 1.0, 10.0), None);
        let reason = seasoned().judge(5.1, 1.0, 10.0).unwrap();
        assert!(reason.contains("5.1") && reason.contains("spike_factor") && reason.contains("0.5000"), "{reason}");
    }

    #[test]
    fn the_mean_forgets() {
        let mut guard = seasoned();
        (0..1000).for_each(|_| guard.count(2.0));
        assert!((guard.mean - 2.0).abs() < 1e-3, "{}", guard.mean);
    }
}
