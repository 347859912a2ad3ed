//! Which pairs of this world are held out, looked up once.

use std::sync::OnceLock;

use super::places::{Place, Places};
use super::species::Species;
use super::things::Thing;
use crate::data::holdout::is_held_out;

/// The rule of [`is_held_out`] over all names of this world.
pub(super) struct HeldOut {
    places: Vec<Places>,
    things: Vec<Vec<bool>>,
    friends: Vec<Vec<bool>>,
}

impl HeldOut {
    pub(super) fn table() -> &'static HeldOut {
        static TABLE: OnceLock<HeldOut> = OnceLock::new();
        TABLE.get_or_init(|| HeldOut {
            places: Species::all().map(places).collect(),
            things: Species::all().map(|s| Thing::all().map(|t| is_held_out(s.name(), t.name())).collect()).collect(),
            friends: Species::all().map(|s| Species::all().map(|t| pair(s.name(), t.name())).collect()).collect(),
        })
    }

    /// The places in which the species is held out.
    pub(super) fn places(&self, species: Species) -> Places {
        self.places[species.index()]
    }

    /// Whether the species with the thing is held out. The snowman that is
    /// built counts as a character as well.
    pub(super) fn thing(&self, species: Species, thing: Thing) -> bool {
        let built = thing.name() == "snowman" && pair(species.name(), thing.name());
        built || self.things[species.index()][thing.index()]
    }

    /// Whether the two together are held out.
    pub(super) fn friends(&self, one: Species, two: Species) -> bool {
        self.friends[one.index()][two.index()]
    }
}

fn places(species: Species) -> Places {
    let held_out = Place::ALL.into_iter().filter(|place| is_held_out(species.name(), place.name()));
    held_out.fold(Places::NONE, Places::with)
}

fn pair(one: &str, two: &str) -> bool {
    is_held_out(one.min(two), one.max(two))
}
