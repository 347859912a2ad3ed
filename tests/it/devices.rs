//! Training on a GPU, and on several devices, beside training on the CPU. Needs the feature
//! `train-gpu` and a Vulkan driver; Mesa's lavapipe is one.

use std::fs;

use burn::tensor::Device;
use oneflow_web::ops::burn::BurnOps;
use oneflow_web::train::batch::Batch;
use oneflow_web::train::config::TrainConfig;
use oneflow_web::train::devices::named;
use oneflow_web::train::trainer::{Terms, Trainer};

use crate::operations;
use crate::support::folder;
use crate::training::{batches, config, source};

fn gpu() -> Device {
    named(&["gpu".into()]).unwrap().remove(0)
}

#[test]
fn operations_are_those_of_the_cpu() {
    let own = BurnOps { device: gpu() };
    operations::products_are_burns(&own);
    operations::values_one_by_one_are_burns(&own);
    operations::norms_are_burns(&own);
    operations::rotations_are_burns(&own);
    operations::attention_is_burns(&own);
    operations::moving_rows_and_columns_changes_no_bit(&own);
    operations::modulation_is_burns(&own);
    operations::what_is_fused_is_the_sum_of_its_parts(&own);
}

/// The terms of each step, and the weights after the last.
fn trained(config: &TrainConfig, batches: &[Vec<Batch>], devices: &[Device]) -> (Vec<Terms>, Vec<Vec<f32>>) {
    let mut trainer = Trainer::new(config, devices).unwrap();
    let terms = batches.iter().map(|shards| trainer.train_step(shards).unwrap().terms).collect();
    (terms, trainer.values().into_iter().map(|(_, values)| values).collect())
}

#[test]
fn losses_and_weights_are_those_of_the_cpu() {
    let mut config = config();
    config.warmup_steps = 1;
    let source = source(&mut config);
    let batches = batches(&config, &source, 3);
    assert!(batches[0].len() > 1, "the shards of a step go to devices by turns");
    let (expected, weights) = trained(&config, &batches, &[Device::flex()]);
    for devices in [vec![gpu()], vec![Device::flex(), gpu()], vec![gpu(), Device::flex()]] {
        let (found, others) = trained(&config, &batches, &devices);
        for (a, b) in expected.iter().zip(&found) {
            let near = |a: f32, b: f32| (a - b).abs() <= 2e-3 * a.abs().max(0.1);
            let terms = |t: &Terms| [t.tokens, t.gate, t.poisson, t.deletion, t.image];
            assert!(terms(a).into_iter().zip(terms(b)).all(|(a, b)| near(a, b)), "{a:?} {b:?}");
        }
        let apart = |a: &[f32], b: &[f32]| a.iter().zip(b).map(|(a, b)| (a - b).powi(2)).sum::<f32>().sqrt();
        for (a, b) in weights.iter().zip(&others) {
            let size = a.iter().map(|x| x * x).sum::<f32>().sqrt();
            assert!(apart(a, b) <= 1e-2 * size.max(0.1), "{} of {size}", apart(a, b));
        }
    }
}

#[test]
fn a_run_goes_on_on_another_device() {
    let mut config = config();
    let source = source(&mut config);
    let batches = batches(&config, &source, 2);
    let folder = folder("devices");
    let path = folder.join("state.safetensors");
    let mut first = Trainer::new(&config, &[gpu()]).unwrap();
    first.train_step(&batches[0]).unwrap();
    first.save(&path).unwrap();
    let mut second = Trainer::new(&config, &[Device::flex()]).unwrap().load(&path).unwrap();
    let (a, b) = (first.train_step(&batches[1]).unwrap(), second.train_step(&batches[1]).unwrap());
    assert!(b.step == 2 && (a.terms.loss - b.terms.loss).abs() <= 2e-3 * b.terms.loss.abs(), "{a:?} {b:?}");
    fs::remove_dir_all(&folder).unwrap();
}
