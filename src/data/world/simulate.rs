//! Draws a cast for a plot and lives through it.

use super::affordance::{Claim, is_allowed};
use super::exclusion::HeldOut;
use super::names::Naming;
use super::places::{Place, Places, Sky};
use super::plot::{Event, Plot, Plots, Role, Token};
use super::species::{Pronoun, Species};
use super::state::{At, World};
use super::things::Thing;
use crate::data::Stream;
use crate::data::painting::{Actor, Facing, Scene, Tint, is_tintable};
use crate::flow::rng::Rng;

/// Who, what, where and when of one story.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cast {
    /// Hero, friend and other, those who come into the story.
    pub members: [Option<Member>; 3],
    /// What the story is about.
    pub item: Option<Thing>,
    /// The second item.
    pub item2: Option<Thing>,
    /// What is built or sailed.
    pub build: Option<Thing>,
    /// Where it begins.
    pub place: Place,
    /// Where it goes.
    pub to: Option<Place>,
    /// The sky at the beginning.
    pub sky: Sky,
    /// The colours of sprites that have another than their own: none before [`Life::dye`].
    pub tints: Vec<(&'static str, Tint)>,
}

/// One character of a story.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Member {
    /// What it is.
    pub species: Species,
    /// What it is called.
    pub name: &'static str,
    /// How the text speaks of it: he or she, and hero and friend differ.
    pub pronoun: Pronoun,
    /// What it is like.
    pub adjective: &'static str,
}

/// A cast and what happens to it.
#[derive(Clone, Debug)]
pub struct Life {
    /// Whose events these are.
    pub plot: &'static Plot,
    /// Who takes part.
    pub cast: Cast,
    /// One for each picture.
    pub episodes: Vec<Episode>,
}

/// One event and what it leads to.
#[derive(Clone, Debug)]
pub struct Episode {
    /// What happens.
    pub event: &'static Event,
    /// Where it begins to happen; its picture is where it ends, see [`Scene::place`].
    pub place: Place,
    /// The world after it.
    pub world: World,
    /// What its picture shows.
    pub scene: Scene,
}

/// Tries with one plot before another is drawn: some plots have hardly a cast
/// in which the hero is in held-out places only.
const MAX_TRIES: usize = 400;

/// Share of what can have a colour that gets one.
const DYED_SHARE: f32 = 0.6;

/// The generator of a document.
pub fn generator(stream: Stream, index: u64) -> Rng {
    let seed = match stream {
        Stream::Train => 0x0570_0001,
        Stream::Validation => 0x0570_0002,
        Stream::HeldOut => 0x0570_0003,
    };
    Rng::stream(seed, index)
}

/// A story as it happens, before anybody tells it.
///
/// Draws in order: the plot; then, again until the stream and the world allow
/// it, the species of hero, friend and other, who is he and who is she, item,
/// second item, building or boat, first and second place; then names,
/// adjectives, the sky, and for each event that may be left out whether it
/// happens. After 400 tries in vain it starts again with a plot.
pub fn live(stream: Stream, rng: &mut Rng) -> Life {
    let plots = &Plots::embedded().plots;
    let (plot, mut cast) = loop {
        let plot = &plots[rng.below(plots.len())];
        if let Some(cast) = (0..MAX_TRIES).find_map(|_| draw_cast(plot, stream, rng)) {
            break (plot, cast);
        }
    };
    Naming::embedded().christen(&mut cast.members, plot, rng);
    cast.sky = plot.skies[rng.below(plot.skies.len())];
    let events: Vec<&'static Event> =
        plot.events.iter().filter(|event| !event.is_optional || rng.bernoulli(0.5)).collect();
    let mut world = World::new(cast.sky);
    let mut entered = [false; 3];
    let mut episodes = Vec::with_capacity(events.len());
    for event in events {
        let place = cast.place_of(&world);
        world.happen(&event.effects);
        for role in Role::ALL {
            entered[role as usize] |= world.members[role as usize].is_here;
        }
        let scene = cast.scene(&world);
        episodes.push(Episode { event, place, world: world.clone(), scene });
    }
    for role in Role::ALL.into_iter().filter(|&role| !entered[role as usize]) {
        cast.members[role as usize] = None;
    }
    Life { plot, cast, episodes }
}

/// One try, without names and with any sky. It is `None` if the draw is not allowed.
fn draw_cast(plot: &'static Plot, stream: Stream, rng: &mut Rng) -> Option<Cast> {
    let mut members = [None; 3];
    for role in Role::ALL {
        let Some(part) = plot.cast[role as usize] else { continue };
        let species = Species::all().nth(rng.below(Species::all().len()))?;
        if part.class.is_some_and(|class| species.is(class) != Some(true)) {
            return None;
        }
        let member = Member { species, name: "", pronoun: Pronoun::He, adjective: "" };
        members[role as usize] = Some(member);
    }
    share_pronouns(&mut members, rng)?;
    let mut draw = |things: &[Thing]| (!things.is_empty()).then(|| things[rng.below(things.len())]);
    let (item, item2, build) = (draw(&plot.item), draw(&plot.item2), draw(&plot.build));
    let mut cast = Cast { members, item, item2, build, place: Place::Meadow, to: None, sky: Sky::Day, tints: vec![] };
    if (item.is_some() && item == item2) || !suits(plot, &cast, stream) {
        return None;
    }
    let [first, second] = allowed_places(plot, &cast, stream);
    cast.place = draw_place(first, rng)?;
    if plot.to.is_some() {
        cast.to = Some(draw_place(second.without(cast.place), rng)?);
    }
    Some(cast)
}

/// Hero and friend get different pronouns, the other that of the friend.
fn share_pronouns(members: &mut [Option<Member>; 3], rng: &mut Rng) -> Option<()> {
    let coin = if rng.bernoulli(0.5) { Pronoun::He } else { Pronoun::She };
    let fits = |hero: Pronoun| {
        let pronouns = [hero, hero.other(), hero.other()];
        members.iter().flatten().zip(pronouns).all(|(member, pronoun)| member.species.allows(pronoun))
    };
    let hero = [coin, coin.other()].into_iter().find(|&pronoun| fits(pronoun))?;
    for (i, member) in members.iter_mut().enumerate() {
        if let Some(member) = member {
            member.pronoun = if i == 0 { hero } else { hero.other() };
        }
    }
    Some(())
}

/// Whether everyone may have what the plot gives to them, and no pair of two
/// characters or of a character and a thing is held out.
fn suits(plot: &Plot, cast: &Cast, stream: Stream) -> bool {
    let species = |role: Role| cast.members[role as usize].map(|m| m.species);
    let holds = plot.needs.holds.iter().all(|&(role, token)| {
        let claim = species(role).zip(cast.thing(token)).map(|(s, t)| Claim::Holds(s, t));
        claim.is_some_and(is_allowed)
    });
    // Nobody builds a snowman if there is one in the story already.
    let doubles = plot.needs.shown.iter().any(|&(token, _)| {
        let name = cast.thing(token).map(Thing::name);
        cast.members.iter().flatten().any(|m| Some(m.species.name()) == name)
    });
    if !holds || doubles {
        return false;
    }
    if stream == Stream::HeldOut {
        return true;
    }
    let table = HeldOut::table();
    let shown = plot.needs.shown.iter().filter_map(|&(token, _)| cast.thing(token));
    let things = shown.chain(cast.item).chain(cast.item2).chain(cast.build);
    // A snowman that is built is a character, too.
    let built = things.clone().filter_map(|thing| Species::from_name(thing.name()));
    let all: Vec<Species> = cast.members.iter().flatten().map(|m| m.species).chain(built).collect();
    let with_thing = things.into_iter().any(|thing| all.iter().any(|&s| table.thing(s, thing)));
    let together = all.iter().enumerate().any(|(i, &s)| all[i + 1..].iter().any(|&t| table.friends(s, t)));
    !with_thing && !together
}

/// Where this cast can begin, and where it can go.
fn allowed_places(plot: &Plot, cast: &Cast, stream: Stream) -> [Places; 2] {
    let table = HeldOut::table();
    let mut places = [plot.places, plot.to.unwrap_or(Places::NONE)];
    for (stage, places) in places.iter_mut().enumerate() {
        for role in Role::ALL {
            let Some(member) = cast.members[role as usize] else { continue };
            let held_out = table.places(member.species);
            let ok = |place: Place| {
                let stands =
                    !plot.needs.stands[role as usize][stage] || is_allowed(Claim::Stands(member.species, place));
                let wanted = match (stream, role) {
                    (Stream::HeldOut, Role::Hero) => held_out.contains(place),
                    (Stream::HeldOut, _) => true,
                    _ => !held_out.contains(place),
                };
                stands && wanted
            };
            *places = Place::ALL.into_iter().filter(|&p| ok(p)).fold(Places::NONE, Places::with).and(*places);
        }
        for (token, stages) in &plot.needs.shown {
            if let Some(thing) = cast.thing(*token).filter(|_| stages[stage]) {
                *places = thing.fits().and(*places);
            }
        }
    }
    places
}

fn draw_place(places: Places, rng: &mut Rng) -> Option<Place> {
    if places.is_empty() {
        return None;
    }
    places.nth(rng.below(places.len()))
}

impl Life {
    /// Gives colours to characters and things that can have one, each with probability
    /// [`DYED_SHARE`]. Draws for hero, friend, other, item, second item and building whether it has
    /// one, and which.
    pub fn dye(&mut self, rng: &mut Rng) {
        let cast = &self.cast;
        let characters = cast.members.iter().flatten().map(|member| member.species.name());
        let things = [cast.item, cast.item2, cast.build].into_iter().flatten().map(Thing::name);
        let all: Vec<&'static str> = characters.chain(things).collect();
        // Of two that look alike, neither could be told by its colour.
        let is_one = |sprite: &str| all.iter().filter(|&&other| other == sprite).count() == 1;
        let mut tints = Vec::new();
        for &sprite in all.iter().filter(|sprite| is_tintable(sprite) && is_one(sprite)) {
            if rng.bernoulli(DYED_SHARE) {
                tints.push((sprite, Tint::ALL[rng.below(Tint::ALL.len())]));
            }
        }
        self.keep_tints(tints);
    }

    /// The same life with these colours in cast and scenes.
    pub fn keep_tints(&mut self, tints: Vec<(&'static str, Tint)>) {
        self.episodes.iter_mut().for_each(|episode| episode.scene.tints.clone_from(&tints));
        self.cast.tints = tints;
    }
}

impl Cast {
    /// The colour of a sprite, where it has another than its own.
    pub fn tint(&self, sprite: &str) -> Option<Tint> {
        self.tints.iter().find(|(name, _)| *name == sprite).map(|&(_, tint)| tint)
    }

    /// What to call a sprite: its word, after its colour where it has one.
    pub fn coloured(&self, sprite: &str, word: &str) -> String {
        self.tint(sprite).map_or_else(|| word.to_owned(), |tint| format!("{} {word}", tint.name()))
    }

    /// The character with this part.
    pub fn member(&self, role: Role) -> Option<&Member> {
        self.members[role as usize].as_ref()
    }

    /// The thing with this part.
    pub fn thing(&self, token: Token) -> Option<Thing> {
        match token {
            Token::Item => self.item,
            Token::Item2 => self.item2,
            Token::Build => self.build,
            Token::Fixed(thing) => Some(thing),
        }
    }

    fn place_of(&self, world: &World) -> Place {
        if world.is_away { self.to.unwrap_or(self.place) } else { self.place }
    }

    /// What a picture of the world shows with this cast: hero, friend, other
    /// from left to right; whoever is not the last looks to the right.
    pub fn scene(&self, world: &World) -> Scene {
        let sprite = |token: Token| self.thing(token).map(Thing::name);
        let here: Vec<Role> = Role::ALL.into_iter().filter(|&r| world.members[r as usize].is_here).collect();
        let actors = here.iter().enumerate().filter_map(|(i, &role)| {
            let (member, state) = (self.member(role)?, world.members[role as usize]);
            let facing = if i > 0 && i + 1 == here.len() { Facing::Left } else { Facing::Right };
            let holds = world.held_by(role).and_then(sprite);
            Some(Actor { sprite: member.species.name(), pose: state.pose, facing, mood: state.mood, holds })
        });
        Scene {
            place: self.place_of(world),
            sky: world.sky,
            actors: actors.collect(),
            ground: world.things_at(At::Ground).filter_map(sprite).collect(),
            backdrop: world.things_at(At::Behind).find_map(sprite),
            spark: world.spark,
            tints: self.tints.clone(),
        }
    }
}
