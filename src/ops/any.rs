//! [`Ops`] on a back end that is chosen while the program runs: the same network code serves both,
//! and is in the binary once.

use super::Ops;
use crate::error::Result;
use crate::ops::burn::BurnOps;
use crate::ops::gpu::GpuOps;
use crate::ops::stored::StoredNumbers;

/// One of the back ends.
#[derive(Clone)]
pub enum AnyOps {
    /// The CPU.
    Cpu(BurnOps),
    /// WebGPU.
    Gpu(GpuOps),
}

/// A matrix of one of the back ends.
#[derive(Clone)]
pub enum AnyMatrix {
    /// The CPU's.
    Cpu(<BurnOps as Ops>::Matrix),
    /// The GPU's.
    Gpu(<GpuOps as Ops>::Matrix),
}

impl AnyMatrix {
    /// # Panics
    ///
    /// If the matrix was made by the other back end, as in the next function: a model holds one
    /// `AnyOps` and takes every matrix from it.
    fn cpu(&self) -> &<BurnOps as Ops>::Matrix {
        match self {
            Self::Cpu(matrix) => matrix,
            Self::Gpu(_) => unreachable!("a matrix of the GPU was given to the CPU"),
        }
    }

    fn gpu(&self) -> &<GpuOps as Ops>::Matrix {
        match self {
            Self::Gpu(matrix) => matrix,
            Self::Cpu(_) => unreachable!("a matrix of the CPU was given to the GPU"),
        }
    }
}

/// An operation of the chosen back end; `[…]` are its matrices, `(…)` what comes after them.
macro_rules! forward {
    ($self:ident . $operation:ident [$($matrix:ident),*] ($($other:expr),*)) => {
        match $self {
            AnyOps::Cpu(ops) => AnyMatrix::Cpu(ops.$operation($($matrix.cpu(),)* $($other),*)),
            AnyOps::Gpu(ops) => AnyMatrix::Gpu(ops.$operation($($matrix.gpu(),)* $($other),*)),
        }
    };
}

impl Ops for AnyOps {
    type Weight = AnyMatrix;
    type Matrix = AnyMatrix;

    fn weight(&self, values: Vec<f32>, n_rows: usize) -> AnyMatrix {
        forward!(self.weight [] (values, n_rows))
    }

    fn stored_weight(&self, numbers: StoredNumbers, n_rows: usize) -> AnyMatrix {
        forward!(self.stored_weight [] (numbers, n_rows))
    }

    fn upload(&self, values: Vec<f32>, n_rows: usize) -> AnyMatrix {
        forward!(self.upload [] (values, n_rows))
    }

    fn embed(&self, table: &AnyMatrix, ids: &[u32]) -> AnyMatrix {
        forward!(self.embed[table](ids))
    }

    fn linear(&self, x: &AnyMatrix, weight: &AnyMatrix) -> AnyMatrix {
        forward!(self.linear [x, weight] ())
    }

    fn linear_transposed(&self, x: &AnyMatrix, table: &AnyMatrix) -> AnyMatrix {
        forward!(self.linear_transposed [x, table] ())
    }

    fn scale(&self, x: &AnyMatrix, factor: f32) -> AnyMatrix {
        forward!(self.scale[x](factor))
    }

    fn rms_norm(&self, x: &AnyMatrix, gain: &AnyMatrix) -> AnyMatrix {
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

    fn embed_sum(&self, factor: f32, tables: [&AnyMatrix; 2], ids: [&[u32]; 2]) -> AnyMatrix {
        match self {
            AnyOps::Cpu(ops) => AnyMatrix::Cpu(ops.embed_sum(factor, tables.map(AnyMatrix::cpu), ids)),
            AnyOps::Gpu(ops) => AnyMatrix::Gpu(ops.embed_sum(factor, tables.map(AnyMatrix::gpu), ids)),
        }
    }

    fn normed_linears(&self, x: &AnyMatrix, gain: &AnyMatrix, weights: [&AnyMatrix; 3]) -> [AnyMatrix; 3] {
        match self {
            AnyOps::Cpu(ops) => {
                ops.normed_linears(x.cpu(), gain.cpu(), weights.map(AnyMatrix::cpu)).map(AnyMatrix::Cpu)
            }
            AnyOps::Gpu(ops) => {
                ops.normed_linears(x.gpu(), gain.gpu(), weights.map(AnyMatrix::gpu)).map(AnyMatrix::Gpu)
            }
        }
    }

    fn normed_gated(&self, x: &AnyMatrix, gain: &AnyMatrix, gate: &AnyMatrix, up: &AnyMatrix) -> AnyMatrix {
        forward!(self.normed_gated [x, gain, gate, up] ())
    }

    fn add_linear(&self, sum: &AnyMatrix, x: &AnyMatrix, weight: &AnyMatrix) -> AnyMatrix {
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
                let (heads, turn) = (heads.map(AnyMatrix::cpu), turn.map(AnyMatrix::cpu));
                AnyMatrix::Cpu(ops.rope_attention(heads, turn, bias.cpu(), n_heads))
            }
            AnyOps::Gpu(ops) => {
                let (heads, turn) = (heads.map(AnyMatrix::gpu), turn.map(AnyMatrix::gpu));
                AnyMatrix::Gpu(ops.rope_attention(heads, turn, bias.gpu(), n_heads))
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

    async fn download_all(&self, matrices: &[&AnyMatrix]) -> Result<Vec<Vec<f32>>> {
        match self {
            AnyOps::Cpu(ops) => ops.download_all(&matrices.iter().map(|matrix| matrix.cpu()).collect::<Vec<_>>()).await,
            AnyOps::Gpu(ops) => ops.download_all(&matrices.iter().map(|matrix| matrix.gpu()).collect::<Vec<_>>()).await,
        }
    }
}
