//! Byte-level BPE: text to token ids and back, read from a Hugging Face `tokenizer.json`.
//!
//! Encoding has two steps. The text is cut into words as GPT-2 cuts it (`split`), and within each
//! word the UTF-8 bytes are merged pair by pair, the earliest-learnt merge first (`merges`). All
//! 256 bytes are tokens, so that any text encodes and nothing is unknown.
//!
//! The special tokens [`BEGIN`], [`PROMPT_END`] and [`IMAGE`] never come out of text: a prompt in
//! which `<|image|>` is typed holds seven or so ordinary tokens. They have no bytes either, and
//! leave no trace when decoded.
//!
//! Not supported, and refused: normalizers, other pre-tokenizers, a prefix space, merging
//! dropout, sub-word prefixes and suffixes, `ignore_merges`, added tokens that are not special.
//! The file's decoder, post-processor, truncation and padding are not read.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde::de::IgnoredAny;

use crate::error::{Error, Result};

pub(crate) use alphabet::Alphabet;
use merges::{Merge, Merges};

mod alphabet;
mod letters;
mod merges;
mod split;

/// The name of the file that a tokenizer is read from.
pub const FILE: &str = "tokenizer.json";

/// The special token that every sequence begins with.
pub const BEGIN: &str = "<|begin|>";
/// The special token that ends the prompt.
pub const PROMPT_END: &str = "<|prompt-end|>";
/// The special token for a picture; it stands in the vocabulary and never in a sequence.
pub const IMAGE: &str = "<|image|>";

/// A byte-level BPE tokenizer.
#[derive(Debug, Clone)]
pub struct Tokenizer {
    /// The bytes of all tokens, one after the other in order of id.
    bytes: Vec<u8>,
    /// Where the bytes of each token end.
    ends: Vec<usize>,
    /// The token of each single byte.
    byte_ids: Vec<u32>,
    merges: Merges,
    /// Name and id, in order of the name.
    specials: BTreeMap<String, u32>,
}

impl Tokenizer {
    /// Reads a `tokenizer.json`.
    ///
    /// # Errors
    ///
    /// [`Error::Model`] if it is not JSON, asks for something that is not supported (see the
    /// module), has ids that are not 0, 1, 2, … without a gap, lacks one of the 256 bytes or of
    /// the three special tokens, or has a merge of tokens that do not exist.
    pub fn from_json(json: &[u8]) -> Result<Tokenizer> {
        let file: File =
            serde_json::from_slice(json).map_err(|error| invalid(format!("it is not a tokenizer file: {error}")))?;
        file.check_supported()?;
        let specials = file.specials()?;
        let names = names_by_id(&file.model.vocab, &specials)?;

        let alphabet = Alphabet::new();
        let mut bytes = Vec::new();
        let mut ends = Vec::with_capacity(names.len());
        let mut byte_ids = vec![None; 256];
        for (id, name) in (0..).zip(&names) {
            if !specials.contains_key(*name) {
                let start = bytes.len();
                for c in name.chars() {
                    let byte = alphabet
                        .byte(c)
                        .ok_or_else(|| invalid(format!("token {id} is {name:?}; {c:?} stands for no byte")))?;
                    bytes.push(byte);
                }
                match bytes[start..] {
                    [] => return Err(invalid(format!("token {id} is empty"))),
                    [byte] => byte_ids[usize::from(byte)] = Some(id),
                    _ => {}
                }
            }
            ends.push(bytes.len());
        }
        let byte_ids = (0u32..)
            .zip(byte_ids)
            .map(|(byte, id)| id.ok_or_else(|| invalid(format!("byte {byte} has no token"))))
            .collect::<Result<_>>()?;

        let merges = merges_from_file(&file.model, &specials)?;
        Ok(Tokenizer { bytes, ends, byte_ids, merges, specials })
    }

    /// The tokens of `text`, which may be empty. Names of special tokens in it are plain text.
    pub fn encode(&self, text: &str) -> Vec<u32> {
        let mut tokens = Vec::with_capacity(text.len() / 2);
        for word in split::words(text) {
            let start = tokens.len();
            tokens.extend(word.bytes().map(|byte| self.byte_ids[usize::from(byte)]));
            self.merges.apply(&mut tokens, start);
        }
        tokens
    }

    /// The text of `tokens`; bytes that are not UTF-8 are dropped, special and unknown tokens too.
    pub fn decode(&self, tokens: &[u32]) -> String {
        let bytes: Vec<u8> = tokens.iter().flat_map(|&token| self.token_bytes(token)).copied().collect();
        bytes.utf8_chunks().map(|chunk| chunk.valid()).collect()
    }

    /// The bytes of one token: none for a special token and for an id outside the vocabulary.
    pub fn token_bytes(&self, token: u32) -> &[u8] {
        let token = token as usize;
        let Some(&end) = self.ends.get(token) else { return &[] };
        let start = token.checked_sub(1).map_or(0, |before| self.ends[before]);
        &self.bytes[start..end]
    }

    /// How many tokens there are, special ones included; the ids are `0..vocab_size`.
    pub fn vocab_size(&self) -> usize {
        self.ends.len()
    }

    /// The id of a special token by its name, such as [`IMAGE`].
    pub fn special(&self, name: &str) -> Option<u32> {
        self.specials.get(name).copied()
    }
}

/// What is read of the file; the rest is ignored.
#[derive(Deserialize)]
struct File {
    #[serde(default)]
    added_tokens: Vec<AddedToken>,
    normalizer: Option<IgnoredAny>,
    pre_tokenizer: Option<PreTokenizer>,
    model: Model,
}

#[derive(Deserialize)]
struct AddedToken {
    id: u32,
    content: String,
    #[serde(default)]
    special: bool,
}

#[derive(Deserialize)]
struct PreTokenizer {
    r#type: String,
    add_prefix_space: Option<bool>,
    use_regex: Option<bool>,
}

#[derive(Deserialize)]
struct Model {
    r#type: Option<String>,
    dropout: Option<f32>,
    continuing_subword_prefix: Option<String>,
    end_of_word_suffix: Option<String>,
    #[serde(default)]
    ignore_merges: bool,
    vocab: BTreeMap<String, u32>,
    merges: Vec<MergeEntry>,
}

/// A merge as newer files and as older files write it: `["a", "b"]` or `"a b"`.
#[derive(Deserialize)]
#[serde(untagged)]
enum MergeEntry {
    Pair(String, String),
    Line(String),
}

impl File {
    fn check_supported(&self) -> Result<()> {
        if self.normalizer.is_some() {
            return Err(invalid("it has a normalizer; expected none".into()));
        }
        match &self.pre_tokenizer {
            Some(pre) if pre.r#type == "ByteLevel" => {
                if pre.add_prefix_space != Some(false) || pre.use_regex == Some(false) {
                    return Err(invalid(
                        "its pre_tokenizer must have add_prefix_space false and use_regex true".into(),
                    ));
                }
            }
            other => {
                let found = other.as_ref().map_or("none", |pre| &pre.r#type);
                return Err(invalid(format!("its pre_tokenizer is {found}; expected ByteLevel")));
            }
        }
        let model = &self.model;
        if let Some(found) = model.r#type.as_deref().filter(|&found| found != "BPE") {
            return Err(invalid(format!("its model is {found}; expected BPE")));
        }
        let is_set = |text: &Option<String>| text.as_ref().is_some_and(|text| !text.is_empty());
        if model.dropout.is_some_and(|dropout| dropout != 0.0)
            || is_set(&model.continuing_subword_prefix)
            || is_set(&model.end_of_word_suffix)
            || model.ignore_merges
        {
            return Err(invalid(
                "its model must have no dropout, continuing_subword_prefix, end_of_word_suffix or ignore_merges".into(),
            ));
        }
        Ok(())
    }

    fn specials(&self) -> Result<BTreeMap<String, u32>> {
        let mut specials = BTreeMap::new();
        for AddedToken { id, content, special } in &self.added_tokens {
            if !special {
                return Err(invalid(format!("added token {content:?} is not special; expected only special ones")));
            }
            if specials.insert(content.clone(), *id).is_some() {
                return Err(invalid(format!("special token {content:?} is there twice")));
            }
        }
        for name in [BEGIN, PROMPT_END, IMAGE] {
            if !specials.contains_key(name) {
                return Err(invalid(format!("the special token {name} is missing")));
            }
        }
        Ok(specials)
    }
}

/// The tokens' names in order of id. A special token may stand in the vocabulary, too.
fn names_by_id<'a>(vocab: &'a BTreeMap<String, u32>, specials: &'a BTreeMap<String, u32>) -> Result<Vec<&'a str>> {
    let beyond_vocab = specials.iter().filter(|(name, _)| !vocab.contains_key(*name));
    let vocab_size = vocab.len() + beyond_vocab.clone().count();
    let mut names = vec![None; vocab_size];
    for (name, &id) in vocab.iter().chain(beyond_vocab) {
        if specials.get(name).is_some_and(|&special| special != id) {
            return Err(invalid(format!("special token {name:?} has two ids")));
        }
        let place = names.get_mut(id as usize).ok_or_else(|| {
            invalid(format!("token {name:?} has id {id}; expected ids 0 to {} without a gap", vocab_size - 1))
        })?;
        if let Some(other) = place.replace(name.as_str()) {
            return Err(invalid(format!("tokens {other:?} and {name:?} both have id {id}")));
        }
    }
    // As many names as places, and no place taken twice: no place is empty.
    Ok(names.into_iter().flatten().collect())
}

fn merges_from_file(model: &Model, specials: &BTreeMap<String, u32>) -> Result<Merges> {
    let id = |name: &str| {
        let id = model.vocab.get(name).filter(|_| !specials.contains_key(name));
        id.copied().ok_or_else(|| invalid(format!("a merge names {name:?}, which is no token of text")))
    };
    let mut merges = Vec::with_capacity(model.merges.len());
    for (rank, entry) in (0..).zip(&model.merges) {
        let (left, right) = match entry {
            MergeEntry::Pair(left, right) => (left.as_str(), right.as_str()),
            MergeEntry::Line(line) => line.split_once(' ').ok_or_else(|| {
                invalid(format!("merge {rank} is {line:?}; expected two tokens with a space between"))
            })?,
        };
        merges.push(Merge { pair: (id(left)?, id(right)?), rank, merged: id(&format!("{left}{right}"))? });
    }
    Merges::new(merges)
        .map_err(|merge| invalid(format!("merge {} is of the same tokens as an earlier one", merge.rank)))
}

/// A token may be as long as the file; the beginning says enough.
fn invalid(reason: String) -> Error {
    Error::Model { file: FILE.into(), reason: reason.chars().take(300).collect() }
}
