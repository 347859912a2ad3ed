//! The golden files, run by the wasm itself.

use wasm_bindgen::prelude::*;

use super::value::{array, object, thrown};
use crate::golden::{Report, check};

/// Compares the crate with a golden file, by its name without `.json` and its text. Gives
/// `{ name, values, deviation, tolerance }` for each quantity in it.
///
/// # Errors
///
/// An `Error` with the code `internal` where a number is off by more than its tolerance.
#[wasm_bindgen(js_name = goldenCheck)]
pub fn golden_check(name: &str, json: &str) -> Result<JsValue, JsValue> {
    Ok(quantities(&check(name, json).map_err(thrown)?))
}

/// A report as JavaScript sees it.
pub(super) fn quantities(report: &Report) -> JsValue {
    array(report.quantities.iter().map(|quantity| {
        object(&[
            ("name", quantity.name.into()),
            ("values", (quantity.n_values as f64).into()),
            ("deviation", quantity.deviation.into()),
            ("tolerance", quantity.tolerance.into()),
        ])
    }))
}
