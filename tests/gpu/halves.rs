//! Factors in `f16`: the bounds are those of 11 bits, sums stay `f32`, and what does not fit is told.

use half::f16;
use oneflow_web::flow::rng::Rng;
use oneflow_web::model::made_up::{self, Case, Storage};
use oneflow_web::model::self_test::self_test;
use oneflow_web::ops::cpu::CpuOps;
use oneflow_web::ops::gpu::{Choice, GpuOps};
use oneflow_web::ops::stored::BlockFormat;
use oneflow_web::ops::{Ops, Precision, ready};

use crate::forward::{config, worst};
use crate::support::{Fill, values, within};

/// Rounding of f32, twice, and of f16 once.
const EPSILON_F32: f32 = 2.4e-7;
const EPSILON_F16: f32 = 4.9e-4;

/// A factor below the normal numbers of f16 may become zero.
const SMALLEST_F16: f32 = 6.2e-5;

/// A device for each kernel of matrix products and of attention.
#[track_caller]
fn both_products() -> [GpuOps; 2] {
    [Choice::TILED, Choice::DIRECT].map(|choice| {
        let gpu = ready(GpuOps::open_in(Precision::F16)).unwrap();
        assert_eq!(gpu.precision(), Precision::F16);
        gpu.choose(choice);
        gpu
    })
}

fn product<O: Ops>(ops: &O, x: &[f32], w: &[f32], [n, k]: [usize; 2]) -> Vec<f32> {
    ready(ops.download(&ops.linear(&ops.upload(x.to_vec(), n), &ops.weight(w.to_vec(), k)))).unwrap()
}

fn absolute(values: &[f32]) -> Vec<f32> {
    values.iter().map(|value| value.abs()).collect()
}

/// Rows, inner and columns.
const SHAPES: [[usize; 3]; 7] =
    [[1, 1, 1], [1, 192, 2], [24, 15, 63], [65, 64, 66], [2, 4097, 3], [33, 5, 4097], [130, 48, 131]];

#[test]
fn products_are_off_by_the_rounding_of_two_factors() {
    let mut rng = Rng::new(1);
    for gpu in both_products() {
        let mut largest = 0.0_f32;
        for [n, k, m] in SHAPES {
            let (x, w) = (values(&mut rng, n * k, Fill::Normal), values(&mut rng, k * m, Fill::Normal));
            let sizes = product(&CpuOps, &absolute(&x), &absolute(&w), [n, k]);
            let (found, expected) = (product(&gpu, &x, &w, [n, k]), product(&CpuOps, &x, &w, [n, k]));
            let what = format!("{} {n}x{k}x{m}", gpu.choice());
            // Of normal numbers, a sum of k lost ones is below k times a few.
            let bound = |i: usize| 2.1 * EPSILON_F16 * sizes[i] + 8.0 * k as f32 * SMALLEST_F16 * 1e-3;
            within(&what, &found, &expected, bound);
            largest = found.iter().zip(&expected).fold(largest, |largest, (a, b)| largest.max((a - b).abs()));
        }
        assert!(largest > 1e-3, "{} rounds nothing: off by {largest}", gpu.choice());
    }
}

/// With factors that f16 has, nothing but the order of sums differs.
#[test]
fn sums_are_in_f32() {
    let mut rng = Rng::new(2);
    let mut halves = |n: usize| -> Vec<f32> {
        let normal = values(&mut rng, n, Fill::Normal);
        normal.into_iter().map(|value| f16::from_f32(100.0 * value).to_f32()).collect()
    };
    for gpu in both_products() {
        for [n, k, m] in SHAPES {
            let (x, w) = (halves(n * k), halves(k * m));
            let sizes = product(&CpuOps, &absolute(&x), &absolute(&w), [n, k]);
            let (found, expected) = (product(&gpu, &x, &w, [n, k]), product(&CpuOps, &x, &w, [n, k]));
            let what = format!("{} {n}x{k}x{m}", gpu.choice());
            within(&what, &found, &expected, |i| k as f32 * EPSILON_F32 * sizes[i]);
        }
    }
}

/// The squares of rows do not fit f16, and are not to be rounded to it.
#[test]
fn norms_are_of_squares_in_f32() {
    let mut rng = Rng::new(3);
    for gpu in both_products() {
        for (n, k, m) in [(5, 48, 67), (70, 192, 130), (3, 4097, 5)] {
            let x: Vec<f32> = values(&mut rng, n * k, Fill::Normal).iter().map(|value| 3e3 * value).collect();
            let gain = values(&mut rng, k, Fill::Normal);
            let w: Vec<f32> =
                values(&mut rng, 2 * k * m, Fill::Normal).iter().map(|value| value / (k as f32).sqrt()).collect();
            fn get<O: Ops>(ops: &O, x: &[f32], gain: &[f32], w: &[f32], [n, k, m]: [usize; 3]) -> [Vec<f32>; 2] {
                let [gate, up] = [0, k * m].map(|at| ops.weight(w[at..at + k * m].to_vec(), k));
                let (x, gain) = (ops.upload(x.to_vec(), n), ops.weight(gain.to_vec(), 1));
                let side = ops.normed_linears(&x, &gain, [&gate, &up, &up]);
                let gated = ops.normed_gated(&x, &gain, &gate, &up);
                [&side[1], &gated].map(|matrix| ready(ops.download(matrix)).unwrap())
            }
            let found = get(&gpu, &x, &gain, &w, [n, k, m]);
            let expected = get(&CpuOps, &x, &gain, &w, [n, k, m]);
            for (found, expected) in found.iter().zip(&expected) {
                // Sums of numbers of about one; the gate of products multiplies two of them.
                within(&format!("{n}x{k}x{m}"), found, expected, |i| 5e-3 * expected[i].abs().max(1.0));
            }
        }
    }
}

#[test]
fn attention_is_off_by_the_rounding_of_keys_and_values() {
    let mut rng = Rng::new(4);
    for gpu in both_products() {
        for (batch, seq, n_heads, d_head) in [(2, 5, 3, 8), (3, 64, 1, 32), (2, 131, 2, 64), (1, 9, 1, 264)] {
            let (n, d) = (batch * seq, n_heads * d_head);
            let [q, k, v] = [0; 3].map(|_| values(&mut rng, n * d, Fill::Normal));
            let bias: Vec<f32> = (0..n).map(|i| if i % seq > 2 && i % 3 == 0 { -1e9 } else { 0.0 }).collect();
            fn get<O: Ops>(ops: &O, heads: [&[f32]; 3], bias: &[f32], batch: usize, n_heads: usize) -> Vec<f32> {
                let [q, k, v] = heads.map(|x| ops.upload(x.to_vec(), bias.len()));
                let bias = ops.upload(bias.to_vec(), batch);
                ready(ops.download(&ops.attention(&q, &k, &v, &bias, n_heads))).unwrap()
            }
            let (found, expected) =
                (get(&gpu, [&q, &k, &v], &bias, batch, n_heads), get(&CpuOps, [&q, &k, &v], &bias, batch, n_heads));
            let largest = v.iter().fold(0.0_f32, |largest, value| largest.max(value.abs()));
            // A score is off by the roundings of a key, whose terms have random signs.
            let bound = 4.0 * EPSILON_F16 * largest;
            within(&format!("{batch}x{seq}, {n_heads} heads of {d_head}"), &found, &expected, |_| bound);
        }
    }
}

/// Within what the whole is held to, and not so near that nothing would be rounded.
#[test]
fn heads_and_velocities_are_near_the_cpus() {
    let config = config();
    for storage in [Storage::F32, Storage::F16, Storage::Blocks(BlockFormat::Q8), Storage::Blocks(BlockFormat::Q4)] {
        for (batch, n_tokens, n_images) in [(1, 40, 3), (1, 1, 0), (2, 65, 1), (1, 160, 6)] {
            let expected = Case::stored(CpuOps, &config, &|_| storage, batch, n_tokens, n_images).unwrap();
            let expected = ready(expected.forward()).unwrap();
            for gpu in both_products() {
                let what = format!("{}, {storage:?}, {batch} x {n_tokens} tokens, {n_images}", gpu.choice());
                let found = Case::stored(gpu, &config, &|_| storage, batch, n_tokens, n_images).unwrap();
                let off = worst(&ready(found.forward()).unwrap(), &expected);
                println!("{what}: off by {off:e}");
                assert!(off <= 2e-2 && off > 1e-5, "{what}: off by {off:e}");
            }
        }
    }
}

#[test]
fn the_self_test_allows_for_eleven_bits() {
    let gpu = ready(GpuOps::open_in(Precision::F16)).unwrap();
    let off = ready(self_test(gpu.clone(), Precision::F16)).unwrap();
    println!("off by {off:e}");
    assert!(off > 1e-4 && off < 1e-2, "{off}");
}

/// An activation that f16 does not have is infinite, and does not turn into some number on its way.
#[test]
fn a_factor_that_does_not_fit_leaves_no_finite_sum() {
    let mut rng = Rng::new(5);
    for gpu in both_products() {
        for [n, k, m] in [[3, 40, 30], [30, 40, 70]] {
            let mut x = values(&mut rng, n * k, Fill::Normal);
            let w = values(&mut rng, k * m, Fill::Normal);
            x[k + 7] = 7e4;
            let found = product(&gpu, &x, &w, [n, k]);
            for (i, value) in found.iter().enumerate() {
                assert_eq!(value.is_finite(), i / m != 1, "{}: value {i} is {value}", gpu.choice());
            }
        }
    }
    // And in a whole network: such a time feature reaches every velocity.
    let mut case = Case::new(ready(GpuOps::open_in(Precision::F16)).unwrap(), &made_up::config(), 1, 12, 1).unwrap();
    case.input.time_features[3] = 7e4;
    let n_slots = case.input.slot_rows.len();
    let found = ready(case.forward()).unwrap();
    assert!(found[2 * n_slots..].iter().take(20).all(|value| !value.is_finite()), "{found:?}");
}
