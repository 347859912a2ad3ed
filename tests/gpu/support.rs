//! What tests share.

use oneflow_web::model::config::{CodecConfig, FORMAT, ModelConfig, NetworkConfig, SamplingConfig};
use oneflow_web::ops::gpu::{GpuOps, Products};
use oneflow_web::ops::ready;

pub use crate::numbers::{FILLS, Fill, values, within};

/// A device, which has to be there.
#[track_caller]
pub fn gpu() -> GpuOps {
    ready(GpuOps::open()).unwrap()
}

/// A device for each kernel of matrix products.
#[track_caller]
pub fn both_products() -> [GpuOps; 2] {
    [Products::Tiled, Products::Direct].map(|products| {
        let gpu = gpu();
        gpu.choose(products);
        gpu
    })
}

/// A network that is quick on a software adapter.
pub fn small() -> ModelConfig {
    ModelConfig {
        format: FORMAT.into(),
        network: NetworkConfig { d_model: 32, n_heads: 2, n_layers: 2, d_mlp: 40, vocab_size: 270, delete_head: true },
        codec: CodecConfig { kind: "pca-patch".into(), image_px: 8, patch_px: 4, n_coefs: 6 },
        sampling: SamplingConfig {
            n_steps: 8,
            temperature: 1.0,
            top_p: 1.0,
            open_threshold: 0.5,
            close_threshold: 1.0,
            min_certainty: 0.0,
            delete_threshold: 1.0,
            text_guidance: 0.0,
            image_guidance: 0.0,
            max_tokens: 32,
            max_images: 2,
        },
    }
}
