//! Every operation against the CPU's, on shapes that are no multiples of a tile and on numbers that
//! are hard on f32. Both sum in f32 in an order of their own, so a sum of `k` products may be off
//! by `k` roundings of what its terms add up to without their signs; that is the bound.

use std::cell::Cell;

use oneflow_web::flow::rng::Rng;
use oneflow_web::ops::burn::BurnOps;
use oneflow_web::ops::gpu::{GpuOps, Products};
use oneflow_web::ops::{Ops, ready};

use crate::support::{FILLS, Fill, both_products, gpu, values, within};

/// Rounding of f32, twice: once for each side.
const EPSILON: f32 = 2.4e-7;

fn get<O: Ops>(ops: &O, x: &O::Matrix) -> Vec<f32> {
    ready(ops.download(x)).unwrap()
}

/// What both say of the same values; each is `(values, n_rows)`.
fn both<const N: usize>(
    gpu: &GpuOps,
    inputs: [(&[f32], usize); N],
    on_gpu: impl Fn(&GpuOps, [<GpuOps as Ops>::Matrix; N]) -> <GpuOps as Ops>::Matrix,
    on_cpu: impl Fn(&BurnOps, [<BurnOps as Ops>::Matrix; N]) -> <BurnOps as Ops>::Matrix,
) -> (Vec<f32>, Vec<f32>) {
    let cpu = BurnOps::cpu();
    let found = on_gpu(gpu, inputs.map(|(values, n_rows)| gpu.upload(values.to_vec(), n_rows)));
    let expected = on_cpu(&cpu, inputs.map(|(values, n_rows)| cpu.upload(values.to_vec(), n_rows)));
    (get(gpu, &found), get(&cpu, &expected))
}

/// The same call on both back ends.
macro_rules! both {
    ($gpu:expr, [$($input:expr),*], |$ops:ident, $names:pat_param| $call:expr) => {
        both($gpu, [$($input),*], |$ops, $names| $call, |$ops, $names| $call)
    };
}

fn absolute(values: &[f32]) -> Vec<f32> {
    values.iter().map(|value| value.abs()).collect()
}

/// Rows, inner and columns: no multiples of 16 or 64, single rows and columns, and more than 4,096.
const PRODUCTS: [(usize, usize, usize); 12] = [
    (1, 1, 1),
    (1, 192, 2),
    (3, 7, 65),
    (17, 33, 1),
    (23, 16, 64),
    (24, 15, 63),
    (65, 64, 66),
    (100, 129, 70),
    (2, 4097, 3),
    (33, 5, 4097),
    (130, 48, 131),
    (5, 192, 1383),
];

#[test]
fn products_are_the_cpus() {
    for gpu in both_products() {
        let mut rng = Rng::new(1);
        for (n, k, m) in PRODUCTS {
            for fill in FILLS {
                let (x, w) = (values(&mut rng, n * k, fill), values(&mut rng, k * m, fill));
                let (found, expected) = both!(&gpu, [(&x, n), (&w, k)], |ops, [x, w]| ops.linear(&x, &w));
                let cpu = BurnOps::cpu();
                let sizes = cpu.linear(&cpu.upload(absolute(&x), n), &cpu.upload(absolute(&w), k));
                let sizes = get(&cpu, &sizes);
                let what = format!("{n}x{k}x{m} {fill:?}");
                within(&what, &found, &expected, |i| k as f32 * EPSILON * sizes[i] + 1e-37);
                let transposed: Vec<f32> = (0..k * m).map(|i| w[i % k * m + i / k]).collect();
                let (found, _) = both!(&gpu, [(&x, n), (&transposed, m)], |ops, [x, w]| ops.linear_transposed(&x, &w));
                within(&format!("{what} transposed"), &found, &expected, |i| k as f32 * EPSILON * sizes[i] + 1e-37);
            }
        }
    }
}

const SHAPES: [(usize, usize); 8] = [(1, 1), (1, 4097), (7, 1), (3, 63), (65, 64), (130, 66), (1000, 3), (2, 192)];

#[test]
fn values_one_by_one_are_the_cpus() {
    let (gpu, mut rng) = (gpu(), Rng::new(2));
    for (n, d) in SHAPES {
        for fill in FILLS {
            let (x, y) = (values(&mut rng, n * d, fill), values(&mut rng, n * d, fill));
            let check = |what: &str, (found, expected): (Vec<f32>, Vec<f32>)| {
                let what = format!("{what} {n}x{d} {fill:?}");
                // A few roundings of a value, and of the exponential in it.
                within(&what, &found, &expected, |i| 32.0 * EPSILON * expected[i].abs() + 1e-22);
            };
            check("scale", both!(&gpu, [(&x, n)], |ops, [x]| ops.scale(&x, -0.7)));
            check("silu", both!(&gpu, [(&x, n)], |ops, [x]| ops.silu(&x)));
            check("add", both!(&gpu, [(&x, n), (&y, n)], |ops, [x, y]| ops.add(&x, &y)));
            check("gated", both!(&gpu, [(&x, n), (&y, n)], |ops, [x, y]| ops.gated(&x, &y)));
        }
    }
}

#[test]
fn norms_are_the_cpus() {
    let (gpu, mut rng) = (gpu(), Rng::new(3));
    for (n, d) in SHAPES.into_iter().chain([(70_000, 1)]) {
        for fill in FILLS {
            let (x, gain) = (values(&mut rng, n * d, fill), values(&mut rng, d, Fill::Normal));
            let (found, expected) = both!(&gpu, [(&x, n), (&gain, 1)], |ops, [x, gain]| ops.rms_norm(&x, &gain));
            let bound = |i: usize| (d as f32 + 8.0) * EPSILON * expected[i].abs() + 1e-30;
            within(&format!("{n}x{d} {fill:?}"), &found, &expected, bound);
        }
    }
}

#[test]
fn rotations_are_the_cpus() {
    let (gpu, mut rng) = (gpu(), Rng::new(4));
    for (n, n_heads, d_head) in [(1, 1, 8), (5, 3, 24), (67, 6, 32), (9, 2, 40)] {
        for fill in FILLS {
            let d = n_heads * d_head;
            let x = values(&mut rng, n * d, fill);
            let angles = values(&mut rng, n * d_head / 2, Fill::Normal);
            let (cos, sin): (Vec<f32>, Vec<f32>) = angles.iter().map(|angle| (angle.cos(), angle.sin())).unzip();
            let (found, expected) =
                both!(&gpu, [(&x, n), (&cos, n), (&sin, n)], |ops, [x, cos, sin]| ops.rope(&x, &cos, &sin, n_heads));
            let half = d_head / 2;
            let size = |i: usize| {
                let partner = if i % d_head < half { i + half } else { i - half };
                x[i].abs() + x[partner].abs()
            };
            within(&format!("{n}x{d} {fill:?}"), &found, &expected, |i| 4.0 * EPSILON * size(i) + 1e-37);
        }
    }
}

/// Sequences, rows of one, heads, width of a head.
const ATTENTIONS: [(usize, usize, usize, usize); 8] = [
    (1, 1, 1, 8),
    (2, 5, 3, 8),
    (1, 33, 2, 24),
    (3, 64, 1, 32),
    (1, 65, 6, 32),
    (2, 131, 2, 64),
    (1, 40, 1, 128),
    (1, 9, 1, 264),
];

#[test]
fn attention_is_the_cpus() {
    for gpu in both_products() {
        let mut rng = Rng::new(5);
        for (batch, seq, n_heads, d_head) in ATTENTIONS {
            // Weights near zero and one, huge and tiny values, and scores so far apart that one key wins.
            for (q_size, fill) in [(1.0, Fill::Normal), (30.0, Fill::Huge), (1.0, Fill::Tiny), (0.0, Fill::Mixed)] {
                let (n, d) = (batch * seq, n_heads * d_head);
                let mut normal = |factor: f32| -> Vec<f32> {
                    values(&mut rng, n * d, Fill::Normal).into_iter().map(|value| factor * value).collect()
                };
                let (q, k) = (normal(q_size), normal(1.0));
                let v = values(&mut rng, n * d, fill);
                // Half of the keys are padding, but of the first sequence none and of the last all.
                let padded = |i: usize| i >= seq && (i / seq == batch - 1 || i.is_multiple_of(2));
                let bias: Vec<f32> = (0..n).map(|i| if padded(i) { -1e9 } else { 0.0 }).collect();
                let inputs = [(&q[..], n), (&k[..], n), (&v[..], n), (&bias[..], batch)];
                let call = |ops: &GpuOps, [q, k, v, bias]: [_; 4]| ops.attention(&q, &k, &v, &bias, n_heads);
                let on_cpu = |ops: &BurnOps, [q, k, v, bias]: [_; 4]| ops.attention(&q, &k, &v, &bias, n_heads);
                let (found, expected) = both(&gpu, inputs, call, on_cpu);
                let largest = v.iter().fold(0.0_f32, |largest, value| largest.max(value.abs()));
                // A score is off by some roundings of its terms, and a weight by that factor.
                let score = q_size.max(1.0) * (d_head as f32).sqrt() * 4.0;
                let what = format!("{batch}x{seq}, {n_heads} heads of {d_head}, {fill:?}");
                within(&what, &found, &expected, |_| 16.0 * EPSILON * score * largest + 1e-37);
            }
        }
    }
}

#[test]
fn moving_rows_and_columns_changes_no_bit() {
    let (gpu, mut rng) = (gpu(), Rng::new(6));
    for (n, d) in SHAPES {
        let x = values(&mut rng, n * d, Fill::Mixed);
        let ids: Vec<u32> = (0..2 * n + 1).map(|_| rng.below(n) as u32).collect();
        let same = |(found, expected): (Vec<f32>, Vec<f32>)| within(&format!("{n}x{d}"), &found, &expected, |_| 0.0);
        same(both!(&gpu, [(&x, n)], |ops, [x]| ops.embed(&x, &ids)));
        same(both!(&gpu, [(&x, n)], |ops, [x]| ops.select(&x, &ids[..1])));
        same(both!(&gpu, [(&x, n)], |ops, [x]| ops.columns(&x, d / 3, d - d / 3)));
        let middle = (d / 3, d - 2 * (d / 3));
        same(both!(&gpu, [(&x, n)], |ops, [x]| ops.scale(&ops.columns(&x, middle.0, middle.1), 1.0)));
        for batch in (1..=n).filter(|batch| n % batch == 0).take(3) {
            let b = values(&mut rng, 2 * n * d, Fill::Normal);
            same(both!(&gpu, [(&x, n), (&b, 2 * n)], |ops, [a, b]| ops.join(&a, &b, batch)));
        }
    }
}

#[test]
fn modulation_is_the_cpus() {
    let (gpu, mut rng) = (gpu(), Rng::new(7));
    for (m, each, d) in [(1, 1, 1), (2, 16, 192), (3, 5, 67), (1, 2, 4097)] {
        for fill in FILLS {
            let x = values(&mut rng, m * each * d, fill);
            let (scale, shift) = (values(&mut rng, m * d, Fill::Normal), values(&mut rng, m * d, fill));
            let (found, expected) =
                both!(&gpu, [(&x, m * each), (&scale, m), (&shift, m)], |ops, [x, a, b]| ops.modulate(&x, &a, &b));
            let size = |i: usize| {
                let other = i / d / each * d + i % d;
                (x[i] * (1.0 + scale[other])).abs() + shift[other].abs()
            };
            within(&format!("{m}x{each}x{d} {fill:?}"), &found, &expected, |i| 4.0 * EPSILON * size(i) + 1e-37);
        }
    }
}

#[test]
fn what_is_fused_is_the_sum_of_its_parts() {
    for gpu in both_products() {
        let mut rng = Rng::new(9);
        let tables = (values(&mut rng, 9 * 67, Fill::Normal), values(&mut rng, 2 * 67, Fill::Normal));
        let (ids, other_ids) = ([8, 0, 3, 3, 7], [1, 1, 0, 1, 0]);
        let (found, expected) = both!(&gpu, [(&tables.0, 9), (&tables.1, 2)], |ops, [table, other]| ops.embed_sum(
            2.5,
            [&table, &other],
            [&ids, &other_ids]
        ));
        within("rows of two tables", &found, &expected, |_| 1e-6);
        for (n, k, m) in [(1, 8, 1), (5, 48, 67), (24, 33, 64), (70, 192, 130), (3, 4097, 5), (130, 16, 1)] {
            for fill in [Fill::Normal, Fill::Tiny, Fill::Zeros] {
                let x = values(&mut rng, n * k, fill);
                let gain = values(&mut rng, k, Fill::Normal);
                let mut weight = || -> Vec<f32> {
                    values(&mut rng, k * m, Fill::Normal).iter().map(|value| value / (k as f32).sqrt()).collect()
                };
                let (a, b, c) = (weight(), weight(), weight());
                let sum = values(&mut rng, n * m, Fill::Normal);
                let what = format!("{n}x{k}x{m} {fill:?}");
                // Sums of k values of about one, over the square root of k.
                let close = |name: &str, (found, expected): (Vec<f32>, Vec<f32>)| {
                    within(&format!("{name} {what}"), &found, &expected, |i| 2e-5 * expected[i].abs().max(1.0));
                };
                let inputs = [(&x[..], n), (&gain[..], 1), (&a[..], k), (&b[..], k), (&c[..], k)];
                for i in 0..3 {
                    let on_gpu = |ops: &GpuOps, [x, gain, a, b, c]: [_; 5]| {
                        let [y0, y1, y2] = ops.normed_linears(&x, &gain, [&a, &b, &c]);
                        [y0, y1, y2][i].clone()
                    };
                    let on_cpu = |ops: &BurnOps, [x, gain, a, b, c]: [_; 5]| {
                        ops.normed_linears(&x, &gain, [&a, &b, &c])[i].clone()
                    };
                    close("beside each other", both(&gpu, inputs, on_gpu, on_cpu));
                }
                let [x, gain, a, b, _] = inputs;
                close(
                    "gated",
                    both!(&gpu, [x, gain, a, b], |ops, [x, gain, a, b]| ops.normed_gated(&x, &gain, &a, &b)),
                );
                close("added", both!(&gpu, [(&sum, n), x, a], |ops, [sum, x, a]| ops.add_linear(&sum, &x, &a)));
            }
        }
    }
}

#[test]
fn attention_turns_its_rows_as_rope_does() {
    for gpu in both_products() {
        let mut rng = Rng::new(10);
        for (batch, seq, n_heads, d_head) in [(1, 1, 1, 8), (2, 37, 3, 24), (1, 70, 2, 32)] {
            let (n, d) = (batch * seq, n_heads * d_head);
            let mut normal = |n: usize| values(&mut rng, n, Fill::Normal);
            let (q, k, v, angles) = (normal(n * d), normal(n * d), normal(n * d), normal(n * d_head / 2));
            let (cos, sin): (Vec<f32>, Vec<f32>) = angles.iter().map(|angle| (angle.cos(), angle.sin())).unzip();
            let bias = vec![0.0; n];
            let inputs = [(&q[..], n), (&k[..], n), (&v[..], n), (&cos[..], n), (&sin[..], n), (&bias[..], batch)];
            let on_gpu = |ops: &GpuOps, [q, k, v, cos, sin, bias]: [_; 6]| {
                ops.rope_attention([&q, &k, &v], [&cos, &sin], &bias, n_heads)
            };
            let on_cpu = |ops: &BurnOps, [q, k, v, cos, sin, bias]: [_; 6]| {
                ops.rope_attention([&q, &k, &v], [&cos, &sin], &bias, n_heads)
            };
            let (found, expected) = both(&gpu, inputs, on_gpu, on_cpu);
            within(&format!("{batch}x{seq}, {n_heads} heads of {d_head}"), &found, &expected, |_| 2e-5);
        }
    }
}

/// What a run of the network reads again and again: windows into wider matrices.
#[test]
fn windows_are_taken_by_every_kernel() {
    for gpu in both_products() {
        let mut rng = Rng::new(8);
        let (n, d) = (37, 48);
        let wide = values(&mut rng, n * 3 * d, Fill::Normal);
        let gain = values(&mut rng, d, Fill::Normal);
        let weight = values(&mut rng, d * 5, Fill::Normal);
        let cos = values(&mut rng, n * 8, Fill::Normal);
        let bias = vec![0.0; n];
        let close = |what: &str, (found, expected): (Vec<f32>, Vec<f32>)| within(what, &found, &expected, |_| 1e-4);
        close("product", both!(&gpu, [(&wide, n), (&weight, d)], |ops, [x, w]| ops.linear(&ops.columns(&x, d, d), &w)));
        close(
            "norm",
            both!(&gpu, [(&wide, n), (&gain, 1)], |ops, [x, gain]| ops.rms_norm(&ops.columns(&x, d, d), &gain)),
        );
        close(
            "rope",
            both!(&gpu, [(&wide, n), (&cos, n)], |ops, [x, cos]| ops.rope(&ops.columns(&x, d, d), &cos, &cos, 3)),
        );
        close("add", both!(&gpu, [(&wide, n)], |ops, [x]| ops.add(&ops.columns(&x, d, d), &ops.columns(&x, 2 * d, d))));
        close(
            "attention",
            both!(&gpu, [(&wide, n), (&bias, 1)], |ops, [x, bias]| {
                let part = |i| ops.columns(&x, i * d, d);
                ops.attention(&part(0), &part(1), &part(2), &bias, 3)
            }),
        );
    }
}

#[test]
fn the_kernel_for_products_is_chosen_by_measurement_and_by_hand() {
    let gpu = gpu();
    assert_eq!(gpu.products(), Products::Tiled);
    // A clock that stands still finds neither faster, one that is slow while the second kernel
    // computes finds that one.
    assert_eq!(ready(gpu.tune(|| 0.0)).unwrap(), Products::Tiled);
    let slow = Cell::new(0.0);
    let clock = || {
        slow.set(slow.get() + if gpu.products() == Products::Tiled { 10.0 } else { 0.1 });
        slow.get()
    };
    assert_eq!(ready(gpu.tune(clock)).unwrap(), Products::Direct);
    assert_eq!(gpu.products(), Products::Direct);
    gpu.choose(Products::Tiled);
    assert_eq!(gpu.products(), Products::Tiled);
}
