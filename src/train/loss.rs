//! The losses over tensors: Eq. 7 of arXiv:2510.03506v3 for text, Eq. 9 for pictures.
//!
//! `flow::loss` is the same text loss on plain slices; golden files hold the two together.

use burn::tensor::{Tensor, TensorData, activation};

use super::batch::{Batch, Targets};
use crate::model::Network;
use crate::ops::Ops;
use crate::ops::burn::BurnOps;
use crate::ops::burn::fused::token_costs;

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
    /// Σ over elements of the delete head's cross-entropy, weighted; 0 without that head.
    pub deletion: Tensor<1>,
    /// Mean squared error of the velocity over noised pictures (Eq. 9).
    pub image: Tensor<1>,
}

/// The same terms one by one, without weights: for reports.
pub struct Each {
    /// Cross-entropy of each slot's gate `[n]`.
    pub gate: Tensor<1>,
    /// λ - k·log λ of each slot, 0 where nothing is missing `[n]`.
    pub poisson: Tensor<1>,
    /// -log Q of each missing element, if any.
    pub tokens: Option<Tensor<1>>,
    /// Mean squared error of each picture's velocity, 0 for clean ones and padding `[b·images]`.
    pub images: Option<Tensor<1>>,
}

/// Runs the network on a batch and compares.
pub fn losses(network: &Network<Tensor<2>>, ops: &BurnOps, batch: &Batch, image_weight: f32) -> (Losses, Each) {
    let Batch { input, targets, .. } = batch;
    let hidden = network.forward(ops, input);
    let heads = network.gate(ops, &hidden.slots);
    let n = targets.counts.len();
    let gate_logit = heads.clone().slice([0..n, 0..1]).reshape([n]);
    let rate_raw = heads.slice([0..n, 1..2]).reshape([n]);
    // The token head runs once for each slot with a bag.
    let with_bag = (!targets.bag_slots.is_empty()).then(|| ops.select(&hidden.slots, &targets.bag_slots));
    let token_logits = with_bag.map(|slots| network.token_logits(ops, &slots));
    let mut each = text_each(ops, gate_logit, rate_raw, token_logits, targets);
    let TextLosses { tokens, gate, poisson } = weighed(ops, &each, targets);
    let image = match hidden.images {
        Some(output) if targets.n_noised > 0 => {
            let errors = image_errors(ops, output, targets);
            let n_images = input.batch * input.n_images;
            let by_picture = errors.clone().reshape([n_images, input.n_patches]).sum_dim(1).reshape([n_images]);
            each.images = Some(by_picture.mul_scalar(targets.n_noised as f32));
            errors.sum()
        }
        _ => Tensor::zeros([1], &ops.device),
    };
    let deletion = match network.deletions(ops, &hidden.slots) {
        Some(logits) => deletion_loss(ops, logits.reshape([n]), targets),
        None => Tensor::zeros([1], &ops.device),
    };
    let text = tokens.clone() + gate.clone() + poisson.clone() + deletion.clone();
    let total = text + image.clone().mul_scalar(image_weight);
    (Losses { total, tokens, gate, poisson, deletion, image }, each)
}

/// The text terms of [`Losses`].
pub struct TextLosses {
    /// Σ over missing tokens of -log Q, weighted (Eq. 6).
    pub tokens: Tensor<1>,
    /// Σ over slots of the gate's cross-entropy, weighted.
    pub gate: Tensor<1>,
    /// Σ over slots with a bag of λ - k·log λ, weighted (Eq. 4).
    pub poisson: Tensor<1>,
}

/// Eq. 7 on the heads' raw numbers: the logit of π and the λ head before `λ = 1 + softplus(·)`,
/// both `[n]`, and the token logits `[bag_slots, vocab_size]` of the slots with a bag, if any.
pub fn text_losses(
    ops: &BurnOps,
    gate_logit: Tensor<1>,
    rate_raw: Tensor<1>,
    token_logits: Option<Tensor<2>>,
    targets: &Targets,
) -> TextLosses {
    weighed(ops, &text_each(ops, gate_logit, rate_raw, token_logits, targets), targets)
}

fn text_each(
    ops: &BurnOps,
    gate_logit: Tensor<1>,
    rate_raw: Tensor<1>,
    token_logits: Option<Tensor<2>>,
    targets: &Targets,
) -> Each {
    let is_closed = row(ops, targets.counts.iter().map(|&k| f32::from(u8::from(k == 0.0))).collect());
    let gate = activation::softplus(gate_logit.clone(), 1.0) - gate_logit * is_closed.clone();

    let rate = activation::softplus(rate_raw, 1.0).add_scalar(1.0);
    let counts = row(ops, targets.counts.clone());
    let poisson = (rate.clone() - counts * rate.log()) * is_closed.neg().add_scalar(1.0);

    let tokens = token_logits.map(|logits| token_loss(logits, targets));
    Each { gate, poisson, tokens, images: None }
}

/// Weighted sums.
fn weighed(ops: &BurnOps, each: &Each, targets: &Targets) -> TextLosses {
    let weights = row(ops, targets.slot_weights.clone());
    let tokens = match &each.tokens {
        Some(tokens) => (tokens.clone() * row(ops, targets.pair_weights.clone())).sum(),
        None => Tensor::zeros([1], &ops.device),
    };
    let gate = (each.gate.clone() * weights.clone()).sum();
    TextLosses { tokens, gate, poisson: (each.poisson.clone() * weights).sum() }
}

/// The cross-entropy of the delete head's logits `[n]`.
pub fn deletion_loss(ops: &BurnOps, logits: Tensor<1>, targets: &Targets) -> Tensor<1> {
    let is_extra = row(ops, targets.is_extra.clone());
    let bce = activation::softplus(logits.clone(), 1.0) - logits * is_extra;
    (bce * row(ops, targets.extra_weights.clone())).sum()
}

/// Eq. 9 on the adapter's output `[b·images·p, k]`.
pub fn image_loss(ops: &BurnOps, output: Tensor<2>, targets: &Targets) -> Tensor<1> {
    image_errors(ops, output, targets).sum()
}

/// Its summands, one a patch `[b·images·p]`.
fn image_errors(ops: &BurnOps, output: Tensor<2>, targets: &Targets) -> Tensor<1> {
    let [rows, coefs] = output.dims();
    let shape = |values: &[f32]| Tensor::<2>::from_data(TensorData::new(values.to_vec(), [rows, coefs]), &ops.device);
    let error = output - shape(&targets.image_targets);
    (error.clone() * error * shape(&targets.image_weights)).sum_dim(1).reshape([rows])
}

/// -log Q of each missing token.
fn token_loss(logits: Tensor<2>, targets: &Targets) -> Tensor<1> {
    let pairs = targets.pair_rows.iter().zip(&targets.pair_tokens).map(|(&row, &token)| (row as usize, token as usize));
    token_costs(logits, pairs.collect())
}

fn row(ops: &BurnOps, values: Vec<f32>) -> Tensor<1> {
    let n = values.len();
    Tensor::from_data(TensorData::new(values, [n]), &ops.device)
}
