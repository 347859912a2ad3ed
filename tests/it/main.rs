//! Integration tests, one binary.

mod support;

mod blocks;
mod certainty;
mod checkpoint;
mod data;
mod deletion;
mod evaluate;
mod files;
mod flow;
mod golden_checks;
mod golden_files;
mod guidance;
mod layering;
mod mix;
mod model;
mod noising;
mod painting;
mod quantize;
mod reference;
mod sampler;
mod snapshot;
mod stories;
mod storyworld;
mod tokenizer;
mod training;
