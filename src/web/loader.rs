//! Files of a model, as they arrive.

use wasm_bindgen::prelude::*;
use wasm_bindgen_futures::future_to_promise;

use super::engine::Engine;
use super::gpu::Gpu;
use super::value::{array, object, thrown};
use crate::checkpoint::load::Assembly;
use crate::checkpoint::shards::is_weights;
use crate::checkpoint::{Incoming, Manifest};
use crate::error::Error;
use crate::model::Model;
use crate::ops::Ops;
use crate::ops::any::{AnyOps, AnyWeight};
use crate::ops::cpu::CpuOps;

/// Takes a model's files in chunks and makes an [`Engine`] of them. Weights go to the device file by
/// file, so that one of them is here at a time.
#[wasm_bindgen]
pub struct Loader {
    manifest: Manifest,
    incoming: Incoming,
    assembly: Assembly<AnyWeight>,
    ops: Option<AnyOps>,
    /// A verified file of weights that has to go to the device.
    waiting: Option<(String, Vec<u8>)>,
}

#[wasm_bindgen]
impl Loader {
    /// A loader for the model that `manifest.json` describes.
    #[wasm_bindgen(constructor)]
    pub fn new(manifest: &[u8]) -> Result<Loader, JsValue> {
        let manifest = Manifest::parse(manifest).map_err(thrown)?;
        let incoming = Incoming::new(&manifest);
        let assembly = Assembly::of(manifest.names());
        Ok(Loader { manifest, incoming, assembly, ops: None, waiting: None })
    }

    /// The files that are needed, in the order in which they have to come:
    /// `{ name, sizeBytes, sha256 }` each.
    pub fn files(&self) -> JsValue {
        array(self.manifest.fetch_order().map(|file| {
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

    /// The file is complete: compares size and SHA-256 with the manifest. Says whether it waits to be
    /// [uploaded](Self::upload), which has to come before the next file.
    #[wasm_bindgen(js_name = finishFile)]
    pub fn finish_file(&mut self, name: &str) -> Result<bool, JsValue> {
        let bytes = self.incoming.finish_file(name).map_err(thrown)?;
        if is_weights(name) {
            self.waiting = Some((name.into(), bytes));
            return Ok(true);
        }
        let mut none = |_, _| unreachable!("{name} holds no weights");
        self.assembly.take_file(name, bytes, &mut none).map_err(thrown)?;
        Ok(false)
    }

    /// The device that the weights go to: the GPU, or the CPU. Before the first upload.
    pub fn begin(&mut self, gpu: Option<Gpu>) {
        self.ops = Some(gpu.map_or(AnyOps::Cpu(CpuOps), Gpu::into_ops));
    }

    /// Hands the waiting weights to the device. With a GPU, this is a promise that it found room for
    /// them.
    pub fn upload(&mut self) -> Result<JsValue, JsValue> {
        let (Some(ops), Some((name, bytes))) = (self.ops.clone(), self.waiting.take()) else {
            return Err(thrown(internal("there is no device yet, or nothing to upload")));
        };
        let mut make = |numbers, n_rows| ops.stored_weight(numbers, n_rows);
        self.assembly.take_file(&name, bytes, &mut make).map_err(thrown)?;
        match ops {
            AnyOps::Cpu(_) => Ok(JsValue::UNDEFINED),
            AnyOps::Gpu(gpu) => Ok(JsValue::from(future_to_promise(async move {
                gpu.settle().await.map_err(thrown)?;
                Ok(JsValue::UNDEFINED)
            }))),
        }
    }

    /// The engine, once every file is verified and uploaded.
    pub fn build(self) -> Result<Engine, JsValue> {
        let ops = self.ops.ok_or_else(|| thrown(internal("there is no device yet")))?;
        self.incoming.finish().map_err(thrown)?;
        let model = Model::new(ops.clone(), self.assembly.finish().map_err(thrown)?).map_err(thrown)?;
        let weight_bytes = self.manifest.total_bytes();
        Ok(Engine::new(model, ops, self.manifest.name(), self.manifest.version(), weight_bytes))
    }
}

fn internal(reason: &str) -> Error {
    Error::Internal { reason: reason.into() }
}
