//! The PyTorch network of `tests/reference` against the crate, on the default model; and its weights
//! on their way into a model folder.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use burn::tensor::Tensor;
use oneflow_web::checkpoint::folder::read_folder;
use oneflow_web::checkpoint::load::{codec_from_weights, cpu_model};
use oneflow_web::checkpoint::{CONFIG, StoredTensor, TOKENIZER, WEIGHTS, Weights, safetensors_from_tensors};
use oneflow_web::flow::image::ImageState;
use oneflow_web::flow::noising::noise_at;
use oneflow_web::flow::path;
use oneflow_web::flow::sequence::{Element, Sequence};
use oneflow_web::model::input::{Input, Row};
use oneflow_web::model::{ModelConfig, Network, Preconditioner};
use oneflow_web::ops::Ops;
use oneflow_web::ops::burn::BurnOps;
use oneflow_web::sample::{FlowModel, State};
use oneflow_web::train::batch::{Batch, Targets};
use oneflow_web::train::foreign;
use oneflow_web::train::loss::losses;
use serde_json::Value;
use sha2::{Digest, Sha256};

use crate::support::{block_on, folder};

const IMAGE: u32 = 2;

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

fn default_model() -> BTreeMap<String, Vec<u8>> {
    read_folder(&root().join("pkg/models/storyworld")).unwrap().files
}

/// What `parity.py` wrote about this very model.
fn parity(files: &BTreeMap<String, Vec<u8>>) -> Value {
    let text = fs::read_to_string(root().join("tests/reference/parity.json")).unwrap();
    let file: Value = serde_json::from_str(&text).unwrap();
    let sha256: String = Sha256::digest(&files[WEIGHTS]).iter().map(|byte| format!("{byte:02x}")).collect();
    assert_eq!(
        file["model_sha256"], sha256,
        "parity.json is of another model; write it anew by tests/reference/parity.py"
    );
    file
}

/// σ of the default model's coefficients.
fn scales(files: &BTreeMap<String, Vec<u8>>) -> (ModelConfig, Network<Tensor<2>>, Preconditioner) {
    let config = ModelConfig::from_json(&files[CONFIG]).unwrap();
    let mut weights = Weights::parse(WEIGHTS, files[WEIGHTS].clone()).unwrap();
    let ops = BurnOps::cpu();
    let network = Network::build(&config, |spec| {
        Ok(ops.upload(weights.take_f32(&spec.name, &spec.shape).unwrap(), spec.shape[0]))
    });
    let (_, preconditioner) = codec_from_weights(&config.codec, &mut weights).unwrap();
    (config, network.unwrap(), preconditioner)
}

/// A picture of the file: its clean latents, its noise, its time.
type Picture = (Vec<f32>, Vec<f32>, f32);

struct Case<'a> {
    sequence: Sequence,
    pictures: Vec<Picture>,
    said: &'a Value,
}

fn cases<'a>(file: &'a Value, config: &ModelConfig, scale: &Preconditioner) -> Vec<Case<'a>> {
    let latents = |offset: &Value| {
        let offset = offset.as_u64().unwrap();
        let number = |i: u64| 1.7 * (2.0 * ((i.pow(3) + offset) % 1013) as f64 / 1012.0 - 1.0);
        let n = config.codec.latent_len();
        (0..n).map(|i| (number(i as u64) * f64::from(scale.std[i % scale.std.len()])) as f32).collect()
    };
    let case = |said: &'a Value| {
        let element = |code: &Value| match code.as_i64().unwrap() {
            token if token >= 0 => Element::Token(token as u32),
            image => Element::Image((-1 - image) as usize),
        };
        let elements = said["elements"].as_array().unwrap().iter().map(element).collect();
        let picture =
            |image: &Value| (latents(&image["clean"]), latents(&image["noise"]), image["t"].as_f64().unwrap() as f32);
        Case {
            sequence: Sequence { elements, n_prompt: said["n_prompt"].as_u64().unwrap() as usize },
            pictures: said["images"].as_array().unwrap().iter().map(picture).collect(),
            said,
        }
    };
    file["sequences"].as_array().unwrap().iter().map(case).collect()
}

/// Compares with the file; gives the largest deviation.
#[track_caller]
fn close(name: &str, found: impl IntoIterator<Item = f32>, expected: &Value, tolerance: f64) -> f64 {
    let expected = expected.as_array().map_or_else(|| vec![expected.clone()], Clone::clone);
    let found: Vec<f32> = found.into_iter().collect();
    assert_eq!(found.len(), expected.len(), "values of {name}");
    let pairs = found.iter().zip(&expected).map(|(&found, expected)| (f64::from(found), expected.as_f64().unwrap()));
    let worst = pairs.map(|(found, expected)| (found - expected).abs() / expected.abs().max(1.0)).fold(0.0, f64::max);
    assert!(worst <= tolerance, "{name} is off by {worst}");
    worst
}

#[test]
fn the_default_model_says_what_it_says_in_pytorch() {
    let files = default_model();
    let file = parity(&files);
    let (config, _, scale) = scales(&files);
    let model = cpu_model(files).unwrap();
    let tolerance = file["tolerance"]["value"].as_f64().unwrap();
    let stride = |name: &str| file["strides"][name].as_u64().unwrap() as usize;
    for Case { sequence, pictures, said } in cases(&file, &config, &scale) {
        let image = |(clean, noise, t): &Picture| ImageState { latents: path::latents_at(noise, clean, *t), t: *t };
        let state = State { sequence, images: pictures.iter().map(image).collect(), t_text: 0.0 };
        let prediction = block_on(model.predict(&state)).unwrap();
        let slots: Vec<usize> = (0..state.sequence.n_slots()).collect();
        let logits = block_on(model.token_logits(&prediction.hidden, &slots)).unwrap();
        let every = |rows: Vec<Vec<f32>>, name: &str| -> Vec<f32> {
            rows.iter().flat_map(|row| row.iter().step_by(stride(name)).copied()).collect()
        };
        let deviations: [f64; 4] = [
            close("zero_prob", prediction.zero_prob, &said["zero_prob"], tolerance),
            close("insertion_rate", prediction.insertion_rate, &said["insertion_rate"], tolerance),
            close("velocities", every(prediction.velocities, "velocities"), &said["velocities"], tolerance),
            close("token_logits", every(logits, "token_logits"), &said["token_logits"], tolerance),
        ];
        let shown = deviations.map(|deviation| format!("{deviation:.1e}"));
        println!("{} slots, {} pictures: {shown:?}", slots.len(), pictures.len());
    }
}

#[test]
fn the_default_model_loses_what_it_loses_in_pytorch() {
    let files = default_model();
    let file = parity(&files);
    let (config, network, scale) = scales(&files);
    let kept = file["kept"].as_u64().unwrap() as usize;
    let cases = cases(&file, &config, &scale);
    let mut rows = Vec::new();
    for Case { sequence, pictures, .. } in &cases {
        let keep: Vec<bool> = (0..sequence.response().len()).map(|i| i % kept == 0).collect();
        let times: Vec<f32> = pictures.iter().map(|picture| picture.2).collect();
        let noised = noise_at(sequence, IMAGE, &keep, &times);
        let at: Vec<Vec<f32>> = (noised.images.iter())
            .map(|image| path::latents_at(&pictures[image.source].1, &pictures[image.source].0, image.t))
            .collect();
        rows.push((noised, at, keep.len() + 1, pictures));
    }
    let row = |(noised, at, ..): &'_ (_, Vec<Vec<f32>>, _, _)| -> Vec<(Vec<f32>, f32)> {
        let noised: &oneflow_web::flow::noising::Noised = noised;
        at.iter().cloned().zip(noised.images.iter().map(|image| image.t)).collect()
    };
    let images: Vec<_> = rows.iter().map(row).collect();
    let inputs: Vec<Row<'_>> = (rows.iter().zip(&images))
        .map(|((noised, ..), images)| Row {
            sequence: &noised.sequence,
            images: images.iter().map(|(latents, t)| (&latents[..], *t)).collect(),
        })
        .collect();
    let input = Input::new(&config, &scale, IMAGE, &inputs);
    let latent_len = config.codec.latent_len();
    let mut targets = Targets {
        image_targets: vec![0.0; input.latents.len()],
        image_weights: vec![0.0; input.latents.len()],
        n_noised: rows.iter().flat_map(|row| &row.0.images).filter(|image| image.t < 1.0).count(),
        ..Targets::default()
    };
    for (b, (noised, at, clean_len, pictures)) in rows.iter().enumerate() {
        let weight = 1.0 / (clean_len * rows.len()) as f32;
        for bag in &noised.bags {
            let slot = targets.counts.len() as u32;
            targets.counts.push(bag.tokens.len() as f32);
            targets.slot_weights.push(weight);
            for &token in &bag.tokens {
                targets.pair_rows.push(targets.bag_slots.len() as u32);
                targets.pair_tokens.push(token);
                targets.pair_weights.push(weight);
            }
            targets.bag_slots.extend((!bag.tokens.is_empty()).then_some(slot));
        }
        for (i, image) in noised.images.iter().enumerate().filter(|(_, image)| image.t < 1.0) {
            let (clean, noise, _) = &pictures[image.source];
            let (target, factor) = scale.target(&at[i], &path::velocity(noise, clean), image.t);
            let start = (b * input.n_images + i) * latent_len;
            for j in 0..latent_len {
                targets.image_targets[start + j] = target[j];
                targets.image_weights[start + j] = factor[j] * factor[j] / (latent_len * targets.n_noised) as f32;
            }
        }
    }
    let (terms, _) = losses(&network, &BurnOps::cpu(), &Batch { input, targets, notes: Vec::new() }, 1.0);
    let tolerance = file["tolerance"]["value"].as_f64().unwrap();
    for (name, term) in
        [("tokens", terms.tokens), ("gate", terms.gate), ("poisson", terms.poisson), ("image", terms.image)]
    {
        let deviation = close(name, [term.into_scalar::<f32>()], &file["losses"][name], tolerance);
        println!("{name}: {deviation:.1e}");
    }
}

// --- weights of another program ------------------------------------------------------------------

type Tensors = BTreeMap<String, StoredTensor>;

/// The default model's weights in single precision, as another program would write them.
fn foreign_tensors() -> Tensors {
    let weights = Weights::parse(WEIGHTS, default_model().remove(WEIGHTS).unwrap()).unwrap();
    let single = |tensor: &StoredTensor| StoredTensor::f32(tensor.shape(), &tensor.to_f32().unwrap()).unwrap();
    weights.tensors().iter().map(|(name, tensor)| (name.clone(), single(tensor))).collect()
}

fn export(tensors: &Tensors, like: &Path, name: &str) -> oneflow_web::Result<PathBuf> {
    let folder = folder(name);
    let file = folder.join("weights.safetensors");
    fs::write(&file, safetensors_from_tensors(tensors, &BTreeMap::new())).unwrap();
    let out = folder.join("model");
    foreign::write(&file, like, &out)?;
    Ok(out)
}

#[test]
fn weights_of_another_program_become_the_same_model() {
    let like = root().join("pkg/models/storyworld");
    let files = default_model();
    // With the codec in the file, and with that of the folder.
    let with_codec = export(&foreign_tensors(), &like, "foreign-codec").unwrap();
    let mut tensors = foreign_tensors();
    tensors.retain(|name, _| !name.starts_with("codec."));
    let without = export(&tensors, &like, "foreign-no-codec").unwrap();
    for out in [with_codec, without] {
        let found = read_folder(&out).unwrap();
        assert_eq!(found.manifest.name(), "storyworld-nano");
        for name in [CONFIG, TOKENIZER, WEIGHTS] {
            assert!(found.files[name] == files[name], "{name}");
        }
    }
}

#[test]
fn weights_that_do_not_fit_are_named() {
    let like = root().join("pkg/models/storyworld");
    let refused = |change: &dyn Fn(&mut Tensors), expected: &str| {
        let mut tensors = foreign_tensors();
        change(&mut tensors);
        let error = export(&tensors, &like, "foreign-broken").unwrap_err();
        assert_eq!(error.code(), "invalid-model");
        assert!(error.to_string().contains(expected), "{error}");
    };
    let query = "blocks.3.attention.query";
    let of = |value: f32| StoredTensor::f32(&[192, 192], &vec![value; 192 * 192]).unwrap();
    refused(
        &|t| drop(t.remove(query)),
        "weights.safetensors cannot be used: tensor `blocks.3.attention.query` is missing",
    );
    refused(
        &|t| drop(t.insert(query.into(), StoredTensor::f32(&[192, 191], &vec![0.0; 192 * 191]).unwrap())),
        "tensor `blocks.3.attention.query` has shape [192, 191]; expected [192, 192]",
    );
    refused(&|t| drop(t.insert(query.into(), of(f32::NAN))), "tensor `blocks.3.attention.query` has NaN at place 0");
    refused(
        &|t| drop(t.insert(query.into(), of(-70000.0))),
        "tensor `blocks.3.attention.query` holds -70000, expected at most 65504, the largest F16",
    );
    refused(&|t| drop(t.insert("optimizer.step".into(), of(0.0))), "no place in this model, such as `optimizer.step`");
    refused(&|t| drop(t.remove("codec.std")), "tensor `codec.std` is missing");
}

#[test]
fn a_folder_that_is_neither_model_nor_run_is_named() {
    let error = export(&foreign_tensors(), &root().join("tests/golden"), "foreign-like").unwrap_err();
    assert_eq!(error.code(), "io");
    assert!(error.to_string().contains("tests/golden/config.json"), "{error}");
}
