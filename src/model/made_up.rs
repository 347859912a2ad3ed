//! A network with made-up weights on a made-up story, for benchmarks: the shapes are a model's own,
//! the numbers say nothing. They come from a fixed seed, so that another engine can be given the
//! same ones and be held to the same answer.

use half::f16;

use super::codec::Preconditioner;
use super::config::{CodecConfig, FORMAT, ModelConfig, NetworkConfig, SamplingConfig};
use super::input::{Input, Row};
use super::network::{Init, Network, TOKENS, WeightSpec};
use crate::error::{Error, Result};
use crate::flow::image::ImageState;
use crate::flow::rng::Rng;
use crate::flow::sequence::{Element, Sequence};
use crate::ops::Ops;
use crate::ops::stored::{BlockFormat, BlockSpec, Blocks, StoredNumbers};
use crate::sample::State;

/// Prompt tokens of the story, as far as it has so many.
const N_PROMPT: usize = 10;

/// Of how many slots one fires: about as many as in a step in the middle of a story.
const SLOTS_PER_TOKEN: usize = 4;

/// One forward, ready to be run again and again.
pub struct Case<O: Ops> {
    /// What the network is shown.
    pub input: Input,
    /// The slots of which the token head is asked.
    pub token_slots: Vec<u32>,
    ops: O,
    network: Network<O::Weight>,
}

impl<O: Ops> Case<O> {
    /// A network of this shape, and `batch` times the same story.
    ///
    /// # Errors
    ///
    /// Those of [`Network::build`], of which there are none here.
    pub fn new(ops: O, config: &ModelConfig, batch: usize, n_tokens: usize, n_images: usize) -> Result<Self> {
        Self::stored(ops, config, &|_| Storage::F32, batch, n_tokens, n_images)
    }

    /// [`new`](Self::new), with each weight in the storage that is said for its name.
    ///
    /// # Errors
    ///
    /// Those of [`new`](Self::new).
    pub fn stored(
        ops: O,
        config: &ModelConfig,
        storage: &dyn Fn(&str) -> Storage,
        batch: usize,
        n_tokens: usize,
        n_images: usize,
    ) -> Result<Self> {
        let mut rng = weight_rng();
        let network = Network::build(config, |spec| {
            Ok(ops.stored_weight(numbers(&spec, storage(&spec.name), &mut rng), spec.shape[0]))
        })?;
        Ok(Self::of(ops, config, network, [batch, n_tokens, n_images]))
    }

    /// [`new`](Self::new), with weights that are known already, as [`weights`] gives them.
    ///
    /// # Errors
    ///
    /// [`Error::Internal`] if they are too few.
    pub fn with_weights(ops: O, config: &ModelConfig, mut values: &[f32], sizes: [usize; 3]) -> Result<Self> {
        let network = Network::build(config, |spec| {
            let n = spec.shape[0] * spec.shape[1];
            let (own, rest) = values
                .split_at_checked(n)
                .ok_or_else(|| Error::Internal { reason: format!("the weights end before {}", spec.name) })?;
            values = rest;
            Ok(ops.weight(own.to_vec(), spec.shape[0]))
        })?;
        Ok(Self::of(ops, config, network, sizes))
    }

    /// `sizes` are sequences, tokens and pictures of each.
    fn of(ops: O, config: &ModelConfig, network: Network<O::Weight>, sizes: [usize; 3]) -> Self {
        let input = input(config, sizes[0], sizes[1], sizes[2]);
        let token_slots = (0..input.slot_rows.len() as u32).step_by(SLOTS_PER_TOKEN).collect();
        Self { input, token_slots, ops, network }
    }

    /// The answers of the heads, one after the other: the gate's for every slot, the adapter's for
    /// every picture row, the token head's for `token_slots`.
    ///
    /// # Errors
    ///
    /// Those of [`Ops::download_all`].
    pub async fn forward(&self) -> Result<Vec<f32>> {
        let (ops, network) = (&self.ops, &self.network);
        let hidden = network.forward(ops, &self.input);
        let logits = network.token_logits(ops, &ops.select(&hidden.slots, &self.token_slots));
        let gate = network.gate(ops, &hidden.slots);
        let wanted: Vec<_> = [&gate].into_iter().chain(&hidden.images).chain([&logits]).collect();
        Ok(ops.download_all(&wanted).await?.concat())
    }
}

/// A tiny network with every head, for tests.
pub fn tiny() -> ModelConfig {
    ModelConfig {
        format: FORMAT.into(),
        network: NetworkConfig { d_model: 16, n_heads: 2, n_layers: 2, d_mlp: 24, vocab_size: 270, delete_head: true },
        codec: CodecConfig { kind: "pca-patch".into(), image_px: 8, patch_px: 4, n_coefs: 6 },
        sampling: SamplingConfig {
            n_steps: 8,
            temperature: 1.0,
            top_p: 1.0,
            open_threshold: 0.5,
            close_threshold: 1.0,
            min_certainty: 0.0,
            delete_threshold: 1.0,
            text_guidance: 0.0,
            image_guidance: 0.0,
            max_tokens: 32,
            max_images: 2,
        },
    }
}

/// A small one, mostly of sizes that are no multiples of any tile of a kernel.
pub fn config() -> ModelConfig {
    let network = NetworkConfig { d_model: 64, n_heads: 2, n_layers: 3, d_mlp: 70, vocab_size: 131, delete_head: true };
    let tiny = tiny();
    ModelConfig { network, codec: CodecConfig { n_coefs: 18, ..tiny.codec }, ..tiny }
}

/// A network with made-up weights.
///
/// # Errors
///
/// None; the signature is that of [`Network::build`].
pub fn network<O: Ops>(ops: &O, config: &ModelConfig) -> Result<Network<O::Weight>> {
    let mut rng = weight_rng();
    Network::build(config, |spec| Ok(ops.weight(weight(&spec, &mut rng), spec.shape[0])))
}

/// All weights of [`network`], one after the other in the order of [`Network::build`].
///
/// # Errors
///
/// None; the signature is that of [`Network::build`].
pub fn weights(config: &ModelConfig) -> Result<Vec<f32>> {
    let mut rng = weight_rng();
    let mut all = Vec::new();
    Network::build(config, |spec| {
        all.extend(weight(&spec, &mut rng));
        Ok(())
    })?;
    Ok(all)
}

fn weight_rng() -> Rng {
    Rng::new(1)
}

/// One weight.
fn weight(spec: &WeightSpec, rng: &mut Rng) -> Vec<f32> {
    let n = spec.shape[0] * spec.shape[1];
    std(spec).map_or_else(|| vec![1.0; n], |std| (0..n).map(|_| std * rng.normal()).collect())
}

/// The standard deviation of a weight; nothing if it is all ones. What starts at zero would hide a
/// mistake behind it, so it is drawn, too.
fn std(spec: &WeightSpec) -> Option<f32> {
    match spec.init {
        Init::Ones => None,
        Init::Normal(std) => Some(std),
        Init::Copying(_) | Init::Zeros => Some(0.05),
    }
}

/// How a made-up weight is stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Storage {
    /// 32-bit floats.
    F32,
    /// 16-bit floats; gains stay [`Storage::F32`].
    F16,
    /// Blocks as long as K allows, along the input of a product; 16-bit floats where K allows none.
    Blocks(BlockFormat),
}

impl Storage {
    /// How a weight is cut into blocks, where it is.
    fn blocks(self, spec: &WeightSpec) -> Option<BlockSpec> {
        let (shape, axis) = (spec.shape, usize::from(spec.name == TOKENS));
        let Storage::Blocks(format) = self else { return None };
        let is_possible = std(spec).is_some() && shape[axis].is_multiple_of(32);
        let block = if shape[axis].is_multiple_of(64) && format == BlockFormat::Q4 { 64 } else { 32 };
        is_possible.then_some(BlockSpec { format, block, axis, shape })
    }

    /// Bytes of a weight.
    pub fn size_bytes(self, spec: &WeightSpec) -> u64 {
        let n = (spec.shape[0] * spec.shape[1]) as u64;
        match (self, self.blocks(spec)) {
            (_, Some(blocks)) => blocks.size_bytes() as u64,
            (Storage::F32, None) => 4 * n,
            (_, None) => {
                if std(spec).is_some() {
                    2 * n
                } else {
                    4 * n
                }
            }
        }
    }
}

/// One weight in some storage; whole numbers are drawn evenly, so they are no rounding of
/// [`weight`]'s.
pub fn numbers(spec: &WeightSpec, storage: Storage, rng: &mut Rng) -> StoredNumbers {
    match (std(spec), storage.blocks(spec)) {
        (Some(std), Some(blocks)) => {
            let [low, high] = blocks.format.range();
            // The standard deviation of even numbers is their range over √12.
            let scale = f16::from_f32(std * 12.0f32.sqrt() / (high - low + 1.0));
            let n = spec.shape[0] * spec.shape[1];
            let words = (0..n * blocks.format.bits() / 32).map(|_| rng.next_u64() as u32).collect();
            let scales = (0..n / blocks.block).map(|i| if i % 2 == 0 { scale } else { -scale }).collect();
            let blocks = Blocks::new(blocks, words, scales);
            blocks.map_or_else(|| StoredNumbers::F32(weight(spec, rng)), StoredNumbers::Blocks)
        }
        (Some(_), None) if storage != Storage::F32 => {
            StoredNumbers::F16(weight(spec, rng).into_iter().map(f16::from_f32).collect())
        }
        _ => StoredNumbers::F32(weight(spec, rng)),
    }
}

/// A story of `n_tokens` tokens, the prompt's among them, with `n_images` pictures, each further
/// on its way than the next, spread over the response.
pub fn state(config: &ModelConfig, n_tokens: usize, n_images: usize) -> State {
    let mut rng = Rng::new(2);
    let n_prompt = N_PROMPT.clamp(1, n_tokens.max(1));
    // Ids 0 to 2 have a meaning of their own.
    let mut token = || Element::Token(3 + rng.below(config.network.vocab_size - 3) as u32);
    let mut elements: Vec<Element> = (0..n_prompt).map(|_| token()).collect();
    elements[0] = Element::Token(0);
    elements[n_prompt - 1] = Element::Token(1);
    let n_response = n_tokens.saturating_sub(n_prompt);
    let mut image = 0;
    for place in 1..=n_response {
        elements.push(token());
        if place * n_images >= (image + 1) * n_response && image < n_images {
            elements.push(Element::Image(image));
            image += 1;
        }
    }
    elements.extend((image..n_images).map(Element::Image));
    let image = |i: usize| {
        let t = 1.0 - (i + 1) as f32 / (n_images + 1) as f32;
        ImageState { t, ..ImageState::from_noise(config.codec.latent_len(), &mut rng) }
    };
    let images = (0..n_images).map(image).collect();
    State { sequence: Sequence { elements, n_prompt }, images, t_text: 0.5 }
}

/// The input of `batch` sequences, each the [`state`] of this size.
pub fn input(config: &ModelConfig, batch: usize, n_tokens: usize, n_images: usize) -> Input {
    let state = state(config, n_tokens, n_images);
    let row = || Row {
        sequence: &state.sequence,
        images: state.images.iter().map(|image| (&image.latents[..], image.t)).collect(),
    };
    let scale = Preconditioner { std: vec![1.0; config.codec.n_coefs] };
    Input::new(config, &scale, 2, &(0..batch).map(|_| row()).collect::<Vec<_>>())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ops::cpu::CpuOps;
    use crate::ops::ready;

    #[test]
    fn a_story_has_the_size_that_was_asked_for() {
        for (n_tokens, n_images) in [(40, 3), (12, 2), (1, 0), (30, 0)] {
            let state = state(&tiny(), n_tokens, n_images);
            let is_token = |element: &&Element| matches!(element, Element::Token(_));
            assert_eq!(state.sequence.elements.iter().filter(is_token).count(), n_tokens);
            assert_eq!(state.images.len(), n_images);
            assert_eq!(state.sequence.elements.len(), n_tokens + n_images);
        }
    }

    #[test]
    fn a_forward_answers_for_slots_pictures_and_tokens() {
        let config = tiny();
        let case = Case::new(CpuOps, &config, 2, 15, 2).unwrap();
        let (n_slots, n_rows) = (2 * 8, 2 * 2 * config.codec.n_patches());
        assert_eq!(case.input.slot_rows.len(), n_slots);
        let n_logits = case.token_slots.len() * config.network.vocab_size;
        let answers = ready(case.forward()).unwrap();
        assert_eq!(answers.len(), 2 * n_slots + n_rows * config.codec.n_coefs + n_logits);
        assert!(answers.iter().all(|answer| answer.is_finite()));
    }
}
