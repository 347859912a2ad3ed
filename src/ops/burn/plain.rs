//! The operations of [`fused`](super::fused) in burn's own terms, for devices that it has no bodies
//! for: burn finds the derivatives.

use burn::tensor::{Int, Tensor, TensorData, activation};

use super::fused::Heads;

/// `silu(gate) · up`.
pub fn gated(gate: Tensor<2>, up: Tensor<2>) -> Tensor<2> {
    activation::silu(gate) * up
}

/// `x / sqrt(mean(x²) + 1e-6) · gain` of each row.
pub fn rms_norm(x: Tensor<2>, gain: Tensor<2>) -> Tensor<2> {
    let scale = x.clone().square().mean_dim(1).add_scalar(1e-6).sqrt().recip();
    x * scale * gain
}

/// Rows as heads.
pub fn split(x: Tensor<2>, heads: Heads) -> Tensor<4> {
    let Heads { batch, seq, n_heads, d_head } = heads;
    x.reshape([batch, seq, n_heads, d_head]).swap_dims(1, 2)
}

/// Heads as rows.
pub fn merge(x: Tensor<4>, heads: Heads) -> Tensor<2> {
    let Heads { batch, seq, n_heads, d_head } = heads;
    x.swap_dims(1, 2).reshape([batch * seq, n_heads * d_head])
}

/// Rows as heads that are turned by rotary angles `[b·s, d_head/2]`.
pub fn turn(x: Tensor<2>, cos: Tensor<2>, sin: Tensor<2>, heads: Heads) -> Tensor<4> {
    let Heads { batch, seq, n_heads, d_head } = heads;
    let half = d_head / 2;
    let [cos, sin] = [cos, sin].map(|table| table.reshape([batch, 1, seq, half]));
    let x = split(x, heads);
    let a = x.clone().slice([0..batch, 0..n_heads, 0..seq, 0..half]);
    let b = x.slice([0..batch, 0..n_heads, 0..seq, half..d_head]);
    let turned = [a.clone() * cos.clone() - b.clone() * sin.clone(), a * sin + b * cos];
    Tensor::cat(turned.into(), 3)
}

/// `softmax(scale · scores + bias)` of scores `[b, h, s, s]` with a bias `[b, s]`.
pub fn shares(scores: Tensor<4>, bias: Tensor<2>, scale: f32) -> Tensor<4> {
    let [batch, seq] = bias.dims();
    activation::softmax(scores.mul_scalar(scale) + bias.reshape([batch, 1, 1, seq]), 3)
}

/// `-log softmax(logits)[row, token]` of each pair.
pub fn token_costs(logits: Tensor<2>, pairs: &[(usize, usize)]) -> Tensor<1> {
    let [n_rows, _] = logits.dims();
    let device = logits.device();
    // Each row's tokens side by side: to gather along a row costs a GPU one thread a row.
    let mut rows = vec![Vec::new(); n_rows];
    let mut places = Vec::with_capacity(pairs.len());
    for &(row, token) in pairs {
        places.push((row, rows[row].len()));
        rows[row].push(token as i32);
    }
    let width = rows.iter().map(Vec::len).max().unwrap_or(0).max(1);
    rows.iter_mut().for_each(|tokens| tokens.resize(width, 0));
    let tokens = Tensor::<2, Int>::from_data(TensorData::new(rows.concat(), [n_rows, width]), &device);
    let places: Vec<i32> = places.into_iter().map(|(row, at)| (row * width + at) as i32).collect();
    let n = places.len();
    let places = Tensor::<1, Int>::from_data(TensorData::new(places, [n]), &device);
    activation::log_softmax(logits, 1).gather(1, tokens).reshape([n_rows * width]).select(0, places).neg()
}
