//! The network: one bidirectional transformer over prompt, text and pictures, written once over
//! [`Ops`].
//!
//! Text tokens enter through an embedding. A picture enters as one trunk token a patch: its
//! scaled latents through a linear adapter, modulated by the picture's time. After the blocks the
//! heads read the text row of the element left of each slot (π, λ and, where asked, token logits), and the
//! picture rows go through the adapter back. Text heads get no time (arXiv:2510.03506v3, §2.1.1).
//!
//! Axis names: `b` sequences, `s_t` text rows and `s_i` picture rows of a sequence,
//! `s = s_t + s_i`, `d` = `d_model`, `p` patches of a picture, `k` coefficients of a patch.

use super::config::ModelConfig;
use super::input::{Input, TIME_FEATURES};
use crate::error::Result;
use crate::ops::Ops;

/// The weights, each a matrix of type `W`. There are no biases.
#[derive(Clone, Debug)]
pub struct Network<W> {
    tokens: W,
    segments: W,
    patches: W,
    adapter_in: W,
    adapter_norm: W,
    adapter_out: W,
    time_in: W,
    time_out: W,
    blocks: Vec<Block<W>>,
    norm: W,
    gate: W,
    delete: Option<W>,
    n_heads: usize,
    d_model: usize,
}

#[derive(Clone, Debug)]
struct Block<W> {
    attention_norm: W,
    query: W,
    key: W,
    value: W,
    output: W,
    mlp_norm: W,
    mlp_gate: W,
    mlp_up: W,
    mlp_down: W,
}

/// The embedding, which is the token head as well.
pub const TOKENS: &str = "tokens";

/// The weight that [`NetworkConfig::delete_head`](super::config::NetworkConfig::delete_head) adds.
pub const DELETE_HEAD: &str = "heads.delete";

/// How a new weight starts.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Init {
    /// Normal with this standard deviation.
    Normal(f32),
    /// The transpose of the weight before it, times this factor: attention's output over its
    /// value, so that attending to a token at first speaks for that same token. Stories repeat
    /// words of their prompt and of themselves, and a small model learns that much sooner so.
    Copying(f32),
    /// All ones (gains).
    Ones,
    /// All zeros (what must not speak at first).
    Zeros,
}

/// A weight's name in `model.safetensors`, its shape and its start.
#[derive(Clone, Debug, PartialEq)]
pub struct WeightSpec {
    /// The name.
    pub name: String,
    /// Rows and columns.
    pub shape: [usize; 2],
    /// The start of training.
    pub init: Init,
}

/// What the trunk says of a batch.
pub struct Hidden<M> {
    /// Rows of the slots' left elements `[n_slots, d]`, sequence by sequence.
    pub slots: M,
    /// Output of the adapter `[b·images·p, k]`: the velocity before
    /// [`Preconditioner`](super::codec::Preconditioner); `None` without pictures.
    pub images: Option<M>,
}

/// The weights of a network of this shape, in the order of [`Network::build`].
pub fn weight_specs(config: &ModelConfig) -> Vec<WeightSpec> {
    let mut specs = Vec::new();
    // Listing cannot fail.
    let _ = Network::build(config, |spec| {
        specs.push(spec);
        Ok(())
    });
    specs
}

/// Numbers in the weights of a network of this shape.
pub fn n_parameters(config: &ModelConfig) -> usize {
    weight_specs(config).iter().map(|spec| spec.shape[0] * spec.shape[1]).sum()
}

impl<W> Network<W> {
    /// Makes every weight by `make`, in a fixed order.
    ///
    /// # Errors
    ///
    /// Whatever `make` returns, for instance that a file lacks the weight.
    pub fn build(config: &ModelConfig, mut make: impl FnMut(WeightSpec) -> Result<W>) -> Result<Self> {
        let net = &config.network;
        let (d, m) = (net.d_model, net.d_mlp);
        let coefs = config.codec.n_coefs;
        let mut weight =
            |name: String, rows: usize, cols: usize, init: Init| make(WeightSpec { name, shape: [rows, cols], init });
        let fan = |rows: usize| Init::Normal((1.0 / rows as f32).sqrt());
        let residual = |rows: usize| Init::Normal((0.5 / (rows * net.n_layers) as f32).sqrt());
        let tokens = weight(TOKENS.into(), net.vocab_size, d, fan(d))?;
        let segments = weight("segments".into(), 2, d, Init::Normal(0.3))?;
        let patches = weight("patches".into(), config.codec.n_patches(), d, Init::Normal(0.5))?;
        let adapter_in = weight("adapter.in".into(), coefs, d, fan(coefs))?;
        let adapter_norm = weight("adapter.norm".into(), 1, d, Init::Ones)?;
        let adapter_out = weight("adapter.out".into(), d, coefs, Init::Zeros)?;
        let time_in = weight("time.in".into(), TIME_FEATURES, d, fan(TIME_FEATURES))?;
        let time_out = weight("time.out".into(), d, 4 * d, Init::Normal(0.02))?;
        let copying = (0.5 / net.n_layers as f32).sqrt();
        let mut blocks = Vec::with_capacity(net.n_layers);
        for i in 0..net.n_layers {
            let mut block = |name: &str, rows: usize, cols: usize, init: Init| {
                weight(format!("blocks.{i}.{name}"), rows, cols, init)
            };
            blocks.push(Block {
                attention_norm: block("attention.norm", 1, d, Init::Ones)?,
                query: block("attention.query", d, d, fan(d))?,
                key: block("attention.key", d, d, fan(d))?,
                value: block("attention.value", d, d, fan(d))?,
                output: block("attention.output", d, d, Init::Copying(copying))?,
                mlp_norm: block("mlp.norm", 1, d, Init::Ones)?,
                mlp_gate: block("mlp.gate", d, m, fan(d))?,
                mlp_up: block("mlp.up", d, m, fan(d))?,
                mlp_down: block("mlp.down", m, d, residual(m))?,
            });
        }
        let norm = weight("norm".into(), 1, d, Init::Ones)?;
        let gate = weight("heads.gate".into(), d, 2, Init::Normal(0.02))?;
        let delete = match net.delete_head {
            true => Some(weight(DELETE_HEAD.into(), d, 1, Init::Zeros)?),
            false => None,
        };
        Ok(Self {
            tokens,
            segments,
            patches,
            adapter_in,
            adapter_norm,
            adapter_out,
            time_in,
            time_out,
            blocks,
            norm,
            gate,
            delete,
            n_heads: net.n_heads,
            d_model: d,
        })
    }

    /// One pass over a batch.
    ///
    /// # Panics
    ///
    /// If `input` was not made for this network's configuration.
    pub fn forward<O: Ops<Weight = W>>(&self, ops: &O, input: &Input) -> Hidden<O::Matrix> {
        let factor = (self.d_model as f32).sqrt();
        let text = ops.embed_sum(factor, [&self.tokens, &self.segments], [&input.tokens, &input.segments]);
        let time = (input.n_images > 0).then(|| self.time(ops, input));
        let mut x = match &time {
            None => text,
            Some(time) => ops.join(&text, &self.images_in(ops, input, time), input.batch),
        };
        let n_rows = input.batch * input.seq();
        let cos = ops.upload(input.cos.clone(), n_rows);
        let sin = ops.upload(input.sin.clone(), n_rows);
        let bias = ops.upload(input.key_bias.clone(), input.batch);
        for block in &self.blocks {
            let heads = ops.normed_linears(&x, &block.attention_norm, [&block.query, &block.key, &block.value]);
            let mixed = ops.rope_attention(heads.each_ref(), [&cos, &sin], &bias, self.n_heads);
            x = ops.add_linear(&x, &mixed, &block.output);
            let h = ops.normed_gated(&x, &block.mlp_norm, &block.mlp_gate, &block.mlp_up);
            x = ops.add_linear(&x, &h, &block.mlp_down);
        }
        let x = ops.rms_norm(&x, &self.norm);
        let images = time.map(|time| {
            let rows = ops.select(&x, &input.image_rows());
            let scale = ops.columns(&time, 2 * self.d_model, self.d_model);
            let shift = ops.columns(&time, 3 * self.d_model, self.d_model);
            ops.linear(&ops.modulate(&rows, &scale, &shift), &self.adapter_out)
        });
        Hidden { slots: ops.select(&x, &input.slot_rows), images }
    }

    /// The gate head on slot rows `[n, d]`: `[n, 2]`, the logit of π and the λ head before
    /// `λ = 1 + softplus(·)`.
    pub fn gate<O: Ops<Weight = W>>(&self, ops: &O, slots: &O::Matrix) -> O::Matrix {
        ops.linear(slots, &self.gate)
    }

    /// The delete head on rows `[n, d]`: `[n, 1]`, the logit of the probability that the row's
    /// element does not belong; `None` for a network without that head.
    pub fn deletions<O: Ops<Weight = W>>(&self, ops: &O, rows: &O::Matrix) -> Option<O::Matrix> {
        self.delete.as_ref().map(|delete| ops.linear(rows, delete))
    }

    /// The token head on slot rows `[n, d]`: logits `[n, vocab_size]`. It shares its weights with
    /// the embedding, which is scaled by √d on the way in.
    pub fn token_logits<O: Ops<Weight = W>>(&self, ops: &O, slots: &O::Matrix) -> O::Matrix {
        ops.linear_transposed(slots, &self.tokens)
    }

    /// Modulation of each picture `[b·images, 4·d]`: scale and shift into the trunk, scale and
    /// shift out of it.
    fn time<O: Ops<Weight = W>>(&self, ops: &O, input: &Input) -> O::Matrix {
        let features = ops.upload(input.time_features.clone(), input.batch * input.n_images);
        ops.linear(&ops.silu(&ops.linear(&features, &self.time_in)), &self.time_out)
    }

    /// The pictures' trunk tokens `[b·images·p, d]`.
    fn images_in<O: Ops<Weight = W>>(&self, ops: &O, input: &Input, time: &O::Matrix) -> O::Matrix {
        let n_rows = input.batch * input.n_images * input.n_patches;
        let latents = ops.upload(input.latents.clone(), n_rows);
        let x = ops.add_linear(&ops.embed(&self.patches, &input.patch_ids()), &latents, &self.adapter_in);
        let x = ops.rms_norm(&x, &self.adapter_norm);
        let scale = ops.columns(time, 0, self.d_model);
        let shift = ops.columns(time, self.d_model, self.d_model);
        ops.modulate(&x, &scale, &shift)
    }
}
