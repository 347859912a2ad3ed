//! Articles, pronouns, number and capitals.

use super::template::{MemberForm, ThingForm};
use crate::data::world::{Pronoun, Thing};

/// Whether the word takes "an": it begins with a sound that is a vowel.
pub fn takes_an(word: &str) -> bool {
    const VOWEL_WRITTEN_ONLY: [&str; 8] = ["uni", "use", "usu", "uku", "eu", "one", "once", "ewe"];
    const H_WRITTEN_ONLY: [&str; 4] = ["hour", "honest", "honour", "heir"];
    let word = word.to_ascii_lowercase();
    // An hourglass is an hour's; a one-eyed cat is a cat with one eye.
    let begins = |list: &[&str]| list.iter().any(|beginning| word.starts_with(beginning));
    begins(&H_WRITTEN_ONLY) || (word.starts_with(['a', 'e', 'i', 'o', 'u']) && !begins(&VOWEL_WRITTEN_ONLY))
}

/// "a" or "an".
pub fn article(word: &str) -> &'static str {
    if takes_an(word) { "an" } else { "a" }
}

/// The form of a pronoun or of a verb that agrees with it; `None` for forms
/// that are no pronouns.
pub fn pronoun_form(pronoun: Pronoun, form: MemberForm) -> Option<&'static str> {
    let [he, she, they] = match form {
        MemberForm::He => ["he", "she", "they"],
        MemberForm::Him => ["him", "her", "them"],
        MemberForm::His => ["his", "her", "their"],
        MemberForm::Hers => ["his", "hers", "theirs"],
        MemberForm::Himself => ["himself", "herself", "themselves"],
        MemberForm::Was => ["was", "was", "were"],
        MemberForm::Is => ["is", "is", "are"],
        MemberForm::Has => ["has", "has", "have"],
        _ => return None,
    };
    Some(match pronoun {
        Pronoun::He => he,
        Pronoun::She => she,
        Pronoun::They => they,
    })
}

/// A thing in its form, before its own word if `true` comes along: "some" and
/// grapes, "it" and nothing.
pub fn thing_form(thing: Thing, form: ThingForm) -> (&'static str, bool) {
    let one_or_many = |one, many| if thing.is_plural() { many } else { one };
    match form {
        ThingForm::Plain => ("", true),
        ThingForm::A => (one_or_many(article(thing.word()), "some"), true),
        ThingForm::The => ("the", true),
        ThingForm::It => (one_or_many("it", "them"), false),
        ThingForm::Was => (one_or_many("was", "were"), false),
        ThingForm::Is => (one_or_many("is", "are"), false),
        ThingForm::This => (one_or_many("this", "these"), false),
    }
}

/// Verbs that can go on after a spoken question or cry: `"Who?" the fox asked`.
const SPEECH: [&str; 46] = [
    "asked",
    "cried",
    "called",
    "said",
    "shouted",
    "whispered",
    "told",
    "answered",
    "wondered",
    "sang",
    "laughed",
    "begged",
    "sighed",
    "muttered",
    "hummed",
    "crowed",
    "added",
    "yelled",
    "exclaimed",
    "murmured",
    "squeaked",
    "roared",
    "thought",
    "repeated",
    "announced",
    "declared",
    "gasped",
    "groaned",
    "moaned",
    "grumbled",
    "promised",
    "sniffed",
    "giggled",
    "wanted",
    "kept",
    "replied",
    "explained",
    "cheered",
    "suggested",
    "boasted",
    "complained",
    "snapped",
    "chuckled",
    "insisted",
    "mumbled",
    "bellowed",
];

/// Whether what follows `before` begins with a capital; `after` is the fixed
/// text right behind it, which tells a speaker from a new sentence.
pub fn wants_capital(before: &str, after: &str) -> bool {
    let before = before.trim_end_matches(' ');
    let Some(last) = before.chars().next_back() else { return true };
    match last {
        '.' | '!' | '?' => true,
        '"' => {
            let is_opening = before.matches('"').count() % 2 == 1;
            if is_opening { !continues_speech(&before[..before.len() - 1]) } else { ends_speech(before, after) }
        }
        _ => false,
    }
}

/// Whether a quotation that is opened after this goes on with an earlier
/// sentence: `"Well," said Pip, "`.
fn continues_speech(before: &str) -> bool {
    match before.rsplit_once('"') {
        Some((spoken, teller)) => spoken.ends_with(',') && !teller.contains(['.', '!', '?']),
        None => false,
    }
}

/// Whether the sentence is over after this closed quotation.
fn ends_speech(before: &str, after: &str) -> bool {
    let spoken = &before[..before.len() - 1];
    let verb = after.trim_start().split([' ', ',', '.', ':']).next().unwrap_or_default();
    spoken.ends_with('.') || (spoken.ends_with(['!', '?']) && !SPEECH.contains(&verb))
}

/// The text with a capital at the start.
pub fn capitalised(text: &str) -> String {
    let mut chars = text.chars();
    chars.next().map_or_else(String::new, |first| first.to_uppercase().collect::<String>() + chars.as_str())
}
