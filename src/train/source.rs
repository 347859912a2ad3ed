//! Clean training sequences: documents through the tokenizer and the picture codec.

use std::collections::HashMap;
use std::sync::Mutex;

use crate::data::{Documents, Part};
use crate::error::{Error, Result};
use crate::flow::sequence::{Element, Sequence};
use crate::model::codec::{ImageCodec, PcaCodec, Preconditioner};
use crate::model::tokenizer::Tokenizer;

/// Makes clean sequences out of documents.
pub struct Source {
    documents: Box<dyn Documents>,
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
    /// Of each element of the response, whether it is given: never noised, and no loss on it.
    pub given: Vec<bool>,
}

impl Source {
    /// A source over documents.
    ///
    /// # Errors
    ///
    /// [`Error::Model`] if the tokenizer lacks a special token.
    pub fn new(
        documents: Box<dyn Documents>,
        tokenizer: Tokenizer,
        codec: PcaCodec,
        preconditioner: Preconditioner,
    ) -> Result<Self> {
        let find = |name: &str| {
            tokenizer.special(name).ok_or_else(|| Error::Model {
                file: "tokenizer.json".into(),
                reason: format!("special token \"{name}\" is missing"),
            })
        };
        let specials = [find("<|begin|>")?, find("<|prompt-end|>")?, find("<|image|>")?];
        Ok(Self { documents, tokenizer, codec, preconditioner, specials, painted: Mutex::default() })
    }

    /// Document `index` as a sequence.
    ///
    /// # Errors
    ///
    /// Those of the documents.
    pub fn clean(&self, index: u64) -> Result<Clean> {
        let document = self.documents.document(index)?;
        let [begin, prompt_end, _] = self.specials;
        let mut elements = vec![Element::Token(begin)];
        elements.extend(self.tokenizer.encode(&document.prompt).into_iter().map(Element::Token));
        elements.push(Element::Token(prompt_end));
        let n_prompt = elements.len();
        let (mut latents, mut given) = (Vec::new(), Vec::new());
        for (i, part) in document.parts.iter().enumerate() {
            match part {
                Part::Text(text) => elements.extend(self.tokenizer.encode(text).into_iter().map(Element::Token)),
                Part::Image(picture) => {
                    elements.push(Element::Image(latents.len()));
                    latents.push(self.encode(&picture.rgb));
                }
            }
            given.resize(elements.len() - n_prompt, !document.asked.contains(&i));
        }
        Ok(Clean { sequence: Sequence { elements, n_prompt }, latents, given })
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
