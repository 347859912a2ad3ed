//! What is done value by value and row by row.

/// Values that are computed side by side.
const WIDTH: usize = 8;

/// `x · sigmoid(x)`, in place.
pub(super) fn silu(values: &mut [f32]) {
    values.iter_mut().for_each(|value| *value /= 1.0 + exp(-*value));
}

/// `exp(x)`, in place.
pub(super) fn exp_all(values: &mut [f32]) {
    values.iter_mut().for_each(|value| *value = exp(*value));
}

/// `x / sqrt(mean(x²) + 1e-6) · gain` of each row.
pub(in crate::ops) fn norm_rows<'a>(rows: impl Iterator<Item = &'a [f32]>, gain: &[f32]) -> Vec<f32> {
    let mut values = Vec::new();
    for row in rows {
        let scale = norm_scale(row);
        values.extend(row.iter().zip(gain).map(|(x, gain)| x * scale * gain));
    }
    values
}

/// What brings a row's mean square to 1, nearly: `1 / sqrt(mean(x²) + 1e-6)`.
pub(in crate::ops) fn norm_scale(row: &[f32]) -> f32 {
    1.0 / (dot(row, row) / row.len() as f32 + 1e-6).sqrt()
}

/// The inner product, summed in eight lanes so that it becomes vectors.
pub(crate) fn dot(a: &[f32], b: &[f32]) -> f32 {
    let ((a, a_rest), (b, b_rest)) = (a.as_chunks::<WIDTH>(), b.as_chunks::<WIDTH>());
    let mut sums = [0.0; WIDTH];
    for (a, b) in a.iter().zip(b) {
        for j in 0..WIDTH {
            sums[j] += a[j] * b[j];
        }
    }
    sums.iter().sum::<f32>() + a_rest.iter().zip(b_rest).map(|(a, b)| a * b).sum::<f32>()
}

/// Turns scores into shares that sum to 1, in place: `exp(x - max) / Σ exp(x - max)`.
pub(in crate::ops) fn softmax(scores: &mut [f32]) {
    let (lanes, rest) = scores.as_chunks::<WIDTH>();
    let mut largest = [f32::MIN; WIDTH];
    for lane in lanes {
        for j in 0..WIDTH {
            largest[j] = largest[j].max(lane[j]);
        }
    }
    let largest = largest.iter().chain(rest).fold(f32::MIN, |a, &b| a.max(b));
    scores.iter_mut().for_each(|score| *score -= largest);
    exp_all(scores);
    let (lanes, rest) = scores.as_chunks::<WIDTH>();
    let mut sums = [0.0; WIDTH];
    for lane in lanes {
        for j in 0..WIDTH {
            sums[j] += lane[j];
        }
    }
    let scale = 1.0 / (sums.iter().sum::<f32>() + rest.iter().sum::<f32>());
    scores.iter_mut().for_each(|share| *share *= scale);
}

/// The exponential, within two roundings from -87 to 88, 0 below and infinite above; without
/// branches, so that loops over it become vectors. `exp(x) = 2ⁿ · exp(r)` with `r = x - n·ln 2`, |r| ≤ ln 2 / 2,
/// and the series of `exp(r)` up to `r⁷`.
#[inline(always)]
pub(in crate::ops) fn exp(x: f32) -> f32 {
    /// Adding 1.5 · 2²³ rounds to whole numbers, which then stand in the last bits.
    const ROUND: f32 = 12_582_912.0;
    /// ln 2 in two parts; a whole number of up to 8 bits times the first is exact.
    const LN_2: [f32; 2] = [0.693_359_4, -2.121_944_4e-4];
    /// The exponential of less is not normal, and of more no number.
    const LOWEST: f32 = -87.0;
    const HIGHEST: f32 = 88.0;
    let shifted = x * std::f32::consts::LOG2_E + ROUND;
    let n = shifted - ROUND;
    let r = x - n * LN_2[0] - n * LN_2[1];
    let mut sum = 1.0 / 5040.0;
    for factor in [1.0 / 720.0, 1.0 / 120.0, 1.0 / 24.0, 1.0 / 6.0, 0.5, 1.0, 1.0] {
        sum = sum * r + factor;
    }
    let power = (shifted.to_bits() << 23).wrapping_add(127 << 23);
    let power = f32::from_bits(power);
    if x < LOWEST {
        0.0
    } else if x > HIGHEST {
        f32::INFINITY
    } else {
        sum * power
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_exponential_is_within_two_roundings() {
        let mut worst = 0.0_f64;
        for i in -86_000..=87_900 {
            let x = i as f32 / 1000.0;
            let exact = f64::from(x).exp();
            worst = worst.max((f64::from(exp(x)) - exact).abs() / exact);
        }
        assert!(worst < 2.4e-7, "off by {worst}");
        assert_eq!((exp(0.0), exp(-0.0)), (1.0, 1.0));
    }

    #[test]
    fn the_exponential_ends_where_f32_does() {
        assert_eq!((exp(-1e12), exp(f32::MIN), exp(f32::NEG_INFINITY)), (0.0, 0.0, 0.0));
        assert_eq!((exp(1e12), exp(f32::MAX), exp(f32::INFINITY)), (f32::INFINITY, f32::INFINITY, f32::INFINITY));
        assert!(exp(f32::NAN).is_nan());
    }
}
