//! The browser's side of the crate: newtypes whose methods convert, call and convert back. The
//! loop over steps, fetching and caching are JavaScript's (`pkg/src`). The only module that names
//! wasm_bindgen or js_sys.

mod bench;
mod engine;
mod golden;
mod gpu;
mod loader;
mod run;
mod value;

use wasm_bindgen::prelude::*;

pub use engine::Engine;
pub use gpu::Gpu;
pub use loader::Loader;
pub use run::Run;

/// The build that this wasm belongs to; the package refuses a wasm of another.
#[wasm_bindgen(js_name = buildId)]
pub fn build_id() -> String {
    option_env!("ONEFLOW_BUILD_ID").unwrap_or(env!("CARGO_PKG_VERSION")).into()
}
