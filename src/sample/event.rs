//! What a step did, as a list of small changes.

use super::model::State;
use crate::error::{Error, Result};
use crate::flow::sequence::Element;

/// One change of a run. Applied in the order given, the events of a run lead from the empty
/// response to the final one ([`Replay`]).
///
/// `position` counts elements of the response, tokens and pictures alike, from 0: the element
/// inserted becomes that one, and those that stood there and after move one place to the right;
/// after a deletion, those behind it move one to the left. The changes of one step come from right
/// to left, so the positions of one step do not depend on each other.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Event {
    /// A token appeared.
    TextInsert {
        /// Which element of the response it becomes.
        position: usize,
        /// The token.
        token: u32,
    },
    /// A token that did not belong went.
    TextDelete {
        /// Which element of the response it was.
        position: usize,
        /// The token.
        token: u32,
    },
    /// A picture appeared, as noise, at time 0.
    ImageStart {
        /// Its number, counted from 0 in order of appearance.
        index: usize,
        /// Which element of the response it becomes.
        position: usize,
    },
    /// A picture moved on.
    ImageUpdate {
        /// Its number.
        index: usize,
        /// Its time, in (0, 1].
        t: f32,
    },
    /// A picture is finished; follows its last [`Event::ImageUpdate`].
    ImageEnd {
        /// Its number.
        index: usize,
    },
    /// A step is over.
    StepEnd {
        /// Its number, counted from 1.
        step: usize,
        /// The text's time after it, in (0, 1].
        t_text: f32,
        /// What kind of step it was.
        phase: Phase,
    },
    /// The run is over.
    End {
        /// Why the text ended.
        reason: EndReason,
    },
}

/// Kinds of steps. Pictures are painted in all of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Phase {
    /// One of the `n_steps` steps of the text's schedule.
    Scheduled,
    /// A completion round: whatever is missing is inserted.
    Completion,
    /// The text is complete; pictures are still painted.
    Painting,
}

/// Why a text ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EndReason {
    /// A completion round found nothing missing.
    Complete,
    /// `max_rounds` completion rounds are over; something may be missing.
    MaxRounds,
    /// `max_tokens` tokens are there, and more are missing.
    MaxTokens,
}

/// The response as someone sees it who gets only the events.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Replay {
    elements: Vec<Element>,
    image_times: Vec<f32>,
    end: Option<EndReason>,
}

impl Replay {
    /// The empty response, where a new run begins.
    pub fn new() -> Self {
        Self::default()
    }

    /// The response from which a restored run goes on.
    pub fn from_state(state: &State) -> Self {
        let image_times = state.images.iter().map(|image| image.t).collect();
        Self { elements: state.sequence.response().to_vec(), image_times, end: None }
    }

    /// The elements of the response.
    pub fn elements(&self) -> &[Element] {
        &self.elements
    }

    /// The time of each picture.
    pub fn image_times(&self) -> &[f32] {
        &self.image_times
    }

    /// Why the text ended, once the run is over.
    pub fn end(&self) -> Option<EndReason> {
        self.end
    }

    /// Takes one more event into account.
    ///
    /// # Errors
    ///
    /// [`Error::Internal`] if the event does not fit what came before.
    pub fn apply(&mut self, event: &Event) -> Result<()> {
        match *event {
            Event::TextInsert { position, token } => self.insert(position, Element::Token(token), event),
            Event::TextDelete { position, token } => {
                if self.elements.get(position) != Some(&Element::Token(token)) {
                    return Err(misfit(event));
                }
                self.elements.remove(position);
                Ok(())
            }
            Event::ImageStart { index, position } => {
                if index != self.image_times.len() {
                    return Err(misfit(event));
                }
                self.insert(position, Element::Image(index), event)?;
                self.image_times.push(0.0);
                Ok(())
            }
            Event::ImageUpdate { index, t } => {
                *self.image_times.get_mut(index).ok_or_else(|| misfit(event))? = t;
                Ok(())
            }
            Event::ImageEnd { index } if self.image_times.get(index) == Some(&1.0) => Ok(()),
            Event::ImageEnd { .. } => Err(misfit(event)),
            Event::StepEnd { .. } => Ok(()),
            Event::End { reason } => {
                self.end = Some(reason);
                Ok(())
            }
        }
    }

    fn insert(&mut self, position: usize, element: Element, event: &Event) -> Result<()> {
        if position > self.elements.len() {
            return Err(misfit(event));
        }
        self.elements.insert(position, element);
        Ok(())
    }
}

fn misfit(event: &Event) -> Error {
    Error::Internal { reason: format!("event {event:?} does not fit the events before it") }
}
