//! The process as mathematics: plain Rust over token ids and `f32` values. It names no tensor,
//! device, clock or file.
//!
//! Text is an insertion-only edit flow: a noisy text is a subsequence of the clean one, and its
//! missing elements are drawn back one by one. A picture is a straight path from noise to latents.
//! Both run from time 0 (empty, noise) to time 1 (data). arXiv:2510.03506v3, sections 2.1-2.3.
//!
//! Exponentials, logarithms, sines and roots come from `libm`, so that every target computes the
//! same bits.

pub mod schedule;

pub mod sequence;

pub mod image;

pub mod path;

pub mod times;

pub mod noising;

pub mod loss;

pub mod rng;
