//! The loss against time: of text by how much of it is there, of pictures by their time.
//!
//! Every number is a mean over what it is about (missing elements, slots, open slots, pictures), so
//! it does not depend on how many of these a batch happens to have.

use serde_json::{Value, json};

use super::batch::Batch;
use super::trainer::Each;

/// Bins of a picture's time, equally wide.
pub const N_IMAGE: usize = 8;
/// Bins of the share of a text that is there, equally wide, and one for complete texts.
pub const N_TEXT: usize = 9;

/// Sums over the steps since it was made.
#[derive(Clone, Debug, Default)]
pub struct Bins {
    text: [TextBin; N_TEXT],
    image: [Mean; N_IMAGE],
}

#[derive(Clone, Copy, Debug, Default)]
struct TextBin {
    tokens: Mean,
    gate: Mean,
    poisson: Mean,
}

/// Sum and count.
#[derive(Clone, Copy, Debug, Default)]
struct Mean {
    sum: f64,
    n: u64,
}

impl Mean {
    fn add(&mut self, value: f32) {
        self.sum += f64::from(value);
        self.n += 1;
    }

    fn join(self, other: Mean) -> Mean {
        Mean { sum: self.sum + other.sum, n: self.n + other.n }
    }

    /// The mean; nothing of nothing.
    fn value(self) -> Option<f64> {
        (self.n > 0).then(|| self.sum / self.n as f64)
    }
}

/// What one sequence's terms add up to.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct RowTerms {
    /// Of each missing element, -log Q.
    pub tokens: Vec<f32>,
    /// Of each slot, the gate's cross-entropy.
    pub gate: Vec<f32>,
    /// Of each open slot, the Poisson term above its floor.
    pub poisson: Vec<f32>,
    /// Of each picture, the mean squared error of its velocity.
    pub images: Vec<f32>,
}

/// The terms of a shard, sequence by sequence; none where it has no notes.
pub fn rows(batch: &Batch, each: &Each) -> Vec<RowTerms> {
    let (mut slot, mut missing) = (0, 0);
    let row = |(b, note): (usize, &super::batch::Note)| {
        let mut terms = RowTerms::default();
        for _ in &note.bags {
            let count = batch.targets.counts[slot] as usize;
            // Beside a token that does not belong nothing is asked.
            if batch.targets.slot_weights[slot] > 0.0 {
                terms.gate.push(each.gate[slot]);
            }
            if count > 0 {
                let k = count as f32;
                terms.poisson.push(each.poisson[slot] - (k - k * k.ln()));
            }
            terms.tokens.extend_from_slice(&each.tokens[missing..missing + count]);
            (slot, missing) = (slot + 1, missing + count);
        }
        if !each.images.is_empty() {
            let first = b * batch.input.n_images;
            terms.images.extend_from_slice(&each.images[first..first + note.image_times.len()]);
        }
        terms
    };
    batch.notes.iter().enumerate().map(row).collect()
}

impl Bins {
    /// Adds a shard.
    pub fn add(&mut self, batch: &Batch, each: &Each) {
        for (note, terms) in batch.notes.iter().zip(rows(batch, each)) {
            let bin = &mut self.text[text_bin(note.sequence.response().len(), note.n_clean)];
            terms.tokens.iter().for_each(|&value| bin.tokens.add(value));
            terms.gate.iter().for_each(|&value| bin.gate.add(value));
            terms.poisson.iter().for_each(|&value| bin.poisson.add(value));
            for (&t, &error) in note.image_times.iter().zip(&terms.images).filter(|&(&t, _)| t < 1.0) {
                self.image[((t * N_IMAGE as f32) as usize).min(N_IMAGE - 1)].add(error);
            }
        }
    }

    /// The means, for the log: `null` in a bin that nothing fell into.
    pub fn json(&self) -> Value {
        let text = |of: fn(&TextBin) -> Mean| -> Vec<Option<f64>> { self.text.iter().map(|b| of(b).value()).collect() };
        json!({
            "tokens": text(|bin| bin.tokens),
            "gate": text(|bin| bin.gate),
            "poisson": text(|bin| bin.poisson),
            "image": self.image.iter().map(|bin| bin.value()).collect::<Vec<_>>(),
        })
    }

    /// The means over all bins, for the log: `tokens` for each missing element, `gate` for each
    /// slot, `poisson` for each open slot and above its floor, `image` for each noised picture.
    pub fn totals(&self) -> Value {
        let text = |of: fn(&TextBin) -> Mean| self.text.iter().map(of).fold(Mean::default(), Mean::join).value();
        json!({
            "tokens": text(|bin| bin.tokens),
            "gate": text(|bin| bin.gate),
            "poisson": text(|bin| bin.poisson),
            "image": self.image.iter().copied().fold(Mean::default(), Mean::join).value(),
        })
    }
}

/// The bin of a text of which `n_left` of `n_clean` elements are there.
fn text_bin(n_left: usize, n_clean: usize) -> usize {
    if n_left >= n_clean { N_TEXT - 1 } else { n_left * (N_TEXT - 1) / n_clean }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_complete_text_is_in_the_last_bin() {
        assert_eq!([0, 12, 13, 99, 100].map(|n_left| text_bin(n_left, 100)), [0, 0, 1, 7, 8]);
        assert_eq!(text_bin(0, 0), N_TEXT - 1);
    }
}
