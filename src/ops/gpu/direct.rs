//! Matrix products without workgroup memory: launch of `direct.wgsl`.

use super::kernel::Kernel;
use super::matmul::Product;
use super::matrix::Matrix;
use super::{GpuOps, weight};

/// Columns of a workgroup.
const GROUP_COLS: usize = 32 * QUADS;

/// Fours of columns of a thread.
const QUADS: usize = 2;

/// Whether the kernel does this product: a plain one, or one with something added.
pub fn takes(x: &Matrix, product: &Product<'_>) -> bool {
    let is_plain = product.weights.len() == 1 && product.gain.is_none() && !product.is_gated;
    is_plain && (!is_along(product) || x.width.is_multiple_of(4))
}

/// Whether the weight's lines run along the sum.
fn is_along(product: &Product<'_>) -> bool {
    product.weights[0].packing().is_across != product.is_transposed
}

/// Records a product that goes to `output`.
pub fn record(ops: &GpuOps, x: &Matrix, product: Product<'_>, output: &Matrix) {
    let weight = product.weights[0];
    let rows_each = if x.n_rows > 4 { 8 } else { 2 };
    let own = [
        ("ROWS", rows_each as u32),
        ("QUADS", QUADS as u32),
        ("LANES", 4),
        ("ALONG", is_along(&product).into()),
        ("ADD", product.residual.is_some().into()),
    ];
    let kernel = Kernel {
        name: "direct",
        source: include_str!("direct.wgsl"),
        n_inputs: 3,
        weights: &weight::NAMES[..1],
        constants: weight::constants(&[weight], &own),
    };
    let residual = product.residual.unwrap_or(x);
    let inputs = [x, weight, residual].map(|matrix| &matrix.storage);
    let params = [
        [x.n_rows as u32, x.width as u32, output.width as u32, output.stride as u32],
        [x.start as u32, x.stride as u32, residual.start as u32, residual.stride as u32],
        weight::place(weight),
        [output.start as u32, 0, 0, 0],
    ];
    let groups = [output.width.div_ceil(GROUP_COLS), x.n_rows.div_ceil(8 * rows_each), 1].map(|count| count as u32);
    ops.recorder.record(kernel, &inputs, &output.storage, params.as_flattened(), groups);
}
