//! The text loss on plain slices: the reference that the trainer's loss over tensors is held to.

use super::noising::Bag;

/// The three sums of Eq. 7 over the slots of one sequence.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct TextLoss {
    /// Σ over missing tokens of -log Q (Eq. 6).
    pub tokens: f32,
    /// Σ over slots with a bag of λ - k·log λ (Eq. 4, the plain Poisson loss).
    pub poisson: f32,
    /// Σ over slots of the cross-entropy of π with "nothing is missing".
    pub gate: f32,
}

impl TextLoss {
    /// The loss of the sequence: the sum of the three, over a normaliser. Eq. 7 of the paper
    /// divides by the length of the noisy sequence.
    pub fn total(&self, normaliser: f32) -> f32 {
        (self.tokens + self.poisson + self.gate) / normaliser
    }
}

/// The text loss of one sequence, arXiv:2510.03506v3, Eq. 4, 6 and 7. For slot i:
///
/// ```text
/// -Σ_{a in A_i} log Q_i(a) + [k_i > 0]·(λ_i - k_i·log λ_i) - [k_i = 0]·log π_i - [k_i > 0]·log(1 - π_i)
/// ```
///
/// with the bag A_i of k_i tokens, `zero_prob` π in (0, 1), `insertion_rate` λ > 0 and
/// `log_probs` log Q; each has one entry a slot.
pub fn text_loss(zero_prob: &[f32], insertion_rate: &[f32], log_probs: &[Vec<f32>], bags: &[Bag]) -> TextLoss {
    let mut loss = TextLoss::default();
    for (i, bag) in bags.iter().enumerate() {
        if bag.tokens.is_empty() {
            loss.gate -= libm::logf(zero_prob[i]);
            continue;
        }
        let count = bag.tokens.len() as f32;
        loss.gate -= libm::log1pf(-zero_prob[i]);
        loss.poisson += insertion_rate[i] - count * libm::logf(insertion_rate[i]);
        loss.tokens -= bag.tokens.iter().map(|&token| log_probs[i][token as usize]).sum::<f32>();
    }
    loss
}
