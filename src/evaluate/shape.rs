//! Stories that are empty or cut: what can be seen without reading.

use std::ops::RangeInclusive;

use super::words::{sentences, texts};
use crate::model::story::{Story, StoryPart};

/// What is wrong with a story's shape.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ShapeFaults {
    /// It has no sentence.
    pub empty: bool,
    /// A text does not end with a `.`, `!` or `?`, or one with a quotation mark behind it.
    pub no_final_punctuation: bool,
    /// It has no picture.
    pub no_picture: bool,
    /// Fewer pictures, or sentences where each picture has one, than were asked for.
    pub fewer: bool,
    /// More of them.
    pub more: bool,
    /// Text and pictures do not take turns, text first.
    pub out_of_turn: bool,
}

impl ShapeFaults {
    /// Any of these.
    pub fn any(self) -> bool {
        let Self { empty, no_final_punctuation, no_picture, fewer, more, out_of_turn } = self;
        empty || no_final_punctuation || no_picture || fewer || more || out_of_turn
    }
}

/// What was asked of a story's shape.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Shape {
    /// Pictures.
    pub n_pictures: RangeInclusive<usize>,
    /// Whether each picture has exactly one sentence.
    pub one_sentence_each: bool,
}

/// What is wrong with the shape of a story.
pub fn shape_faults(story: &Story, asked: &Shape) -> ShapeFaults {
    let n_images = story.parts.iter().filter(|part| matches!(part, StoryPart::Image { .. })).count();
    let n_sentences = sentences(story).len();
    let (low, high) = (*asked.n_pictures.start(), *asked.n_pictures.end());
    let is_in_turn = story.parts.len().is_multiple_of(2)
        && story.parts.iter().enumerate().all(|(i, part)| matches!(part, StoryPart::Text(_)) == (i % 2 == 0));
    let ends = |text: &str| text.trim_end().trim_end_matches('"').ends_with(['.', '!', '?']);
    ShapeFaults {
        empty: n_sentences == 0,
        no_final_punctuation: texts(story).any(|text| !ends(text)),
        no_picture: n_images == 0,
        fewer: n_images < low || (asked.one_sentence_each && n_sentences < low),
        more: n_images > high || (asked.one_sentence_each && n_sentences > high),
        out_of_turn: !is_in_turn,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(parts: &[&str]) -> Story {
        let part = |text: &&str| match *text {
            "*" => StoryPart::Image { index: 0, rgb: Vec::new(), alt: String::new() },
            text => StoryPart::Text(text.into()),
        };
        Story { parts: parts.iter().map(part).collect(), stats: Default::default() }
    }

    #[test]
    fn each_fault_is_found_and_nothing_else() {
        let asked = Shape { n_pictures: 2..=2, one_sentence_each: true };
        let found = |parts: &[&str]| shape_faults(&told(parts), &asked);
        let none = ShapeFaults::default();
        assert_eq!(found(&["A fox.", "*", " It ran.", "*"]), none);
        assert_eq!(found(&["A fox", "*", " It ran.", "*"]), ShapeFaults { no_final_punctuation: true, ..none });
        assert_eq!(found(&["A fox.", "*"]), ShapeFaults { fewer: true, ..none });
        assert_eq!(found(&["A fox. It ran. Off.", "*", " It ran.", "*"]), ShapeFaults { more: true, ..none });
        assert_eq!(found(&["A fox. It ran.", "*", "*"]), ShapeFaults { out_of_turn: true, ..none });
        assert_eq!(
            found(&["A fox. It ran."]),
            ShapeFaults { no_picture: true, fewer: true, out_of_turn: true, ..none }
        );
        assert_eq!(found(&[]), ShapeFaults { empty: true, no_picture: true, fewer: true, ..none });
        assert!(found(&[]).any() && !none.any());
    }
}
