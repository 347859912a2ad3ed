//! Checkpoints of a training run: exact, whole, and what is said of those that are not.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use burn::tensor::Device;
use oneflow_web::Error;
use oneflow_web::checkpoint::{Weights, safetensors_from_tensors};
use oneflow_web::train::batch::Batch;
use oneflow_web::train::checkpoints;
use oneflow_web::train::config::{Optimizer, TrainConfig};
use oneflow_web::train::trainer::{StepReport, Trainer};

use crate::support::folder;
use crate::training::{batches, config, source};

fn trained(config: &TrainConfig, batches: &[Vec<Batch>]) -> (Trainer, Vec<StepReport>) {
    let mut trainer = Trainer::new(config, &[Device::flex()]).unwrap();
    let reports = batches.iter().map(|batch| trainer.train_step(batch).unwrap()).collect();
    (trainer, reports)
}

#[track_caller]
fn refused(config: &TrainConfig, path: &Path) -> String {
    let error = Trainer::new(config, &[Device::flex()]).unwrap().load(path).err().unwrap();
    let text = error.to_string();
    assert!(text.contains(&path.display().to_string()), "{text}");
    text
}

/// Bit for bit, weights, averages, optimisers, the guard and the data's position included.
#[test]
fn a_hundred_and_a_hundred_steps_are_two_hundred() {
    for optimizer in [Optimizer::Muon, Optimizer::AdamW] {
        let mut config = config();
        (config.n_steps, config.optimizer, config.accumulate) = (200, optimizer, 2);
        let source = source(&mut config);
        let folder = folder("exact");
        let all = batches(&config, &source, 200 / config.pool_steps);
        let (whole, expected) = trained(&config, &all);
        let (first, mut found) = trained(&config, &all[..100]);
        let path = checkpoints::save(&first, &folder, 1).unwrap();
        drop((first, all));
        let mut second = Trainer::new(&config, &[Device::flex()]).unwrap().load(&path).unwrap();
        // The data from where the checkpoint is, made anew.
        let pool = second.step() / config.pool_steps;
        let left =
            (pool..200 / config.pool_steps).flat_map(|i| oneflow_web::train::batch::pool(&config, &source, i).unwrap());
        found.extend(left.skip(second.step() % config.pool_steps).map(|batch| second.train_step(&batch).unwrap()));
        assert_eq!(found, expected);
        assert_eq!(second.values(), whole.values());
        assert_eq!(second.averaged(), whole.averaged());
        // Optimiser and guard, too: the two states are one file.
        let (a, b) = (folder.join("a"), folder.join("b"));
        whole.save(&a).unwrap();
        second.save(&b).unwrap();
        assert!(fs::read(a).unwrap() == fs::read(b).unwrap());
        fs::remove_dir_all(&folder).unwrap();
    }
}

#[test]
fn the_last_few_checkpoints_are_kept() {
    let mut config = config();
    let source = source(&mut config);
    let folder = folder("kept");
    let mut trainer = Trainer::new(&config, &[Device::flex()]).unwrap();
    for batch in batches(&config, &source, 3) {
        trainer.train_step(&batch).unwrap();
        checkpoints::save(&trainer, &folder, 3).unwrap();
    }
    let names: Vec<String> = (checkpoints::all(&folder).unwrap().iter())
        .map(|path| path.file_name().unwrap().to_string_lossy().into_owned())
        .collect();
    assert_eq!(names, ["step-00000004.safetensors", "step-00000005.safetensors", "step-00000006.safetensors"]);
    assert!(checkpoints::last(&folder).unwrap().ends_with("step-00000006.safetensors"));
    assert!(matches!(checkpoints::last(&folder.join("nothing")), Err(Error::Model { .. })));
    fs::remove_dir_all(&folder).unwrap();
}

#[test]
fn a_checkpoint_that_is_damaged_or_foreign_is_named() {
    let mut config = config();
    let source = source(&mut config);
    let folder = folder("broken");
    let (trainer, _) = trained(&config, &batches(&config, &source, 1)[..1]);
    let good = folder.join("good");
    trainer.save(&good).unwrap();
    let bytes = fs::read(&good).unwrap();
    let bad = folder.join("bad");

    let text = refused(&config, &bad);
    assert!(text.contains("cannot read"), "{text}");
    fs::write(&bad, &bytes[..bytes.len() / 2]).unwrap();
    refused(&config, &bad);
    // One bit of one number.
    let mut flipped = bytes.clone();
    *flipped.last_mut().unwrap() ^= 1;
    fs::write(&bad, flipped).unwrap();
    let text = refused(&config, &bad);
    assert!(text.contains("SHA-256") && text.contains("take it away"), "{text}");
    fs::write(&bad, safetensors_from_tensors(Weights::parse("", bytes).unwrap().tensors(), &BTreeMap::new())).unwrap();
    let text = refused(&config, &bad);
    assert!(text.contains("format is none, expected oneflow-web/training-1"), "{text}");
    let mut other = config.clone();
    other.model.network.d_mlp += 8;
    let text = refused(&other, &good);
    assert!(text.contains("another model") && text.contains("\"d_mlp\":24") && text.contains("\"d_mlp\":32"), "{text}");
    other = config.clone();
    other.optimizer = Optimizer::AdamW;
    let text = refused(&other, &good);
    assert!(text.contains("\"muon\"") && text.contains("\"adamw\""), "{text}");
    // The good one still serves.
    assert_eq!(Trainer::new(&config, &[Device::flex()]).unwrap().load(&good).unwrap().step(), 1);
    fs::remove_dir_all(&folder).unwrap();
}
