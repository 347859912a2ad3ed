//! What characters are called and what they are like: `names.txt` and `adjectives.txt`.

use std::sync::OnceLock;

use super::plot::Plot;
use super::simulate::Member;
use super::species::{Pronoun, Species};
use crate::error::{Error, Result};
use crate::flow::rng::Rng;

/// Given names and adjectives.
#[derive(Clone, Debug)]
pub struct Naming {
    /// Names with the pronoun of who has them.
    pub names: Vec<(&'static str, Pronoun)>,
    /// Adjectives; no picture depends on them.
    pub adjectives: Vec<Adjective>,
}

/// What a character may be like.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Adjective {
    /// "shy", "brave", ….
    pub word: &'static str,
    /// Who cannot be like that: no elephant is tiny.
    pub unlike: Vec<Species>,
}

impl Naming {
    /// Those of the crate.
    ///
    /// # Panics
    ///
    /// If the embedded files are malformed; a test reads them.
    pub fn embedded() -> &'static Naming {
        static ONCE: OnceLock<Naming> = OnceLock::new();
        ONCE.get_or_init(|| match Naming::parse(include_str!("names.txt"), include_str!("adjectives.txt")) {
            Ok(naming) => naming,
            Err(error) => panic!("the embedded names are broken: {error}"),
        })
    }

    /// Reads names, `Pip he` in each line, and adjectives, one a line, with the sprites that one
    /// does not suit: `quick not snail turtle`.
    ///
    /// # Errors
    ///
    /// [`Error::Data`] with the file and line that cannot be read.
    pub fn parse(names: &'static str, adjectives: &'static str) -> Result<Naming> {
        let names = lines(names).map(|(line, text)| {
            let named = text.split_once(' ').and_then(|(name, word)| Some((name, Pronoun::from_name(word)?)));
            named.ok_or_else(|| Error::Data {
                file: "names.txt".to_owned(),
                line,
                field: "pronoun".to_owned(),
                reason: format!("{text:?} is not a name and he, she or they"),
            })
        });
        let adjectives = lines(adjectives).map(|(line, text)| Adjective::parse(line, text));
        Ok(Naming { names: names.collect::<Result<_>>()?, adjectives: adjectives.collect::<Result<_>>()? })
    }

    /// Gives each member a name that fits its pronoun and an adjective that fits
    /// its species and its part in the plot, none of them twice. Draws for each
    /// member a name, then an adjective, again while it is taken or does not fit.
    pub(super) fn christen(&self, members: &mut [Option<Member>; 3], plot: &Plot, rng: &mut Rng) {
        for i in 0..members.len() {
            let Some((pronoun, species)) = members[i].map(|m| (m.pronoun, m.species)) else { continue };
            let is_taken = |word: &str, members: &[Option<Member>; 3]| {
                members.iter().flatten().any(|m| m.name == word || m.adjective == word)
            };
            let name = loop {
                let (name, whose) = self.names[rng.below(self.names.len())];
                if whose == pronoun && !is_taken(name, members) {
                    break name;
                }
            };
            let adjective = loop {
                let Adjective { word, unlike } = &self.adjectives[rng.below(self.adjectives.len())];
                if !is_taken(word, members) && !unlike.contains(&species) && !plot.unlike[i].contains(word) {
                    break *word;
                }
            };
            if let Some(member) = &mut members[i] {
                (member.name, member.adjective) = (name, adjective);
            }
        }
    }
}

impl Adjective {
    fn parse(line: usize, text: &'static str) -> Result<Adjective> {
        let (word, sprites) = text.split_once(" not ").unwrap_or((text, ""));
        let unlike = sprites.split_whitespace().map(|sprite| {
            Species::from_name(sprite).ok_or_else(|| Error::Data {
                file: "adjectives.txt".to_owned(),
                line,
                field: "not".to_owned(),
                reason: format!("no character is called {sprite}"),
            })
        });
        Ok(Adjective { word, unlike: unlike.collect::<Result<_>>()? })
    }
}

fn lines(text: &'static str) -> impl Iterator<Item = (usize, &'static str)> {
    let lines = text.lines().enumerate().map(|(i, line)| (i + 1, line.trim()));
    lines.filter(|(_, line)| !line.is_empty() && !line.starts_with('#'))
}
