//! How fast a training step is, beside the rate of a plain product of two matrices on the same machine
//! in the same minute: of the default model with its stories, and of a larger one with those of the
//! large world.
//!
//! `cargo bench --features train --bench training`
//!
//! - `-- --save` keeps the result in `benches/results/`
//! - `-- --quick` runs everything once or twice, to see that it runs
//!
//! The operations of a step are those of its matrix products: one part forward and two parts
//! backward (by the input and by the weight), and nothing for what goes element by element, for
//! the optimiser or the average. All sequences are equally long, so none of it is padding.

mod support;

use std::time::{Duration, Instant};

use burn::tensor::{Device, Distribution, Tensor};
use oneflow_web::error::Result;
use oneflow_web::flow::rng::Rng;
use oneflow_web::model::made_up;
use oneflow_web::train::batch::{Batch, Targets};
use oneflow_web::train::config::TrainConfig;
use oneflow_web::train::trainer::Trainer;
use serde_json::{Value, json};
use support::{N_IMAGES, N_TOKENS, Times, file, flop, is_quick, ms, report, round};

/// Parts of a round, a core each.
const N_SHARDS: usize = 2;
/// Rows and columns of the plain product.
const PLAIN: usize = 1024;

/// What is trained.
struct Shape {
    name: &'static str,
    config: &'static str,
    /// Of each document, its prompt among them.
    n_tokens: usize,
    n_images: usize,
    /// Rounds in which a batch is worked on, so that caches hold what is between two operations.
    accumulate: usize,
}

const SHAPES: [Shape; 2] = [
    Shape {
        name: "nano",
        config: "configs/storyworld-nano.json",
        n_tokens: N_TOKENS,
        n_images: N_IMAGES,
        accumulate: 1,
    },
    // A whole story of the large world, in the mean.
    Shape { name: "small", config: "configs/storyworld-small.json", n_tokens: 196, n_images: 6, accumulate: 2 },
];

fn main() -> Result<()> {
    let mut measured = json!({});
    for shape in &SHAPES {
        measured[shape.name] = measure(shape)?;
    }
    report("training", "cargo bench --features train --bench training -- --save", measured);
    Ok(())
}

fn measure(shape: &Shape) -> Result<Value> {
    let config =
        TrainConfig { n_shards: N_SHARDS, accumulate: shape.accumulate, ..TrainConfig::read(&file(shape.config))? };
    let shards: Vec<Batch> = (0..N_SHARDS * shape.accumulate).map(|shard| batch(&config, shape, shard)).collect();
    let forward: f64 = shards.iter().map(|b| flop(&config.model, &b.input, b.targets.bag_slots.len())).sum();
    let gflop = 3.0 * forward / 1e9;
    let n_rows: usize = shards.iter().map(|b| b.input.batch * b.input.seq()).sum();
    let mut trainer = Trainer::new(&config, &[Device::flex()])?;

    let device = Device::flex();
    let random = || Tensor::<2>::random([PLAIN, PLAIN], Distribution::Default, &device);
    let (a, b) = (random(), random());
    let plain = || a.clone().matmul(b.clone());
    let plain_gflop = 2.0 * (PLAIN as f64).powi(3) / 1e9;

    // By turns, so that whatever else the machine does slows both down alike.
    let budget = if is_quick() { Duration::from_millis(1) } else { Duration::from_secs(40) };
    let (mut plain_ms, mut step_ms, mut update_ms) = (Vec::new(), Vec::new(), Vec::new());
    plain();
    trainer.train_step(&shards)?;
    let start = Instant::now();
    while step_ms.len() < 2 || start.elapsed() < budget {
        (0..4).for_each(|_| plain_ms.push(ms(plain)));
        let start = Instant::now();
        let gradient = trainer.measure(&shards)?;
        update_ms.push(ms(|| trainer.apply(gradient)));
        step_ms.push(start.elapsed().as_secs_f64() * 1e3);
    }
    let (plain, step, update) = (Times::new(plain_ms), Times::new(step_ms), Times::new(update_ms));
    let plain_rate = plain_gflop / plain.median() * 1e3;
    let step_rate = gflop / step.median() * 1e3;
    let per_second = 1e3 / step.median();
    let Shape { name, n_tokens, n_images, .. } = shape;
    println!(
        "{name}: batch of {} in {} parts, {n_tokens} tokens and {n_images} pictures each: {n_rows} rows, {gflop:.1} GFLOP a step\n",
        config.batch_size,
        shards.len()
    );
    println!("training step            {:8.1} ms", step.median());
    println!("  of it the update       {:8.1} ms", update.median());
    println!("                         {:8.0} rows/s", n_rows as f64 * per_second);
    println!("                         {step_rate:8.1} GFLOP/s");
    println!("plain {PLAIN}³ f32 product   {plain_rate:8.1} GFLOP/s");
    println!("training / plain         {:8.2}\n", step_rate / plain_rate);
    Ok(json!({
        "batch_size": config.batch_size, "n_shards": N_SHARDS, "accumulate": shape.accumulate, "n_tokens": n_tokens, "n_images": n_images,
        "rows": n_rows, "gflop": round(gflop), "step": step.json(), "update": update.json(),
        "rows_per_s": round(n_rows as f64 * per_second), "gflop_per_s": round(step_rate),
        "plain": plain.json(), "plain_gflop_per_s": round(plain_rate), "ratio": round(step_rate / plain_rate),
    }))
}

/// A shard in which every second slot lacks two tokens and every picture is noised.
fn batch(config: &TrainConfig, shape: &Shape, shard: usize) -> Batch {
    let mut rng = Rng::stream(6, shard as u64);
    let batch_size = config.batch_size / (config.n_shards * config.accumulate);
    let input = made_up::input(&config.model, batch_size, shape.n_tokens, shape.n_images);
    let n_slots = input.slot_rows.len();
    let counts: Vec<f32> = (0..n_slots).map(|slot| if slot % 2 == 0 { 2.0 } else { 0.0 }).collect();
    let bag_slots: Vec<u32> = (0..n_slots as u32).step_by(2).collect();
    let pair_rows: Vec<u32> = (0..bag_slots.len() as u32).flat_map(|row| [row, row]).collect();
    let weight = 1.0 / n_slots as f32;
    let targets = Targets {
        counts,
        slot_weights: vec![weight; n_slots],
        is_extra: vec![0.0; n_slots],
        extra_weights: vec![weight; n_slots],
        pair_tokens: pair_rows.iter().map(|_| rng.below(config.model.network.vocab_size) as u32).collect(),
        pair_weights: vec![weight; pair_rows.len()],
        bag_slots,
        pair_rows,
        image_targets: input.latents.iter().map(|_| rng.normal()).collect(),
        image_weights: vec![1.0 / input.latents.len() as f32; input.latents.len()],
        n_noised: batch_size * shape.n_images,
    };
    Batch { input, targets, notes: Vec::new() }
}
