//! A back end that runs the network and lets somebody see, and answer, every product with a weight.
//!
//! An activation is one tensor for each of some streams: the same network on the same input, with
//! other weights. What is no product with a weight is done in each stream alike.

use burn::tensor::Tensor;

use crate::error::Result;
use crate::ops::Ops;
use crate::ops::burn::BurnOps;

/// A weight with its name.
#[derive(Clone, Debug)]
pub struct Named {
    /// The name.
    pub name: String,
    /// Its numbers.
    pub value: Tensor<2>,
}

/// An activation `[n, d]` in each stream.
pub type Streams = Vec<Tensor<2>>;

/// A product with a weight.
pub struct Product<'a> {
    /// The weight.
    pub weight: &'a Named,
    /// Whether the inputs meet the rows of the weight, as in the token head, and not its columns.
    pub is_transposed: bool,
    /// The inputs `[n, k]`.
    pub inputs: &'a Streams,
    /// What the product is added to, if it is.
    pub sum: Option<&'a Streams>,
}

/// Who answers.
pub trait Watch {
    /// How many streams there are.
    fn n_streams(&self) -> usize;

    /// The product, with what it is added to.
    fn product(&self, ops: &BurnOps, product: Product<'_>) -> Streams;

    /// Rows `ids` of a weight.
    fn rows(&self, ops: &BurnOps, table: &Named, ids: &[u32]) -> Streams;
}

impl Product<'_> {
    /// The product of stream `stream` with `value` for the weight, with what it is added to.
    pub fn of(&self, ops: &BurnOps, stream: usize, value: &Tensor<2>) -> Tensor<2> {
        let x = &self.inputs[stream];
        let y = if self.is_transposed { ops.linear_transposed(x, value) } else { ops.linear(x, value) };
        match self.sum {
            Some(sum) => ops.add(&sum[stream], &y),
            None => y,
        }
    }
}

/// [`Ops`] over streams.
pub struct Recorder<W> {
    /// What computes.
    pub ops: BurnOps,
    /// Who answers.
    pub watch: W,
}

impl<W: Watch> Recorder<W> {
    fn each(&self, f: impl Fn(usize) -> Tensor<2>) -> Streams {
        (0..self.watch.n_streams()).map(f).collect()
    }
}

impl<W: Watch> Ops for Recorder<W> {
    type Weight = Named;
    type Matrix = Streams;

    fn weight(&self, values: Vec<f32>, n_rows: usize) -> Named {
        Named { name: String::new(), value: self.ops.weight(values, n_rows) }
    }

    fn upload(&self, values: Vec<f32>, n_rows: usize) -> Streams {
        let value = self.ops.upload(values, n_rows);
        self.each(|_| value.clone())
    }

    fn embed(&self, table: &Named, ids: &[u32]) -> Streams {
        self.watch.rows(&self.ops, table, ids)
    }

    fn linear(&self, inputs: &Streams, weight: &Named) -> Streams {
        self.watch.product(&self.ops, Product { weight, is_transposed: false, inputs, sum: None })
    }

    fn linear_transposed(&self, inputs: &Streams, weight: &Named) -> Streams {
        self.watch.product(&self.ops, Product { weight, is_transposed: true, inputs, sum: None })
    }

    fn add_linear(&self, sum: &Streams, inputs: &Streams, weight: &Named) -> Streams {
        self.watch.product(&self.ops, Product { weight, is_transposed: false, inputs, sum: Some(sum) })
    }

    fn scale(&self, x: &Streams, factor: f32) -> Streams {
        self.each(|i| self.ops.scale(&x[i], factor))
    }

    fn rms_norm(&self, x: &Streams, gain: &Named) -> Streams {
        self.each(|i| self.ops.rms_norm(&x[i], &gain.value))
    }

    fn silu(&self, x: &Streams) -> Streams {
        self.each(|i| self.ops.silu(&x[i]))
    }

    fn gated(&self, gate: &Streams, up: &Streams) -> Streams {
        self.each(|i| self.ops.gated(&gate[i], &up[i]))
    }

    fn add(&self, a: &Streams, b: &Streams) -> Streams {
        self.each(|i| self.ops.add(&a[i], &b[i]))
    }

    fn modulate(&self, x: &Streams, scale: &Streams, shift: &Streams) -> Streams {
        self.each(|i| self.ops.modulate(&x[i], &scale[i], &shift[i]))
    }

    fn rope(&self, x: &Streams, cos: &Streams, sin: &Streams, n_heads: usize) -> Streams {
        self.each(|i| self.ops.rope(&x[i], &cos[i], &sin[i], n_heads))
    }

    fn attention(&self, q: &Streams, k: &Streams, v: &Streams, bias: &Streams, n_heads: usize) -> Streams {
        self.each(|i| self.ops.attention(&q[i], &k[i], &v[i], &bias[i], n_heads))
    }

    fn join(&self, a: &Streams, b: &Streams, batch: usize) -> Streams {
        self.each(|i| self.ops.join(&a[i], &b[i], batch))
    }

    fn select(&self, x: &Streams, rows: &[u32]) -> Streams {
        self.each(|i| self.ops.select(&x[i], rows))
    }

    fn columns(&self, x: &Streams, start: usize, width: usize) -> Streams {
        self.each(|i| self.ops.columns(&x[i], start, width))
    }

    /// Those of the last stream.
    async fn download_all(&self, matrices: &[&Streams]) -> Result<Vec<Vec<f32>>> {
        let last: Vec<&Tensor<2>> = matrices.iter().filter_map(|streams| streams.last()).collect();
        self.ops.download_all(&last).await
    }
}
