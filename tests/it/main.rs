//! Integration tests, one binary.

#[global_allocator]
static HEAP: heap::Counting = heap::Counting;

mod support;

mod blocks;
mod certainty;
mod checkpoint;
mod cpu;
mod data;
mod deletion;
#[cfg(feature = "train-gpu")]
mod devices;
mod evaluate;
mod faults;
mod files;
mod flow;
mod golden_checks;
mod golden_files;
mod fused;
mod gradients;
mod guidance;
#[path = "../support/heap.rs"]
mod heap;
mod layering;
mod mix;
mod model;
mod noising;
#[path = "../support/numbers.rs"]
mod numbers;
#[path = "../support/operations.rs"]
mod operations;
mod painting;
mod quantize;
mod reference;
mod plots;
mod regimes;
mod resuming;
mod rounding;
mod sampler;
mod shards;
mod snapshot;
mod stepping;
mod stories;
mod storyworld;
mod tokenizer;
mod toy_language;
mod training;
