//! Weights on the device in the bits they are stored in, and what kernels are told of them;
//! `weight.wgsl` reads them.

use half::f16;

use super::matrix::{Matrix, Packing, Storage};
use super::{GpuOps, matrix};
use crate::ops::stored::{Blocks, StoredNumbers};

/// What weights are called in a kernel, in the order of its bindings.
pub const NAMES: [&str; 3] = ["w0", "w1", "w2"];

/// A weight of these numbers, to be kept. One of a single row becomes `F32`: it is small, and the
/// kernels that take gains read nothing else.
pub fn keep(ops: &GpuOps, numbers: StoredNumbers, n_rows: usize) -> Matrix {
    match numbers {
        StoredNumbers::F16(values) if n_rows > 1 => halves(ops, &values, n_rows),
        StoredNumbers::Blocks(blocks) if n_rows > 1 => whole_numbers(ops, &blocks),
        numbers => {
            let values = numbers.into_f32();
            matrix(written(ops, bytemuck::cast_slice(&values)), n_rows, values.len() / n_rows.max(1))
        }
    }
}

/// Rows of whole words, two at a time, because they are read by four numbers.
fn halves(ops: &GpuOps, values: &[f16], n_rows: usize) -> Matrix {
    let width = values.len() / n_rows;
    let stride = 2 * width.div_ceil(4);
    let mut words = Vec::with_capacity(n_rows * stride);
    for row in values.chunks(width.max(1)) {
        let end = words.len() + stride;
        pack_halves(row, &mut words);
        words.resize(end, 0);
    }
    let packing = Packing { bits: 16, ..Packing::F32 };
    Matrix { stride, packing, ..matrix(written(ops, bytemuck::cast_slice(&words)), n_rows, width) }
}

/// The lines of whole numbers, then all scales.
fn whole_numbers(ops: &GpuOps, blocks: &Blocks) -> Matrix {
    let spec = blocks.spec();
    let (k, _) = spec.sizes();
    let bits = spec.format.bits();
    let mut words = blocks.words().to_vec();
    let packing = Packing {
        bits: bits as u32,
        is_across: spec.axis == 0,
        scales: 2 * words.len() as u32,
        block_shift: (spec.block * bits / 32).ilog2(),
    };
    pack_halves(blocks.scales(), &mut words);
    let [n_rows, width] = spec.shape;
    Matrix { stride: k * bits / 32, packing, ..matrix(written(ops, bytemuck::cast_slice(&words)), n_rows, width) }
}

fn pack_halves(halves: &[f16], words: &mut Vec<u32>) {
    let bits = |half: Option<&f16>| half.map_or(0, |half| u32::from(half.to_bits()));
    words.extend(halves.chunks(2).map(|pair| bits(pair.first()) | bits(pair.get(1)) << 16));
}

/// A buffer of its own with these bytes.
fn written(ops: &GpuOps, bytes: &[u8]) -> Storage {
    let lease = ops.pool.own(bytes.len() as u64);
    // Where the buffer is smaller, the device has no room, which `settle` will tell.
    if bytes.len() as u64 <= lease.buffer().size() {
        ops.device.scoped(format!("a weight of {} bytes", bytes.len()), || {
            ops.device.queue.write_buffer(lease.buffer(), 0, bytes);
            // What is written waits in memory of the host until a submit.
            ops.device.queue.submit([]);
        });
    }
    Storage::Buffer(lease)
}

/// The constants by which a kernel reads these weights, after those of its own.
pub fn constants(weights: &[&Matrix], own: &[(&'static str, u32)]) -> Vec<(&'static str, u32)> {
    const CONSTANTS: [[&str; 2]; 3] = [["w0_bits", "w0_across"], ["w1_bits", "w1_across"], ["w2_bits", "w2_across"]];
    let read = |(Matrix { packing, .. }, [bits, across]): (&&Matrix, [&'static str; 2])| {
        [(bits, packing.bits), (across, packing.is_across.into())]
    };
    own.iter().copied().chain(weights.iter().zip(CONSTANTS).flat_map(read)).collect()
}

/// The parameters of a weight.
pub fn place(weight: &Matrix) -> [u32; 4] {
    let Packing { scales, block_shift, .. } = weight.packing;
    [weight.start as u32, weight.stride as u32, scales, block_shift]
}
