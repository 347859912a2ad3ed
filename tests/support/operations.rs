//! Every operation of a back end against burn's tensors, on shapes that are no multiples of a tile or a
//! panel and on numbers that are hard on f32. Both sum in f32 in an order of their own, so a sum of `k`
//! products may be off by `k` roundings of what its terms add up to without their signs; that is the
//! bound.

use oneflow_web::flow::rng::Rng;
use oneflow_web::ops::burn::BurnOps;
use oneflow_web::ops::{Ops, ready};

use crate::numbers::{FILLS, Fill, values, within};

/// Rounding of f32, twice: once for each side.
const EPSILON: f32 = 2.4e-7;

fn get<O: Ops>(ops: &O, x: &O::Matrix) -> Vec<f32> {
    ready(ops.download(x)).unwrap()
}

/// What both say to the same call.
macro_rules! both {
    ($own:ident, |$ops:ident| $call:expr) => {{
        let found = {
            let $ops = $own;
            get($ops, &$call)
        };
        let expected = {
            let $ops = &BurnOps::cpu();
            get($ops, &$call)
        };
        (found, expected)
    }};
}

fn absolute(values: &[f32]) -> Vec<f32> {
    values.iter().map(|value| value.abs()).collect()
}

/// Rows, inner and columns: around four rows and eight columns, single ones, and more than 4,096.
const PRODUCTS: [(usize, usize, usize); 12] = [
    (1, 1, 1),
    (1, 192, 2),
    (3, 7, 9),
    (4, 8, 8),
    (5, 33, 1),
    (23, 16, 64),
    (24, 15, 63),
    (65, 64, 66),
    (2, 4097, 3),
    (33, 5, 4097),
    (130, 48, 131),
    (5, 192, 1383),
];

pub fn products_are_burns<O: Ops>(own: &O) {
    let mut rng = Rng::new(1);
    for (n, k, m) in PRODUCTS {
        for fill in FILLS {
            let (x, w) = (values(&mut rng, n * k, fill), values(&mut rng, k * m, fill));
            let sum = values(&mut rng, n * m, fill);
            let what = format!("{n}x{k}x{m} {fill:?}");
            let burn = BurnOps::cpu();
            let sizes = burn.linear(&burn.upload(absolute(&x), n), &burn.weight(absolute(&w), k));
            let sizes = get(&burn, &sizes);
            let bound = |i: usize| k as f32 * EPSILON * sizes[i] + 1e-37;

            let (found, expected) = both!(own, |ops| ops.linear(&ops.upload(x.clone(), n), &ops.weight(w.clone(), k)));
            within(&what, &found, &expected, bound);

            let transposed: Vec<f32> = (0..k * m).map(|i| w[i % k * m + i / k]).collect();
            let table = own.weight(transposed, m);
            let found = get(own, &own.linear_transposed(&own.upload(x.clone(), n), &table));
            within(&format!("{what} transposed"), &found, &expected, bound);

            let (found, expected) = both!(own, |ops| ops.add_linear(
                &ops.upload(sum.clone(), n),
                &ops.upload(x.clone(), n),
                &ops.weight(w.clone(), k)
            ));
            within(&format!("{what} added"), &found, &expected, |i| bound(i) + 2.0 * EPSILON * sum[i].abs());
        }
    }
}

const SHAPES: [(usize, usize); 8] = [(1, 1), (1, 4097), (7, 1), (3, 63), (65, 64), (130, 66), (1000, 3), (2, 192)];

pub fn values_one_by_one_are_burns<O: Ops>(own: &O) {
    let mut rng = Rng::new(2);
    for (n, d) in SHAPES {
        for fill in FILLS {
            let (x, y) = (values(&mut rng, n * d, fill), values(&mut rng, n * d, fill));
            let check = |what: &str, (found, expected): (Vec<f32>, Vec<f32>)| {
                let what = format!("{what} {n}x{d} {fill:?}");
                // A few roundings of a value, and of the exponential in it.
                within(&what, &found, &expected, |i| 32.0 * EPSILON * expected[i].abs() + 1e-22);
            };
            check("scale", both!(own, |ops| ops.scale(&ops.upload(x.clone(), n), -0.7)));
            check("silu", both!(own, |ops| ops.silu(&ops.upload(x.clone(), n))));
            check("add", both!(own, |ops| ops.add(&ops.upload(x.clone(), n), &ops.upload(y.clone(), n))));
            check("gated", both!(own, |ops| ops.gated(&ops.upload(x.clone(), n), &ops.upload(y.clone(), n))));
        }
    }
}

pub fn norms_are_burns<O: Ops>(own: &O) {
    let mut rng = Rng::new(3);
    for (n, d) in SHAPES.into_iter().chain([(70_000, 1)]) {
        for fill in FILLS {
            let (x, gain) = (values(&mut rng, n * d, fill), values(&mut rng, d, Fill::Normal));
            let (found, expected) =
                both!(own, |ops| ops.rms_norm(&ops.upload(x.clone(), n), &ops.weight(gain.clone(), 1)));
            let bound = |i: usize| (d as f32 + 8.0) * EPSILON * expected[i].abs() + 1e-30;
            within(&format!("{n}x{d} {fill:?}"), &found, &expected, bound);
        }
    }
}

pub fn rotations_are_burns<O: Ops>(own: &O) {
    let mut rng = Rng::new(4);
    for (n, n_heads, d_head) in [(1, 1, 8), (5, 3, 24), (67, 6, 32), (9, 2, 40)] {
        for fill in FILLS {
            let d = n_heads * d_head;
            let x = values(&mut rng, n * d, fill);
            let (cos, sin) = turns(&mut rng, n * d_head / 2);
            let (found, expected) = both!(own, |ops| {
                let turn = [&cos, &sin].map(|angle| ops.upload(angle.clone(), n));
                ops.rope(&ops.upload(x.clone(), n), &turn[0], &turn[1], n_heads)
            });
            let half = d_head / 2;
            let size = |i: usize| {
                let partner = if i % d_head < half { i + half } else { i - half };
                x[i].abs() + x[partner].abs()
            };
            within(&format!("{n}x{d} {fill:?}"), &found, &expected, |i| 4.0 * EPSILON * size(i) + 1e-37);
        }
    }
}

fn turns(rng: &mut Rng, n: usize) -> (Vec<f32>, Vec<f32>) {
    values(rng, n, Fill::Normal).iter().map(|angle| (angle.cos(), angle.sin())).unzip()
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

pub fn attention_is_burns<O: Ops>(own: &O) {
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
            let (cos, sin) = turns(&mut rng, n * d_head / 2);
            // Half of the keys are padding, but of the first sequence none and of the last all.
            let padded = |i: usize| i >= seq && (i / seq == batch - 1 || i.is_multiple_of(2));
            let bias: Vec<f32> = (0..n).map(|i| if padded(i) { -1e9 } else { 0.0 }).collect();
            let largest = v.iter().fold(0.0_f32, |largest, value| largest.max(value.abs()));
            // A score is off by some roundings of its terms, and a weight by that factor.
            let score = q_size.max(1.0) * (d_head as f32).sqrt() * 4.0;
            let what = format!("{batch}x{seq}, {n_heads} heads of {d_head}, {fill:?}");
            let bound = |_: usize| 16.0 * EPSILON * score * largest + 1e-37;

            let (found, expected) = both!(own, |ops| {
                let [q, k, v] = [&q, &k, &v].map(|x| ops.upload(x.clone(), n));
                ops.attention(&q, &k, &v, &ops.upload(bias.clone(), batch), n_heads)
            });
            within(&what, &found, &expected, bound);
            let (found, expected) = both!(own, |ops| {
                let [q, k, v, cos, sin] = [&q, &k, &v, &cos, &sin].map(|x| ops.upload(x.clone(), n));
                ops.rope_attention([&q, &k, &v], [&cos, &sin], &ops.upload(bias.clone(), batch), n_heads)
            });
            within(&format!("{what} turned"), &found, &expected, bound);
        }
    }
}

pub fn moving_rows_and_columns_changes_no_bit<O: Ops>(own: &O) {
    let mut rng = Rng::new(6);
    for (n, d) in SHAPES {
        let x = values(&mut rng, n * d, Fill::Mixed);
        let other = values(&mut rng, 2 * n * d, Fill::Normal);
        let ids: Vec<u32> = (0..2 * n + 1).map(|_| rng.below(n) as u32).collect();
        let same = |(found, expected): (Vec<f32>, Vec<f32>)| within(&format!("{n}x{d}"), &found, &expected, |_| 0.0);
        same(both!(own, |ops| ops.embed(&ops.weight(x.clone(), n), &ids)));
        same(both!(own, |ops| ops.select(&ops.upload(x.clone(), n), &ids)));
        same(both!(own, |ops| ops.columns(&ops.upload(x.clone(), n), d / 3, d - d / 3)));
        same(both!(own, |ops| {
            let tables = [ops.weight(x.clone(), n), ops.weight(other.clone(), 2 * n)];
            ops.embed_sum(0.5, [&tables[0], &tables[1]], [&ids, &ids])
        }));
        for batch in (1..=n).filter(|batch| n % batch == 0).take(3) {
            same(both!(own, |ops| ops.join(&ops.upload(x.clone(), n), &ops.upload(other.clone(), 2 * n), batch)));
        }
    }
}

pub fn modulation_is_burns<O: Ops>(own: &O) {
    let mut rng = Rng::new(7);
    for (m, each, d) in [(1, 1, 1), (2, 16, 192), (3, 5, 67), (1, 2, 4097)] {
        for fill in FILLS {
            let x = values(&mut rng, m * each * d, fill);
            let (scale, shift) = (values(&mut rng, m * d, Fill::Normal), values(&mut rng, m * d, fill));
            let (found, expected) = both!(own, |ops| {
                let [scale, shift] = [&scale, &shift].map(|x| ops.upload(x.clone(), m));
                ops.modulate(&ops.upload(x.clone(), m * each), &scale, &shift)
            });
            let size = |i: usize| {
                let other = i / d / each * d + i % d;
                (x[i] * (1.0 + scale[other])).abs() + shift[other].abs()
            };
            within(&format!("{m}x{each}x{d} {fill:?}"), &found, &expected, |i| 4.0 * EPSILON * size(i) + 1e-37);
        }
    }
}

pub fn what_is_fused_is_the_sum_of_its_parts<O: Ops>(own: &O) {
    let mut rng = Rng::new(9);
    for (n, k, m) in [(1, 8, 1), (5, 48, 67), (24, 33, 64), (70, 192, 130), (3, 4097, 5), (130, 16, 1)] {
        for fill in [Fill::Normal, Fill::Tiny, Fill::Zeros] {
            let x = values(&mut rng, n * k, fill);
            let gain = values(&mut rng, k, Fill::Normal);
            let mut weight = || -> Vec<f32> {
                values(&mut rng, k * m, Fill::Normal).iter().map(|value| value / (k as f32).sqrt()).collect()
            };
            let weights = [weight(), weight(), weight()];
            // Sums of k values of about one, over the square root of k.
            let close = |name: &str, (found, expected): (Vec<f32>, Vec<f32>)| {
                let what = format!("{name} {n}x{k}x{m} {fill:?}");
                within(&what, &found, &expected, |i| 2e-5 * expected[i].abs().max(1.0));
            };
            for i in 0..3 {
                close(
                    "beside each other",
                    both!(own, |ops| {
                        let own = weights.each_ref().map(|weight| ops.weight(weight.clone(), k));
                        let (x, gain) = (ops.upload(x.clone(), n), ops.weight(gain.clone(), 1));
                        ops.normed_linears(&x, &gain, own.each_ref())[i].clone()
                    }),
                );
            }
            close(
                "gated",
                both!(own, |ops| {
                    let [gate, up] = [0, 1].map(|i: usize| ops.weight(weights[i].clone(), k));
                    ops.normed_gated(&ops.upload(x.clone(), n), &ops.weight(gain.clone(), 1), &gate, &up)
                }),
            );
        }
    }
}
