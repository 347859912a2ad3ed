//! What a picture shows.

use serde::{Deserialize, Serialize};

use crate::data::world::places::{Place, Sky};

/// Everything a picture depends on, beside the dial and its generator.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Scene {
    /// The background's place.
    pub place: Place,
    /// The background's light and weather.
    pub sky: Sky,
    /// Who is there, at most three, from left to right.
    pub actors: Vec<Actor>,
    /// Sprites of things that lie or stand beside the actors, at most two.
    pub ground: Vec<&'static str>,
    /// Sprite of a building, vehicle or snowman behind the actors.
    pub backdrop: Option<&'static str>,
    /// What flashes up in the sky.
    pub spark: Option<Spark>,
    /// Sprites that have a colour of their own in this story ("a blue balloon"), wherever they
    /// are in the picture. Shown at [`Dial::L4`] if the sprite can be recoloured.
    pub tints: Vec<(&'static str, Tint)>,
}

impl Scene {
    /// The empty place.
    pub fn new(place: Place, sky: Sky) -> Self {
        Scene { place, sky, actors: Vec::new(), ground: Vec::new(), backdrop: None, spark: None, tints: Vec::new() }
    }
}

/// A character in a picture.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Actor {
    /// Its sprite.
    pub sprite: &'static str,
    /// How it stands, or lies.
    pub pose: Pose,
    /// Where it looks.
    pub facing: Facing,
    /// The mark above its head.
    pub mood: Option<Mood>,
    /// Sprite of the held thing.
    pub holds: Option<&'static str>,
}

impl Actor {
    /// One who stands there with nothing in hand.
    pub fn new(sprite: &'static str, facing: Facing) -> Self {
        Actor { sprite, pose: Pose::Stand, facing, mood: None, holds: None }
    }
}

/// How an actor stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Pose {
    /// Upright.
    Stand,
    /// Lying on its side.
    Asleep,
    /// In the air, above its shadow.
    Jump,
}

impl Pose {
    /// All poses.
    pub const ALL: [Pose; 3] = [Pose::Stand, Pose::Asleep, Pose::Jump];
}

/// Where an actor looks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Facing {
    /// To the left.
    Left,
    /// To the right.
    Right,
}

impl Facing {
    /// Both sides.
    pub const ALL: [Facing; 2] = [Facing::Left, Facing::Right];
}

/// A mood that has a mark.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Mood {
    /// Three golden strokes.
    Happy,
    /// A tear.
    Sad,
    /// An exclamation mark.
    Scared,
    /// A heart.
    Love,
    /// Three letters z.
    Sleepy,
    /// A note.
    Music,
    /// Sparkles.
    Magic,
    /// A red zigzag.
    Angry,
}

impl Mood {
    /// All moods.
    pub const ALL: [Mood; 8] =
        [Mood::Happy, Mood::Sad, Mood::Scared, Mood::Love, Mood::Sleepy, Mood::Music, Mood::Magic, Mood::Angry];
}

/// What flashes up in the sky, in one picture only.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Spark {
    /// After the rain.
    Rainbow,
    /// To wish upon.
    ShootingStar,
    /// For a feast.
    Fireworks,
}

impl Spark {
    /// All sparks.
    pub const ALL: [Spark; 3] = [Spark::Rainbow, Spark::ShootingStar, Spark::Fireworks];
}

/// A colour that a sprite is dyed in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Tint {
    /// As a cherry.
    Red,
    /// As an orange.
    Orange,
    /// As a lemon.
    Yellow,
    /// As a leaf.
    Green,
    /// As the sea.
    Blue,
    /// As a plum.
    Purple,
    /// As a blossom.
    Pink,
}

impl Tint {
    /// All tints.
    pub const ALL: [Tint; 7] =
        [Tint::Red, Tint::Orange, Tint::Yellow, Tint::Green, Tint::Blue, Tint::Purple, Tint::Pink];

    /// Its word.
    pub fn name(self) -> &'static str {
        match self {
            Tint::Red => "red",
            Tint::Orange => "orange",
            Tint::Yellow => "yellow",
            Tint::Green => "green",
            Tint::Blue => "blue",
            Tint::Purple => "purple",
            Tint::Pink => "pink",
        }
    }
}

/// How much varies in a picture beyond its scene.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Dial {
    /// Fixed slots, one scale, no weather in front.
    L1,
    /// Three scales, and weather.
    L2,
    /// Positions jitter freely.
    L3,
    /// As `L3`, and some sprites in colours that the text says.
    L4,
}

impl Dial {
    /// All levels.
    pub const ALL: [Dial; 4] = [Dial::L1, Dial::L2, Dial::L3, Dial::L4];
}
