//! What characters are called and what they are like: `names.txt` and `adjectives.txt`.

use std::sync::OnceLock;

use super::simulate::Member;
use super::species::Pronoun;
use crate::error::{Error, Result};
use crate::flow::rng::Rng;

/// Given names and adjectives.
#[derive(Clone, Debug)]
pub struct Naming {
    /// Names with the pronoun of who has them.
    pub names: Vec<(&'static str, Pronoun)>,
    /// Adjectives; no picture depends on them.
    pub adjectives: Vec<&'static str>,
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

    /// Reads names, `Pip he` in each line, and adjectives, one a line.
    ///
    /// # Errors
    ///
    /// [`Error::Data`] with the line that cannot be read.
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
        Ok(Naming { names: names.collect::<Result<_>>()?, adjectives: lines(adjectives).map(|l| l.1).collect() })
    }

    /// Gives each member a name that fits its pronoun and an adjective, none of
    /// them twice. Draws for each member a name, then an adjective, again while
    /// it is taken.
    pub(super) fn christen(&self, members: &mut [Option<Member>; 3], rng: &mut Rng) {
        for i in 0..members.len() {
            let Some(pronoun) = members[i].map(|m| m.pronoun) else { continue };
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
                let adjective = self.adjectives[rng.below(self.adjectives.len())];
                if !is_taken(adjective, members) {
                    break adjective;
                }
            };
            if let Some(member) = &mut members[i] {
                (member.name, member.adjective) = (name, adjective);
            }
        }
    }
}

fn lines(text: &'static str) -> impl Iterator<Item = (usize, &'static str)> {
    let lines = text.lines().enumerate().map(|(i, line)| (i + 1, line.trim()));
    lines.filter(|(_, line)| !line.is_empty() && !line.starts_with('#'))
}
