//! What the benchmarks share: the model they measure, medians, and how results are told and kept.

use std::fs;
use std::hint::black_box;
use std::path::PathBuf;
use std::time::Instant;

use oneflow_web::model::ModelConfig;
use oneflow_web::model::input::{Input, TIME_FEATURES};
use serde_json::{Value, json};

/// Tokens of the story, its prompt among them: half of a story of the default model.
pub const N_TOKENS: usize = 40;
/// Pictures of the story.
pub const N_IMAGES: usize = 3;

/// A file of this repository.
pub fn file(path: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join(path)
}

/// Times of one piece of work, in milliseconds, in order of size.
pub struct Times(Vec<f64>);

impl Times {
    pub fn new(mut ms: Vec<f64>) -> Self {
        ms.sort_by(f64::total_cmp);
        Self(ms)
    }

    pub fn median(&self) -> f64 {
        (self.0[(self.0.len() - 1) / 2] + self.0[self.0.len() / 2]) / 2.0
    }

    pub fn json(&self) -> Value {
        json!({ "median_ms": round(self.median()), "min_ms": round(self.0[0]), "n": self.0.len() })
    }
}

/// How long one call takes, in milliseconds.
pub fn ms<T>(work: impl FnOnce() -> T) -> f64 {
    let start = Instant::now();
    black_box(work());
    start.elapsed().as_secs_f64() * 1e3
}

/// Whether it shall only be seen that everything runs: with `--quick`, and under `cargo test`,
/// which unlike `cargo bench` does not say `--bench`.
pub fn is_quick() -> bool {
    has_flag("--quick") || !has_flag("--bench")
}

fn has_flag(flag: &str) -> bool {
    std::env::args().any(|arg| arg == flag)
}

/// Floating-point operations of one forward: two for each multiplication of a matrix product, and
/// nothing for what goes element by element. `n_token_slots` slots go through the token head.
pub fn flop(config: &ModelConfig, input: &Input, n_token_slots: usize) -> f64 {
    let net = &config.network;
    let (d, k) = (net.d_model, config.codec.n_coefs);
    let n_rows = input.batch * input.seq();
    let n_image_rows = input.batch * input.n_images * input.n_patches;
    let block = n_rows * (4 * d * d + 3 * d * net.d_mlp) + 2 * n_rows * input.seq() * d;
    let adapters = n_image_rows * 2 * d * k;
    let time = input.batch * input.n_images * (TIME_FEATURES * d + d * 4 * d);
    let heads = input.slot_rows.len() * d * 2 + n_token_slots * d * net.vocab_size;
    2.0 * (net.n_layers * block + adapters + time + heads) as f64
}

/// With `--save`, keeps a result in `benches/results/`.
pub fn report(name: &str, command: &str, measured: Value) {
    if !has_flag("--save") {
        return;
    }
    let result = json!({
        "benchmark": name,
        "command": command,
        "machine": machine(),
        "versions": versions(),
        "measured": measured,
    });
    fs::create_dir_all(file("benches/results")).expect("the folder can be made");
    let path = format!("benches/results/{name}.json");
    fs::write(file(&path), format!("{result:#}\n")).expect("the result can be written");
    println!("\nwritten to {path}");
}

fn machine() -> Value {
    let cpu = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let field = |name: &str| {
        let line = cpu.lines().find(|line| line.starts_with(name))?;
        line.split_once(':').map(|(_, value)| value.trim().to_owned())
    };
    json!({
        "os": std::env::consts::OS,
        "arch": std::env::consts::ARCH,
        "cpu": field("model name"),
        "avx512": field("flags").map(|flags| flags.split(' ').any(|flag| flag == "avx512f")),
        "threads": std::thread::available_parallelism().map(|n| n.get()).ok(),
    })
}

/// This crate's version, and those of what computes, from the lock file.
fn versions() -> Value {
    let lock = fs::read_to_string(file("Cargo.lock")).unwrap_or_default();
    let of = |name: &str| {
        let (_, rest) = lock.split_once(&format!("name = \"{name}\"\nversion = \""))?;
        rest.split_once('"').map(|(version, _)| version.to_owned())
    };
    json!({ "oneflow-web": env!("CARGO_PKG_VERSION"), "burn": of("burn"), "burn-flex": of("burn-flex"), "gemm": of("gemm") })
}

/// Three digits behind the point: more is noise.
pub fn round(value: f64) -> f64 {
    (value * 1e3).round() / 1e3
}
