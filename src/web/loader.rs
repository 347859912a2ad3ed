//! Files of a model, as they arrive.

use wasm_bindgen::prelude::*;
use wasm_bindgen_futures::future_to_promise;

use super::engine::Engine;
use super::gpu::Gpu;
use super::value::{array, object, thrown};
use crate::checkpoint::load::model;
use crate::checkpoint::{Incoming, Manifest};
use crate::ops::any::AnyOps;
use crate::ops::cpu::CpuOps;

/// Takes a model's files in chunks and makes an [`Engine`] of them when all are verified.
#[wasm_bindgen]
pub struct Loader {
    manifest: Manifest,
    incoming: Incoming,
}

#[wasm_bindgen]
impl Loader {
    /// A loader for the model that `manifest.json` describes.
    #[wasm_bindgen(constructor)]
    pub fn new(manifest: &[u8]) -> Result<Loader, JsValue> {
        let manifest = Manifest::parse(manifest).map_err(thrown)?;
        let incoming = Incoming::new(&manifest);
        Ok(Loader { manifest, incoming })
    }

    /// The files that are needed: `{ name, sizeBytes, sha256 }` each.
    pub fn files(&self) -> JsValue {
        array(self.manifest.files().iter().map(|file| {
            object(&[
                ("name", file.name.as_str().into()),
                ("sizeBytes", (file.size_bytes as f64).into()),
                ("sha256", file.sha256.as_str().into()),
            ])
        }))
    }

    /// The next bytes of a file.
    pub fn push(&mut self, name: &str, chunk: &[u8]) -> Result<(), JsValue> {
        self.incoming.push(name, chunk).map_err(thrown)
    }

    /// The file is complete: compares size and SHA-256 with the manifest.
    #[wasm_bindgen(js_name = finishFile)]
    pub fn finish_file(&mut self, name: &str) -> Result<(), JsValue> {
        self.incoming.finish_file(name).map_err(thrown)
    }

    /// The engine, once every file is verified. On the CPU it is there at once; with a GPU, this is
    /// a promise of it, because only the device knows whether the weights found room.
    pub fn build(self, gpu: Option<Gpu>) -> Result<JsValue, JsValue> {
        let weight_bytes = self.manifest.total_bytes();
        let files = self.incoming.into_files().map_err(thrown)?;
        let ops = gpu.map_or_else(|| AnyOps::Cpu(CpuOps), Gpu::into_ops);
        let model = model(ops.clone(), files).map_err(thrown)?;
        let engine = Engine::new(model, ops.clone(), self.manifest.name(), self.manifest.version(), weight_bytes);
        match ops {
            AnyOps::Cpu(_) => Ok(engine.into()),
            AnyOps::Gpu(gpu) => Ok(JsValue::from(future_to_promise(async move {
                gpu.settle().await.map_err(thrown)?;
                Ok(engine.into())
            }))),
        }
    }
}
