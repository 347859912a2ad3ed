//! Cuts text into words as GPT-2 does, without a regular expression engine.
//!
//! The pattern (openai/gpt-2, `src/encoder.py`) is
//!
//! ```text
//! 's|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+
//! ```
//!
//! in words: a contraction; letters, digits or other signs with at most one space before them;
//! or white space, of which the last character is left for the next word if one follows.

use super::letters::is_letter;

const CONTRACTIONS: [&str; 7] = ["'s", "'t", "'re", "'ve", "'m", "'ll", "'d"];

/// The words of `text`, which put together are `text` again; none is empty.
pub fn words(mut text: &str) -> impl Iterator<Item = &str> {
    std::iter::from_fn(move || {
        let (word, rest) = text.split_at(word_len(text)?);
        text = rest;
        Some(word)
    })
}

/// The length in bytes of the first word, if there is one.
fn word_len(text: &str) -> Option<usize> {
    let first = text.chars().next()?;
    if let Some(contraction) = CONTRACTIONS.iter().find(|&&contraction| text.starts_with(contraction)) {
        return Some(contraction.len());
    }
    let unspaced = text.strip_prefix(' ').unwrap_or(text);
    let kind = unspaced.chars().next().map_or(Kind::Space, Kind::of);
    if kind == Kind::Space {
        return Some(space_len(text, first));
    }
    let rest = unspaced.trim_start_matches(|c| Kind::of(c) == kind);
    Some(text.len() - rest.len())
}

/// How much of the white space at the beginning is a word of its own. There is some.
fn space_len(text: &str, first: char) -> usize {
    let rest = text.trim_start();
    let space = &text[..text.len() - rest.len()];
    let last = space.chars().next_back().unwrap_or(first);
    if rest.is_empty() || space.len() == last.len_utf8() { space.len() } else { space.len() - last.len_utf8() }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Letter,
    Number,
    Space,
    Other,
}

impl Kind {
    fn of(c: char) -> Kind {
        if is_letter(c) {
            Kind::Letter
        } else if c.is_numeric() {
            Kind::Number
        } else if c.is_whitespace() {
            Kind::Space
        } else {
            Kind::Other
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, expected: &[&str]) {
        assert_eq!(words(text).collect::<Vec<_>>(), expected);
        assert_eq!(expected.concat(), text);
    }

    #[test]
    fn words_take_one_space_along() {
        check("", &[]);
        check("A shy fox.", &["A", " shy", " fox", "."]);
        check(" A  fox", &[" A", " ", " fox"]);
        check("fox \n", &["fox", " \n"]);
        check("fox\n\n\tden", &["fox", "\n\n", "\t", "den"]);
        check("7 foxes, 12b", &["7", " foxes", ",", " 12", "b"]);
    }

    #[test]
    fn contractions_come_first_and_are_lower_case() {
        check("it's we'll DON'T", &["it", "'s", " we", "'ll", " DON", "'", "T"]);
        check("!'s 's", &["!'", "s", " '", "s"]);
    }

    #[test]
    fn marks_are_no_letters() {
        check("हिन्दी", &["ह", "ि", "न", "्", "द", "ी"]);
        check("Ⓐ x٣ Ⅷ", &["Ⓐ", " x", "٣", " Ⅷ"]);
    }
}
