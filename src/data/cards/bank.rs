//! The bank of plots and sentences, read from `bank.txt`.

use std::sync::OnceLock;

use super::names::{Mark, Place, Prop};
use crate::error::{Error, Result};

const BANK: &str = include_str!("bank.txt");

/// All plots.
#[derive(Clone, Debug)]
pub struct Bank {
    /// The plots in the order of the file.
    pub plots: Vec<Plot>,
}

/// What can happen in a story of `beats.len()` pictures.
#[derive(Clone, Debug)]
pub struct Plot {
    /// Its name in labels.
    pub name: &'static str,
    /// The props that it can be about; empty if it needs none.
    pub props: Vec<Prop>,
    /// Whether it has a second character.
    pub has_friend: bool,
    /// Where it can happen.
    pub places: Vec<Place>,
    /// What a prompt says to ask for it, after "who".
    pub asks: Vec<Template>,
    /// The beats in order.
    pub beats: Vec<Beat>,
}

/// One sentence and one picture.
#[derive(Clone, Debug)]
pub struct Beat {
    /// What is on the right of the picture.
    pub other: Role,
    /// The sign above.
    pub mark: Option<Mark>,
    /// The wordings of the sentence.
    pub sentences: Vec<Template>,
}

/// What a picture shows beside its main character.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// Nothing.
    Alone,
    /// The story's prop.
    Prop,
    /// The story's second character.
    Friend,
    /// A wrapped present, whatever is in it.
    Gift,
}

/// A sentence with slots.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Template {
    /// The pieces in order, spaces included in the text.
    pub pieces: Vec<Piece>,
}

/// Fixed text or a slot.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Piece {
    /// Text as it stands.
    Text(&'static str),
    /// A slot.
    Slot(Slot),
}

/// What a template leaves open.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Slot {
    /// `{a}`: "a" or "an", by the next word.
    Article,
    /// `{A}`: the same at the start of a sentence.
    CapitalArticle,
    /// `{adj}`
    Adjective,
    /// `{char}`
    Character,
    /// `{friend}`
    Friend,
    /// `{prop}`
    Prop,
    /// `{place}`
    Place,
    /// `{Sky}`: the phrase that opens a sentence.
    Sky,
}

impl Bank {
    /// The bank of the crate.
    ///
    /// # Panics
    ///
    /// If the embedded file is malformed; a test reads it.
    pub fn embedded() -> &'static Bank {
        static BANK_ONCE: OnceLock<Bank> = OnceLock::new();
        BANK_ONCE.get_or_init(|| match Bank::parse(BANK) {
            Ok(bank) => bank,
            Err(error) => panic!("the embedded bank is broken: {error}"),
        })
    }

    /// Reads a bank; the format stands at the head of `bank.txt`.
    ///
    /// # Errors
    ///
    /// [`Error::Data`] with the line that cannot be read.
    pub fn parse(text: &'static str) -> Result<Bank> {
        let mut plots: Vec<Plot> = Vec::new();
        for (i, line) in text.lines().enumerate() {
            let line = line.trim();
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            parse_line(&mut plots, line).map_err(|(field, reason)| Error::Data {
                file: "bank.txt".to_owned(),
                line: i + 1,
                field: field.to_owned(),
                reason,
            })?;
        }
        Ok(Bank { plots })
    }

    /// The plots of this many beats.
    pub fn plots_of(&self, n_beats: usize) -> impl Iterator<Item = &Plot> + Clone {
        self.plots.iter().filter(move |p| p.beats.len() == n_beats)
    }
}

type LineResult = Result<(), (&'static str, String)>;

fn parse_line(plots: &mut Vec<Plot>, line: &'static str) -> LineResult {
    if let Some(name) = line.strip_prefix('[') {
        let name = name.strip_suffix(']').ok_or(("name", "no closing bracket".to_owned()))?;
        plots.push(Plot {
            name,
            props: Vec::new(),
            has_friend: false,
            places: Place::ALL.to_vec(),
            asks: Vec::new(),
            beats: Vec::new(),
        });
        return Ok(());
    }
    let plot = plots.last_mut().ok_or(("name", "a plot begins with [name]".to_owned()))?;
    if let Some(sentence) = line.strip_prefix("- ") {
        let beat = plot.beats.last_mut().ok_or(("beat", "a sentence stands before its beat".to_owned()))?;
        beat.sentences.push(Template::parse(sentence).map_err(|reason| ("sentence", reason))?);
        return Ok(());
    }
    let (field, value) = line.split_once(": ").ok_or(("-", format!("cannot read {line:?}")))?;
    match field {
        "props" if value == "any" => plot.props = Prop::all().collect(),
        "props" => plot.props = all(value, Prop::from_word).map_err(|reason| ("props", reason))?,
        "places" => plot.places = all(value, Place::from_name).map_err(|reason| ("places", reason))?,
        "friend" => plot.has_friend = value == "yes",
        "ask" => plot.asks.push(Template::parse(value).map_err(|reason| ("ask", reason))?),
        "beat" => {
            let (mut other, mut mark) = (Role::Alone, None);
            for word in value.split_whitespace() {
                match word {
                    "alone" => other = Role::Alone,
                    "prop" => other = Role::Prop,
                    "friend" => other = Role::Friend,
                    "gift" => other = Role::Gift,
                    "heart" => mark = Some(Mark::Heart),
                    "sparkles" => mark = Some(Mark::Sparkles),
                    "note" => mark = Some(Mark::Note),
                    "sleep" => mark = Some(Mark::Sleep),
                    _ => return Err(("beat", format!("{word} is neither a role nor a mark"))),
                }
            }
            plot.beats.push(Beat { other, mark, sentences: Vec::new() });
        }
        _ => return Err(("-", format!("no field is called {field}"))),
    }
    Ok(())
}

fn all<T>(words: &str, named: impl Fn(&str) -> Option<T>) -> Result<Vec<T>, String> {
    words.split_whitespace().map(|w| named(w).ok_or_else(|| format!("{w} is unknown"))).collect()
}

impl Template {
    /// Splits text at its slots.
    ///
    /// # Errors
    ///
    /// What is wrong, in words.
    pub fn parse(text: &'static str) -> Result<Template, String> {
        let mut pieces = Vec::new();
        let mut rest = text;
        while let Some((before, after)) = rest.split_once('{') {
            let (slot, after) = after.split_once('}').ok_or("no closing brace")?;
            if !before.is_empty() {
                pieces.push(Piece::Text(before));
            }
            pieces.push(Piece::Slot(match slot {
                "a" => Slot::Article,
                "A" => Slot::CapitalArticle,
                "adj" => Slot::Adjective,
                "char" => Slot::Character,
                "friend" => Slot::Friend,
                "prop" => Slot::Prop,
                "place" => Slot::Place,
                "Sky" => Slot::Sky,
                _ => return Err(format!("no slot is called {slot}")),
            }));
            rest = after;
        }
        if !rest.is_empty() {
            pieces.push(Piece::Text(rest));
        }
        Ok(Template { pieces })
    }

    /// Whether the template has this slot.
    pub fn has(&self, slot: Slot) -> bool {
        self.pieces.contains(&Piece::Slot(slot))
    }
}
