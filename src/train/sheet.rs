//! Sample sheets: stories that a model under training tells, to look at.

use std::fs;
use std::path::Path;

use crate::data::Documents;
use crate::error::{Error, Result};
use crate::model::Model;
use crate::model::story::tell;
use crate::ops::burn::BurnOps;
use crate::page::story_html;

/// Writes stories for the prompts of the first `n` documents, seeds 0 to `n` - 1.
///
/// # Errors
///
/// [`Error::Io`] naming the path, and those of the documents.
pub fn write(model: &Model<BurnOps>, documents: &dyn Documents, out: &Path, n: u64) -> Result<()> {
    let mut stories = Vec::new();
    for seed in 0..n {
        let prompt = documents.document(seed)?.prompt;
        stories.push((prompt.clone(), tell(model, &prompt, model.options(), seed)?));
    }
    fs::write(out, story_html("Samples", &stories, model.config.codec.image_px)?).map_err(|error| Error::io(out, error))
}
