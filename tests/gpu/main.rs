//! The WebGPU engine against the CPU's, on whatever adapter there is: a binary of its own, which
//! `npm test` and `cargo test --features gpu --test gpu` run only where an adapter is. Without a
//! GPU, Mesa's lavapipe is one.

#[global_allocator]
static HEAP: heap::Counting = heap::Counting;

mod ahead;
mod faults;
mod files;
mod forward;
mod halves;
#[path = "../support/heap.rs"]
mod heap;
mod kernels;
#[path = "../support/numbers.rs"]
mod numbers;
#[path = "../support/operations.rs"]
mod operations;
mod shards;
mod storages;
mod stories;
mod support;
