//! A matrix on the device: a window into a buffer.

use std::rc::Rc;

use super::pool::Lease;
use super::recorder::Arena;

/// Rows of `f32` in a buffer, or a weight in fewer bits. Cloning clones the handle.
#[derive(Clone)]
pub struct Matrix {
    pub(super) storage: Rc<Storage>,
    /// The first value, counted in words of 32 bits.
    pub(super) start: usize,
    /// Words from one row, or line of a weight, to the next.
    pub(super) stride: usize,
    pub(super) n_rows: usize,
    pub(super) width: usize,
    /// Of a weight that is not a value a word, or not in one buffer.
    pub(super) packed: Option<Rc<Packed>>,
}

/// What only weights have. It is apart, because there are many handles to activations.
pub struct Packed {
    pub(super) packing: Packing,
    /// Of a weight that no binding holds: its lines in parts, of which `storage` is the first one's.
    pub(super) parts: Vec<Matrix>,
}

/// How a weight lies in its words; `weight.wgsl` reads it.
#[derive(Clone, Copy)]
pub struct Packing {
    /// Bits of a number: 32 and 16 of floats, 8 and 4 of whole numbers in blocks.
    pub(super) bits: u32,
    /// Whether the lines are the columns of the matrix, and not its rows.
    pub(super) is_across: bool,
    /// The first scale, counted in halves of words.
    pub(super) scales: u32,
    /// The binary logarithm of a block's words.
    pub(super) block_shift: u32,
}

impl Packing {
    /// A value a word, rows one after the other.
    pub(super) const F32: Packing = Packing { bits: 32, is_across: false, scales: 0, block_shift: 0 };
}

/// Where values are.
pub enum Storage {
    /// In a buffer of the pool.
    Buffer(Lease),
    /// Among the values that the next submit brings, or an earlier one brought.
    Arena(Rc<Arena>),
}

impl Storage {
    /// The buffer.
    ///
    /// # Panics
    ///
    /// For values from the host before they were submitted: recording never asks.
    pub fn buffer(&self) -> &wgpu::Buffer {
        match self {
            Storage::Buffer(lease) => lease.buffer(),
            Storage::Arena(arena) => arena.lease().expect("host values have a buffer once submitted").buffer(),
        }
    }
}

impl Matrix {
    /// Rows and columns.
    pub fn shape(&self) -> [usize; 2] {
        [self.n_rows, self.width]
    }

    /// Values.
    pub(super) fn len(&self) -> usize {
        self.n_rows * self.width
    }

    /// How its numbers lie in words.
    pub(super) fn packing(&self) -> Packing {
        self.packed.as_ref().map_or(Packing::F32, |packed| packed.packing)
    }

    /// Its parts; none of a matrix that is whole.
    pub(super) fn parts(&self) -> &[Matrix] {
        self.packed.as_ref().map_or(&[], |packed| &packed.parts)
    }

    /// Whether its rows lie one after the other without a gap.
    pub(super) fn is_packed(&self) -> bool {
        self.stride == self.width || self.n_rows <= 1
    }

    /// What kernels are told of an activation: start and stride.
    pub(super) fn window(&self) -> [u32; 2] {
        [self.start as u32, self.stride as u32]
    }
}
