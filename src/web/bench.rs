//! For the benchmark beside another engine: one network, one input, one forward.

use js_sys::{Float32Array, Uint32Array};
use wasm_bindgen::prelude::*;

use super::gpu::Gpu;
use super::value::{object, thrown};
use crate::model::ModelConfig;
use crate::model::made_up::{Case, weights};
use crate::ops::any::AnyOps;
use crate::ops::cpu::CpuOps;

/// A network with made-up weights on a made-up story.
#[wasm_bindgen]
pub struct ForwardBench {
    config: ModelConfig,
    case: Case<AnyOps>,
}

#[wasm_bindgen]
impl ForwardBench {
    /// The network that a `config.json` describes, on `n_tokens` tokens and `n_images` pictures; on
    /// the CPU where no GPU is given. The weights are drawn, or they are those of another network of
    /// this shape.
    #[wasm_bindgen(constructor)]
    pub fn new(
        config: &[u8],
        n_tokens: usize,
        n_images: usize,
        gpu: Option<Gpu>,
        weights: Option<Vec<f32>>,
    ) -> Result<ForwardBench, JsValue> {
        let config = ModelConfig::from_json(config).map_err(thrown)?;
        let ops = gpu.map_or(AnyOps::Cpu(CpuOps), Gpu::into_ops);
        let case = match weights {
            Some(weights) => Case::with_weights(ops, &config, &weights, [1, n_tokens, n_images]),
            None => Case::new(ops, &config, 1, n_tokens, n_images),
        };
        let case = case.map_err(thrown)?;
        Ok(ForwardBench { config, case })
    }

    /// All weights, one after the other.
    pub fn weights(&self) -> Result<Vec<f32>, JsValue> {
        weights(&self.config).map_err(thrown)
    }

    /// What the network is shown, by name.
    pub fn inputs(&self) -> JsValue {
        let input = &self.case.input;
        let reals = |values: &[f32]| JsValue::from(Float32Array::from(values));
        let ids = |values: &[u32]| JsValue::from(Uint32Array::from(values));
        object(&[
            ("tokens", ids(&input.tokens)),
            ("segments", ids(&input.segments)),
            ("latents", reals(&input.latents)),
            ("timeFeatures", reals(&input.time_features)),
            ("cos", reals(&input.cos)),
            ("sin", reals(&input.sin)),
            ("keyBias", reals(&input.key_bias)),
            ("slotRows", ids(&input.slot_rows)),
            ("tokenSlots", ids(&self.case.token_slots)),
        ])
    }

    /// One forward; the answers of the heads, one after the other.
    pub async fn forward(&self) -> Result<Vec<f32>, JsValue> {
        self.case.forward().await.map_err(thrown)
    }
}
