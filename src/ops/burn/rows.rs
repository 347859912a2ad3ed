//! What the fused operations do row by row, and its derivatives, on slices.
//!
//! Axis names as in [`ops`](super::super); a head's row has `d_head` values, half of which turn
//! against the other half.

use crate::ops::cpu::elements::{dot, exp, norm_rows, norm_scale, softmax};

/// `f` of each pair.
#[inline(always)]
fn each_pair(a: &[f32], b: &[f32], f: impl Fn(f32, f32) -> f32) -> Vec<f32> {
    a.iter().zip(b).map(|(&a, &b)| f(a, b)).collect()
}

#[inline(always)]
fn sigmoid(x: f32) -> f32 {
    1.0 / (1.0 + exp(-x))
}

/// `silu(gate) · up`.
pub(super) fn gated(gate: &[f32], up: &[f32]) -> Vec<f32> {
    each_pair(gate, up, |gate, up| gate * sigmoid(gate) * up)
}

/// The gradients of gate and up from that of [`gated`].
pub(super) fn gated_back(gate: &[f32], up: &[f32], grad: &[f32]) -> [Vec<f32>; 2] {
    let (mut d_gate, mut d_up) = (vec![0.0; gate.len()], vec![0.0; gate.len()]);
    let outs = d_gate.iter_mut().zip(&mut d_up);
    for ((d_gate, d_up), ((&gate, &up), &grad)) in outs.zip(gate.iter().zip(up).zip(grad)) {
        let s = sigmoid(gate);
        // silu' = σ + x·σ·(1 - σ)
        *d_gate = (s + gate * s * (1.0 - s)) * up * grad;
        *d_up = gate * s * grad;
    }
    [d_gate, d_up]
}

/// `x · r · gain` of each row, with `r = 1 / sqrt(mean(x²) + 1e-6)`.
pub(super) fn rms_norm(x: &[f32], gain: &[f32]) -> Vec<f32> {
    norm_rows(x.chunks_exact(gain.len()), gain)
}

/// The gradients of x and gain from that of [`rms_norm`]:
/// `dx = r·(g·dy) - x·r³/d · Σ x·g·dy` and `dg = Σ_rows x·r·dy`.
pub(super) fn rms_norm_back(x: &[f32], gain: &[f32], grad: &[f32]) -> [Vec<f32>; 2] {
    let d = gain.len();
    let (mut d_x, mut d_gain) = (Vec::with_capacity(x.len()), vec![0.0; d]);
    for (x, dy) in x.chunks_exact(d).zip(grad.chunks_exact(d)) {
        let r = norm_scale(x);
        let scaled = each_pair(gain, dy, |gain, dy| gain * dy);
        let along = dot(x, &scaled) * r * r * r / d as f32;
        d_x.extend(x.iter().zip(&scaled).map(|(x, scaled)| r * scaled - x * along));
        for ((sum, x), dy) in d_gain.iter_mut().zip(x).zip(dy) {
            *sum += x * r * dy;
        }
    }
    [d_x, d_gain]
}

/// How rows `[b·s, h·d_head]` lie as heads `[b, h, s, d_head]`.
#[derive(Clone, Copy, Debug)]
pub struct Heads {
    /// Sequences.
    pub batch: usize,
    /// Rows of a sequence.
    pub seq: usize,
    /// Heads.
    pub n_heads: usize,
    /// Values of a head's row.
    pub d_head: usize,
}

impl Heads {
    /// Where the parts of heads begin in the order of heads, and where the same part begins in that
    /// of rows, with the row's number.
    fn parts(self) -> impl Iterator<Item = (usize, usize, usize)> {
        let Self { batch, seq, n_heads, d_head } = self;
        let parts = (0..batch).flat_map(move |b| (0..n_heads).flat_map(move |h| (0..seq).map(move |s| (b, h, s))));
        parts.enumerate().map(move |(i, (b, h, s))| {
            let row = b * seq + s;
            (i * d_head, (row * n_heads + h) * d_head, row)
        })
    }

    fn len(self) -> usize {
        self.batch * self.seq * self.n_heads * self.d_head
    }

    /// From rows to heads.
    pub(super) fn split(self, x: &[f32]) -> Vec<f32> {
        let mut out = Vec::with_capacity(self.len());
        self.parts().for_each(|(_, from, _)| out.extend_from_slice(&x[from..from + self.d_head]));
        out
    }

    /// From heads to rows.
    pub(super) fn merge(self, x: &[f32]) -> Vec<f32> {
        let mut out = vec![0.0; self.len()];
        for (from, to, _) in self.parts() {
            out[to..to + self.d_head].copy_from_slice(&x[from..from + self.d_head]);
        }
        out
    }

    /// From rows to heads whose halves (a, b) turn to `(a·cos - b·sin, a·sin + b·cos)`; the tables
    /// are `[b·s, d_head/2]`.
    pub(super) fn turn(self, x: &[f32], cos: &[f32], sin: &[f32]) -> Vec<f32> {
        let half = self.d_head / 2;
        let mut out = Vec::with_capacity(self.len());
        for (_, from, row) in self.parts() {
            let (a, b) = x[from..from + self.d_head].split_at(half);
            let (cos, sin) = (&cos[row * half..(row + 1) * half], &sin[row * half..(row + 1) * half]);
            out.extend((0..half).map(|i| a[i] * cos[i] - b[i] * sin[i]));
            out.extend((0..half).map(|i| a[i] * sin[i] + b[i] * cos[i]));
        }
        out
    }

    /// From heads to rows that turn back: the gradient of [`turn`](Self::turn), and its inverse.
    pub(super) fn turn_back(self, x: &[f32], cos: &[f32], sin: &[f32]) -> Vec<f32> {
        let half = self.d_head / 2;
        let mut out = vec![0.0; self.len()];
        for (from, to, row) in self.parts() {
            let (a, b) = x[from..from + self.d_head].split_at(half);
            let (cos, sin) = (&cos[row * half..(row + 1) * half], &sin[row * half..(row + 1) * half]);
            let (to_a, to_b) = out[to..to + self.d_head].split_at_mut(half);
            for i in 0..half {
                to_a[i] = a[i] * cos[i] + b[i] * sin[i];
                to_b[i] = b[i] * cos[i] - a[i] * sin[i];
            }
        }
        out
    }
}

/// Rows of scores of one key sequence each become shares, `softmax(scale · score + bias)`, in place;
/// `bias` is `[b, s]`, and a sequence has as many rows of scores as any other.
pub(super) fn shares(scores: &mut [f32], bias: &[f32], scale: f32, seq: usize) {
    let batch = bias.len() / seq;
    let of_sequence = scores.len() / batch;
    for (scores, bias) in scores.chunks_exact_mut(of_sequence).zip(bias.chunks_exact(seq)) {
        for row in scores.chunks_exact_mut(seq) {
            row.iter_mut().zip(bias).for_each(|(score, bias)| *score = scale * *score + bias);
            softmax(row);
        }
    }
}

/// The gradient of the scores from that of [`shares`], in the place of it:
/// `scale · share · (d_share - Σ share · d_share)`.
pub(super) fn shares_back(shares: &[f32], grad: &mut [f32], scale: f32, seq: usize) {
    for (shares, grad) in shares.chunks_exact(seq).zip(grad.chunks_exact_mut(seq)) {
        let mean = dot(shares, grad);
        grad.iter_mut().zip(shares).for_each(|(grad, share)| *grad = scale * share * (*grad - mean));
    }
}

/// `-log softmax(logits)[token]` of each pair of a row and a token; `logits` becomes the shares.
pub(super) fn token_costs(logits: &mut [f32], pairs: &[(usize, usize)], width: usize) -> Vec<f32> {
    let mut floors = Vec::with_capacity(logits.len() / width);
    let targets: Vec<f32> = pairs.iter().map(|&(row, token)| logits[row * width + token]).collect();
    for row in logits.chunks_exact_mut(width) {
        let largest = row.iter().copied().fold(f32::MIN, f32::max);
        softmax(row);
        // The largest share is 1 / Σ exp(x - max).
        let share = row.iter().copied().fold(0.0, f32::max);
        floors.push(largest - share.ln());
    }
    pairs.iter().zip(targets).map(|(&(row, _), target)| floors[row] - target).collect()
}

/// The gradient of the logits from that of [`token_costs`], in the place of the shares.
pub(super) fn token_costs_back(shares: &mut [f32], pairs: &[(usize, usize)], grad: &[f32], width: usize) {
    let mut weights = vec![0.0; shares.len() / width];
    pairs.iter().zip(grad).for_each(|(&(row, _), grad)| weights[row] += grad);
    for (row, weight) in shares.chunks_exact_mut(width).zip(weights) {
        row.iter_mut().for_each(|share| *share *= weight);
    }
    pairs.iter().zip(grad).for_each(|(&(row, token), grad)| shares[row * width + token] -= grad);
}
