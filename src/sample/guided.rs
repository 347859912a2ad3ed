//! Classifier-free guidance: a model around a model.
//!
//! The same state is shown once with its prompt and once with the empty prompt; what the prompt
//! changed is then exaggerated by 1 + w. arXiv:2510.03506v3, Eq. 12, with the weight counted as in
//! arXiv:2506.09018, appendix C: w = 0 is the plain model (Eq. 12 calls that w = 1).

use super::model::{FlowModel, Prediction, Spec, State};
use super::token::log_softmax;
use crate::error::Result;

/// A model with guidance. With both weights 0, or an empty prompt, it runs the inner model once
/// and changes nothing.
pub struct Guided<'a, M> {
    model: &'a M,
    empty_prompt: [u32; 2],
    text_weight: f32,
    image_weight: f32,
}

/// What a guided forward keeps: the inner model's, once or twice.
pub struct GuidedHidden<H> {
    with_prompt: H,
    without: Option<H>,
}

impl<'a, M: FlowModel> Guided<'a, M> {
    /// Wraps a model. Weights are not negative; 0 is off.
    pub fn new(model: &'a M, spec: &Spec, text_weight: f32, image_weight: f32) -> Self {
        Self { model, empty_prompt: [spec.begin, spec.prompt_end], text_weight, image_weight }
    }

    /// The state with its prompt dropped, where the second forward would change anything.
    fn without_prompt(&self, state: &State) -> Option<State> {
        let text = self.text_weight != 0.0;
        let images = self.image_weight != 0.0 && state.images.iter().any(|image| !image.is_done());
        let sequence = state.sequence.with_prompt(&self.empty_prompt);
        ((text || images) && sequence != state.sequence).then(|| State { sequence, ..state.clone() })
    }

    /// What the prompt changed, exaggerated.
    fn guided(
        &self,
        plain: Prediction<M::Hidden>,
        null: Option<Prediction<M::Hidden>>,
    ) -> Prediction<GuidedHidden<M::Hidden>> {
        let Prediction { zero_prob, mut insertion_rate, delete_prob, mut velocities, hidden: with_prompt } = plain;
        if let Some(null) = &null {
            if self.text_weight != 0.0 {
                guide_rates(&mut insertion_rate, &null.insertion_rate, self.text_weight);
            }
            if self.image_weight != 0.0 {
                for (velocity, null) in velocities.iter_mut().zip(&null.velocities) {
                    guide(velocity, null, self.image_weight);
                }
            }
        }
        let hidden = GuidedHidden { with_prompt, without: null.map(|null| null.hidden) };
        Prediction { zero_prob, insertion_rate, delete_prob, velocities, hidden }
    }
}

impl<M: FlowModel> FlowModel for Guided<'_, M> {
    type Hidden = GuidedHidden<M::Hidden>;

    /// log λ and velocities are guided; π and deletions stay those of the prompt.
    async fn predict(&self, state: &State) -> Result<Prediction<Self::Hidden>> {
        let plain = self.model.predict(state).await?;
        let null = match self.without_prompt(state) {
            Some(state) => Some(self.model.predict(&state).await?),
            None => None,
        };
        Ok(self.guided(plain, null))
    }

    async fn predict_images(&self, state: &State) -> Result<Prediction<Self::Hidden>> {
        let plain = self.model.predict_images(state).await?;
        let null = match self.without_prompt(state) {
            Some(state) => Some(self.model.predict_images(&state).await?),
            None => None,
        };
        Ok(self.guided(plain, null))
    }

    /// Guided log Q, not normalised.
    async fn token_logits(&self, hidden: &Self::Hidden, slots: &[usize]) -> Result<Vec<Vec<f32>>> {
        let mut logits = self.model.token_logits(&hidden.with_prompt, slots).await?;
        let Some(without) = hidden.without.as_ref().filter(|_| self.text_weight != 0.0) else {
            return Ok(logits);
        };
        let nulls = self.model.token_logits(without, slots).await?;
        for (logits, null) in logits.iter_mut().zip(&nulls) {
            *logits = log_softmax(logits);
            guide(logits, &log_softmax(null), self.text_weight);
        }
        Ok(logits)
    }
}

/// x_null + (1 + w)·(x - x_null), value by value.
fn guide(values: &mut [f32], nulls: &[f32], weight: f32) {
    for (x, &null) in values.iter_mut().zip(nulls) {
        *x = null + (1.0 + weight) * (*x - null);
    }
}

/// The same for logarithms of rates.
fn guide_rates(rates: &mut [f32], nulls: &[f32], weight: f32) {
    let log = |rates: &[f32]| rates.iter().map(|&rate| libm::logf(rate)).collect::<Vec<f32>>();
    let mut log_rates = log(rates);
    guide(&mut log_rates, &log(nulls), weight);
    for (rate, log_rate) in rates.iter_mut().zip(log_rates) {
        // A rate beyond e³⁰ means no more than e³⁰, and this one stays finite.
        *rate = libm::expf(log_rate.clamp(-30.0, 30.0));
    }
}
