//! What there is in many stories: the figures by which the bank and the simulator are accepted.

use std::collections::HashSet;
use std::hash::{DefaultHasher, Hash, Hasher};

use serde::Serialize;

use super::Stream;
use super::holdout::is_held_out;
use super::telling::{Bank, Story, story};
use super::world::affordance;
use super::world::{Place, Species};

/// The figures.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Census {
    /// Stories that were told.
    pub stories: u64,
    /// Sentences in them.
    pub sentences: u64,
    /// Share of the sentences that differ from all others, in [0, 1].
    pub distinct_sentence_share: f64,
    /// Stories whose text another one has, too.
    pub duplicate_stories: u64,
    /// Pairs of names in a picture or a text that are held out.
    pub exclusion_violations: u64,
    /// Pictures that show what the world does not allow.
    pub affordance_violations: u64,
    /// Sentence templates of the bank.
    pub templates: usize,
    /// Bytes of the bank's text.
    pub bank_bytes: usize,
    /// Different words, without case.
    pub word_types: usize,
    /// Words of a story.
    pub mean_words: f64,
    /// Pictures of a story.
    pub mean_pictures: f64,
}

/// Tells the stories `start .. start + n` of a stream and counts.
pub fn census(stream: Stream, start: u64, n: u64) -> Census {
    let mut census = Census {
        stories: n,
        templates: Bank::embedded().n_templates(),
        bank_bytes: Bank::n_bytes(),
        ..Census::default()
    };
    let (mut texts, mut distinct, mut words) = (HashSet::new(), HashSet::new(), HashSet::new());
    let (mut n_words, mut n_pictures) = (0u64, 0u64);
    for index in start..start + n {
        let story = story(stream, index);
        let text = story.text();
        for sentence in sentences(&text) {
            census.sentences += 1;
            distinct.insert(hash(sentence));
        }
        for word in text.split(|c: char| !c.is_alphanumeric() && c != '\'').filter(|word| !word.is_empty()) {
            n_words += 1;
            words.insert(word.to_lowercase());
        }
        census.duplicate_stories += u64::from(!texts.insert(hash(&text)));
        n_pictures += story.beats.len() as u64;
        census.exclusion_violations += exclusions(&story);
        for beat in &story.beats {
            census.affordance_violations += u64::from(!affordance::violations(&beat.scene).is_empty());
        }
    }
    census.distinct_sentence_share = distinct.len() as f64 / census.sentences.max(1) as f64;
    census.word_types = words.len();
    census.mean_words = n_words as f64 / n.max(1) as f64;
    census.mean_pictures = n_pictures as f64 / n.max(1) as f64;
    census
}

/// The sentences of a text: each ends with a full stop, a question or an exclamation mark, and the
/// quotation mark after it, where what follows begins with a capital or a quotation mark.
pub fn sentences(text: &str) -> Vec<&str> {
    let mut found = Vec::new();
    let mut start = 0;
    for (at, _) in text.match_indices(' ') {
        let before = text[..at].trim_end_matches('"');
        let next = text[at + 1..].chars().next();
        let begins = next.is_some_and(|c| c.is_uppercase() || c == '"');
        if before.ends_with(['.', '!', '?']) && begins {
            found.push(&text[start..at]);
            start = at + 1;
        }
    }
    found.push(&text[start..]);
    found.retain(|sentence| !sentence.is_empty());
    found
}

/// Pairs of a story that are held out: of all characters and things that a beat shows or names, in
/// its place.
fn exclusions(story: &Story) -> u64 {
    let mut found = 0;
    for beat in &story.beats {
        let scene = &beat.scene;
        let mut names: Vec<&str> = beat.named.clone();
        names.extend(scene.actors.iter().flat_map(|actor| std::iter::once(actor.sprite).chain(actor.holds)));
        names.extend(scene.ground.iter().chain(&scene.backdrop));
        names.sort_unstable();
        names.dedup();
        let (characters, things): (Vec<&str>, Vec<&str>) =
            names.into_iter().partition(|name| Species::from_name(name).is_some());
        let shown: Vec<&str> = scene.actors.iter().map(|actor| actor.sprite).collect();
        for (i, one) in characters.iter().enumerate() {
            let place: &Place = &scene.place;
            found += u64::from(shown.contains(one) && is_held_out(one, place.name()));
            found += things.iter().filter(|thing| is_held_out(one, thing)).count() as u64;
            found += characters[i + 1..].iter().filter(|two| is_held_out(one, two)).count() as u64;
        }
    }
    found
}

fn hash(text: &str) -> u64 {
    let mut hasher = DefaultHasher::new();
    text.hash(&mut hasher);
    hasher.finish()
}
