//! Rounding a line of a matrix into blocks so that its products change least, not its numbers.
//!
//! With inputs `x` of second moment `H = Σ x·xᵀ`, a line `w` that becomes `ŵ` changes its products
//! by `(w - ŵ)ᵀ·H·(w - ŵ)`. Numbers are rounded one after the other, and the error of each is made
//! good by those that are still to come (optimal brain quantisation, arXiv:2208.11580, in the fixed
//! order of GPTQ, arXiv:2210.17323); each block takes the scale, among some, with which that goes
//! best. Then scales and numbers are improved in turn until neither changes.

use half::f16;
use nalgebra::{Cholesky, DMatrix, DVector};

use crate::ops::stored::BlockFormat;

/// The places of a block's largest value that are tried, in units of the range's end.
const FIRST: f64 = 0.7;
const LAST: f64 = 1.2;
const N_TRIED: usize = 10;
/// Rounds of scales and numbers in turn.
const MAX_ROUNDS: usize = 8;
/// Passes over the numbers of a line in one round.
const MAX_PASSES: usize = 10;

/// The inputs of a matrix by their second moments.
pub struct Moments {
    /// `H` with what is added to its diagonal `[k, k]`.
    h: DMatrix<f64>,
    /// Lower: column `i` below the diagonal is what is taken from the later numbers of a line for
    /// one unit of the error of number `i`, times the diagonal's `[i, i]`.
    feed: DMatrix<f64>,
}

/// A line in blocks.
#[derive(Clone, Debug, PartialEq)]
pub struct Line {
    /// Its whole numbers `[k]`.
    pub numbers: Vec<i8>,
    /// The scale of each block.
    pub scales: Vec<f16>,
}

impl Line {
    /// The weights.
    pub fn to_f64(&self) -> Vec<f64> {
        let block = self.numbers.len() / self.scales.len().max(1);
        self.numbers.iter().enumerate().map(|(i, &q)| f64::from(q) * self.scales[i / block].to_f64()).collect()
    }
}

impl Moments {
    /// From `H [k, k]`, symmetric and positive on its diagonal; `None` if that is not so.
    pub fn new(h: DMatrix<f64>) -> Option<Moments> {
        let inverse = Cholesky::new(h.clone())?.inverse();
        // H⁻¹ = L·Lᵀ.
        let feed = Cholesky::new(inverse)?.unpack();
        Some(Moments { h, feed })
    }

    /// `(w - ŵ)ᵀ·H·(w - ŵ)`.
    pub fn error(&self, before: &[f64], after: &[f64]) -> f64 {
        let difference = DVector::from_iterator(before.len(), before.iter().zip(after).map(|(a, b)| a - b));
        difference.dot(&(&self.h * &difference))
    }

    /// Rounds `values [k]` into blocks of `block`, a divisor of k. `None` if a scale would be beyond
    /// half precision.
    pub fn round(&self, values: &[f64], block: usize, format: BlockFormat) -> Option<Line> {
        let mut line = self.feed_forward(values, block, format)?;
        let mut error = self.error(values, &line.to_f64());
        for _ in 0..MAX_ROUNDS {
            let mut better = line.clone();
            self.move_scales(values, &mut better);
            self.move_numbers(values, &mut better, format);
            let found = self.error(values, &better.to_f64());
            if found >= error {
                break;
            }
            (line, error) = (better, found);
        }
        Some(line)
    }

    /// In order, each error made good by what follows.
    fn feed_forward(&self, values: &[f64], block: usize, format: BlockFormat) -> Option<Line> {
        let mut rest = values.to_vec();
        let mut line = Line { numbers: Vec::with_capacity(values.len()), scales: Vec::new() };
        for start in (0..values.len()).step_by(block) {
            let mut best = (f64::INFINITY, f16::ZERO, Vec::new(), Vec::new());
            for scale in scales(&rest[start..start + block], format) {
                let (error, numbers, errors) = self.round_block(&rest, start, block, scale, format);
                if error < best.0 {
                    best = (error, scale, numbers, errors);
                }
            }
            let (error, scale, numbers, errors) = best;
            if error.is_infinite() {
                return None;
            }
            for (i, unit) in (start..).zip(errors) {
                let end = start + block;
                rest[end..].iter_mut().zip(&self.column(i)[end..]).for_each(|(w, l)| *w -= unit * l);
            }
            line.numbers.extend(numbers);
            line.scales.push(scale);
        }
        Some(line)
    }

    /// One block with one scale: what it adds to the error if the later numbers make the best of it,
    /// its numbers, and their errors in units of the diagonal.
    fn round_block(
        &self,
        rest: &[f64],
        start: usize,
        block: usize,
        scale: f16,
        format: BlockFormat,
    ) -> (f64, Vec<i8>, Vec<f64>) {
        let mut values = rest[start..start + block].to_vec();
        let (mut numbers, mut errors) = (Vec::with_capacity(block), Vec::with_capacity(block));
        let mut sum = 0.0;
        for i in 0..block {
            let q = whole(values[i], scale.to_f64(), format);
            let column = &self.column(start + i)[start..start + block];
            let unit = (values[i] - q * scale.to_f64()) / column[i];
            values[i + 1..].iter_mut().zip(&column[i + 1..]).for_each(|(w, l)| *w -= unit * l);
            sum += unit * unit;
            numbers.push(q as i8);
            errors.push(unit);
        }
        (sum, numbers, errors)
    }

    fn column(&self, i: usize) -> &[f64] {
        let k = self.feed.nrows();
        &self.feed.as_slice()[i * k..(i + 1) * k]
    }

    /// The best scales for these numbers, all together.
    fn move_scales(&self, values: &[f64], line: &mut Line) {
        let block = values.len() / line.scales.len();
        let n = line.scales.len();
        let numbers = DVector::from_iterator(values.len(), line.numbers.iter().map(|&q| f64::from(q)));
        let mut projected = DMatrix::zeros(values.len(), n);
        for b in 0..n {
            let part = self.h.columns(b * block, block) * numbers.rows(b * block, block);
            projected.set_column(b, &part);
        }
        let mut gram = DMatrix::from_fn(n, n, |a, b| {
            numbers.rows(a * block, block).dot(&projected.view((a * block, b), (block, 1)))
        });
        // A block of zeros has no scale to find.
        (0..n).filter(|&b| gram[(b, b)] == 0.0).collect::<Vec<_>>().into_iter().for_each(|b| gram[(b, b)] = 1.0);
        let wanted = projected.transpose() * DVector::from_column_slice(values);
        let Some(gram) = Cholesky::new(gram) else { return };
        let found = gram.solve(&wanted);
        for (scale, &found) in line.scales.iter_mut().zip(found.iter()) {
            let half = f16::from_f64(found);
            if half.is_finite() {
                *scale = half;
            }
        }
    }

    /// Moves one number at a time to where the error is least.
    fn move_numbers(&self, values: &[f64], line: &mut Line, format: BlockFormat) {
        let block = values.len() / line.scales.len();
        let now = line.to_f64();
        let difference = DVector::from_iterator(values.len(), values.iter().zip(&now).map(|(a, b)| a - b));
        let mut slope = &self.h * difference;
        for _ in 0..MAX_PASSES {
            let mut is_still = true;
            for i in 0..values.len() {
                let scale = line.scales[i / block].to_f64();
                if scale == 0.0 {
                    continue;
                }
                let q = f64::from(line.numbers[i]);
                let better = whole(q * scale + slope[i] / self.h[(i, i)], scale, format);
                let step = (better - q) * scale;
                // What it gains must be more than the rounding of the sums.
                if better == q || step * (step * self.h[(i, i)] - 2.0 * slope[i]) >= 0.0 {
                    continue;
                }
                line.numbers[i] = better as i8;
                slope.axpy(-step, &self.h.column(i), 1.0);
                is_still = false;
            }
            if is_still {
                return;
            }
        }
    }
}

/// Scales to be tried for a block.
fn scales(values: &[f64], format: BlockFormat) -> Vec<f16> {
    let extreme = values.iter().copied().fold(0.0, |a: f64, b| if b.abs() > a.abs() { b } else { a });
    if extreme == 0.0 {
        return vec![f16::ZERO];
    }
    let place = |j: usize| FIRST + j as f64 * (LAST - FIRST) / N_TRIED as f64;
    let tried = |end: f32| (0..=N_TRIED).map(move |j| f16::from_f64(extreme / (f64::from(end) * place(j))));
    format.range().into_iter().flat_map(tried).filter(|scale| scale.is_finite()).collect()
}

fn whole(value: f64, scale: f64, format: BlockFormat) -> f64 {
    let [low, high] = format.range().map(f64::from);
    if scale == 0.0 { 0.0 } else { (value / scale).round().clamp(low, high) }
}
