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

    /// The faster of two, the first of equals: by turns, because the machine may have other work at
    /// times, and by the shortest times, because that only makes them longer. What a submit takes is
    /// in both.
    async fn faster(
        &self,
        choices: [Choice; 2],
        work: fn(&GpuOps, usize) -> Matrix,
        now: &impl Fn() -> f64,
    ) -> Result<Choice> {
        let times = async |n: usize| -> Result<[f64; 2]> {
            let mut times = [0.0; 2];
            for (choice, time) in choices.into_iter().zip(&mut times) {
                self.choose(choice);
                *time = self.time(work, n, now).await?;
            }
            Ok(times)
        };
        // The first ones are compiled, too.
        times(1).await?;
        let mut n = 1;
        let mut shortest = times(n).await?;
        while shortest[0].min(shortest[1]) < ENOUGH_MS && n < MAX_RUNS {
            n *= 2;
            shortest = times(n).await?;
        }
        for _ in 0..2 {
            let again = times(n).await?;
            shortest = [shortest[0].min(again[0]), shortest[1].min(again[1])];
        }
        Ok(if shortest[1] < shortest[0] { choices[1] } else { choices[0] })
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
