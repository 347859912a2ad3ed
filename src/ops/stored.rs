//! Weights in the storage they come in, which may be fewer bits than they are computed with.

use half::f16;
use serde::{Deserialize, Serialize};

/// The numbers of a weight. All are finite: who reads them from outside sees to that.
#[derive(Clone, Debug, PartialEq)]
pub enum StoredNumbers {
    /// 32-bit floats, row by row.
    F32(Vec<f32>),
    /// 16-bit floats, row by row.
    F16(Vec<f16>),
    /// Whole numbers with a scale a block.
    Blocks(Blocks),
}

impl StoredNumbers {
    /// The numbers, row by row.
    pub fn into_f32(self) -> Vec<f32> {
        match self {
            StoredNumbers::F32(values) => values,
            StoredNumbers::F16(values) => values.into_iter().map(f16::to_f32).collect(),
            StoredNumbers::Blocks(blocks) => blocks.to_f32(),
        }
    }

    /// Place and value of the first float, or scale of a block, that is infinite or no number.
    pub fn first_not_finite(&self) -> Option<(usize, f32)> {
        let find = |halves: &[f16]| {
            let place = halves.iter().position(|half| !half.is_finite())?;
            Some((place, halves[place].to_f32()))
        };
        match self {
            StoredNumbers::F32(values) => values.iter().copied().enumerate().find(|(_, value)| !value.is_finite()),
            StoredNumbers::F16(values) => find(values),
            StoredNumbers::Blocks(blocks) => find(blocks.scales()),
        }
    }
}

/// Numbers of a block, as many as are possible.
pub const BLOCK_LENGTHS: [usize; 3] = [32, 64, 128];

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

    /// Bits of a number.
    pub fn bits(self) -> usize {
        match self {
            BlockFormat::Q8 => 8,
            BlockFormat::Q4 => 4,
        }
    }

    /// The least and the largest number.
    pub fn range(self) -> [f32; 2] {
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
    /// Numbers of a block: one of [`BLOCK_LENGTHS`], a divisor of K.
    pub block: usize,
    /// The axis of K, 0 or 1.
    pub axis: usize,
    /// Rows and columns of the matrix.
    pub shape: [usize; 2],
}

impl BlockSpec {
    /// K, and the number of lines `n`.
    pub fn sizes(&self) -> (usize, usize) {
        let [rows, cols] = self.shape;
        if self.axis == 0 { (rows, cols) } else { (cols, rows) }
    }

    /// Where number `i` of line `line` stands in the matrix, row by row.
    pub fn place(&self, line: usize, i: usize) -> usize {
        if self.axis == 0 { i * self.shape[1] + line } else { line * self.shape[1] + i }
    }

    /// Bytes of its whole numbers and scales.
    pub fn size_bytes(&self) -> usize {
        let (k, n) = self.sizes();
        n * (k * self.format.bits() / 8 + 2 * k / self.block)
    }
}

/// A matrix in blocks along K, line by line: line `i` is column `i` of the matrix where `axis` is
/// 0, and row `i` where it is 1.
#[derive(Clone, Debug, PartialEq)]
pub struct Blocks {
    spec: BlockSpec,
    words: Vec<u32>,
    scales: Vec<f16>,
}

impl Blocks {
    /// `words [n, K·bits/32]` hold whole numbers in two's complement, the first in the lowest bits;
    /// a weight is its whole number times the scale of its block, of `scales [n, K/block]`. Nothing
    /// if there are not so many words and scales, or if blocks are no part of a line.
    pub fn new(spec: BlockSpec, words: Vec<u32>, scales: Vec<f16>) -> Option<Blocks> {
        let (k, n) = spec.sizes();
        let is_whole = BLOCK_LENGTHS.contains(&spec.block) && k.is_multiple_of(spec.block) && spec.axis < 2;
        let fits = words.len() == n * (k * spec.format.bits() / 32) && scales.len() == n * (k / spec.block.max(1));
        (is_whole && fits).then_some(Blocks { spec, words, scales })
    }

    /// How it is cut.
    pub fn spec(&self) -> &BlockSpec {
        &self.spec
    }

    /// The whole numbers as they are packed `[n, K·bits/32]`.
    pub fn words(&self) -> &[u32] {
        &self.words
    }

    /// The scales `[n, K/block]`.
    pub fn scales(&self) -> &[f16] {
        &self.scales
    }

    /// The weights, row by row.
    pub fn to_f32(&self) -> Vec<f32> {
        let (k, _) = self.spec.sizes();
        let bits = self.spec.format.bits();
        let mut values = vec![0.0; self.scales.len() * self.spec.block];
        for (b, scale) in self.scales.iter().enumerate() {
            let scale = scale.to_f32();
            for i in b * self.spec.block..(b + 1) * self.spec.block {
                // The number is moved to the top of the word, then down with its sign.
                let up = 32 - bits - i * bits % 32;
                let number = (self.words[i * bits / 32] << up) as i32 >> (32 - bits);
                values[self.spec.place(i / k, i % k)] = number as f32 * scale;
            }
        }
        values
    }
}
