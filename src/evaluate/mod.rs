//! `oneflow evaluate`: how good a model is, beside what is best possible and what chance would give.
//!
//! Prompts of a stream name character, place and sky; the model tells a story for each; tools that know
//! nothing of the network say what is wrong with the texts and what the pictures show. Beside each
//! number stands that of the true stories (the ceiling), of true pictures through the codec, and of
//! shuffled labels (the floor). `tests/quality/README.md` defines the numbers in words;
//! `tests/quality/*.py` measures most of them with code that shares nothing with this.
//!
//! The judges of the large world's pictures are the same with more to choose from: what one says there
//! means something only between its floor and its ceiling.

pub mod run;

pub mod report;

pub mod asked;

pub mod telling;

pub mod text;
pub mod words;
pub mod shape;
pub mod phrases;
pub mod grammar;
pub mod trigram;
pub mod lengths;

pub mod judge;
pub mod probe;
pub mod matcher;

pub mod noised;

pub mod sweep;

pub mod page;

mod svg;

pub mod parallel;

pub use report::Report;
pub use run::{Evaluation, Plan, evaluate};
