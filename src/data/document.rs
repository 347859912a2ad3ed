//! Documents: what a model learns from, whoever made them.

use std::ops::Range;

use super::Picture;
use crate::error::Result;

/// Text and pictures in reading order, and what was asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Document {
    /// What was asked for; may be empty.
    pub prompt: String,
    /// Text and pictures; a text that continues another begins with the space between them.
    pub parts: Vec<Part>,
    /// The parts that are to be learned. The others are given: they are never noised and take no
    /// loss of their own.
    pub asked: Range<usize>,
}

/// A piece of a document.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Part {
    /// Text.
    Text(String),
    /// A picture.
    Image(Picture),
}

impl Document {
    /// A document all of which is to be learned.
    pub fn new(prompt: String, parts: Vec<Part>) -> Self {
        Self { prompt, asked: 0..parts.len(), parts }
    }

    /// Its text, without the pictures.
    pub fn text(&self) -> String {
        let text = |part: &Part| match part {
            Part::Text(text) => Some(text.clone()),
            Part::Image(_) => None,
        };
        self.parts.iter().filter_map(text).collect()
    }
}

/// An endless sequence of documents: an index determines everything.
pub trait Documents: Send + Sync {
    /// The document `index`.
    ///
    /// # Errors
    ///
    /// [`Error::Data`](crate::Error::Data) naming file, line and field, or
    /// [`Error::Io`](crate::Error::Io), of documents that come from files.
    fn document(&self, index: u64) -> Result<Document>;

    /// After how many documents the sequence repeats itself in another order; `None` if never.
    fn period(&self) -> Option<u64> {
        None
    }
}
