//! A matrix on the device: a window into a buffer.

use std::rc::Rc;

use super::pool::Lease;
use super::recorder::Arena;

/// Rows of `f32` in a buffer. Cloning clones the handle.
#[derive(Clone)]
pub struct Matrix {
    pub(super) storage: Rc<Storage>,
    /// The first value, counted in values.
    pub(super) start: usize,
    /// Values from one row to the next, at least the width.
    pub(super) stride: usize,
    pub(super) n_rows: usize,
    pub(super) width: usize,
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

    /// Whether its rows lie one after the other without a gap.
    pub(super) fn is_packed(&self) -> bool {
        self.stride == self.width || self.n_rows <= 1
    }

    /// What kernels are told of it: start and stride.
    pub(super) fn window(&self) -> [u32; 2] {
        [self.start as u32, self.stride as u32]
    }
}
