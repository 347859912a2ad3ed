//! The training data: a small Storyworld that writes short illustrated
//! stories, without end, from a number.
//!
//! A document is a prompt and one, two or three beats, a beat is one sentence
//! and one picture. The text comes from a hand-written bank of templates, the
//! picture from a painter that is a pure function of five labels, so that
//! every document can be checked by machine. The same index gives the same
//! bytes on every target.

pub mod names;

pub mod bank;
pub mod realiser;

pub mod prompts;

pub mod holdout;
mod story;

pub mod scene;

pub mod painter;

mod canvas;
mod scenery;

pub mod atlas;

pub mod preview;

pub use painter::paint;
pub use scene::{Other, Picture, Scene};
pub use story::{BeatLabels, Document, Labels, Part, Stream, document, labels, scenes, text};
