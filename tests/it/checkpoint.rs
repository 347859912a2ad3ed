//! Models as files: what is written is read, and what is damaged is refused with a typed error.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use oneflow_web::checkpoint::folder::{read_folder, write_file, write_folder};
use oneflow_web::checkpoint::{
    CONFIG, Dtype, Incoming, MANIFEST, Manifest, StoredTensor, TOKENIZER, WEIGHTS, Weights, safetensors_from_tensors,
};
use oneflow_web::error::{Error, Result};
use oneflow_web::flow::rng::Rng;
use safetensors::SafeTensors;
use serde_json::{Value, json};

type Files = BTreeMap<String, Vec<u8>>;

fn tensors() -> BTreeMap<String, StoredTensor> {
    let ramp = |n: usize| (0..n).map(|i| i as f32 * 0.25 - 3.0).collect::<Vec<_>>();
    BTreeMap::from([
        ("blocks.0.attention.query".to_string(), StoredTensor::f32(&[3, 4], &ramp(12)).unwrap()),
        ("blocks.0.norm".to_string(), StoredTensor::f16(&[5], &ramp(5)).unwrap()),
        ("empty".to_string(), StoredTensor::f32(&[0, 7], &[]).unwrap()),
        ("scale".to_string(), StoredTensor::f32(&[], &[0.5]).unwrap()),
    ])
}

fn metadata() -> BTreeMap<String, String> {
    BTreeMap::from([("format".to_string(), "oneflow-web/1".to_string())])
}

fn weights_file() -> Vec<u8> {
    safetensors_from_tensors(&tensors(), &metadata())
}

fn model_files() -> Files {
    BTreeMap::from([
        (CONFIG.to_string(), br#"{"d_model": 8}"#.to_vec()),
        (TOKENIZER.to_string(), b"{}".to_vec()),
        (WEIGHTS.to_string(), weights_file()),
    ])
}

fn manifest() -> Manifest {
    Manifest::of_files("storyworld-nano", "0.1.0", &model_files()).unwrap()
}

#[track_caller]
fn check_error<T: std::fmt::Debug>(result: Result<T>, code: &str, expected: &str) {
    let error = result.unwrap_err();
    assert_eq!(error.code(), code, "{error}");
    assert!(error.to_string().contains(expected), "{error}");
}

// --- safetensors ------------------------------------------------------------------------------

#[test]
fn weights_come_back_as_they_were_written() {
    let mut weights = Weights::parse(WEIGHTS, weights_file()).unwrap();
    assert_eq!(weights.metadata(), &metadata());
    assert_eq!(weights.tensors(), &tensors());
    assert_eq!(weights.take_f32("blocks.0.norm", &[5]).unwrap(), [-3.0, -2.75, -2.5, -2.25, -2.0]);
    assert_eq!(weights.take_f32("scale", &[]).unwrap(), [0.5]);
    assert_eq!(weights.take_f32("empty", &[0, 7]).unwrap(), [0.0; 0]);
    assert_eq!(weights.take("blocks.0.attention.query").unwrap().dtype(), Dtype::F32);
    weights.finish().unwrap();
}

#[test]
fn the_reference_reads_what_we_write_and_writes_the_same_bytes() {
    let bytes = weights_file();
    let reference = SafeTensors::deserialize(&bytes).unwrap();
    assert_eq!(reference.len(), 4);
    for (name, tensor) in tensors() {
        let view = reference.tensor(&name).unwrap();
        assert_eq!((view.shape(), view.data()), (tensor.shape(), tensor.bytes()));
        assert_eq!(view.dtype().to_string(), tensor.dtype().name());
    }
    let written = safetensors::serialize(reference.tensors(), Some(metadata().into_iter().collect())).unwrap();
    assert_eq!(written, bytes);
}

#[test]
fn a_model_takes_each_tensor_once_and_all_of_them() {
    let parse = || Weights::parse(WEIGHTS, weights_file()).unwrap();
    let mut weights = parse();
    weights.take_f32("scale", &[]).unwrap();
    check_error(
        weights.take_f32("scale", &[]),
        "invalid-model",
        "model.safetensors cannot be used: tensor `scale` is missing",
    );
    check_error(
        weights.finish(),
        "invalid-model",
        "3 of its tensors have no place in this model, such as `blocks.0.attention.query`",
    );
    check_error(parse().take_f32("scale", &[1]), "invalid-model", "tensor `scale` has shape []; expected [1]");
    let packed = BTreeMap::from([("q".to_string(), StoredTensor::new(Dtype::U32, &[2], vec![1; 8]).unwrap())]);
    let mut weights = Weights::parse(WEIGHTS, safetensors_from_tensors(&packed, &BTreeMap::new())).unwrap();
    check_error(weights.take_f32("q", &[2]), "invalid-model", "tensor `q` has dtype U32; expected F32 or F16");
    let broken = BTreeMap::from([("w".to_string(), StoredTensor::f32(&[3], &[0.0, f32::NAN, 1.0]).unwrap())]);
    let mut weights = Weights::parse(WEIGHTS, safetensors_from_tensors(&broken, &BTreeMap::new())).unwrap();
    check_error(weights.take_f32("w", &[3]), "invalid-model", "tensor `w` has NaN at place 1; expected finite numbers");
}

fn safetensors_file(header: &str, data_bytes: usize) -> Vec<u8> {
    [&(header.len() as u64).to_le_bytes(), header.as_bytes(), &vec![0; data_bytes]].concat()
}

#[track_caller]
fn check_header(header: &str, data_bytes: usize, expected: &str) {
    check_error(Weights::parse(WEIGHTS, safetensors_file(header, data_bytes)), "invalid-model", expected);
}

#[test]
fn a_header_that_lies_is_refused() {
    let a = r#""a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}"#;
    Weights::parse(WEIGHTS, safetensors_file(&format!("{{{a}}}"), 8)).unwrap();
    let with = |b: &str| format!("{{{a},{b}}}");
    check_header(&with(a), 8, "`a` is there twice");
    check_header(r#"{"__metadata__":{},"__metadata__":{}}"#, 0, "`__metadata__` is there twice");
    check_header(r#"{"__metadata__":{"a":1}}"#, 0, "its header is not that of a safetensors file");
    check_header(
        &with(r#""b":{"dtype":"F32","shape":[1],"data_offsets":[4,8]}"#),
        8,
        "tensor `b` begins at byte 4 of the data; expected 8",
    );
    check_header(
        &with(r#""b":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}"#),
        8,
        "tensor `b` begins at byte 0 of the data; expected 8",
    );
    check_header(
        &with(r#""b":{"dtype":"F32","shape":[1],"data_offsets":[12,16]}"#),
        16,
        "tensor `b` begins at byte 12 of the data; expected 8",
    );
    check_header(&with(r#""b":{"dtype":"F32","shape":[1],"data_offsets":[8,16]}"#), 16, "expected 4 bytes for F32 [1]");
    check_header(&with(r#""b":{"dtype":"F32","shape":[1],"data_offsets":[8,4]}"#), 8, "has bytes 8 to 4 of the data");
    check_header(
        &with(r#""b":{"dtype":"BF16","shape":[1],"data_offsets":[8,10]}"#),
        10,
        "tensor `b` has dtype BF16; expected F32, F16, U32 or U8",
    );
    check_header(
        &with(r#""b":{"dtype":"F32","shape":[-1],"data_offsets":[8,12]}"#),
        12,
        "not that of a safetensors file",
    );
    check_header(
        &with(r#""b":{"dtype":"F32","shape":[4294967295,4294967295],"data_offsets":[8,12]}"#),
        12,
        "tensor `b` has",
    );
    check_header(
        &with(r#""b":{"dtype":"U8","shape":[18446744073709551615],"data_offsets":[8,7]}"#),
        12,
        "tensor `b` has",
    );
    check_header(&with(r#""b":{"dtype":"F32","shape":[1]}"#), 12, "missing field `data_offsets`");
    check_header(&format!("{{{a}}}"), 9, "its tensors take 8 bytes of data; it has 9");
    check_header(&format!("{{{a}}}"), 7, "its tensors take 8 bytes of data; it has 7");
    check_header("[]", 0, "its header is not JSON");
    check_header("", 0, "its header is not JSON");
    check_header(&format!("{{{}", r#""a":{"#.repeat(5000)), 0, "not that of a safetensors file");
    let parse = |bytes: &[u8]| Weights::parse(WEIGHTS, bytes.to_vec());
    check_error(parse(b""), "invalid-model", "it has 0 bytes; expected a safetensors file");
    check_error(parse(b"<!doctype html><html>"), "invalid-model", "its header is to have");
    check_error(parse(&u64::MAX.to_le_bytes()), "invalid-model", "expected at most 10485760");
    check_error(parse(&100u64.to_le_bytes()), "invalid-model", "its header is to have 100 bytes; 0 are there");
}

#[test]
fn no_cut_and_no_flipped_bit_makes_the_reader_panic() {
    let file = weights_file();
    let data_start = 8 + u64::from_le_bytes(file[..8].try_into().unwrap()) as usize;
    for length in 0..file.len() {
        assert_eq!(Weights::parse(WEIGHTS, file[..length].to_vec()).unwrap_err().code(), "invalid-model");
    }
    for place in 0..file.len() {
        for bit in 0..8 {
            let mut damaged = file.clone();
            damaged[place] ^= 1 << bit;
            match Weights::parse(WEIGHTS, damaged) {
                // A name may change, a space become a tab, or a number of the data: nothing that
                // the format itself could tell. The manifest's hash does.
                Ok(weights) => assert!(place >= 8 && (place >= data_start || weights.tensors().len() == 4)),
                Err(error) => assert!(error.code() == "invalid-model" && place < data_start),
            }
        }
    }
}

#[test]
fn no_damage_at_random_makes_the_reader_panic() {
    let file = weights_file();
    let mut random = Rng::new(3);
    for _ in 0..20_000 {
        let mut damaged = file.clone();
        for _ in 0..=random.below(6) {
            // Two in three hit the header.
            let reach = if random.below(3) == 0 { damaged.len() } else { 200 };
            let place = random.below(reach);
            match random.below(3) {
                0 => damaged[place] = random.below(256) as u8,
                1 => drop(damaged.remove(place)),
                _ => damaged.insert(place, b"0129{}[],:\""[random.below(11)]),
            }
        }
        if let Err(error) = Weights::parse(WEIGHTS, damaged) {
            assert_eq!(error.code(), "invalid-model");
        }
    }
}

// --- manifest ---------------------------------------------------------------------------------

#[test]
fn a_manifest_comes_back_as_it_was_written() {
    let json = manifest().to_json();
    assert_eq!(Manifest::parse(json.as_bytes()).unwrap(), manifest());
    assert_eq!(json, Manifest::parse(json.as_bytes()).unwrap().to_json());
    let value: Value = serde_json::from_str(&json).unwrap();
    assert_eq!(value["format"], "oneflow-web/1");
    assert_eq!(
        value["files"][0],
        json!({
            "name": "config.json",
            "size_bytes": 14,
            // printf '{"d_model": 8}' | sha256sum
            "sha256": "b2feedfee5947d29cf834a46fb9766e6b823ad340d411920714442f5487f59e1",
        })
    );
    assert_eq!(manifest().total_bytes(), model_files().values().map(|bytes| bytes.len() as u64).sum::<u64>());
}

/// Changes one thing in a good manifest and expects to be told so.
#[track_caller]
fn check_manifest(change: impl FnOnce(&mut Value), expected: &str) {
    let mut value: Value = serde_json::from_str(&manifest().to_json()).unwrap();
    change(&mut value);
    check_error(Manifest::parse(value.to_string().as_bytes()), "invalid-manifest", expected);
}

#[test]
fn a_manifest_that_lies_is_refused() {
    let parse = Manifest::parse;
    check_error(parse(b"<!doctype html>"), "invalid-manifest", "it is an HTML or XML page and not JSON");
    check_error(parse(b" \n<html>"), "invalid-manifest", "check the model's address");
    check_error(parse(b""), "invalid-manifest", "it is not a manifest");
    check_error(parse(b"{}"), "invalid-manifest", "missing field `format`");
    check_error(parse(&[b' '; (1 << 20) + 1]), "invalid-manifest", "it has 1048577 bytes; expected at most 1048576");
    check_manifest(
        |m| m["format"] = json!("oneflow-web/2"),
        "its format is \"oneflow-web/2\"; expected \"oneflow-web/1\"",
    );
    check_manifest(|m| m["name"] = json!(""), "`name` is \"\"");
    check_manifest(|m| m["version"] = json!("1\n2"), "`version` is \"1\\n2\"");
    check_manifest(|m| m["name"] = json!("x".repeat(1000)), "`name` is \"xxx");
    for name in ["", ".", "..", "../config.json", "a/b", "a\\b", "C:x", "a b", ".hidden", "ä", "a\0"] {
        check_manifest(|m| m["files"][0]["name"] = json!(name), "a file is called");
    }
    check_manifest(|m| m["files"][0]["name"] = json!("a".repeat(129)), "a file is called");
    check_manifest(|m| m["files"][0]["name"] = json!("Manifest.json"), "it lists itself");
    check_manifest(|m| m["files"][0]["name"] = json!("TOKENIZER.json"), "it lists tokenizer.json twice");
    check_manifest(|m| m["files"][0]["name"] = json!("other.json"), "it does not list config.json");
    check_manifest(|m| m["files"][2]["name"] = json!("other.json"), "it does not list tokenizer.json");
    check_manifest(|m| m["files"][1]["name"] = json!("other.json"), "it does not list model.safetensors");
    check_manifest(|m| m["files"] = json!([]), "it does not list config.json");
    check_manifest(|m| m["files"][0]["size_bytes"] = json!(-1), "invalid value");
    check_manifest(|m| m["files"][0]["size_bytes"] = json!(1.5), "invalid type");
    check_manifest(|m| m["files"][0]["size_bytes"] = json!(u64::MAX), "expected at most 8589934592");
    check_manifest(|m| m["files"][0]["size_bytes"] = json!(1u64 << 33), "expected at most 8589934592");
    check_manifest(|m| m["files"][0]["sha256"] = json!("ab"), "the sha256 of config.json is \"ab\"; expected 64");
    check_manifest(|m| m["files"][0]["sha256"] = json!("G".repeat(64)), "the sha256 of config.json");
    check_manifest(
        |m| {
            let file = m["files"][0].clone();
            m["files"].as_array_mut().unwrap().extend((0..254).map(|i| {
                let mut file = file.clone();
                file["name"] = json!(format!("{i}"));
                file
            }));
        },
        "it lists 257 files; expected at most 256",
    );
}

#[test]
fn a_long_message_is_cut() {
    let json = json!({ "format": "x".repeat(500_000), "name": "a", "version": "1", "files": [] }).to_string();
    let message = Manifest::parse(json.as_bytes()).unwrap_err().to_string();
    assert!(message.len() < 400, "{}", message.len());
}

// --- arriving in chunks -----------------------------------------------------------------------

#[test]
fn files_arrive_in_chunks_of_any_size() {
    for chunk_bytes in [1, 7, 1 << 20] {
        let mut incoming = Incoming::new(&manifest());
        for (name, bytes) in &model_files() {
            for chunk in bytes.chunks(chunk_bytes) {
                incoming.push(name, chunk).unwrap();
            }
            incoming.push(name, &[]).unwrap();
            assert_eq!(&incoming.finish_file(name).unwrap(), bytes);
        }
        assert_eq!(incoming.arrived_bytes(), manifest().total_bytes());
        incoming.finish().unwrap();
    }
}

#[test]
fn files_may_arrive_at_the_same_time_and_in_any_order() {
    let mut incoming = Incoming::new(&manifest());
    for place in 0..weights_file().len() {
        for (name, bytes) in model_files().iter().rev() {
            incoming.push(name, bytes.get(place..place + 1).unwrap_or_default()).unwrap();
        }
    }
    for (name, bytes) in &model_files() {
        assert_eq!(&incoming.finish_file(name).unwrap(), bytes);
    }
    incoming.finish().unwrap();
}

#[test]
fn a_file_that_is_not_the_one_listed_is_refused_and_may_come_again() {
    let mut incoming = Incoming::new(&manifest());
    check_error(incoming.push("other.json", b"{}"), "integrity", "found a file that it does not list");
    check_error(incoming.finish_file("../config.json"), "integrity", "found a file that it does not list");
    // Too long is said at once, however much of it is still to come.
    check_error(
        incoming.push(CONFIG, &[b' '; 15]),
        "integrity",
        "config.json is not the file that the manifest names: found 15 bytes or more, expected 14 bytes",
    );
    incoming.push(CONFIG, b"{").unwrap();
    check_error(incoming.finish_file(CONFIG), "integrity", "found 1 bytes, expected 14 bytes");
    incoming.push(CONFIG, br#"{"d_model": 9}"#).unwrap();
    check_error(incoming.finish_file(CONFIG), "integrity", "found SHA-256 ");
    incoming.push(CONFIG, br#"{"d_model": 8}"#).unwrap();
    incoming.finish_file(CONFIG).unwrap();
    check_error(incoming.push(CONFIG, b"x"), "integrity", "found bytes after its end");
    check_error(incoming.finish_file(CONFIG), "integrity", "found bytes after its end");
    check_error(incoming.finish(), "integrity", "found 0 bytes, unfinished");
}

#[test]
fn every_flipped_bit_is_found() {
    let good = weights_file();
    let mut incoming = Incoming::new(&manifest());
    for place in 0..good.len() {
        let mut damaged = good.clone();
        damaged[place] ^= 1 << (place % 8);
        incoming.push(WEIGHTS, &damaged).unwrap();
        check_error(incoming.finish_file(WEIGHTS), "integrity", "SHA-256");
    }
}

#[test]
fn a_manifest_that_promises_gigabytes_costs_no_memory() {
    let mut value: Value = serde_json::from_str(&manifest().to_json()).unwrap();
    value["files"][1]["size_bytes"] = json!(8_000_000_000u64);
    let mut incoming = Incoming::new(&Manifest::parse(value.to_string().as_bytes()).unwrap());
    incoming.push(WEIGHTS, &weights_file()).unwrap();
    check_error(incoming.finish_file(WEIGHTS), "integrity", "expected 8000000000 bytes");
}

// --- folders ----------------------------------------------------------------------------------

/// A folder of its own for each test, gone at the end.
struct Scratch(PathBuf);

impl Scratch {
    fn new(test: &str) -> Scratch {
        let path = std::env::temp_dir().join(format!("oneflow-web-{test}-{}", std::process::id()));
        let _ = fs::remove_dir_all(&path);
        fs::create_dir_all(&path).unwrap();
        Scratch(path)
    }

    fn model(&self) -> PathBuf {
        self.0.join("story")
    }

    fn write(&self, version: &str) -> Result<Manifest> {
        write_folder(&self.model(), "storyworld-nano", version, &model_files())
    }

    #[track_caller]
    fn check_names(&self, expected: &[&str]) {
        assert_eq!(names(&self.0), expected);
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn names(folder: &Path) -> Vec<String> {
    let mut names: Vec<String> =
        folder.read_dir().unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

#[test]
fn a_folder_comes_back_as_it_was_written() {
    let scratch = Scratch::new("roundtrip");
    let written = scratch.write("1").unwrap();
    let read = read_folder(&scratch.model()).unwrap();
    assert_eq!((read.manifest, read.files), (written, model_files()));
    scratch.check_names(&["story"]);
    assert_eq!(names(&scratch.model()), [CONFIG, MANIFEST, WEIGHTS, TOKENIZER]);
    fs::remove_file(scratch.model().join(MANIFEST)).unwrap();
    let manifest = Manifest::of_folder(&scratch.model(), "storyworld-nano", "1").unwrap();
    write_file(&scratch.model().join(MANIFEST), manifest.to_json().as_bytes()).unwrap();
    read_folder(&scratch.model()).unwrap();
    assert_eq!(names(&scratch.model()), [CONFIG, MANIFEST, WEIGHTS, TOKENIZER]);
}

#[test]
fn a_new_model_replaces_the_old_one_and_leaves_what_is_not_its_own() {
    let scratch = Scratch::new("replace");
    scratch.write("1").unwrap();
    fs::write(scratch.model().join("README.md"), "the model card").unwrap();
    fs::create_dir(scratch.model().join("samples")).unwrap();
    fs::write(scratch.model().join("samples/0.png"), "picture").unwrap();
    let mut files = model_files();
    files.insert("extra.json".into(), b"{}".to_vec());
    write_folder(&scratch.model(), "storyworld-nano", "2", &files).unwrap();
    assert_eq!(names(&scratch.model()), ["README.md", CONFIG, "extra.json", MANIFEST, WEIGHTS, "samples", TOKENIZER]);
    scratch.write("3").unwrap();
    assert_eq!(read_folder(&scratch.model()).unwrap().manifest.version(), "3");
    assert_eq!(names(&scratch.model()), ["README.md", CONFIG, MANIFEST, WEIGHTS, "samples", TOKENIZER]);
    assert_eq!(fs::read(scratch.model().join("samples/0.png")).unwrap(), b"picture");
    scratch.check_names(&["story"]);
}

#[test]
fn a_write_that_fails_leaves_the_old_model() {
    let scratch = Scratch::new("fails");
    scratch.write("1").unwrap();
    let mut files = model_files();
    files.remove(WEIGHTS);
    let result = write_folder(&scratch.model(), "storyworld-nano", "2", &files);
    check_error(result, "invalid-manifest", "it does not list model.safetensors");
    // A file where the new folder should be: it cannot be made.
    fs::write(scratch.0.join(".story.new"), "").unwrap();
    check_error(scratch.write("2"), "io", ".story.new");
    assert_eq!(read_folder(&scratch.model()).unwrap().manifest.version(), "1");
}

#[test]
fn a_write_that_was_interrupted_loses_nothing() {
    // Power went while the new model was being written.
    let scratch = Scratch::new("interrupted");
    scratch.write("1").unwrap();
    fs::create_dir(scratch.0.join(".story.new")).unwrap();
    fs::write(scratch.0.join(".story.new").join(WEIGHTS), "half of").unwrap();
    assert_eq!(read_folder(&scratch.model()).unwrap().manifest.version(), "1");
    // Power went between the two renames.
    fs::write(scratch.model().join("README.md"), "the model card").unwrap();
    fs::rename(scratch.model(), scratch.0.join(".story.old")).unwrap();
    assert_eq!(read_folder(&scratch.model()).unwrap().manifest.version(), "1");
    scratch.write("2").unwrap();
    assert_eq!(read_folder(&scratch.model()).unwrap().manifest.version(), "2");
    assert!(scratch.model().join("README.md").exists());
    scratch.check_names(&["story"]);
    // Power went before the old one was cleared away.
    fs::create_dir(scratch.0.join(".story.old")).unwrap();
    fs::write(scratch.0.join(".story.old/notes.txt"), "notes").unwrap();
    scratch.write("3").unwrap();
    assert!(scratch.model().join("notes.txt").exists());
    scratch.check_names(&["story"]);
}

#[test]
fn a_folder_that_holds_other_things_is_not_replaced() {
    let scratch = Scratch::new("foreign");
    fs::create_dir(scratch.model()).unwrap();
    scratch.write("1").unwrap();
    fs::remove_file(scratch.model().join(MANIFEST)).unwrap();
    let error = scratch.write("2").unwrap_err();
    assert!(matches!(&error, Error::Io { source, .. } if source.to_string().contains("holds no model")), "{error:?}");
    scratch.check_names(&["story"]);
}

#[test]
fn a_damaged_folder_is_refused() {
    let scratch = Scratch::new("damaged");
    check_error(read_folder(&scratch.model()), "io", "story");
    for (name, bytes) in model_files() {
        scratch.write("1").unwrap();
        let path = scratch.model().join(&name);
        fs::remove_file(&path).unwrap();
        check_error(read_folder(&scratch.model()), "io", &name);
        fs::write(&path, &bytes[..bytes.len() - 1]).unwrap();
        check_error(read_folder(&scratch.model()), "integrity", &name);
        fs::write(&path, [&bytes[..], b" "].concat()).unwrap();
        check_error(read_folder(&scratch.model()), "integrity", &name);
        let mut flipped = bytes.clone();
        flipped[bytes.len() / 2] ^= 1;
        fs::write(&path, flipped).unwrap();
        check_error(read_folder(&scratch.model()), "integrity", "SHA-256");
    }
    scratch.write("1").unwrap();
    fs::write(scratch.model().join(MANIFEST), "<!doctype html>").unwrap();
    check_error(read_folder(&scratch.model()), "invalid-manifest", "HTML");
    check_error(write_file(Path::new("/"), b""), "io", "/");
}
