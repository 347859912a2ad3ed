//! [`Ops`] on WebGPU: hand-written kernels, natively over Vulkan and in a browser over its own
//! API. The only module that names wgpu or WGSL.
//!
//! An operation only records: it takes a buffer for its output from the pool and notes kernel,
//! bindings and parameters. [`Ops::download`] submits all that was recorded as one, with one write
//! of host values before and one read after it. Nothing here panics for what a device does; errors
//! are told by the next download.
//!
//! ```text
//!   device    adapter, limits, errors           weight.rs, .wgsl      weights in the bits they are stored in
//!   pool      buffers, used again               matmul.rs, .wgsl      products and what is fused in
//!   kernel    pipelines, compiled when used     direct.rs, .wgsl      products without workgroup memory
//!   recorder  commands, until they are          attention.rs, .wgsl   online softmax
//!             submitted                         tuning.rs             which variants it is
//!                                               likeliest.rs, .wgsl   which rows will be asked for
//!                                               rowwise.rs            the rest, a .wgsl file each
//! ```
//!
//! A weight stays in the storage it comes in (`f32`, `f16`, blocks of 8 or 4 bits); the kernels
//! that read weights make `f32` of it as they read, and compute in `f32`, or in [`Precision::F16`]
//! round the factors of products and of attention on their way to workgroup memory, where they then
//! take half the room. Sums, and activations between kernels, are `f32` always.

use std::cell::Cell;
use std::rc::Rc;

use super::stored::StoredNumbers;
use super::{Ahead, Ops, Precision};
use crate::error::Result;

mod device;
mod recorder;
mod kernel;
mod pool;
mod matrix;
mod arrival;
mod weight;
mod matmul;
mod direct;
mod tuning;
mod attention;
mod likeliest;
mod rowwise;

pub use device::AdapterFacts;
pub use matrix::Matrix;
pub use recorder::Counts;
pub use tuning::{Choice, Keys, Products};

use attention::Attention;
use device::Device;
use matmul::Product;
use matrix::Storage;
use pool::Pool;
use recorder::Recorder;
use rowwise::Pointwise;

/// Rows that are worked out before they are asked for.
const N_AHEAD: usize = 16;

/// One device of the system's best adapter. Cloning clones the handle.
#[derive(Clone)]
pub struct GpuOps {
    device: Rc<Device>,
    pool: Pool,
    recorder: Rc<Recorder>,
    choice: Rc<Cell<Choice>>,
    n_ahead: Rc<Cell<usize>>,
}

/// What a device holds and has done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Usage {
    /// Kernels and submits so far.
    pub counts: Counts,
    /// Buffers that there are, in use or waiting to be.
    pub n_buffers: usize,
    /// Their bytes.
    pub buffer_bytes: u64,
}

impl GpuOps {
    /// Opens a device.
    ///
    /// # Errors
    ///
    /// [`Error::Adapter`](crate::Error::Adapter) if there is no adapter, or one below WebGPU's
    /// default limits.
    pub async fn open() -> Result<Self> {
        Self::open_with(Precision::F32, u64::MAX).await
    }

    /// Opens a device whose kernels compute in this precision.
    ///
    /// # Errors
    ///
    /// Those of [`open`](Self::open), and [`Error::Adapter`](crate::Error::Adapter) for
    /// [`Precision::F16`] where the adapter has none.
    pub async fn open_in(precision: Precision) -> Result<Self> {
        Self::open_with(precision, u64::MAX).await
    }

    /// Opens a device as if its adapter bound no more bytes than this, for tests of what does not
    /// fit.
    ///
    /// # Errors
    ///
    /// Those of [`open`](Self::open).
    pub async fn open_within(max_binding_bytes: u64) -> Result<Self> {
        Self::open_with(Precision::F32, max_binding_bytes).await
    }

    async fn open_with(precision: Precision, max_binding_bytes: u64) -> Result<Self> {
        let device = Rc::new(Device::open(precision, max_binding_bytes).await?);
        let pool = Pool::new(device.clone());
        let recorder = Rc::new(Recorder::new(device.clone(), pool.clone()));
        Ok(Self {
            device,
            pool,
            recorder,
            choice: Rc::new(Cell::new(Choice::TILED)),
            n_ahead: Rc::new(Cell::new(N_AHEAD)),
        })
    }

    /// The kernels: [`Choice::TILED`], until [`tune`](Self::tune) or [`choose`](Self::choose) say
    /// otherwise.
    pub fn choice(&self) -> Choice {
        self.choice.get()
    }

    /// Takes these kernels from here on.
    pub fn choose(&self, choice: Choice) {
        self.choice.set(choice);
    }

    /// Makes [`Ops::likeliest`] give so many rows from here on, 0 for none.
    pub fn look_ahead(&self, n_rows: usize) {
        self.n_ahead.set(n_rows);
    }

    fn products(&self) -> Products {
        self.choice().products
    }

    fn keys(&self) -> Keys {
        self.choice().keys
    }

    /// What factors are rounded to.
    pub fn precision(&self) -> Precision {
        self.device.precision()
    }

    /// What is known of the adapter.
    pub fn adapter(&self) -> &AdapterFacts {
        self.device.adapter()
    }

    /// What the device holds and has done.
    pub fn usage(&self) -> Usage {
        let (n_buffers, buffer_bytes) = self.pool.live();
        Usage { counts: self.recorder.counts(), n_buffers, buffer_bytes }
    }

    /// Gives the device up: all that is asked of it later is
    /// [`Error::DeviceLost`](crate::Error::DeviceLost).
    pub fn destroy(&self) {
        self.device.destroy();
    }

    fn output(&self, n_rows: usize, width: usize) -> Matrix {
        matrix(Storage::Buffer(self.pool.take(4 * (n_rows * width) as u64)), n_rows, width)
    }

    /// `x`, or a copy of it without gaps between the rows.
    fn packed(&self, x: &Matrix) -> Matrix {
        if x.is_packed() { x.clone() } else { self.scale(x, 1.0) }
    }

    fn upload_ids(&self, ids: &[u32]) -> (Rc<Storage>, u32) {
        let (storage, start) = self.recorder.upload(bytemuck::cast_slice(ids));
        (storage, start as u32)
    }
}

fn matrix(storage: Storage, n_rows: usize, width: usize) -> Matrix {
    Matrix { storage: Rc::new(storage), start: 0, stride: width, n_rows, width, packed: None }
}

impl Ops for GpuOps {
    type Weight = Matrix;
    type Matrix = Matrix;

    fn weight(&self, values: Vec<f32>, n_rows: usize) -> Matrix {
        weight::keep(self, StoredNumbers::F32(values), n_rows)
    }

    fn stored_weight(&self, numbers: StoredNumbers, n_rows: usize) -> Matrix {
        weight::keep(self, numbers, n_rows)
    }

    fn upload(&self, values: Vec<f32>, n_rows: usize) -> Matrix {
        let (storage, start) = self.recorder.upload(bytemuck::cast_slice(&values));
        let width = values.len() / n_rows.max(1);
        Matrix { storage, start, stride: width, n_rows, width, packed: None }
    }

    fn embed(&self, table: &Matrix, ids: &[u32]) -> Matrix {
        rowwise::rows(self, 1.0, (table, ids), None)
    }

    fn linear(&self, x: &Matrix, weight: &Matrix) -> Matrix {
        matmul::launch(self, x, Product::of(&[weight]))
    }

    fn linear_transposed(&self, x: &Matrix, table: &Matrix) -> Matrix {
        matmul::launch(self, x, Product { is_transposed: true, ..Product::of(&[table]) })
    }

    fn scale(&self, x: &Matrix, factor: f32) -> Matrix {
        rowwise::pointwise(self, x, Pointwise::Scale(factor))
    }

    fn rms_norm(&self, x: &Matrix, gain: &Matrix) -> Matrix {
        rowwise::rms_norm(self, x, gain)
    }

    fn silu(&self, x: &Matrix) -> Matrix {
        rowwise::pointwise(self, x, Pointwise::Silu)
    }

    fn gated(&self, gate: &Matrix, up: &Matrix) -> Matrix {
        rowwise::pointwise(self, gate, Pointwise::Gated(up))
    }

    fn add(&self, a: &Matrix, b: &Matrix) -> Matrix {
        rowwise::pointwise(self, a, Pointwise::Add(b))
    }

    fn modulate(&self, x: &Matrix, scale: &Matrix, shift: &Matrix) -> Matrix {
        rowwise::modulate(self, x, scale, shift)
    }

    fn rope(&self, x: &Matrix, cos: &Matrix, sin: &Matrix, n_heads: usize) -> Matrix {
        rowwise::rope(self, x, cos, sin, n_heads)
    }

    fn attention(&self, q: &Matrix, k: &Matrix, v: &Matrix, bias: &Matrix, n_heads: usize) -> Matrix {
        attention::launch(self, Attention { q, k, v, bias, rope: None }, n_heads)
    }

    fn embed_sum(&self, factor: f32, [table, other]: [&Matrix; 2], [ids, other_ids]: [&[u32]; 2]) -> Matrix {
        if !(table.parts().is_empty() && other.parts().is_empty()) {
            return self.add(&self.scale(&self.embed(table, ids), factor), &self.embed(other, other_ids));
        }
        rowwise::rows(self, factor, (table, ids), Some((other, other_ids)))
    }

    fn normed_linears(&self, x: &Matrix, gain: &Matrix, weights: [&Matrix; 3]) -> [Matrix; 3] {
        if self.products() == Products::Direct || !weights.iter().all(|weight| weight.parts().is_empty()) {
            let h = self.rms_norm(x, gain);
            return weights.map(|weight| self.linear(&h, weight));
        }
        let side = matmul::launch(self, x, Product { gain: Some(gain), ..Product::of(&weights) });
        let width = side.width / 3;
        [0, 1, 2].map(|i| self.columns(&side, i * width, width))
    }

    fn normed_gated(&self, x: &Matrix, gain: &Matrix, gate: &Matrix, up: &Matrix) -> Matrix {
        if self.products() == Products::Direct || !(gate.parts().is_empty() && up.parts().is_empty()) {
            let h = self.rms_norm(x, gain);
            return self.gated(&self.linear(&h, gate), &self.linear(&h, up));
        }
        matmul::launch(self, x, Product { gain: Some(gain), is_gated: true, ..Product::of(&[gate, up]) })
    }

    fn add_linear(&self, sum: &Matrix, x: &Matrix, weight: &Matrix) -> Matrix {
        matmul::launch(self, x, Product { residual: Some(sum), ..Product::of(&[weight]) })
    }

    fn rope_attention(&self, [q, k, v]: [&Matrix; 3], turn: [&Matrix; 2], bias: &Matrix, n_heads: usize) -> Matrix {
        // The kernel takes the angles' rows to be packed, as uploads are.
        let [cos, sin] = turn.map(|angles| self.packed(angles));
        attention::launch(self, Attention { q, k, v, bias, rope: Some((&cos, &sin)) }, n_heads)
    }

    fn join(&self, a: &Matrix, b: &Matrix, batch: usize) -> Matrix {
        rowwise::join(self, a, b, batch)
    }

    fn select(&self, x: &Matrix, rows: &[u32]) -> Matrix {
        self.embed(x, rows)
    }

    fn likeliest(&self, x: &Matrix, gate: &Matrix) -> Option<Ahead<Matrix>> {
        likeliest::launch(self, x, gate, self.n_ahead.get())
    }

    fn columns(&self, x: &Matrix, start: usize, width: usize) -> Matrix {
        Matrix { start: x.start + start, width, ..x.clone() }
    }

    async fn download_all(&self, matrices: &[&Matrix]) -> Result<Vec<Vec<f32>>> {
        let packed: Vec<Matrix> = matrices.iter().map(|x| self.packed(x)).collect();
        self.recorder.read(&packed).await
    }

    /// The device's word on all that was asked of it; also
    /// [`Error::Internal`](crate::Error::Internal) for a call that it refused.
    async fn settle(&self) -> Result<()> {
        self.recorder.let_work();
        self.device.verdict().await
    }
}
