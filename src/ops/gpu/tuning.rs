//! Which of two kernels makes matrix products on this adapter: whichever is faster here.

use super::GpuOps;
use crate::error::Result;
use crate::ops::Ops;

/// A kernel for matrix products.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Products {
    /// Tiles in workgroup memory (`matmul.wgsl`).
    Tiled,
    /// Straight from storage (`direct.wgsl`).
    Direct,
}

/// Rows, inner and columns of the product that is timed: as in a step of a small model.
const SHAPE: [usize; 3] = [96, 256, 256];

/// Products timed at once, at most.
const MAX_PRODUCTS: usize = 256;

/// Milliseconds that are enough to compare: clocks of browsers may tick once in one.
const ENOUGH_MS: f64 = 4.0;

impl GpuOps {
    /// Times both kernels for some milliseconds each and takes the faster from here on. `now` is a
    /// clock in milliseconds.
    ///
    /// # Errors
    ///
    /// Those of [`Ops::download_all`].
    pub async fn tune(&self, now: impl Fn() -> f64) -> Result<Products> {
        let mut fastest = (f64::INFINITY, Products::Tiled);
        for products in [Products::Tiled, Products::Direct] {
            self.choose(products);
            // The first is compiled, too.
            self.time(1, &now).await?;
            let mut n = 1;
            let mut ms = self.time(n, &now).await?;
            while ms < ENOUGH_MS && n < MAX_PRODUCTS {
                n *= 2;
                ms = self.time(n, &now).await?;
            }
            if ms / (n as f64) < fastest.0 {
                fastest = (ms / n as f64, products);
            }
        }
        self.choose(fastest.1);
        Ok(fastest.1)
    }

    /// How long so many products take, in milliseconds.
    async fn time(&self, n: usize, now: impl Fn() -> f64) -> Result<f64> {
        let [rows, inner, columns] = SHAPE;
        let x = self.upload(vec![1.0; rows * inner], rows);
        let weight = self.weight(vec![1.0; inner * columns], inner);
        let begin = now();
        let mut last = self.linear(&x, &weight);
        for _ in 1..n {
            last = self.linear(&x, &weight);
        }
        self.download(&self.select(&last, &[0])).await?;
        Ok(now() - begin)
    }
}
