//! A picture on its way from noise to data.

use super::rng::Rng;

/// The latents of one picture and its own time.
#[derive(Clone, Debug, PartialEq)]
pub struct ImageState {
    /// Its values, in the model's order.
    pub latents: Vec<f32>,
    /// In [0, 1]: 0 is noise, 1 is the finished picture.
    pub t: f32,
}

impl ImageState {
    /// A picture that was just inserted: `latent_len` draws from N(0, 1) in the order of the
    /// latents, at time 0. arXiv:2510.03506v3, Eq. 10.
    pub fn from_noise(latent_len: usize, rng: &mut Rng) -> Self {
        Self { latents: (0..latent_len).map(|_| rng.normal()).collect(), t: 0.0 }
    }

    /// Whether the picture is finished.
    pub fn is_done(&self) -> bool {
        self.t >= 1.0
    }
}
