//! Numbers that are hard on a kernel, and the question whether an answer is near enough; for the tests
//! of every back end.

use oneflow_web::flow::rng::Rng;

/// What a matrix is filled with.
#[derive(Clone, Copy, Debug)]
pub enum Fill {
    /// Normal, standard deviation 1.
    Normal,
    /// Up to 1e12: squares and products stay in the range of f32, sums of few.
    Huge,
    /// Down to 1e-20: squares leave the range of f32 and are zero.
    Tiny,
    /// All zero.
    Zeros,
    /// Each value by turns huge, tiny, zero and normal.
    Mixed,
}

pub const FILLS: [Fill; 5] = [Fill::Normal, Fill::Huge, Fill::Tiny, Fill::Zeros, Fill::Mixed];

pub fn values(rng: &mut Rng, n: usize, fill: Fill) -> Vec<f32> {
    let one = |i: usize| {
        let normal = rng.normal();
        match (fill, i % 4) {
            (Fill::Normal, _) | (Fill::Mixed, 3) => normal,
            (Fill::Huge, _) | (Fill::Mixed, 0) => 1e12 * normal,
            (Fill::Tiny, _) | (Fill::Mixed, 1) => 1e-20 * normal,
            (Fill::Zeros, _) | (Fill::Mixed, _) => 0.0,
        }
    };
    (0..n).map(one).collect()
}

/// Each value within its own bound.
#[track_caller]
pub fn within(what: &str, found: &[f32], expected: &[f32], bound: impl Fn(usize) -> f32) {
    assert_eq!(found.len(), expected.len(), "{what}");
    for (i, (&found, &expected)) in found.iter().zip(expected).enumerate() {
        let off = (found - expected).abs();
        // Not `>`: a NaN is within nothing.
        assert!(off <= bound(i), "{what}: value {i} is {found}, expected {expected}, off by {off} of {}", bound(i));
    }
}
