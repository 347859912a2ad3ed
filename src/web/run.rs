//! One run, pulled step by step.

use std::cell::Cell;
use std::rc::Rc;

use js_sys::Uint8ClampedArray;
use wasm_bindgen::prelude::*;
use wasm_bindgen_futures::future_to_promise;

use super::value::{array, object, thrown};
use crate::error::{Error, Result};
use crate::model::Model;
use crate::model::story::{Page, Story, StoryPart, TextEdit, text_edits};
use crate::ops::any::AnyOps;
use crate::ops::ready;
use crate::sample::{Event, Sampler};

/// A run of the sampler.
#[wasm_bindgen]
pub struct Run {
    /// Empty while a step is made.
    state: Rc<Cell<Option<State>>>,
    ops: AnyOps,
}

struct State {
    model: Rc<Model<AnyOps>>,
    sampler: Sampler,
    preview_every: u64,
    page: Page,
    /// Nothing was sent yet: a run from a snapshot begins with all pictures that are there.
    is_fresh: bool,
}

impl Run {
    pub(super) fn new(model: Rc<Model<AnyOps>>, ops: AnyOps, sampler: Sampler, preview_every: u64) -> Self {
        let state = State { model, sampler, preview_every, page: Page::default(), is_fresh: true };
        Self { state: Rc::new(Cell::new(Some(state))), ops }
    }

    fn take(&self) -> Result<State, JsValue> {
        self.state.take().ok_or_else(|| thrown(Error::Internal { reason: "a step of this run is being made".into() }))
    }
}

#[wasm_bindgen]
impl Run {
    /// One step: its events, at least one. The last array ends with `done`. The CPU gives the
    /// array, the GPU a promise of it.
    pub fn next(&self) -> Result<JsValue, JsValue> {
        let mut state = self.take()?;
        if let AnyOps::Cpu(_) = self.ops {
            let events = ready(state.step());
            self.state.set(Some(state));
            return events.map_err(thrown);
        }
        let place = self.state.clone();
        Ok(JsValue::from(future_to_promise(async move {
            let events = state.step().await;
            place.set(Some(state));
            events.map_err(thrown)
        })))
    }

    /// The whole state, some tens of kilobytes.
    pub fn snapshot(&self) -> Result<Vec<u8>, JsValue> {
        let state = self.take()?;
        let snapshot = state.sampler.snapshot();
        self.state.set(Some(state));
        Ok(snapshot)
    }
}

impl State {
    async fn step(&mut self) -> Result<JsValue> {
        let events = self.sampler.step(&*self.model).await?;
        let before = std::mem::replace(&mut self.page, Page::of(&self.model, self.sampler.state()));
        let step = self.sampler.stats().steps;
        let mut out = Vec::new();
        if before.text != self.page.text {
            out.push(self.text_event(step, &events, &before.text));
        }
        let is_preview = self.preview_every > 0 && (step as u64 - 1) % self.preview_every == 0;
        for index in 0..self.sampler.state().images.len() {
            let ended = events.contains(&Event::ImageEnd { index });
            let moved = events.iter().any(|event| {
                matches!(event, Event::ImageStart { index: i, .. } | Event::ImageUpdate { index: i, .. } if *i == index)
            });
            if ended || (moved && is_preview) || self.is_fresh {
                out.push(self.image_event(step, index));
            }
        }
        self.is_fresh = false;
        out.push(object(&[
            ("type", "step".into()),
            ("step", (step as f64).into()),
            ("steps", (self.sampler.options().n_steps as f64).into()),
            ("t", f64::from(self.sampler.state().t_text).into()),
        ]));
        if self.sampler.is_done() {
            out.push(self.done_event());
        }
        Ok(array(out))
    }

    fn text_event(&self, step: usize, events: &[Event], before: &str) -> JsValue {
        let (tokenizer, state) = (&self.model.tokenizer, self.sampler.state());
        let edits = text_edits(tokenizer, events, state, before, &self.page.text).into_iter().map(
            |TextEdit { at, insert, remove }| {
                let mut fields = vec![("at", JsValue::from(at as f64)), ("insert", insert.into())];
                if remove > 0 {
                    fields.push(("remove", (remove as f64).into()));
                }
                object(&fields)
            },
        );
        object(&[
            ("type", "text".into()),
            ("step", (step as f64).into()),
            ("t", f64::from(self.sampler.state().t_text).into()),
            ("edits", array(edits)),
            ("text", self.page.text.as_str().into()),
        ])
    }

    fn image_event(&self, step: usize, index: usize) -> JsValue {
        let image = &self.sampler.state().images[index];
        let is_final = image.t >= 1.0;
        let px = f64::from(self.model.config.codec.image_px as u32);
        let rgba = rgba(&self.model.preview(&image.latents, image.t));
        object(&[
            ("type", "image".into()),
            ("step", (step as f64).into()),
            ("t", f64::from(image.t).into()),
            ("index", (index as f64).into()),
            ("at", (self.page.picture_at(index) as f64).into()),
            ("width", px.into()),
            ("height", px.into()),
            ("rgba", rgba.into()),
            ("final", is_final.into()),
        ])
    }

    fn done_event(&self) -> JsValue {
        let story = Story::of(&self.model, self.sampler.state());
        let parts = story.parts.iter().map(|part| match part {
            StoryPart::Text(text) => object(&[("type", "text".into()), ("text", text.as_str().into())]),
            StoryPart::Image { index, alt, .. } => {
                object(&[("type", "image".into()), ("index", (*index as f64).into()), ("alt", alt.as_str().into())])
            }
        });
        let stats = self.sampler.stats();
        object(&[
            ("type", "done".into()),
            ("text", self.page.text.as_str().into()),
            ("parts", array(parts)),
            ("seed", (self.sampler.seed() as f64).into()),
            (
                "stats",
                object(&[
                    ("steps", (stats.steps as f64).into()),
                    ("rounds", (stats.rounds as f64).into()),
                    ("tokens", (stats.tokens as f64).into()),
                    ("images", (stats.images as f64).into()),
                ]),
            ),
        ])
    }
}

/// RGB to RGBA, opaque.
fn rgba(rgb: &[u8]) -> Uint8ClampedArray {
    let pixels: Vec<u8> = rgb.chunks_exact(3).flat_map(|p| [p[0], p[1], p[2], 255]).collect();
    Uint8ClampedArray::from(&pixels[..])
}
