//! Weights in several files: the same model as in one, one file in memory at a time, and refused
//! where the files disagree.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use oneflow_web::checkpoint::blocks::{BlockFormat, SCALES};
use oneflow_web::checkpoint::cut::{Listing, cut, with_shards};
use oneflow_web::checkpoint::folder::{FolderWriter, load_folder, read_folder, write_folder};
use oneflow_web::checkpoint::load::cpu_model;
use oneflow_web::checkpoint::made_up;
use oneflow_web::checkpoint::shards::{INDEX, WEIGHTS, is_weights, shard_name, take_weights};
use oneflow_web::checkpoint::{CONFIG, MANIFEST, Manifest, StoredTensor, Weights};
use oneflow_web::error::{Error, Result};
use oneflow_web::model::ModelConfig;
use oneflow_web::model::config::NetworkConfig;
use oneflow_web::model::made_up::{Storage, tiny};
use oneflow_web::model::story::tell;
use oneflow_web::ops::cpu::CpuOps;
use oneflow_web::ops::stored::StoredNumbers;
use oneflow_web::sample::Options;
use serde_json::Value;

use crate::heap::heap_of;
use crate::support::folder;

type Files = BTreeMap<String, Vec<u8>>;

/// A model whose matrices fit into blocks.
fn config() -> ModelConfig {
    let tiny = tiny();
    ModelConfig { network: NetworkConfig { d_model: 64, d_mlp: 96, ..tiny.network.clone() }, ..tiny }
}

/// A made-up model in five files of 4-bit blocks and more.
fn made_up_files() -> Files {
    let folder = folder("made-up");
    made_up::write(&folder.join("model"), &config(), Storage::Blocks(BlockFormat::Q4), 16 << 10).unwrap();
    let files = read_folder(&folder.join("model")).unwrap().files;
    fs::remove_dir_all(&folder).unwrap();
    assert!(shards(&files).len() >= 4, "{:?}", files.keys());
    files
}

fn default_model() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("pkg/models/storyworld")
}

fn shards(files: &Files) -> Vec<String> {
    files.keys().filter(|name| is_weights(name)).cloned().collect()
}

#[track_caller]
fn refused<T>(result: Result<T>, code: &str, expected: &[&str]) {
    let error = result.err().expect("the damage is refused");
    assert_eq!(error.code(), code, "{error}");
    expected.iter().for_each(|words| assert!(error.to_string().contains(words), "{words} in: {error}"));
}

// --- cutting ------------------------------------------------------------------------------------

#[test]
fn a_cut_keeps_the_order_and_the_size() {
    assert!(cut(&[], 10).is_empty());
    assert_eq!(cut(&[4, 4, 4, 2, 10, 11, 1, 0], 10), [0..2, 2..4, 4..5, 5..6, 6..8]);
    assert_eq!(cut(&[3, u64::MAX, 3], u64::MAX), [0..1, 1..2, 2..3]);
}

#[test]
fn a_default_model_in_shards_is_the_same_model() {
    let whole = read_folder(&default_model()).unwrap().files;
    let cut = with_shards(whole.clone(), 1 << 20).unwrap();
    assert_eq!(cut, with_shards(whole.clone(), 1 << 20).unwrap(), "the same bytes each time");
    let names = shards(&cut);
    assert!(names.len() >= 6 && !cut.contains_key(WEIGHTS));
    assert_eq!(names[0], shard_name(1, names.len()));
    for name in &names {
        let weights = Weights::parse(name, cut[name].clone()).unwrap();
        let size: usize = weights.tensors().values().map(|tensor| tensor.bytes().len()).sum();
        assert!(size <= 1 << 20 || weights.tensors().len() == 1, "{name}: {size}");
    }
    // The index is Hugging Face's.
    let index: Value = serde_json::from_slice(&cut[INDEX]).unwrap();
    let tensors = take_weights(&mut whole.clone()).unwrap();
    let size: usize = tensors.tensors().values().map(|tensor| tensor.bytes().len()).sum();
    assert_eq!(index["metadata"]["total_size"], size);
    assert_eq!(index["weight_map"].as_object().unwrap().len(), tensors.tensors().len());

    // And back: one file, byte by byte.
    assert_eq!(with_shards(cut.clone(), u64::MAX).unwrap(), whole);

    let folder = folder("shards-default");
    write_folder(&folder.join("cut"), "storyworld", "1", &cut).unwrap();
    let story = |path: &Path| {
        let model = load_folder(path, CpuOps).unwrap();
        let options = Options { n_steps: 8, max_images: 2, ..model.options() };
        tell(&model, "A shy fox in the forest at night.", options, 7).unwrap()
    };
    let (one, many) = (story(&default_model()), story(&folder.join("cut")));
    assert!(one.text().len() > 20);
    assert!(one == many);
    fs::remove_dir_all(&folder).unwrap();
}

#[test]
fn blocks_keep_their_scales_and_what_is_made_up_tells_a_story() {
    let files = made_up_files();
    let whole = with_shards(files.clone(), u64::MAX).unwrap();
    assert_eq!(shards(&whole), [WEIGHTS]);
    assert_eq!(with_shards(whole.clone(), 16 << 10).unwrap(), files);
    let weights = Weights::parse(WEIGHTS, whole[WEIGHTS].clone()).unwrap();
    assert!(weights.blocks().len() > 10);
    let story = |files: &Files| {
        let model = cpu_model(files.clone()).unwrap();
        let options = Options { n_steps: 4, max_tokens: 12, max_images: 1, ..model.options() };
        tell(&model, "abc", options, 3).unwrap()
    };
    assert!(story(&files) == story(&whole));
}

#[test]
fn the_command_line_cuts_and_shows_the_files() {
    let scratch = folder("shards-cli");
    let out = scratch.join("cut");
    let oneflow = |args: &[&str]| {
        let output = Command::new(env!("CARGO_BIN_EXE_oneflow")).args(args).output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    };
    let (model, out) = (default_model().display().to_string(), out.display().to_string());
    oneflow(&["export", "--model", &model, "--shard-mb", "2", "--out", &out]);
    let found: Value = serde_json::from_str(&oneflow(&["inspect", &out, "--json"])).unwrap();
    let before: Value = serde_json::from_str(&oneflow(&["inspect", &model, "--json"])).unwrap();
    assert_eq!(found["parameters"], before["parameters"]);
    assert_eq!(found["formats"], before["formats"]);
    let files = found["files"].as_array().unwrap();
    assert!((3..=5).contains(&files.len()), "{files:?}");
    let sum = |facts: &Value, field: &str| -> u64 {
        facts["files"].as_array().unwrap().iter().map(|file| file[field].as_u64().unwrap()).sum()
    };
    assert_eq!(sum(&found, "tensors"), sum(&before, "tensors"));
    assert!(files.iter().all(|file| file["size_bytes"].as_u64().unwrap() < (2 << 20) + 10_000));
    assert!(oneflow(&["inspect", &out]).contains(&shard_name(1, files.len())));
    fs::remove_dir_all(&scratch).unwrap();
}

// --- memory -------------------------------------------------------------------------------------

/// What a back end makes of the weights is the model; all else is one file and what is made of it.
#[test]
fn loading_holds_no_more_than_two_files() {
    let tiny = tiny();
    let network =
        NetworkConfig { d_model: 256, n_heads: 8, n_layers: 8, d_mlp: 704, vocab_size: 300, delete_head: false };
    let scratch = folder("shards-memory");
    let max_bytes = 4 << 20;
    made_up::write(&scratch, &ModelConfig { network, ..tiny }, Storage::F32, max_bytes).unwrap();
    let total = shards(&read_folder(&scratch).unwrap().files).len();
    assert!(total >= 6, "{total} files");
    let (model, peak, kept) = heap_of(|| load_folder(&scratch, CpuOps).unwrap());
    assert!(kept > 20 << 20, "{kept} bytes of weights");
    let held = peak - kept;
    println!("{total} files of {max_bytes} bytes at most: {held} bytes beside {kept} of the model");
    assert!(held <= 2 * max_bytes as i64, "{held}");
    drop(model);
    // All files at once take what they take, so the count counts.
    let (files, peak, _) = heap_of(|| read_folder(&scratch).unwrap().files);
    assert!(peak >= files.values().map(|bytes| bytes.len() as i64).sum(), "{peak}");
    fs::remove_dir_all(&scratch).unwrap();
}

// --- files that disagree ------------------------------------------------------------------------

/// The made-up model with its shards changed, tensor by tensor; `change` has them in order.
fn changed(change: impl FnOnce(&mut [Weights])) -> Files {
    let mut files = made_up_files();
    let names = shards(&files);
    let mut all: Vec<Weights> = names.iter().map(|name| Weights::parse(name, files[name].clone()).unwrap()).collect();
    change(&mut all);
    for (name, weights) in names.iter().zip(&all) {
        files.insert(name.clone(), weights.to_file());
    }
    files
}

/// The index of these shards as they are.
fn indexed(mut files: Files) -> Files {
    let mut listing = Listing::default();
    for name in shards(&files) {
        listing.add(&Weights::parse(&name, files[&name].clone()).unwrap());
    }
    files.extend(listing.to_file().unwrap());
    files
}

fn first(weights: &Weights) -> String {
    weights.tensors().keys().next().unwrap().clone()
}

#[test]
fn shards_and_index_that_disagree_are_refused_by_name() {
    let n = shards(&made_up_files()).len();
    let (one, two) = (shard_name(1, n), shard_name(2, n));
    let mut tensor = String::new();

    // In two files, whatever the index says.
    let files = changed(|all| {
        tensor = first(&all[0]);
        let mut copy = Weights::parse(&one, all[0].to_file()).unwrap();
        all[1].adopt(&tensor, &mut copy).unwrap();
    });
    refused(cpu_model(files), "invalid-model", &[&two, &format!("`{tensor}` is in {one}, too")]);

    // In another file than the index says, and in none.
    let files = changed(|all| {
        let (first, rest) = all.split_at_mut(1);
        rest[0].adopt(&tensor, &mut first[0]).unwrap();
    });
    refused(cpu_model(files), "invalid-model", &[&one, &format!("`{tensor}` is missing, and {INDEX}")]);
    let files = changed(|all| {
        tensor = first(&all[1]);
        let (first, rest) = all.split_at_mut(1);
        first[0].adopt(&tensor, &mut rest[0]).unwrap();
    });
    refused(cpu_model(files), "invalid-model", &[&one, &format!("`{tensor}` is in {two}, says {INDEX}")]);
    let files = changed(|all| Weights::empty("", BTreeMap::new()).adopt(&tensor, &mut all[1]).unwrap());
    refused(cpu_model(files.clone()), "invalid-model", &[&two, &tensor]);
    // The index agrees, and still the network needs it.
    refused(cpu_model(indexed(files)), "invalid-model", &[&tensor]);

    // In the files and not in the index, and in the index and of no file.
    let index = |change: &dyn Fn(&mut serde_json::Map<String, Value>)| {
        let mut files = made_up_files();
        let mut index: Value = serde_json::from_slice(&files[INDEX]).unwrap();
        change(index["weight_map"].as_object_mut().unwrap());
        files.insert(INDEX.into(), index.to_string().into_bytes());
        files
    };
    let files = index(&|map| drop(map.remove(&tensor)));
    refused(cpu_model(files), "invalid-model", &[&two, &format!("`{tensor}` is not in {INDEX}")]);
    let files = index(&|map| drop(map.insert(tensor.clone(), "model-00009-of-00009.safetensors".into())));
    refused(cpu_model(files), "invalid-model", &[INDEX, &tensor, "model-00009-of-00009.safetensors, which is no file"]);
    let files = index(&|map| drop(map.insert(tensor.clone(), 3.into())));
    refused(cpu_model(files), "invalid-model", &[INDEX, "not an index"]);

    // Left over: no tensor of this network.
    let stranger = changed(|all| all[0].insert("stranger", &[1], &float()).unwrap());
    refused(cpu_model(indexed(stranger)), "invalid-model", &[&one, "no place in this model, such as `stranger`"]);
    let mut without = made_up_files();
    without.remove(INDEX);
    refused(cpu_model(without), "invalid-model", &[INDEX, "is missing", &one]);
}

fn float() -> StoredNumbers {
    StoredNumbers::F32(vec![1.0])
}

#[test]
fn blocks_without_their_scales_are_refused() {
    let mut name = String::new();
    let files = changed(|all| {
        name = all[1].blocks().keys().next().unwrap().clone();
        let scales = format!("{name}{SCALES}");
        let tensor = all[1].take(&scales).unwrap();
        let (shape, numbers) = (tensor.shape().to_vec(), halves(&tensor));
        all[2].insert(&scales, &shape, &numbers).unwrap();
    });
    let expected = format!("`{name}{SCALES}` is missing; blocks and scales of `{name}` have to be in one file");
    refused(cpu_model(files), "invalid-model", &[&expected]);
}

fn halves(tensor: &StoredTensor) -> StoredNumbers {
    let values = tensor.to_f32().unwrap().into_iter().map(half::f16::from_f32).collect();
    StoredNumbers::F16(values)
}

#[test]
fn a_manifest_lists_all_shards_of_one_model_and_their_index() {
    let files = made_up_files();
    let n = shards(&files).len();
    let manifest = |change: &dyn Fn(&mut Files)| {
        let mut files = files.clone();
        change(&mut files);
        Manifest::of_files("made-up", "1", &files)
    };
    manifest(&|_| ()).unwrap();
    let two = shard_name(2, n);
    refused(manifest(&|files| drop(files.remove(&two))), "invalid-manifest", &[&format!("does not list {two}")]);
    refused(manifest(&|files| drop(files.remove(INDEX))), "invalid-manifest", &[&format!("does not list {INDEX}")]);
    let add = |name: &str| manifest(&|files| drop(files.insert(name.into(), vec![])));
    refused(add(WEIGHTS), "invalid-manifest", &[WEIGHTS, "of two models"]);
    refused(add(&shard_name(n + 1, n + 1)), "invalid-manifest", &[]);
    // No shards: files like any other.
    for name in ["model-1-of-2.safetensors", "model-00003-of-00002.safetensors", "model-00000-of-00001.safetensors"] {
        assert!(!is_weights(name) && add(name).is_ok(), "{name}");
    }
    // Whatever the order of the list, weights come last.
    let order: Vec<String> = manifest(&|_| ()).unwrap().fetch_order().map(|file| file.name.clone()).collect();
    assert_eq!(order[3..], shards(&files));
    assert!(order[..3].contains(&INDEX.to_string()) && order[..3].contains(&CONFIG.to_string()));
}

#[test]
fn a_damaged_shard_on_the_disk_is_refused_by_name() {
    let files = made_up_files();
    let scratch = folder("shards-damaged");
    let name = &shards(&files)[2];
    let path = scratch.join("model").join(name);
    let write = || write_folder(&scratch.join("model"), "made-up", "1", &files).unwrap();
    let load = || load_folder(&scratch.join("model"), CpuOps);
    write();
    load().unwrap();
    let mut flipped = files[name].clone();
    *flipped.last_mut().unwrap() ^= 1;
    fs::write(&path, flipped).unwrap();
    refused(load(), "integrity", &[name, "SHA-256"]);
    fs::remove_file(&path).unwrap();
    refused(load(), "io", &[name]);
    // A model in one file takes the place of one in several, and nothing of that stays.
    let whole = with_shards(files.clone(), u64::MAX).unwrap();
    write_folder(&scratch.join("model"), "made-up", "2", &whole).unwrap();
    let mut left: Vec<String> =
        fs::read_dir(scratch.join("model")).unwrap().map(|e| e.unwrap().file_name().into_string().unwrap()).collect();
    left.sort();
    assert_eq!(left, [CONFIG, MANIFEST, WEIGHTS, "tokenizer.json"]);
    load().unwrap();
    // A folder without a manifest gets one.
    write();
    fs::remove_file(scratch.join("model").join(MANIFEST)).unwrap();
    assert_eq!(Manifest::of_folder(&scratch.join("model"), "made-up", "1").unwrap().files().len(), files.len());
    fs::remove_dir_all(&scratch).unwrap();
}

#[test]
fn a_writer_that_is_dropped_leaves_nothing() {
    let scratch = folder("shards-dropped");
    let mut writer = FolderWriter::begin(&scratch.join("model")).unwrap();
    writer.add(CONFIG, b"{}").unwrap();
    refused(writer.add("../config.json", b"{}"), "invalid-manifest", &["a file is called"]);
    drop(writer);
    assert_eq!(fs::read_dir(&scratch).unwrap().count(), 0);
    fs::remove_dir_all(&scratch).unwrap();
}

#[test]
fn a_made_up_model_of_no_shape_is_refused() {
    let mut config = tiny();
    config.network.n_heads = 3;
    let result = made_up::write(&std::env::temp_dir().join("oneflow-never"), &config, Storage::F32, 1);
    assert!(matches!(result, Err(Error::Model { .. })));
}
