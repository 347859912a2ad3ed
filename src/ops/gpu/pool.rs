//! Buffers that are used again.
//!
//! A buffer is taken for a matrix and comes back when the last handle to it goes. It may then serve
//! the commands recorded next, because a device executes in order; but what is written from the
//! host at the next submit is written *before* those commands, so for that a buffer must have
//! rested until the submit after it came back. Sizes are powers of two, so texts of changing length
//! find buffers that are there.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;

use super::device::Device;

/// The smallest buffer.
const MIN_BYTES: u64 = 1 << 10;

/// The buffers of one device.
#[derive(Clone)]
pub struct Pool {
    device: Rc<Device>,
    shelves: Rc<RefCell<Shelves>>,
}

/// Buffers that nobody uses, by size, and the count of all.
#[derive(Default)]
struct Shelves {
    rested: BTreeMap<u64, Vec<wgpu::Buffer>>,
    returned: BTreeMap<u64, Vec<wgpu::Buffer>>,
    n_live: usize,
    live_bytes: u64,
}

/// A buffer on loan; dropping it gives it back.
pub struct Lease {
    buffer: wgpu::Buffer,
    shelves: Rc<RefCell<Shelves>>,
    /// Whether it is freed instead.
    is_own: bool,
}

impl Pool {
    /// An empty pool.
    pub fn new(device: Rc<Device>) -> Self {
        Self { device, shelves: Rc::default() }
    }

    /// A buffer for the output of a command.
    pub fn take(&self, size_bytes: u64) -> Lease {
        let size_bytes = size_bytes.max(MIN_BYTES).next_power_of_two();
        let mut shelves = self.shelves.borrow_mut();
        let Shelves { rested, returned, .. } = &mut *shelves;
        let found = [returned, rested].into_iter().find_map(|shelf| shelf.get_mut(&size_bytes)?.pop());
        drop(shelves);
        self.lend(found, size_bytes)
    }

    /// A buffer that the host may write before the commands recorded so far are submitted.
    pub fn take_rested(&self, size_bytes: u64) -> Lease {
        let size_bytes = size_bytes.max(MIN_BYTES).next_power_of_two();
        let found = self.shelves.borrow_mut().rested.get_mut(&size_bytes).and_then(Vec::pop);
        self.lend(found, size_bytes)
    }

    /// A buffer of just this size that is not used again: for weights.
    pub fn own(&self, size_bytes: u64) -> Lease {
        let buffer = self.create(size_bytes.max(16).next_multiple_of(4));
        Lease { buffer, shelves: self.shelves.clone(), is_own: true }
    }

    /// The commands recorded so far were submitted: what came back is free for all uses.
    pub fn submitted(&self) {
        let shelves = &mut *self.shelves.borrow_mut();
        for (size_bytes, buffers) in std::mem::take(&mut shelves.returned) {
            shelves.rested.entry(size_bytes).or_default().extend(buffers);
        }
    }

    /// How many buffers there are, on loan or not, and their bytes.
    pub fn live(&self) -> (usize, u64) {
        let shelves = self.shelves.borrow();
        (shelves.n_live, shelves.live_bytes)
    }

    fn lend(&self, found: Option<wgpu::Buffer>, size_bytes: u64) -> Lease {
        let buffer = found.unwrap_or_else(|| self.create(size_bytes));
        Lease { buffer, shelves: self.shelves.clone(), is_own: false }
    }

    fn create(&self, size_bytes: u64) -> wgpu::Buffer {
        let limit = self.device.adapter().max_binding_bytes;
        let fitting = size_bytes.min(limit);
        if fitting < size_bytes {
            // All that follows fails with this reason; the smaller buffer only keeps it quiet.
            self.device.note_no_room(format!("a matrix of {size_bytes} bytes, and the adapter binds {limit} at most"));
        }
        let mut shelves = self.shelves.borrow_mut();
        shelves.n_live += 1;
        shelves.live_bytes += fitting;
        let usage = wgpu::BufferUsages::STORAGE
            | wgpu::BufferUsages::UNIFORM
            | wgpu::BufferUsages::COPY_DST
            | wgpu::BufferUsages::COPY_SRC;
        self.device.scoped(format!("a buffer of {size_bytes} bytes"), || {
            self.device.device.create_buffer(&wgpu::BufferDescriptor {
                label: None,
                size: fitting,
                usage,
                mapped_at_creation: false,
            })
        })
    }
}

impl Lease {
    /// The buffer.
    pub fn buffer(&self) -> &wgpu::Buffer {
        &self.buffer
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        let mut shelves = self.shelves.borrow_mut();
        let size_bytes = self.buffer.size();
        if self.is_own {
            shelves.n_live -= 1;
            shelves.live_bytes -= size_bytes;
            // At once, and not when a garbage collector finds it. Commands that were submitted
            // still see it.
            self.buffer.destroy();
        } else {
            shelves.returned.entry(size_bytes).or_default().push(self.buffer.clone());
        }
    }
}
