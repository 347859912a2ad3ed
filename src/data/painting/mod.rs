//! Pictures of the world: what they show, and the painter.

pub mod scene;

pub use scene::{Actor, Facing, Mood, Pose, Scene, Spark};
