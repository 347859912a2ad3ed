//! Clean training sequences: documents through the tokenizer and the picture codec.

use burn::tensor::{Device, Tensor, TensorData};

use super::quantize::Files;
use crate::checkpoint::load::codec_from_weights;
use crate::checkpoint::shards::take_weights;
use crate::checkpoint::{CONFIG, TOKENIZER};
use crate::data::{Document, Documents, Part};
use crate::error::{Error, Result};
use crate::flow::sequence::{Element, Sequence};
use crate::model::codec::{PcaCodec, Preconditioner};
use crate::model::config::ModelConfig;
use crate::model::tokenizer::Tokenizer;

/// Makes clean sequences out of documents.
pub struct Source {
    documents: Box<dyn Documents>,
    tokenizer: Tokenizer,
    codec: PcaCodec,
    preconditioner: Preconditioner,
    max_rows: usize,
    /// `<|begin|>`, `<|prompt-end|>`, `<|image|>`
    specials: [u32; 3],
    /// The codec's components over its scale, one a column.
    analysis: Tensor<2>,
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

impl Clean {
    /// The same document without its pictures.
    pub fn without_pictures(self) -> Self {
        let Sequence { elements, n_prompt } = self.sequence;
        let is_picture = |element: &Element| matches!(element, Element::Image(_));
        let given = elements[n_prompt..].iter().zip(self.given).filter(|(element, _)| !is_picture(element));
        let given = given.map(|(_, given)| given).collect();
        let elements = elements.into_iter().filter(|element| !is_picture(element)).collect();
        Self { sequence: Sequence { elements, n_prompt }, latents: Vec::new(), given }
    }
}

impl Source {
    /// A source over documents, none of more than `max_rows` rows.
    ///
    /// # Errors
    ///
    /// [`Error::Model`] if the tokenizer lacks a special token.
    pub fn new(
        documents: Box<dyn Documents>,
        tokenizer: Tokenizer,
        codec: PcaCodec,
        preconditioner: Preconditioner,
        max_rows: usize,
    ) -> Result<Self> {
        let find = |name: &str| {
            tokenizer.special(name).ok_or_else(|| Error::Model {
                file: "tokenizer.json".into(),
                reason: format!("special token \"{name}\" is missing"),
            })
        };
        let specials = [find("<|begin|>")?, find("<|prompt-end|>")?, find("<|image|>")?];
        let (k, len) = (codec.config().n_coefs, codec.config().patch_len());
        let components = TensorData::new(codec.components().to_vec(), [k, len]);
        let analysis = Tensor::<2>::from_data(components, &Device::flex()).transpose() / codec.scale();
        Ok(Self { documents, tokenizer, codec, preconditioner, max_rows, specials, analysis })
    }

    /// A source over documents of any length for the model of `files`, with the model's shape.
    ///
    /// # Errors
    ///
    /// [`Error::Model`] if the files are no model.
    pub fn of_model(files: &Files, documents: Box<dyn Documents>) -> Result<(ModelConfig, Self)> {
        let file = |name: &str| files.get(name).map_or(&[][..], Vec::as_slice);
        let config = ModelConfig::from_json(file(CONFIG))?;
        let (codec, preconditioner) = codec_from_weights(&config.codec, &mut take_weights(&mut files.clone())?)?;
        let source = Self::new(documents, Tokenizer::from_json(file(TOKENIZER))?, codec, preconditioner, usize::MAX)?;
        Ok((config, source))
    }

    /// Document `index` as a sequence. Of a drawn document that is too long, the last beats are
    /// left out.
    ///
    /// # Errors
    ///
    /// Those of the documents; [`Error::Data`] for one from a file that is too long, or one of
    /// which nothing fits.
    pub fn clean(&self, index: u64) -> Result<Clean> {
        let mut document = self.documents.document(index)?;
        let fits = match self.sequence(&document) {
            Ok(clean) => return Ok(clean),
            Err(n_parts) => n_parts,
        };
        let is_drawn = self.documents.period().is_none();
        document.parts.truncate(fits);
        let asked = document.asked.start..document.asked.end.min(fits);
        document.asked = if asked.is_empty() { 0..fits } else { asked };
        match self.sequence(&document) {
            Ok(clean) if is_drawn && fits > 0 => Ok(clean),
            _ => Err(Error::Data {
                file: "the training data".into(),
                line: 0,
                field: "parts".into(),
                reason: format!(
                    "document {index} has more than {} rows; shorten it or raise `max_rows`",
                    self.max_rows
                ),
            }),
        }
    }

    /// The sequence of a document; or, if it is too long, how many of its parts fit and end with a
    /// picture.
    fn sequence(&self, document: &Document) -> Result<Clean, usize> {
        let [begin, prompt_end, _] = self.specials;
        let mut elements = vec![Element::Token(begin)];
        elements.extend(self.tokenizer.encode(&document.prompt).into_iter().map(Element::Token));
        elements.push(Element::Token(prompt_end));
        let n_prompt = elements.len();
        let (mut pictures, mut given) = (Vec::new(), Vec::new());
        let mut fits = 0;
        for (i, part) in document.parts.iter().enumerate() {
            match part {
                Part::Text(text) => elements.extend(self.tokenizer.encode(text).into_iter().map(Element::Token)),
                Part::Image(picture) => {
                    elements.push(Element::Image(pictures.len()));
                    pictures.push(&picture.rgb[..]);
                }
            }
            given.resize(elements.len() - n_prompt, !document.asked.contains(&i));
            if elements.len() + pictures.len() * self.codec.config().n_patches() > self.max_rows {
                return Err(fits);
            }
            if matches!(part, Part::Image(_)) {
                fits = i + 1;
            }
        }
        Ok(Clean { sequence: Sequence { elements, n_prompt }, latents: self.encode(&pictures), given })
    }

    /// The latents of pictures: what [`PcaCodec`] encodes, in one product for all of them.
    fn encode(&self, pictures: &[&[u8]]) -> Vec<Vec<f32>> {
        if pictures.is_empty() {
            return Vec::new();
        }
        let config = self.codec.config();
        let patches: Vec<f32> = pictures.iter().flat_map(|rgb| self.codec.centred(rgb)).collect();
        let shape = [pictures.len() * config.n_patches(), config.patch_len()];
        let patches = Tensor::<2>::from_data(TensorData::new(patches, shape), &Device::flex());
        let latents = patches.matmul(self.analysis.clone()).into_data();
        latents.iter::<f32>().collect::<Vec<_>>().chunks_exact(config.latent_len()).map(<[f32]>::to_vec).collect()
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
