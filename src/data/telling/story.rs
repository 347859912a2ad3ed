//! Stories: a stream and an index determine everything.

use super::realiser::{Setting, Told, choose, realise};
use crate::data::Stream;
use crate::data::painting::{Scene, Tint};
use crate::data::world::simulate::generator;
use crate::data::world::{Cast, Life, Role, live};
use crate::flow::rng::Rng;

/// A story, told and not yet painted.
#[derive(Clone, Debug)]
pub struct Story {
    /// The plot's name.
    pub plot: &'static str,
    /// Who takes part, with what, where, under which sky.
    pub cast: Cast,
    /// Text and picture, 4 to 6 of them.
    pub beats: Vec<Beat>,
    /// What the story was made of.
    pub life: Life,
}

/// One event, told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Beat {
    /// The event's name.
    pub event: &'static str,
    /// A sentence or two.
    pub text: String,
    /// What the picture shows.
    pub scene: Scene,
    /// Sprites of the characters and things that the text names.
    pub named: Vec<&'static str>,
}

/// The story `index` of `stream`.
pub fn story(stream: Stream, index: u64) -> Story {
    story_from(stream, &mut generator(stream, index))
}

/// The next story of a generator: see [`live`] for its first draws; then for
/// each beat a template, and what [`realise`] draws.
///
/// # Panics
///
/// If the bank has no template for an event; a test looks for such casts.
pub fn story_from(stream: Stream, rng: &mut Rng) -> Story {
    told(live(stream, rng), rng)
}

/// The same with characters and things in colours; after the life come the draws of
/// [`Life::dye`]. What the text does not call by its colour keeps its own.
///
/// # Panics
///
/// As [`story_from`].
pub fn coloured_story_from(stream: Stream, rng: &mut Rng) -> Story {
    let mut life = live(stream, rng);
    life.dye(rng);
    told(life, rng)
}

fn told(mut life: Life, rng: &mut Rng) -> Story {
    let mut said: Vec<&'static str> = Vec::new();
    let mut known = [false; 3];
    let mut beats = Vec::with_capacity(life.episodes.len());
    for episode in &life.episodes {
        let event = episode.event.id;
        let Some(template) = choose(&life, episode, known, rng) else {
            panic!("the bank has no template for {event} in {}", life.plot.name)
        };
        for (known, mentioned) in known.iter_mut().zip(template.mentions()) {
            *known |= mentioned;
        }
        let setting = Setting { place: episode.place, sky: episode.world.sky };
        let Told { text, named, coloured } = realise(template, &life, setting, rng);
        said.extend(coloured);
        beats.push(Beat { event, text, scene: episode.scene.clone(), named });
    }
    let tints: Vec<(&'static str, Tint)> =
        life.cast.tints.iter().filter(|tint| said.contains(&tint.0)).copied().collect();
    beats.iter_mut().for_each(|beat| beat.scene.tints.clone_from(&tints));
    life.keep_tints(tints);
    Story { plot: life.plot.name, cast: life.cast.clone(), beats, life }
}

impl Story {
    /// The hero's sprite, and those of the others who come into the story.
    pub fn characters(&self) -> impl Iterator<Item = (Role, &'static str)> + '_ {
        Role::ALL.into_iter().filter_map(|role| Some((role, self.cast.member(role)?.species.name())))
    }

    /// The same without colours.
    pub fn plain(&self) -> Story {
        let mut story = self.clone();
        story.cast.tints.clear();
        story.life.keep_tints(Vec::new());
        story.beats.iter_mut().for_each(|beat| beat.scene.tints.clear());
        story
    }

    /// The text of all beats, with a space between two.
    pub fn text(&self) -> String {
        let texts: Vec<&str> = self.beats.iter().map(|beat| beat.text.as_str()).collect();
        texts.join(" ")
    }
}
