//! Values across the boundary: errors with a code, objects field by field.

use js_sys::{Array, Object, Reflect};
use wasm_bindgen::{JsCast, JsValue};

use crate::error::Error;

/// A JavaScript `Error` with the property `code`.
pub fn thrown(error: Error) -> JsValue {
    let error = match error {
        Error::Option { name, found, expected } => Error::Option { name: name_in_javascript(name), found, expected },
        other => other,
    };
    let code = match &error {
        Error::Internal { reason } if reason.starts_with("out of memory") => "out-of-memory",
        other => other.code(),
    };
    let thrown = js_sys::Error::new(&error.to_string());
    set(&thrown, "code", code);
    thrown.into()
}

/// The sampler's options as a page calls them.
fn name_in_javascript(name: &'static str) -> &'static str {
    match name {
        "n_steps" => "steps",
        "top_p" => "topP",
        "text_guidance" => "textGuidance",
        "image_guidance" => "imageGuidance",
        "max_tokens" => "maxTokens",
        "max_images" => "maxImages",
        other => other,
    }
}

/// An object with these fields.
pub fn object(fields: &[(&str, JsValue)]) -> JsValue {
    let object = Object::new();
    for (name, value) in fields {
        set(&object, name, value.clone());
    }
    object.into()
}

/// An array of these values.
pub fn array(values: impl IntoIterator<Item = JsValue>) -> JsValue {
    values.into_iter().collect::<Array>().into()
}

/// A field that is a finite number; `None` if it is missing.
pub fn number(options: &JsValue, name: &'static str) -> Result<Option<f64>, JsValue> {
    let value = field(options, name);
    if value.is_undefined() {
        return Ok(None);
    }
    match value.as_f64() {
        Some(number) if number.is_finite() => Ok(Some(number)),
        _ => Err(thrown(Error::Option { name, found: describe(&value), expected: "a finite number".into() })),
    }
}

/// A field that is a whole number, not negative; `None` if it is missing.
pub fn whole(options: &JsValue, name: &'static str) -> Result<Option<u64>, JsValue> {
    match number(options, name)? {
        None => Ok(None),
        // Above 2^53 not every whole number is a double.
        Some(number) if number >= 0.0 && number <= 9_007_199_254_740_991.0 && number.fract() == 0.0 => {
            Ok(Some(number as u64))
        }
        Some(number) => Err(thrown(Error::Option {
            name,
            found: number.to_string(),
            expected: "a whole number from 0 to 2^53 - 1".into(),
        })),
    }
}

/// A field that is a string; `None` if it is missing.
pub fn string(options: &JsValue, name: &'static str) -> Result<Option<String>, JsValue> {
    let value = field(options, name);
    if value.is_undefined() {
        return Ok(None);
    }
    let found = describe(&value);
    value.as_string().map(Some).ok_or_else(|| thrown(Error::Option { name, found, expected: "a string".into() }))
}

fn field(options: &JsValue, name: &str) -> JsValue {
    // Reading a field of something that is no object gives nothing, as in JavaScript.
    Reflect::get(options, &name.into()).unwrap_or(JsValue::UNDEFINED)
}

fn set(object: &JsValue, name: &str, value: impl Into<JsValue>) {
    // Setting a field of an object that we have just made cannot fail.
    let _ = Reflect::set(object, &name.into(), &value.into());
}

fn describe(value: &JsValue) -> String {
    match value.dyn_ref::<js_sys::JsString>() {
        Some(text) => format!("\"{text}\""),
        None => value.js_typeof().as_string().unwrap_or_default(),
    }
}
