//! What pictures show, and how often it is what they should show.

use std::collections::BTreeMap;

use serde::Serialize;

use super::asked::{Asked, Shown, World};
use super::matcher::{Matcher, hands};
use super::probe::Probe;
use crate::data::Stream;
use crate::error::Result;

/// Prompts of the training stream whose true pictures fit the probes.
const N_FIT: usize = 1500;

/// Reads place, sky, main character and its thing off a picture.
pub struct Judge {
    world: World,
    /// Of the characters.
    names: Vec<&'static str>,
    probe: Probe,
    characters: Matcher,
    things: Matcher,
}

impl Judge {
    /// A judge of a world's pictures, fitted on true ones of the training stream.
    ///
    /// # Errors
    ///
    /// Those of [`Probe::fit`] and of the matchers.
    pub fn new(world: World) -> Result<Self> {
        let asked = world.ask(Stream::Train, 0, if world.stays() { N_FIT } else { N_FIT / 3 });
        let pictures: Vec<&[u8]> = asked.iter().flat_map(|a| &a.pictures).map(|p| p.rgb.as_slice()).collect();
        let classes: Vec<Vec<usize>> = asked.iter().flat_map(|a| &a.shown).map(|s| vec![s.place, s.sky]).collect();
        let probe = Probe::fit(&pictures, &classes, &[world.places().len(), world.skies().len()])?;
        let (characters, things) = (Matcher::characters(world)?, Matcher::things(world)?);
        Ok(Self { world, names: world.characters(), probe, characters, things })
    }

    /// What a picture of 64 × 64 RGB pixels shows.
    pub fn see(&self, picture: &[u8]) -> Shown {
        let classes = self.probe.classes(picture);
        let character = self.characters.find(picture);
        let thing = match self.world {
            World::Cards => self.things.find(picture),
            World::Storyworld => self.things.find_near(picture, &hands(self.names[character.class], &character)),
        };
        Shown { place: classes[0], sky: classes[1], character: Some(character.class), thing: Some(thing.class) }
    }
}

/// Shares of pictures that show what they should, in [0, 1].
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct Accuracy {
    /// Pictures that were judged.
    pub pictures: usize,
    /// The place is right.
    pub place: f64,
    /// The sky is right.
    pub sky: f64,
    /// The main character is right.
    pub character: f64,
    /// All three are right.
    pub place_sky_character: f64,
    /// Of the pictures in which it should have one, the main character has the right thing.
    pub thing: Option<f64>,
    /// The right main character has the right thing.
    pub character_thing: Option<f64>,
    /// Of the first picture of each story, where one that is missing is wrong: the place.
    pub first_place: f64,
    /// The same for the sky.
    pub first_sky: f64,
    /// The same for the main character.
    pub first_character: f64,
}

/// What the pictures of the stories should show: one label a picture, as far as they are judged.
pub type Wanted = Vec<Vec<Shown>>;

/// What told pictures should show: what the prompt says, in as many pictures as it holds for.
pub fn wanted_of_told(world: World, asked: &[Asked], seen: &[Vec<Shown>]) -> Wanted {
    let n = |seen: &Vec<Shown>| if world.stays() { seen.len() } else { seen.len().min(1) };
    asked.iter().zip(seen).map(|(asked, seen)| vec![asked.wanted; n(seen)]).collect()
}

/// How often pictures show what they should; a label without a character leaves it out of the count.
pub fn accuracy(seen: &[Vec<Shown>], wanted: &Wanted) -> Accuracy {
    let pairs: Vec<(Shown, Shown)> =
        seen.iter().zip(wanted).flat_map(|(seen, wanted)| seen.iter().copied().zip(wanted.iter().copied())).collect();
    let firsts: Vec<Option<(Shown, Shown)>> =
        seen.iter().zip(wanted).map(|(seen, wanted)| Some((*seen.first()?, *wanted.first()?))).collect();
    let named: Vec<(Shown, Shown)> = pairs.iter().copied().filter(|pair| pair.1.character.is_some()).collect();
    let having: Vec<(Shown, Shown)> = named.iter().copied().filter(|pair| pair.1.thing.is_some()).collect();
    let of_having = |is_right: fn(&(Shown, Shown)) -> bool| (!having.is_empty()).then(|| share(&having, is_right));
    let of_first = |is_right: fn(&(Shown, Shown)) -> bool| share(&firsts, |pair| pair.as_ref().is_some_and(is_right));
    Accuracy {
        pictures: pairs.len(),
        place: share(&pairs, is_place),
        sky: share(&pairs, is_sky),
        character: share(&named, is_character),
        place_sky_character: share(&named, is_all),
        thing: of_having(is_thing),
        character_thing: of_having(|pair| is_character(pair) && is_thing(pair)),
        first_place: of_first(is_place),
        first_sky: of_first(is_sky),
        first_character: of_first(is_character),
    }
}

/// What [`accuracy`] is on average where each story has the labels of one drawn at random, the floor:
/// the mean over all pairs of a picture and another story's first label.
pub fn floor(seen: &[Vec<Shown>], wanted: &Wanted) -> Accuracy {
    let labels: Vec<Shown> = wanted.iter().filter_map(|wanted| wanted.first().copied()).collect();
    let mut counts: BTreeMap<(usize, usize, Option<usize>), usize> = BTreeMap::new();
    for label in &labels {
        *counts.entry((label.place, label.sky, label.character)).or_default() += 1;
    }
    let judged = || seen.iter().zip(wanted).map(|(seen, wanted)| &seen[..wanted.len().min(seen.len())]);
    let mean = |shown: &mut dyn Iterator<Item = Option<&Shown>>, fits: fn(&(Shown, Shown)) -> bool| {
        let (mut sum, mut n) = (0usize, 0usize);
        for shown in shown {
            n += labels.len();
            let Some(&shown) = shown else { continue };
            let fitting = counts
                .iter()
                .filter(|&(&(place, sky, character), _)| fits(&(shown, Shown { place, sky, character, thing: None })));
            sum += fitting.map(|(_, count)| count).sum::<usize>();
        }
        sum as f64 / n.max(1) as f64
    };
    let all = |fits| mean(&mut judged().flatten().map(Some), fits);
    let first = |fits| mean(&mut judged().map(<[Shown]>::first), fits);
    Accuracy {
        pictures: judged().map(<[Shown]>::len).sum(),
        place: all(is_place),
        sky: all(is_sky),
        character: all(is_character),
        place_sky_character: all(is_all),
        thing: None,
        character_thing: None,
        first_place: first(is_place),
        first_sky: first(is_sky),
        first_character: first(is_character),
    }
}

fn is_place(pair: &(Shown, Shown)) -> bool {
    pair.0.place == pair.1.place
}

fn is_sky(pair: &(Shown, Shown)) -> bool {
    pair.0.sky == pair.1.sky
}

fn is_character(pair: &(Shown, Shown)) -> bool {
    pair.0.character == pair.1.character
}

fn is_all(pair: &(Shown, Shown)) -> bool {
    is_place(pair) && is_sky(pair) && is_character(pair)
}

fn is_thing(pair: &(Shown, Shown)) -> bool {
    pair.0.thing == pair.1.thing
}

/// How often a story shows the main character with the thing that the prompt names.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct Things {
    /// Stories whose prompt names a thing that the main character has in the true story.
    pub stories: usize,
    /// The share of them with a picture in which the right main character has the right thing.
    pub right: f64,
    /// The same by the prompt of another such story, the mean over all.
    pub floor: f64,
}

/// Measures that; nothing if no prompt names a thing.
pub fn things(seen: &[Vec<Shown>], asked: &[Asked]) -> Option<Things> {
    let naming: Vec<(&Vec<Shown>, &Asked)> =
        seen.iter().zip(asked).filter(|(_, asked)| asked.thing.is_some()).collect();
    let shows = |seen: &[Shown], asked: &Asked| {
        let is_it = |shown: &Shown| shown.thing == asked.thing && shown.character == asked.wanted.character;
        seen.iter().any(is_it)
    };
    let n = naming.len();
    let by_chance = naming.iter().flat_map(|(seen, _)| naming.iter().map(move |(_, asked)| (seen, asked)));
    let shown_by_chance = by_chance.filter(|(seen, asked)| shows(seen, asked)).count();
    (n > 0).then(|| Things {
        stories: n,
        right: share(&naming, |(seen, asked)| shows(seen, asked)),
        floor: shown_by_chance as f64 / (n * n) as f64,
    })
}

/// Share of items of which something is true; 0 of none.
pub(super) fn share<T>(items: &[T], is_so: impl Fn(&T) -> bool) -> f64 {
    items.iter().filter(|item| is_so(item)).count() as f64 / items.len().max(1) as f64
}
