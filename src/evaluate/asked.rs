//! What a model is asked for, and what is true of it: prompts that name character, place and sky, with
//! the true story and what its pictures show.

use super::shape::Shape;
use crate::data::painting::{Dial, Pose, paint};
use crate::data::telling::{self, Mentioned, prompt, story_from};
use crate::data::world::simulate::generator;
use crate::data::world::{self, Role, Species, Thing};
use crate::data::{Picture, Stream, cards};
use crate::flow::rng::Rng;
use crate::model::story::{Story, StoryPart};

/// The worlds that can be measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum World {
    /// The small one, [`cards`].
    Cards,
    /// The large one, its pictures as varied as [`DIAL`] says.
    Storyworld,
}

/// How much the pictures of the large world vary where they are measured.
pub const DIAL: Dial = Dial::L2;

/// Documents of one seed: seed `s` asks for documents from `s` times this on.
pub const SEED_STRIDE: u64 = 1_000_000;

/// A prompt with what is true of it.
#[derive(Clone, Debug)]
pub struct Asked {
    /// The number of its document, and the seed of the story that is told for it.
    pub index: u64,
    /// The prompt.
    pub prompt: String,
    /// The text of each beat.
    pub texts: Vec<String>,
    /// The picture of each beat, as the painter paints it.
    pub pictures: Vec<Picture>,
    /// What each of these shows.
    pub shown: Vec<Shown>,
    /// What pictures told for the prompt should show.
    pub wanted: Shown,
    /// The thing that the prompt names, if the main character has it in one of the pictures.
    pub thing: Option<usize>,
    /// Pictures and sentences.
    pub shape: Shape,
    /// What the text calls the main character.
    pub word: &'static str,
    /// What the prompt says, as it stands in the file of `oneflow data prompts`.
    pub labels: serde_json::Value,
}

/// What a picture shows, by numbers in [`World::places`], [`World::skies`], [`World::characters`] and
/// [`World::things`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shown {
    /// Where.
    pub place: usize,
    /// Under which sky.
    pub sky: usize,
    /// The main character; `None` where it lies or nobody is there.
    pub character: Option<usize>,
    /// What the main character holds, in the small world what stands beside it; `None` where that is
    /// nothing or not asked for.
    pub thing: Option<usize>,
}

impl Asked {
    /// The true story as if a model had told it.
    pub fn true_story(&self) -> Story {
        let mut parts = Vec::new();
        for (i, (text, picture)) in self.texts.iter().zip(&self.pictures).enumerate() {
            parts.push(StoryPart::Text(if i == 0 { text.clone() } else { format!(" {text}") }));
            parts.push(StoryPart::Image { index: i, rgb: picture.rgb.clone(), alt: String::new() });
        }
        Story { parts, stats: Default::default() }
    }
}

impl World {
    /// Its name on the command line.
    pub fn name(self) -> &'static str {
        match self {
            World::Cards => "cards",
            World::Storyworld => "storyworld",
        }
    }

    /// Names of its places.
    pub fn places(self) -> Vec<&'static str> {
        match self {
            World::Cards => cards::names::Place::ALL.map(cards::names::Place::name).to_vec(),
            World::Storyworld => world::Place::ALL.map(world::Place::name).to_vec(),
        }
    }

    /// Names of its skies.
    pub fn skies(self) -> Vec<&'static str> {
        match self {
            World::Cards => cards::names::Sky::ALL.map(cards::names::Sky::name).to_vec(),
            World::Storyworld => world::places::Sky::ALL.map(world::places::Sky::name).to_vec(),
        }
    }

    /// Sprites of its characters.
    pub fn characters(self) -> Vec<&'static str> {
        match self {
            World::Cards => cards::names::Character::all().map(cards::names::Character::name).collect(),
            World::Storyworld => Species::all().map(Species::name).collect(),
        }
    }

    /// Sprites of the things that somebody can have.
    pub fn things(self) -> Vec<&'static str> {
        match self {
            World::Cards => cards::names::Prop::all().map(cards::names::Prop::name).collect(),
            World::Storyworld => world::Thing::all().map(world::Thing::name).collect(),
        }
    }

    /// Whether all pictures of a story show what the prompt says. In the large world a story moves on,
    /// and only its first picture does.
    pub fn stays(self) -> bool {
        self == World::Cards
    }

    /// The next `n` prompts from document `start` on.
    pub fn ask(self, stream: Stream, start: u64, n: usize) -> Vec<Asked> {
        (start..).filter_map(|index| self.asked(stream, index)).take(n).collect()
    }

    /// The document `index`, if its prompt names character, place and sky.
    fn asked(self, stream: Stream, index: u64) -> Option<Asked> {
        match self {
            World::Cards => asked_of_cards(stream, index),
            World::Storyworld => asked_of_storyworld(stream, index),
        }
    }

    /// The texts of the document `index`, beat by beat, with the space between two.
    pub fn texts(self, stream: Stream, index: u64) -> Vec<String> {
        match self {
            World::Cards => cards::text(stream, index).1,
            World::Storyworld => {
                let story = telling::story(stream, index);
                story.beats.into_iter().map(|beat| format!("{} ", beat.text)).collect()
            }
        }
    }
}

fn asked_of_cards(stream: Stream, index: u64) -> Option<Asked> {
    let labels = cards::labels(stream, index);
    if !(labels.mentioned.character && labels.mentioned.place && labels.mentioned.sky) {
        return None;
    }
    let document = cards::document(stream, index);
    let (mut texts, mut pictures) = (Vec::new(), Vec::new());
    for part in document.parts {
        match part {
            crate::data::Part::Text(text) => texts.push(text.trim().to_owned()),
            crate::data::Part::Image(picture) => pictures.push(picture),
        }
    }
    let number = |names: Vec<&'static str>, name: &str| names.iter().position(|&other| other == name);
    let wanted = Shown {
        place: number(World::Cards.places(), labels.place)?,
        sky: number(World::Cards.skies(), labels.sky)?,
        character: number(World::Cards.characters(), labels.character),
        thing: None,
    };
    let thing_of = |beat: &cards::BeatLabels| number(World::Cards.things(), beat.other?);
    let shown: Vec<Shown> = labels.beats.iter().map(|beat| Shown { thing: thing_of(beat), ..wanted }).collect();
    let named = labels.prop.filter(|_| labels.mentioned.prop);
    let thing = named.and_then(|name| number(World::Cards.things(), name)).filter(|&thing| is_had(thing, &shown));
    Some(Asked {
        index,
        prompt: document.prompt,
        shown,
        wanted,
        thing,
        shape: Shape { n_pictures: labels.n_beats..=labels.n_beats, one_sentence_each: true },
        word: cards::names::Character::from_name(labels.character)?.word(),
        labels: serde_json::to_value(&labels).ok()?,
        texts,
        pictures,
    })
}

/// Only stories whose first picture shows what the prompt says: the hero, awake, where and under
/// which sky the story begins.
fn asked_of_storyworld(stream: Stream, index: u64) -> Option<Asked> {
    let mut rng = generator(stream, index);
    let story = story_from(stream, &mut rng);
    let prompt = prompt(&story, &mut rng);
    let Mentioned { species, place, sky, item, .. } = prompt.mentioned;
    let hero = story.cast.member(Role::Hero)?.species;
    let shown: Vec<Shown> = story.beats.iter().map(|beat| shown(&beat.scene)).collect();
    let wanted = Shown {
        place: story.cast.place as usize,
        sky: story.cast.sky as usize,
        character: Species::all().position(|other| other == hero),
        thing: None,
    };
    if !(species && place && sky) || shown.first().map(|shown| Shown { thing: None, ..*shown }) != Some(wanted) {
        return None;
    }
    let named = story.cast.item.filter(|_| item);
    let thing = named.and_then(|thing| Thing::all().position(|other| other == thing));
    // The painter draws nothing at this dial; a generator of its own keeps it so.
    let mut brush = Rng::stream(index, 1);
    Some(Asked {
        index,
        prompt: prompt.text,
        texts: story.beats.iter().map(|beat| beat.text.clone()).collect(),
        pictures: story.beats.iter().map(|beat| paint(&beat.scene, DIAL, &mut brush)).collect(),
        thing: thing.filter(|&thing| is_had(thing, &shown)),
        shown,
        wanted,
        shape: Shape { n_pictures: 4..=6, one_sentence_each: false },
        word: hero.word(),
        labels: serde_json::json!({
            "plot": story.plot,
            "character": hero.name(),
            "place": story.cast.place.name(),
            "sky": story.cast.sky.name(),
            "mentioned": prompt.mentioned,
        }),
    })
}

/// What a scene shows: the main character is the one on the left, who is the hero if the hero is
/// there.
pub fn shown(scene: &crate::data::painting::Scene) -> Shown {
    let awake = scene.actors.first().filter(|actor| actor.pose != Pose::Asleep);
    let character = awake.and_then(|actor| Species::all().position(|other| other.name() == actor.sprite));
    let held = awake.and_then(|actor| actor.holds);
    let thing = held.and_then(|sprite| Thing::all().position(|other| other.name() == sprite));
    Shown { place: scene.place as usize, sky: scene.sky as usize, character, thing }
}

/// Whether the main character has a thing in one of the pictures.
fn is_had(thing: usize, shown: &[Shown]) -> bool {
    shown.iter().any(|shown| shown.character.is_some() && shown.thing == Some(thing))
}
