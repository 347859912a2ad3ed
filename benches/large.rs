//! Loads a made-up model of a billion numbers in blocks of 4 bits and more than sixteen files onto the
//! GPU, and says what memory that takes.
//!
//! `cargo bench --features gpu --bench large`; behind ` -- `, `--save` and `--quick` as the others, and
//! `--out DIR` keeps the model there, for `benches/browser/large.mjs`. `--load DIR` only loads.

// Times and shapes of forwards are not needed here.
#[allow(dead_code)]
mod support;

use std::path::{Path, PathBuf};
use std::time::Instant;

use oneflow_web::checkpoint::folder::load_folder;
use oneflow_web::checkpoint::made_up::write;
use oneflow_web::checkpoint::{Manifest, shards};
use oneflow_web::error::Result;
use oneflow_web::model::ModelConfig;
use oneflow_web::model::config::NetworkConfig;
use oneflow_web::model::made_up::Storage;
use oneflow_web::ops::gpu::GpuOps;
use oneflow_web::ops::ready;
use oneflow_web::ops::stored::BlockFormat;
use serde_json::{Value, json};
use support::{file, is_quick, report, round};

/// Bytes of a file's tensors at the most.
const MAX_BYTES: u64 = 32 << 20;

fn main() -> Result<()> {
    let folder = argument("--load").or_else(|| argument("--out"));
    let is_kept = folder.is_some();
    let folder = folder.unwrap_or_else(|| std::env::temp_dir().join(format!("oneflow-large-{}", std::process::id())));
    if argument("--load").is_none() {
        make(&folder)?;
    }
    let result = load(&folder);
    if !is_kept {
        std::fs::remove_dir_all(&folder).expect("what was written can be removed");
    }
    report("large", "cargo bench --features gpu --bench large -- --save", result?);
    Ok(())
}

/// A billion numbers, or with `--quick` a hundred million in smaller files.
fn make(folder: &Path) -> Result<()> {
    let text = std::fs::read_to_string(file("configs/storyworld-nano.json")).expect("the configuration is readable");
    let config: Value = serde_json::from_str(&text).expect("the configuration is JSON");
    let nano = ModelConfig::from_json(config["model"].to_string().as_bytes())?;
    let n_layers = if is_quick() { 2 } else { 19 };
    let network =
        NetworkConfig { d_model: 2048, n_heads: 32, n_layers, d_mlp: 5632, vocab_size: 8192, delete_head: false };
    let max_bytes = if is_quick() { MAX_BYTES / 8 } else { MAX_BYTES };
    let start = Instant::now();
    let manifest = write(folder, &ModelConfig { network, ..nano }, Storage::Blocks(BlockFormat::Q4), max_bytes)?;
    let (n_bytes, seconds) = (manifest.total_bytes(), start.elapsed().as_secs_f64());
    println!("made up {n_bytes} bytes in {seconds:.1} s: {}", folder.display());
    Ok(())
}

fn load(folder: &Path) -> Result<Value> {
    let gpu = ready(GpuOps::open())?;
    println!("{}", gpu.adapter().name);
    let before = memory();
    let start = Instant::now();
    let model = load_folder(folder, gpu.clone())?;
    let seconds = start.elapsed().as_secs_f64();
    let (after, usage) = (memory(), gpu.usage());
    let manifest = Manifest::parse(&std::fs::read(folder.join("manifest.json")).unwrap_or_default())?;
    let n_files = manifest.files().iter().filter(|file| shards::is_weights(&file.name)).count();
    println!(
        "{} numbers, {n_files} files, {} bytes, loaded in {seconds:.1} s",
        model.n_parameters(),
        manifest.total_bytes()
    );
    println!("weights on the GPU: {} bytes in {} buffers", usage.buffer_bytes, usage.n_buffers);
    println!("before, in MB: {before}\nafter, in MB:  {after}");
    Ok(json!({
        "adapter": gpu.adapter().name, "parameters": model.n_parameters(), "files": n_files,
        "file_bytes": manifest.total_bytes(), "gpu_bytes": usage.buffer_bytes, "seconds": round(seconds),
        "before_mb": before, "after_mb": after,
    }))
}

/// Memory of this process in MB, as Linux tells it: address space, resident memory, and the peak of
/// both.
fn memory() -> Value {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let field = |name: &str| {
        let line = status.lines().find_map(|line| line.strip_prefix(name))?;
        line.trim_start_matches(':').trim().trim_end_matches(" kB").parse::<u64>().ok().map(|kb| kb >> 10)
    };
    json!({ "virtual": field("VmSize"), "virtual_peak": field("VmPeak"), "resident": field("VmRSS"), "resident_peak": field("VmHWM") })
}

/// The folder that is named behind an option.
fn argument(name: &str) -> Option<PathBuf> {
    let mut arguments = std::env::args().skip_while(|argument| argument != name);
    arguments.nth(1).map(PathBuf::from)
}
