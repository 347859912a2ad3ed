//! From a template and a cast to a sentence.

use super::bank::{Piece, Slot, Template};
use super::names::{Character, Place, Prop, Sky};

/// Who, what, where and when of one story.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cast {
    /// One of [`ADJECTIVES`](super::names::ADJECTIVES).
    pub adjective: &'static str,
    /// The main character.
    pub character: Character,
    /// The second character, if the plot has one.
    pub friend: Option<Character>,
    /// The prop, if the plot has one.
    pub prop: Option<Prop>,
    /// Where.
    pub place: Place,
    /// Under which sky.
    pub sky: Sky,
}

/// The sentence. A slot that the cast cannot fill leaves nothing; a test of
/// the bank finds such a plot.
pub fn realise(template: &Template, cast: &Cast) -> String {
    let mut text = String::new();
    let mut article = None;
    for piece in &template.pieces {
        let word = match piece {
            Piece::Slot(Slot::Article) => {
                article = Some(["a", "an"]);
                continue;
            }
            Piece::Slot(Slot::CapitalArticle) => {
                article = Some(["A", "An"]);
                continue;
            }
            Piece::Text(" ") if article.is_some() => continue,
            Piece::Text(text) => text,
            Piece::Slot(Slot::Adjective) => cast.adjective,
            Piece::Slot(Slot::Character) => cast.character.word(),
            Piece::Slot(Slot::Friend) => cast.friend.map_or("", Character::word),
            Piece::Slot(Slot::Prop) => cast.prop.map_or("", Prop::word),
            Piece::Slot(Slot::Place) => cast.place.phrase(),
            Piece::Slot(Slot::Sky) => cast.sky.phrase(),
        };
        if let Some(forms) = article.take() {
            text.push_str(forms[usize::from(takes_an(word))]);
            text.push(' ');
        }
        text.push_str(word);
    }
    text
}

/// Whether the word takes "an": it begins with a vowel that is heard as one.
pub fn takes_an(word: &str) -> bool {
    word.starts_with(['a', 'e', 'i', 'o', 'u']) && !word.starts_with("uni")
}
