//! The straight path of latents: Y_t = t·Y₁ + (1 - t)·Y₀ (arXiv:2510.03506v3, section 2.2).

/// The latents at time `t` in [0, 1] between `noise` Y₀ and `data` Y₁, of equal length.
pub fn latents_at(noise: &[f32], data: &[f32], t: f32) -> Vec<f32> {
    noise.iter().zip(data).map(|(&y0, &y1)| t * y1 + (1.0 - t) * y0).collect()
}

/// The velocity Y₁ - Y₀ of the path, the same at all times; the target of Eq. 9.
pub fn velocity(noise: &[f32], data: &[f32]) -> Vec<f32> {
    noise.iter().zip(data).map(|(&y0, &y1)| y1 - y0).collect()
}
