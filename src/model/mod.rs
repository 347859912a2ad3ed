//! The model: configuration, network, heads, picture codec and tokenizer.

pub mod codec;
pub mod config;
pub mod input;
pub mod made_up;
pub mod self_test;
pub mod network;
pub mod oneflow;
pub mod story;
pub mod tokenizer;

pub use codec::{ImageCodec, PcaCodec, Preconditioner};
pub use config::ModelConfig;
pub use network::Network;
pub use oneflow::Model;
pub use tokenizer::Tokenizer;
