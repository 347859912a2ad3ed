//! The whole network on both back ends.

use std::path::Path;

use oneflow_web::checkpoint::folder::read_folder;
use oneflow_web::model::ModelConfig;
use oneflow_web::model::made_up::Case;
use oneflow_web::ops::burn::BurnOps;
use oneflow_web::ops::ready;

use crate::support::gpu;

fn config() -> ModelConfig {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("pkg/models/storyworld");
    ModelConfig::from_json(&read_folder(&folder).unwrap().files["config.json"]).unwrap()
}

/// Deviation of the worst value, relative to itself or, where it is smaller, to the typical one.
fn worst(found: &[f32], expected: &[f32]) -> f32 {
    assert_eq!(found.len(), expected.len());
    let typical = (expected.iter().map(|x| x * x).sum::<f32>() / expected.len() as f32).sqrt();
    let off = |(a, b): (&f32, &f32)| (a - b).abs() / b.abs().max(typical);
    found.iter().zip(expected).map(off).fold(0.0, f32::max)
}

#[test]
fn heads_and_velocities_are_the_cpus() {
    let config = config();
    for (batch, n_tokens, n_images) in [(1, 40, 3), (1, 1, 0), (2, 65, 1), (1, 160, 6)] {
        let expected = Case::new(BurnOps::cpu(), &config, batch, n_tokens, n_images).unwrap();
        let found = Case::new(gpu(), &config, batch, n_tokens, n_images).unwrap();
        let off = worst(&ready(found.forward()).unwrap(), &ready(expected.forward()).unwrap());
        println!("{batch} x {n_tokens} tokens, {n_images} pictures: off by {off:e}");
        assert!(off <= 1e-3, "{batch} x {n_tokens} tokens, {n_images} pictures: off by {off}");
    }
}

#[test]
fn the_same_forward_twice_gives_the_same_bits() {
    let case = Case::new(gpu(), &config(), 1, 33, 2).unwrap();
    let once = ready(case.forward()).unwrap();
    assert_eq!(ready(case.forward()).unwrap(), once);
}

/// What ARCHITECTURE.md says a forward costs.
#[test]
fn a_forward_is_one_submit_of_five_kernels_a_block_and_a_few_at_the_ends() {
    let (config, ops) = (config(), gpu());
    for (n_images, at_the_ends) in [(0, 4), (3, 15)] {
        let case = Case::new(ops.clone(), &config, 1, 40, n_images).unwrap();
        let before = ops.usage().counts;
        ready(case.forward()).unwrap();
        let after = ops.usage().counts;
        assert_eq!(after.submits - before.submits, 1);
        // The case asks for token logits in the same trip: two kernels more.
        let n_kernels = (after.dispatches - before.dispatches) as usize;
        assert_eq!(n_kernels, 5 * config.network.n_layers + at_the_ends + 2, "{n_images} pictures");
    }
}
