//! Weights in every storage against the CPU's, which takes the same numbers as `f32`. A number and
//! its scale have 19 bits together, so what is unpacked is exact, and a product may be off by as
//! much as one of `f32` weights: `k` roundings of what its terms add up to without their signs.

use half::f16;
use oneflow_web::flow::rng::Rng;
use oneflow_web::ops::burn::BurnOps;
use oneflow_web::ops::stored::{BlockFormat, BlockSpec, Blocks, StoredNumbers};
use oneflow_web::ops::{Ops, ready};

use crate::support::{Fill, both_products, values, within};

/// Rounding of f32, twice: once for each side.
const EPSILON: f32 = 2.4e-7;

/// A storage, as far as it does not depend on the shape.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Kind {
    F32,
    F16,
    /// Format, length and axis of the blocks.
    Blocks(BlockFormat, usize, usize),
}

use BlockFormat::{Q4, Q8};

/// Blocks run along axis 0 or 1, whichever way a product goes through them.
const KINDS: [Kind; 9] = [
    Kind::F32,
    Kind::F16,
    Kind::Blocks(Q8, 32, 0),
    Kind::Blocks(Q8, 32, 1),
    Kind::Blocks(Q8, 128, 0),
    Kind::Blocks(Q4, 64, 0),
    Kind::Blocks(Q4, 64, 1),
    Kind::Blocks(Q4, 32, 0),
    Kind::Blocks(Q4, 128, 1),
];

/// What is in a weight.
#[derive(Clone, Copy, Debug)]
enum Content {
    /// All numbers of the format, scales about 0.01, half of them negative.
    Even,
    /// The least number, and the largest scale.
    Huge,
    /// Scales that are not normal `f16`, and the least of them.
    Tiny,
    /// Zeros, by their numbers or by their scales.
    Zeros,
}

const CONTENTS: [Content; 4] = [Content::Even, Content::Huge, Content::Tiny, Content::Zeros];

/// A weight of about this shape: where blocks ask for it, its axis is as much longer.
fn made(rng: &mut Rng, kind: Kind, content: Content, [rows, cols]: [usize; 2]) -> (StoredNumbers, [usize; 2]) {
    let Kind::Blocks(format, block, axis) = kind else {
        let factor = match content {
            Content::Even => 0.3,
            Content::Huge => 1e4,
            Content::Tiny => 3e-6,
            Content::Zeros => 0.0,
        };
        let floats = values(rng, rows * cols, Fill::Normal).into_iter().map(|value| factor * value);
        let numbers = match kind {
            Kind::F16 => StoredNumbers::F16(floats.map(f16::from_f32).collect()),
            _ => StoredNumbers::F32(floats.collect()),
        };
        return (numbers, [rows, cols]);
    };
    let mut shape = [rows, cols];
    shape[axis] = shape[axis].next_multiple_of(block);
    let n = shape[0] * shape[1];
    let mut word = |i: usize| match content {
        Content::Zeros if i.is_multiple_of(2) => 0,
        Content::Huge if i.is_multiple_of(2) => {
            if format == Q8 {
                0x8080_8080
            } else {
                0x8888_8888
            }
        }
        _ => rng.next_u64() as u32,
    };
    let words = (0..n * format.bits() / 32).map(&mut word).collect();
    let scale = |i: usize| match content {
        Content::Even => f16::from_f32(if i.is_multiple_of(2) { 0.01 } else { -0.013 } * (1.0 + i as f32 % 7.0)),
        Content::Huge => f16::MAX,
        Content::Tiny => f16::from_bits([1, 0x8001, 0x03ff, 0x0400][i % 4]),
        Content::Zeros => {
            if i.is_multiple_of(2) {
                f16::ONE
            } else {
                f16::NEG_ZERO
            }
        }
    };
    let scales = (0..n / block).map(scale).collect();
    let blocks = Blocks::new(BlockSpec { format, block, axis, shape }, words, scales).unwrap();
    (StoredNumbers::Blocks(blocks), shape)
}

/// The same call on the GPU with stored weights, and on the CPU.
macro_rules! both {
    ($gpu:expr, |$ops:ident| $call:expr) => {{
        let found = {
            let $ops = $gpu;
            let x = $call;
            ready($ops.download(&x)).unwrap()
        };
        let $ops = &BurnOps::cpu();
        let x = $call;
        (found, ready($ops.download(&x)).unwrap())
    }};
}

fn absolute(values: &[f32]) -> Vec<f32> {
    values.iter().map(|value| value.abs()).collect()
}

/// Rows, inner and columns: single ones, no multiples of 16 or 64, and more than 4,096.
const PRODUCTS: [[usize; 3]; 9] = [
    [1, 1, 2],
    [1, 192, 2],
    [17, 33, 1],
    [24, 15, 63],
    [65, 64, 66],
    [40, 129, 70],
    [2, 4097, 3],
    [3, 5, 4097],
    [5, 192, 131],
];

#[test]
fn products_are_the_cpus_in_every_storage() {
    for gpu in &both_products() {
        let mut rng = Rng::new(1);
        for kind in KINDS {
            for content in CONTENTS {
                for [n, k, m] in PRODUCTS {
                    let what = format!("{kind:?} {content:?} {n}x{k}x{m}");
                    let (weight, [k, m]) = made(&mut rng, kind, content, [k, m]);
                    let fill = if n % 2 == 0 { Fill::Mixed } else { Fill::Normal };
                    let x = values(&mut rng, n * k, fill);
                    let numbers = weight.clone().into_f32();
                    let cpu = BurnOps::cpu();
                    let sizes = cpu.linear(&cpu.upload(absolute(&x), n), &cpu.weight(absolute(&numbers), k));
                    let sizes = ready(cpu.download(&sizes)).unwrap();
                    let bound = |i: usize| k as f32 * EPSILON * sizes[i] + 1e-37;
                    let (found, expected) =
                        both!(gpu, |ops| ops.linear(&ops.upload(x.clone(), n), &ops.stored_weight(weight.clone(), k)));
                    within(&what, &found, &expected, bound);

                    let (table, [m, k]) = made(&mut rng, kind, content, [m, k]);
                    let x = values(&mut rng, n * k, fill);
                    let numbers = absolute(&table.clone().into_f32());
                    let sizes = cpu.linear_transposed(&cpu.upload(absolute(&x), n), &cpu.weight(numbers, m));
                    let sizes = ready(cpu.download(&sizes)).unwrap();
                    let (found, expected) = both!(gpu, |ops| {
                        ops.linear_transposed(&ops.upload(x.clone(), n), &ops.stored_weight(table.clone(), m))
                    });
                    let bound = |i: usize| k as f32 * EPSILON * sizes[i] + 1e-37;
                    within(&format!("{what} transposed"), &found, &expected, bound);
                }
            }
        }
    }
}

/// Each weight of a fused product in a storage of its own, as files of 4 bits have them.
#[test]
fn fused_products_take_weights_of_different_storages() {
    for gpu in &both_products() {
        let mut rng = Rng::new(2);
        for (turn, kind) in KINDS.into_iter().enumerate() {
            for (n, k, m) in [(1, 128, 1), (5, 128, 67), (30, 256, 130)] {
                let kinds = [0, 1, 2].map(|i| match KINDS[(turn + i * i) % KINDS.len()] {
                    // The others have no place for this width.
                    Kind::Blocks(format, block, 1) => Kind::Blocks(format, block, 0),
                    kind => kind,
                });
                let weights = kinds.map(|kind| made(&mut rng, kind, Content::Even, [k, m]).0);
                let x: Vec<f32> = values(&mut rng, n * k, Fill::Normal).iter().map(|value| 0.1 * value).collect();
                let (gain, sum) = (values(&mut rng, k, Fill::Normal), values(&mut rng, n * m, Fill::Normal));
                let what = format!("{kinds:?} {n}x{k}x{m}, of {kind:?}");
                // Sums of k values of about one.
                let close = |name: &str, (found, expected): (Vec<f32>, Vec<f32>)| {
                    let typical = (expected.iter().map(|x| x * x).sum::<f32>() / expected.len() as f32).sqrt();
                    within(&format!("{name} {what}"), &found, &expected, |i| 2e-5 * expected[i].abs().max(typical));
                };
                for i in 0..3 {
                    close(
                        "beside each other",
                        both!(gpu, |ops| {
                            let [a, b, c] = weights.clone().map(|weight| ops.stored_weight(weight, k));
                            let (x, gain) = (ops.upload(x.clone(), n), ops.weight(gain.clone(), 1));
                            ops.normed_linears(&x, &gain, [&a, &b, &c])[i].clone()
                        }),
                    );
                }
                close(
                    "gated",
                    both!(gpu, |ops| {
                        let [a, b, _] = weights.clone().map(|weight| ops.stored_weight(weight, k));
                        ops.normed_gated(&ops.upload(x.clone(), n), &ops.weight(gain.clone(), 1), &a, &b)
                    }),
                );
                close(
                    "added",
                    both!(gpu, |ops| {
                        let weight = ops.stored_weight(weights[0].clone(), k);
                        ops.add_linear(&ops.upload(sum.clone(), n), &ops.upload(x.clone(), n), &weight)
                    }),
                );
            }
        }
    }
}

#[test]
fn rows_of_tables_are_the_cpus_bit_by_bit() {
    for gpu in &both_products() {
        let mut rng = Rng::new(3);
        for kind in KINDS {
            for content in CONTENTS {
                for shape in [[2, 1], [7, 66], [131, 192], [3, 4097], [4097, 3]] {
                    let (table, [n_rows, width]) = made(&mut rng, kind, content, shape);
                    let ids: Vec<u32> = [n_rows - 1, 0]
                        .into_iter()
                        .chain((0..9).map(|_| rng.below(n_rows)))
                        .map(|id| id as u32)
                        .collect();
                    let (found, expected) =
                        both!(gpu, |ops| ops.embed(&ops.stored_weight(table.clone(), n_rows), &ids));
                    within(&format!("{kind:?} {content:?} {shape:?}"), &found, &expected, |_| 0.0);
                    let other = values(&mut rng, 5 * width, Fill::Normal);
                    let other_ids: Vec<u32> = ids.iter().map(|id| id % 5).collect();
                    let (found, expected) = both!(gpu, |ops| {
                        let (table, other) = (ops.stored_weight(table.clone(), n_rows), ops.weight(other.clone(), 5));
                        ops.embed_sum(3.0, [&table, &other], [&ids, &other_ids])
                    });
                    // Two roundings, or one where the device multiplies and adds in one.
                    let bound = |i: usize| {
                        2.0 * EPSILON
                            * (expected[i].abs() + other[other_ids[i / width] as usize * width + i % width].abs())
                    };
                    within(&format!("{kind:?} {content:?} {shape:?} and others"), &found, &expected, bound);
                }
            }
        }
    }
}
