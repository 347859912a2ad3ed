//! One step of training: what it refuses, and what does not change it.

use burn::tensor::Device;
use oneflow_web::Error;
use oneflow_web::train::batch::Batch;
use oneflow_web::train::config::TrainConfig;
use oneflow_web::train::trainer::{Gradient, Trainer};

use crate::training::{batches, config, source};

fn measured(config: &TrainConfig, shards: &[Batch]) -> Gradient {
    Trainer::new(config, &[Device::flex()]).unwrap().measure(shards).unwrap()
}

/// A pool of one step holds the same documents under the same noise however it is cut.
#[test]
fn accumulated_gradients_are_those_of_one_large_batch() {
    let mut config = config();
    (config.batch_size, config.pool_steps) = (10, 1);
    let source = source(&mut config);
    let mut gradients = Vec::new();
    for (n_shards, accumulate) in [(1, 1), (2, 1), (2, 2), (1, 3)] {
        (config.n_shards, config.accumulate) = (n_shards, accumulate);
        let shards = batches(&config, &source, 1).remove(0);
        assert_eq!(shards.len(), n_shards * accumulate);
        gradients.push(measured(&config, &shards));
    }
    let (one, others) = gradients.split_first().unwrap();
    for other in others {
        assert!((one.terms.loss - other.terms.loss).abs() < 1e-5, "{:?} {:?}", one.terms, other.terms);
        assert!((one.terms.excess - other.terms.excess).abs() < 1e-5, "{:?} {:?}", one.terms, other.terms);
        assert!((one.norm / other.norm - 1.0).abs() < 1e-5, "{} {}", one.norm, other.norm);
        for (a, b) in one.values().into_iter().zip(other.values()) {
            let (a, b) = (a.unwrap(), b.unwrap());
            let size = a.iter().map(|x| x * x).sum::<f32>().sqrt();
            let apart = a.iter().zip(&b).map(|(a, b)| (a - b) * (a - b)).sum::<f32>().sqrt();
            // A few roundings of sums over some hundred rows.
            assert!(apart <= 1e-5 * size.max(1e-3), "{apart} of {size}");
        }
    }
}

#[test]
fn a_step_that_is_no_number_leaves_all_as_it_was() {
    let mut config = config();
    let source = source(&mut config);
    let mut batches = batches(&config, &source, 2);
    let mut trainer = Trainer::new(&config, &[Device::flex()]).unwrap();
    trainer.train_step(&batches[0]).unwrap();
    let before = (trainer.values(), trainer.averaged());
    let shard = batches[1].iter_mut().find(|shard| shard.targets.n_noised > 0).unwrap();
    shard.input.latents[0] = f32::NAN;
    let error = trainer.train_step(&batches[1]).unwrap_err();
    assert!(matches!(&error, Error::Diverged { step: 2, .. }), "{error}");
    assert!(error.to_string().contains("the loss is NaN, expected a finite number"), "{error}");
    assert_eq!((trainer.values(), trainer.averaged(), trainer.step()), (before.0, before.1, 1));
    // It goes on.
    assert_eq!(trainer.train_step(&batches[2]).unwrap().step, 2);
}

#[test]
fn a_loss_far_above_its_mean_stops() {
    let mut config = config();
    config.learning_rate = 1e-4;
    let source = source(&mut config);
    let mut shards = batches(&config, &source, 1).remove(0);
    let mut trainer = Trainer::new(&config, &[Device::flex()]).unwrap();
    let usual = (0..60).map(|_| trainer.train_step(&shards).unwrap()).last().unwrap();
    shards.iter_mut().flat_map(|shard| &mut shard.targets.image_weights).for_each(|weight| *weight *= 100.0);
    let before = trainer.values();
    let error = trainer.train_step(&shards).unwrap_err();
    assert!(error.to_string().contains("`spike_factor`"), "{error}");
    assert_eq!(trainer.values(), before);
    assert!(usual.terms.excess > 0.0 && usual.terms.image > 0.0, "{usual:?}");
}
