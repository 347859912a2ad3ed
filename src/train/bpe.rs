//! Learning a byte-level BPE vocabulary from text.

use std::collections::HashSet;

use tokenizers::models::bpe::{BPE, BpeTrainer};
use tokenizers::pre_tokenizers::byte_level::ByteLevel;
use tokenizers::{AddedToken, NormalizerWrapper, TokenizerBuilder};

use crate::error::{Error, Result};
use crate::model::tokenizer::{BEGIN, IMAGE, PROMPT_END};

/// A pair that is there only once is not worth a token.
const MIN_FREQUENCY: u64 = 2;

/// The special tokens and the bytes: no vocabulary is smaller.
const MIN_VOCAB_SIZE: usize = 3 + 256;

/// The longest token in bytes, less one. Words are cut before merging, so that no token crosses a
/// word; this keeps a drawn-out sign (a rule of dashes, a run of spaces) from becoming one.
const MAX_TOKEN_LENGTH: usize = 24;

/// Learns a vocabulary of at most `vocab_size` tokens and returns it as a `tokenizer.json` that
/// [`Tokenizer::from_json`](crate::model::tokenizer::Tokenizer::from_json) reads.
///
/// Ids: 0 to 2 are [`BEGIN`], [`PROMPT_END`] and [`IMAGE`], 3 to 258 the bytes, then the merges in
/// the order in which they were learnt: the most frequent pair first, of equally frequent ones
/// that of the lowest ids. There are fewer than `vocab_size` if no pair is left that occurs twice.
/// The result depends on how often each word is in `texts`, and on nothing else.
///
/// # Errors
///
/// [`Error::Option`] if `vocab_size` has no room for the bytes and the special tokens.
pub fn train_bpe(texts: impl Iterator<Item = String> + Send, vocab_size: usize) -> Result<String> {
    if vocab_size < MIN_VOCAB_SIZE {
        return Err(Error::Option {
            name: "vocab_size",
            found: vocab_size.to_string(),
            expected: format!("at least {MIN_VOCAB_SIZE}"),
        });
    }
    let specials = [BEGIN, PROMPT_END, IMAGE].map(|name| AddedToken::from(name, true));
    let mut trainer = BpeTrainer::builder()
        .show_progress(false)
        .vocab_size(vocab_size)
        .min_frequency(MIN_FREQUENCY)
        .special_tokens(specials.into())
        .initial_alphabet(HashSet::from_iter(ByteLevel::alphabet()))
        .max_token_length(Some(MAX_TOKEN_LENGTH))
        .build();
    let byte_level = ByteLevel::new(false, false, true);
    let mut tokenizer = TokenizerBuilder::<BPE, NormalizerWrapper, ByteLevel, ByteLevel, ByteLevel>::new()
        .with_model(BPE::default())
        .with_pre_tokenizer(Some(byte_level))
        .with_decoder(Some(byte_level))
        .build()
        .map_err(internal)?;
    tokenizer.train(&mut trainer, texts).map_err(internal)?;
    tokenizer.to_string(true).map_err(internal)
}

/// Nothing that comes from outside makes the trainer fail.
fn internal(error: tokenizers::Error) -> Error {
    Error::Internal { reason: format!("training the tokenizer: {error}") }
}
