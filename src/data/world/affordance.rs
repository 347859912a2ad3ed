//! What may stand where and who may hold what.
//!
//! One table for two readers: the simulator draws no cast that breaks it, and
//! a checker counts, over finished scenes, what does.

use super::places::Place;
use super::species::Species;
use super::things::Thing;
use crate::data::painting::Scene;

/// A thing that a picture can claim.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Claim {
    /// The character is in the place on its own feet, or whatever it has.
    Stands(Species, Place),
    /// The character is in the place, in a boat of its own.
    Sails(Species, Place),
    /// The character holds the thing.
    Holds(Species, Thing),
    /// The thing is in the place.
    Lies(Thing, Place),
}

/// Whether the world allows it.
pub fn is_allowed(claim: Claim) -> bool {
    match claim {
        Claim::Stands(species, place) => species.home().contains(place),
        Claim::Sails(_, place) => place == Place::Sea,
        Claim::Holds(species, thing) => species.can_hold() && thing.is_small(),
        Claim::Lies(thing, place) => thing.fits().contains(place),
    }
}

/// What the picture claims and the world does not allow, in words; a sprite
/// that is unknown is one of these. The boat behind the actors is the first actor's.
pub fn violations(scene: &Scene) -> Vec<String> {
    let mut found = Vec::new();
    let backdrop = scene.backdrop.map(|name| (name, Thing::from_name(name)));
    let is_afloat = matches!(backdrop, Some((_, Some(thing))) if thing.is_boat()) && scene.place == Place::Sea;
    let mut check = |what: &str, claim: Option<Claim>| match claim {
        None => found.push(format!("{what} is unknown")),
        Some(claim) if !is_allowed(claim) => found.push(format!("{claim:?}: {what} in {}", scene.place.name())),
        Some(_) => {}
    };
    for (i, actor) in scene.actors.iter().enumerate() {
        let species = Species::from_name(actor.sprite);
        let here = species.map(|s| match i {
            0 if is_afloat => Claim::Sails(s, scene.place),
            _ => Claim::Stands(s, scene.place),
        });
        check(actor.sprite, here);
        if let Some(held) = actor.holds {
            let thing = Thing::from_name(held);
            check(held, species.zip(thing).map(|(s, t)| Claim::Holds(s, t)));
            check(held, thing.map(|t| Claim::Lies(t, scene.place)));
        }
    }
    for &name in scene.ground.iter().chain(scene.backdrop.iter()) {
        check(name, Thing::from_name(name).map(|t| Claim::Lies(t, scene.place)));
    }
    found
}
