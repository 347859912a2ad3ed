//! The trainer: it learns, it resumes, and its tensors agree with the plain loss.

use std::fs;
use std::path::Path;

use burn::tensor::Device;
use oneflow_web::Error;
use oneflow_web::checkpoint::Weights;
use oneflow_web::data::cards::{Cards, document};
use oneflow_web::data::{Part, Picture, Stream};
use oneflow_web::model::Tokenizer;
use oneflow_web::train::batch::{Batch, pool};
use oneflow_web::train::bpe::train_bpe;
use oneflow_web::train::codec_fit;
use oneflow_web::train::config::{DataConfig, Optimizer, TrainConfig};
use oneflow_web::train::run;
use oneflow_web::train::source::Source;
use oneflow_web::train::trainer::Trainer;

use crate::model::tiny;
use crate::support::folder;

fn config() -> TrainConfig {
    let mut model = tiny();
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
        pool_steps: 2,
        optimizer: Optimizer::Muon,
        learning_rate: 1e-2,
        warmup_steps: 2,
        final_rate: 0.1,
        weight_decay: 0.01,
        clip_norm: 1.0,
        ema_decay: 0.9,
        image_weight: 1.0,
        prompt_dropout: 0.1,
        complete_share: 0.3,
        pair_share: 0.2,
        pair_clean_text: 0.5,
        mistake_share: 0.5,
        log_every: 1,
        save_every: 1,
        sample_every: 1,
    }
}

fn source(config: &mut TrainConfig) -> Source {
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
    let pictures: Vec<Picture> = documents
        .into_iter()
        .flat_map(|document| document.parts)
        .filter_map(|part| match part {
            Part::Image(picture) => Some(picture),
            Part::Text(_) => None,
        })
        .take(12)
        .collect();
    // 32 px patches have 3,072 values: too many to diagonalise in a test. Any frame of patches
    // serves, and the codec's own test fits a small one.
    let (codec, preconditioner) = frame(config, &pictures);
    Source::new(Box::new(Cards(Stream::Train)), tokenizer, codec, preconditioner, config.max_rows).unwrap()
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

fn batches(config: &TrainConfig, source: &Source, n: usize) -> Vec<Vec<Batch>> {
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

#[test]
fn a_resumed_run_has_the_same_losses_as_an_uninterrupted_one() {
    let mut config = config();
    let source = source(&mut config);
    let batches = batches(&config, &source, 4);
    let folder = folder("resume");
    let mut whole = Trainer::new(&config, Device::flex()).unwrap();
    let mut first = Trainer::new(&config, Device::flex()).unwrap();
    let expected: Vec<_> = batches.iter().map(|batch| whole.train_step(batch).unwrap()).collect();
    let half = batches.len() / 2;
    let mut found: Vec<_> = batches[..half].iter().map(|batch| first.train_step(batch).unwrap()).collect();
    first.save(&folder).unwrap();
    drop(first);
    let mut second = Trainer::new(&config, Device::flex()).unwrap().load(&folder).unwrap();
    assert_eq!(second.step(), half);
    found.extend(batches[half..].iter().map(|batch| second.train_step(batch).unwrap()));
    assert_eq!(found, expected);
    assert_eq!(second.averaged(), whole.averaged());
    fs::remove_dir_all(&folder).unwrap();
}

#[test]
fn one_batch_is_learned_by_heart() {
    let mut config = config();
    config.n_steps = 150;
    let source = source(&mut config);
    let batch = batches(&config, &source, 1).remove(0);
    let mut trainer = Trainer::new(&config, Device::flex()).unwrap();
    let first = trainer.train_step(&batch).unwrap();
    let last = (1..config.n_steps).map(|_| trainer.train_step(&batch).unwrap()).last().unwrap();
    // Several tokens of a bag are equally right, so the token term has a floor above zero; the
    // gate's floor is zero.
    assert!(last.gate < 0.1 * first.gate, "gate {} to {}", first.gate, last.gate);
    assert!(last.tokens < 0.5 * first.tokens, "tokens {} to {}", first.tokens, last.tokens);
    assert!(last.image < first.image, "image {} to {}", first.image, last.image);
}

#[test]
fn a_checkpoint_that_is_missing_or_cut_is_named() {
    let mut config = config();
    let source = source(&mut config);
    let folder = folder("broken");
    let mut trainer = Trainer::new(&config, Device::flex()).unwrap();
    trainer.train_step(&batches(&config, &source, 1)[0]).unwrap();
    trainer.save(&folder).unwrap();
    let weights = folder.join("weights.bpk");
    let bytes = fs::read(&weights).unwrap();
    fs::write(&weights, &bytes[..bytes.len() / 2]).unwrap();
    let error = Trainer::new(&config, Device::flex()).unwrap().load(&folder).err().unwrap();
    assert!(matches!(&error, Error::Model { file, .. } if file.ends_with("weights.bpk")), "{error}");
    fs::remove_file(folder.join("step.json")).unwrap();
    let error = Trainer::new(&config, Device::flex()).unwrap().load(&folder).err().unwrap();
    assert!(matches!(&error, Error::Io { path, .. } if path.ends_with("step.json")), "{error}");
    fs::remove_dir_all(&folder).unwrap();
}

#[test]
fn a_run_starts_from_an_exported_model_of_its_shape() {
    let folder = folder("init");
    let mut config = config();
    (config.n_steps, config.save_every, config.sample_every) = (1, 10, 10);
    config.model.codec.patch_px = 8;
    let first = folder.join("first");
    run::run(&config, &first, false).unwrap();
    let model = first.join("model");
    config.init = Some(model.clone());
    // A learning rate of nearly nothing: what is exported is what was loaded.
    config.learning_rate = 1e-12;
    let second = folder.join("second");
    run::run(&config, &second, false).unwrap();
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
    let error = run::run(&config, &folder.join("third"), false).unwrap_err();
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
fn the_fitted_codec_beats_its_mean_and_gets_better_with_coefficients() {
    let pictures: Vec<Picture> = (0..30)
        .flat_map(|index| document(Stream::Train, index).parts)
        .filter_map(|part| if let Part::Image(picture) = part { Some(picture) } else { None })
        .collect();
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
