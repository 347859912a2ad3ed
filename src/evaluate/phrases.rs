//! Duplicated and broken phrases.

use std::collections::HashSet;

use super::words::{opening, repeats, sentences, sign_pairs, small_words, split, words};
use crate::data::cards::bank::{Bank, Piece, Slot, Template};
use crate::data::cards::names::{ADJECTIVES, Character, Place, Prop, Sky};
use crate::data::cards::realiser::takes_an;
use crate::model::story::Story;

/// What is wrong with the phrases of a story.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PhraseFaults {
    /// One or more words twice in a row within a sentence, with or without punctuation between; but for
    /// what true sentences say twice ("again and again and").
    pub duplicated_phrase: bool,
    /// The same sentence twice.
    pub duplicated_sentence: bool,
    /// A word that no true sentence has, such as two halves of different words.
    pub unknown_word: bool,
    /// A sentence that begins without a capital, or a capital where no true sentence has one.
    pub misplaced_capital: bool,
    /// Signs in a row, at the start of a sentence or behind a space, as in no true sentence.
    pub misplaced_punctuation: bool,
    /// A sentence that does not parse and that the bank cannot make either.
    pub unparsed_sentence: bool,
}

impl PhraseFaults {
    /// Any of these.
    pub fn any(self) -> bool {
        let Self { duplicated_phrase, duplicated_sentence, unknown_word, .. } = self;
        let Self { misplaced_capital, misplaced_punctuation, unparsed_sentence, .. } = self;
        duplicated_phrase
            || duplicated_sentence
            || unknown_word
            || misplaced_capital
            || misplaced_punctuation
            || unparsed_sentence
    }
}

/// What true sentences have.
#[derive(Clone, Debug, Default)]
pub struct Usage {
    words: HashSet<String>,
    /// Words with a capital inside a sentence.
    names: HashSet<String>,
    openings: HashSet<String>,
    pairs: HashSet<String>,
    /// Words that stand twice in a row.
    repeats: HashSet<Vec<String>>,
}

impl Usage {
    /// What the sentences of these texts have.
    pub fn of<'a>(texts: impl Iterator<Item = &'a str>) -> Self {
        let mut usage = Self::default();
        for sentence in texts.flat_map(split) {
            let found = words(sentence);
            usage.words.extend(found.iter().map(|word| word.to_lowercase()));
            let is_name = |word: &&&str| word.chars().any(char::is_uppercase);
            usage.names.extend(found.iter().skip(1).filter(is_name).map(|word| (*word).to_owned()));
            usage.openings.insert(opening(sentence).to_owned());
            usage.pairs.extend(sign_pairs(sentence));
            usage.repeats.extend(repeats(&small_words(sentence)).into_iter().map(<[String]>::to_vec));
        }
        usage
    }

    /// Whether it has a word, in small letters.
    pub fn knows(&self, word: &str) -> bool {
        self.words.contains(word)
    }

    /// Whether a sentence has one or more words twice in a row, as in no true sentence.
    pub fn has_repeat(&self, sentence: &str) -> bool {
        repeats(&small_words(sentence)).into_iter().any(|run| !self.repeats.contains(run))
    }

    fn is_miscased(&self, sentence: &str) -> bool {
        let start =
            if self.openings.contains(opening(sentence)) { &sentence[opening(sentence).len()..] } else { sentence };
        let is_name = |word: &&str| self.names.contains(*word);
        let has_capital = |word: &&str| word.chars().any(char::is_uppercase);
        !start.starts_with(char::is_uppercase)
            || words(sentence).iter().skip(1).any(|word| has_capital(word) && !is_name(word))
    }

    fn is_mispunctuated(&self, sentence: &str) -> bool {
        !self.openings.contains(opening(sentence)) || sign_pairs(sentence).iter().any(|pair| !self.pairs.contains(pair))
    }
}

/// What is wrong with the phrases of a story; `is_sound(sentence)` is false where a sentence does not
/// parse and is none of the bank's, and always true where nobody parses.
pub fn phrase_faults(story: &Story, usage: &Usage, is_sound: impl Fn(&str) -> bool) -> PhraseFaults {
    let found = sentences(story);
    let distinct: HashSet<&str> = found.iter().copied().collect();
    PhraseFaults {
        duplicated_phrase: found.iter().any(|s| usage.has_repeat(s)),
        duplicated_sentence: distinct.len() < found.len(),
        unknown_word: found.iter().any(|s| small_words(s).iter().any(|word| !usage.knows(word))),
        misplaced_capital: found.iter().any(|s| usage.is_miscased(s)),
        misplaced_punctuation: found.iter().any(|s| usage.is_mispunctuated(s)),
        unparsed_sentence: found.iter().any(|s| !is_sound(s)),
    }
}

/// Whether the bank of the small world can make a sentence: one of its templates, a slot filled alike
/// wherever it stands, and the articles right.
pub fn is_of_the_bank(sentence: &str) -> bool {
    let templates = |template: &Template| reads(&template.pieces, sentence, &mut Vec::new());
    Bank::embedded().plots.iter().flat_map(|plot| &plot.beats).flat_map(|beat| &beat.sentences).any(templates)
}

fn reads(pieces: &[Piece], rest: &str, filled: &mut Vec<(Slot, &'static str)>) -> bool {
    let Some((piece, later)) = pieces.split_first() else { return rest.is_empty() };
    let slot = match *piece {
        Piece::Text(text) => return rest.strip_prefix(text).is_some_and(|rest| reads(later, rest, filled)),
        Piece::Slot(slot) => slot,
    };
    if let Slot::Article | Slot::CapitalArticle = slot {
        let forms = if slot == Slot::Article { ["a", "an"] } else { ["A", "An"] };
        return forms.into_iter().enumerate().any(|(i, form)| {
            let after = rest.strip_prefix(form).filter(|rest| takes_an(rest.trim_start()) == (i == 1));
            after.is_some_and(|rest| reads(later, rest, filled))
        });
    }
    let before = filled.iter().find(|(other, _)| *other == slot).map(|pair| pair.1);
    fillers(slot).into_iter().filter(|word| before.is_none_or(|before| before == *word)).any(|word| {
        let Some(rest) = rest.strip_prefix(word) else { return false };
        filled.push((slot, word));
        let fits = reads(later, rest, filled);
        filled.pop();
        fits
    })
}

fn fillers(slot: Slot) -> Vec<&'static str> {
    match slot {
        Slot::Article | Slot::CapitalArticle => Vec::new(),
        Slot::Adjective => ADJECTIVES.to_vec(),
        Slot::Character | Slot::Friend => Character::all().map(Character::word).collect(),
        Slot::Prop => Prop::all().map(Prop::word).collect(),
        Slot::Place => Place::ALL.map(Place::phrase).to_vec(),
        Slot::Sky => Sky::ALL.map(Sky::phrase).to_vec(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::story::StoryPart;

    fn faults(texts: &[&str]) -> PhraseFaults {
        let usage =
            Usage::of(["The fox. A fox names it Bob, too. The fox said, \"Go.\"", "\"No.\" Too, too."].into_iter());
        let parts = texts.iter().map(|text| StoryPart::Text((*text).into())).collect();
        phrase_faults(&Story { parts, stats: Default::default() }, &usage, |s| s != "A fox too.")
    }

    #[test]
    fn each_fault_is_called_by_its_name() {
        let none = PhraseFaults::default();
        assert_eq!(faults(&["The fox. A fox names it Bob, too."]), none);
        assert_eq!(faults(&["\"The fox.\"", "The fox said too, too."]), none);
        assert_eq!(faults(&["The fox, the fox."]), PhraseFaults { duplicated_phrase: true, ..none });
        assert_eq!(faults(&["The fox.", "The fox."]), PhraseFaults { duplicated_sentence: true, ..none });
        assert_eq!(faults(&["The foxwl."]), PhraseFaults { unknown_word: true, ..none });
        assert_eq!(faults(&["the fox."]), PhraseFaults { misplaced_capital: true, ..none });
        assert_eq!(faults(&["The Fox."]), PhraseFaults { misplaced_capital: true, ..none });
        assert_eq!(faults(&["The fox.."]), PhraseFaults { misplaced_punctuation: true, ..none });
        assert_eq!(faults(&["The fox ."]), PhraseFaults { misplaced_punctuation: true, ..none });
        assert_eq!(faults(&["A fox too."]), PhraseFaults { unparsed_sentence: true, ..none });
    }

    #[test]
    fn one_word_off_is_no_sentence_of_the_bank() {
        assert!(is_of_the_bank("On a rainy day a shy owl dances the polka in the snow."));
        assert!(!is_of_the_bank("On a rainy day an shy owl dances the polka in the snow."));
        assert!(!is_of_the_bank("On a rainy day a shy owl dances the the polka in the snow."));
        assert!(!is_of_the_bank("On a rainy day a shy owl dances the polka in the snow. Twice."));
    }
}
