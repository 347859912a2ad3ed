//! The world that stories happen in: who and what there is, what may stand
//! where, what an event does to it, and a simulator that lives through a plot.
//!
//! Nothing here knows a word of a sentence or a pixel of a picture, beside the
//! words that things and characters are called by.

pub mod places;

pub mod species;

pub mod things;

pub mod affordance;

pub mod plot;

pub mod effect;

pub mod state;

mod exclusion;

pub mod names;

pub mod simulate;

pub use places::{Place, Places, Sky};
pub use plot::{Event, Plot, Plots, Role, Token};
pub use simulate::{Cast, Episode, Life, Member, live};
pub use species::{Class, Pronoun, Species};
pub use state::World;
pub use things::{Thing, ThingClass};
