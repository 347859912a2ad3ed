//! The large world: where its stories happen and under which sky.

pub mod places;
