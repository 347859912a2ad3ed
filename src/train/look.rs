//! The batch that stopped a run, for a look at it.

use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use super::batch::{Batch, Note};
use super::bins::{RowTerms, rows};
use super::trainer::Gradient;
use crate::checkpoint::folder::write_file;
use crate::error::{Error, Result};
use crate::flow::sequence::Element;
use crate::model::Tokenizer;
use crate::model::tokenizer::IMAGE;

/// What stands for a picture in a text.
const PICTURE: &str = "⟦picture⟧";

/// Writes `stopped-at-N.json` into the run folder: the loss and its terms, and each document with
/// its index, its text under noise, what is missing from which slot, the times of its pictures and
/// its terms. In a text `⟦picture⟧` stands for a picture.
///
/// # Errors
///
/// [`Error::Io`] naming the file.
pub fn write(
    out: &Path,
    error: &Error,
    shards: &[Batch],
    gradient: &Gradient,
    tokenizer: &Tokenizer,
) -> Result<PathBuf> {
    let Error::Diverged { step, .. } = error else {
        return Err(Error::Internal { reason: "only a step that was not made has a batch to look at".into() });
    };
    let path = out.join(format!("stopped-at-{step:08}.json"));
    let documents: Vec<Value> = (shards.iter().zip(&gradient.each))
        .enumerate()
        .flat_map(|(i, (shard, each))| {
            shard.notes.iter().zip(rows(shard, each)).map(move |(note, terms)| document(i, note, &terms, tokenizer))
        })
        .collect();
    // Numbers that are not finite are no JSON numbers: they are written as text.
    let terms = gradient.terms;
    let look = json!({
        "step": step,
        "reason": error.to_string(),
        "loss": number(terms.loss),
        "excess": number(terms.excess),
        "tokens": number(terms.tokens),
        "gate": number(terms.gate),
        "poisson": number(terms.poisson),
        "image": number(terms.image),
        "grad_norm": number(gradient.norm),
        "documents": documents,
    });
    write_file(&path, format!("{look:#}\n").as_bytes())?;
    Ok(path)
}

fn document(shard: usize, note: &Note, terms: &RowTerms, tokenizer: &Tokenizer) -> Value {
    let (prompt, response) = note.sequence.elements.split_at(note.sequence.n_prompt);
    let missing: Vec<Value> = (note.bags.iter().enumerate())
        .filter(|(_, bag)| !bag.tokens.is_empty())
        .map(|(slot, bag)| json!({ "slot": slot, "tokens": bag.tokens.iter().map(|&token| word(token, tokenizer)).collect::<Vec<_>>() }))
        .collect();
    let sums = |values: &[f32]| number(values.iter().sum());
    json!({
        "document": note.index,
        "shard": shard,
        "prompt": text(prompt, tokenizer),
        "text": text(response, tokenizer),
        "share_present": note.sequence.response().len() as f32 / note.n_clean.max(1) as f32,
        "missing": missing,
        "image_times": note.image_times,
        "tokens": sums(&terms.tokens),
        "gate": sums(&terms.gate),
        "poisson_above_floor": sums(&terms.poisson),
        "image": terms.images.iter().map(|&error| number(error)).collect::<Vec<_>>(),
    })
}

fn text(elements: &[Element], tokenizer: &Tokenizer) -> String {
    let piece = |element: &Element| match *element {
        Element::Token(token) => word(token, tokenizer),
        Element::Image(_) => PICTURE.into(),
    };
    elements.iter().map(piece).collect()
}

fn word(token: u32, tokenizer: &Tokenizer) -> String {
    if tokenizer.special(IMAGE) == Some(token) { PICTURE.into() } else { tokenizer.decode(&[token]) }
}

fn number(value: f32) -> Value {
    if value.is_finite() { json!(value) } else { json!(value.to_string()) }
}
