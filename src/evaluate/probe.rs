//! Place and sky of a picture by ridge regression on 16 × 16 pixels, fitted on true pictures of the
//! training stream and on a spoiled copy of them, so that it does not depend on a sharpness that no
//! model has.

use nalgebra::{DMatrix, DVector};

use crate::error::{Error, Result};
use crate::flow::rng::Rng;

/// Side of the pictures.
pub const SIDE: usize = 64;
/// Side of what the probe sees.
const SMALL: usize = 16;
/// Values of it, and the constant.
const N_FEATURES: usize = SMALL * SMALL * 3 + 1;
/// Weight of the squared coefficients beside the squared errors.
const RIDGE: f32 = 3.0;
/// Seed of what spoils.
const SEED: u64 = 0x5901_1ED5;

/// A linear classifier of several labels at once: for each label the class with the highest score.
pub struct Probe {
    /// `[N_FEATURES, classes of all labels]`
    weights: DMatrix<f32>,
    n_classes: Vec<usize>,
}

impl Probe {
    /// One-against-all regressions on pictures of 64 × 64 RGB pixels, each with its class under every
    /// label, and on a spoiled copy of each.
    ///
    /// # Errors
    ///
    /// [`Error::Internal`] if the pictures are none, or not numbers.
    pub fn fit(pictures: &[&[u8]], classes: &[Vec<usize>], n_classes: &[usize]) -> Result<Self> {
        let n = pictures.len();
        let mut rows = Vec::with_capacity(2 * n * N_FEATURES);
        for picture in pictures {
            rows.extend(features(&floats(picture)));
        }
        for (i, picture) in pictures.iter().enumerate() {
            rows.extend(features(&spoiled(picture, &mut Rng::stream(SEED, i as u64))));
        }
        // A picture is a column here.
        let x = DMatrix::from_vec(N_FEATURES, 2 * n, rows);
        let total: usize = n_classes.iter().sum();
        let mut y = DMatrix::<f32>::zeros(2 * n, total);
        for (row, classes) in classes.iter().chain(classes).enumerate() {
            let mut first = 0;
            for (&class, &n) in classes.iter().zip(n_classes) {
                y[(row, first + class)] = 1.0;
                first += n;
            }
        }
        let mut gram = &x * x.transpose();
        for i in 0..N_FEATURES {
            gram[(i, i)] += RIDGE;
        }
        let failed = || Error::Internal { reason: "the probes of place and sky cannot be fitted".into() };
        let weights = gram.cholesky().filter(|_| n > 0).ok_or_else(failed)?.solve(&(x * y));
        Ok(Self { weights, n_classes: n_classes.to_vec() })
    }

    /// The likeliest class of a picture under each label; the first of equals.
    pub fn classes(&self, picture: &[u8]) -> Vec<usize> {
        let scores = self.weights.tr_mul(&DVector::from_vec(features(&floats(picture))));
        let mut first = 0;
        let best = |&n: &usize| {
            let scores = &scores.as_slice()[first..first + n];
            first += n;
            (0..n).rev().max_by(|&a, &b| scores[a].total_cmp(&scores[b])).unwrap_or(0)
        };
        self.n_classes.iter().map(best).collect()
    }
}

fn floats(picture: &[u8]) -> Vec<f32> {
    picture.iter().map(|&value| f32::from(value)).collect()
}

/// Means of 4 × 4 pixels, about 0, and 1.
fn features(picture: &[f32]) -> Vec<f32> {
    let block = SIDE / SMALL;
    let mut out = vec![0.0; N_FEATURES];
    for (i, value) in picture.iter().enumerate() {
        let (y, x, c) = (i / (3 * SIDE) / block, i / 3 % SIDE / block, i % 3);
        out[(y * SMALL + x) * 3 + c] += value / (block * block) as f32;
    }
    out[..N_FEATURES - 1].iter_mut().for_each(|value| *value = *value / 255.0 - 0.5);
    out[N_FEATURES - 1] = 1.0;
    out
}

/// A picture as a middling model might paint it: soft, noisy, off in colour.
///
/// Draws in order: the blur; the size of the noise, and the noise; the size of the patches' noise,
/// and it; a shift of each colour.
fn spoiled(picture: &[u8], rng: &mut Rng) -> Vec<f32> {
    let between = |low: f32, high: f32, rng: &mut Rng| low + (high - low) * rng.uniform();
    let mut out = blurred(&floats(picture), between(0.3, 1.5, rng));
    let noise = between(0.0, 16.0, rng);
    out.iter_mut().for_each(|value| *value += noise * rng.normal());
    // Noise of a patch, as of a latent that is off.
    let patches = between(0.0, 12.0, rng);
    let coarse: Vec<f32> = (0..8 * 8 * 3).map(|_| patches * rng.normal()).collect();
    let shift = [0; 3].map(|_| 4.0 * rng.normal());
    for (i, value) in out.iter_mut().enumerate() {
        let (y, x, c) = (i / (3 * SIDE), i / 3 % SIDE, i % 3);
        *value = (*value + enlarged(&coarse, x, y, c) + shift[c]).clamp(0.0, 255.0);
    }
    out
}

/// A value of an 8 × 8 picture enlarged to 64 × 64, between the nearest ones.
fn enlarged(coarse: &[f32], x: usize, y: usize, c: usize) -> f32 {
    let place = |at: usize| {
        let at = ((at as f32 + 0.5) / 8.0 - 0.5).clamp(0.0, 7.0);
        let low = (at as usize).min(6);
        (low, at - low as f32)
    };
    let ((x, right), (y, down)) = (place(x), place(y));
    let at = |x: usize, y: usize| coarse[(y * 8 + x) * 3 + c];
    let row = |y: usize| at(x, y) * (1.0 - right) + at(x + 1, y) * right;
    row(y) * (1.0 - down) + row(y + 1) * down
}

/// A picture under a Gaussian of this standard deviation, pixels; mirrored at its edges.
fn blurred(picture: &[f32], sigma: f32) -> Vec<f32> {
    let reach = (4.0 * sigma).round() as isize;
    let weights: Vec<f32> = (-reach..=reach).map(|d| libm::expf(-((d * d) as f32) / (2.0 * sigma * sigma))).collect();
    let sum: f32 = weights.iter().sum();
    let last = SIDE as isize - 1;
    let mirrored = |at: isize| {
        (if at < 0 {
            -at
        } else if at > last {
            2 * last - at
        } else {
            at
        }) as usize
    };
    let along = |from: &[f32], place: &dyn Fn(usize, usize, usize) -> usize| {
        let mut out = vec![0.0; from.len()];
        for line in 0..SIDE {
            for at in 0..SIDE {
                for c in 0..3 {
                    let near =
                        weights.iter().zip(-reach..).map(|(w, d)| w * from[place(line, mirrored(at as isize + d), c)]);
                    out[place(line, at, c)] = near.sum::<f32>() / sum;
                }
            }
        }
        out
    };
    let rows = along(picture, &|line, at, c| (line * SIDE + at) * 3 + c);
    along(&rows, &|line, at, c| (at * SIDE + line) * 3 + c)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blurring_keeps_what_is_even_and_the_mean_of_a_point() {
        let even = vec![70.0; SIDE * SIDE * 3];
        assert!(blurred(&even, 1.2).iter().all(|v| (v - 70.0).abs() < 1e-3));
        let mut point = vec![0.0; SIDE * SIDE * 3];
        point[(30 * SIDE + 30) * 3] = 100.0;
        let soft = blurred(&point, 1.0);
        assert!((soft.iter().sum::<f32>() - 100.0).abs() < 1e-3);
        assert!(soft[(30 * SIDE + 30) * 3] < 20.0);
    }

    #[test]
    fn enlarging_a_slope_keeps_it_a_slope() {
        let coarse: Vec<f32> = (0..192).map(|i| (i / 3 % 8) as f32).collect();
        assert_eq!(enlarged(&coarse, 0, 0, 0), 0.0);
        assert!((enlarged(&coarse, 32, 20, 1) - (32.5 / 8.0 - 0.5)).abs() < 1e-6);
        assert_eq!(enlarged(&coarse, 63, 63, 2), 7.0);
    }

    #[test]
    fn a_probe_tells_bright_from_dark_and_red_from_blue() {
        let mut rng = Rng::new(3);
        let mut pictures = Vec::new();
        let mut classes = Vec::new();
        for i in 0..40 {
            let (bright, red) = (i % 2, i / 2 % 2);
            let base = [60.0, 60.0 + 100.0 * red as f32][bright.min(red)] + 80.0 * bright as f32;
            let pixel = [base + 60.0 * red as f32, base, base + 60.0 * (1 - red) as f32];
            let rgb = (0..SIDE * SIDE * 3).map(|j| (pixel[j % 3] + 20.0 * rng.normal()).clamp(0.0, 255.0) as u8);
            pictures.push(rgb.collect::<Vec<u8>>());
            classes.push(vec![bright, red]);
        }
        let borrowed: Vec<&[u8]> = pictures.iter().map(Vec::as_slice).collect();
        let probe = Probe::fit(&borrowed[..30], &classes[..30], &[2, 2]).unwrap();
        for (picture, classes) in borrowed[30..].iter().zip(&classes[30..]) {
            assert_eq!(&probe.classes(picture), classes);
        }
        assert!(Probe::fit(&[], &[], &[2, 2]).is_err());
    }
}
