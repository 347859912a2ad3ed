//! Matrix products and what is fused into them: launch of `matmul.wgsl`.

use super::kernel::Kernel;
use super::matrix::Matrix;
use super::{GpuOps, Products, direct, weight};

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

/// Records `x · weights`: `[n, d_out]`, or the weights' results beside each other.
pub fn launch(ops: &GpuOps, x: &Matrix, product: Product<'_>) -> Matrix {
    let Product { weights, is_transposed, gain, residual, is_gated } = product;
    let (n, k) = (x.n_rows, x.width);
    let m = if is_transposed { weights[0].n_rows } else { weights[0].width };
    let n_side = if is_gated { 1 } else { weights.len() };
    let output = ops.output(n, n_side * m);
    if ops.products() == Products::Direct && direct::takes(x, &product) {
        direct::record(ops, x, product, &output);
        return output;
    }
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
        [gain.start as u32, 0, 0, 0],
    ];
    let groups = [n_side * m.div_ceil(TILE_COLS), n.div_ceil(16 * rows_each), 1].map(|count| count as u32);
    ops.recorder.record(kernel, &inputs, &output.storage, params.as_flattened(), groups);
    output
}
