//! The documents that a model learns from, out of the stories of the large world: whole stories
//! and beginnings, captions, pictures that want a text, and texts with a hole.

use serde::{Deserialize, Serialize};

use super::Stream;
use super::document::{Document, Documents, Part};
use super::painting::{Dial, Scene, paint};
use super::telling::{Story, caption_prompt, coloured_story_from, prompt, story_from};
use super::world::simulate::generator;
use super::world::{Place, Plots, Species, Thing};
use crate::error::{Error, Result};
use crate::flow::rng::Rng;

/// Shares of the kinds of documents; the rest has text only. Where a selection asks for another
/// share of captions, the others keep their proportions.
const PROMPTED: f32 = 0.6;
const UNPROMPTED: f32 = 0.15;
const CAPTION: f32 = 0.15;
const PICTURE_FIRST: f32 = 0.05;
/// Share of stories of which some beats are given, the model to go on.
const CONTINUED: f32 = 0.5;
/// Share of stories in which a beat or some words in the middle are asked for, all else given.
const BLANKED: f32 = 0.1;
/// Share of continued stories that say what comes next.
const HINTED: f32 = 0.3;
/// Words of a hole that is not a whole beat, at most.
const HOLE_WORDS: usize = 8;

/// The documents of one stream of the large world.
#[derive(Clone, Debug)]
pub struct Storyworld {
    stream: Stream,
    dial: Dial,
    selection: Selection,
}

/// Which stories, and how many of them whole; a list that is missing allows all.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Selection {
    /// Names of plots.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub plots: Option<Vec<String>>,
    /// Names of the places where stories begin.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub places: Option<Vec<String>>,
    /// Share of the documents, in [0, 1], that are one sentence and its picture, 0.15 by default.
    /// They are short: a step sees several times as many pictures beside their own text.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub caption_share: Option<f32>,
}

/// Stories that are drawn before a selection is called empty.
const MAX_TRIES: u64 = 20_000;

impl Storyworld {
    /// The documents of a stream, with pictures as varied as the dial says.
    ///
    /// # Errors
    ///
    /// [`Error::Data`] for a list that is empty or names what there is not, a selection that no
    /// story suits, or a `caption_share` that is not in [0, 1].
    pub fn new(stream: Stream, dial: Dial, selection: Selection) -> Result<Self> {
        let known = |name: &str| Plots::embedded().named(name).is_some();
        check("plots", selection.plots.as_deref(), known, || Plots::embedded().plots.iter().map(|p| p.name).collect())?;
        let known = |name: &str| Place::from_name(name).is_some();
        check("places", selection.places.as_deref(), known, || Place::ALL.map(Place::name).to_vec())?;
        if let Some(share) = selection.caption_share.filter(|share| !(0.0..=1.0).contains(share)) {
            let problem = format!("found {share}, expected a share of the documents from 0 to 1");
            return Err(unusable("caption_share", problem));
        }
        let it = Self { stream, dial, selection };
        let suits = |index| it.selection.allows(&it.story(&mut generator(stream, index)));
        match (0..MAX_TRIES).any(suits) {
            true => Ok(it),
            false => Err(unusable("plots", "no story of these plots begins in these places; allow more".into())),
        }
    }
}

impl Documents for Storyworld {
    /// Draws in order: the story, again until the selection allows it; its kind; its prompt; what
    /// is given of it, and the hint; what the painter draws.
    fn document(&self, index: u64) -> Result<Document> {
        let mut rng = generator(self.stream, index);
        let story = loop {
            let story = self.story(&mut rng);
            if self.selection.allows(&story) {
                break story;
            }
        };
        let captions = self.selection.caption_share.unwrap_or(CAPTION);
        let [prompted, unprompted, picture_first] =
            [PROMPTED, UNPROMPTED, PICTURE_FIRST].map(|share| share * (1.0 - captions) / (1.0 - CAPTION));
        let kind = rng.uniform();
        Ok(if kind < prompted + unprompted {
            let asked = if kind < prompted { prompt(&story, &mut rng).text } else { String::new() };
            self.whole(&story, asked, &mut rng)
        } else if kind < prompted + unprompted + captions {
            let asked = caption_prompt(&story, &mut rng).text;
            let beat = &story.beats[0];
            Document::new(asked, vec![Part::Text(beat.text.clone()), self.painted(&beat.scene, &mut rng)])
        } else if kind < prompted + unprompted + captions + picture_first {
            let beat = &story.beats[0];
            let parts = vec![self.painted(&beat.scene, &mut rng), Part::Text(beat.text.clone())];
            Document { prompt: String::new(), parts, asked: 1..2 }
        } else {
            let asked = prompt(&story, &mut rng).text;
            Document::new(asked, vec![Part::Text(story.text())])
        })
    }
}

impl Storyworld {
    /// The next story of a generator; from L4 on in colours.
    fn story(&self, rng: &mut Rng) -> Story {
        let tell = if self.dial >= Dial::L4 { coloured_story_from } else { story_from };
        tell(self.stream, rng)
    }

    fn painted(&self, scene: &Scene, rng: &mut Rng) -> Part {
        Part::Image(paint(scene, self.dial, rng))
    }

    /// A story with all its pictures, of which something may be given.
    fn whole(&self, story: &Story, prompt: String, rng: &mut Rng) -> Document {
        let texts: Vec<String> = story.beats.iter().enumerate().map(|(i, beat)| spaced(i, &beat.text)).collect();
        let n = texts.len();
        let share = rng.uniform();
        let mut parts = Vec::with_capacity(2 * n + 2);
        let mut asked = 0..2 * n;
        if share < CONTINUED {
            let from = 1 + rng.below(n - 1);
            let mut hint = rng.bernoulli(HINTED).then(|| hint(&story.beats[from].named, &story.beats[from].scene));
            for (i, text) in texts.into_iter().enumerate() {
                if i == from {
                    parts.extend(hint.take().map(Part::Text));
                    asked.start = parts.len();
                }
                parts.push(Part::Text(text));
                parts.push(self.painted(&story.beats[i].scene, rng));
            }
            asked.end = parts.len();
        } else if share < CONTINUED + BLANKED {
            let beat = rng.below(n);
            let is_whole_beat = rng.bernoulli(0.5);
            for (i, text) in texts.into_iter().enumerate() {
                let start = parts.len();
                if i == beat && !is_whole_beat {
                    let (before, hole, after) = with_hole(&text, rng);
                    let pieces = [before, hole, after].map(|piece| Part::Text(piece.to_owned()));
                    asked = start + 1..start + 2;
                    parts.extend(pieces);
                } else {
                    parts.push(Part::Text(text));
                }
                parts.push(self.painted(&story.beats[i].scene, rng));
                if i == beat && is_whole_beat {
                    asked = start..start + 2;
                }
            }
        } else {
            for (text, beat) in texts.into_iter().zip(&story.beats) {
                parts.push(Part::Text(text));
                parts.push(self.painted(&beat.scene, rng));
            }
        }
        Document { prompt, parts, asked }
    }
}

impl Selection {
    fn allows(&self, story: &Story) -> bool {
        let has =
            |list: &Option<Vec<String>>, name: &str| list.as_ref().is_none_or(|list| list.iter().any(|x| x == name));
        has(&self.plots, story.plot) && has(&self.places, story.cast.place.name())
    }
}

/// What comes next, as a user may say it while a story is being written: the sky and up to two of
/// what the beat names.
fn hint(named: &[&'static str], scene: &Scene) -> String {
    let word = |name: &&'static str| {
        Species::from_name(name).map(Species::word).or_else(|| Thing::from_name(name).map(Thing::word))
    };
    let mut words = vec![scene.sky.name()];
    words.extend(named.iter().filter_map(word).take(2));
    format!(" next: {}.", words.join(", "))
}

/// A text after another begins with the space between them.
fn spaced(index: usize, text: &str) -> String {
    if index == 0 { text.to_owned() } else { format!(" {text}") }
}

/// What stands before, in and after a hole of some words. Each piece begins at the end of a word,
/// so that its tokens are those of the whole. Draws the hole's start and its length.
fn with_hole<'a>(text: &'a str, rng: &mut Rng) -> (&'a str, &'a str, &'a str) {
    let mut ends: Vec<usize> = text.match_indices(' ').map(|(at, _)| at).filter(|&at| at > 0).collect();
    ends.push(text.len());
    let from = rng.below(ends.len() - 1);
    let to = (from + 1 + rng.below(HOLE_WORDS)).min(ends.len() - 1);
    (&text[..ends[from]], &text[ends[from]..ends[to]], &text[ends[to]..])
}

fn check(
    field: &str,
    list: Option<&[String]>,
    is_known: impl Fn(&str) -> bool,
    all: impl Fn() -> Vec<&'static str>,
) -> Result<()> {
    let Some(list) = list else { return Ok(()) };
    if list.is_empty() {
        return Err(unusable(field, "found an empty list, expected at least one name, or no list for all".into()));
    }
    match list.iter().find(|name| !is_known(name)) {
        Some(name) => Err(unusable(field, format!("found \"{name}\", expected some of {}", all().join(", ")))),
        None => Ok(()),
    }
}

fn unusable(field: &str, reason: String) -> Error {
    Error::Data { file: "storyworld".into(), line: 0, field: format!("data.{field}"), reason }
}
