//! The losses over tensors: Eq. 7 of arXiv:2510.03506v3 for text, Eq. 9 for pictures.
//!
//! `flow::loss` is the same text loss on plain slices; a test holds the two together.

use burn::tensor::{Int, Tensor, TensorData, activation};

use super::batch::{Batch, Targets};
use crate::model::Network;
use crate::ops::burn::BurnOps;

/// The terms of one step's loss.
pub struct Losses {
    /// What is minimised.
    pub total: Tensor<1>,
    /// Σ over missing tokens of -log Q, weighted (Eq. 6).
    pub tokens: Tensor<1>,
    /// Σ over slots of the gate's cross-entropy, weighted.
    pub gate: Tensor<1>,
    /// Σ over slots with a bag of λ - k·log λ, weighted (Eq. 4).
    pub poisson: Tensor<1>,
    /// Mean squared error of the velocity over noised pictures (Eq. 9).
    pub image: Tensor<1>,
}

/// Runs the network on a batch and compares.
pub fn losses(network: &Network<Tensor<2>>, ops: &BurnOps, batch: &Batch, image_weight: f32) -> Losses {
    let Batch { input, targets } = batch;
    let hidden = network.forward(ops, input);
    let heads = network.gate(ops, &hidden.slots);
    let n = targets.counts.len();
    let row = |values: Vec<f32>| {
        let n = values.len();
        Tensor::<1>::from_data(TensorData::new(values, [n]), &ops.device)
    };
    let weights = row(targets.slot_weights.clone());
    let gate_logit = heads.clone().slice([0..n, 0..1]).reshape([n]);
    let rate_raw = heads.slice([0..n, 1..2]).reshape([n]);

    let is_closed = row(targets.counts.iter().map(|&k| f32::from(u8::from(k == 0.0))).collect());
    let bce = activation::softplus(gate_logit.clone(), 1.0) - gate_logit * is_closed.clone();
    let gate = (bce * weights.clone()).sum();

    let rate = activation::softplus(rate_raw, 1.0).add_scalar(1.0);
    let counts = row(targets.counts.clone());
    let poisson = (rate.clone() - counts * rate.log()) * is_closed.neg().add_scalar(1.0);
    let poisson = (poisson * weights).sum();

    let tokens = token_loss(network, ops, &hidden.slots, targets);
    let image = match hidden.images {
        Some(output) if targets.n_noised > 0 => {
            let [rows, coefs] = output.dims();
            let shape = |values: &[f32]| {
                Tensor::<2>::from_data(TensorData::new(values.to_vec(), [rows, coefs]), &ops.device)
            };
            let error = output - shape(&targets.image_targets);
            (error.clone() * error * shape(&targets.image_weights)).sum()
        }
        _ => Tensor::zeros([1], &ops.device),
    };
    let text = tokens.clone() + gate.clone() + poisson.clone();
    let total = text + image.clone().mul_scalar(image_weight);
    Losses { total, tokens, gate, poisson, image }
}

/// -Σ weight · log Q over all missing tokens; the head runs once for each slot with a bag.
fn token_loss(network: &Network<Tensor<2>>, ops: &BurnOps, slots: &Tensor<2>, targets: &Targets) -> Tensor<1> {
    if targets.bag_slots.is_empty() {
        return Tensor::zeros([1], &ops.device);
    }
    let with_bag = crate::ops::Ops::select(ops, slots, &targets.bag_slots);
    let logits = network.token_logits(ops, &with_bag);
    let [rows, vocab] = logits.dims();
    let log_probs = activation::log_softmax(logits, 1).reshape([rows * vocab]);
    let flat: Vec<i32> =
        targets.pair_rows.iter().zip(&targets.pair_tokens).map(|(&r, &t)| r as i32 * vocab as i32 + t as i32).collect();
    let n = flat.len();
    let flat = Tensor::<1, Int>::from_data(TensorData::new(flat, [n]), &ops.device);
    let weights = Tensor::<1>::from_data(TensorData::new(targets.pair_weights.clone(), [n]), &ops.device);
    (log_probs.select(0, flat) * weights).sum().neg()
}
