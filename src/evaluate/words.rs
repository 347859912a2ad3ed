//! A story's text in pieces: sentences, words, signs. The same definitions as in `tests/quality`,
//! and the quotation marks of the large world.

use crate::model::story::{Story, StoryPart};

/// The texts of a story, in reading order.
pub fn texts(story: &Story) -> impl Iterator<Item = &str> {
    story.parts.iter().filter_map(|part| match part {
        StoryPart::Text(text) => Some(text.as_str()),
        StoryPart::Image { .. } => None,
    })
}

/// The pictures of a story, RGB, in reading order.
pub fn pictures(story: &Story) -> impl Iterator<Item = &[u8]> {
    story.parts.iter().filter_map(|part| match part {
        StoryPart::Image { rgb, .. } => Some(rgb.as_slice()),
        StoryPart::Text(_) => None,
    })
}

/// The sentences of a story. One ends at a `.`, `!` or `?` with white space behind it; at such a
/// sign and a quotation mark, where a capital or another quotation mark follows the space; and
/// where a picture stands.
pub fn sentences(story: &Story) -> Vec<&str> {
    texts(story).flat_map(split).collect()
}

/// The sentences of one text.
pub fn split(text: &str) -> Vec<&str> {
    let mut found = Vec::new();
    let mut from = 0;
    for (at, space) in text.char_indices().filter(|(_, c)| c.is_whitespace()) {
        let before = &text[from..at];
        let next = text[at + space.len_utf8()..].trim_start().chars().next();
        let begins = next.is_some_and(|c| c.is_uppercase() || c == '"');
        let ends = before.ends_with(['.', '!', '?']);
        let ends_quoted = before.strip_suffix('"').is_some_and(|said| said.ends_with(['.', '!', '?']));
        if ends || (ends_quoted && begins) {
            found.push(before.trim());
            from = at + space.len_utf8();
        }
    }
    found.push(text[from..].trim());
    found.retain(|sentence| !sentence.is_empty());
    found
}

/// The words of a text, without punctuation: letters and digits, with `'`, `’` or `-` between two of
/// them.
pub fn words(text: &str) -> Vec<&str> {
    let mut found = Vec::new();
    let mut start = None;
    let mut letters = text.char_indices().peekable();
    while let Some((at, c)) = letters.next() {
        let next = letters.peek().map(|&(_, c)| c);
        let is_inside = start.is_some() && matches!(c, '\'' | '’' | '-') && next.is_some_and(char::is_alphanumeric);
        if c.is_alphanumeric() || is_inside {
            start.get_or_insert(at);
        } else if let Some(start) = start.take() {
            found.push(&text[start..at]);
        }
    }
    found.extend(start.map(|start| &text[start..]));
    found
}

/// Words in lower case.
pub fn small_words(text: &str) -> Vec<String> {
    words(text).into_iter().map(str::to_lowercase).collect()
}

/// The runs of units that stand twice in a row.
pub fn repeats<T: PartialEq>(units: &[T]) -> Vec<&[T]> {
    let of_size = |size: usize| {
        let twice = units.windows(2 * size).filter(move |pair| pair[..size] == pair[size..]);
        twice.map(move |pair| &pair[..size])
    };
    (1..=units.len() / 2).flat_map(of_size).collect()
}

/// Whether a text has a phrase, whole words only, in any case.
pub fn has(text: &str, phrase: &str) -> bool {
    let (text, phrase) = (text.to_lowercase(), phrase.to_lowercase());
    let is_part = |c: char| c.is_alphanumeric() || c == '_';
    text.match_indices(&phrase)
        .any(|(at, _)| !text[..at].ends_with(is_part) && !text[at + phrase.len()..].starts_with(is_part))
}

/// What stands before the first letter of a sentence.
pub fn opening(sentence: &str) -> &str {
    &sentence[..sentence.find(char::is_alphanumeric).unwrap_or(sentence.len())]
}

/// Places where a sign of punctuation follows another or a space, as they stand in the text: two
/// signs with or without white space between, a space and a sign.
pub fn sign_pairs(sentence: &str) -> Vec<String> {
    let is_sign = |c: char| !(c.is_alphanumeric() || c == '_' || c.is_whitespace());
    let mut found = Vec::new();
    let mut before: Option<char> = None;
    let mut spaced = false;
    for c in sentence.chars() {
        if c.is_whitespace() {
            spaced = true;
            continue;
        }
        if is_sign(c) {
            if let Some(sign) = before.filter(|&sign| is_sign(sign)) {
                found.push(format!("{sign}{}{c}", if spaced { " " } else { "" }));
            }
            if spaced && before.is_some() {
                found.push(format!(" {c}"));
            }
        }
        (before, spaced) = (Some(c), false);
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sentences_end_at_signs_and_quotations_only_before_a_capital() {
        let told = "Bob met a fox. the fox said, \"Go!\" Then he left. \"Why?\" asked Bob. Mr fox";
        let expected = ["Bob met a fox.", "the fox said, \"Go!\"", "Then he left.", "\"Why?\" asked Bob.", "Mr fox"];
        assert_eq!(split(told), expected);
        assert!(split("  ").is_empty());
    }

    #[test]
    fn words_keep_marks_between_letters_only() {
        assert_eq!(words("A T-rex's own - \"cup\", ice_cold’"), ["A", "T-rex's", "own", "cup", "ice", "cold"]);
    }

    #[test]
    fn a_run_of_words_twice_in_a_row_is_a_repeat() {
        let cases = [
            ("the fox the fox", vec![vec!["the", "fox"]]),
            ("a very very old fox", vec![vec!["very"]]),
            ("round and round and so", vec![vec!["round", "and"]]),
            ("one yawn two yawns", vec![]),
            ("", vec![]),
        ];
        for (line, expected) in cases {
            assert_eq!(repeats(&words(line)), expected, "{line}");
        }
    }

    #[test]
    fn a_phrase_is_found_as_whole_words() {
        assert!(has("On a day the Cat sat in the Forest.", "in the forest"));
        assert!(!has("A caterpillar.", "cat"));
    }

    #[test]
    fn signs_in_a_row_and_behind_a_space_are_found() {
        assert_eq!(sign_pairs("The fox.."), [".."]);
        assert_eq!(sign_pairs("The fox , too."), [" ,"]);
        assert_eq!(sign_pairs("He said, \"Go!\""), [", \"", " \"", "!\""]);
        assert!(sign_pairs("The shy-eyed fox.").is_empty());
        assert_eq!(opening("\"Go!\""), "\"");
    }
}
