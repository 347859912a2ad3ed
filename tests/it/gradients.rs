//! The gradient of each loss term against finite differences, on a toy network.

use burn::tensor::{Device, Tensor, TensorData};
use oneflow_web::flow::rng::Rng;
use oneflow_web::model::Network;
use oneflow_web::model::network::{Init, WeightSpec};
use oneflow_web::ops::burn::BurnOps;
use oneflow_web::train::batch::Batch;
use oneflow_web::train::config::TrainConfig;
use oneflow_web::train::loss::{Losses, losses};

use crate::training::{batches, config, source};

const TERMS: [&str; 4] = ["tokens", "gate", "poisson", "image"];

/// How far a weight is moved, as a matrix norm: the error of the difference falls with its square,
/// that of rounding rises with its inverse.
const STEP: f32 = 1e-2;

fn terms(losses: Losses) -> [Tensor<1>; 4] {
    [losses.tokens, losses.gate, losses.poisson, losses.image]
}

fn specs(config: &TrainConfig) -> Vec<WeightSpec> {
    let mut specs = Vec::new();
    Network::build(&config.model, |spec| {
        specs.push(spec);
        Ok(())
    })
    .unwrap();
    specs
}

fn network(config: &TrainConfig, weights: &[Tensor<2>]) -> Network<Tensor<2>> {
    let mut left = weights.iter().cloned();
    Network::build(&config.model, |_| Ok(left.next().unwrap())).unwrap()
}

fn values(config: &TrainConfig, weights: &[Tensor<2>], batch: &Batch) -> [f32; 4] {
    let ops = BurnOps { device: Device::flex() };
    terms(losses(&network(config, weights), &ops, batch, 1.0).0).map(|term| term.into_scalar::<f32>())
}

fn norm(tensor: &Tensor<2>) -> f32 {
    tensor.clone().square().sum().sqrt().into_scalar::<f32>()
}

/// Along the gradient itself, and along a direction drawn at random, which alone would see little:
/// of n numbers it has 1/√n of the gradient.
#[test]
fn each_term_has_the_gradient_of_finite_differences() {
    let mut config = config();
    (config.n_shards, config.batch_size, config.prompt_dropout) = (1, 6, 0.0);
    let source = source(&mut config);
    let shards = batches(&config, &source, 4).into_iter().flatten();
    let batch = shards.max_by_key(|batch| batch.targets.n_noised).unwrap();
    assert!(batch.targets.n_noised > 3 && batch.targets.pair_tokens.len() > 20);

    let device = Device::flex();
    let mut rng = Rng::new(8);
    let mut drawn = |shape: [usize; 2], std: f32| {
        let values: Vec<f32> = (0..shape[0] * shape[1]).map(|_| std * rng.normal()).collect();
        Tensor::<2>::from_data(TensorData::new(values, shape), &device)
    };
    let specs = specs(&config);
    let weights: Vec<Tensor<2>> = (specs.iter())
        // What starts at zero would hide what is behind it.
        .map(|spec| drawn(spec.shape, if let Init::Normal(std) = spec.init { std } else { 0.3 }))
        .collect();

    let ops = BurnOps { device: device.clone().autodiff() };
    // On an autodiff device some operations are computed another way.
    let plain = values(&config, &weights, &batch);
    let leaves: Vec<Tensor<2>> = weights.iter().map(|w| w.clone().autodiff()).collect();
    let other = terms(losses(&network(&config, &leaves), &ops, &batch, 1.0).0).map(|term| term.into_scalar::<f32>());
    assert!(plain.iter().zip(other).all(|(a, b)| (a - b).abs() <= 1e-5 * a.abs()), "{plain:?} {other:?}");

    let gradients: Vec<Vec<Option<Tensor<2>>>> = (0..TERMS.len())
        .map(|term| {
            let leaves: Vec<Tensor<2>> = weights.iter().map(|w| w.clone().autodiff().require_grad()).collect();
            let grads = terms(losses(&network(&config, &leaves), &ops, &batch, 1.0).0)[term].backward();
            leaves.iter().map(|leaf| leaf.grad(&grads)).collect()
        })
        .collect();

    for (i, spec) in specs.iter().enumerate() {
        let along = |direction: &Tensor<2>| {
            let at = |sign: f32| {
                let mut moved = weights.clone();
                moved[i] = moved[i].clone() + direction.clone().mul_scalar(sign * STEP);
                values(&config, &moved, &batch)
            };
            let (above, below) = (at(1.0), at(-1.0));
            std::array::from_fn::<f32, 4, _>(|term| (above[term] - below[term]) / (2.0 * STEP))
        };
        let random = drawn(spec.shape, 1.0);
        let random = random.clone().div_scalar(norm(&random));
        let by_random = along(&random);
        for (term, name) in TERMS.iter().enumerate() {
            let whole: f32 = gradients[term].iter().flatten().map(|g| norm(g).powi(2)).sum::<f32>().sqrt();
            // Found: 1.2e-4.
            let tolerance = 1e-3 * whole;
            let Some(gradient) = &gradients[term][i] else {
                assert_eq!(by_random[term], 0.0, "{name} depends on {} and has no gradient", spec.name);
                continue;
            };
            let expected = (gradient.clone() * random.clone()).sum().into_scalar::<f32>();
            let apart = (by_random[term] - expected).abs();
            assert!(apart < tolerance, "{name} by {}: {expected}, by differences {}", spec.name, by_random[term]);
            let size = norm(gradient);
            if size > 0.0 {
                let found = along(&gradient.clone().div_scalar(size))[term];
                let apart = (found - size).abs();
                assert!(
                    apart < tolerance,
                    "{name} along its gradient by {}: {size}, by differences {found}",
                    spec.name
                );
            }
        }
    }
}
