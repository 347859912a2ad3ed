//! The browser's CPU path against burn's tensors.

use oneflow_web::model::made_up::{self, Case};
use oneflow_web::ops::burn::BurnOps;
use oneflow_web::ops::cpu::CpuOps;
use oneflow_web::ops::ready;

use crate::numbers::within;
use crate::operations;

#[test]
fn products_are_burns() {
    operations::products_are_burns(&CpuOps);
}

#[test]
fn values_one_by_one_are_burns() {
    operations::values_one_by_one_are_burns(&CpuOps);
}

#[test]
fn norms_are_burns() {
    operations::norms_are_burns(&CpuOps);
}

#[test]
fn rotations_are_burns() {
    operations::rotations_are_burns(&CpuOps);
}

#[test]
fn attention_is_burns() {
    operations::attention_is_burns(&CpuOps);
}

#[test]
fn moving_rows_and_columns_changes_no_bit() {
    operations::moving_rows_and_columns_changes_no_bit(&CpuOps);
}

#[test]
fn modulation_is_burns() {
    operations::modulation_is_burns(&CpuOps);
}

#[test]
fn what_is_fused_is_the_sum_of_its_parts() {
    operations::what_is_fused_is_the_sum_of_its_parts(&CpuOps);
}

#[test]
fn a_forward_is_burns() {
    for (batch, n_tokens, n_images) in [(1, 5, 0), (2, 21, 1), (1, 40, 3)] {
        let forward = |found: Vec<f32>, expected: Vec<f32>| {
            let largest = expected.iter().fold(0.0_f32, |largest, value| largest.max(value.abs()));
            within(&format!("{batch}x{n_tokens}, {n_images}"), &found, &expected, |_| 1e-5 * largest);
        };
        let config = made_up::config();
        let found = Case::new(CpuOps, &config, batch, n_tokens, n_images).unwrap();
        let expected = Case::new(BurnOps::cpu(), &config, batch, n_tokens, n_images).unwrap();
        forward(ready(found.forward()).unwrap(), ready(expected.forward()).unwrap());
    }
}
