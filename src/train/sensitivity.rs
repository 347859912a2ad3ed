//! How much the loss minds an error in each row of each product with a weight.
//!
//! Near a trained model the loss grows by half the square of what an error moves the answers by, in
//! the metric of what the answers mean (Gauss-Newton). Give each answer a random sign and the root of
//! its metric, and sum: the gradient of that has the curvature for the mean of its square. One
//! backward pass finds it for every row at once.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::ops::Range;

use burn::tensor::Tensor;
use nalgebra::DMatrix;

use super::batch::Batch;
use super::recorder::{Named, Product, Recorder, Streams, Watch};
use crate::error::Result;
use crate::flow::rng::Rng;
use crate::model::Network;
use crate::model::input::Input;
use crate::model::oneflow::{sigmoid, softplus};
use crate::ops::burn::BurnOps;
use crate::ops::{Ops, ready};
use crate::sample::log_softmax;

/// Weights of the loss' terms: about one over the level of each in a trained model, so that none
/// grows much beside what it is.
const TOKENS: f32 = 1.0;
const GATE: f32 = 50.0;
const POISSON: f32 = 1.0;
const IMAGE: f32 = 30.0;

/// What errors cost.
#[derive(Default)]
pub struct Sensitivity {
    /// Of the products with a weight.
    pub products: BTreeMap<String, Cost>,
    /// Of rows out of a table, summed over all rows: the mean squared gradient of their numbers.
    pub rows: BTreeMap<String, f64>,
}

/// What errors of a product cost.
pub struct Cost {
    /// Of each row, the mean squared gradient of its outputs.
    pub weights: Vec<f32>,
    /// `Σ weight · x·xᵀ` over the rows `x` of the inputs `[k, k]`.
    pub moments: DMatrix<f64>,
}

/// Documents that are differentiated together.
const PART: usize = 32;

/// Measures the products of a network on a batch; `seed` is that of the signs.
pub fn measure(network: &Network<Named>, ops: &BurnOps, batch: &Batch, seed: u64) -> Result<Sensitivity> {
    let mut found = Sensitivity::default();
    let n = batch.input.batch;
    for (i, start) in (0..n).step_by(PART).enumerate() {
        let recorder = Recorder { ops: ops.clone(), watch: Leaves::default() };
        let part = Part::of(batch, start..n.min(start + PART));
        let grads = signed_answers(network, &recorder, &part, &mut Rng::stream(seed, i as u64))?.backward();
        for (name, (inputs, leaf)) in recorder.watch.products.into_inner() {
            let Some(grad) = leaf.grad(&grads) else { continue };
            let weights = grad.square().mean_dim(1);
            let moments = matrix(&(inputs.clone() * weights.clone()).transpose().matmul(inputs));
            let weights = weights.into_data().try_into_vec::<f32>().unwrap_or_default();
            match found.products.get_mut(&name) {
                Some(cost) => {
                    cost.weights.extend(weights);
                    cost.moments += moments;
                }
                None => drop(found.products.insert(name, Cost { weights, moments })),
            }
        }
        for (name, leaf) in recorder.watch.rows.into_inner() {
            let Some(grad) = leaf.grad(&grads) else { continue };
            *found.rows.entry(name).or_default() += f64::from(grad.square().mean_dim(1).sum().into_scalar::<f32>());
        }
    }
    Ok(found)
}

/// Some documents of a batch, padded as they are there.
struct Part {
    input: Input,
    slot_weights: Vec<f32>,
    image_weights: Vec<f32>,
}

impl Part {
    fn of(batch: &Batch, documents: Range<usize>) -> Part {
        let Input { batch: n, n_text, n_images, n_patches, .. } = batch.input;
        let seq = batch.input.seq() as u32;
        let of = |values: &[f32]| {
            let each = values.len() / n;
            values[documents.start * each..documents.end * each].to_vec()
        };
        let ids = |ids: &[u32]| ids[documents.start * n_text..documents.end * n_text].to_vec();
        let slot = |document: usize| batch.input.slot_rows.partition_point(|&row| row < document as u32 * seq);
        let slots = slot(documents.start)..slot(documents.end);
        let first_row = documents.start as u32 * seq;
        let input = Input {
            batch: documents.len(),
            n_text,
            n_images,
            n_patches,
            tokens: ids(&batch.input.tokens),
            segments: ids(&batch.input.segments),
            latents: of(&batch.input.latents),
            time_features: of(&batch.input.time_features),
            cos: of(&batch.input.cos),
            sin: of(&batch.input.sin),
            key_bias: of(&batch.input.key_bias),
            slot_rows: batch.input.slot_rows[slots.clone()].iter().map(|row| row - first_row).collect(),
        };
        let slot_weights = batch.targets.slot_weights[slots].to_vec();
        Part { slot_weights, image_weights: of(&batch.targets.image_weights), input }
    }
}

/// A tensor's values.
pub fn matrix(tensor: &Tensor<2>) -> DMatrix<f64> {
    let [n, m] = tensor.dims();
    let values = tensor.clone().into_data().try_into_vec::<f32>().unwrap_or_default();
    DMatrix::from_row_iterator(n, m, values.into_iter().map(f64::from))
}

/// Adds zeros to every product, whose gradient is that of the product.
#[derive(Default)]
struct Leaves {
    products: RefCell<BTreeMap<String, (Tensor<2>, Tensor<2>)>>,
    rows: RefCell<BTreeMap<String, Tensor<2>>>,
}

fn zeros_like(value: &Tensor<2>) -> Tensor<2> {
    Tensor::zeros(value.dims(), &value.device()).require_grad()
}

impl Watch for Leaves {
    fn n_streams(&self) -> usize {
        1
    }

    fn product(&self, ops: &BurnOps, product: Product<'_>) -> Streams {
        let value = product.of(ops, 0, &product.weight.value);
        let leaf = zeros_like(&value);
        let inputs = product.inputs[0].clone().inner();
        self.products.borrow_mut().insert(product.weight.name.clone(), (inputs, leaf.clone()));
        vec![value + leaf]
    }

    fn rows(&self, ops: &BurnOps, table: &Named, ids: &[u32]) -> Streams {
        let value = ops.embed(&table.value, ids);
        let leaf = zeros_like(&value);
        self.rows.borrow_mut().insert(table.name.clone(), leaf.clone());
        vec![value + leaf]
    }
}

/// All answers, each with a sign of its own and the root of its metric: of π that of a coin, of λ that
/// of a Poisson count where anything is missing, of Q that of a draw for each missing token, of
/// pictures the weight of their squared error.
fn signed_answers(
    network: &Network<Named>,
    recorder: &Recorder<Leaves>,
    part: &Part,
    rng: &mut Rng,
) -> Result<Tensor<1>> {
    let hidden = network.forward(recorder, &part.input);
    let (gate, logits) = (network.gate(recorder, &hidden.slots), network.token_logits(recorder, &hidden.slots));
    let (heads, said) = (ready(recorder.download(&gate))?, ready(recorder.download(&logits))?);
    let mut sign = || if rng.next_u64() >> 63 == 0 { 1.0 } else { -1.0 };
    let (mut gate_factors, mut token_factors) = (Vec::with_capacity(heads.len()), Vec::with_capacity(said.len()));
    let slots = heads.chunks_exact(2).zip(said.chunks_exact(logits[0].dims()[1]));
    for ((head, logits), &weight) in slots.zip(&part.slot_weights) {
        let (zero_prob, rate) = (sigmoid(head[0]), 1.0 + softplus(head[1]));
        gate_factors.push(sign() * (GATE * weight * zero_prob * (1.0 - zero_prob)).sqrt());
        gate_factors.push(sign() * (POISSON * weight * (1.0 - zero_prob) / rate).sqrt() * sigmoid(head[1]));
        let missing = TOKENS * weight * (1.0 - zero_prob) * rate;
        let probs: Vec<f32> = log_softmax(logits).iter().map(|log_prob| log_prob.exp()).collect();
        // Of covariance diag(Q) - Q·Qᵀ.
        let signed: Vec<f32> = probs.iter().map(|prob| sign() * (missing * prob).sqrt()).collect();
        let sum: f32 = signed.iter().sum();
        token_factors.extend(signed.iter().zip(&probs).map(|(signed, prob)| signed - prob * sum));
    }
    let dot = |streams: &Streams, factors: Vec<f32>| {
        let [n, _] = streams[0].dims();
        (streams[0].clone() * recorder.ops.upload(factors, n)).sum()
    };
    let text = dot(&gate, gate_factors) + dot(&logits, token_factors);
    Ok(match &hidden.images {
        None => text,
        Some(images) => {
            let factors = part.image_weights.iter().map(|weight| sign() * (IMAGE * weight).sqrt()).collect();
            text + dot(images, factors)
        }
    })
}
