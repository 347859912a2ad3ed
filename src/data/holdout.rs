//! Which pairs of labels are never trained on.
//!
//! A pair is held out when the first byte of BLAKE2b (no key, 64-byte digest)
//! over `holdout-v1|a|b` is below 16: one pair in sixteen, by a rule that
//! anyone can check with a few lines.

use blake2::{Blake2b512, Digest};

/// The first byte of the digest for the pair `(a, b)`.
pub fn holdout_byte(a: &str, b: &str) -> u8 {
    Blake2b512::digest(format!("holdout-v1|{a}|{b}"))[0]
}

/// Whether the pair of names is held out. Two characters are given in
/// alphabetical order; otherwise the character comes first.
pub fn is_held_out(a: &str, b: &str) -> bool {
    holdout_byte(a, b) < 16
}
