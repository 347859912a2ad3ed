//! Pictures to latents and back: the PCA patch codec, and the scales that go with it.
//!
//! A picture is cut into patches of `patch_px × patch_px` RGB pixels; each becomes `n_coefs`
//! coefficients on the principal components of such patches, divided by one global scale so that
//! a coefficient's mean square is 1 over the data. Decoding is one small matrix product, so every
//! step can show a preview.

use super::config::CodecConfig;
use crate::ops::cpu::elements::dot;

/// From pixels to latents and back.
pub trait ImageCodec {
    /// Latents `[p·k]` of a picture of RGB pixels, sRGB 0 to 255, row by row.
    fn encode(&self, rgb: &[u8]) -> Vec<f32>;
    /// RGB pixels, sRGB 0 to 255, of latents `[p·k]`.
    fn decode(&self, latents: &[f32]) -> Vec<u8>;
}

/// The closed-form codec.
#[derive(Clone, Debug)]
pub struct PcaCodec {
    config: CodecConfig,
    /// Mean patch `[patch_len]`, pixels in [0, 1].
    mean: Vec<f32>,
    /// Orthonormal components `[n_coefs, patch_len]`.
    components: Vec<f32>,
    /// The global scale: latents are coefficients divided by it.
    scale: f32,
}

impl PcaCodec {
    /// A codec of these parts.
    ///
    /// # Panics
    ///
    /// If a length does not fit `config`.
    pub fn new(config: CodecConfig, mean: Vec<f32>, components: Vec<f32>, scale: f32) -> Self {
        assert_eq!(mean.len(), config.patch_len(), "mean patch");
        assert_eq!(components.len(), config.n_coefs * config.patch_len(), "components");
        Self { config, mean, components, scale }
    }

    /// Its shape.
    pub fn config(&self) -> &CodecConfig {
        &self.config
    }

    /// The mean patch.
    pub fn mean(&self) -> &[f32] {
        &self.mean
    }

    /// The components, one a row.
    pub fn components(&self) -> &[f32] {
        &self.components
    }

    /// The global scale.
    pub fn scale(&self) -> f32 {
        self.scale
    }

    /// What the components are multiplied with, patch after patch `[p, patch_len]`: the picture's
    /// patches less the mean one.
    pub fn centred(&self, rgb: &[u8]) -> Vec<f32> {
        let len = self.config.patch_len();
        let mut centred = vec![0.0; self.config.n_patches() * len];
        self.each_value(|p, i, at| centred[p * len + i] = f32::from(rgb[at]) / 255.0 - self.mean[i]);
        centred
    }

    /// Calls `f` with the number of each patch, the number of each value in it, and the value's
    /// place in the picture.
    fn each_value(&self, mut f: impl FnMut(usize, usize, usize)) {
        let (px, patch) = (self.config.image_px, self.config.patch_px);
        let side = px / patch;
        for p in 0..side * side {
            let (top, left) = ((p / side) * patch, (p % side) * patch);
            for i in 0..3 * patch * patch {
                let (y, x) = (top + i / (3 * patch), left + i / 3 % patch);
                f(p, i, (y * px + x) * 3 + i % 3);
            }
        }
    }
}

impl ImageCodec for PcaCodec {
    fn encode(&self, rgb: &[u8]) -> Vec<f32> {
        let len = self.config.patch_len();
        let mut latents = Vec::with_capacity(self.config.latent_len());
        for patch in self.centred(rgb).chunks_exact(len) {
            for component in self.components.chunks_exact(len) {
                latents.push(dot(patch, component) / self.scale);
            }
        }
        latents
    }

    fn decode(&self, latents: &[f32]) -> Vec<u8> {
        let len = self.config.patch_len();
        let mut values = Vec::with_capacity(self.config.n_patches() * len);
        for coefs in latents.chunks_exact(self.config.n_coefs) {
            let start = values.len();
            values.extend_from_slice(&self.mean);
            let patch = &mut values[start..];
            for (coef, component) in coefs.iter().zip(self.components.chunks_exact(len)) {
                let weight = coef * self.scale;
                patch.iter_mut().zip(component).for_each(|(value, c)| *value += weight * c);
            }
        }
        let mut rgb = vec![0; values.len()];
        self.each_value(|p, i, at| {
            rgb[at] = (values[p * len + i] * 255.0 + 0.5).clamp(0.0, 255.0) as u8;
        });
        rgb
    }
}

/// What the adapters see and say of latents, in units of each coefficient's standard deviation σ.
///
/// On the path `y = t·y₁ + (1-t)·y₀` a coefficient has variance `s² = t²σ² + (1-t)²`. The network
/// sees `y/s` and says `f`, its estimate of the clean `y₁/σ`; the velocity follows from it:
///
/// ```text
/// v = (σ·f - y) / (1 - t)
/// ```
///
/// The network need not carry the noise through to its output, and the last step of any solver
/// lands on its estimate, so what it has not learned is blurred and not noisy.
#[derive(Clone, Debug)]
pub struct Preconditioner {
    /// σ of each coefficient `[k]`.
    pub std: Vec<f32>,
}

/// The loss on a velocity is that on the clean latents times 1/(1-t)²; beyond this time it grows
/// no further, because nothing is left to be seen there.
const LOSS_TIME: f32 = 0.5;

impl Preconditioner {
    /// The network's input for latents `[p·k]` at time `t`.
    pub fn input(&self, latents: &[f32], t: f32) -> Vec<f32> {
        self.each(latents, |y, std| y / spread(std, t))
    }

    /// The velocity `[p·k]` for latents and the network's output, both `[p·k]`, at a time `t`
    /// below 1.
    pub fn velocity(&self, latents: &[f32], output: &[f32], t: f32) -> Vec<f32> {
        let clean = self.each(output, |f, std| std * f);
        clean.iter().zip(latents).map(|(y1, y)| (y1 - y) / (1.0 - t)).collect()
    }

    /// E[y₁ | y] for normal coefficients, `t·σ²/s² · y`: what a preview shows of latents `[p·k]`.
    pub fn denoised(&self, latents: &[f32], t: f32) -> Vec<f32> {
        self.each(latents, |y, std| {
            let s = spread(std, t);
            t * std * std / (s * s) * y
        })
    }

    /// The output that would give the velocity `[p·k]`, and the factor of each of its errors in
    /// the loss, `Σ factor² · (f - target)²`: Eq. 9 of arXiv:2510.03506v3 for `t` up to 0.5, and
    /// with the weight of 0.5 after.
    pub fn target(&self, latents: &[f32], velocity: &[f32], t: f32) -> (Vec<f32>, Vec<f32>) {
        let clean: Vec<f32> = latents.iter().zip(velocity).map(|(y, v)| y + (1.0 - t) * v).collect();
        let left = 1.0 - t.min(LOSS_TIME);
        (self.each(&clean, |y1, std| y1 / std), self.each(&clean, |_, std| std / left))
    }

    fn each(&self, latents: &[f32], f: impl Fn(f32, f32) -> f32) -> Vec<f32> {
        let k = self.std.len();
        latents.iter().enumerate().map(|(i, &y)| f(y, self.std[i % k])).collect()
    }
}

fn spread(std: f32, t: f32) -> f32 {
    libm::sqrtf(t * t * std * std + (1.0 - t) * (1.0 - t))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn target_and_velocity_are_inverse() {
        let scale = Preconditioner { std: vec![2.0, 0.1] };
        let (y, v) = ([0.3, -0.2, 1.0, 0.05], [1.0, 2.0, -0.5, 0.0]);
        for t in [0.0, 0.3, 0.99] {
            let (f, _) = scale.target(&y, &v, t);
            let back = scale.velocity(&y, &f, t);
            for (a, b) in v.iter().zip(back) {
                assert!((a - b).abs() < 1e-4, "{a} {b} at {t}");
            }
        }
    }

    #[test]
    fn a_full_basis_loses_only_rounding() {
        let config = CodecConfig { kind: "pca-patch".into(), image_px: 4, patch_px: 2, n_coefs: 12 };
        let mut identity = vec![0.0; 144];
        (0..12).for_each(|i| identity[i * 13] = 1.0);
        let codec = PcaCodec::new(config, vec![0.4; 12], identity, 0.7);
        let rgb: Vec<u8> = (0..48).map(|i| (i * 5) as u8).collect();
        assert_eq!(codec.decode(&codec.encode(&rgb)), rgb);
    }
}
