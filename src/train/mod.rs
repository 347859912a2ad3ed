//! Native training: Algorithm 3 of arXiv:2510.03506v3 over any source of documents.

pub mod batch;
pub mod bins;
pub mod bpe;
pub mod checkpoints;
pub mod codec_fit;
pub mod compare;
pub mod config;
pub mod export;
pub mod foreign;
pub mod guard;
mod letters;
mod log;
pub mod look;
pub mod loss;
pub mod mistakes;
pub mod plot;
pub mod quantize;
pub mod run;
pub mod sheet;
pub mod source;
mod start;
mod state;
mod threads;
pub mod trainer;
pub mod update;
