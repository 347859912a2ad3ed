//! What a model is to the sampler: something that can be evaluated.

use crate::error::Result;
use crate::flow::image::ImageState;
use crate::flow::sequence::Sequence;

/// What a model is shown: everything that a run has made so far.
#[derive(Clone, Debug, PartialEq)]
pub struct State {
    /// Prompt and response; `Element::Image(i)` stands for `images[i]`.
    pub sequence: Sequence,
    /// The pictures, in the order in which they appeared. Each is in the sequence once.
    pub images: Vec<ImageState>,
    /// Time of the text in [0, 1]. The text heads take no time (section 2.1.1 of
    /// arXiv:2510.03506v3); this is for those who show it.
    pub t_text: f32,
}

/// What a model says of a state, from one forward.
#[derive(Clone, Debug, PartialEq)]
pub struct Prediction<H> {
    /// π, one a slot, in [0, 1]: the probability that nothing is missing there.
    pub zero_prob: Vec<f32>,
    /// λ, one a slot, positive: how many elements are missing where any is.
    pub insertion_rate: Vec<f32>,
    /// One an element of the response, in [0, 1]: the probability that it does not belong; empty for
    /// a model that does not say. Edit Flows (arXiv:2506.09018) have such a rate; OneFlow has none.
    pub delete_prob: Vec<f32>,
    /// One a picture: as many values as it has latents, or none where its time is 1.
    pub velocities: Vec<Vec<f32>>,
    /// What [`FlowModel::token_logits`] needs of this forward.
    pub hidden: H,
}

/// A model: two questions about a state, and one of them in two forms.
// Runs are driven from one thread, in a browser from one that has no others, so the futures need
// not be `Send`.
#[allow(async_fn_in_trait)]
pub trait FlowModel {
    /// What is kept of a forward to ask for tokens later.
    type Hidden;

    /// Runs the network: π and λ for each slot, the velocity of each picture that is not finished.
    async fn predict(&self, state: &State) -> Result<Prediction<Self::Hidden>>;

    /// [`predict`](Self::predict) where nobody will ask for tokens: the text is finished, and a model
    /// may leave out what it prepares for them.
    async fn predict_images(&self, state: &State) -> Result<Prediction<Self::Hidden>> {
        self.predict(state).await
    }

    /// Q for the slots asked for, in the order asked: `vocab_size` logits each.
    async fn token_logits(&self, hidden: &Self::Hidden, slots: &[usize]) -> Result<Vec<Vec<f32>>>;
}

/// What the sampler must know of a model.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Spec {
    /// The token that begins every prompt.
    pub begin: u32,
    /// The token that ends every prompt; the response follows.
    pub prompt_end: u32,
    /// The token that stands for a picture in Q, and nowhere else.
    pub image: u32,
    /// Tokens that Q knows, the three above included.
    pub vocab_size: usize,
    /// Values of one picture.
    pub latent_len: usize,
}
