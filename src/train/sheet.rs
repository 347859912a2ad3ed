//! Sample sheets: stories that a model under training tells, to look at.

use std::fs;
use std::path::Path;

use crate::data::Stream;
use crate::data::cards::text;
use crate::error::{Error, Result};
use crate::model::Model;
use crate::model::story::tell;
use crate::ops::burn::BurnOps;
use crate::page::story_html;

/// Writes stories for the first `n` validation prompts, seeds 0 to `n` - 1.
///
/// # Errors
///
/// [`Error::Io`] naming the path.
pub fn write(model: &Model<BurnOps>, out: &Path, n: u64) -> Result<()> {
    let mut stories = Vec::new();
    for seed in 0..n {
        let (prompt, _) = text(Stream::Validation, seed);
        stories.push((prompt.clone(), tell(model, &prompt, model.options(), seed)?));
    }
    fs::write(out, story_html("Samples", &stories, model.config.codec.image_px)?).map_err(|error| Error::io(out, error))
}
