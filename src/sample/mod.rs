//! From a model to a story: the sampler, seen through one trait from the network.
//!
//! A [`Sampler`] holds the whole state of a run. Each [`Sampler::step`] runs the model once, moves
//! the pictures, then inserts into the text (Algorithms 1 and 2 of arXiv:2510.03506v3), and says
//! in [`Event`]s what it did. After the scheduled steps, completion rounds go on until the model
//! says that nothing is missing; where the model has a delete head, they also take out what does
//! not belong.
//!
//! # Order of draws
//!
//! A run is a function of model, prompt, options and seed. One [`Rng`](crate::flow::rng::Rng) is
//! used; a step draws from it, in this order:
//!
//! 1. for each slot from left to right, in scheduled steps and in rounds with
//!    [`SlotOpening::Draw`]: one uniform number for the gate, one for the rate, both always;
//! 2. for each slot that fired, from left to right: one uniform number for its token;
//! 3. where more tokens fired than `max_tokens` leaves room for: one `below` for each token that
//!    stays; then the same for pictures and `max_images`;
//! 4. for each new picture, from right to left: its latents, one `normal` each.
//!
//! Moving the pictures and deleting draw nothing.

mod model;

mod options;

mod sampler;

mod event;

mod insertion;

mod token;

mod solver;

mod guided;

mod snapshot;

pub use event::{EndReason, Event, Phase, Replay};
pub use guided::{Guided, GuidedHidden};
pub use insertion::{
    Deletion, Insertion, Opening, Room, apply, certainty, deletions, fired_slots, keep_certain, limit,
};
pub use model::{FlowModel, Prediction, Spec, State};
pub use options::{Options, SlotOpening};
pub use sampler::{Sampler, Stats};
pub use solver::euler_step;
pub use token::{draw_token, log_softmax};
