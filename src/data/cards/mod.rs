//! Cards: the small world, which a few million weights learn on two cores.
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

mod pairs;
mod story;

pub mod scene;

pub mod painter;

mod scenery;

pub mod preview;

pub use painter::paint;
pub use scene::{Other, Scene};
pub use story::{BeatLabels, Cards, Document, Labels, document, labels, scenes, text};
