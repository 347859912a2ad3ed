//! A loaded model.

use std::rc::Rc;

use wasm_bindgen::prelude::*;

use super::run::Run;
use super::value::{number, object, string, thrown, whole};
use crate::model::Model;
use crate::ops::any::AnyOps;
use crate::sample::{Options, Sampler};

/// A model that stories can be generated with.
#[wasm_bindgen]
pub struct Engine {
    model: Rc<Model<AnyOps>>,
    ops: AnyOps,
    name: String,
    version: String,
    weight_bytes: u64,
}

impl Engine {
    pub(super) fn new(model: Model<AnyOps>, ops: AnyOps, name: &str, version: &str, weight_bytes: u64) -> Self {
        Self { model: Rc::new(model), ops, name: name.into(), version: version.into(), weight_bytes }
    }
}

#[wasm_bindgen]
impl Engine {
    /// What was loaded, and the defaults of a run.
    pub fn info(&self) -> JsValue {
        let config = &self.model.config;
        let px = config.codec.image_px as f64;
        let sampling = &config.sampling;
        object(&[
            ("name", self.name.as_str().into()),
            ("version", self.version.as_str().into()),
            ("parameters", (self.model.n_parameters() as f64).into()),
            ("imageSize", object(&[("width", px.into()), ("height", px.into())])),
            ("vocabSize", (config.network.vocab_size as f64).into()),
            ("weightBytes", (self.weight_bytes as f64).into()),
            (
                "sampling",
                object(&[
                    ("steps", (sampling.n_steps as f64).into()),
                    ("temperature", f64::from(sampling.temperature).into()),
                    ("topP", f64::from(sampling.top_p).into()),
                    ("textGuidance", f64::from(sampling.text_guidance).into()),
                    ("imageGuidance", f64::from(sampling.image_guidance).into()),
                    ("maxTokens", (sampling.max_tokens as f64).into()),
                    ("maxImages", (sampling.max_images as f64).into()),
                ]),
            ),
        ])
    }

    /// A new run.
    pub fn start(&self, options: &JsValue) -> Result<Run, JsValue> {
        let prompt = string(options, "prompt")?.unwrap_or_default();
        let seed = whole(options, "seed")?.unwrap_or(0);
        let tokens = self.model.prompt_tokens(&prompt).map_err(thrown)?;
        let options_of_run = self.options(options)?;
        let sampler = Sampler::new(&tokens, *self.model.spec(), options_of_run, seed).map_err(thrown)?;
        Ok(Run::new(self.model.clone(), self.ops.clone(), sampler, preview_every(options)?))
    }

    /// A run that goes on from a snapshot; with a `seed`, on a branch of its own.
    pub fn resume(&self, snapshot: &[u8], options: &JsValue) -> Result<Run, JsValue> {
        let mut sampler = Sampler::restore(snapshot, *self.model.spec()).map_err(thrown)?;
        if let Some(seed) = whole(options, "seed")? {
            sampler.reseed(seed);
        }
        Ok(Run::new(self.model.clone(), self.ops.clone(), sampler, preview_every(options)?))
    }

    fn options(&self, options: &JsValue) -> Result<Options, JsValue> {
        let mut chosen = self.model.options();
        let real = |name: &'static str, target: &mut f32| {
            number(options, name).map(|value| value.map(|value| *target = value as f32))
        };
        real("temperature", &mut chosen.temperature)?;
        real("topP", &mut chosen.top_p)?;
        real("textGuidance", &mut chosen.text_guidance)?;
        real("imageGuidance", &mut chosen.image_guidance)?;
        let count = |name: &'static str, target: &mut usize| {
            whole(options, name).map(|value| value.map(|value| *target = value as usize))
        };
        count("steps", &mut chosen.n_steps)?;
        count("maxTokens", &mut chosen.max_tokens)?;
        count("maxImages", &mut chosen.max_images)?;
        Ok(chosen)
    }
}

/// A preview of each picture every so many steps; 0 is off.
fn preview_every(options: &JsValue) -> Result<u64, JsValue> {
    Ok(whole(options, "previewEvery")?.unwrap_or(1))
}
