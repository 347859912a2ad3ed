//! Attention without a score matrix: launch of `attention.wgsl`, in two variants.

use super::kernel::Kernel;
use super::matrix::Matrix;
use super::{GpuOps, Keys, Products, rowwise};
use crate::ops::Precision;

/// Threads of a workgroup.
const THREADS: usize = 64;

/// Workgroup memory by default limits, and the most keys that are worth a trip to it.
const SHARED_BYTES: usize = 16_384;
const MAX_KEYS: usize = 32;

/// More keys than a sequence has.
const ALL_KEYS: usize = 1 << 20;

/// Up to this width of a head a thread takes several keys, and perhaps queries, at a time; beyond it
/// the kernel would be long, and its registers too few.
const MAX_SIDE_WIDTH: usize = 64;

/// What attention works on.
#[derive(Clone, Copy)]
pub struct Attention<'a> {
    /// Queries `[b·s, d]`.
    pub q: &'a Matrix,
    /// Keys `[b·s, d]`.
    pub k: &'a Matrix,
    /// Values `[b·s, d]`.
    pub v: &'a Matrix,
    /// Added to a key's scores `[b, s]`.
    pub bias: &'a Matrix,
    /// Cosines and sines `[b·s, d_head/2]` by which q and k are turned first.
    pub rope: Option<(&'a Matrix, &'a Matrix)>,
}

/// Records the attention of `n_heads` heads: `[b·s, d]`.
pub fn launch(ops: &GpuOps, attention: Attention<'_>, n_heads: usize) -> Matrix {
    let Attention { q, k, v, bias, rope } = attention;
    let [batch, seq] = bias.shape();
    let d_head = q.width / n_heads;
    let output = ops.output(q.n_rows, q.width);
    let number_bytes = if ops.precision() == Precision::F16 { 2 } else { 4 };
    let is_tiled = ops.keys() == Keys::Tiled;
    let n_keys = match is_tiled {
        true => (SHARED_BYTES / (2 * number_bytes * d_head)).clamp(1, MAX_KEYS),
        false => ALL_KEYS,
    };
    let (side, each) = match (d_head <= MAX_SIDE_WIDTH, ops.keys(), ops.products()) {
        (false, ..) => (1, 1),
        (true, Keys::Tiled, Products::Tiled) => (4, 1),
        (true, Keys::Tiled, Products::Direct) => (4, 2),
        (true, Keys::Direct, _) => (4, 4),
    };
    // Each thread would turn all keys again.
    let turned = rope.filter(|_| !is_tiled).map(|(cos, sin)| rowwise::rope(ops, k, cos, sin, n_heads));
    let k = turned.as_ref().unwrap_or(k);
    let kernel = Kernel {
        name: "attention",
        source: include_str!("attention.wgsl"),
        n_inputs: 6,
        weights: &[],
        constants: vec![
            ("D", d_head as u32),
            ("QUADS", d_head as u32 / 4),
            ("THREADS", THREADS as u32),
            ("TILED", is_tiled.into()),
            ("SIDE", side),
            ("EACH", each as u32),
            ("KEYS", n_keys as u32),
            ("ROPE", rope.is_some().into()),
        ],
    };
    let (cos, sin) = rope.unwrap_or((bias, bias));
    let scale = 1.0 / (d_head as f32).sqrt();
    let params = [
        [seq as u32, output.stride as u32],
        q.window(),
        k.window(),
        v.window(),
        bias.window(),
        [cos.start as u32, sin.start as u32],
        [scale.to_bits(), 0],
    ];
    let inputs = [q, k, v, bias, cos, sin].map(|matrix| &matrix.storage);
    let groups = [seq.div_ceil(THREADS * each), n_heads, batch].map(|count| count as u32);
    ops.recorder.record(kernel, &inputs, &output.storage, params.as_flattened(), groups);
    output
}
