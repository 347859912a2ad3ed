//! Every operation against burn's, with both kernels for matrix products and for attention, and what only the GPU has.

use std::cell::Cell;

use oneflow_web::flow::rng::Rng;
use oneflow_web::ops::burn::BurnOps;
use oneflow_web::ops::gpu::{Choice, GpuOps};
use oneflow_web::ops::{Ops, ready};

use crate::operations;
use crate::support::{Fill, both_products, gpu, values, within};

#[test]
fn products_are_burns() {
    both_products().iter().for_each(operations::products_are_burns);
}

#[test]
fn values_one_by_one_are_burns() {
    both_products().iter().for_each(operations::values_one_by_one_are_burns);
}

#[test]
fn norms_are_burns() {
    both_products().iter().for_each(operations::norms_are_burns);
}

#[test]
fn rotations_are_burns() {
    both_products().iter().for_each(operations::rotations_are_burns);
}

#[test]
fn attention_is_burns() {
    both_products().iter().for_each(operations::attention_is_burns);
}

#[test]
fn moving_rows_and_columns_changes_no_bit() {
    both_products().iter().for_each(operations::moving_rows_and_columns_changes_no_bit);
}

#[test]
fn modulation_is_burns() {
    both_products().iter().for_each(operations::modulation_is_burns);
}

#[test]
fn what_is_fused_is_the_sum_of_its_parts() {
    both_products().iter().for_each(operations::what_is_fused_is_the_sum_of_its_parts);
}

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
fn kernels_are_chosen_by_measurement_and_by_hand() {
    let gpu = gpu();
    assert_eq!(gpu.choice(), Choice::TILED);
    // A clock that stands still finds none faster.
    assert_eq!(ready(gpu.tune(|| 0.0)).unwrap(), Choice::TILED);
    for fast in Choice::ALL {
        // One that goes by the kernels started, slowly while the fast ones are chosen.
        let (now, seen) = (Cell::new(0.0), Cell::new(gpu.usage().counts.dispatches));
        let clock = || {
            let n = gpu.usage().counts.dispatches;
            let choice = gpu.choice();
            let slow = |is_slow: bool| if is_slow { 10.0 } else { 1.0 };
            let each = slow(choice.products != fast.products) * slow(choice.keys != fast.keys);
            now.set(now.get() + (n - seen.replace(n)) as f64 * each);
            now.get()
        };
        assert_eq!(ready(gpu.tune(clock)).unwrap(), fast);
        assert_eq!(gpu.choice(), fast);
    }
    gpu.choose(Choice::TILED);
    assert_eq!(gpu.choice(), Choice::TILED);
}
