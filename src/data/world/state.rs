//! The state of the world between two events.

use super::effect::Effect;
use super::places::Sky;
use super::plot::{Plot, Role, Token};
use super::things::Thing;
use crate::data::painting::{Mood, Pose, Spark};

/// Who is there, who has what, where and under which sky; in terms of the
/// plot's parts, whoever plays them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct World {
    /// Hero, friend and other.
    pub members: [State; 3],
    /// Where each thing is that has come into the story, in the order of coming.
    pub things: Vec<(Token, At)>,
    /// Whether the story has gone on to its second place.
    pub is_away: bool,
    /// Time of day and weather.
    pub sky: Sky,
    /// What is in the sky of this one picture.
    pub spark: Option<Spark>,
}

/// How a character is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct State {
    /// Whether it is in the picture.
    pub is_here: bool,
    /// What it feels.
    pub mood: Option<Mood>,
    /// How it is there.
    pub pose: Pose,
}

/// Where a thing is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum At {
    /// Out of the picture.
    Away,
    /// Beside the characters.
    Ground,
    /// Behind the characters.
    Behind,
    /// With this character.
    With(Role),
}

impl World {
    /// Nobody and nothing, under this sky.
    pub fn new(sky: Sky) -> World {
        let state = State { is_here: false, mood: None, pose: Pose::Stand };
        World { members: [state; 3], things: Vec::new(), is_away: false, sky, spark: None }
    }

    /// Lets the effects of one event happen, from left to right.
    pub fn happen(&mut self, effects: &[Effect]) {
        self.spark = None;
        for &effect in effects {
            match effect {
                Effect::Enter(role) => self.members[role as usize].is_here = true,
                Effect::Leave(role) => {
                    let sky = self.sky;
                    self.members[role as usize] = World::new(sky).members[0];
                }
                Effect::Give(token, role) => self.put(token, At::With(role)),
                Effect::Ground(token) => self.put(token, At::Ground),
                Effect::Hide(token) => self.put(token, At::Away),
                Effect::Show(token) => self.put(token, At::Behind),
                Effect::Mood(role, mood) => self.members[role as usize].mood = mood,
                Effect::Pose(role, pose) => self.members[role as usize].pose = pose,
                Effect::Sky(sky) => self.sky = sky,
                Effect::Go => self.is_away = true,
                Effect::Back => self.is_away = false,
                Effect::Spark(spark) => self.spark = Some(spark),
            }
        }
    }

    fn put(&mut self, token: Token, at: At) {
        match self.things.iter_mut().find(|(t, _)| *t == token) {
            Some(found) => found.1 = at,
            None => self.things.push((token, at)),
        }
    }

    /// The things that are there.
    pub fn things_at(&self, at: At) -> impl Iterator<Item = Token> + '_ {
        self.things.iter().filter(move |(_, a)| *a == at).map(|(token, _)| *token)
    }

    /// What the character has.
    pub fn held_by(&self, role: Role) -> Option<Token> {
        self.things_at(At::With(role)).next()
    }
}

/// What the events of a plot, all of them, need of a cast: found by living
/// through it once.
#[derive(Clone, Debug, Default)]
pub struct Needs {
    /// For each role, whether it is at the first and at the second place on its own feet.
    pub stands: [[bool; 2]; 3],
    /// Who has what at some time.
    pub holds: Vec<(Role, Token)>,
    /// What is in a picture at the first and at the second place.
    pub shown: Vec<(Token, [bool; 2])>,
}

impl Needs {
    pub(super) fn of(plot: &Plot) -> Needs {
        let mut needs = Needs::default();
        let mut world = World::new(Sky::Day);
        for event in &plot.events {
            world.happen(&event.effects);
            let stage = usize::from(world.is_away);
            let boat = world.things_at(At::Behind).any(|token| is_boat(plot, token));
            for role in Role::ALL {
                let sails = role == Role::Hero && boat && world.is_away;
                if world.members[role as usize].is_here && !sails {
                    needs.stands[role as usize][stage] = true;
                }
            }
            for &(token, at) in &world.things {
                match at {
                    At::Away => continue,
                    At::With(role) if !needs.holds.contains(&(role, token)) => needs.holds.push((role, token)),
                    _ => {}
                }
                match needs.shown.iter_mut().find(|(t, _)| *t == token) {
                    Some((_, stages)) => stages[stage] = true,
                    None => needs.shown.push((token, std::array::from_fn(|i| i == stage))),
                }
            }
        }
        needs
    }
}

fn is_boat(plot: &Plot, token: Token) -> bool {
    plot.candidates(token).is_some_and(|things| things.iter().all(|&t: &Thing| t.is_boat()))
}
