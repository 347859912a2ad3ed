//! Weights on the device in the bits they are stored in, and what kernels are told of them;
//! `weight.wgsl` reads them.
//!
//! A weight above what the adapter binds is cut between lines into parts, each a weight of its own.

use std::rc::Rc;

use half::f16;

use super::matrix::{Matrix, Packed, Packing, Storage};
use super::{GpuOps, matrix};
use crate::ops::stored::StoredNumbers;

/// What weights are called in a kernel, in the order of its bindings.
pub const NAMES: [&str; 3] = ["w0", "w1", "w2"];

/// A weight of these numbers, to be kept. One of a single row becomes `F32`: it is small, and the
/// kernels that take gains read nothing else.
pub fn keep(ops: &GpuOps, numbers: StoredNumbers, n_rows: usize) -> Matrix {
    match numbers {
        StoredNumbers::F16(values) if n_rows > 1 => {
            let width = values.len() / n_rows;
            let packing = Packing { bits: 16, ..Packing::F32 };
            lines(ops, &halves_by_row(&values, width), &[], [n_rows, width], packing)
        }
        StoredNumbers::Blocks(blocks) if n_rows > 1 => {
            let spec = blocks.spec();
            let bits = spec.format.bits();
            let block_shift = (spec.block * bits / 32).ilog2();
            let packing = Packing { bits: bits as u32, is_across: spec.axis == 0, block_shift, ..Packing::F32 };
            lines(ops, blocks.words(), blocks.scales(), spec.shape, packing)
        }
        numbers => {
            let values = numbers.into_f32();
            let width = values.len() / n_rows.max(1);
            lines(ops, bytemuck::cast_slice(&values), &[], [n_rows, width], Packing::F32)
        }
    }
}

/// Two to a word, each row filled up to four, because they are read by four.
fn halves_by_row(values: &[f16], width: usize) -> Vec<u32> {
    let mut words = Vec::with_capacity(values.len().div_ceil(2));
    for row in values.chunks(width.max(1)) {
        words.extend(pack_halves(row));
        if row.len() % 4 == 1 || row.len() % 4 == 2 {
            words.push(0);
        }
    }
    words
}

fn pack_halves(halves: &[f16]) -> impl Iterator<Item = u32> {
    let bits = |half: Option<&f16>| half.map_or(0, |half| u32::from(half.to_bits()));
    halves.chunks(2).map(move |pair| bits(pair.first()) | bits(pair.get(1)) << 16)
}

/// A weight of these lines, in as many parts as it takes.
fn lines(ops: &GpuOps, words: &[u32], scales: &[f16], shape: [usize; 2], packing: Packing) -> Matrix {
    let n_lines = shape[usize::from(packing.is_across)].max(1);
    let (stride, scales_each) = (words.len() / n_lines, scales.len() / n_lines);
    // Half a word may be left over behind the scales.
    let limit = ops.device.adapter().max_binding_bytes.saturating_sub(4);
    let lines_each = (limit / (4 * stride + 2 * scales_each).max(1) as u64).clamp(1, n_lines as u64) as usize;
    let part = |first: usize| {
        let n = lines_each.min(n_lines - first);
        let mut shape = shape;
        shape[usize::from(packing.is_across)] = n;
        let words = &words[first * stride..(first + n) * stride];
        let scales: Vec<u32> = pack_halves(&scales[first * scales_each..(first + n) * scales_each]).collect();
        let packing = Packing { scales: 2 * words.len() as u32, ..packing };
        let packed = (packing.bits < 32).then(|| Rc::new(Packed { packing, parts: Vec::new() }));
        Matrix { stride, packed, ..matrix(written(ops, [words, &scales]), shape[0], shape[1]) }
    };
    if lines_each == n_lines {
        return part(0);
    }
    let parts: Vec<Matrix> = (0..n_lines).step_by(lines_each).map(part).collect();
    let first = parts[0].clone();
    Matrix { n_rows: shape[0], width: shape[1], packed: Some(Rc::new(Packed { packing, parts })), ..first }
}

/// A buffer of its own with these words.
fn written(ops: &GpuOps, words: [&[u32]; 2]) -> Storage {
    let size_bytes = 4 * (words[0].len() + words[1].len()) as u64;
    let lease = ops.pool.own(size_bytes);
    // Where the buffer is smaller, the device has no room, which `settle` will tell.
    if size_bytes <= lease.buffer().size() {
        ops.device.scoped(format!("a weight of {size_bytes} bytes"), || {
            let queue = &ops.device.queue;
            queue.write_buffer(lease.buffer(), 0, bytemuck::cast_slice(words[0]));
            queue.write_buffer(lease.buffer(), 4 * words[0].len() as u64, bytemuck::cast_slice(words[1]));
            // What is written waits in memory of the host until a submit.
            queue.submit([]);
        });
    }
    Storage::Buffer(lease)
}

/// The constants by which a kernel reads these weights, after those of its own.
pub fn constants(weights: &[&Matrix], own: &[(&'static str, u32)]) -> Vec<(&'static str, u32)> {
    const CONSTANTS: [[&str; 2]; 3] = [["w0_bits", "w0_across"], ["w1_bits", "w1_across"], ["w2_bits", "w2_across"]];
    let read = |(weight, [bits, across]): (&&Matrix, [&'static str; 2])| {
        let packing = weight.packing();
        [(bits, packing.bits), (across, packing.is_across.into())]
    };
    own.iter().copied().chain(weights.iter().zip(CONSTANTS).flat_map(read)).collect()
}

/// The parameters of a weight.
pub fn place(weight: &Matrix) -> [u32; 4] {
    let Packing { scales, block_shift, .. } = weight.packing();
    [weight.start as u32, weight.stride as u32, scales, block_shift]
}
