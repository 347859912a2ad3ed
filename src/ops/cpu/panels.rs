//! Weights, laid out for products.
//!
//! A matrix `[k, n]` is cut into panels of eight columns; the last is filled up with zeros. A panel
//! holds its eight values of row 0, then those of row 1, and so on, so a product reads it from
//! front to back, whatever `n` is.

/// Columns of a panel.
const WIDTH: usize = 8;

/// Rows of the left matrix that a pass over a panel serves: 4 · 8 sums fit the registers of a
/// processor with sixteen vectors of four.
const ROWS: usize = 4;

type Lane = [f32; WIDTH];

/// A matrix `[k, n]` in panels.
#[derive(Clone, Debug)]
pub struct Panels {
    /// Panel after panel, a lane for each row.
    lanes: Vec<Lane>,
    k: usize,
    n: usize,
}

impl Panels {
    /// The matrix with these values, row by row.
    pub(super) fn new(values: &[f32], n_rows: usize) -> Self {
        let n = values.len() / n_rows.max(1);
        Self::from_fn(n_rows, n, |row, column| values[row * n + column])
    }

    /// The matrix `[k, n]` of a value for each row and column.
    pub(super) fn from_fn(k: usize, n: usize, value: impl Fn(usize, usize) -> f32) -> Self {
        let mut lanes = vec![[0.0; WIDTH]; n.div_ceil(WIDTH) * k];
        for (i, lane) in lanes.iter_mut().enumerate() {
            let (first, row) = (i / k * WIDTH, i % k);
            for (column, slot) in (first..n).zip(lane) {
                *slot = value(row, column);
            }
        }
        Self { lanes, k, n }
    }

    /// Columns.
    pub(super) fn width(&self) -> usize {
        self.n
    }

    /// The values of a row.
    pub(super) fn row(&self, row: usize) -> impl Iterator<Item = f32> {
        self.lanes.iter().skip(row).step_by(self.k).flatten().copied().take(self.n)
    }

    /// `x · self` for `x [m, k]`: `[m, n]`.
    pub(super) fn product(&self, x: &Rows) -> Vec<f32> {
        let mut out = vec![0.0; x.n_rows * self.n];
        self.add_product(x, &mut out);
        out
    }

    /// Adds `x · self` to `out [m, n]`.
    pub(super) fn add_product(&self, x: &Rows, out: &mut [f32]) {
        self.add_product_at(x, out, self.n, 0);
    }

    /// Adds `x · self` to `n` columns of `out [m, stride]`, from column `first`.
    pub(super) fn add_product_at(&self, x: &Rows, out: &mut [f32], stride: usize, first: usize) {
        if self.k == 0 || self.n == 0 {
            return;
        }
        for (p, panel) in self.lanes.chunks_exact(self.k).enumerate() {
            let column = first + p * WIDTH;
            let width = WIDTH.min(self.n - p * WIDTH);
            for (block, out) in x.blocks.chunks_exact(self.k).zip(out.chunks_mut(ROWS * stride)) {
                let sums = sums(block, panel);
                for (sums, out) in sums.iter().zip(out.chunks_exact_mut(stride)) {
                    match out[column..][..width].as_mut_array::<WIDTH>() {
                        Some(out) => (0..WIDTH).for_each(|j| out[j] += sums[j]),
                        None => out[column..][..width].iter_mut().zip(sums).for_each(|(out, sum)| *out += sum),
                    }
                }
            }
        }
    }

    /// `x · selfᵀ` for rows `x [m, n]`: `[m, k]`.
    pub(super) fn transposed_product(&self, x: &[f32]) -> Vec<f32> {
        let n_rows = x.len() / self.n.max(1);
        let mut out = vec![0.0; n_rows * self.k];
        if self.k == 0 || self.n == 0 {
            return out;
        }
        let n_panels = self.n.div_ceil(WIDTH);
        // Rows of whole lanes, like those of the panels.
        let mut rows = vec![[0.0; WIDTH]; n_rows * n_panels];
        for (x, row) in x.chunks_exact(self.n).zip(rows.chunks_exact_mut(n_panels)) {
            x.chunks(WIDTH).zip(row).for_each(|(x, lane)| lane[..x.len()].copy_from_slice(x));
        }
        // The lanes of one row of `self` are far apart, so those of a few are brought together first.
        let mut few = vec![[[0.0; WIDTH]; ROWS]; n_panels];
        for first in (0..self.k).step_by(ROWS) {
            let n_few = ROWS.min(self.k - first);
            for (few, panel) in few.iter_mut().zip(self.lanes.chunks_exact(self.k)) {
                few[..n_few].copy_from_slice(&panel[first..first + n_few]);
            }
            for (row, out) in rows.chunks_exact(n_panels).zip(out.chunks_exact_mut(self.k)) {
                let mut sums = [[0.0; WIDTH]; ROWS];
                for (x, few) in row.iter().zip(&few) {
                    for i in 0..ROWS {
                        for j in 0..WIDTH {
                            sums[i][j] += x[j] * few[i][j];
                        }
                    }
                }
                out[first..].iter_mut().zip(sums).take(n_few).for_each(|(out, sums)| *out = sums.iter().sum());
            }
        }
        out
    }
}

/// Rows to be multiplied with panels, `[m, k]`: blocks of four, filled up with rows of zeros, column
/// after column.
pub(super) struct Rows {
    blocks: Vec<[f32; ROWS]>,
    n_rows: usize,
}

impl Rows {
    /// These rows of `k` values each.
    pub(super) fn new(x: &[f32], k: usize) -> Self {
        let n_rows = x.len() / k.max(1);
        let mut blocks = vec![[0.0; ROWS]; n_rows.div_ceil(ROWS) * k];
        for (row, x) in x.chunks_exact(k.max(1)).enumerate() {
            let block = &mut blocks[row / ROWS * k..][..k];
            block.iter_mut().zip(x).for_each(|(column, x)| column[row % ROWS] = *x);
        }
        Self { blocks, n_rows }
    }
}

/// The sums of a block of rows with a panel.
#[inline(always)]
fn sums(block: &[[f32; ROWS]], panel: &[Lane]) -> [Lane; ROWS] {
    let mut sums = [[0.0; WIDTH]; ROWS];
    for (column, lane) in block.iter().zip(panel) {
        for r in 0..ROWS {
            for j in 0..WIDTH {
                sums[r][j] += column[r] * lane[j];
            }
        }
    }
    sums
}
