//! Kernels that go over rows and values: launches of `rms_norm`, `rope`, `pointwise`, `rows`,
//! `modulate` and `join`, each in the WGSL file of that name.

use std::rc::Rc;

use super::kernel::Kernel;
use super::matrix::{Matrix, Storage};
use super::recorder::MAX_GROUPS;
use super::{GpuOps, weight};

/// Threads of a workgroup that makes a value each.
const THREADS: usize = 256;

/// What `pointwise.wgsl` does with each value.
#[derive(Clone, Copy)]
pub enum Pointwise<'a> {
    /// `factor · x`.
    Scale(f32),
    /// `silu(x)`.
    Silu,
    /// `x + y`.
    Add(&'a Matrix),
    /// `silu(x) · y`.
    Gated(&'a Matrix),
}

/// Records something done to each value of `x [n, d]`: `[n, d]`.
pub fn pointwise(ops: &GpuOps, x: &Matrix, what: Pointwise<'_>) -> Matrix {
    let (kind, y, factor) = match what {
        Pointwise::Scale(factor) => (0, x, factor),
        Pointwise::Silu => (1, x, 0.0),
        Pointwise::Add(y) => (2, y, 0.0),
        Pointwise::Gated(y) => (3, y, 0.0),
    };
    let output = ops.output(x.n_rows, x.width);
    let kernel = Kernel {
        name: "pointwise",
        source: include_str!("pointwise.wgsl"),
        n_inputs: 2,
        weights: &[],
        constants: vec![("KIND", kind)],
    };
    let params = [size(x), x.window(), y.window(), [factor.to_bits(), 0]];
    each_value(ops, kernel, &[&x.storage, &y.storage], &output, &params);
    output
}

/// Records `factor` times rows of a table, by their numbers, plus rows of another. The tables may be
/// weights, and the first one in parts if its lines are rows.
pub fn rows(ops: &GpuOps, factor: f32, table: (&Matrix, &[u32]), other: Option<(&Matrix, &[u32])>) -> Matrix {
    let (table, ids) = table;
    let output = ops.output(ids.len(), table.width);
    let (ids, ids_start) = ops.upload_ids(ids);
    let is_sum = other.is_some();
    let other = other.map(|(other, ids)| (other, ops.upload_ids(ids)));
    let [n, d] = size(&output);
    let n_groups = groups((output.n_rows * output.width.div_ceil(4)).div_ceil(THREADS));
    let parts = if table.parts().is_empty() { std::slice::from_ref(table) } else { table.parts() };
    if parts.len() > 1 && table.packing().is_across {
        ops.device.note_no_room("a table whose blocks run along its columns, and that no binding holds".into());
        return output;
    }
    let mut first = 0;
    for part in parts {
        // What a variant does not use is bound to something that is there.
        let (other, (other_ids, other_ids_start)) = other.clone().unwrap_or((part, (ids.clone(), ids_start)));
        let kernel = Kernel {
            name: "rows",
            source: include_str!("rows.wgsl"),
            n_inputs: 4,
            weights: &weight::NAMES[..2],
            constants: weight::constants(&[part, other], &[("SUM", is_sum.into())]),
        };
        let params = [
            [n, d, ids_start, other_ids_start],
            weight::place(part),
            weight::place(other),
            [factor.to_bits(), first, part.n_rows as u32, 0],
        ];
        let inputs = [&part.storage, &other.storage, &ids, &other_ids];
        ops.recorder.record(kernel, &inputs, &output.storage, params.as_flattened(), n_groups);
        first += part.n_rows as u32;
    }
    output
}

/// Records the collection of rows of `x`, whose numbers are `ids [1, n]` on the device.
pub fn rows_of(ops: &GpuOps, x: &Matrix, ids: &Matrix) -> Matrix {
    let output = ops.output(ids.width, x.width);
    let kernel = Kernel {
        name: "rows",
        source: include_str!("rows.wgsl"),
        n_inputs: 4,
        weights: &weight::NAMES[..2],
        constants: weight::constants(&[x, x], &[("SUM", 0)]),
    };
    let [n, d] = size(&output);
    let ids_start = ids.start as u32;
    let params =
        [[n, d, ids_start, ids_start], weight::place(x), weight::place(x), [1.0f32.to_bits(), 0, x.n_rows as u32, 0]];
    let inputs = [&x.storage, &x.storage, &ids.storage, &ids.storage];
    let n_groups = groups((output.n_rows * output.width.div_ceil(4)).div_ceil(THREADS));
    ops.recorder.record(kernel, &inputs, &output.storage, params.as_flattened(), n_groups);
    output
}

/// Records `x / sqrt(mean(x²) + 1e-6) · gain`, row by row.
pub fn rms_norm(ops: &GpuOps, x: &Matrix, gain: &Matrix) -> Matrix {
    let output = ops.output(x.n_rows, x.width);
    let kernel = plain("rms_norm", include_str!("rms_norm.wgsl"), 2);
    let params = [size(x), x.window(), [gain.start as u32, 0]];
    let inputs = [&x.storage, &gain.storage];
    ops.recorder.record(kernel, &inputs, &output.storage, params.as_flattened(), groups(x.n_rows));
    output
}

/// Records `x · (1 + scale) + shift`; row `i` of `x [n, d]` takes row `i / (n / m)` of the others.
pub fn modulate(ops: &GpuOps, x: &Matrix, scale: &Matrix, shift: &Matrix) -> Matrix {
    let output = ops.output(x.n_rows, x.width);
    let kernel = plain("modulate", include_str!("modulate.wgsl"), 3);
    let rows_each = x.n_rows / scale.n_rows.max(1);
    let [n, d] = size(x);
    let (x_window, scale_window, shift_window) = (x.window(), scale.window(), shift.window());
    let params = [
        [n, d],
        [rows_each as u32, x_window[0]],
        [x_window[1], scale_window[0]],
        [scale_window[1], shift_window[0]],
        [shift_window[1], 0],
    ];
    each_value(ops, kernel, &[&x.storage, &scale.storage, &shift.storage], &output, &params);
    output
}

/// Records the turning of `x [n, d]` by `cos` and `sin [n, d/2h]`, head by head.
pub fn rope(ops: &GpuOps, x: &Matrix, cos: &Matrix, sin: &Matrix, n_heads: usize) -> Matrix {
    let output = ops.output(x.n_rows, x.width);
    let kernel = plain("rope", include_str!("rope.wgsl"), 3);
    let half = x.width / n_heads / 2;
    let [n, d] = size(x);
    let (x_window, cos_window, sin_window) = (x.window(), cos.window(), sin.window());
    let params = [
        [n, d],
        [half as u32, x_window[0]],
        [x_window[1], cos_window[0]],
        [cos_window[1], sin_window[0]],
        [sin_window[1], 0],
    ];
    let inputs = [&x.storage, &cos.storage, &sin.storage];
    let n_groups = groups((x.len() / 2).div_ceil(THREADS));
    ops.recorder.record(kernel, &inputs, &output.storage, params.as_flattened(), n_groups);
    output
}

/// Records the rows of `a` and then those of `b`, sequence by sequence.
pub fn join(ops: &GpuOps, a: &Matrix, b: &Matrix, batch: usize) -> Matrix {
    let output = ops.output(a.n_rows + b.n_rows, a.width);
    let kernel = plain("join", include_str!("join.wgsl"), 2);
    let each = [a.n_rows / batch, b.n_rows / batch].map(|count| count as u32);
    let params = [size(&output), each, a.window(), b.window()];
    each_value(ops, kernel, &[&a.storage, &b.storage], &output, &params);
    output
}

fn each_value(ops: &GpuOps, kernel: Kernel, inputs: &[&Rc<Storage>], output: &Matrix, params: &[[u32; 2]]) {
    let n_groups = groups(output.len().div_ceil(THREADS));
    ops.recorder.record(kernel, inputs, &output.storage, params.as_flattened(), n_groups);
}

fn plain(name: &'static str, source: &'static str, n_inputs: usize) -> Kernel {
    Kernel { name, source, n_inputs, weights: &[], constants: Vec::new() }
}

fn size(x: &Matrix) -> [u32; 2] {
    [x.n_rows as u32, x.width as u32]
}

/// So many workgroups, in two dimensions where one has no room.
fn groups(count: usize) -> [u32; 3] {
    let count = count as u32;
    let across = count.min(MAX_GROUPS);
    [across, count.div_ceil(across.max(1)), 1]
}
