//! Models in several files on the GPU: the same weights, and no more than two files in memory of the
//! host while they are loaded.

use std::path::PathBuf;

use oneflow_web::Error;
use oneflow_web::checkpoint::cut::with_shards;
use oneflow_web::checkpoint::folder::{load_folder, read_folder, write_folder};
use oneflow_web::checkpoint::load::cpu_model;
use oneflow_web::checkpoint::made_up::write;
use oneflow_web::checkpoint::shards::is_weights;
use oneflow_web::model::ModelConfig;
use oneflow_web::model::config::NetworkConfig;
use oneflow_web::model::made_up::{Storage, tiny};
use oneflow_web::model::story::tell;
use oneflow_web::ops::stored::BlockFormat;
use oneflow_web::sample::Options;

use crate::heap::heap_of;
use crate::support::gpu;

/// A folder that goes away at the end.
struct Scratch(PathBuf);

impl Scratch {
    fn new(test: &str) -> Self {
        Self(std::env::temp_dir().join(format!("oneflow-gpu-{test}-{}", std::process::id())))
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

#[test]
fn a_model_in_shards_tells_the_story_of_the_model_in_one_file() {
    let default = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("pkg/models/storyworld");
    let scratch = Scratch::new("story");
    let whole = read_folder(&default).unwrap().files;
    write_folder(&scratch.0, "storyworld", "1", &with_shards(whole.clone(), 1 << 20).unwrap()).unwrap();
    let options = |options: Options| Options { n_steps: 6, max_images: 1, max_tokens: 24, ..options };
    let on_cpu = cpu_model(whole).unwrap();
    let expected = tell(&on_cpu, "A shy fox in the forest.", options(on_cpu.options()), 7).unwrap();
    let on_gpu = |folder: &PathBuf| {
        let model = load_folder(folder, gpu()).unwrap();
        tell(&model, "A shy fox in the forest.", options(model.options()), 7).unwrap()
    };
    let (one, many) = (on_gpu(&default), on_gpu(&scratch.0));
    assert!(many.text().len() > 10);
    assert_eq!(many.text(), expected.text());
    assert!(many == one);
}

#[test]
fn the_host_holds_no_more_than_two_shards() {
    let network =
        NetworkConfig { d_model: 256, n_heads: 8, n_layers: 10, d_mlp: 704, vocab_size: 300, delete_head: false };
    let config = ModelConfig { network, ..tiny() };
    for (storage, max_bytes) in
        [(Storage::F32, 4 << 20), (Storage::F16, 4 << 20), (Storage::Blocks(BlockFormat::Q8), 2 << 20)]
    {
        let scratch = Scratch::new("memory");
        write(&scratch.0, &config, storage, max_bytes).unwrap();
        let files = read_folder(&scratch.0).unwrap().files;
        let shards: Vec<i64> =
            files.iter().filter(|(name, _)| is_weights(name)).map(|(_, bytes)| bytes.len() as i64).collect();
        assert!(shards.len() >= 4, "{shards:?}");
        drop(files);
        let ops = gpu();
        let (model, peak, kept) = heap_of(|| load_folder(&scratch.0, ops.clone()).unwrap());
        let on_gpu = ops.usage().buffer_bytes;
        println!("{storage:?}, {} files: {peak} bytes at most, {kept} at the end, {on_gpu} on the GPU", shards.len());
        assert!(peak <= 2 * max_bytes as i64, "{peak}");
        // The codec and the tokenizer stay, and no weights.
        assert!(kept < 1 << 20, "{kept}");
        let total: i64 = shards.iter().sum();
        assert!(on_gpu as f64 > 0.97 * total as f64 && (on_gpu as f64) < 1.05 * total as f64, "{on_gpu} of {total}");
        drop(model);
        assert!(ops.usage().buffer_bytes < 1 << 16, "{:?}", ops.usage());
    }
}

#[test]
fn a_damaged_shard_frees_what_was_there() {
    let scratch = Scratch::new("damaged");
    write(&scratch.0, &tiny(), Storage::F32, 8 << 10).unwrap();
    let last = read_folder(&scratch.0).unwrap().files.into_keys().rfind(|name| is_weights(name)).unwrap();
    let path = scratch.0.join(&last);
    let mut bytes = std::fs::read(&path).unwrap();
    *bytes.last_mut().unwrap() ^= 1;
    std::fs::write(&path, bytes).unwrap();
    let ops = gpu();
    let error = load_folder(&scratch.0, ops.clone()).err().unwrap();
    assert!(matches!(&error, Error::Integrity { file, .. } if *file == last), "{error}");
    assert_eq!(ops.usage().n_buffers, 0);
    ops.destroy();
}

#[test]
fn a_device_that_goes_away_is_told_at_the_shard() {
    let scratch = Scratch::new("lost");
    write(&scratch.0, &tiny(), Storage::F32, 8 << 10).unwrap();
    let ops = gpu();
    ops.destroy();
    let error = load_folder(&scratch.0, ops).err().unwrap();
    assert!(matches!(error, Error::DeviceLost { .. }), "{error}");
}
