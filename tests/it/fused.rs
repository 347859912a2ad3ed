//! Operations with derivatives written by hand, beside those that burn puts together.

use burn::tensor::{Device, Tensor, TensorData};
use oneflow_web::flow::rng::Rng;
use oneflow_web::ops::burn::fused::{self, Heads};
use oneflow_web::ops::burn::plain;
use oneflow_web::train::devices::named;

const HEADS: Heads = Heads { batch: 2, seq: 5, n_heads: 3, d_head: 4 };
const ROWS: usize = HEADS.batch * HEADS.seq;
const WIDTH: usize = HEADS.n_heads * HEADS.d_head;

/// The CPU, and with the feature `train-gpu` a GPU.
fn devices() -> Vec<Device> {
    let mut names = vec!["cpu".to_string()];
    if cfg!(feature = "train-gpu") {
        names.push("gpu".into());
    }
    named(&names).unwrap()
}

fn drawn<const D: usize>(shape: [usize; D], seed: u64) -> Tensor<D> {
    let mut rng = Rng::new(seed);
    let values: Vec<f32> = (0..shape.iter().product()).map(|_| rng.normal()).collect();
    Tensor::from_data(TensorData::new(values, shape), &Device::flex())
}

fn values<const D: usize>(tensor: Tensor<D>) -> Vec<f32> {
    tensor.into_data().try_into_vec().unwrap()
}

/// The output of an operation on a device, and the gradient by each input of its sum under random
/// weights.
fn answers<const D: usize, const E: usize>(
    device: &Device,
    inputs: &[Tensor<D>],
    operation: impl Fn(&[Tensor<D>]) -> Tensor<E>,
) -> Vec<Vec<f32>> {
    let leaf = |input: &Tensor<D>| input.clone().to_device(device).autodiff().require_grad();
    let leaves: Vec<Tensor<D>> = inputs.iter().map(leaf).collect();
    let output = operation(&leaves);
    let weights = drawn(output.dims(), 99).to_device(device).autodiff();
    let grads = (output.clone() * weights).sum().backward();
    let grads = leaves.iter().map(|leaf| values(leaf.grad(&grads).unwrap()));
    std::iter::once(values(output)).chain(grads).collect()
}

/// `ours` on the CPU against `plain` on each device.
#[track_caller]
fn compare<const D: usize, const E: usize>(
    inputs: &[Tensor<D>],
    ours: impl Fn(&[Tensor<D>]) -> Tensor<E>,
    plain: impl Fn(&Device, &[Tensor<D>]) -> Tensor<E>,
) {
    let expected = answers(&Device::flex(), inputs, ours);
    for device in devices() {
        agree(&expected, &answers(&device, inputs, |x| plain(&device, x)));
    }
}

#[track_caller]
fn agree(ours: &[Vec<f32>], theirs: &[Vec<f32>]) {
    assert_eq!(ours.len(), theirs.len());
    for (ours, theirs) in ours.iter().zip(theirs) {
        assert_eq!(ours.len(), theirs.len());
        assert!(ours.iter().any(|x| x.abs() > 0.1), "all small: nothing is compared");
        for (a, b) in ours.iter().zip(theirs) {
            assert!((a - b).abs() <= 2e-5 * b.abs().max(1.0), "{a}, by burn {b}");
        }
    }
}

#[test]
fn gated_units_and_norms_have_burns_values_and_gradients() {
    let pair = [drawn([ROWS, WIDTH], 1), drawn([ROWS, WIDTH], 2)];
    let with = |of: fn(Tensor<2>, Tensor<2>) -> Tensor<2>| move |x: &[Tensor<2>]| of(x[0].clone(), x[1].clone());
    compare(&pair, with(fused::gated), |_, x| with(plain::gated)(x));
    let pair = [drawn([ROWS, WIDTH], 3), drawn([1, WIDTH], 4)];
    compare(&pair, with(fused::rms_norm), |_, x| with(plain::rms_norm)(x));
}

#[test]
fn heads_have_burns_values_and_gradients() {
    let rows = [drawn([ROWS, WIDTH], 5)];
    compare(&rows, |x| fused::split(x[0].clone(), HEADS), |_, x| plain::split(x[0].clone(), HEADS));
    let heads = [drawn([HEADS.batch, HEADS.n_heads, HEADS.seq, HEADS.d_head], 6)];
    compare(&heads, |x| fused::merge(x[0].clone(), HEADS), |_, x| plain::merge(x[0].clone(), HEADS));
    let table = |device: &Device, seed| drawn([ROWS, HEADS.d_head / 2], seed).to_device(device).autodiff();
    let here = Device::flex();
    compare(
        &rows,
        |x| fused::turn(x[0].clone(), table(&here, 7), table(&here, 8), HEADS),
        |device, x| plain::turn(x[0].clone(), table(device, 7), table(device, 8), HEADS),
    );
}

#[test]
fn shares_and_costs_have_burns_values_and_gradients() {
    let scores = [drawn([HEADS.batch, HEADS.n_heads, HEADS.seq, HEADS.seq], 9).mul_scalar(4.0)];
    let bias = |device: &Device| drawn([HEADS.batch, HEADS.seq], 10).to_device(device).autodiff();
    compare(
        &scores,
        |x| fused::shares(x[0].clone(), bias(&Device::flex()), 0.5),
        |device, x| plain::shares(x[0].clone(), bias(device), 0.5),
    );
    // A row without a pair, a row with one twice.
    let pairs = vec![(0, 3), (0, 3), (0, 7), (2, 11), (3, 0)];
    let logits = [drawn([4, 12], 11)];
    compare(
        &logits,
        |x| fused::token_costs(x[0].clone(), pairs.clone()),
        |_, x| plain::token_costs(x[0].clone(), &pairs),
    );
}
