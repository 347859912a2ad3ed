//! What a picture shows.

use crate::data::world::places::{Place, Sky};

/// Everything a picture depends on, beside the dial and its generator.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Scene {
    /// Where.
    pub place: Place,
    /// Time of day and weather.
    pub sky: Sky,
    /// 0 to 3, from left to right.
    pub actors: Vec<Actor>,
    /// Sprites of things lying or standing beside the actors, 0 to 2.
    pub ground: Vec<&'static str>,
    /// Sprite of a building, vehicle or snowman behind the actors.
    pub backdrop: Option<&'static str>,
    /// What is in the sky beside the weather.
    pub spark: Option<Spark>,
}

/// A character in a picture.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Actor {
    /// The name of its sprite.
    pub sprite: &'static str,
    /// How it is there.
    pub pose: Pose,
    /// Which way it looks.
    pub facing: Facing,
    /// The small sign above it.
    pub mood: Option<Mood>,
    /// The sprite of the thing it holds.
    pub holds: Option<&'static str>,
}

/// How an actor is there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pose {
    Stand,
    Asleep,
    Jump,
}

/// Which way an actor looks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Facing {
    Left,
    Right,
}

/// What an actor feels, as a sign that can be drawn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mood {
    Happy,
    Sad,
    Scared,
    Love,
    Sleepy,
    Music,
    Magic,
    Angry,
}

/// What is in the sky of one picture.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Spark {
    Rainbow,
    ShootingStar,
    Fireworks,
}

/// How much a picture varies.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Dial {
    L1,
    L2,
    L3,
    L4,
}
