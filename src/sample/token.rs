//! Drawing one token from Q.

use crate::flow::rng::Rng;

/// Draws a token: from softmax(logits / `temperature`), restricted to the likeliest tokens that
/// together have probability `top_p`, at least one. `banned` tokens are never drawn while any
/// other is left. Consumes one uniform number.
///
/// The numbers of [0, 1) are given to the tokens in the order of their ids, not of their
/// probabilities, so that logits that differ in the last bits seldom give another token.
///
/// # Panics
///
/// If there are no logits, or a banned token has none.
pub fn draw_token(logits: &[f32], banned: &[u32], temperature: f32, top_p: f32, rng: &mut Rng) -> u32 {
    // Large and finite, so that no difference of masked logits is undefined.
    const MASKED: f32 = -1e9;
    let mut logits = logits.to_vec();
    for &token in banned {
        logits[token as usize] = MASKED;
    }
    let highest = logits.iter().copied().fold(f32::MIN, f32::max);
    let weights: Vec<f32> = logits.iter().map(|&x| libm::expf((x - highest) / temperature)).collect();
    let kept = nucleus(&weights, top_p);
    let total: f64 = kept.iter().map(|&token| f64::from(weights[token])).sum();
    let mut left = f64::from(rng.uniform()) * total;
    for &token in &kept {
        left -= f64::from(weights[token]);
        if left < 0.0 {
            return token as u32;
        }
    }
    // Rounding can leave a rest; it belongs to the last token of positive weight.
    kept.iter().rev().find(|&&token| weights[token] > 0.0).copied().unwrap_or(kept[kept.len() - 1]) as u32
}

/// The fewest tokens, in the order of their ids, whose weights have the share `top_p` of the sum.
fn nucleus(weights: &[f32], top_p: f32) -> Vec<usize> {
    let mut tokens: Vec<usize> = (0..weights.len()).collect();
    if top_p >= 1.0 {
        return tokens;
    }
    // Among equal weights, the lower id comes first, because the sort is stable.
    tokens.sort_by(|&a, &b| weights[b].total_cmp(&weights[a]));
    let wanted = f64::from(top_p) * weights.iter().map(|&w| f64::from(w)).sum::<f64>();
    let mut sum = 0.0;
    let n = tokens.iter().take_while(|&&token| {
        let open = sum < wanted;
        sum += f64::from(weights[token]);
        open
    });
    let n = n.count().max(1);
    tokens.truncate(n);
    tokens.sort_unstable();
    tokens
}

/// log softmax(logits).
pub fn log_softmax(logits: &[f32]) -> Vec<f32> {
    let highest = logits.iter().copied().fold(f32::MIN, f32::max);
    let sum: f32 = logits.iter().map(|&x| libm::expf(x - highest)).sum();
    let log_sum = highest + libm::logf(sum);
    logits.iter().map(|&x| x - log_sum).collect()
}
