//! What a run has written, as a reader sees it: text with places of pictures in it.

use std::collections::{BTreeMap, BTreeSet};

use super::codec::ImageCodec;
use super::oneflow::Model;
use super::tokenizer::Tokenizer;
use crate::error::Result;
use crate::flow::sequence::Element;
use crate::ops::{Ops, ready};
use crate::sample::{Event, Options, Sampler, State, Stats};

/// Runs the sampler from start to end, on a back end that does not wait.
///
/// # Errors
///
/// [`Error::Prompt`](crate::error::Error::Prompt) or
/// [`Error::Option`](crate::error::Error::Option) for what the caller gave.
pub fn tell<O: Ops>(model: &Model<O>, prompt: &str, options: Options, seed: u64) -> Result<Story> {
    let mut sampler = Sampler::new(&model.prompt_tokens(prompt)?, *model.spec(), options, seed)?;
    while !sampler.is_done() {
        ready(sampler.step(model))?;
    }
    Ok(Story { stats: sampler.stats(), ..Story::of(model, sampler.state()) })
}

/// The response of a state as text.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Page {
    /// All text of the response, pictures left out. Bytes that are no UTF-8 yet are left out too.
    pub text: String,
    /// For each picture in reading order, its index in the state and the byte of `text` before
    /// which it stands.
    pub pictures: Vec<(usize, usize)>,
}

/// A finished story.
#[derive(Clone, Debug, PartialEq)]
pub struct Story {
    /// Its text and pictures in reading order.
    pub parts: Vec<StoryPart>,
    /// What the run took.
    pub stats: Stats,
}

/// A piece of a story.
#[derive(Clone, Debug, PartialEq)]
pub enum StoryPart {
    /// Some sentences, with the white space between them and those before.
    Text(String),
    /// A picture.
    Image {
        /// Its index in the run's events.
        index: usize,
        /// RGB pixels, sRGB 0 to 255, row by row.
        rgb: Vec<u8>,
        /// The sentence before it, for those who do not see it.
        alt: String,
    },
}

impl Page {
    /// The response of `state`.
    pub fn of<O: Ops>(model: &Model<O>, state: &State) -> Self {
        let mut page = Self::default();
        let mut tokens = Vec::new();
        let mut images = Vec::new();
        // A picture may stand between the bytes of one character; decoding from the start each
        // time gives the text before it as it is in the whole.
        for element in &state.sequence.elements[state.sequence.n_prompt..] {
            match *element {
                Element::Token(token) => tokens.push(token),
                Element::Image(image) => images.push((image, tokens.len())),
            }
        }
        page.text = model.tokenizer.decode(&tokens);
        for (image, n_before) in images {
            let before = model.tokenizer.decode(&tokens[..n_before]).len();
            page.pictures.push((image, floor_boundary(&page.text, before)));
        }
        page
    }

    /// The place of a picture in the text, in UTF-16 units; the text's end for one that is not
    /// there.
    pub fn picture_at(&self, index: usize) -> usize {
        let place = self.pictures.iter().find(|picture| picture.0 == index);
        let at = place.map_or(self.text.len(), |picture| picture.1);
        self.text[..at].encode_utf16().count()
    }
}

/// One change of a text: at UTF-16 offset `at` of the text before, `remove` units go and `insert`
/// comes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TextEdit {
    /// The place.
    pub at: usize,
    /// What comes.
    pub insert: String,
    /// What goes: 0, unless a token was deleted or an insertion fell between the bytes of one
    /// character.
    pub remove: usize,
}

/// The edits of one step, from right to left, which turn the text `before` into `after`: where
/// `events` put tokens into the response that `state` now has, or took some out.
pub fn text_edits(tokenizer: &Tokenizer, events: &[Event], state: &State, before: &str, after: &str) -> Vec<TextEdit> {
    let (mut inserted, mut deleted) = (BTreeSet::new(), BTreeMap::new());
    for event in events {
        match *event {
            Event::TextInsert { position, .. } | Event::ImageStart { position, .. } => drop(inserted.insert(position)),
            Event::TextDelete { position, token } => drop(deleted.insert(position, token)),
            _ => {}
        }
    }
    let response = state.sequence.response();
    let n_before = (response.len() + deleted.len()).saturating_sub(inserted.len());
    let mut left = response.iter();
    let mut edits: Vec<TextEdit> = Vec::new();
    let mut at = 0;
    // The positions of one step are those of the response before it.
    for position in 0..=n_before {
        if inserted.contains(&position)
            && let Some(Element::Token(token)) = left.next()
        {
            push_edit(&mut edits, TextEdit { at, insert: tokenizer.decode(&[*token]), remove: 0 });
        }
        if let Some(token) = deleted.get(&position) {
            let remove = utf16_len(&tokenizer.decode(&[*token]));
            push_edit(&mut edits, TextEdit { at, insert: String::new(), remove });
            at += remove;
        } else if let Some(Element::Token(token)) = left.next().filter(|_| position < n_before) {
            at += utf16_len(&tokenizer.decode(&[*token]));
        }
    }
    edits.retain(|edit| !edit.insert.is_empty() || edit.remove > 0);
    edits.reverse();
    // Tokens that hold parts of one character do not decode one by one.
    if edited(before, &edits) == after { edits } else { vec![difference(before, after)] }
}

/// Appends an edit, or makes one of it and the last where nothing stays between the two.
fn push_edit(edits: &mut Vec<TextEdit>, edit: TextEdit) {
    match edits.last_mut() {
        Some(last) if last.at + last.remove == edit.at => {
            last.insert.push_str(&edit.insert);
            last.remove += edit.remove;
        }
        _ => edits.push(edit),
    }
}

/// `before` with `edits`, given from right to left, applied.
pub fn edited(before: &str, edits: &[TextEdit]) -> String {
    let mut units: Vec<u16> = before.encode_utf16().collect();
    for edit in edits {
        let (start, end) = (edit.at.min(units.len()), (edit.at + edit.remove).min(units.len()));
        units.splice(start..end, edit.insert.encode_utf16());
    }
    String::from_utf16_lossy(&units)
}

/// One edit from `before` to `after`: all that is not a common start or end.
fn difference(before: &str, after: &str) -> TextEdit {
    let start: usize = before.chars().zip(after.chars()).take_while(|(a, b)| a == b).map(|(a, _)| a.len_utf8()).sum();
    let (old, new) = (&before[start..], &after[start..]);
    let end: usize =
        old.chars().rev().zip(new.chars().rev()).take_while(|(a, b)| a == b).map(|(a, _)| a.len_utf8()).sum();
    TextEdit {
        at: utf16_len(&before[..start]),
        insert: new[..new.len() - end].to_string(),
        remove: utf16_len(&old[..old.len() - end]),
    }
}

fn utf16_len(text: &str) -> usize {
    text.encode_utf16().count()
}

impl Story {
    /// The story that `state` tells, with its pictures decoded.
    pub fn of<O: Ops>(model: &Model<O>, state: &State) -> Self {
        let page = Page::of(model, state);
        let mut parts = Vec::new();
        let mut from = 0;
        for (index, at) in page.pictures {
            push_text(&mut parts, &page.text[from..at]);
            let alt = match parts.last() {
                Some(StoryPart::Text(text)) => last_sentence(text).to_string(),
                _ => String::from("a picture"),
            };
            let rgb = model.codec.decode(&state.images[index].latents);
            parts.push(StoryPart::Image { index, rgb, alt });
            from = at;
        }
        push_text(&mut parts, &page.text[from..]);
        Self { parts, stats: Stats::default() }
    }

    /// Its text without the pictures.
    pub fn text(&self) -> String {
        let texts = self.parts.iter().filter_map(|part| match part {
            StoryPart::Text(text) => Some(text.as_str()),
            StoryPart::Image { .. } => None,
        });
        texts.collect()
    }
}

fn push_text(parts: &mut Vec<StoryPart>, text: &str) {
    if !text.is_empty() {
        parts.push(StoryPart::Text(text.to_string()));
    }
}

fn last_sentence(text: &str) -> &str {
    let text = text.trim();
    let body = text.trim_end_matches(['.', '!', '?']);
    let start = body.rfind(['.', '!', '?']).map_or(0, |at| at + 1);
    text[start..].trim()
}

fn floor_boundary(text: &str, at: usize) -> usize {
    (0..=at.min(text.len())).rev().find(|&at| text.is_char_boundary(at)).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_edit_covers_what_differs() {
        for (before, after) in [("", "aé"), ("a🦊b", "a🦊🦊b"), ("año", "aqo"), ("same", "same")] {
            assert_eq!(edited(before, &[difference(before, after)]), after);
        }
    }

    #[test]
    fn alt_text_is_the_last_sentence() {
        assert_eq!(last_sentence("One came. Two left!"), "Two left!");
        assert_eq!(last_sentence("One came"), "One came");
    }
}
