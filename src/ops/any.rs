//! [`Ops`] on a back end that is chosen while the program runs: the same network code serves both,
//! and is in the binary once.

use super::{Ahead, Ops};
use crate::error::Result;
use crate::ops::cpu::CpuOps;
use crate::ops::gpu::GpuOps;
use crate::ops::stored::StoredNumbers;

/// One of the back ends.
#[derive(Clone)]
pub enum AnyOps {
    /// The CPU.
    Cpu(CpuOps),
    /// WebGPU.
    Gpu(GpuOps),
}

/// What one of the back ends made.
#[derive(Clone, Debug)]
pub enum Of<C, G> {
    /// The CPU's.
    Cpu(C),
    /// The GPU's.
    Gpu(G),
}

/// A matrix of one of the back ends.
pub type AnyMatrix = Of<<CpuOps as Ops>::Matrix, <GpuOps as Ops>::Matrix>;

/// A weight of one of the back ends.
pub type AnyWeight = Of<<CpuOps as Ops>::Weight, <GpuOps as Ops>::Weight>;

impl<C, G> Of<C, G> {
    /// # Panics
    ///
    /// If it was made by the other back end, as in the next function: a model holds one `AnyOps`
    /// and takes everything from it.
    fn cpu(&self) -> &C {
        match self {
            Self::Cpu(own) => own,
            Self::Gpu(_) => unreachable!("a matrix of the GPU was given to the CPU"),
        }
    }

    fn gpu(&self) -> &G {
        match self {
            Self::Gpu(own) => own,
            Self::Cpu(_) => unreachable!("a matrix of the CPU was given to the GPU"),
        }
    }
}

/// An operation of the chosen back end; `[…]` are its matrices, `(…)` what comes after them.
macro_rules! forward {
    ($self:ident . $operation:ident [$($matrix:ident),*] ($($other:expr),*)) => {
        match $self {
            AnyOps::Cpu(ops) => Of::Cpu(ops.$operation($($matrix.cpu(),)* $($other),*)),
            AnyOps::Gpu(ops) => Of::Gpu(ops.$operation($($matrix.gpu(),)* $($other),*)),
        }
    };
}

impl Ops for AnyOps {
    type Weight = AnyWeight;
    type Matrix = AnyMatrix;

    fn weight(&self, values: Vec<f32>, n_rows: usize) -> AnyWeight {
        forward!(self.weight [] (values, n_rows))
    }

    fn stored_weight(&self, numbers: StoredNumbers, n_rows: usize) -> AnyWeight {
        forward!(self.stored_weight [] (numbers, n_rows))
    }

    fn upload(&self, values: Vec<f32>, n_rows: usize) -> AnyMatrix {
        forward!(self.upload [] (values, n_rows))
    }

    fn embed(&self, table: &AnyWeight, ids: &[u32]) -> AnyMatrix {
        forward!(self.embed[table](ids))
    }

    fn linear(&self, x: &AnyMatrix, weight: &AnyWeight) -> AnyMatrix {
        forward!(self.linear [x, weight] ())
    }

    fn linear_transposed(&self, x: &AnyMatrix, table: &AnyWeight) -> AnyMatrix {
        forward!(self.linear_transposed [x, table] ())
    }

    fn scale(&self, x: &AnyMatrix, factor: f32) -> AnyMatrix {
        forward!(self.scale[x](factor))
    }

    fn rms_norm(&self, x: &AnyMatrix, gain: &AnyWeight) -> AnyMatrix {
        forward!(self.rms_norm [x, gain] ())
    }

    fn silu(&self, x: &AnyMatrix) -> AnyMatrix {
        forward!(self.silu[x]())
    }

    fn gated(&self, gate: &AnyMatrix, up: &AnyMatrix) -> AnyMatrix {
        forward!(self.gated [gate, up] ())
    }

    fn add(&self, a: &AnyMatrix, b: &AnyMatrix) -> AnyMatrix {
        forward!(self.add [a, b] ())
    }

    fn modulate(&self, x: &AnyMatrix, scale: &AnyMatrix, shift: &AnyMatrix) -> AnyMatrix {
        forward!(self.modulate [x, scale, shift] ())
    }

    fn rope(&self, x: &AnyMatrix, cos: &AnyMatrix, sin: &AnyMatrix, n_heads: usize) -> AnyMatrix {
        forward!(self.rope [x, cos, sin] (n_heads))
    }

    fn attention(&self, q: &AnyMatrix, k: &AnyMatrix, v: &AnyMatrix, bias: &AnyMatrix, n_heads: usize) -> AnyMatrix {
        forward!(self.attention [q, k, v, bias] (n_heads))
    }

    fn embed_sum(&self, factor: f32, tables: [&AnyWeight; 2], ids: [&[u32]; 2]) -> AnyMatrix {
        match self {
            AnyOps::Cpu(ops) => Of::Cpu(ops.embed_sum(factor, tables.map(Of::cpu), ids)),
            AnyOps::Gpu(ops) => Of::Gpu(ops.embed_sum(factor, tables.map(Of::gpu), ids)),
        }
    }

    fn normed_linears(&self, x: &AnyMatrix, gain: &AnyWeight, weights: [&AnyWeight; 3]) -> [AnyMatrix; 3] {
        match self {
            AnyOps::Cpu(ops) => ops.normed_linears(x.cpu(), gain.cpu(), weights.map(Of::cpu)).map(Of::Cpu),
            AnyOps::Gpu(ops) => ops.normed_linears(x.gpu(), gain.gpu(), weights.map(Of::gpu)).map(Of::Gpu),
        }
    }

    fn normed_gated(&self, x: &AnyMatrix, gain: &AnyWeight, gate: &AnyWeight, up: &AnyWeight) -> AnyMatrix {
        forward!(self.normed_gated [x, gain, gate, up] ())
    }

    fn add_linear(&self, sum: &AnyMatrix, x: &AnyMatrix, weight: &AnyWeight) -> AnyMatrix {
        forward!(self.add_linear [sum, x, weight] ())
    }

    fn rope_attention(
        &self,
        heads: [&AnyMatrix; 3],
        turn: [&AnyMatrix; 2],
        bias: &AnyMatrix,
        n_heads: usize,
    ) -> AnyMatrix {
        match self {
            AnyOps::Cpu(ops) => {
                let (heads, turn) = (heads.map(Of::cpu), turn.map(Of::cpu));
                Of::Cpu(ops.rope_attention(heads, turn, bias.cpu(), n_heads))
            }
            AnyOps::Gpu(ops) => {
                let (heads, turn) = (heads.map(Of::gpu), turn.map(Of::gpu));
                Of::Gpu(ops.rope_attention(heads, turn, bias.gpu(), n_heads))
            }
        }
    }

    fn join(&self, a: &AnyMatrix, b: &AnyMatrix, batch: usize) -> AnyMatrix {
        forward!(self.join [a, b] (batch))
    }

    fn select(&self, x: &AnyMatrix, rows: &[u32]) -> AnyMatrix {
        forward!(self.select[x](rows))
    }

    fn columns(&self, x: &AnyMatrix, start: usize, width: usize) -> AnyMatrix {
        forward!(self.columns[x](start, width))
    }

    fn likeliest(&self, x: &AnyMatrix, gate: &AnyMatrix) -> Option<Ahead<AnyMatrix>> {
        match self {
            // It has them at hand.
            AnyOps::Cpu(_) => None,
            AnyOps::Gpu(ops) => {
                let Ahead { ids, rows } = ops.likeliest(x.gpu(), gate.gpu())?;
                Some(Ahead { ids: Of::Gpu(ids), rows: Of::Gpu(rows) })
            }
        }
    }

    async fn download_all(&self, matrices: &[&AnyMatrix]) -> Result<Vec<Vec<f32>>> {
        match self {
            AnyOps::Cpu(ops) => ops.download_all(&matrices.iter().map(|matrix| matrix.cpu()).collect::<Vec<_>>()).await,
            AnyOps::Gpu(ops) => ops.download_all(&matrices.iter().map(|matrix| matrix.gpu()).collect::<Vec<_>>()).await,
        }
    }

    async fn settle(&self) -> Result<()> {
        match self {
            AnyOps::Cpu(ops) => ops.settle().await,
            AnyOps::Gpu(ops) => ops.settle().await,
        }
    }
}
