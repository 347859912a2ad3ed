//! A model ready to run: network, codec and tokenizer on one back end, seen by the sampler as a
//! [`FlowModel`].

use std::collections::BTreeMap;

use super::codec::{ImageCodec, PcaCodec, Preconditioner};
use super::config::ModelConfig;
use super::input::{Input, Row};
use super::network::{Network, n_parameters};
use super::tokenizer::Tokenizer;
use crate::error::{Error, Result};
use crate::ops::Ops;
use crate::sample::{FlowModel, Options, Prediction, SlotOpening, Spec, State};

/// Prompts are cut off by an error above this many UTF-8 bytes.
pub const MAX_PROMPT_BYTES: usize = 8_000;

/// A model on back end `O`.
pub struct Model<O: Ops> {
    /// Its shape and defaults.
    pub config: ModelConfig,
    /// Pictures to latents and back.
    pub codec: PcaCodec,
    /// Text to tokens and back.
    pub tokenizer: Tokenizer,
    ops: O,
    network: Network<O::Weight>,
    preconditioner: Preconditioner,
    spec: Spec,
}

/// The parts of a [`Model`] whose weights are `W`.
pub struct ModelParts<W> {
    /// Shape and defaults.
    pub config: ModelConfig,
    /// Weights.
    pub network: Network<W>,
    /// Pictures to latents and back.
    pub codec: PcaCodec,
    /// Scales of the latents.
    pub preconditioner: Preconditioner,
    /// Text to tokens and back.
    pub tokenizer: Tokenizer,
}

impl<O: Ops> Model<O> {
    /// Puts the parts together.
    ///
    /// # Errors
    ///
    /// [`Error::Model`] if the tokenizer lacks a special token or has another size than the
    /// network's vocabulary.
    pub fn new(ops: O, parts: ModelParts<O::Weight>) -> Result<Self> {
        let ModelParts { config, network, codec, preconditioner, tokenizer } = parts;
        let spec = spec(&config, &tokenizer)?;
        Ok(Self { config, codec, tokenizer, ops, network, preconditioner, spec })
    }

    /// What the sampler must know of this model.
    pub fn spec(&self) -> &Spec {
        &self.spec
    }

    /// Its weights.
    pub fn network(&self) -> &Network<O::Weight> {
        &self.network
    }

    /// What it runs on.
    pub fn ops(&self) -> &O {
        &self.ops
    }

    /// The scales of its latents.
    pub fn preconditioner(&self) -> &Preconditioner {
        &self.preconditioner
    }

    /// Numbers in the network's weights.
    pub fn n_parameters(&self) -> usize {
        n_parameters(&self.config)
    }

    /// The tokens of a prompt, without the special ones.
    ///
    /// # Errors
    ///
    /// [`Error::Prompt`] above [`MAX_PROMPT_BYTES`].
    pub fn prompt_tokens(&self, prompt: &str) -> Result<Vec<u32>> {
        if prompt.len() > MAX_PROMPT_BYTES {
            return Err(Error::Prompt {
                found: format!("{} bytes long", prompt.len()),
                expected: format!("at most {MAX_PROMPT_BYTES} bytes of UTF-8; shorten it"),
            });
        }
        Ok(self.tokenizer.encode(prompt.trim()))
    }

    /// The options that this model was tuned for.
    pub fn options(&self) -> Options {
        let sampling = &self.config.sampling;
        Options {
            n_steps: sampling.n_steps,
            temperature: sampling.temperature,
            top_p: sampling.top_p,
            text_guidance: sampling.text_guidance,
            image_guidance: sampling.image_guidance,
            max_tokens: sampling.max_tokens,
            max_images: sampling.max_images,
            close_threshold: sampling.close_threshold,
            min_certainty: sampling.min_certainty,
            delete_threshold: sampling.delete_threshold,
            slot_opening: SlotOpening::Threshold(sampling.open_threshold),
            ..Options::default()
        }
    }

    /// RGB pixels, sRGB 0 to 255, of a picture's latents at time `t`. Before `t = 1` the latents
    /// are part noise; what is shown is their best linear estimate of the picture.
    pub fn preview(&self, latents: &[f32], t: f32) -> Vec<u8> {
        self.codec.decode(&self.preconditioner.denoised(latents, t))
    }
}

/// Ids and sizes, checked against each other.
fn spec(config: &ModelConfig, tokenizer: &Tokenizer) -> Result<Spec> {
    let broken = |reason: String| Error::Model { file: "tokenizer.json".into(), reason };
    if tokenizer.vocab_size() != config.network.vocab_size {
        return Err(broken(format!(
            "it has {} tokens, expected {} as in config.json",
            tokenizer.vocab_size(),
            config.network.vocab_size
        )));
    }
    let find =
        |name: &str| tokenizer.special(name).ok_or_else(|| broken(format!("special token \"{name}\" is missing")));
    Ok(Spec {
        begin: find("<|begin|>")?,
        prompt_end: find("<|prompt-end|>")?,
        image: find("<|image|>")?,
        vocab_size: config.network.vocab_size,
        latent_len: config.codec.latent_len(),
    })
}

/// What is kept of a forward.
pub struct Kept<M> {
    /// The slots' rows.
    slots: M,
    /// Token logits that came with the forward, by their slots.
    logits: BTreeMap<usize, Vec<f32>>,
}

impl<O: Ops> Model<O> {
    /// A forward, and the logits of the slots that the back end takes for the likeliest, if it does.
    async fn answer(&self, state: &State, is_text_open: bool) -> Result<Prediction<Kept<O::Matrix>>> {
        let row = Row {
            sequence: &state.sequence,
            images: state.images.iter().map(|image| (&image.latents[..], image.t)).collect(),
        };
        let input = Input::new(&self.config, &self.preconditioner, self.spec.image, &[row]);
        let hidden = self.network.forward(&self.ops, &input);
        let gate = self.network.gate(&self.ops, &hidden.slots);
        let deletions = self.network.deletions(&self.ops, &hidden.slots);
        let images = hidden.images.as_ref().filter(|_| state.images.iter().any(|image| image.t < 1.0));
        let ahead = if is_text_open { self.ops.likeliest(&hidden.slots, &gate) } else { None };
        let ahead = ahead.map(|ahead| (ahead.ids, self.network.token_logits(&self.ops, &ahead.rows)));
        let mut wanted: Vec<_> = [&gate].into_iter().chain(&deletions).chain(images).collect();
        let n_answers = wanted.len();
        wanted.extend(ahead.iter().flat_map(|(ids, logits)| [ids, logits]));
        let mut answers = self.ops.download_all(&wanted).await?;
        let mut logits = answers.split_off(n_answers.min(answers.len())).into_iter();
        let logits = match (logits.next(), logits.next()) {
            (Some(ids), Some(logits)) => by_slot(&ids, &logits, self.spec.vocab_size),
            _ => BTreeMap::new(),
        };
        answers.iter().try_for_each(|answer| check_finite(answer))?;
        let mut answers = answers.into_iter();
        let gate = answers.next().unwrap_or_default();
        let zero_prob = gate.chunks_exact(2).map(|head| sigmoid(head[0])).collect();
        let insertion_rate = gate.chunks_exact(2).map(|head| 1.0 + softplus(head[1])).collect();
        // The first slot's left element is the end of the prompt, which stays.
        let delete_logits = deletions.and_then(|_| answers.next()).unwrap_or_default();
        let delete_prob = delete_logits.into_iter().skip(1).map(sigmoid).collect();
        let outputs = answers.next().unwrap_or_default();
        let velocity = |(i, image): (usize, &crate::flow::image::ImageState)| {
            if image.t >= 1.0 {
                return Vec::new();
            }
            let output = &outputs[i * self.spec.latent_len..(i + 1) * self.spec.latent_len];
            self.preconditioner.velocity(&image.latents, output, image.t)
        };
        let velocities = state.images.iter().enumerate().map(velocity).collect();
        let hidden = Kept { slots: hidden.slots, logits };
        Ok(Prediction { zero_prob, insertion_rate, delete_prob, velocities, hidden })
    }
}

impl<O: Ops> FlowModel for Model<O> {
    type Hidden = Kept<O::Matrix>;

    async fn predict(&self, state: &State) -> Result<Prediction<Self::Hidden>> {
        self.answer(state, true).await
    }

    async fn predict_images(&self, state: &State) -> Result<Prediction<Self::Hidden>> {
        self.answer(state, false).await
    }

    /// Where all slots asked for were among the likeliest, their logits are here already.
    async fn token_logits(&self, hidden: &Self::Hidden, slots: &[usize]) -> Result<Vec<Vec<f32>>> {
        if slots.is_empty() {
            return Ok(Vec::new());
        }
        let kept: Option<Vec<Vec<f32>>> = slots.iter().map(|slot| hidden.logits.get(slot).cloned()).collect();
        if let Some(logits) = kept {
            logits.iter().try_for_each(|logits| check_finite(logits))?;
            return Ok(logits);
        }
        let rows: Vec<u32> = slots.iter().map(|&slot| slot as u32).collect();
        let logits = self.network.token_logits(&self.ops, &self.ops.select(&hidden.slots, &rows));
        let logits = self.ops.download(&logits).await?;
        check_finite(&logits)?;
        Ok(logits.chunks_exact(self.spec.vocab_size).map(<[f32]>::to_vec).collect())
    }
}

/// Logits by the slots that they are of. Their numbers are bits of `u32`; among gates that are no
/// numbers there may be any, of which nobody asks.
fn by_slot(ids: &[f32], logits: &[f32], vocab_size: usize) -> BTreeMap<usize, Vec<f32>> {
    ids.iter().zip(logits.chunks_exact(vocab_size)).map(|(id, own)| (id.to_bits() as usize, own.to_vec())).collect()
}

/// Weights that are finite may still give sums that are not.
fn check_finite(answer: &[f32]) -> Result<()> {
    match answer.iter().find(|number| !number.is_finite()) {
        None => Ok(()),
        Some(number) => Err(Error::Model {
            file: "model.safetensors".into(),
            reason: format!(
                "the network answers {number}, expected finite numbers: its weights are too large, or in the \
                 precision f16 what comes of them is; then choose f32"
            ),
        }),
    }
}

pub(crate) fn sigmoid(x: f32) -> f32 {
    1.0 / (1.0 + libm::expf(-x))
}

pub(crate) fn softplus(x: f32) -> f32 {
    // For a large x, ln(1 + eˣ) is x, and eˣ would overflow.
    if x > 20.0 { x } else { libm::log1pf(libm::expf(x)) }
}
