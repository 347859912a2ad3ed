//! Models of fewer bits from their files: the GPU keeps them as they are stored, and says what the
//! CPU says; what is damaged is refused.

use std::collections::BTreeMap;

use oneflow_web::Error;
use oneflow_web::checkpoint::blocks::{BLOCKS, SCALES};
use oneflow_web::checkpoint::folder::read_folder;
use oneflow_web::checkpoint::load::{cpu_model, model};
use oneflow_web::checkpoint::{Dtype, StoredTensor, WEIGHTS, Weights, safetensors_from_tensors};
use oneflow_web::model::{Model, made_up};
use oneflow_web::ops::stored::{BlockFormat, BlockSpec, Blocks};
use oneflow_web::ops::{Ops, ready};
use oneflow_web::sample::FlowModel;

use crate::support::gpu;

type Files = BTreeMap<String, Vec<u8>>;

fn default_files() -> Files {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("pkg/models/storyworld");
    read_folder(&folder).unwrap().files
}

/// The default model with every matrix that blocks fit in this format; `damage` may change a
/// tensor on its way.
fn files(format: Option<BlockFormat>, damage: impl Fn(&str, StoredTensor) -> StoredTensor) -> Files {
    let mut files = default_files();
    let weights = Weights::parse(WEIGHTS, files[WEIGHTS].clone()).unwrap();
    let (mut tensors, mut described) = (BTreeMap::new(), BTreeMap::new());
    for (name, tensor) in weights.tensors() {
        let mut keep = |name: &str, tensor| drop(tensors.insert(name.to_string(), damage(name, tensor)));
        let axis = usize::from(name == "tokens");
        let spec = match (format, tensor.shape()) {
            (Some(format), &[rows, cols]) if rows > 1 => {
                let block = if format == BlockFormat::Q4 { 64 } else { 32 };
                Some(BlockSpec { format, block, axis, shape: [rows, cols] })
            }
            _ => None,
        };
        match spec.and_then(|spec| Blocks::fit(spec, &tensor.to_f32()?)) {
            Some(blocks) => {
                let (packed, scales) = blocks.to_tensors().unwrap();
                keep(name, packed);
                keep(&format!("{name}{SCALES}"), scales);
                described.insert(name.clone(), *blocks.spec());
            }
            None => keep(name, tensor.clone()),
        }
    }
    let metadata = BTreeMap::from([(BLOCKS.to_string(), serde_json::to_string(&described).unwrap())]);
    files.insert(WEIGHTS.into(), safetensors_from_tensors(&tensors, &metadata));
    files
}

/// Velocities, and all else that the heads say, of a story with three pictures on their way.
fn answers<O: Ops>(model: &Model<O>) -> Result<(Vec<f32>, Vec<f32>), Error> {
    let state = made_up::state(&model.config, 40, 3);
    let prediction = ready(model.predict(&state))?;
    let logits = ready(model.token_logits(&prediction.hidden, &[0, 7, 19]))?;
    Ok((prediction.velocities.concat(), [prediction.zero_prob, prediction.insertion_rate, logits.concat()].concat()))
}

/// The worst deviation, relative to itself or to the typical number.
fn worst(found: &[f32], expected: &[f32]) -> f32 {
    assert_eq!(found.len(), expected.len());
    let typical = (expected.iter().map(|x| x * x).sum::<f32>() / expected.len() as f32).sqrt();
    let off = |(a, b): (&f32, &f32)| (a - b).abs() / b.abs().max(typical);
    found.iter().zip(expected).map(off).fold(0.0, f32::max)
}

#[test]
fn quantised_models_say_what_the_cpu_says_of_them() {
    let file_bytes = default_files()[WEIGHTS].len() as u64;
    let mut velocities = Vec::new();
    for (format, share) in [(None, 1.01), (Some(BlockFormat::Q8), 0.55), (Some(BlockFormat::Q4), 0.29)] {
        let files = files(format, |_, tensor| tensor);
        let ops = gpu();
        let on_gpu = model(ops.clone(), files.clone()).unwrap();
        ready(ops.settle()).unwrap();
        let held = ops.usage().buffer_bytes;
        let (found, expected) = (answers(&on_gpu).unwrap(), answers(&cpu_model(files).unwrap()).unwrap());
        let off = [worst(&found.0, &expected.0), worst(&found.1, &expected.1)];
        println!("{format:?}: {held} bytes on the GPU; velocities off by {:e}, the rest by {:e}", off[0], off[1]);
        assert!(off.iter().all(|&off| off <= 1e-3), "{format:?}: {off:?}");
        assert!(held as f64 <= share * file_bytes as f64, "{format:?}: {held} of {file_bytes}");
        velocities.push(found.0);
    }
    // That it is these weights: fewer bits say something else.
    assert!(worst(&velocities[1], &velocities[0]) > 1e-3 && worst(&velocities[2], &velocities[0]) > 1e-2);
}

#[track_caller]
fn refused<T>(found: Result<T, Error>, expected: &str) {
    let error = found.err().expect("the damage is refused");
    assert_eq!(error.code(), "invalid-model");
    assert!(error.to_string().contains(expected), "{error}");
}

/// The default model with number 2 of a tensor replaced.
fn poisoned(name: &str, number: f32, format: Option<BlockFormat>) -> Files {
    files(format, |found, tensor| {
        if found != name {
            return tensor;
        }
        let mut bytes = tensor.bytes().to_vec();
        match tensor.dtype() {
            Dtype::F16 => bytes[4..6].copy_from_slice(&half::f16::from_f32(number).to_le_bytes()),
            _ => bytes[8..12].copy_from_slice(&number.to_le_bytes()),
        }
        StoredTensor::new(tensor.dtype(), tensor.shape(), bytes).unwrap()
    })
}

#[test]
fn a_poisoned_weight_is_refused_at_load() {
    for (format, name, kind) in [
        (None, "blocks.2.mlp.up", "has"),
        (None, "blocks.2.mlp.norm", "has"),
        (Some(BlockFormat::Q8), "tokens.scales", "has a scale of"),
        (Some(BlockFormat::Q4), "blocks.0.attention.key.scales", "has a scale of"),
    ] {
        for (number, shown) in [(f32::NAN, "NaN"), (f32::INFINITY, "inf"), (f32::NEG_INFINITY, "-inf")] {
            let damaged = poisoned(name, number, format);
            let weight = name.trim_end_matches(SCALES);
            refused(model(gpu(), damaged), &format!("tensor `{weight}` {kind} {shown} at place 2"));
        }
    }
}

/// Finite numbers whose sums are not: told with the first answer, on both back ends.
#[test]
fn weights_that_overflow_are_an_error_and_no_picture() {
    for (format, name) in [(None, "norm"), (None, "adapter.norm"), (Some(BlockFormat::Q4), "blocks.3.mlp.norm")] {
        let damaged = poisoned(name, 3e38, format);
        refused(answers(&cpu_model(damaged.clone()).unwrap()), "expected finite numbers");
        refused(answers(&model(gpu(), damaged).unwrap()), "expected finite numbers");
    }
}
