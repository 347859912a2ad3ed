//! The merges of byte-pair encoding, and their application to a word.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

/// Two neighbouring tokens may become one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Merge {
    pub pair: (u32, u32),
    /// When it was learnt; the lowest rank goes first.
    pub rank: u32,
    pub merged: u32,
}

/// All merges, in order of the pair.
#[derive(Debug, Clone)]
pub struct Merges {
    by_pair: Vec<Merge>,
}

impl Merges {
    /// # Errors
    ///
    /// The second of two merges of the same pair.
    pub fn new(mut merges: Vec<Merge>) -> Result<Self, Merge> {
        merges.sort_by_key(|merge| (merge.pair, merge.rank));
        match merges.windows(2).find(|two| two[0].pair == two[1].pair) {
            Some(two) => Err(two[1]),
            None => Ok(Merges { by_pair: merges }),
        }
    }

    /// Merges the tokens from `start` on, which are one word, until no pair is left to merge:
    /// always the pair of lowest rank, of those the leftmost.
    ///
    /// Takes O(n log n) for n bytes, so that a word of a thousand letters costs no more than a
    /// thousand words.
    pub fn apply(&self, tokens: &mut Vec<u32>, start: usize) {
        let mut word: Vec<Symbol> = tokens[start..]
            .iter()
            .enumerate()
            .map(|(i, &token)| Symbol { token, before: i.checked_sub(1), after: Some(i + 1), is_gone: false })
            .collect();
        if let Some(last) = word.last_mut() {
            last.after = None;
        }
        let mut queue = BinaryHeap::new();
        for left in 0..word.len() {
            self.enqueue(&word, Some(left), &mut queue);
        }
        while let Some(Reverse((_, left, merged))) = queue.pop() {
            // What was queued may have been overtaken: it counts if the pair that stands here now
            // gives the same token.
            let Some(right) = word[left].after.filter(|_| !word[left].is_gone) else { continue };
            if self.find(word[left].token, word[right].token).is_none_or(|found| found.merged != merged) {
                continue;
            }
            word[right].is_gone = true;
            word[left].token = merged;
            word[left].after = word[right].after;
            if let Some(after) = word[left].after {
                word[after].before = Some(left);
            }
            self.enqueue(&word, word[left].before, &mut queue);
            self.enqueue(&word, Some(left), &mut queue);
        }
        tokens.truncate(start);
        tokens.extend(word.iter().filter(|symbol| !symbol.is_gone).map(|symbol| symbol.token));
    }

    fn enqueue(&self, word: &[Symbol], left: Option<usize>, queue: &mut Queue) {
        let pair = left.and_then(|left| Some((left, word[left].after?)));
        if let Some((left, right)) = pair
            && let Some(merge) = self.find(word[left].token, word[right].token)
        {
            queue.push(Reverse((merge.rank, left, merge.merged)));
        }
    }

    fn find(&self, left: u32, right: u32) -> Option<&Merge> {
        let found = self.by_pair.binary_search_by_key(&(left, right), |merge| merge.pair);
        found.ok().map(|i| &self.by_pair[i])
    }
}

/// Rank, place of the left token, merged token; the lowest comes first.
type Queue = BinaryHeap<Reverse<(u32, usize, u32)>>;

/// A token of the word and its neighbours' places. A right token that was merged is gone.
struct Symbol {
    token: u32,
    before: Option<usize>,
    after: Option<usize>,
    is_gone: bool,
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The definition: look for the best pair, merge it, begin again.
    fn apply_slowly(merges: &Merges, tokens: &mut Vec<u32>) {
        let best = |tokens: &[u32]| {
            let found = tokens.windows(2).enumerate();
            found
                .filter_map(|(i, two)| Some((merges.find(two[0], two[1])?, i)))
                .min_by_key(|(merge, i)| (merge.rank, *i))
        };
        while let Some((merge, i)) = best(tokens) {
            tokens.splice(i..i + 2, [merge.merged]);
        }
    }

    #[test]
    fn the_queue_gives_what_the_definition_gives() {
        // Tokens 0, 1, 2 are bytes, each later one a merge of two earlier ones.
        let pairs = [(0, 1), (1, 1), (3, 2), (0, 4), (5, 3), (4, 4), (0, 0), (9, 9), (2, 2), (3, 3)];
        let merges = pairs.iter().zip(0..).map(|(&pair, rank)| Merge { pair, rank, merged: rank + 3 });
        let merges = Merges::new(merges.collect()).unwrap();
        for n in 0..7 {
            for code in 0..3u32.pow(n) {
                let word: Vec<u32> = (0..n).map(|i| code / 3u32.pow(i) % 3).collect();
                let (mut fast, mut slow) = ([vec![7], word.clone()].concat(), word);
                merges.apply(&mut fast, 1);
                apply_slowly(&merges, &mut slow);
                assert_eq!(fast[1..], slow);
            }
        }
    }
}
