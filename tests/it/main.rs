//! Integration tests, one binary.

mod support;

mod certainty;
mod checkpoint;
mod data;
mod flow;
mod golden_checks;
mod golden_files;
mod guidance;
mod layering;
mod model;
mod noising;
mod sampler;
mod snapshot;
mod stories;
mod storyworld;
mod tokenizer;
mod training;
