//! What a caller can choose about a run.

use std::fmt::Display;
use std::ops::RangeInclusive;

use crate::error::{Error, Result};
use crate::flow::schedule::Schedule;

/// How a completion round decides that a slot lacks something.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum SlotOpening {
    /// By a draw, with probability 1 - π. A gate that is wrong by ε then inserts about ε × slots ×
    /// rounds elements too many, because an insertion cannot be undone.
    Draw,
    /// Where π is below this number, in [0, 1], and nowhere else; in the last quarter of the rounds
    /// below 0.5 at most.
    Threshold(f32),
}

/// The options of a run; [`Options::default`] is valid.
#[derive(Clone, Debug, PartialEq)]
pub struct Options {
    /// Scheduled text steps, and Euler steps of each picture, 1 to 200.
    pub n_steps: usize,
    /// Divides the token logits, 0.01 to 10; 1 draws from Q as it is.
    pub temperature: f32,
    /// Draws from the likeliest tokens that together have this probability, above 0, at most 1.
    pub top_p: f32,
    /// Guidance weight of rates and tokens, 0 to 20; 0 is off.
    pub text_guidance: f32,
    /// Guidance weight of velocities, 0 to 20; 0 is off.
    pub image_guidance: f32,
    /// Most tokens of the response, 1 to 4096; pictures do not count.
    pub max_tokens: usize,
    /// Most pictures, 0 to 64.
    pub max_images: usize,
    /// The schedule of the text; where there are pictures, the one that the model was trained with.
    pub schedule: Schedule,
    /// In scheduled steps, a slot whose π is above this number in [0, 1] does not open; 1 is off.
    pub close_threshold: f32,
    /// Of the slots that fire in one step, those less sure than this number in [0, 1] wait, all but
    /// the surest; 0 is off (arXiv:2510.03506v3 has no such rule). See [`certainty`](super::certainty).
    pub min_certainty: f32,
    /// Completion rounds delete a token that does not belong with a probability above this number in
    /// [0, 1]; 1 is off. Only in the first half of the rounds, so that the text comes to rest. It
    /// takes a model with a delete head.
    pub delete_threshold: f32,
    /// How completion rounds open a slot.
    pub slot_opening: SlotOpening,
    /// Most completion rounds, 0 to 200.
    pub max_rounds: usize,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            n_steps: 24,
            temperature: 0.8,
            top_p: 0.9,
            text_guidance: 0.0,
            image_guidance: 2.0,
            max_tokens: 160,
            max_images: 6,
            schedule: Schedule::Linear,
            close_threshold: 1.0,
            min_certainty: 0.0,
            delete_threshold: 1.0,
            slot_opening: SlotOpening::Threshold(0.5),
            max_rounds: 40,
        }
    }
}

impl Options {
    /// Whether every option is in its range.
    ///
    /// # Errors
    ///
    /// [`Error::Option`] with the name of the first that is not.
    pub fn validate(&self) -> Result<()> {
        within("n_steps", self.n_steps, 1..=200)?;
        within("temperature", self.temperature, 0.01..=10.0)?;
        if !(self.top_p > 0.0 && self.top_p <= 1.0) {
            let expected = "a number above 0, at most 1".to_owned();
            return Err(Error::Option { name: "top_p", found: self.top_p.to_string(), expected });
        }
        within("text_guidance", self.text_guidance, 0.0..=20.0)?;
        within("image_guidance", self.image_guidance, 0.0..=20.0)?;
        within("max_tokens", self.max_tokens, 1..=4096)?;
        within("max_images", self.max_images, 0..=64)?;
        if let Schedule::Power(exponent) = self.schedule {
            within("schedule", exponent, 0.1..=10.0)?;
        }
        within("close_threshold", self.close_threshold, 0.0..=1.0)?;
        within("min_certainty", self.min_certainty, 0.0..=1.0)?;
        within("delete_threshold", self.delete_threshold, 0.0..=1.0)?;
        if let SlotOpening::Threshold(threshold) = self.slot_opening {
            within("slot_opening", threshold, 0.0..=1.0)?;
        }
        within("max_rounds", self.max_rounds, 0..=200)
    }
}

fn within<T: PartialOrd + Display>(name: &'static str, value: T, range: RangeInclusive<T>) -> Result<()> {
    if range.contains(&value) {
        return Ok(());
    }
    let expected = format!("a number from {} to {}", range.start(), range.end());
    Err(Error::Option { name, found: value.to_string(), expected })
}
