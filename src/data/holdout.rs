//! Which pairs of labels are never trained on.
//!
//! A pair is held out when the first byte of BLAKE2b (no key, 64-byte digest)
//! over `holdout-v1|a|b` is below 16: one pair in sixteen, by a rule that
//! anyone can check with a few lines.

use blake2::{Blake2b512, Digest};

use super::names::{Character, Place, Prop};

/// The first byte of the digest for the pair `(a, b)`.
pub fn holdout_byte(a: &str, b: &str) -> u8 {
    Blake2b512::digest(format!("holdout-v1|{a}|{b}"))[0]
}

/// Whether the pair of names is held out. Two characters are given in
/// alphabetical order; otherwise the character comes first.
pub fn is_held_out(a: &str, b: &str) -> bool {
    holdout_byte(a, b) < 16
}

/// Whether this character in this place is held out.
pub fn held_out_place(character: Character, place: Place) -> bool {
    is_held_out(character.name(), place.name())
}

/// Whether this character with this prop is held out.
pub fn held_out_prop(character: Character, prop: Prop) -> bool {
    is_held_out(character.name(), prop.name())
}

/// Whether these two characters together are held out, in whatever order.
pub fn held_out_friend(one: Character, two: Character) -> bool {
    let (a, b) = (one.name().min(two.name()), one.name().max(two.name()));
    is_held_out(a, b)
}
