//! Documents from files: what is written is read back, and what is wrong is named.

use std::fs;
use std::path::{Path, PathBuf};

use oneflow_web::Error;
use oneflow_web::data::cards::Cards;
use oneflow_web::data::files::{Format, JsonLines, Shards, export, open};
use oneflow_web::data::{Document, Documents, Part, Stream};

use crate::support::folder;

/// All documents of one pass, by their text.
fn pass(documents: &dyn Documents) -> Vec<Document> {
    let mut all: Vec<_> = (0..documents.period().unwrap()).map(|i| documents.document(i).unwrap()).collect();
    all.sort_by_key(|document| (document.prompt.clone(), document.text()));
    all
}

fn expected(n: u64) -> Vec<Document> {
    let mut all: Vec<_> = (0..n).map(|i| Cards(Stream::Train).document(i).unwrap()).collect();
    all.sort_by_key(|document| (document.prompt.clone(), document.text()));
    all
}

/// A file of these lines, and the error of its first document or of opening it.
#[track_caller]
fn error_of(lines: &str) -> Error {
    let folder = folder("lines");
    let path = folder.join("documents.jsonl");
    fs::write(&path, lines).unwrap();
    let error = match JsonLines::open(&path, 64, 1) {
        Err(error) => error,
        Ok(documents) => (0..documents.period().unwrap()).find_map(|i| documents.document(i).err()).unwrap(),
    };
    fs::remove_dir_all(&folder).unwrap();
    error
}

#[track_caller]
fn says(error: &Error, line: usize, field: &str, words: &[&str]) {
    let Error::Data { line: found_line, field: found_field, reason, .. } = error else {
        panic!("expected an error about data, found {error}");
    };
    assert_eq!((*found_line, found_field.as_str()), (line, field), "{error}");
    words.iter().for_each(|word| assert!(reason.contains(word), "{word} in {reason}"));
}

#[test]
fn json_lines_are_read_back_as_they_were_written() {
    let folder = folder("jsonl");
    export(&Cards(Stream::Train), 0, 12, Format::JsonLines, &folder).unwrap();
    let documents = open(&folder.join("documents.jsonl"), 64, 7).unwrap();
    assert_eq!(pass(&*documents), expected(12));
    fs::remove_dir_all(&folder).unwrap();
}

#[test]
fn shards_are_read_back_as_they_were_written() {
    let folder = folder("shards");
    export(&Cards(Stream::Train), 0, 12, Format::Shards { size: 5 }, &folder).unwrap();
    assert_eq!(fs::read_dir(&folder).unwrap().count(), 3);
    assert_eq!(pass(&*open(&folder, 64, 7).unwrap()), expected(12));
    let first = open(&folder.join("shard-000000.tar"), 64, 7).unwrap();
    assert_eq!(first.period(), Some(5));
    fs::remove_dir_all(&folder).unwrap();
}

#[test]
fn what_is_given_is_read_back() {
    struct Given;
    impl Documents for Given {
        fn document(&self, index: u64) -> oneflow_web::Result<Document> {
            let parts = ["One.", " Two.", " Three."].map(|text| Part::Text(text.into())).to_vec();
            Ok(Document { prompt: format!("{index}"), parts, asked: 1..2 })
        }
    }
    let folder = folder("given");
    export(&Given, 0, 3, Format::JsonLines, &folder).unwrap();
    let documents = open(&folder.join("documents.jsonl"), 64, 7).unwrap();
    assert!(pass(&*documents).iter().all(|document| document.asked == (1..2)));
    fs::remove_dir_all(&folder).unwrap();
}

#[test]
fn errors_name_file_line_and_field() {
    let good = r#"{"parts": [{"type": "text", "text": "Hello."}]}"#;
    says(&error_of(&format!("{good}\n\n{{")), 3, "record", &["EOF"]);
    says(&error_of("[1]"), 1, "record", &["a list", "JSON object"]);
    says(&error_of(r#"{"prompt": 3, "parts": []}"#), 1, "prompt", &["a number", "a string"]);
    says(&error_of(r#"{"prompt": "A fox."}"#), 1, "parts", &["nothing", "a list of parts"]);
    says(&error_of(r#"{"parts": []}"#), 1, "parts", &["empty"]);
    says(&error_of(r#"{"parts": [{"type": "text", "text": "A."}, {"type": "sound"}]}"#), 1, "parts[1]", &["sound"]);
    says(&error_of(r#"{"parts": [{"type": "text"}]}"#), 1, "parts[0]", &["text"]);
    let asked = r#"{"parts": [{"type": "text", "text": "A."}], "asked": [0, 2]}"#;
    says(&error_of(asked), 1, "asked", &["[0, 2]", "at most 1"]);
    says(&error_of("\n\n"), 0, "record", &["empty"]);
    let missing = error_of(r#"{"parts": [{"type": "image", "file": "no.png"}]}"#);
    assert!(matches!(&missing, Error::Io { path, .. } if path.ends_with("no.png")), "{missing}");
}

#[test]
fn a_picture_that_is_none_or_of_another_size_is_named() {
    let folder = folder("pictures");
    let path = folder.join("documents.jsonl");
    fs::write(&path, r#"{"parts": [{"type": "text", "text": "A."}, {"type": "image", "file": "a.png"}]}"#).unwrap();
    fs::write(folder.join("a.png"), b"not a picture").unwrap();
    let read = |px| JsonLines::open(&path, px, 1).unwrap().document(0).unwrap_err();
    says(&read(64), 1, "parts[1].file", &["a.png"]);
    export(&Cards(Stream::Train), 0, 1, Format::JsonLines, &folder.join("cards")).unwrap();
    fs::copy(folder.join("cards/0/0.png"), folder.join("a.png")).unwrap();
    says(&read(32), 1, "parts[1].file", &["64 × 64", "32 × 32"]);
    fs::remove_dir_all(&folder).unwrap();
}

#[test]
fn shards_that_are_broken_are_named() {
    let folder = folder("broken-shards");
    let path = folder.join("a.tar");
    fs::write(&path, b"not a tar file").unwrap();
    assert!(Shards::open(&path, 64, 1).is_err());
    tar_of(&path, &[("7.0.png", b"x")]);
    says(&Shards::open(&path, 64, 1).unwrap_err(), 1, "sample", &["7.json"]);
    let record = br#"{"parts": [{"type": "image", "file": "1.png"}]}"#;
    tar_of(&path, &[("7.json", record), ("7.0.png", b"x")]);
    let error = Shards::open(&path, 64, 1).unwrap().document(0).unwrap_err();
    says(&error, 1, "file", &["1.png", "0.png"]);
    fs::remove_file(&path).unwrap();
    says(&Shards::open(&folder, 64, 1).unwrap_err(), 0, "record", &["no samples"]);
    let other = folder.join("data.csv");
    fs::write(&other, "").unwrap();
    says(&open(&other, 64, 1).err().unwrap(), 0, "path", &[".jsonl", ".tar"]);
    fs::remove_dir_all(&folder).unwrap();
}

#[test]
fn an_export_that_fails_leaves_no_file_behind() {
    struct Failing;
    impl Documents for Failing {
        fn document(&self, index: u64) -> oneflow_web::Result<Document> {
            let part = Part::Text("A.".into());
            match index {
                0 => Ok(Document::new(String::new(), vec![part])),
                _ => Err(Error::Internal { reason: "no more".into() }),
            }
        }
    }
    let folder = folder("failing");
    for format in [Format::JsonLines, Format::Shards { size: 9 }] {
        assert!(export(&Failing, 0, 2, format, &folder).is_err());
        let left: Vec<PathBuf> = fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().path()).collect();
        assert!(left.is_empty(), "{left:?}");
    }
    fs::remove_dir_all(&folder).unwrap();
}

fn tar_of(path: &Path, files: &[(&str, &[u8])]) {
    // A minimal ustar writer, so that the reader is not judged by its own library.
    let mut bytes = Vec::new();
    for (name, content) in files {
        let mut header = [0u8; 512];
        header[..name.len()].copy_from_slice(name.as_bytes());
        header[100..107].copy_from_slice(b"0000644");
        header[124..135].copy_from_slice(format!("{:011o}", content.len()).as_bytes());
        header[136..147].copy_from_slice(b"00000000000");
        header[156] = b'0';
        header[257..263].copy_from_slice(b"ustar\0");
        header[263..265].copy_from_slice(b"00");
        header[148..156].copy_from_slice(b"        ");
        let sum: u32 = header.iter().map(|&byte| u32::from(byte)).sum();
        header[148..155].copy_from_slice(format!("{sum:06o}\0").as_bytes());
        bytes.extend_from_slice(&header);
        bytes.extend_from_slice(content);
        bytes.resize(bytes.len().next_multiple_of(512), 0);
    }
    bytes.resize(bytes.len() + 1024, 0);
    fs::write(path, bytes).unwrap();
}
