//! Rounding matrix after matrix by what their products are, not by their numbers alone.
//!
//! Two networks run over the same documents: the one before, and the one that is rounded. When a
//! matrix is met, its inputs in the second are what the roundings so far have left of them. It is
//! first fitted anew, so that its products, and what they are added to, come as near as can be to
//! those of the first; and then rounded with the least change of them ([`rounding`](super::rounding)).
//! A row counts by how much the loss minds ([`sensitivity`](super::sensitivity)).

use std::cell::RefCell;
use std::collections::BTreeMap;

use burn::tensor::Tensor;
use nalgebra::{Cholesky, DMatrix};

use super::quantize::{Numbers, Storage};
use super::recorder::{Named, Product, Streams, Watch};
use super::rounding::Moments;
use super::sensitivity::{Sensitivity, matrix};
use crate::checkpoint::blocks::{BlockSpec, Blocks};
use crate::ops::Ops;
use crate::ops::burn::BurnOps;
use crate::ops::stored::StoredNumbers;

/// What is added to the diagonal of the moments, in units of its mean: what was seen is a sample.
const DAMPING: f64 = 0.2;
/// What is added to the weight of each row, in units of the mean: few rows have most of the weight,
/// and would be all that is fitted.
const EVEN: f32 = 0.3;

/// The two networks.
pub struct SideBySide<'a> {
    /// How each weight is to be stored.
    pub plan: &'a BTreeMap<String, Storage>,
    /// Of the first network on the same documents.
    pub sensitivity: &'a Sensitivity,
    /// The weights that were met, as they are stored.
    pub found: RefCell<BTreeMap<String, StoredNumbers>>,
}

impl Watch for SideBySide<'_> {
    fn n_streams(&self) -> usize {
        2
    }

    fn product(&self, ops: &BurnOps, product: Product<'_>) -> Streams {
        let before = product.of(ops, 0, &product.weight.value);
        let value = self.value(ops, product.weight, || self.fitted(ops, &product, &before));
        vec![before, product.of(ops, 1, &value)]
    }

    fn rows(&self, ops: &BurnOps, table: &Named, ids: &[u32]) -> Streams {
        let value = self.value(ops, table, || {
            let Some(&Storage::Blocks(spec)) = self.plan.get(&table.name) else { return None };
            let moments = table_moments(&table.name, &spec, self.sensitivity)?;
            in_blocks(spec, &lines(&spec, &floats(&table.value)), &moments)
                .map(|(blocks, _)| StoredNumbers::Blocks(blocks))
        });
        vec![ops.embed(&table.value, ids), ops.embed(&value, ids)]
    }
}

impl SideBySide<'_> {
    /// A weight as it is stored, by `fit` when it is met first; where that has nothing, each number
    /// rounded by itself, and where that cannot be, whole.
    fn value(&self, ops: &BurnOps, weight: &Named, fit: impl FnOnce() -> Option<StoredNumbers>) -> Tensor<2> {
        let shape = weight.value.dims();
        let found = self.found.borrow().get(&weight.name).map(|stored| stored.clone().into_f32());
        if let Some(values) = found {
            return ops.upload(values, shape[0]);
        }
        let plain = || self.plan.get(&weight.name)?.fit(&floats(&weight.value));
        let Some(stored) = fit().or_else(plain) else { return weight.value.clone() };
        let values = stored.clone().into_f32();
        self.found.borrow_mut().insert(weight.name.clone(), stored);
        ops.upload(values, shape[0])
    }

    /// The weight that makes the products of the second network most like `wanted`, as it is stored.
    fn fitted(&self, ops: &BurnOps, product: &Product<'_>, wanted: &Tensor<2>) -> Option<StoredNumbers> {
        let name = &product.weight.name;
        let cost = self.sensitivity.products.get(name).filter(|_| !product.is_transposed)?;
        let x = &product.inputs[1];
        let wanted = match product.sum {
            Some(sum) => wanted.clone() - sum[1].clone(),
            None => wanted.clone(),
        };
        // Padding has no weight.
        let seen = cost.weights.iter().filter(|&&weight| weight > 0.0).count();
        let even = EVEN * cost.weights.iter().sum::<f32>() / seen.max(1) as f32;
        let weights = cost.weights.iter().map(|&weight| if weight > 0.0 { weight + even } else { 0.0 }).collect();
        let weighted = (x.clone() * ops.upload(weights, x.dims()[0])).transpose();
        let mut h = matrix(&weighted.clone().matmul(x.clone()));
        let damping = damp(&mut h);
        let before = matrix(&product.weight.value);
        let wanted = matrix(&weighted.matmul(wanted)) + damping * before;
        let fitted = Cholesky::new(h.clone())?.solve(&wanted);
        let [rows, cols] = product.weight.value.dims();
        let values: Vec<f32> = (0..rows * cols).map(|i| fitted[(i / cols, i % cols)] as f32).collect();
        match *self.plan.get(name)? {
            Storage::Blocks(spec) if spec.axis == 0 => in_blocks(spec, &lines(&spec, &values), &Moments::new(h)?)
                .map(|(blocks, _)| StoredNumbers::Blocks(blocks)),
            storage => storage.fit(&values),
        }
    }
}

/// What it costs to round a matrix so, all others being whole: twice what that adds to the loss, whose
/// terms [`sensitivity`](super::sensitivity) weighs. `None` if it stands in no product, or cannot be
/// stored so.
pub fn cost(name: &str, spec: BlockSpec, numbers: &Numbers, sensitivity: &Sensitivity) -> Option<f64> {
    let moments = table_moments(name, &spec, sensitivity)?;
    Some(in_blocks(spec, &lines(&spec, &numbers.get(name)?.1), &moments)?.1)
}

/// The moments of a weight's inputs in the network before; of the embedding both as the token head
/// and as what the text begins with.
fn table_moments(name: &str, spec: &BlockSpec, sensitivity: &Sensitivity) -> Option<Moments> {
    let mut h = sensitivity.products.get(name)?.moments.clone();
    damp(&mut h);
    let (k, n) = spec.sizes();
    // Each row of it is met in its share of the text.
    let by_row = sensitivity.rows.get(name).map_or(0.0, |sum| sum / n as f64);
    (0..k).for_each(|i| h[(i, i)] += by_row);
    Moments::new(h)
}

/// Makes moments symmetric and adds to their diagonal, how much is returned.
fn damp(h: &mut DMatrix<f64>) -> f64 {
    *h = (&*h + h.transpose()) * 0.5;
    // No input at all is one that may be anything.
    let damping = (DAMPING * h.trace() / h.nrows() as f64).max(f64::MIN_POSITIVE.sqrt());
    (0..h.nrows()).for_each(|i| h[(i, i)] += damping);
    damping
}

fn floats(value: &Tensor<2>) -> Vec<f32> {
    value.clone().into_data().try_into_vec::<f32>().unwrap_or_default()
}

fn lines(spec: &BlockSpec, values: &[f32]) -> Vec<Vec<f64>> {
    let (k, n) = spec.sizes();
    (0..n).map(|line| (0..k).map(|i| f64::from(values[spec.place(line, i)])).collect()).collect()
}

/// Lines in blocks, and what that costs.
fn in_blocks(spec: BlockSpec, lines: &[Vec<f64>], moments: &Moments) -> Option<(Blocks, f64)> {
    let (mut numbers, mut scales, mut cost) = (Vec::new(), Vec::new(), 0.0);
    for values in lines {
        let line = moments.round(values, spec.block, spec.format)?;
        cost += moments.error(values, &line.to_f64());
        numbers.extend(line.numbers);
        scales.extend(line.scales);
    }
    Some((Blocks::pack(spec, &numbers, scales)?, cost))
}
