//! Which rows will probably be asked for, found on the device: launch of `likeliest.wgsl`.

use super::kernel::Kernel;
use super::matrix::Matrix;
use super::{GpuOps, rowwise};
use crate::ops::Ahead;

/// Scores have room in workgroup memory.
const MAX_ROWS: usize = 1024;

/// Records the choice of `k` rows of `x [n, d]` by `gate [n, 2]`, and their collection.
pub fn launch(ops: &GpuOps, x: &Matrix, gate: &Matrix, k: usize) -> Option<Ahead<Matrix>> {
    let k = k.min(x.n_rows);
    if k == 0 || x.n_rows > MAX_ROWS {
        return None;
    }
    let ids = ops.output(1, k);
    let kernel = Kernel {
        name: "likeliest",
        source: include_str!("likeliest.wgsl"),
        n_inputs: 1,
        weights: &[],
        constants: Vec::new(),
    };
    let params = [x.n_rows as u32, k as u32, gate.start as u32, gate.stride as u32];
    ops.recorder.record(kernel, &[&gate.storage], &ids.storage, &params, [1, 1, 1]);
    let rows = rowwise::rows_of(ops, x, &ids);
    Some(Ahead { ids, rows })
}
