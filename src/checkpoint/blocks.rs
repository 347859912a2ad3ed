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
use serde::{Deserialize, Serialize};

use super::stored::{Dtype, StoredTensor};

/// What the name of a tensor's scales ends in.
pub const SCALES: &str = ".scales";
/// The name of the description in the header's metadata.
pub const BLOCKS: &str = "blocks";
/// Block lengths that are possible.
const LENGTHS: [usize; 3] = [32, 64, 128];

/// How the whole numbers are stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum BlockFormat {
    /// 8 bits, -128 to 127.
    Q8,
    /// 4 bits, -8 to 7.
    Q4,
}

impl BlockFormat {
    /// Its name in a file.
    pub fn name(self) -> &'static str {
        match self {
            BlockFormat::Q8 => "q8",
            BlockFormat::Q4 => "q4",
        }
    }

    /// Numbers in 8 bits.
    fn per_byte(self) -> usize {
        match self {
            BlockFormat::Q8 => 1,
            BlockFormat::Q4 => 2,
        }
    }

    fn range(self) -> [f32; 2] {
        match self {
            BlockFormat::Q8 => [-128.0, 127.0],
            BlockFormat::Q4 => [-8.0, 7.0],
        }
    }
}

/// How a matrix is cut into blocks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BlockSpec {
    /// What a whole number is.
    pub format: BlockFormat,
    /// Numbers of a block: 32, 64 or 128, a divisor of K.
    pub block: usize,
    /// The axis of K, 0 or 1.
    pub axis: usize,
    /// Rows and columns of the matrix.
    pub shape: [usize; 2],
}

impl BlockSpec {
    /// K, and the number of outputs.
    fn sizes(&self) -> (usize, usize) {
        let [rows, cols] = self.shape;
        if self.axis == 0 { (rows, cols) } else { (cols, rows) }
    }

    /// Shapes of the packed numbers and of the scales.
    fn stored_shapes(&self) -> ([usize; 2], [usize; 2]) {
        let (k, n) = self.sizes();
        ([n, k / self.format.per_byte() / 4], [n, k / self.block])
    }

    fn check(&self) -> Result<(), String> {
        let (k, n) = self.sizes();
        if self.axis > 1 {
            return Err(format!("has blocks along axis {}; expected 0 or 1", self.axis));
        }
        if !LENGTHS.contains(&self.block) {
            return Err(format!("has blocks of {}; expected 32, 64 or 128", self.block));
        }
        if !k.is_multiple_of(self.block) {
            return Err(format!(
                "has {k} numbers along axis {} in blocks of {}; expected a multiple",
                self.axis, self.block
            ));
        }
        if k.checked_mul(n).is_none() {
            return Err(format!("has shape {:?}, which is too large", self.shape));
        }
        Ok(())
    }
}

/// A matrix in blocks.
#[derive(Clone, Debug, PartialEq)]
pub struct Blocks {
    spec: BlockSpec,
    /// Line after line, as bytes of the `U32`.
    packed: Vec<u8>,
    scales: Vec<f16>,
}

impl Blocks {
    /// Stores finite `values`, row by row, each block with the scale of the least squared error
    /// among some that are tried; nothing if `spec` is impossible, the values do not fill its shape,
    /// or a scale would be beyond `F16`.
    pub fn fit(spec: BlockSpec, values: &[f32]) -> Option<Blocks> {
        let (k, n) = spec.sizes();
        if spec.check().is_err() || values.len() != k * n {
            return None;
        }
        let mut blocks = Blocks { spec, packed: Vec::new(), scales: Vec::new() };
        let mut numbers = vec![0i8; spec.block];
        for line in 0..n {
            for start in (0..k).step_by(spec.block) {
                let block: Vec<f32> = (start..start + spec.block).map(|i| values[spec.place(line, i)]).collect();
                let scale = fit_block(&block, spec.format, &mut numbers);
                if !scale.is_finite() {
                    return None;
                }
                blocks.scales.push(scale);
                match spec.format {
                    BlockFormat::Q8 => blocks.packed.extend(numbers.iter().map(|&q| q as u8)),
                    BlockFormat::Q4 => {
                        blocks
                            .packed
                            .extend(numbers.chunks_exact(2).map(|pair| (pair[0] as u8 & 15) | (pair[1] as u8) << 4));
                    }
                }
            }
        }
        Some(blocks)
    }

    /// How it is cut.
    pub fn spec(&self) -> &BlockSpec {
        &self.spec
    }

    /// The whole numbers as they are packed, line by line: `[n, K·bits/32]` words of 32 bits,
    /// little-endian.
    pub fn packed(&self) -> &[u8] {
        &self.packed
    }

    /// The scales `[n, K/block]`.
    pub fn scales(&self) -> &[f16] {
        &self.scales
    }

    /// The weights, row by row.
    pub fn to_f32(&self) -> Vec<f32> {
        let (k, n) = self.spec.sizes();
        let mut values = vec![0.0; k * n];
        let per_byte = self.spec.format.per_byte();
        for (b, scale) in self.scales.iter().enumerate() {
            let scale = scale.to_f32();
            for i in b * self.spec.block..(b + 1) * self.spec.block {
                let byte = self.packed[i / per_byte] as i8;
                let number = match self.spec.format {
                    BlockFormat::Q8 => byte,
                    // The nibble is moved up, then down with its sign.
                    BlockFormat::Q4 if i % 2 == 0 => (byte << 4) >> 4,
                    BlockFormat::Q4 => byte >> 4,
                };
                values[self.spec.place(i / k, i % k)] = f32::from(number) * scale;
            }
        }
        values
    }

    /// The packed numbers and the scales as they lie in a file.
    pub fn to_tensors(&self) -> Option<(StoredTensor, StoredTensor)> {
        let (packed, scales) = self.spec.stored_shapes();
        let bytes = self.scales.iter().flat_map(|scale| scale.to_le_bytes()).collect();
        let packed = StoredTensor::new(Dtype::U32, &packed, self.packed.clone())?;
        Some((packed, StoredTensor::new(Dtype::F16, &scales, bytes)?))
    }

    /// What [`to_tensors`](Self::to_tensors) gave; otherwise what is wrong with it, to be said after
    /// the tensor's name.
    pub(super) fn from_tensors(spec: BlockSpec, packed: StoredTensor, scales: &StoredTensor) -> Result<Blocks, String> {
        check_tensors(&spec, &packed, scales)?;
        let (halves, _) = scales.bytes().as_chunks();
        let scales: Vec<f16> = halves.iter().map(|&bytes| f16::from_le_bytes(bytes)).collect();
        match scales.iter().position(|scale| !scale.is_finite()) {
            Some(place) => Err(format!("has a scale of {} at place {place}; expected finite numbers", scales[place])),
            None => Ok(Blocks { spec, packed: packed.into_bytes(), scales }),
        }
    }
}

impl BlockSpec {
    /// Where number `i` of line `line` stands in the matrix.
    fn place(&self, line: usize, i: usize) -> usize {
        if self.axis == 0 { i * self.shape[1] + line } else { line * self.shape[1] + i }
    }
}

/// Whether two stored tensors are a matrix of this description.
pub(super) fn check_tensors(spec: &BlockSpec, packed: &StoredTensor, scales: &StoredTensor) -> Result<(), String> {
    spec.check()?;
    let (packed_shape, scales_shape) = spec.stored_shapes();
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
