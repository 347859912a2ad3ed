//! Which pairs of the small world are held out.

use super::names::{Character, Place, Prop};
use crate::data::holdout::is_held_out;

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
