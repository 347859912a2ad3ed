//! Whether a back end can be trusted on this machine: one forward of a small made-up network, with
//! weights in every storage and few shapes that are multiples of a tile, beside the CPU's.

use super::made_up::{self, Case, Storage};
use crate::error::{Error, Result};
use crate::ops::cpu::CpuOps;
use crate::ops::stored::BlockFormat;
use crate::ops::{Ops, Precision, ready};

/// How far a number may be off, relative to itself or to the typical one: some hundred sums of f32
/// in another order stay below 1e-5, factors of 11 bits below 1e-2, and a mistake is above 1.
fn tolerance(precision: Precision) -> f32 {
    match precision {
        Precision::F32 => 1e-3,
        Precision::F16 => 2e-2,
    }
}

/// Runs every operation of the network on `ops`, which computes in `precision`; gives the largest
/// deviation.
///
/// # Errors
///
/// [`Error::Internal`] where an answer is not the CPU's, and what the back end itself reports.
pub async fn self_test<O: Ops>(ops: O, precision: Precision) -> Result<f32> {
    let (config, batch, n_tokens, n_images) = (made_up::config(), 2, 67, 2);
    let expected = ready(Case::stored(CpuOps, &config, &storage, batch, n_tokens, n_images)?.forward())?;
    let found = Case::stored(ops, &config, &storage, batch, n_tokens, n_images)?.forward().await?;
    let off = deviation(&found, &expected);
    let tolerance = tolerance(precision);
    if off <= tolerance {
        return Ok(off);
    }
    Err(Error::Internal {
        reason: format!("the self-test is off by {off}, expected at most {tolerance}: the driver computes wrongly"),
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_cpu_passes_and_is_not_off_at_all() {
        assert_eq!(ready(self_test(CpuOps, Precision::F32)).unwrap(), 0.0);
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
