//! A trigram model of words with interpolated Kneser-Ney smoothing (Chen and Goodman 1999, section
//! 2.7, with one discount an order), learned from the training stream. It is no outside model: it
//! knows which words follow each other in the world, and nothing of English.

use std::collections::HashMap;

/// Stands before and after each sentence.
const EDGE: u32 = 0;
/// Stands for every word that was not learned.
const UNKNOWN: u32 = 1;

/// The model: counts of n-grams and of what they continue.
#[derive(Debug)]
pub struct Trigram {
    ids: HashMap<String, u32>,
    /// Of trigrams counts; of bigrams and words, in how many contexts they occur.
    counts: [HashMap<[u32; 3], u32>; 3],
    /// Of each context, the sum of its counts and in how many words it goes on.
    contexts: [HashMap<[u32; 3], (u32, u32)>; 3],
    discounts: [f64; 3],
}

/// How well a model foretells texts.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Score {
    /// exp of the mean of -ln p over all words and sentence ends.
    pub perplexity: f64,
    /// Share of words that the model does not know.
    pub unknown_share: f64,
}

impl Trigram {
    /// Learns from sentences, each a list of words. A word seen once is learned as an unknown one.
    pub fn learn(sentences: &[Vec<String>]) -> Self {
        let mut seen: HashMap<&str, u32> = HashMap::new();
        sentences.iter().flatten().for_each(|word| *seen.entry(word).or_default() += 1);
        // In the order of the text, so that nothing depends on the order of a hash map.
        let mut ids = HashMap::new();
        for word in sentences.iter().flatten().filter(|word| seen[word.as_str()] > 1) {
            let next = UNKNOWN + 1 + ids.len() as u32;
            ids.entry(word.clone()).or_insert(next);
        }
        let mut model = Self { ids, counts: Default::default(), contexts: Default::default(), discounts: [0.0; 3] };
        for sentence in sentences {
            for gram in model.grams(sentence) {
                *model.counts[2].entry(gram).or_default() += 1;
            }
        }
        // A bigram counts once for each word before it, a word once for each bigram that ends in it.
        for order in [1, 0] {
            let (low, high) = model.counts.split_at_mut(order + 1);
            for &gram in high[0].keys() {
                *low[order].entry(shortened(gram, order)).or_default() += 1;
            }
        }
        for order in 0..3 {
            for (&[a, b, _], &count) in &model.counts[order] {
                let context = model.contexts[order].entry([a, b, 0]).or_default();
                context.0 += count;
                context.1 += 1;
            }
            let n = |k: u32| model.counts[order].values().filter(|&&count| count == k).count() as f64;
            let (once, twice) = (n(1), n(2));
            // Where nothing occurs once or twice, any discount below 1 serves.
            model.discounts[order] = if once > 0.0 { once / (once + 2.0 * twice) } else { 0.5 };
        }
        model
    }

    /// How well it foretells these sentences.
    pub fn score(&self, sentences: &[Vec<String>]) -> Score {
        let (mut nats, mut n, mut unknown, mut n_words) = (0.0, 0usize, 0usize, 0usize);
        for sentence in sentences {
            for gram in self.grams(sentence) {
                nats -= self.prob(gram).ln();
                n += 1;
            }
            n_words += sentence.len();
            unknown += sentence.iter().filter(|word| !self.ids.contains_key(*word)).count();
        }
        let share = |part: usize, whole: usize| part as f64 / whole.max(1) as f64;
        Score { perplexity: (nats / n.max(1) as f64).exp(), unknown_share: share(unknown, n_words) }
    }

    /// The trigrams of a sentence, the last of which ends it.
    fn grams(&self, sentence: &[String]) -> Vec<[u32; 3]> {
        let mut before = [EDGE; 2];
        let word = |word: &String| self.ids.get(word).copied().unwrap_or(UNKNOWN);
        let words = sentence.iter().map(word).chain([EDGE]);
        let grams = words.map(|word| {
            let gram = [before[0], before[1], word];
            before = [before[1], word];
            gram
        });
        grams.collect()
    }

    /// p(word | two words before it).
    fn prob(&self, gram: [u32; 3]) -> f64 {
        // All that can come: the words, an unknown one, the end.
        let mut prob = 1.0 / (self.ids.len() + 2) as f64;
        for order in 0..3 {
            let gram = shortened(gram, order);
            let Some(&(total, kinds)) = self.contexts[order].get(&[gram[0], gram[1], 0]) else { break };
            let (total, discount) = (f64::from(total), self.discounts[order]);
            let count = self.counts[order].get(&gram).map_or(0.0, |&count| f64::from(count));
            prob = (count - discount).max(0.0) / total + discount * f64::from(kinds) / total * prob;
        }
        prob
    }
}

/// The last `order + 1` words of a trigram; what is before them is no part of the key.
fn shortened([a, b, c]: [u32; 3], order: usize) -> [u32; 3] {
    // Numbers of words are below this one, so a short key is no long one.
    const NONE: u32 = u32::MAX;
    match order {
        0 => [NONE, NONE, c],
        1 => [NONE, b, c],
        _ => [a, b, c],
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn learned() -> (Trigram, Vec<Vec<String>>) {
        let lines = ["the fox runs", "the fox sleeps", "the dog runs", "a dog sleeps", "a fox runs", "the cat runs"];
        let sentences: Vec<Vec<String>> =
            lines.iter().map(|line| line.split(' ').map(str::to_owned).collect()).collect();
        (Trigram::learn(&sentences), sentences)
    }

    #[test]
    fn probabilities_of_what_can_come_sum_to_one() {
        let (model, _) = learned();
        let n = model.ids.len() as u32 + 2;
        for before in [[EDGE, EDGE], [EDGE, 2], [2, 3], [3, 2], [UNKNOWN, UNKNOWN], [2, UNKNOWN]] {
            let sum: f64 = (0..n).map(|word| model.prob([before[0], before[1], word])).sum();
            assert!((sum - 1.0).abs() < 1e-9, "{before:?}: {sum}");
        }
    }

    #[test]
    fn known_order_is_foretold_better_than_another_and_unknown_words_are_counted() {
        let (model, sentences) = learned();
        let turned: Vec<Vec<String>> = sentences.iter().map(|s| s.iter().rev().cloned().collect()).collect();
        assert!(model.score(&sentences).perplexity < 0.7 * model.score(&turned).perplexity);
        // "cat" was seen once.
        assert!((model.score(&sentences).unknown_share - 1.0 / 18.0).abs() < 1e-12);
    }
}
