//! Files of a model, as they arrive.

use wasm_bindgen::prelude::*;

use super::engine::Engine;
use super::value::{array, object, thrown};
use crate::checkpoint::load::cpu_model;
use crate::checkpoint::{Incoming, Manifest};

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

    /// The engine, once every file is verified.
    pub fn build(self) -> Result<Engine, JsValue> {
        let weight_bytes = self.manifest.total_bytes();
        let files = self.incoming.into_files().map_err(thrown)?;
        let model = cpu_model(files).map_err(thrown)?;
        Ok(Engine::new(model, self.manifest.name(), self.manifest.version(), weight_bytes))
    }
}
