//! The operations a network is written in, and the back ends that implement them.
//!
//! [`Ops`] is the one interface between the network (`model`) and the arithmetic. Every
//! activation is a matrix `[n_rows, width]` of `f32`; a batch of sequences is laid out row after
//! row, all sequences padded to the same length. `BurnOps` (feature
//! `flex`) implements the trait on all cores of the CPU; the same code on an autodiff device is what
//! training differentiates. [`CpuOps`](cpu::CpuOps) is the browser's CPU path, and `GpuOps` (feature
//! `gpu`) implements it on WebGPU. Weights may come in fewer bits ([`stored`]).
//!
//! Axis names: `n` rows, `d` width, `b` batch, `s` rows of one sequence, `h` heads.

use std::future::Future;
use std::pin::pin;
use std::task::{Context, Poll, Waker};

use self::stored::StoredNumbers;
use crate::error::{Error, Result};

#[cfg(feature = "gpu")]
pub mod any;
#[cfg(feature = "flex")]
pub mod burn;
pub mod cpu;
#[cfg(feature = "gpu")]
pub mod gpu;
pub mod stored;

/// The result of a future of a back end that never waits for a caller: the CPU's, and natively the
/// GPU's, which blocks the thread instead.
///
/// # Errors
///
/// Those of the future; [`Error::Internal`] if it does wait.
pub fn ready<T>(future: impl Future<Output = Result<T>>) -> Result<T> {
    match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(result) => result,
        Poll::Pending => Err(Error::Internal { reason: "a back end waits that should not".into() }),
    }
}

/// What the factors of matrix products and of attention are rounded to before they are multiplied;
/// sums are `f32` either way. The CPU knows `f32` only.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Precision {
    /// Nothing is rounded.
    #[default]
    F32,
    /// `f16`: 11 bits, at most 65,504. A factor beyond that becomes infinite, and what comes of it is
    /// no finite number, which a model refuses to answer.
    F16,
}

/// Rows that will probably be asked for, found by a back end itself.
pub struct Ahead<M> {
    /// Their numbers `[1, k]`, each the bits of a `u32`.
    pub ids: M,
    /// The rows `[k, d]`.
    pub rows: M,
}

/// The operations of the network, over some device's matrices. Those with a body are made of the
/// others; a back end may do them in one.
///
/// # Shapes
///
/// Each method's doc gives them. An implementation may panic where the shapes do not fit: they
/// are fixed by the configuration, which is validated before a network exists.
pub trait Ops {
    /// A weight matrix, in whatever storage this back end keeps it.
    type Weight;
    /// An activation, a matrix of `f32`.
    type Matrix: Clone;

    /// The weight `[n_rows, values.len() / n_rows]` with these values, row by row, to be kept.
    fn weight(&self, values: Vec<f32>, n_rows: usize) -> Self::Weight;

    /// [`weight`](Self::weight) from the storage that the numbers are in, which a back end may keep.
    fn stored_weight(&self, numbers: StoredNumbers, n_rows: usize) -> Self::Weight {
        self.weight(numbers.into_f32(), n_rows)
    }

    /// The matrix `[n_rows, values.len() / n_rows]` with these values, row by row.
    fn upload(&self, values: Vec<f32>, n_rows: usize) -> Self::Matrix;

    /// Rows `ids` of `table [n_ids, d]`: `[ids.len(), d]`.
    fn embed(&self, table: &Self::Weight, ids: &[u32]) -> Self::Matrix;

    /// `x [n, d_in] · weight [d_in, d_out]`: `[n, d_out]`.
    fn linear(&self, x: &Self::Matrix, weight: &Self::Weight) -> Self::Matrix;

    /// `x [n, d] · tableᵀ [d, n_ids]`: `[n, n_ids]`.
    fn linear_transposed(&self, x: &Self::Matrix, table: &Self::Weight) -> Self::Matrix;

    /// `factor · x`, element by element.
    fn scale(&self, x: &Self::Matrix, factor: f32) -> Self::Matrix;

    /// `x / sqrt(mean(x²) + 1e-6) · gain`, row by row; `x [n, d]`, `gain [1, d]`.
    fn rms_norm(&self, x: &Self::Matrix, gain: &Self::Weight) -> Self::Matrix;

    /// `x · sigmoid(x)`, element by element.
    fn silu(&self, x: &Self::Matrix) -> Self::Matrix;

    /// `silu(gate) · up`, element by element; both `[n, d]`.
    fn gated(&self, gate: &Self::Matrix, up: &Self::Matrix) -> Self::Matrix;

    /// `a + b`, element by element; both `[n, d]`.
    fn add(&self, a: &Self::Matrix, b: &Self::Matrix) -> Self::Matrix;

    /// `x · (1 + scale) + shift`, where row `i` of `x [n, d]` takes row `i / (n / m)` of
    /// `scale [m, d]` and `shift [m, d]`.
    fn modulate(&self, x: &Self::Matrix, scale: &Self::Matrix, shift: &Self::Matrix) -> Self::Matrix;

    /// Rotary position embedding (arXiv:2104.09864): within each head of width `d / h`, the pair
    /// `(x[j], x[j + d/2h])` is turned by the angle whose cosine and sine stand in column `j` of
    /// `cos` and `sin`, both `[n, d/2h]`.
    fn rope(&self, x: &Self::Matrix, cos: &Self::Matrix, sin: &Self::Matrix, n_heads: usize) -> Self::Matrix;

    /// Multi-head attention of every row to all rows of its sequence. `q`, `k`, `v` are
    /// `[b·s, d]`; `bias [b, s]` is added to the scores of a key: 0, or a large negative number
    /// where the row is padding. Gives `[b·s, d]`.
    fn attention(
        &self,
        q: &Self::Matrix,
        k: &Self::Matrix,
        v: &Self::Matrix,
        bias: &Self::Matrix,
        n_heads: usize,
    ) -> Self::Matrix;

    /// `factor` times rows `ids` of `table`, plus rows `other_ids` of `other`: `[ids.len(), d]`.
    fn embed_sum(
        &self,
        factor: f32,
        [table, other]: [&Self::Weight; 2],
        [ids, other_ids]: [&[u32]; 2],
    ) -> Self::Matrix {
        self.add(&self.scale(&self.embed(table, ids), factor), &self.embed(other, other_ids))
    }

    /// `rms_norm(x, gain) · weights`, each: three matrices `[n, d_out]`.
    fn normed_linears(&self, x: &Self::Matrix, gain: &Self::Weight, weights: [&Self::Weight; 3]) -> [Self::Matrix; 3] {
        let h = self.rms_norm(x, gain);
        weights.map(|weight| self.linear(&h, weight))
    }

    /// `silu(h · gate) · (h · up)` with `h = rms_norm(x, gain)`: `[n, d_out]`.
    fn normed_gated(
        &self,
        x: &Self::Matrix,
        gain: &Self::Weight,
        gate: &Self::Weight,
        up: &Self::Weight,
    ) -> Self::Matrix {
        let h = self.rms_norm(x, gain);
        self.gated(&self.linear(&h, gate), &self.linear(&h, up))
    }

    /// `sum + x · weight`; `sum [n, d_out]`.
    fn add_linear(&self, sum: &Self::Matrix, x: &Self::Matrix, weight: &Self::Weight) -> Self::Matrix {
        self.add(sum, &self.linear(x, weight))
    }

    /// [`attention`](Self::attention) after [`rope`](Self::rope) of `q` and `k` by `turn`, which is
    /// `cos` and `sin`.
    fn rope_attention(
        &self,
        [q, k, v]: [&Self::Matrix; 3],
        turn: [&Self::Matrix; 2],
        bias: &Self::Matrix,
        n_heads: usize,
    ) -> Self::Matrix {
        let [cos, sin] = turn;
        let (q, k) = (self.rope(q, cos, sin, n_heads), self.rope(k, cos, sin, n_heads));
        self.attention(&q, &k, v, bias, n_heads)
    }

    /// Joins two matrices sequence by sequence: of each of the `batch` sequences first its rows
    /// of `a [b·s_a, d]`, then its rows of `b [b·s_b, d]`; gives `[b·(s_a + s_b), d]`.
    fn join(&self, a: &Self::Matrix, b: &Self::Matrix, batch: usize) -> Self::Matrix;

    /// Rows `rows` of `x [n, d]`: `[rows.len(), d]`.
    fn select(&self, x: &Self::Matrix, rows: &[u32]) -> Self::Matrix;

    /// Some rows of `x [n, d]` with the highest `(1 - sigmoid(gate[0])) · (1 + softplus(gate[1]))`, by
    /// `gate [n, 2]`: those that a caller who has read the gate will probably [`select`](Self::select).
    /// `None` where that costs no trip of its own, as on the CPU.
    fn likeliest(&self, x: &Self::Matrix, gate: &Self::Matrix) -> Option<Ahead<Self::Matrix>> {
        let _ = (x, gate);
        None
    }

    /// Columns `start .. start + width` of `x`.
    fn columns(&self, x: &Self::Matrix, start: usize, width: usize) -> Self::Matrix;

    /// The values of `x`, row by row.
    ///
    /// # Errors
    ///
    /// Those of [`download_all`](Self::download_all).
    fn download(&self, x: &Self::Matrix) -> impl Future<Output = Result<Vec<f32>>> {
        async move { Ok(self.download_all(&[x]).await?.pop().unwrap_or_default()) }
    }

    /// The values of each of some matrices, row by row; on a GPU in one trip.
    ///
    /// # Errors
    ///
    /// [`Error::Internal`] if the device cannot be read; [`Error::OutOfMemory`] and
    /// [`Error::DeviceLost`] for what happened to a GPU since the last download.
    fn download_all(&self, matrices: &[&Self::Matrix]) -> impl Future<Output = Result<Vec<Vec<f32>>>>;

    /// Waits until the back end has taken in all the weights that it was given.
    ///
    /// # Errors
    ///
    /// [`Error::OutOfMemory`] and [`Error::DeviceLost`] where a GPU had no room, or went away.
    fn settle(&self) -> impl Future<Output = Result<()>> {
        async { Ok(()) }
    }
}
