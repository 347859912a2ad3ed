//! One record, and its pictures by whatever name they have.

use serde::{Deserialize, Serialize};

use crate::data::document::{Document, Part};
use crate::data::picture::Picture;
use crate::error::{Error, Result};

/// A record as JSON.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Record {
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub id: String,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub prompt: String,
    pub parts: Vec<RecordPart>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub asked: Option<[usize; 2]>,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "lowercase")]
pub(super) enum RecordPart {
    Text { text: String },
    Image { file: String },
}

/// Where a record stands, for messages.
#[derive(Clone, Copy, Debug)]
pub(super) struct Place<'a> {
    pub file: &'a str,
    /// Counted from 1; of a shard, the sample's.
    pub line: usize,
}

impl Place<'_> {
    pub fn error(&self, field: impl Into<String>, reason: impl Into<String>) -> Error {
        Error::Data { file: self.file.to_owned(), line: self.line, field: field.into(), reason: reason.into() }
    }
}

impl Record {
    /// Reads and checks a record.
    pub fn parse(json: &[u8], place: Place<'_>) -> Result<Self> {
        // The field of a wrong type stands in serde's message only as words, so it is looked for first.
        let value: serde_json::Value =
            serde_json::from_slice(json).map_err(|error| place.error("record", error.to_string()))?;
        let Some(object) = value.as_object() else {
            return Err(place.error("record", format!("found {}, expected a JSON object", kind(&value))));
        };
        for field in ["id", "prompt"] {
            if let Some(other) = object.get(field).filter(|value| !value.is_string()) {
                return Err(place.error(field, format!("found {}, expected a string", kind(other))));
            }
        }
        let Some(parts) = object.get("parts").and_then(serde_json::Value::as_array) else {
            let found = object.get("parts").map_or("nothing", kind);
            return Err(place.error("parts", format!("found {found}, expected a list of parts")));
        };
        if parts.is_empty() {
            return Err(place.error("parts", "found an empty list, expected at least one part"));
        }
        for (i, part) in parts.iter().enumerate() {
            let field = format!("parts[{i}]");
            serde_json::from_value::<RecordPart>(part.clone()).map_err(|error| {
                let expected = "{\"type\": \"text\", \"text\": …} or {\"type\": \"image\", \"file\": …}";
                place.error(field, format!("{error}; expected {expected}"))
            })?;
        }
        let record: Record = serde_json::from_value(value).map_err(|error| place.error("asked", error.to_string()))?;
        if let Some([from, to]) = record.asked
            && (from >= to || to > record.parts.len())
        {
            let expected = format!("[from, to] with from below to and to at most {}", record.parts.len());
            return Err(place.error("asked", format!("found [{from}, {to}], expected {expected}")));
        }
        Ok(record)
    }

    /// The document; `read` gives the bytes of a picture's file.
    pub fn document(
        self,
        place: Place<'_>,
        image_px: usize,
        read: impl Fn(&str) -> Result<Vec<u8>>,
    ) -> Result<Document> {
        let mut parts = Vec::with_capacity(self.parts.len());
        for (i, part) in self.parts.into_iter().enumerate() {
            parts.push(match part {
                RecordPart::Text { text } => Part::Text(text),
                RecordPart::Image { file } => {
                    let field = format!("parts[{i}].file");
                    let picture =
                        decode(&read(&file)?).map_err(|reason| place.error(&field, format!("{file}: {reason}")))?;
                    if (picture.width, picture.height) != (image_px, image_px) {
                        let found = format!("{file} has {} × {} pixels", picture.width, picture.height);
                        return Err(
                            place.error(field, format!("{found}, expected {image_px} × {image_px}; scale it first"))
                        );
                    }
                    Part::Image(picture)
                }
            });
        }
        let asked = self.asked.map_or(0..parts.len(), |[from, to]| from..to);
        Ok(Document { prompt: self.prompt, parts, asked })
    }
}

/// A PNG as RGB pixels.
fn decode(png: &[u8]) -> Result<Picture, String> {
    let image = image::load_from_memory_with_format(png, image::ImageFormat::Png).map_err(|error| error.to_string())?;
    let image = image.to_rgb8();
    let (width, height) = (image.width() as usize, image.height() as usize);
    Ok(Picture { width, height, rgb: image.into_raw() })
}

fn kind(value: &serde_json::Value) -> &'static str {
    match value {
        serde_json::Value::Null => "null",
        serde_json::Value::Bool(_) => "a truth value",
        serde_json::Value::Number(_) => "a number",
        serde_json::Value::String(_) => "a string",
        serde_json::Value::Array(_) => "a list",
        serde_json::Value::Object(_) => "an object",
    }
}
