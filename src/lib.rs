//! OneFlow in a browser tab: a model family that writes text and paints pictures at the same time
//! (arXiv:2510.03506v3). Text grows by insertions (Edit Flows), pictures come out of noise (Flow
//! Matching), in one transformer, under one clock.
//!
//! A model sees the prompt, the text so far and the pictures so far. For the gap right of each
//! element (a *slot*) it says whether something is missing there (π), how much (λ) and what (Q);
//! for each picture, where it should move (a velocity). The sampler draws insertions, moves the
//! pictures, and asks again:
//!
//! ```text
//!   flow    the process as mathematics: schedule, sequence, noise      plain Rust
//!   sample  the sampler, its events and snapshots                      plain Rust
//!   ops     the operations a network is written in: by burn, by loops of our own on the CPU, by kernels on WebGPU
//!   model   the network, heads, picture codec, tokenizer
//!   checkpoint  files in and out, verified
//!   web     the browser's side (feature `web`)
//!   data    the training data (feature `train`)
//!   train   training, export (feature `train`)
//!   evaluate  how good a model is (feature `train`)
//! ```
//!
//! # Limits
//!
//! One sequence at a time; insertions only, so a wrong word stays; no threads in the browser; 32
//! bits everywhere; text prompts only. See ARCHITECTURE.md for what was measured.

#![forbid(unsafe_code)]

pub mod error;
pub mod flow;
pub mod sample;
pub mod ops;
pub mod model;
pub mod checkpoint;
pub mod golden;
#[cfg(feature = "cli")]
pub mod page;
#[cfg(feature = "train")]
pub mod data;
#[cfg(feature = "train")]
pub mod train;
#[cfg(feature = "train")]
pub mod evaluate;
#[cfg(feature = "web")]
pub mod web;

#[cfg(all(target_family = "wasm", feature = "train"))]
compile_error!("the feature `train` is native only: build the wasm with `--no-default-features --features web`");

pub use error::{Error, Result};
