//! [`Ops`] in plain Rust on one thread: the CPU path of the browser, where it is both smaller and
//! faster than a tensor library.
//!
//! Loops run over arrays of eight `f32`, which the compiler turns into the vectors of whatever
//! target it compiles for. Each sum is taken in one order, without fused multiply-adds, so every
//! target computes the same bits. Whether they are the right ones is what `tests/it/cpu.rs` asks
//! burn.

use std::sync::Arc;

use super::Ops;
use crate::error::Result;

mod attention;
pub(crate) mod elements;
mod panels;

use elements::{norm_rows, silu};
use panels::{Panels, Rows};

/// The CPU, one thread.
#[derive(Clone, Copy, Debug, Default)]
pub struct CpuOps;

/// A matrix, row by row.
#[derive(Clone, Debug)]
pub struct Matrix {
    values: Arc<Vec<f32>>,
    n_rows: usize,
    width: usize,
}

impl Matrix {
    fn new(values: Vec<f32>, n_rows: usize) -> Self {
        let width = values.len() / n_rows.max(1);
        Self { values: Arc::new(values), n_rows, width }
    }

    /// A matrix of this shape of other values.
    fn like(&self, values: Vec<f32>) -> Self {
        Self { values: Arc::new(values), n_rows: self.n_rows, width: self.width }
    }

    fn rows(&self) -> impl Iterator<Item = &[f32]> {
        self.values.chunks_exact(self.width.max(1))
    }

    fn row(&self, row: usize) -> &[f32] {
        &self.values[row * self.width..][..self.width]
    }

    /// The rows as the left side of a product.
    fn packed(&self) -> Rows {
        Rows::new(&self.values, self.width)
    }

    /// A matrix of the same shape, of two values at a time.
    fn zip(&self, other: &Self, one: impl Fn(f32, f32) -> f32) -> Self {
        debug_assert_eq!((self.n_rows, self.width), (other.n_rows, other.width));
        self.like(self.values.iter().zip(other.values.iter()).map(|(&a, &b)| one(a, b)).collect())
    }
}

impl Ops for CpuOps {
    type Weight = Arc<Panels>;
    type Matrix = Matrix;

    fn weight(&self, values: Vec<f32>, n_rows: usize) -> Arc<Panels> {
        Arc::new(Panels::new(&values, n_rows))
    }

    fn upload(&self, values: Vec<f32>, n_rows: usize) -> Matrix {
        Matrix::new(values, n_rows)
    }

    fn embed(&self, table: &Arc<Panels>, ids: &[u32]) -> Matrix {
        let mut values = Vec::with_capacity(ids.len() * table.width());
        ids.iter().for_each(|&id| values.extend(table.row(id as usize)));
        Matrix::new(values, ids.len())
    }

    fn linear(&self, x: &Matrix, weight: &Arc<Panels>) -> Matrix {
        Matrix::new(weight.product(&x.packed()), x.n_rows)
    }

    fn linear_transposed(&self, x: &Matrix, table: &Arc<Panels>) -> Matrix {
        Matrix::new(table.transposed_product(&x.values), x.n_rows)
    }

    fn scale(&self, x: &Matrix, factor: f32) -> Matrix {
        x.like(x.values.iter().map(|value| factor * value).collect())
    }

    fn rms_norm(&self, x: &Matrix, gain: &Arc<Panels>) -> Matrix {
        let gain: Vec<f32> = gain.row(0).collect();
        x.like(norm_rows(x.rows(), &gain))
    }

    fn silu(&self, x: &Matrix) -> Matrix {
        let mut values = x.values.to_vec();
        silu(&mut values);
        x.like(values)
    }

    fn gated(&self, gate: &Matrix, up: &Matrix) -> Matrix {
        self.silu(gate).zip(up, |gate, up| gate * up)
    }

    fn add(&self, a: &Matrix, b: &Matrix) -> Matrix {
        a.zip(b, |a, b| a + b)
    }

    fn modulate(&self, x: &Matrix, scale: &Matrix, shift: &Matrix) -> Matrix {
        let rows_each = x.n_rows / scale.n_rows.max(1);
        let mut values = Vec::with_capacity(x.values.len());
        for (i, row) in x.rows().enumerate() {
            let terms = scale.row(i / rows_each).iter().zip(shift.row(i / rows_each));
            values.extend(row.iter().zip(terms).map(|(x, (scale, shift))| x * (1.0 + scale) + shift));
        }
        x.like(values)
    }

    fn rope(&self, x: &Matrix, cos: &Matrix, sin: &Matrix, n_heads: usize) -> Matrix {
        let d_head = x.width / n_heads;
        let mut values = x.values.to_vec();
        for (i, row) in values.chunks_exact_mut(x.width.max(1)).enumerate() {
            row.chunks_exact_mut(d_head).for_each(|head| attention::turn(head, cos.row(i), sin.row(i)));
        }
        x.like(values)
    }

    fn attention(&self, q: &Matrix, k: &Matrix, v: &Matrix, bias: &Matrix, n_heads: usize) -> Matrix {
        attention::attention([q, k, v], None, bias, n_heads)
    }

    fn normed_linears(&self, x: &Matrix, gain: &Arc<Panels>, weights: [&Arc<Panels>; 3]) -> [Matrix; 3] {
        let h = self.rms_norm(x, gain).packed();
        weights.map(|weight| Matrix::new(weight.product(&h), x.n_rows))
    }

    fn normed_gated(&self, x: &Matrix, gain: &Arc<Panels>, gate: &Arc<Panels>, up: &Arc<Panels>) -> Matrix {
        let h = self.rms_norm(x, gain).packed();
        let mut values = gate.product(&h);
        silu(&mut values);
        values.iter_mut().zip(up.product(&h)).for_each(|(gate, up)| *gate *= up);
        Matrix::new(values, x.n_rows)
    }

    fn add_linear(&self, sum: &Matrix, x: &Matrix, weight: &Arc<Panels>) -> Matrix {
        let mut values = sum.values.to_vec();
        weight.add_product(&x.packed(), &mut values);
        sum.like(values)
    }

    fn rope_attention(&self, heads: [&Matrix; 3], turn: [&Matrix; 2], bias: &Matrix, n_heads: usize) -> Matrix {
        attention::attention(heads, Some(turn), bias, n_heads)
    }

    fn join(&self, a: &Matrix, b: &Matrix, batch: usize) -> Matrix {
        let mut values = Vec::with_capacity(a.values.len() + b.values.len());
        let (in_a, in_b) = (a.values.len() / batch.max(1), b.values.len() / batch.max(1));
        for sequence in 0..batch {
            values.extend_from_slice(&a.values[sequence * in_a..][..in_a]);
            values.extend_from_slice(&b.values[sequence * in_b..][..in_b]);
        }
        Matrix::new(values, a.n_rows + b.n_rows)
    }

    fn select(&self, x: &Matrix, rows: &[u32]) -> Matrix {
        let mut values = Vec::with_capacity(rows.len() * x.width);
        rows.iter().for_each(|&row| values.extend_from_slice(x.row(row as usize)));
        Matrix::new(values, rows.len())
    }

    fn columns(&self, x: &Matrix, start: usize, width: usize) -> Matrix {
        let mut values = Vec::with_capacity(x.n_rows * width);
        x.rows().for_each(|row| values.extend_from_slice(&row[start..start + width]));
        Matrix::new(values, x.n_rows)
    }

    async fn download_all(&self, matrices: &[&Matrix]) -> Result<Vec<Vec<f32>>> {
        Ok(matrices.iter().map(|matrix| matrix.values.to_vec()).collect())
    }
}
