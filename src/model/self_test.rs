//! Whether a back end can be trusted on this machine: one forward of a small made-up network, with
//! weights in every storage and few shapes that are multiples of a tile, beside the CPU's.

use super::config::{CodecConfig, FORMAT, ModelConfig, NetworkConfig, SamplingConfig};
use super::made_up::{Case, Storage};
use crate::error::{Error, Result};
use crate::ops::burn::BurnOps;
use crate::ops::stored::BlockFormat;
use crate::ops::{Ops, ready};

/// How far a number may be off, relative to itself or to the typical one: some hundred sums of f32
/// in another order stay below 1e-5, and a mistake is above 1.
const TOLERANCE: f32 = 1e-3;

/// Runs every operation of the network on `ops`; gives the largest deviation.
///
/// # Errors
///
/// [`Error::Internal`] where an answer is not the CPU's, and what the back end itself reports.
pub async fn self_test<O: Ops>(ops: O) -> Result<f32> {
    let (batch, n_tokens, n_images) = (2, 67, 2);
    let expected = ready(Case::stored(BurnOps::cpu(), &config(), &storage, batch, n_tokens, n_images)?.forward())?;
    let found = Case::stored(ops, &config(), &storage, batch, n_tokens, n_images)?.forward().await?;
    let off = deviation(&found, &expected);
    if off <= TOLERANCE {
        return Ok(off);
    }
    Err(Error::Internal {
        reason: format!("the self-test is off by {off}, expected at most {TOLERANCE}: the driver computes wrongly"),
    })
}

/// The largest deviation of a number, relative to itself or to the typical one; infinite where the
/// lengths differ or a number is not finite.
fn deviation(found: &[f32], expected: &[f32]) -> f32 {
    if found.len() != expected.len() || found.iter().any(|number| !number.is_finite()) {
        return f32::INFINITY;
    }
    let square = |sum: f32, number: &f32| sum + number * number;
    let typical = (expected.iter().fold(0.0, square) / expected.len().max(1) as f32).sqrt();
    let off = |(a, b): (&f32, &f32)| (a - b).abs() / b.abs().max(typical);
    found.iter().zip(expected).map(off).fold(0.0, f32::max)
}

/// A block of the trunk a storage, and the ends as the models in use have them.
fn storage(name: &str) -> Storage {
    if name.starts_with("blocks.1") {
        Storage::Blocks(BlockFormat::Q8)
    } else if name.starts_with("blocks.2") {
        Storage::Blocks(BlockFormat::Q4)
    } else if name.starts_with("adapter") || name.starts_with("time") {
        Storage::F32
    } else {
        Storage::F16
    }
}

fn config() -> ModelConfig {
    ModelConfig {
        format: FORMAT.into(),
        network: NetworkConfig { d_model: 64, n_heads: 2, n_layers: 3, d_mlp: 70, vocab_size: 131, delete_head: true },
        codec: CodecConfig { kind: "pca-patch".into(), image_px: 8, patch_px: 4, n_coefs: 18 },
        sampling: SamplingConfig {
            n_steps: 1,
            temperature: 1.0,
            top_p: 1.0,
            open_threshold: 0.5,
            close_threshold: 1.0,
            min_certainty: 0.0,
            delete_threshold: 1.0,
            text_guidance: 0.0,
            image_guidance: 0.0,
            max_tokens: 1,
            max_images: 1,
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_cpu_passes_and_is_not_off_at_all() {
        assert_eq!(ready(self_test(BurnOps::cpu())).unwrap(), 0.0);
    }

    #[test]
    fn a_wrong_a_missing_and_an_infinite_number_are_seen() {
        let expected = [1.0, -2.0, 0.0];
        assert_eq!(deviation(&expected, &expected), 0.0);
        assert!(deviation(&[1.0, 2.0, 0.0], &expected) > 1.0);
        assert!(deviation(&[1.0, -2.0, 0.1], &expected) > 0.01);
        assert!(deviation(&[1.0, -2.0], &expected).is_infinite());
        assert!(deviation(&[1.0, f32::NAN, 0.0], &expected).is_infinite());
    }
}
