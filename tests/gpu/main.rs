//! The WebGPU engine against the CPU's, on whatever adapter there is: a binary of its own, which
//! `npm test` and `cargo test --features gpu --test gpu` run only where an adapter is. Without a
//! GPU, Mesa's lavapipe is one.

mod ahead;
mod faults;
mod files;
mod forward;
mod halves;
mod kernels;
#[path = "../support/numbers.rs"]
mod numbers;
#[path = "../support/operations.rs"]
mod operations;
mod storages;
mod stories;
mod support;
