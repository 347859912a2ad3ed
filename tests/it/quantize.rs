//! The default model in fewer bits: how large it is, what stays whole, and what changes.

use std::path::PathBuf;

use oneflow_web::checkpoint::folder::read_folder;
use oneflow_web::checkpoint::load::cpu_model;
use oneflow_web::checkpoint::{WEIGHTS, Weights};
use oneflow_web::data::Stream;
use oneflow_web::data::cards::Cards;
use oneflow_web::train::calibration::Calibration;
use oneflow_web::train::compare::{Probe, stories};
use oneflow_web::train::quantize::{Bits, Files, Q4_BYTES, Report, quantize};

fn files() -> Files {
    read_folder(&PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("pkg/models/storyworld")).unwrap().files
}

fn probe(files: &Files) -> Probe {
    Probe::new(files, Box::new(Cards(Stream::Validation)), 1).unwrap()
}

/// A tenth of the documents that the command takes.
fn calibration(files: &Files) -> Calibration {
    Calibration::new(files, Box::new(Cards(Stream::Train)), 80, 0).unwrap()
}

/// What `q4` on a few documents becomes with so many steps of training after it.
fn trained(files: &Files, probe: &Probe, n_steps: usize) -> (Weights, Report) {
    let calibration = Calibration::new(files, Box::new(Cards(Stream::Train)), 80, n_steps).unwrap();
    let (files, report) = quantize(files, Bits::Q4(&calibration), probe).unwrap();
    (Weights::parse(WEIGHTS, files[WEIGHTS].clone()).unwrap(), report)
}

#[test]
fn training_brings_pictures_nearer_and_leaves_whole_numbers() {
    let files = files();
    let probe = Probe::new(&files, Box::new(Cards(Stream::Validation)), 16).unwrap();
    let (mut rounded, before) = trained(&files, &probe, 0);
    let (mut trained, after) = trained(&files, &probe, 40);
    for name in ["tokens", "blocks.2.mlp.up", "blocks.5.mlp.down"] {
        let (rounded, trained) = (rounded.take_blocks(name).unwrap(), trained.take_blocks(name).unwrap());
        assert!(rounded.words() == trained.words() && rounded.scales() != trained.scales(), "{name}");
    }
    let (gain, same) = ("blocks.2.mlp.norm", "codec.std");
    let values = |weights: &mut Weights, name| weights.take_f32(name, &[1, 192]).unwrap();
    assert_ne!(values(&mut rounded, gain), values(&mut trained, gain));
    assert_eq!(rounded.take(same).unwrap().to_f32(), trained.take(same).unwrap().to_f32());
    assert!(after.change.velocity < 0.98 * before.change.velocity, "{:?} {:?}", before.change, after.change);
}

fn format<'a>(report: &'a Report, name: &str) -> &'a str {
    report.tensors.iter().find(|tensor| tensor.name == name).unwrap().format
}

#[test]
fn fewer_bits_take_less_room_and_change_more() {
    let files = files();
    let (probe, calibration) = (probe(&files), calibration(&files));
    let (_, f16) = quantize(&files, Bits::F16, &probe).unwrap();
    let (q8_files, q8) = quantize(&files, Bits::Q8, &probe).unwrap();
    let (q4_files, q4) = quantize(&files, Bits::Q4(&calibration), &probe).unwrap();
    // It is stored in 16 bits: nothing changes.
    assert!(f16.change.draws == 0.0 && f16.change.velocity == 0.0 && f16.change.slots > 0);
    assert!(f16.bytes_per_number > 1.99 && q8.bytes_per_number < 1.1 && q4.bytes_per_number <= Q4_BYTES);
    assert!(q8.change.draws > 0.0 && q4.change.draws > 4.0 * q8.change.draws, "{:?} {:?}", q8.change, q4.change);
    assert!(q4.change.velocity > 2.0 * q8.change.velocity);
    for report in [&q8, &q4] {
        assert_eq!(format(report, "heads.gate"), "F16");
        assert_eq!(format(report, "blocks.2.mlp.norm"), "F32");
        assert_eq!(format(report, "codec.std"), "F32");
        assert_eq!(format(report, "adapter.out"), "q8");
        assert_eq!(format(report, "codec.components"), "q8");
    }
    assert_eq!(format(&q8, "blocks.2.mlp.down"), "q8");

    // What long blocks leave of the bytes goes where errors cost most: late in the network, on the way down.
    let cost = |name: &str| q4.tensors.iter().find(|tensor| tensor.name == name).unwrap().change.unwrap();
    let block = |name: &str| q4.tensors.iter().find(|tensor| tensor.name == name).unwrap().block;
    assert_eq!((format(&q4, "blocks.5.mlp.down"), format(&q4, "blocks.0.mlp.down")), ("q8", "q4"));
    assert_eq!((block("blocks.4.mlp.down"), block("blocks.0.mlp.down")), (Some(32), Some(128)));
    assert!(cost("blocks.4.mlp.down") > 10.0 * cost("blocks.0.mlp.down"));
    // The embedding is met once as what text begins with, and once as the token head.
    assert!(cost("tokens") < 0.1, "{}", cost("tokens"));

    // 2.2 % of these velocities; with the same matrices rounded number by number, 5.1 %.
    assert!(q4.change.velocity < 0.035, "{:?}", q4.change);

    // Both load, and twice the same is the same.
    let (before, after) = (cpu_model(files.clone()).unwrap(), cpu_model(q8_files).unwrap());
    assert!(cpu_model(q4_files.clone()).is_ok());
    assert!(quantize(&files, Bits::Q4(&calibration), &probe).unwrap().0 == q4_files);
    let prompts = ["A picture of a sleepy owl in the snow.".to_string()];
    let same = stories(&before, &before, &prompts).unwrap();
    assert!(same.same == 1 && same.changed == 0 && same.tokens > 4, "{same:?}");
    let told = stories(&before, &after, &prompts).unwrap();
    assert_eq!((told.n, told.tokens, told.same == 1), (1, same.tokens, told.changed == 0));
}
