//! The whole network on both back ends.

use std::path::Path;
use std::time::Instant;

use oneflow_web::checkpoint::folder::read_folder;
use oneflow_web::model::ModelConfig;
use oneflow_web::model::made_up::{Case, Storage};
use oneflow_web::ops::burn::BurnOps;
use oneflow_web::ops::gpu::GpuOps;
use oneflow_web::ops::ready;
use oneflow_web::ops::stored::BlockFormat;

use crate::support::{both_products, gpu};

pub fn config() -> ModelConfig {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("pkg/models/storyworld");
    ModelConfig::from_json(&read_folder(&folder).unwrap().files["config.json"]).unwrap()
}

/// Deviation of the worst value, relative to itself or, where it is smaller, to the typical one.
pub fn worst(found: &[f32], expected: &[f32]) -> f32 {
    assert_eq!(found.len(), expected.len());
    let typical = (expected.iter().map(|x| x * x).sum::<f32>() / expected.len() as f32).sqrt();
    let off = |(a, b): (&f32, &f32)| (a - b).abs() / b.abs().max(typical);
    found.iter().zip(expected).map(off).fold(0.0, f32::max)
}

/// The storages of whole models, and what they may take of the bytes of `f32`: 16 bits, 8 bits with
/// 16 for 32 numbers, 4 with 16 for 64; a hundredth more for gains and what no block fits.
const STORAGES: [(Storage, f64); 4] = [
    (Storage::F32, 1.0),
    (Storage::F16, 0.51),
    (Storage::Blocks(BlockFormat::Q8), 0.276),
    (Storage::Blocks(BlockFormat::Q4), 0.143),
];

#[test]
fn heads_and_velocities_are_the_cpus() {
    let config = config();
    for (storage, _) in STORAGES {
        for (batch, n_tokens, n_images) in [(1, 40, 3), (1, 1, 0), (2, 65, 1), (1, 160, 6)] {
            let expected = Case::stored(BurnOps::cpu(), &config, &|_| storage, batch, n_tokens, n_images).unwrap();
            let expected = ready(expected.forward()).unwrap();
            for gpu in both_products() {
                let products = gpu.choice();
                let found = Case::stored(gpu, &config, &|_| storage, batch, n_tokens, n_images).unwrap();
                let off = worst(&ready(found.forward()).unwrap(), &expected);
                let what = format!("{products}, {storage:?}, {batch} x {n_tokens} tokens, {n_images} pictures");
                println!("{what}: off by {off:e}");
                assert!(off <= 1e-3, "{what}: off by {off:e}");
            }
        }
    }
}

/// With limits as low, the embedding and matrices of the trunk are in parts: lines that are inputs
/// of a product (of floats), and lines that are outputs (of blocks).
#[test]
fn weights_above_the_limit_of_a_binding_are_cut() {
    let config = config();
    for ((storage, _), limit) in STORAGES.into_iter().zip([128 << 10, 64 << 10, 64 << 10, 32 << 10]) {
        let n_images = usize::from(limit > 32 << 10);
        let case = |ops: GpuOps| Case::stored(ops, &config, &|_| storage, 1, 10, n_images).unwrap();
        let (ops, whole) = (ready(GpuOps::open_within(limit)).unwrap(), gpu());
        let (found, expected) = (case(ops.clone()), case(whole.clone()));
        let n_buffers = [&ops, &whole].map(|ops| ops.usage().n_buffers);
        let off = worst(&ready(found.forward()).unwrap(), &ready(expected.forward()).unwrap());
        let what = format!("{storage:?} within {limit} bytes: {n_buffers:?} buffers, off by {off:e}");
        println!("{what}");
        // Both compute in f32, and differ in the order of sums.
        assert!(off <= 1e-4, "{what}");
        // Two of the matrices of each block, and the embedding.
        assert!(n_buffers[0] > n_buffers[1] + 2 * config.network.n_layers, "{what}");
    }
}

#[test]
fn the_same_forward_twice_gives_the_same_bits() {
    let case = Case::new(gpu(), &config(), 1, 33, 2).unwrap();
    let once = ready(case.forward()).unwrap();
    assert_eq!(ready(case.forward()).unwrap(), once);
}

/// What ARCHITECTURE.md says a forward costs, and a model takes. Times are told and not judged.
#[test]
fn a_forward_is_one_submit_of_five_kernels_a_block_and_a_few_at_the_ends() {
    let config = config();
    for (n_images, at_the_ends) in [(0, 4), (3, 15)] {
        let mut cases = Vec::new();
        for (storage, _) in STORAGES {
            let ops = gpu();
            let case = Case::stored(ops.clone(), &config, &|_| storage, 1, 40, n_images).unwrap();
            let weight_bytes = ops.usage().buffer_bytes;
            let before = ops.usage().counts;
            ready(case.forward()).unwrap();
            let after = ops.usage().counts;
            assert_eq!(after.submits - before.submits, 1);
            // The case asks for token logits in the same trip: two kernels more.
            let n_kernels = (after.dispatches - before.dispatches) as usize;
            assert_eq!(n_kernels, 5 * config.network.n_layers + at_the_ends + 2, "{storage:?}, {n_images} pictures");
            cases.push((case, weight_bytes, f64::INFINITY));
        }
        // By turns, because the machine may have other work at times.
        for _ in 0..7 {
            for (case, _, best) in &mut cases {
                let start = Instant::now();
                ready(case.forward()).unwrap();
                *best = best.min(start.elapsed().as_secs_f64() * 1e3);
            }
        }
        let (_, of_f32, ms_of_f32) = cases[0];
        for ((storage, share), (_, bytes, ms)) in STORAGES.into_iter().zip(&cases) {
            let ratio = ms / ms_of_f32;
            println!("{storage:?}: {bytes} bytes; {n_images} pictures: best of 7 {ms:.1} ms, {ratio:.2} of F32");
            assert!(*bytes as f64 <= share * of_f32 as f64, "{storage:?}: {bytes} of {of_f32}");
        }
    }
}
