//! What a picture shows: five labels and nothing else.

use super::names::{Character, Mark, Place, Prop, Sky};

/// All that a picture depends on; [`paint`](super::painter::paint) is a pure
/// function of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Scene {
    /// The background's place.
    pub place: Place,
    /// The background's light and weather.
    pub sky: Sky,
    /// Who the picture is about: in the middle, or on the left if there is an `other`.
    pub character: Character,
    /// Who or what is on the right.
    pub other: Option<Other>,
    /// The sign above.
    pub mark: Option<Mark>,
}

/// The second thing in a picture.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Other {
    /// A friend.
    Character(Character),
    /// A thing.
    Prop(Prop),
}

impl Other {
    /// The name of its sprite.
    pub fn name(self) -> &'static str {
        match self {
            Other::Character(character) => character.name(),
            Other::Prop(prop) => prop.name(),
        }
    }
}
