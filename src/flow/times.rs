//! The joint clock of text and pictures in an interleaved document.
//!
//! Text starts at time 0 and is complete at 1. A picture appears at a random moment of that, as a
//! token would, and then takes one unit of its own to be painted. On the extended clock τ the whole
//! takes two units: τ_text in [0, 2], τ_img in [-1, 2]. arXiv:2510.03506v3, Eq. 27-29.

use super::rng::Rng;
use super::schedule::Schedule;

/// A moment of the extended text clock, uniform in [0, 2). Consumes one uniform number.
pub fn draw_text_clock(rng: &mut Rng) -> f32 {
    2.0 * rng.uniform()
}

/// The time of an extended clock: min(1, max(0, τ)), in [0, 1].
pub fn clip(tau: f32) -> f32 {
    tau.clamp(0.0, 1.0)
}

/// A picture's extended clock τ_img = τ_text - κ⁻¹(u) for `u` uniform in [0, 1] (Eq. 28): κ⁻¹(u)
/// is the moment at which the picture appears, so it is absent with probability 1 - κ(t_text), as
/// a token is.
pub fn image_clock(schedule: Schedule, tau_text: f32, u: f32) -> f32 {
    tau_text - schedule.kappa_inverse(u)
}

/// A picture's time, or `None` while it is not in the sequence (Algorithm 3, line 4).
pub fn image_time(tau_img: f32) -> Option<f32> {
    (tau_img >= 0.0).then(|| clip(tau_img))
}
