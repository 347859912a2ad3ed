//! The training data: illustrated stories without end, from a number.
//!
//! The same index gives the same bytes on every target.

pub mod cards;

pub mod world;

pub mod telling;

pub mod painting;

pub mod stream;

pub mod holdout;

pub mod picture;

pub mod atlas;

mod canvas;

pub use picture::Picture;
pub use stream::Stream;
