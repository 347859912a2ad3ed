//! Matrices in blocks of small whole numbers, each block with a scale.
//!
//! A matrix is cut along its input dimension K, which is axis 0 of a weight of `x·W`, and axis 1 of
//! the embedding, whose rows are the columns of the token head. Each of its `n` outputs is one line
//! of `K / block` blocks:
//!
//! ```text
//! NAME          U32 [n, K·bits/32]    whole numbers in two's complement, the first in the lowest bits
//! NAME.scales   F16 [n, K/block]      a weight is its whole number times the scale of its block
//! ```
//!
//! The header's metadata says under `blocks`, as JSON, which tensors are stored so:
//!
//! ```json
//! {"blocks.0.mlp.up": {"format": "q4", "block": 64, "axis": 0, "shape": [192, 512]}}
//! ```

use half::f16;

use super::stored::{Dtype, StoredTensor};
use crate::ops::stored::BLOCK_LENGTHS;
pub use crate::ops::stored::{BlockFormat, BlockSpec, Blocks};

/// What the name of a tensor's scales ends in.
pub const SCALES: &str = ".scales";
/// The name of the description in the header's metadata.
pub const BLOCKS: &str = "blocks";

impl Blocks {
    /// Stores finite `values`, row by row, each block with the scale of the least squared error
    /// among some that are tried; nothing if `spec` is impossible, the values do not fill its shape,
    /// or a scale would be beyond `F16`.
    pub fn fit(spec: BlockSpec, values: &[f32]) -> Option<Blocks> {
        let (k, n) = spec.sizes();
        if check(&spec).is_err() || values.len() != k * n {
            return None;
        }
        let (mut numbers, mut scales) = (Vec::with_capacity(k * n), Vec::new());
        let mut fitted = vec![0i8; spec.block];
        for line in 0..n {
            for start in (0..k).step_by(spec.block) {
                let block: Vec<f32> = (start..start + spec.block).map(|i| values[spec.place(line, i)]).collect();
                let scale = fit_block(&block, spec.format, &mut fitted);
                if !scale.is_finite() {
                    return None;
                }
                scales.push(scale);
                numbers.extend_from_slice(&fitted);
            }
        }
        Blocks::pack(spec, &numbers, scales)
    }

    /// Whole `numbers [n, K]` within the format's range, line by line, and the `scales [n, K/block]`
    /// of their blocks; nothing if `spec` is impossible or there are not so many.
    pub fn pack(spec: BlockSpec, numbers: &[i8], scales: Vec<f16>) -> Option<Blocks> {
        let (k, n) = spec.sizes();
        if check(&spec).is_err() || numbers.len() != k * n {
            return None;
        }
        let bits = spec.format.bits();
        let word = |numbers: &[i8]| {
            let place = |(i, &number): (usize, &i8)| (number as u32 & (u32::MAX >> (32 - bits))) << (i * bits);
            numbers.iter().enumerate().map(place).sum::<u32>()
        };
        Blocks::new(spec, numbers.chunks_exact(32 / bits).map(word).collect(), scales)
    }

    /// The packed numbers and the scales as they lie in a file.
    pub fn to_tensors(&self) -> Option<(StoredTensor, StoredTensor)> {
        let (packed, scales) = stored_shapes(self.spec());
        let words = self.words().iter().flat_map(|word| word.to_le_bytes()).collect();
        let halves = self.scales().iter().flat_map(|scale| scale.to_le_bytes()).collect();
        Some((StoredTensor::new(Dtype::U32, &packed, words)?, StoredTensor::new(Dtype::F16, &scales, halves)?))
    }

    /// What [`to_tensors`](Self::to_tensors) gave; otherwise what is wrong with it, to be said after
    /// the tensor's name.
    pub(super) fn from_tensors(
        spec: BlockSpec,
        packed: &StoredTensor,
        scales: &StoredTensor,
    ) -> Result<Blocks, String> {
        check_tensors(&spec, packed, scales)?;
        let scales = scales.to_f16();
        if let Some(place) = scales.iter().position(|scale| !scale.is_finite()) {
            return Err(format!("has a scale of {} at place {place}; expected finite numbers", scales[place]));
        }
        let (words, _) = packed.bytes().as_chunks();
        let words = words.iter().map(|&bytes| u32::from_le_bytes(bytes)).collect();
        Blocks::new(spec, words, scales).ok_or_else(|| "has other blocks than it says".into())
    }
}

/// Shapes of the packed numbers and of the scales.
fn stored_shapes(spec: &BlockSpec) -> ([usize; 2], [usize; 2]) {
    let (k, n) = spec.sizes();
    ([n, k * spec.format.bits() / 32], [n, k / spec.block])
}

fn check(spec: &BlockSpec) -> Result<(), String> {
    let (k, n) = spec.sizes();
    if spec.axis > 1 {
        return Err(format!("has blocks along axis {}; expected 0 or 1", spec.axis));
    }
    if !BLOCK_LENGTHS.contains(&spec.block) {
        return Err(format!("has blocks of {}; expected 32, 64 or 128", spec.block));
    }
    if !k.is_multiple_of(spec.block) {
        return Err(format!(
            "has {k} numbers along axis {} in blocks of {}; expected a multiple",
            spec.axis, spec.block
        ));
    }
    // A count of bits is formed on the way to the words.
    if k.checked_mul(n.max(1)).and_then(|numbers| numbers.checked_mul(8)).is_none() {
        return Err(format!("has shape {:?}, which is too large", spec.shape));
    }
    Ok(())
}

/// Whether two stored tensors are a matrix of this description.
pub(super) fn check_tensors(spec: &BlockSpec, packed: &StoredTensor, scales: &StoredTensor) -> Result<(), String> {
    check(spec)?;
    let (packed_shape, scales_shape) = stored_shapes(spec);
    let parts = [("packed numbers", packed, Dtype::U32, packed_shape), ("scales", scales, Dtype::F16, scales_shape)];
    for (what, tensor, dtype, shape) in parts {
        if tensor.dtype() != dtype || tensor.shape() != shape {
            return Err(format!(
                "has {what} of {} {:?}; expected {} {shape:?}",
                tensor.dtype().name(),
                tensor.shape(),
                dtype.name()
            ));
        }
    }
    Ok(())
}

/// Fits one block: whole numbers into `numbers`, and their scale.
///
/// Tried are scales with which the largest value, in magnitude, comes to stand somewhat within or
/// beyond either end of the range; each is then moved to where the squared error of its numbers is
/// least.
fn fit_block(values: &[f32], format: BlockFormat, numbers: &mut [i8]) -> f16 {
    let extreme = values.iter().copied().fold(0.0, |a: f32, b| if b.abs() > a.abs() { b } else { a });
    let [low, high] = format.range();
    let mut best = (f32::INFINITY, f16::ZERO);
    if extreme != 0.0 {
        for end in [low, high] {
            for j in 0..=N_TRIED {
                let first = f16::from_f32(extreme / (end * (FIRST + j as f32 * (LAST - FIRST) / N_TRIED as f32)));
                let (mut products, mut squares) = (0.0f32, 0.0f32);
                for &value in values {
                    let q = whole(value, first, low, high);
                    products += q * value;
                    squares += q * q;
                }
                let scale = if squares > 0.0 { f16::from_f32(products / squares) } else { first };
                let error: f32 =
                    values.iter().map(|&value| (value - whole(value, scale, low, high) * scale.to_f32()).powi(2)).sum();
                if error < best.0 {
                    best = (error, scale);
                }
            }
        }
    }
    let scale = best.1;
    numbers.iter_mut().zip(values).for_each(|(q, &value)| *q = whole(value, scale, low, high) as i8);
    // Nothing fits: the values are beyond the largest scale.
    if best.0.is_infinite() && extreme != 0.0 { f16::INFINITY } else { scale }
}

/// The places of the largest value that are tried, in units of the range's end.
const FIRST: f32 = 0.8;
const LAST: f32 = 1.3;
const N_TRIED: usize = 20;

fn whole(value: f32, scale: f16, low: f32, high: f32) -> f32 {
    let scale = scale.to_f32();
    if scale == 0.0 { 0.0 } else { (value / scale).round().clamp(low, high) }
}
