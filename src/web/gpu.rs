//! A GPU, opened and tested before a model needs it.

use js_sys::{Function, Reflect};
use wasm_bindgen::prelude::*;

use super::golden::quantities;
use super::value::{object, thrown};
use crate::error::Error;
use crate::golden::check_forward;
use crate::model::self_test::self_test;
use crate::ops::Precision;
use crate::ops::any::AnyOps;
use crate::ops::gpu::{Choice, GpuOps};

/// A device of the browser's best adapter.
#[wasm_bindgen]
pub struct Gpu {
    ops: GpuOps,
}

impl Gpu {
    pub(super) fn into_ops(self) -> AnyOps {
        AnyOps::Gpu(self.ops)
    }
}

#[wasm_bindgen]
impl Gpu {
    /// Opens the device, and chooses its kernels by timing them for some milliseconds; `kernels`
    /// names them instead, as [`Choice`] does. `precision` is `"f32"` or `"f16"`.
    pub async fn open(kernels: Option<String>, precision: Option<String>) -> Result<Gpu, JsValue> {
        let precision = match precision.as_deref() {
            Some("f16") => Precision::F16,
            Some("f32") | None => Precision::F32,
            Some(other) => {
                let (found, expected) = (other.into(), "f32 or f16".into());
                return Err(thrown(Error::Option { name: "precision", found, expected }));
            }
        };
        let ops = GpuOps::open_in(precision).await.map_err(thrown)?;
        match kernels {
            None => drop(ops.tune(now).await.map_err(thrown)?),
            Some(name) => ops.choose(Choice::named(&name).ok_or_else(|| {
                let expected = "tiled, direct, or one of them for products and one for attention".into();
                thrown(Error::Option { name: "kernels", found: name, expected })
            })?),
        }
        Ok(Gpu { ops })
    }

    /// Runs every kernel beside the CPU; throws where the answers differ. Gives the largest
    /// deviation.
    #[wasm_bindgen(js_name = selfTest)]
    pub async fn self_test(&self) -> Result<f32, JsValue> {
        self_test(self.ops.clone(), self.ops.precision()).await.map_err(thrown)
    }

    /// The adapter, and what the device has done.
    pub fn info(&self) -> JsValue {
        let adapter = self.ops.adapter();
        let usage = self.ops.usage();
        object(&[
            ("adapter", adapter.name.as_str().into()),
            ("kernels", self.ops.choice().to_string().into()),
            ("precision", if self.ops.precision() == Precision::F16 { "f16" } else { "f32" }.into()),
            ("hasF16", adapter.has_f16.into()),
            ("maxBindingBytes", (adapter.max_binding_bytes as f64).into()),
            ("dispatches", (usage.counts.dispatches as f64).into()),
            ("submits", (usage.counts.submits as f64).into()),
            ("buffers", (usage.n_buffers as f64).into()),
            ("bufferBytes", (usage.buffer_bytes as f64).into()),
        ])
    }

    /// The golden file `forward.json` on this device, as `goldenCheck` does it on the CPU.
    #[wasm_bindgen(js_name = goldenForward)]
    pub async fn golden_forward(&self, json: String) -> Result<JsValue, JsValue> {
        Ok(quantities(&check_forward(self.ops.clone(), &json).await.map_err(thrown)?))
    }
}

/// Milliseconds, by the best clock there is.
fn now() -> f64 {
    let performance = Reflect::get(&js_sys::global(), &"performance".into()).unwrap_or_default();
    let clock = Reflect::get(&performance, &"now".into()).ok().and_then(|now| now.dyn_into::<Function>().ok());
    let time = clock.and_then(|now| now.call0(&performance).ok()).and_then(|time| time.as_f64());
    time.unwrap_or_else(js_sys::Date::now)
}
