//! Pictures of the large world.

pub mod scene;
