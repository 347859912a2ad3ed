//! The trainer: it learns, it resumes, and its tensors agree with the plain loss.

use std::fs;
use std::path::Path;
use std::sync::atomic::AtomicBool;

use burn::tensor::Device;
use oneflow_web::Error;
use oneflow_web::checkpoint::Weights;
use oneflow_web::data::cards::{Cards, Document, document};
use oneflow_web::data::{Part, Picture, Stream};
use oneflow_web::model::Tokenizer;
use oneflow_web::model::codec::ImageCodec;
use oneflow_web::model::made_up::tiny;
use oneflow_web::train::batch::{Batch, pool};
use oneflow_web::train::bpe::train_bpe;
use oneflow_web::train::codec_fit;
use oneflow_web::train::config::{DataConfig, Optimizer, TrainConfig};
use oneflow_web::train::run::{self, Settings};
use oneflow_web::train::source::Source;
use oneflow_web::train::trainer::Trainer;

use crate::support::folder;

pub fn config() -> TrainConfig {
    let mut model = tiny();
    model.sampling.delete_threshold = 0.9;
    model.network.vocab_size = 700;
    model.codec.image_px = 64;
    model.codec.patch_px = 32;
    model.codec.n_coefs = 8;
    TrainConfig {
        name: "test".into(),
        model,
        init: None,
        data: DataConfig::Cards,
        seed: 3,
        n_steps: 60,
        max_rows: 512,
        batch_size: 4,
        n_shards: 2,
        accumulate: 1,
        pool_steps: 2,
        optimizer: Optimizer::Muon,
        learning_rate: 1e-2,
        warmup_steps: 2,
        final_rate: 0.1,
        weight_decay: 0.01,
        clip_norm: 1.0,
        spike_factor: 10.0,
        ema_decay: 0.9,
        image_weight: 1.0,
        prompt_dropout: 0.1,
        complete_share: 0.3,
        pair_share: 0.2,
        pair_clean_text: 0.5,
        mistake_share: 0.5,
        pair_clean_pictures: 0.0,
        text_only_share: 0.0,
        log_every: 1,
        save_every: 1,
        keep_checkpoints: 2,
        sample_every: 1,
    }
}

pub fn source(config: &mut TrainConfig) -> Source {
    let documents: Vec<_> = (0..40).map(|index| document(Stream::Train, index)).collect();
    let texts = documents.iter().flat_map(|document| {
        document.parts.iter().filter_map(|part| match part {
            Part::Text(text) => Some(text.clone()),
            Part::Image(_) => None,
        })
    });
    let json = train_bpe(texts.collect::<Vec<_>>().into_iter(), config.model.network.vocab_size).unwrap();
    let tokenizer = Tokenizer::from_json(json.as_bytes()).unwrap();
    config.model.network.vocab_size = tokenizer.vocab_size();
    let mut pictures = pictures(&documents);
    pictures.truncate(12);
    // 32 px patches have 3,072 values: too many to diagonalise in a test. Any frame of patches
    // serves, and the codec's own test fits a small one.
    let (codec, preconditioner) = frame(config, &pictures);
    Source::new(Box::new(Cards(Stream::Train)), tokenizer, codec, preconditioner, config.max_rows).unwrap()
}

fn pictures(documents: &[Document]) -> Vec<Picture> {
    let parts = documents.iter().flat_map(|document| &document.parts);
    parts.filter_map(|part| if let Part::Image(picture) = part { Some(picture.clone()) } else { None }).collect()
}

fn frame(
    config: &TrainConfig,
    pictures: &[Picture],
) -> (oneflow_web::model::PcaCodec, oneflow_web::model::Preconditioner) {
    assert!(!pictures.is_empty());
    let codec = &config.model.codec;
    let len = codec.patch_len();
    let mut components = vec![0.0; codec.n_coefs * len];
    for k in 0..codec.n_coefs {
        // Cosines down the patch, normalised: an orthogonal frame.
        let row = &mut components[k * len..(k + 1) * len];
        for (i, value) in row.iter_mut().enumerate() {
            *value = (std::f32::consts::PI * (k as f32 + 0.5) * (i as f32 + 0.5) / len as f32).cos();
        }
        let norm = row.iter().map(|v| v * v).sum::<f32>().sqrt();
        row.iter_mut().for_each(|value| *value /= norm);
    }
    let preconditioner = oneflow_web::model::Preconditioner { std: vec![1.0; codec.n_coefs] };
    (oneflow_web::model::PcaCodec::new(codec.clone(), vec![0.5; len], components, 5.0), preconditioner)
}

pub fn batches(config: &TrainConfig, source: &Source, n: usize) -> Vec<Vec<Batch>> {
    (0..n).flat_map(|i| pool(config, source, i).unwrap()).collect()
}

#[test]
fn a_batch_is_a_function_of_the_step() {
    let mut config = config();
    let source = source(&mut config);
    let (a, b) = (batches(&config, &source, 2), batches(&config, &source, 2));
    assert_eq!(format!("{a:?}"), format!("{b:?}"));
    let rows: usize = a.iter().flatten().map(|shard| shard.input.batch).sum();
    assert_eq!(rows, 2 * config.pool_steps * config.batch_size);
}

/// The least that the token term can be: in each slot Q is the share of each token in its bag.
fn token_floor(batch: &Batch) -> f32 {
    let targets = &batch.targets;
    let pairs = || targets.pair_rows.iter().zip(&targets.pair_tokens);
    let least = |(&row, &token): (&u32, &u32)| {
        let size = pairs().filter(|&(&r, _)| r == row).count();
        let same = pairs().filter(|&(&r, &t)| r == row && t == token).count();
        (size as f32 / same as f32).ln()
    };
    pairs().map(least).zip(&targets.pair_weights).map(|(least, weight)| least * weight).sum()
}

/// To near the least that each term can be: 0 but for the tokens, several of which can be equally
/// right, and for the Poisson term.
#[test]
fn one_batch_is_learned_by_heart() {
    let mut config = config();
    (config.n_steps, config.n_shards, config.prompt_dropout) = (400, 1, 0.0);
    (config.model.network.d_model, config.model.network.d_mlp, config.weight_decay) = (32, 64, 0.0);
    let source = source(&mut config);
    let steps = batches(&config, &source, 8).into_iter();
    // One with much to learn: pictures, and a good part of the text missing.
    let shards =
        steps.filter(|shards| shards[0].targets.n_noised > 2).max_by_key(|shards| shards[0].targets.pair_tokens.len());
    let shards = shards.unwrap();
    let floor = token_floor(&shards[0]);
    let mut trainer = Trainer::new(&config, &[Device::flex()]).unwrap();
    let first = trainer.train_step(&shards).unwrap().terms;
    let last = (1..config.n_steps).map(|_| trainer.train_step(&shards).unwrap()).last().unwrap().terms;
    let poisson = last.excess - last.tokens - last.gate - last.image;
    assert!(
        last.tokens - floor < 0.02 * (first.tokens - floor),
        "tokens {} to {}, floor {floor}",
        first.tokens,
        last.tokens
    );
    assert!(last.gate < 0.01 * first.gate, "gate {} to {}", first.gate, last.gate);
    assert!(poisson < 0.02, "poisson {poisson} above its floor");
    assert!(first.image > 0.0 && last.image < 0.05 * first.image, "image {} to {}", first.image, last.image);
}

#[test]
fn a_device_without_a_part_of_the_batch_is_refused() {
    let folder = folder("devices");
    let (out, config) = (folder.join("run"), config());
    let devices = vec![Device::flex(); config.n_shards + 1];
    let settings = Settings { resume: false, devices: &devices, stop: &AtomicBool::new(false) };
    let error = run::run(&config, &out, &settings).unwrap_err();
    assert!(
        matches!(&error, Error::Option { name: "device", .. }) && error.to_string().contains("n_shards"),
        "{error}"
    );
    assert!(!out.exists());
    fs::remove_dir_all(&folder).unwrap();
}

#[test]
fn a_run_starts_from_an_exported_model_of_its_shape() {
    let folder = folder("init");
    let mut config = config();
    (config.n_steps, config.save_every, config.sample_every) = (1, 10, 10);
    config.model.codec.patch_px = 8;
    let first = folder.join("first");
    let stop = AtomicBool::new(false);
    let settings = Settings { resume: false, devices: &[Device::flex()], stop: &stop };
    run::run(&config, &first, &settings).unwrap();
    let model = first.join("model");
    config.init = Some(model.clone());
    // A learning rate of nearly nothing: what is exported is what was loaded.
    config.learning_rate = 1e-12;
    let second = folder.join("second");
    run::run(&config, &second, &settings).unwrap();
    for file in ["tokenizer.json", "config.json"] {
        assert!(fs::read(model.join(file)).unwrap() == fs::read(second.join("model").join(file)).unwrap(), "{file}");
    }
    let weights = |model: &Path| {
        let bytes = fs::read(model.join("model.safetensors")).unwrap();
        Weights::parse("model.safetensors", bytes).unwrap().tensors().clone()
    };
    let (before, after) = (weights(&model), weights(&second.join("model")));
    assert!(before.keys().eq(after.keys()));
    for (name, tensor) in &before {
        let pairs = tensor.to_f32().unwrap().into_iter().zip(after[name].to_f32().unwrap());
        let largest = pairs.map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
        assert!(largest < 1e-5, "{name} moved by {largest}");
    }
    config.model.network.n_layers += 1;
    let error = run::run(&config, &folder.join("third"), &settings).unwrap_err();
    assert!(matches!(&error, Error::Model { file, .. } if file.ends_with("config.json")), "{error}");
    fs::remove_dir_all(&folder).unwrap();
}

#[test]
fn a_bad_configuration_names_the_field() {
    let folder = folder("config");
    let path = folder.join("train.json");
    let mut config = config();
    config.complete_share = 1.5;
    fs::write(&path, serde_json::to_string(&config).unwrap()).unwrap();
    let text = TrainConfig::read(&path).unwrap_err().to_string();
    assert!(text.contains("complete_share") && text.contains("1.5"), "{text}");
    let dial = r#"{ "data": { "kind": "storyworld", "dial": "L9" } }"#;
    fs::write(&path, dial).unwrap();
    let text = TrainConfig::read(&path).unwrap_err().to_string();
    assert!(text.contains("field `data`") && text.contains("L9") && text.contains("L4"), "{text}");
    fs::write(&path, "{\"name\": 1}").unwrap();
    assert!(matches!(TrainConfig::read(&path), Err(Error::Data { line: 1, .. })));
    fs::remove_dir_all(&folder).unwrap();
}

#[test]
fn the_committed_configurations_are_good() {
    let configs = Path::new(env!("CARGO_MANIFEST_DIR")).join("configs");
    let paths: Vec<_> = fs::read_dir(configs).unwrap().map(|entry| entry.unwrap().path()).collect();
    assert!(paths.len() >= 4, "{paths:?}");
    for path in paths {
        let config = TrainConfig::read(&path).unwrap();
        config.data.documents(Stream::Train, &config.model, config.seed).unwrap();
    }
}

#[test]
fn the_source_encodes_pictures_as_the_codec_does() {
    let mut config = config();
    let source = source(&mut config);
    let documents = [document(Stream::Train, 3)];
    let codec = frame(&config, &pictures(&documents)).0;
    let latents = source.clean(3).unwrap().latents;
    let expected: Vec<Vec<f32>> = pictures(&documents).iter().map(|picture| codec.encode(&picture.rgb)).collect();
    assert!(!expected.is_empty());
    assert_eq!(latents.len(), expected.len());
    for (found, expected) in latents.iter().flatten().zip(expected.iter().flatten()) {
        assert!((found - expected).abs() < 1e-4 * expected.abs().max(1.0), "{found} {expected}");
    }
}

#[test]
fn the_fitted_codec_beats_its_mean_and_gets_better_with_coefficients() {
    let pictures = pictures(&(0..30).map(|index| document(Stream::Train, index)).collect::<Vec<_>>());
    let psnr = |n_coefs: usize| {
        let config =
            oneflow_web::model::config::CodecConfig { kind: "pca-patch".into(), image_px: 64, patch_px: 8, n_coefs };
        let (codec, preconditioner) = codec_fit::fit(&config, &pictures);
        assert!(preconditioner.std.windows(2).all(|pair| pair[0] >= pair[1] - 1e-6));
        codec_fit::mean_psnr(&codec, &pictures)
    };
    let (few, many) = (psnr(4), psnr(48));
    assert!(few > 15.0 && many > few + 3.0, "{few} {many}");
}
