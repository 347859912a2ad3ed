//! What a user might ask, in many wordings; the wording decides the number of
//! pictures.

use serde::Serialize;

use super::bank::{Plot, Slot};
use super::names::{Character, Place, Sky};
use super::realiser::{Cast, realise, takes_an};
use crate::flow::rng::Rng;

/// What a prompt says.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Mentioned {
    pub character: bool,
    pub adjective: bool,
    pub place: bool,
    pub sky: bool,
    pub prop: bool,
    pub friend: bool,
    /// The prompt asks for the plot.
    pub plot: bool,
}

/// Wordings for one picture; each ends before the topic.
pub const ONE: [&str; 6] = ["A picture of", "Draw", "Paint", "Show me", "Please paint", "A painting of"];

/// Wordings for two pictures.
pub const TWO: [&str; 5] = [
    "Tell me a short story about",
    "A short story about",
    "Write a short story about",
    "A short tale about",
    "I would like a short story about",
];

/// Wordings for three pictures; the empty one is the topic alone.
pub const THREE: [&str; 10] = [
    "Tell me a story about",
    "Write a story about",
    "A story about",
    "Please tell a story about",
    "I want to hear a story about",
    "A fairy tale about",
    "Once upon a time there was",
    "",
    "",
    "",
];

/// What prompts call each place.
fn place_phrases(place: Place) -> &'static [&'static str] {
    match place {
        Place::Meadow => &["in the meadow", "in a green meadow"],
        Place::Forest => &["in the forest", "in the woods"],
        Place::Beach => &["on the beach", "at the beach"],
        Place::Snow => &["in the snow", "on a snowy mountain"],
        Place::Sea => &["on the sea", "at sea", "in a boat"],
        Place::Cave => &["in the cave", "in a cave"],
        Place::Indoor => &["in the house", "at home"],
        Place::Road => &["on the road", "by the road"],
    }
}

/// What prompts call each sky.
fn sky_phrases(sky: Sky) -> &'static [&'static str] {
    match sky {
        Sky::Day => &["on a sunny day", "on a sunny morning", "in the sunshine"],
        Sky::Sunset => &["at sunset", "on a golden evening", "in the evening"],
        Sky::Night => &["at night", "on a starry night", "under the stars"],
        Sky::Rain => &["in the rain", "on a rainy day"],
    }
}

/// What prompts call a character; the first is the word of the stories.
fn words(character: Character) -> [&'static str; 2] {
    match character.word() {
        "rabbit" => ["rabbit", "bunny"],
        "cat" => ["cat", "kitten"],
        "dog" => ["dog", "puppy"],
        "pig" => ["pig", "piglet"],
        "bear" => ["bear", "teddy bear"],
        word => [word, word],
    }
}

/// A prompt for the story, and what it mentions.
///
/// Draws in order: wording; adjective; synonym; possessive; the plot or a
/// companion (up to four draws); place and its form; sky and its form; the
/// position of the sky (a prompt without opening words only); full stop;
/// capital.
pub fn prompt(plot: &Plot, cast: &Cast, rng: &mut Rng) -> (String, Mentioned) {
    let wordings: &[&str] = match plot.beats.len() {
        1 => &ONE,
        2 => &TWO,
        _ => &THREE,
    };
    let wording = wordings[rng.below(wordings.len())];
    let bare = wording.is_empty();
    let mut mentioned = Mentioned { character: true, ..Mentioned::default() };

    mentioned.adjective = rng.bernoulli(0.6);
    let word = words(cast.character)[usize::from(rng.bernoulli(0.2))];
    let mut text =
        if mentioned.adjective { with_article(&format!("{} {word}", cast.adjective)) } else { with_article(word) };

    let possessive = ["its", "its", "his", "her"][rng.below(4)];
    text.push_str(&matter(plot, cast, bare, possessive, &mut mentioned, rng));

    mentioned.place = rng.bernoulli(0.7);
    let place = one_of(place_phrases(cast.place), rng);
    if mentioned.place {
        text = format!("{text} {place}");
    }
    mentioned.sky = rng.bernoulli(0.6);
    let sky = one_of(sky_phrases(cast.sky), rng);
    let sky_first = bare && rng.bernoulli(0.3);
    if mentioned.sky {
        text = if sky_first { format!("{sky} {text}") } else { format!("{text} {sky}") };
    }
    if !bare {
        text = format!("{wording} {text}");
    }
    if rng.bernoulli(0.7) {
        text.push('.');
    }
    let text = if rng.bernoulli(0.9) { capitalised(&text) } else { text.to_lowercase() };
    (text, mentioned)
}

/// What the prompt says of the plot, the friend or the prop, with a leading
/// space; empty if it says nothing of them.
fn matter(plot: &Plot, cast: &Cast, bare: bool, possessive: &str, mentioned: &mut Mentioned, rng: &mut Rng) -> String {
    let kind = rng.uniform();
    if kind < 0.45 && !plot.asks.is_empty() {
        let ask = &plot.asks[rng.below(plot.asks.len())];
        mentioned.plot = true;
        mentioned.prop = ask.has(Slot::Prop);
        mentioned.friend = ask.has(Slot::Friend);
        let words = realise(ask, cast).replace(" its ", &format!(" {possessive} "));
        let who = if bare { "" } else { ["who ", "that "][rng.below(2)] };
        return format!(" {who}{words}");
    }
    if kind > 0.88 {
        return String::new();
    }
    let friend_first = rng.bernoulli(0.5);
    match (cast.friend, cast.prop) {
        (Some(friend), prop) if friend_first || prop.is_none() => {
            mentioned.friend = true;
            let word = friend.word();
            match rng.below(3) {
                0 => format!(" and {possessive} friend the {word}"),
                1 => format!(" and {}", with_article(word)),
                _ => format!(" with {}", with_article(word)),
            }
        }
        (_, Some(prop)) => {
            mentioned.prop = true;
            let word = prop.word();
            match rng.below(3) {
                0 => format!(" and {possessive} {word}"),
                1 => format!(" and {}", with_article(word)),
                _ => format!(" with {}", with_article(word)),
            }
        }
        _ => String::new(),
    }
}

fn one_of<'a>(list: &[&'a str], rng: &mut Rng) -> &'a str {
    list[rng.below(list.len())]
}

fn with_article(words: &str) -> String {
    format!("{} {words}", if takes_an(words) { "an" } else { "a" })
}

fn capitalised(text: &str) -> String {
    let mut chars = text.chars();
    chars.next().map_or_else(String::new, |first| first.to_uppercase().collect::<String>() + chars.as_str())
}
