//! The invariants of ARCHITECTURE.md that a search of the sources can hold.

use std::fs;
use std::path::{Path, PathBuf};

/// Modules from bottom to top; each may name those before it, and itself.
const LAYERS: [&str; 11] =
    ["error", "flow", "sample", "ops", "model", "checkpoint", "page", "data", "train", "evaluate", "web"];

/// Modules that are no layer: `golden` checks the crate against files and may name what it checks.
const BESIDE: [&str; 2] = ["golden", "lib"];

fn sources() -> Vec<(PathBuf, String)> {
    let mut files = Vec::new();
    let mut folders = vec![Path::new(env!("CARGO_MANIFEST_DIR")).join("src")];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|ending| ending == "rs") {
                let text = fs::read_to_string(&path).unwrap();
                files.push((path, text));
            }
        }
    }
    assert!(files.len() > 30, "only {} sources found", files.len());
    files
}

/// The top module a file is in: `src/flow/rng.rs` is in `flow`.
fn room(path: &Path) -> String {
    let inside = path.strip_prefix(Path::new(env!("CARGO_MANIFEST_DIR")).join("src")).unwrap();
    let first = inside.components().next().unwrap().as_os_str().to_string_lossy().into_owned();
    first.trim_end_matches(".rs").to_string()
}

/// Lines of code: no comments, no tests.
fn code(text: &str) -> impl Iterator<Item = &str> {
    let end = text.find("#[cfg(test)]").unwrap_or(text.len());
    text[..end].lines().filter(|line| !line.trim_start().starts_with("//"))
}

fn names(line: &str, word: &str) -> bool {
    let is_part = |c: char| c.is_alphanumeric() || c == '_';
    line.match_indices(word)
        .any(|(at, _)| !line[..at].ends_with(is_part) && !line[at + word.len()..].starts_with(is_part))
}

#[track_caller]
fn only_in(word: &str, allowed: &[&str]) {
    for (path, text) in sources() {
        let inside = path.to_string_lossy().replace('\\', "/");
        if allowed.iter().any(|place| inside.contains(place)) {
            continue;
        }
        for line in code(&text) {
            assert!(!names(line, word), "{inside} names {word}: {line}");
        }
    }
}

#[test]
fn a_module_names_only_modules_below_it() {
    for (path, text) in sources() {
        let room = room(&path);
        if room == "bin" || BESIDE.contains(&room.as_str()) {
            continue;
        }
        let height = LAYERS.iter().position(|&layer| layer == room);
        let height = height.unwrap_or_else(|| panic!("{} is in no layer", path.display()));
        for line in code(&text) {
            for above in &LAYERS[height + 1..] {
                let word = format!("crate::{above}::");
                assert!(!line.contains(&word), "{} names {above}: {line}", path.display());
            }
        }
    }
}

#[test]
fn the_process_names_no_tensor_device_or_clock() {
    for (path, text) in sources() {
        if !["flow", "sample"].contains(&room(&path).as_str()) {
            continue;
        }
        for line in code(&text) {
            for word in ["burn", "wgpu", "wasm_bindgen", "js_sys", "web_sys", "time::Instant", "SystemTime", "fs"] {
                assert!(!names(line, word), "{} names {word}: {line}", path.display());
            }
        }
    }
}

#[test]
fn burn_is_named_by_its_back_end_and_by_training_alone() {
    // Who asks for the back end by its path names `ops::burn`; the crate itself is `burn::`.
    for (path, text) in sources() {
        let inside = path.to_string_lossy().replace('\\', "/");
        if inside.contains("src/ops/burn") || inside.contains("src/train/") {
            continue;
        }
        for line in code(&text).filter(|line| !line.contains("ops::burn") && !line.contains("pub mod burn")) {
            assert!(!names(line, "burn"), "{inside} names burn: {line}");
        }
    }
}

#[test]
fn the_browser_is_named_by_web_alone() {
    for word in ["wasm_bindgen", "js_sys", "web_sys"] {
        only_in(word, &["src/web/"]);
    }
}

#[test]
fn wgpu_and_shaders_are_named_by_the_gpu_back_end_alone() {
    for word in ["wgpu", "wgsl"] {
        only_in(word, &["src/ops/gpu/"]);
    }
}

#[test]
fn nothing_fetches_and_no_generator_is_global() {
    for word in ["reqwest", "ureq", "TcpStream", "thread_rng", "rand", "getrandom"] {
        only_in(word, &[]);
    }
}
