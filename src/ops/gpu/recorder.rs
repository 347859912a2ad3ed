//! Commands, recorded until something is to be read, and then submitted as one.
//!
//! What the host brings (activations, ids, parameters) waits in [`Arena`]s, which are written at
//! the submit, before all commands: one write for a whole forward.

use std::cell::{OnceCell, RefCell};
use std::rc::Rc;

use super::arrival::Arrival;
use super::device::Device;
use super::kernel::{Kernel, Kernels, PARAMS_BYTES};
use super::matrix::{Matrix, Storage};
use super::pool::{Lease, Pool};
use crate::error::Result;

/// Bytes after which another arena is begun.
const ARENA_BYTES: usize = 1 << 20;

/// Workgroups in one dimension at the most, by default limits.
pub const MAX_GROUPS: u32 = 65_535;

/// Host values on their way to the device.
pub struct Arena {
    bytes: RefCell<Vec<u8>>,
    lease: OnceCell<Lease>,
}

impl Arena {
    fn new() -> Rc<Self> {
        Rc::new(Self { bytes: RefCell::default(), lease: OnceCell::new() })
    }

    /// The buffer, once the arena was written.
    pub fn lease(&self) -> Option<&Lease> {
        self.lease.get()
    }
}

/// A kernel with what it works on.
struct Command {
    kernel: Kernel,
    inputs: Vec<Rc<Storage>>,
    output: Rc<Storage>,
    params_at: u32,
    groups: [u32; 3],
}

/// What one device has been asked for.
pub struct Recorder {
    device: Rc<Device>,
    kernels: Kernels,
    pool: Pool,
    state: RefCell<State>,
}

#[derive(Default)]
struct State {
    commands: Vec<Command>,
    params: Vec<u8>,
    arenas: Vec<Rc<Arena>>,
    counts: Counts,
}

/// What was asked of a device since it was opened.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Kernels started.
    pub dispatches: u64,
    /// Command buffers submitted; each is read back once.
    pub submits: u64,
}

impl Recorder {
    /// Nothing recorded.
    pub fn new(device: Rc<Device>, pool: Pool) -> Self {
        Self { kernels: Kernels::new(device.clone()), device, pool, state: RefCell::default() }
    }

    /// What was asked of the device so far.
    pub fn counts(&self) -> Counts {
        self.state.borrow().counts
    }

    /// Host values, four bytes each: where they will be, and at which value of it they begin.
    pub fn upload(&self, values: &[u8]) -> (Rc<Storage>, usize) {
        let state = &mut *self.state.borrow_mut();
        let fits = |arena: &&Rc<Arena>| arena.bytes.borrow().len() + values.len() <= ARENA_BYTES;
        let arena = match state.arenas.last().filter(fits) {
            Some(arena) => arena.clone(),
            None => {
                state.arenas.push(Arena::new());
                state.arenas[state.arenas.len() - 1].clone()
            }
        };
        let mut bytes = arena.bytes.borrow_mut();
        let start = bytes.len() / 4;
        bytes.extend_from_slice(values);
        drop(bytes);
        (Rc::new(Storage::Arena(arena)), start)
    }

    /// Records a kernel that writes `output`.
    pub fn record(
        &self,
        kernel: Kernel,
        inputs: &[&Rc<Storage>],
        output: &Rc<Storage>,
        params: &[u32],
        groups: [u32; 3],
    ) {
        debug_assert_eq!(inputs.len(), kernel.n_inputs, "{} has other bindings", kernel.name);
        debug_assert!(params.len() * 4 <= PARAMS_BYTES as usize, "{} has more parameters", kernel.name);
        if groups.contains(&0) {
            return;
        }
        let state = &mut *self.state.borrow_mut();
        let params_at = state.params.len().next_multiple_of(256);
        state.params.resize(params_at, 0);
        state.params.extend(params.iter().flat_map(|param| param.to_le_bytes()));
        state.params.resize(params_at + PARAMS_BYTES as usize, 0);
        let inputs = inputs.iter().map(|&input| input.clone()).collect();
        state.commands.push(Command { kernel, inputs, output: output.clone(), params_at: params_at as u32, groups });
    }

    /// Submits what was recorded and reads matrices back, all at once. Each must be packed.
    ///
    /// # Errors
    ///
    /// Those of [`Device::verdict`].
    pub async fn read(&self, matrices: &[Matrix]) -> Result<Vec<Vec<f32>>> {
        // Commands on buffers that have no room could take forever.
        self.device.known()?;
        let sizes: Vec<u64> = matrices.iter().map(|matrix| 4 * matrix.len() as u64).collect();
        let total: u64 = sizes.iter().sum();
        let staging = self.device.scoped(format!("a buffer of {total} bytes to read from"), || {
            self.device.device.create_buffer(&wgpu::BufferDescriptor {
                label: Some("read back"),
                size: total.max(4),
                usage: wgpu::BufferUsages::MAP_READ | wgpu::BufferUsages::COPY_DST,
                mapped_at_creation: false,
            })
        });
        let arrival = Arrival::new();
        self.device.scoped("a forward", || {
            self.submit(matrices, &sizes, &staging);
            let bell = arrival.clone();
            staging.map_async(wgpu::MapMode::Read, .., move |mapped| bell.deliver(mapped.is_ok()));
        });
        self.pool.submitted();
        self.let_work();
        let is_mapped = arrival.await;
        // The reason is in the scopes; where it is not, the device is gone.
        self.device.verdict().await?;
        let values = is_mapped.then(|| staging.get_mapped_range(..).ok()).flatten().map(|bytes| {
            let mut rest = &bytes[..];
            let mut take = |size: &u64| {
                let (head, tail) = rest.split_at(*size as usize);
                rest = tail;
                head.chunks_exact(4).map(|four| f32::from_le_bytes([four[0], four[1], four[2], four[3]])).collect()
            };
            sizes.iter().map(&mut take).collect::<Vec<Vec<f32>>>()
        });
        staging.destroy();
        match values {
            Some(values) => Ok(values),
            None => {
                self.device.note_silence();
                self.device.verdict().await?;
                Ok(Vec::new())
            }
        }
    }

    /// Encodes and submits the commands, and copies `matrices` to `staging` after them.
    fn submit(&self, matrices: &[Matrix], sizes: &[u64], staging: &wgpu::Buffer) {
        let state = std::mem::take(&mut *self.state.borrow_mut());
        let device = &self.device.device;
        for arena in &state.arenas {
            let bytes = arena.bytes.take();
            let lease = arena.lease.get_or_init(|| self.pool.take_rested(bytes.len() as u64));
            self.device.queue.write_buffer(lease.buffer(), 0, &bytes);
        }
        let params = self.pool.take_rested(state.params.len() as u64);
        self.device.queue.write_buffer(params.buffer(), 0, &state.params);
        let mut encoder = device.create_command_encoder(&wgpu::CommandEncoderDescriptor { label: Some("forward") });
        {
            let mut pass = encoder.begin_compute_pass(&wgpu::ComputePassDescriptor::default());
            for command in &state.commands {
                let compiled = self.kernels.get(&command.kernel);
                let group = bind_group(device, &compiled.layout, params.buffer(), command);
                pass.set_pipeline(&compiled.pipeline);
                pass.set_bind_group(0, &group, &[command.params_at]);
                let [x, y, z] = command.groups;
                pass.dispatch_workgroups(x, y, z);
            }
        }
        let mut at = 0;
        for (matrix, size) in matrices.iter().zip(sizes) {
            if *size > 0 {
                let from = matrix.storage.buffer();
                encoder.copy_buffer_to_buffer(from, 4 * matrix.start as u64, staging, at, *size);
                at += size;
            }
        }
        self.device.queue.submit([encoder.finish()]);
        let mut counts = state.counts;
        counts.dispatches += state.commands.len() as u64;
        counts.submits += 1;
        self.state.borrow_mut().counts = counts;
    }

    /// Natively, waits until the device is done. A browser does so by itself; Firefox looks at its
    /// queue every 100 ms only, or when something is submitted.
    pub fn let_work(&self) {
        #[cfg(target_family = "wasm")]
        self.device.queue.submit([]);
        #[cfg(not(target_family = "wasm"))]
        if self.device.device.poll(wgpu::PollType::wait_indefinitely()).is_err() {
            self.device.note_silence();
        }
    }
}

fn bind_group(
    device: &wgpu::Device,
    layout: &wgpu::BindGroupLayout,
    params: &wgpu::Buffer,
    command: &Command,
) -> wgpu::BindGroup {
    let block = wgpu::BufferBinding { buffer: params, offset: 0, size: wgpu::BufferSize::new(PARAMS_BYTES) };
    let mut entries = vec![wgpu::BindGroupEntry { binding: 0, resource: wgpu::BindingResource::Buffer(block) }];
    for (at, storage) in command.inputs.iter().chain([&command.output]).enumerate() {
        let resource = storage.buffer().as_entire_binding();
        entries.push(wgpu::BindGroupEntry { binding: at as u32 + 1, resource });
    }
    device.create_bind_group(&wgpu::BindGroupDescriptor { label: None, layout, entries: &entries })
}
