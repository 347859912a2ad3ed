//! Which of two kernels does matrix products on this adapter, and which attention: whichever is
//! faster here.

use std::fmt;

use super::{GpuOps, Matrix};
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

/// Where attention has its keys and values (`attention.wgsl`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Keys {
    /// Some at a time in workgroup memory, turned on their way there.
    Tiled,
    /// In storage, turned before.
    Direct,
}

/// The kernels that an adapter gets. As text, `products/keys`, each `tiled` or `direct`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Choice {
    /// For matrix products.
    pub products: Products,
    /// For attention.
    pub keys: Keys,
}

impl Choice {
    /// Workgroup memory for both.
    pub const TILED: Choice = Choice { products: Products::Tiled, keys: Keys::Tiled };

    /// Storage for both.
    pub const DIRECT: Choice = Choice { products: Products::Direct, keys: Keys::Direct };

    /// All there are.
    pub const ALL: [Choice; 4] = [
        Choice::TILED,
        Choice { keys: Keys::Direct, ..Choice::TILED },
        Choice { keys: Keys::Tiled, ..Choice::DIRECT },
        Choice::DIRECT,
    ];

    /// The choice of this name: its text, or `tiled` or `direct` for both kernels.
    pub fn named(name: &str) -> Option<Choice> {
        match name {
            "tiled" => Some(Choice::TILED),
            "direct" => Some(Choice::DIRECT),
            _ => Choice::ALL.into_iter().find(|choice| choice.to_string() == name),
        }
    }
}

impl fmt::Display for Choice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = |is_tiled: bool| if is_tiled { "tiled" } else { "direct" };
        write!(f, "{}/{}", name(self.products == Products::Tiled), name(self.keys == Keys::Tiled))
    }
}

/// Rows, inner and columns of the product that is timed: as in a step of a small model.
const SHAPE: [usize; 3] = [96, 256, 256];

/// Heads of the attention of as many rows, and as wide, that is timed.
const N_HEADS: usize = 8;

/// How often a kernel is run at once, at most.
const MAX_RUNS: usize = 256;

/// Milliseconds that are enough to compare: clocks of browsers may tick once in one.
const ENOUGH_MS: f64 = 8.0;

impl GpuOps {
    /// Times the kernels for some milliseconds each and takes the fastest from here on; of equals,
    /// those with tiles. `now` is a clock in milliseconds.
    ///
    /// # Errors
    ///
    /// Those of [`Ops::download_all`].
    pub async fn tune(&self, now: impl Fn() -> f64) -> Result<Choice> {
        let (tiled, direct) = (Choice::TILED, Choice { products: Products::Direct, ..Choice::TILED });
        let choice = self.faster([tiled, direct], GpuOps::timed_product, &now).await?;
        let (tiled, direct) = (choice, Choice { keys: Keys::Direct, ..choice });
        let choice = self.faster([tiled, direct], GpuOps::timed_attention, &now).await?;
        self.choose(choice);
        Ok(choice)
    }

    async fn faster(
        &self,
        choices: [Choice; 2],
        work: fn(&GpuOps, usize) -> Matrix,
        now: &impl Fn() -> f64,
    ) -> Result<Choice> {
        let mut fastest = (f64::INFINITY, choices[0]);
        for choice in choices {
            self.choose(choice);
            let ms = self.each_ms(work, now).await?;
            if ms < fastest.0 {
                fastest = (ms, choice);
            }
        }
        Ok(fastest.1)
    }

    /// How long one run takes, without what a submit and a read take. Of two times the shorter,
    /// because other work of the machine only makes them longer.
    async fn each_ms(&self, work: fn(&GpuOps, usize) -> Matrix, now: &impl Fn() -> f64) -> Result<f64> {
        // The first is compiled, too.
        self.time(work, 1, now).await?;
        let alone = self.shorter(work, 1, now).await?;
        let mut n = 1;
        loop {
            let ms = self.shorter(work, 1 + n, now).await? - alone;
            if ms >= ENOUGH_MS || n >= MAX_RUNS {
                return Ok(ms / n as f64);
            }
            n *= 2;
        }
    }

    async fn shorter(&self, work: fn(&GpuOps, usize) -> Matrix, n: usize, now: &impl Fn() -> f64) -> Result<f64> {
        Ok(self.time(work, n, now).await?.min(self.time(work, n, now).await?))
    }

    async fn time(&self, work: fn(&GpuOps, usize) -> Matrix, n: usize, now: &impl Fn() -> f64) -> Result<f64> {
        let begin = now();
        let last = work(self, n);
        self.download(&self.select(&last, &[0])).await?;
        Ok(now() - begin)
    }

    fn timed_product(&self, n: usize) -> Matrix {
        let [rows, inner, columns] = SHAPE;
        let x = self.upload(vec![1.0; rows * inner], rows);
        let weight = self.weight(vec![1.0; inner * columns], inner);
        (1..n).fold(self.linear(&x, &weight), |_, _| self.linear(&x, &weight))
    }

    fn timed_attention(&self, n: usize) -> Matrix {
        let [rows, width, _] = SHAPE;
        let x = self.upload(vec![1.0; rows * width], rows);
        let turn = self.upload(vec![1.0; rows * width / N_HEADS / 2], rows);
        let bias = self.upload(vec![0.0; rows], 1);
        let run = || self.rope_attention([&x; 3], [&turn; 2], &bias, N_HEADS);
        (1..n).fold(run(), |_, _| run())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn choices_are_known_by_their_names() {
        for choice in Choice::ALL {
            assert_eq!(Choice::named(&choice.to_string()), Some(choice));
        }
        assert_eq!(Choice::DIRECT.to_string(), "direct/direct");
        assert_eq!(Choice::named("tiled"), Some(Choice::TILED));
        assert_eq!(Choice::named("tiled/"), None);
    }
}
