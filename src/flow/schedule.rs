//! The schedule κ: how much of a text is there at which time.

/// κ(t), the probability that an element of the clean text is present at time `t`;
/// κ(0) = 0, κ(1) = 1, increasing. arXiv:2510.03506v3, Eq. 2.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub enum Schedule {
    /// κ(t) = t, which section 2.1 of the paper chose.
    #[default]
    Linear,
    /// κ(t) = t^k for an exponent k > 0.
    Power(f32),
}

impl Schedule {
    /// κ(t) for `t` in [0, 1]; times outside are clipped.
    pub fn kappa(self, t: f32) -> f32 {
        let t = t.clamp(0.0, 1.0);
        match self {
            Self::Linear => t,
            Self::Power(exponent) => libm::powf(t, exponent),
        }
    }

    /// The time at which κ is `u`, for `u` in [0, 1].
    pub fn kappa_inverse(self, u: f32) -> f32 {
        match self {
            Self::Linear => u,
            Self::Power(exponent) => libm::powf(u, 1.0 / exponent),
        }
    }

    /// The hazard w(t) = κ'(t) / (1 - κ(t)): the rate at which an element that is still missing
    /// arrives. It has a pole at 1; the denominator is at least `f32::EPSILON`, so the result is
    /// finite everywhere but at t = 0 of a power below 1.
    pub fn hazard(self, t: f32) -> f32 {
        let slope = match self {
            Self::Linear => 1.0,
            Self::Power(exponent) => exponent * libm::powf(t, exponent - 1.0),
        };
        slope / (1.0 - self.kappa(t)).max(f32::EPSILON)
    }

    /// The probability that an element missing at `t` arrives before `t + step_size`:
    /// (κ(t + d) - κ(t)) / (1 - κ(t)), in [0, 1].
    ///
    /// To first order it is d·w(t), which Algorithm 2 of the paper uses, and for the linear
    /// schedule it is the same; unlike d·w(t) it never exceeds 1. At and after `t = 1`, where
    /// nothing should be missing, it is 1.
    pub fn arrival_prob(self, t: f32, step_size: f32) -> f32 {
        let now = self.kappa(t);
        if now >= 1.0 {
            return 1.0;
        }
        ((self.kappa(t + step_size) - now) / (1.0 - now)).clamp(0.0, 1.0)
    }
}
