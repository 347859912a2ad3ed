//! Pictures of the large world: a background, and at most three characters with their things.
//!
//! The picture is a pure function of the scene, the dial and, from [`Dial::L3`] on, of a few
//! draws from a generator, so that everything in it can be checked by machine.

pub mod scene;

pub mod painter;

pub mod tint;

mod figure;
mod habits;
mod layout;
mod stamp;
mod marks;
mod water;
mod weather;
mod sky;
mod air;
mod scenery;

pub use painter::paint;
pub use scene::{Actor, Dial, Facing, Mood, Pose, Scene, Spark, Tint};
pub use tint::is_tintable;
