//! Documents: a stream and an index determine everything.

use serde::Serialize;

use super::bank::{Bank, Plot, Role};
use super::names::{ADJECTIVES, Character, Mark, Prop, Sky};
use super::painter::paint;
use super::pairs::{held_out_friend, held_out_place, held_out_prop};
use super::prompts::{Mentioned, prompt};
use super::realiser::{Cast, realise};
use super::scene::{Other, Scene};
use crate::data::Stream;
use crate::data::document::{self, Documents, Part};
use crate::error::Result;
use crate::flow::rng::Rng;

/// An illustrated story.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Document {
    /// What was asked for; empty for one document in ten.
    pub prompt: String,
    /// Sentence, picture, sentence, picture, …
    pub parts: Vec<Part>,
    /// What is true of it.
    pub labels: Labels,
}

/// What is true of a document, by name.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Labels {
    /// The main character.
    pub character: &'static str,
    /// The second character, if there is one.
    pub friend: Option<&'static str>,
    /// The thing that the story is about, if there is one.
    pub prop: Option<&'static str>,
    /// Where.
    pub place: &'static str,
    /// Under which sky.
    pub sky: &'static str,
    /// The main character's adjective.
    pub adjective: &'static str,
    /// Sentences, and pictures.
    pub n_beats: usize,
    /// The plot's name in the bank.
    pub plot: &'static str,
    /// What each picture shows.
    pub beats: Vec<BeatLabels>,
    /// What the prompt says; nothing if it is empty.
    pub mentioned: Mentioned,
}

/// What a picture shows, by name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct BeatLabels {
    /// The main character.
    pub character: &'static str,
    /// The friend or the thing on the right.
    pub other: Option<&'static str>,
    /// The sign above.
    pub mark: Option<&'static str>,
    /// Where.
    pub place: &'static str,
    /// Under which sky.
    pub sky: &'static str,
}

/// The documents of a stream, for training.
#[derive(Clone, Copy, Debug)]
pub struct Cards(pub Stream);

impl Documents for Cards {
    fn document(&self, index: u64) -> Result<document::Document> {
        let Document { prompt, parts, .. } = document(self.0, index);
        Ok(document::Document::new(prompt, parts))
    }
}

/// Share of stories with one and with two pictures; the rest have three.
const ONE_PICTURE: f32 = 0.2;
const TWO_PICTURES: f32 = 0.2;
/// Share of documents without a prompt.
const NO_PROMPT: f32 = 0.1;

/// The document `index` of `stream`.
///
/// Draws in order: number of beats; plot and cast, again until the stream
/// allows them; a wording for each beat; whether there is a prompt; the prompt.
pub fn document(stream: Stream, index: u64) -> Document {
    let mut outline = Outline::draw(stream, index);
    let labels = outline.labels();
    let scenes = outline.scenes();
    let sentences = std::mem::take(&mut outline.sentences);
    let parts =
        sentences.into_iter().zip(scenes).flat_map(|(text, scene)| [Part::Text(text), Part::Image(paint(&scene))]);
    Document { parts: parts.collect(), labels, prompt: outline.prompt }
}

/// The labels of that document, without painting it.
pub fn labels(stream: Stream, index: u64) -> Labels {
    Outline::draw(stream, index).labels()
}

/// The prompt and the sentences of that document, without painting it.
pub fn text(stream: Stream, index: u64) -> (String, Vec<String>) {
    let outline = Outline::draw(stream, index);
    (outline.prompt, outline.sentences)
}

/// The scenes that the pictures of that document show.
pub fn scenes(stream: Stream, index: u64) -> Vec<Scene> {
    Outline::draw(stream, index).scenes()
}

/// A document before it is painted.
struct Outline {
    plot: &'static Plot,
    cast: Cast,
    sentences: Vec<String>,
    prompt: String,
    mentioned: Mentioned,
}

impl Outline {
    fn draw(stream: Stream, index: u64) -> Outline {
        let seed = match stream {
            Stream::Train => 0x0AE5_0001,
            Stream::Validation => 0x0AE5_0002,
            Stream::HeldOut => 0x0AE5_0003,
        };
        let mut rng = Rng::stream(seed, index);
        let share = rng.uniform();
        let n_beats = if share < ONE_PICTURE {
            1
        } else if share < ONE_PICTURE + TWO_PICTURES {
            2
        } else {
            3
        };
        let (plot, cast) = loop {
            let (plot, cast) = draw_cast(n_beats, &mut rng);
            if is_allowed(stream, plot, &cast) {
                break (plot, cast);
            }
        };
        let sentences = plot.beats.iter().enumerate().map(|(i, beat)| {
            let sentence = realise(&beat.sentences[rng.below(beat.sentences.len())], &cast);
            if i == 0 { sentence } else { format!(" {sentence}") }
        });
        let sentences = sentences.collect();
        let (prompt, mentioned) = if rng.bernoulli(NO_PROMPT) {
            (String::new(), Mentioned::default())
        } else {
            prompt(plot, &cast, &mut rng)
        };
        Outline { plot, cast, sentences, prompt, mentioned }
    }

    fn scenes(&self) -> Vec<Scene> {
        let Cast { character, place, sky, .. } = self.cast;
        let beats = self.plot.beats.iter();
        beats
            .map(|beat| Scene { place, sky, character, other: other(beat.other, &self.cast), mark: beat.mark })
            .collect()
    }

    fn labels(&self) -> Labels {
        let cast = &self.cast;
        let beats = self.scenes().into_iter().map(|scene| BeatLabels {
            character: scene.character.name(),
            other: scene.other.map(Other::name),
            mark: scene.mark.map(Mark::name),
            place: scene.place.name(),
            sky: scene.sky.name(),
        });
        Labels {
            character: cast.character.name(),
            friend: cast.friend.map(Character::name),
            prop: cast.prop.map(Prop::name),
            place: cast.place.name(),
            sky: cast.sky.name(),
            adjective: cast.adjective,
            n_beats: self.plot.beats.len(),
            plot: self.plot.name,
            beats: beats.collect(),
            mentioned: self.mentioned,
        }
    }
}

/// Draws in order: plot, character, adjective, friend, prop, place, sky.
fn draw_cast(n_beats: usize, rng: &mut Rng) -> (&'static Plot, Cast) {
    let plots: Vec<&'static Plot> = Bank::embedded().plots_of(n_beats).collect();
    let plot = plots[rng.below(plots.len())];
    let characters: Vec<Character> = Character::all().collect();
    let character = characters[rng.below(characters.len())];
    let adjective = ADJECTIVES[rng.below(ADJECTIVES.len())];
    let friends: Vec<Character> = characters.into_iter().filter(|&c| c != character).collect();
    let friend = plot.has_friend.then(|| friends[rng.below(friends.len())]);
    let prop = (!plot.props.is_empty()).then(|| plot.props[rng.below(plot.props.len())]);
    let place = plot.places[rng.below(plot.places.len())];
    let sky = Sky::ALL[rng.below(Sky::ALL.len())];
    (plot, Cast { adjective, character, friend, prop, place, sky })
}

/// Training and validation have no held-out pair at all, not even one of the
/// friend; the held-out stream has its main character in a held-out place.
fn is_allowed(stream: Stream, plot: &Plot, cast: &Cast) -> bool {
    if stream == Stream::HeldOut {
        return held_out_place(cast.character, cast.place);
    }
    let shown = plot.beats.iter().filter_map(|beat| match other(beat.other, cast) {
        Some(Other::Prop(prop)) => Some(prop),
        _ => None,
    });
    let props: Vec<Prop> = cast.prop.into_iter().chain(shown).collect();
    let lonely_pairs = [Some(cast.character), cast.friend].into_iter().flatten().any(|character| {
        held_out_place(character, cast.place) || props.iter().any(|&prop| held_out_prop(character, prop))
    });
    !lonely_pairs && !cast.friend.is_some_and(|friend| held_out_friend(cast.character, friend))
}

fn other(role: Role, cast: &Cast) -> Option<Other> {
    match role {
        Role::Alone => None,
        Role::Prop => cast.prop.map(Other::Prop),
        Role::Friend => cast.friend.map(Other::Character),
        Role::Gift => Prop::from_name("wrapped-gift").map(Other::Prop),
    }
}
