//! A run, step by step.

use super::event::{EndReason, Event, Phase};
use super::guided::Guided;
use super::insertion::{self, Deletion, Insertion, Opening, Room};
use super::model::{FlowModel, Prediction, Spec, State};
use super::options::{Options, SlotOpening};
use super::solver::euler_step;
use super::token::draw_token;
use crate::error::{Error, Result};
use crate::flow::rng::Rng;
use crate::flow::sequence::{Element, Sequence};

/// The whole state of a run. It belongs to no model and no device, and can be cloned, saved
/// ([`Sampler::snapshot`]) and continued.
#[derive(Clone, Debug, PartialEq)]
pub struct Sampler {
    pub(super) spec: Spec,
    pub(super) options: Options,
    pub(super) seed: u64,
    pub(super) rng: Rng,
    pub(super) state: State,
    /// Euler steps that each picture has taken. Times are computed from these, never added up.
    pub(super) image_steps: Vec<usize>,
    pub(super) steps_done: usize,
    pub(super) rounds_done: usize,
    /// Why the text ended; `None` while it goes on.
    pub(super) text_end: Option<EndReason>,
}

/// How much a run has done.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Stats {
    /// Steps: scheduled ones, completion rounds, and those in which only pictures moved.
    pub steps: usize,
    /// Completion rounds among them.
    pub rounds: usize,
    /// Tokens of the response.
    pub tokens: usize,
    /// Pictures.
    pub images: usize,
}

impl Sampler {
    /// A run that has not begun. `prompt` holds the prompt's own tokens, without the special ones;
    /// it may be empty.
    ///
    /// # Errors
    ///
    /// [`Error::Option`] for an option out of range, [`Error::Prompt`] for a token that the model
    /// does not know or that has a special meaning.
    pub fn new(prompt: &[u32], spec: Spec, options: Options, seed: u64) -> Result<Self> {
        options.validate()?;
        if let Some(token) = prompt.iter().find(|&&token| !spec.is_plain(token)) {
            return Err(Error::Prompt {
                found: format!("a list with token {token}"),
                expected: format!("tokens below {} without the special ones", spec.vocab_size),
            });
        }
        let mut tokens = vec![spec.begin];
        tokens.extend(prompt);
        tokens.push(spec.prompt_end);
        Ok(Self {
            spec,
            options,
            seed,
            rng: Rng::new(seed),
            state: State { sequence: Sequence::from_prompt(&tokens), images: Vec::new(), t_text: 0.0 },
            image_steps: Vec::new(),
            steps_done: 0,
            rounds_done: 0,
            text_end: None,
        })
    }

    /// Runs the model once and moves on: pictures first, then text. Says in events what changed;
    /// after the run is over, only [`Event::End`] again, without running the model.
    ///
    /// # Errors
    ///
    /// Those of the model, and [`Error::Internal`] if its answer does not fit the state. The run
    /// then is where it was before, as it is if the future is dropped, and the step can be tried
    /// again.
    pub async fn step<M: FlowModel>(&mut self, model: &M) -> Result<Vec<Event>> {
        if let Some(end) = self.end() {
            return Ok(vec![end]);
        }
        let phase = self.phase();
        let text_guidance = if phase == Phase::Painting { 0.0 } else { self.options.text_guidance };
        let model = Guided::new(model, &self.spec, text_guidance, self.options.image_guidance);
        let prediction = match phase {
            Phase::Painting => model.predict_images(&self.state).await?,
            Phase::Scheduled | Phase::Completion => model.predict(&self.state).await?,
        };
        check_prediction(&prediction, &self.state)?;

        let mut rng = self.rng.clone();
        let deletions = self.deletions(phase, &prediction.delete_prob);
        let mut slots = match self.opening(phase) {
            Some(opening) => {
                insertion::fired_slots(&prediction.zero_prob, &prediction.insertion_rate, opening, &mut rng)
            }
            None => Vec::new(),
        };
        // What is missing beside a token that goes shows when it is gone.
        slots.retain(|&slot| !deletions.iter().any(|deletion| deletion.is_beside(slot)));
        let logits = match slots.is_empty() {
            true => Vec::new(),
            false => model.token_logits(&prediction.hidden, &slots).await?,
        };
        check_logits(&logits, slots.len(), &self.spec)?;
        let fired = self.draw_tokens(&slots, &logits, &mut rng);
        let fired = match self.options.min_certainty > 0.0 {
            true => {
                let sure = |(insertion, logits): (Insertion, &Vec<f32>)| {
                    let (pi, rate) = (prediction.zero_prob[insertion.slot], prediction.insertion_rate[insertion.slot]);
                    (insertion, insertion::certainty(pi, rate, logits))
                };
                let pairs = fired.into_iter().zip(&logits).map(sure).collect();
                insertion::keep_certain(pairs, self.options.min_certainty)
            }
            false => fired,
        };

        // All answers are in, and nothing below can fail.
        self.rng = rng;
        let mut events = self.move_images(&prediction.velocities);
        let insertions = insertion::limit(fired, self.room(), self.spec.image, &mut self.rng);
        let n_open = slots.len() + deletions.len();
        let n_changed = insertions.len() + deletions.len();
        events.extend(insertion::apply(&mut self.state, insertions, &deletions, &self.spec, &mut self.rng));
        self.image_steps.resize(self.state.images.len(), 0);
        self.steps_done += 1;
        self.rounds_done += usize::from(phase == Phase::Completion);
        self.state.t_text = self.time(self.steps_done);
        self.text_end = self.text_end.or_else(|| self.new_text_end(phase, n_open, n_changed));

        events.push(Event::StepEnd { step: self.steps_done, t_text: self.state.t_text, phase });
        events.extend(self.end());
        Ok(events)
    }

    /// Whether text and pictures are finished.
    pub fn is_done(&self) -> bool {
        self.text_end.is_some() && self.state.images.iter().all(|image| image.is_done())
    }

    /// What the run has made so far.
    pub fn state(&self) -> &State {
        &self.state
    }

    /// What the model must be like.
    pub fn spec(&self) -> &Spec {
        &self.spec
    }

    /// The options of the run.
    pub fn options(&self) -> &Options {
        &self.options
    }

    /// The seed of the run, or of its last branch.
    pub fn seed(&self) -> u64 {
        self.seed
    }

    /// How much the run has done.
    pub fn stats(&self) -> Stats {
        let images = self.state.images.len();
        let tokens = self.state.sequence.response().len() - images;
        Stats { steps: self.steps_done, rounds: self.rounds_done, tokens, images }
    }

    /// Goes on with other draws from here: a branch of the run.
    pub fn reseed(&mut self, seed: u64) {
        self.seed = seed;
        self.rng = Rng::new(seed);
    }

    fn phase(&self) -> Phase {
        if self.text_end.is_some() {
            Phase::Painting
        } else if self.steps_done < self.options.n_steps {
            Phase::Scheduled
        } else {
            Phase::Completion
        }
    }

    fn opening(&self, phase: Phase) -> Option<Opening> {
        let all = Opening::Arrival { arrival_prob: 1.0, close_threshold: 1.0 };
        match phase {
            Phase::Scheduled => {
                let t = self.time(self.steps_done);
                let arrival_prob = self.options.schedule.arrival_prob(t, self.time(self.steps_done + 1) - t);
                Some(Opening::Arrival { arrival_prob, close_threshold: self.options.close_threshold })
            }
            Phase::Completion => Some(match self.options.slot_opening {
                SlotOpening::Draw => all,
                SlotOpening::Threshold(threshold) if self.is_late() => Opening::Threshold(threshold.min(0.5)),
                SlotOpening::Threshold(threshold) => Opening::Threshold(threshold),
            }),
            Phase::Painting => None,
        }
    }

    /// Whether the last quarter of the completion rounds has begun. A text that is still not complete
    /// has gone astray: what is left of the rounds is for slots that lack something more likely than
    /// not, so that sentences end and new ones do not begin.
    fn is_late(&self) -> bool {
        4 * self.rounds_done >= 3 * self.options.max_rounds
    }

    fn draw_tokens(&self, slots: &[usize], logits: &[Vec<f32>], rng: &mut Rng) -> Vec<Insertion> {
        let mut banned = vec![self.spec.begin, self.spec.prompt_end];
        if self.room().images == 0 {
            banned.push(self.spec.image);
        }
        let draw = |(&slot, logits): (&usize, &Vec<f32>)| {
            let token = draw_token(logits, &banned, self.options.temperature, self.options.top_p, rng);
            Insertion { slot, token }
        };
        slots.iter().zip(logits).map(draw).collect()
    }

    fn move_images(&mut self, velocities: &[Vec<f32>]) -> Vec<Event> {
        let mut events = Vec::new();
        for (index, velocity) in velocities.iter().enumerate() {
            if self.state.images[index].is_done() {
                continue;
            }
            self.image_steps[index] += 1;
            let t = self.time(self.image_steps[index]);
            let image = &mut self.state.images[index];
            euler_step(&mut image.latents, velocity, t - image.t);
            image.t = t;
            events.push(Event::ImageUpdate { index, t });
            if image.is_done() {
                events.push(Event::ImageEnd { index });
            }
        }
        events
    }

    fn room(&self) -> Room {
        let stats = self.stats();
        Room { tokens: self.options.max_tokens - stats.tokens, images: self.options.max_images - stats.images }
    }

    /// What goes in a step of this phase.
    fn deletions(&self, phase: Phase, delete_prob: &[f32]) -> Vec<Deletion> {
        let may = phase == Phase::Completion && 2 * self.rounds_done < self.options.max_rounds;
        match may && self.options.delete_threshold < 1.0 {
            true => insertion::deletions(&self.state, delete_prob, self.options.delete_threshold),
            false => Vec::new(),
        }
    }

    /// Whether the text ended with the step that was just made: `n_open` places asked for a change
    /// and `n_changed` got one.
    fn new_text_end(&self, phase: Phase, n_open: usize, n_changed: usize) -> Option<EndReason> {
        let is_round = phase == Phase::Completion;
        if is_round && n_open == 0 {
            Some(EndReason::Complete)
        } else if is_round && n_changed == 0 {
            Some(EndReason::MaxTokens)
        } else {
            let is_last = self.steps_done >= self.options.n_steps && self.rounds_done >= self.options.max_rounds;
            is_last.then_some(EndReason::MaxRounds)
        }
    }

    fn end(&self) -> Option<Event> {
        self.text_end.filter(|_| self.is_done()).map(|reason| Event::End { reason })
    }

    /// The time after `steps` of `n_steps` steps; exactly 1 at the last, and then stays there.
    pub(super) fn time(&self, steps: usize) -> f32 {
        steps.min(self.options.n_steps) as f32 / self.options.n_steps as f32
    }
}

impl Spec {
    /// Whether a token is one that text is made of.
    pub(super) fn is_plain(&self, token: u32) -> bool {
        (token as usize) < self.vocab_size && ![self.begin, self.prompt_end, self.image].contains(&token)
    }
}

fn check_prediction<H>(prediction: &Prediction<H>, state: &State) -> Result<()> {
    let n_slots = state.sequence.n_slots();
    expect("zero probabilities", prediction.zero_prob.len(), n_slots)?;
    expect("insertion rates", prediction.insertion_rate.len(), n_slots)?;
    if !prediction.delete_prob.is_empty() {
        expect("probabilities of deletion", prediction.delete_prob.len(), n_slots - 1)?;
        finite("probability of deletion", &prediction.delete_prob)?;
    }
    expect("velocities", prediction.velocities.len(), state.images.len())?;
    for (image, velocity) in state.images.iter().zip(&prediction.velocities) {
        if !image.is_done() {
            expect("values of a velocity", velocity.len(), image.latents.len())?;
        }
        finite("velocity", velocity)?;
    }
    finite("zero probability", &prediction.zero_prob)?;
    finite("insertion rate", &prediction.insertion_rate)
}

fn check_logits(logits: &[Vec<f32>], n_slots: usize, spec: &Spec) -> Result<()> {
    expect("lists of token logits", logits.len(), n_slots)?;
    for logits in logits {
        expect("token logits", logits.len(), spec.vocab_size)?;
        finite("token logit", logits)?;
    }
    Ok(())
}

fn expect(what: &str, found: usize, expected: usize) -> Result<()> {
    if found == expected {
        return Ok(());
    }
    Err(Error::Internal { reason: format!("the model gave {found} {what}, expected {expected}") })
}

fn finite(what: &str, values: &[f32]) -> Result<()> {
    if values.iter().all(|value| value.is_finite()) {
        return Ok(());
    }
    Err(Error::Internal { reason: format!("the model gave a {what} that is not finite") })
}

/// Whether a sequence is one that a sampler for `spec` could have made, with `n_images` pictures.
pub(super) fn is_sound(sequence: &Sequence, n_images: usize, spec: &Spec) -> bool {
    let (prompt, response) = sequence.elements.split_at(sequence.n_prompt);
    let is_plain = |element: &Element| matches!(*element, Element::Token(token) if spec.is_plain(token));
    let [first, inner @ .., last] = prompt else { return false };
    let mut seen = vec![false; n_images];
    let mut is_fresh = |element: &Element| match *element {
        Element::Image(index) => seen.get_mut(index).is_some_and(|seen| !std::mem::replace(seen, true)),
        Element::Token(_) => is_plain(element),
    };
    *first == Element::Token(spec.begin)
        && *last == Element::Token(spec.prompt_end)
        && inner.iter().all(is_plain)
        && response.iter().all(&mut is_fresh)
        && seen.iter().all(|&seen| seen)
}
