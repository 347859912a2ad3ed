//! Clean training sequences: documents through the tokenizer and the picture codec.

use std::collections::HashMap;
use std::sync::Mutex;

use crate::data::Stream;
use crate::data::cards::{self, Document, Part};
use crate::error::{Error, Result};
use crate::flow::sequence::{Element, Sequence};
use crate::model::codec::{ImageCodec, PcaCodec, Preconditioner};
use crate::model::tokenizer::Tokenizer;

/// Makes clean sequences out of documents.
pub struct Source {
    stream: Stream,
    tokenizer: Tokenizer,
    codec: PcaCodec,
    preconditioner: Preconditioner,
    /// `<|begin|>`, `<|prompt-end|>`, `<|image|>`
    specials: [u32; 3],
    /// Latents by the picture's pixels: a small world paints the same picture often.
    painted: Mutex<HashMap<Vec<u8>, Vec<f32>>>,
}

/// A clean document: `Element::Image(i)` stands for `latents[i]`.
#[derive(Clone, Debug)]
pub struct Clean {
    /// Prompt and response.
    pub sequence: Sequence,
    /// Latents `[p·k]` of each picture.
    pub latents: Vec<Vec<f32>>,
}

impl Source {
    /// A source over one stream of documents.
    ///
    /// # Errors
    ///
    /// [`Error::Model`] if the tokenizer lacks a special token.
    pub fn new(stream: Stream, tokenizer: Tokenizer, codec: PcaCodec, preconditioner: Preconditioner) -> Result<Self> {
        let find = |name: &str| {
            tokenizer.special(name).ok_or_else(|| Error::Model {
                file: "tokenizer.json".into(),
                reason: format!("special token \"{name}\" is missing"),
            })
        };
        let specials = [find("<|begin|>")?, find("<|prompt-end|>")?, find("<|image|>")?];
        Ok(Self { stream, tokenizer, codec, preconditioner, specials, painted: Mutex::default() })
    }

    /// Document `index` of the stream.
    pub fn document(&self, index: u64) -> Document {
        cards::document(self.stream, index)
    }

    /// Document `index` as a sequence.
    pub fn clean(&self, index: u64) -> Clean {
        let document = self.document(index);
        let [begin, prompt_end, _] = self.specials;
        let mut elements = vec![Element::Token(begin)];
        elements.extend(self.tokenizer.encode(&document.prompt).into_iter().map(Element::Token));
        elements.push(Element::Token(prompt_end));
        let n_prompt = elements.len();
        let mut latents = Vec::new();
        for part in &document.parts {
            match part {
                Part::Text(text) => elements.extend(self.tokenizer.encode(text).into_iter().map(Element::Token)),
                Part::Image(picture) => {
                    elements.push(Element::Image(latents.len()));
                    latents.push(self.encode(&picture.rgb));
                }
            }
        }
        Clean { sequence: Sequence { elements, n_prompt }, latents }
    }

    fn encode(&self, rgb: &[u8]) -> Vec<f32> {
        // A poisoned lock only means that another thread stopped; the map is whole.
        let mut painted = self.painted.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
        if let Some(latents) = painted.get(rgb) {
            return latents.clone();
        }
        let latents = self.codec.encode(rgb);
        if painted.len() < 20_000 {
            painted.insert(rgb.to_vec(), latents.clone());
        }
        latents
    }

    /// The prompt of an unconditional sequence.
    pub fn empty_prompt(&self) -> [Element; 2] {
        let [begin, prompt_end, _] = self.specials;
        [Element::Token(begin), Element::Token(prompt_end)]
    }

    /// The token that stands for a picture in a bag.
    pub fn image_token(&self) -> u32 {
        self.specials[2]
    }

    /// The scales of the latents.
    pub fn preconditioner(&self) -> &Preconditioner {
        &self.preconditioner
    }
}
