//! [`Ops`] by burn tensors: the CPU path, and (on an autodiff device) training.

pub mod fused;
pub mod plain;
mod rows;

use burn::tensor::{Device, Int, Tensor, TensorData, activation};

use self::fused::Heads;
use super::Ops;
use crate::error::{Error, Result};

/// Burn tensors on one device.
#[derive(Clone, Debug)]
pub struct BurnOps {
    /// Where tensors are made.
    pub device: Device,
}

impl BurnOps {
    /// The CPU, without gradients.
    pub fn cpu() -> Self {
        Self { device: Device::flex() }
    }

    fn indices(&self, ids: &[u32]) -> Tensor<1, Int> {
        let ids: Vec<i32> = ids.iter().map(|&id| id as i32).collect();
        let n = ids.len();
        Tensor::from_data(TensorData::new(ids, [n]), &self.device)
    }
}

impl Ops for BurnOps {
    type Weight = Tensor<2>;
    type Matrix = Tensor<2>;

    fn weight(&self, values: Vec<f32>, n_rows: usize) -> Tensor<2> {
        self.upload(values, n_rows)
    }

    fn upload(&self, values: Vec<f32>, n_rows: usize) -> Tensor<2> {
        let width = values.len() / n_rows.max(1);
        Tensor::from_data(TensorData::new(values, [n_rows, width]), &self.device)
    }

    fn embed(&self, table: &Tensor<2>, ids: &[u32]) -> Tensor<2> {
        table.clone().select(0, self.indices(ids))
    }

    fn linear(&self, x: &Tensor<2>, weight: &Tensor<2>) -> Tensor<2> {
        x.clone().matmul(weight.clone())
    }

    fn linear_transposed(&self, x: &Tensor<2>, table: &Tensor<2>) -> Tensor<2> {
        x.clone().matmul(table.clone().transpose())
    }

    fn scale(&self, x: &Tensor<2>, factor: f32) -> Tensor<2> {
        x.clone().mul_scalar(factor)
    }

    fn rms_norm(&self, x: &Tensor<2>, gain: &Tensor<2>) -> Tensor<2> {
        fused::rms_norm(x.clone(), gain.clone())
    }

    fn silu(&self, x: &Tensor<2>) -> Tensor<2> {
        activation::silu(x.clone())
    }

    fn gated(&self, gate: &Tensor<2>, up: &Tensor<2>) -> Tensor<2> {
        fused::gated(gate.clone(), up.clone())
    }

    fn add(&self, a: &Tensor<2>, b: &Tensor<2>) -> Tensor<2> {
        a.clone() + b.clone()
    }

    fn modulate(&self, x: &Tensor<2>, scale: &Tensor<2>, shift: &Tensor<2>) -> Tensor<2> {
        let [n, d] = x.dims();
        let [m, _] = scale.dims();
        let x = x.clone().reshape([m, n / m, d]);
        let scale = scale.clone().add_scalar(1.0).reshape([m, 1, d]);
        let shift = shift.clone().reshape([m, 1, d]);
        (x * scale + shift).reshape([n, d])
    }

    fn rope(&self, x: &Tensor<2>, cos: &Tensor<2>, sin: &Tensor<2>, n_heads: usize) -> Tensor<2> {
        let [n, d] = x.dims();
        let heads = Heads { batch: 1, seq: n, n_heads, d_head: d / n_heads };
        fused::merge(fused::turn(x.clone(), cos.clone(), sin.clone(), heads), heads)
    }

    fn attention(&self, q: &Tensor<2>, k: &Tensor<2>, v: &Tensor<2>, bias: &Tensor<2>, n_heads: usize) -> Tensor<2> {
        let heads = heads(q, bias, n_heads);
        attend([q, k, v].map(|x| fused::split(x.clone(), heads)), bias, heads)
    }

    fn rope_attention(
        &self,
        [q, k, v]: [&Tensor<2>; 3],
        [cos, sin]: [&Tensor<2>; 2],
        bias: &Tensor<2>,
        n_heads: usize,
    ) -> Tensor<2> {
        let heads = heads(q, bias, n_heads);
        let turned = |x: &Tensor<2>| fused::turn(x.clone(), cos.clone(), sin.clone(), heads);
        attend([turned(q), turned(k), fused::split(v.clone(), heads)], bias, heads)
    }

    fn join(&self, a: &Tensor<2>, b: &Tensor<2>, batch: usize) -> Tensor<2> {
        let [n_a, d] = a.dims();
        let [n_b, _] = b.dims();
        let a = a.clone().reshape([batch, n_a / batch, d]);
        let b = b.clone().reshape([batch, n_b / batch, d]);
        Tensor::cat(vec![a, b], 1).reshape([n_a + n_b, d])
    }

    fn select(&self, x: &Tensor<2>, rows: &[u32]) -> Tensor<2> {
        x.clone().select(0, self.indices(rows))
    }

    fn columns(&self, x: &Tensor<2>, start: usize, width: usize) -> Tensor<2> {
        let [n, _] = x.dims();
        x.clone().slice([0..n, start..start + width])
    }

    async fn download_all(&self, matrices: &[&Tensor<2>]) -> Result<Vec<Vec<f32>>> {
        let unreadable = |reason: String| Error::Internal { reason: format!("a tensor cannot be read: {reason}") };
        let mut all = Vec::with_capacity(matrices.len());
        for &matrix in matrices {
            let data = matrix.clone().into_data_async().await.map_err(|error| unreadable(format!("{error:?}")))?;
            all.push(data.try_into_vec::<f32>().map_err(|error| unreadable(format!("{error:?}")))?);
        }
        Ok(all)
    }
}

fn heads(x: &Tensor<2>, bias: &Tensor<2>, n_heads: usize) -> Heads {
    let [batch, seq] = bias.dims();
    Heads { batch, seq, n_heads, d_head: x.dims()[1] / n_heads }
}

/// Attention over heads `[b, h, s, d_head]`.
fn attend([q, k, v]: [Tensor<4>; 3], bias: &Tensor<2>, heads: Heads) -> Tensor<2> {
    let scale = 1.0 / (heads.d_head as f32).sqrt();
    let scores = q.matmul(k.swap_dims(2, 3));
    fused::merge(fused::shares(scores, bias.clone(), scale).matmul(v), heads)
}
