//! The training data: illustrated stories without end, from a number, and documents of anybody's
//! making, from files.
//!
//! The same index gives the same bytes on every target.

pub mod document;

pub mod files;

pub mod cards;

pub mod world;

pub mod telling;

pub mod painting;

pub mod mix;

pub mod census;

pub mod book;

pub mod stream;

pub mod holdout;

pub mod picture;

pub mod atlas;

mod canvas;

mod stamp;

pub use document::{Document, Documents, Part};
pub use picture::Picture;
pub use stream::Stream;
