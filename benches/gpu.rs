//! How long forwards and their parts take on the WebGPU engine, natively, on whatever adapter there
//! is, beside the browser's CPU path.
//!
//! `cargo bench --features gpu --bench gpu`, with `-- --save` or `-- --quick` as the others. Without a
//! GPU this measures a software driver; `VK_DRIVER_FILES` chooses one.

mod support;

use std::time::{Duration, Instant};

use oneflow_web::error::Result;
use oneflow_web::flow::rng::Rng;
use oneflow_web::model::ModelConfig;
use oneflow_web::model::config::NetworkConfig;
use oneflow_web::model::made_up::Case;
use oneflow_web::ops::cpu::CpuOps;
use oneflow_web::ops::gpu::{Choice, GpuOps};
use oneflow_web::ops::{Ops, ready};
use serde_json::{Value, json};
use support::{N_IMAGES, N_TOKENS, Times, file, flop, is_quick, ms, report, round};

fn main() -> Result<()> {
    let text = std::fs::read_to_string(file("configs/storyworld-nano.json")).expect("the configuration is readable");
    let config: Value = serde_json::from_str(&text).expect("the configuration is JSON");
    let nano = ModelConfig::from_json(config["model"].to_string().as_bytes())?;
    let with = |d_model, n_heads, n_layers, d_mlp| {
        let network = NetworkConfig { d_model, n_heads, n_layers, d_mlp, vocab_size: 4096, ..nano.network.clone() };
        ModelConfig { network, ..nano.clone() }
    };
    let gpu = ready(GpuOps::open())?;
    println!("{}\n", gpu.adapter().name);
    // The shapes of benches/browser.
    let shapes = [
        ("nano", nano.clone(), N_TOKENS, N_IMAGES),
        ("d256", with(256, 8, 4, 704), 62, 2),
        ("d384", with(384, 12, 8, 1024), 109, 3),
    ];
    let start = Instant::now();
    let tuned = ready(gpu.tune(|| start.elapsed().as_secs_f64() * 1e3))?;
    println!("kernels by measurement: {tuned}");
    let mut by_kernels = serde_json::Map::new();
    for choice in Choice::ALL {
        gpu.choose(choice);
        println!("\n{choice}");
        let mut forwards = serde_json::Map::new();
        for (name, config, n_tokens, n_images) in &shapes {
            let case = Case::new(gpu.clone(), config, 1, *n_tokens, *n_images)?;
            let gflop = flop(config, &case.input, case.token_slots.len()) / 1e9;
            forwards.insert((*name).into(), forward(&gpu, &case, name, gflop)?);
        }
        by_kernels.insert(choice.to_string(), json!({ "forwards": forwards, "parts": parts(&gpu) }));
    }
    println!("\nops/cpu");
    let mut own = serde_json::Map::new();
    for (name, config, n_tokens, n_images) in &shapes {
        let case = Case::new(CpuOps, config, 1, *n_tokens, *n_images)?;
        let times = measure(|| ready(case.forward()));
        println!("{name:24} {:9.3} ms", times.median());
        own.insert((*name).into(), times.json());
    }
    report(
        "gpu",
        "cargo bench --features gpu --bench gpu -- --save",
        json!({ "adapter": gpu.adapter().name, "tuned": tuned.to_string(), "kernels": by_kernels, "ops_cpu": own }),
    );
    Ok(())
}

/// A forward: the first, which compiles, and those after it.
fn forward(gpu: &GpuOps, case: &Case<GpuOps>, name: &str, gflop: f64) -> Result<Value> {
    let first = ms(|| ready(case.forward()));
    let before = gpu.usage().counts.dispatches;
    ready(case.forward())?;
    let dispatches = gpu.usage().counts.dispatches - before;
    let times = measure(|| ready(case.forward()));
    let rate = gflop / times.median() * 1e3;
    println!("{name:24} {:9.3} ms {rate:8.2} GFLOP/s, {dispatches} dispatches, first {first:.0} ms", times.median());
    Ok(json!({
        "gflop": round(gflop), "forward": times.json(), "gflop_per_s": round(rate),
        "dispatches": dispatches, "first_ms": round(first),
    }))
}

/// Operations of one block of d256, each alone, and a product of the size of a large one.
fn parts(gpu: &GpuOps) -> Value {
    let (n, d, d_mlp, n_heads) = (96, 256, 704, 8);
    let mut rng = Rng::new(1);
    let mut values = |n: usize| -> Vec<f32> { (0..n).map(|_| rng.normal()).collect() };
    let x = gpu.upload(values(n * d), n);
    let wide = gpu.upload(values(n * d_mlp), n);
    let gain = gpu.weight(values(d), 1);
    let square = gpu.weight(values(d * d), d);
    let [up, down] = [gpu.weight(values(d * d_mlp), d), gpu.weight(values(d_mlp * d), d_mlp)];
    let bias = gpu.upload(vec![0.0; n], 1);
    let angles = gpu.upload(values(n * d / n_heads / 2), n);
    let (large_x, large) = (gpu.upload(values(1024 * 1024), 1024), gpu.weight(values(1024 * 1024), 1024));
    let mut all = serde_json::Map::new();
    let mut part = |name: &str, gflop: f64, work: &dyn Fn() -> <GpuOps as Ops>::Matrix| {
        // Ten at a time: one alone is mostly the way there and back.
        const N: usize = 4;
        let times = measure(|| {
            let last = (0..N).map(|_| work()).last().map(|matrix| gpu.columns(&matrix, 0, 1));
            last.map(|matrix| ready(gpu.download(&gpu.select(&matrix, &[0]))))
        });
        let each = times.median() / N as f64;
        println!("{name:24} {each:9.3} ms {:8.2} GFLOP/s", gflop / each * 1e3);
        all.insert(name.into(), json!({ "median_ms": round(each), "gflop_per_s": round(gflop / each * 1e3) }));
    };
    let product = |n: usize, k: usize, m: usize| 2.0 * (n * k * m) as f64 / 1e9;
    part("normed_linears", 3.0 * product(n, d, d), &|| gpu.normed_linears(&x, &gain, [&square; 3])[0].clone());
    part("rope_attention", 2.0 * product(n, d, n), &|| gpu.rope_attention([&x; 3], [&angles; 2], &bias, n_heads));
    for (d, n, n_heads) in [(384, 160, 12), (192, 600, 6)] {
        let (x, bias) = (gpu.upload(vec![0.5; n * d], n), gpu.upload(vec![0.0; n], 1));
        let angles = gpu.upload(vec![0.5; n * d / n_heads / 2], n);
        let name = format!("rope_attention, d{d}, {n}");
        part(&name, 2.0 * product(n, d, n), &|| gpu.rope_attention([&x; 3], [&angles; 2], &bias, n_heads));
    }
    part("add_linear", product(n, d, d), &|| gpu.add_linear(&x, &x, &square));
    part("normed_gated", 2.0 * product(n, d, d_mlp), &|| gpu.normed_gated(&x, &gain, &up, &up));
    part("add_linear, down", product(n, d_mlp, d), &|| gpu.add_linear(&x, &wide, &down));
    part("linear, 1024³", product(1024, 1024, 1024), &|| gpu.linear(&large_x, &large));
    Value::Object(all)
}

/// Calls `work` again and again for some seconds, at least three times, after one call that does not
/// count.
fn measure<T>(mut work: impl FnMut() -> T) -> Times {
    let budget = if is_quick() { Duration::from_millis(1) } else { Duration::from_secs(3) };
    let first = ms(&mut work);
    let n = (budget.as_secs_f64() * 1e3 / first).clamp(3.0, 1000.0) as usize;
    Times::new((0..n).map(|_| ms(&mut work)).collect())
}
