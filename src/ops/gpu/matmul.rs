//! Matrix products and what is fused into them: launch of `matmul.wgsl`.

use super::kernel::Kernel;
use super::matrix::Matrix;
use super::{GpuOps, Products, direct, weight};
use crate::ops::Ops;

/// Columns of a tile.
const TILE_COLS: usize = 64;

/// From how many rows on a thread makes four rows instead of one.
const MANY_ROWS: usize = 24;

/// A product and what comes before and after it.
#[derive(Clone, Copy)]
pub struct Product<'a> {
    /// One to three weights of one shape, side by side; two with `is_gated`.
    pub weights: &'a [&'a Matrix],
    /// Whether the weights are `[d_out, d_in]`.
    pub is_transposed: bool,
    /// Normalises `x` first.
    pub gain: Option<&'a Matrix>,
    /// Is added.
    pub residual: Option<&'a Matrix>,
    /// `silu(x · w0) · (x · w1)` instead of both beside each other.
    pub is_gated: bool,
}

impl<'a> Product<'a> {
    /// Only the product.
    pub fn of(weights: &'a [&'a Matrix]) -> Self {
        Self { weights, is_transposed: false, gain: None, residual: None, is_gated: false }
    }
}

/// Records `x · weights`: `[n, d_out]`, or the weights' results beside each other. A weight in parts
/// is alone, and `x` is normalised before.
pub fn launch(ops: &GpuOps, x: &Matrix, product: Product<'_>) -> Matrix {
    let Product { weights, is_transposed, is_gated, .. } = product;
    let m = if is_transposed { weights[0].n_rows } else { weights[0].width };
    let output = ops.output(x.n_rows, if is_gated { m } else { weights.len() * m });
    match weights[0].parts() {
        [] => record(ops, x, product, &output),
        parts => part_by_part(ops, x, product, parts, &output),
    }
    output
}

/// Parts give columns of the output where their lines do, and else one sum after the other.
fn part_by_part(ops: &GpuOps, x: &Matrix, product: Product<'_>, parts: &[Matrix], output: &Matrix) {
    let mut sum = product.residual.cloned();
    let mut first = 0;
    for (i, part) in parts.iter().enumerate() {
        let is_across = part.packing().is_across;
        let n_lines = if is_across { part.width } else { part.n_rows };
        let product = Product { weights: &[part], ..product };
        if is_across != product.is_transposed {
            let residual = product.residual.map(|residual| ops.columns(residual, first, n_lines));
            let output = ops.columns(output, first, n_lines);
            record(ops, x, Product { residual: residual.as_ref(), ..product }, &output);
        } else {
            let is_last = i + 1 == parts.len();
            let next = if is_last { output.clone() } else { ops.output(output.n_rows, output.width) };
            let x = ops.columns(x, first, n_lines);
            record(ops, &x, Product { residual: sum.as_ref(), ..product }, &next);
            sum = Some(next);
        }
        first += n_lines;
    }
}

/// Records a product that goes to `output`.
fn record(ops: &GpuOps, x: &Matrix, product: Product<'_>, output: &Matrix) {
    if ops.products() == Products::Direct && direct::takes(x, &product) {
        return direct::record(ops, x, product, output);
    }
    let Product { weights, is_transposed, gain, residual, is_gated } = product;
    let (n, k) = (x.n_rows, x.width);
    let m = if is_transposed { weights[0].n_rows } else { weights[0].width };
    let n_side = if is_gated { 1 } else { weights.len() };
    let rows_each = if n >= MANY_ROWS { 4 } else { 1 };
    // What a variant does not use is bound to something that is there.
    let weights = [0, 1, 2].map(|i| *weights.get(i).unwrap_or(&weights[0]));
    let kernel = Kernel {
        name: "matmul",
        source: include_str!("matmul.wgsl"),
        n_inputs: 6,
        weights: &weight::NAMES,
        constants: weight::constants(
            &weights,
            &[
                ("ROWS", rows_each as u32),
                ("N_WEIGHTS", n_side as u32),
                ("TRANSPOSED", is_transposed.into()),
                ("NORM", gain.is_some().into()),
                ("ADD", residual.is_some().into()),
                ("GATED", is_gated.into()),
            ],
        ),
    };
    let (gain, residual) = (gain.unwrap_or(x), residual.unwrap_or(x));
    let inputs = [x, weights[0], weights[1], weights[2], gain, residual].map(|matrix| &matrix.storage);
    let places = weights.map(weight::place);
    let params = [
        [n as u32, k as u32, m as u32, output.stride as u32],
        [x.start as u32, x.stride as u32, residual.start as u32, residual.stride as u32],
        places[0],
        places[1],
        places[2],
        [gain.start as u32, output.start as u32, 0, 0],
    ];
    let groups = [n_side * m.div_ceil(TILE_COLS), n.div_ceil(16 * rows_each), 1].map(|count| count as u32);
    ops.recorder.record(kernel, &inputs, &output.storage, params.as_flattened(), groups);
}
