//! Where the bytes of a file go.

use std::collections::BTreeMap;

use crate::ops::stored::BlockSpec;

/// One way to store a matrix.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Choice {
    /// Its blocks.
    pub spec: BlockSpec,
    /// What rounding it so costs.
    pub cost: f64,
}

/// Chooses for each matrix. All begin with their first choice; as long as `bytes` are left, the change
/// that saves most for each byte, of those that fit, is made.
pub fn spend(choices: &BTreeMap<String, Vec<Choice>>, mut bytes: i64) -> BTreeMap<String, Choice> {
    let mut chosen: BTreeMap<String, Choice> =
        choices.iter().filter_map(|(name, choices)| Some((name.clone(), *choices.first()?))).collect();
    loop {
        let mut best: Option<(f64, i64, &String, Choice)> = None;
        for (name, choices) in choices {
            let Some(now) = chosen.get(name) else { continue };
            for choice in choices {
                let more = choice.spec.size_bytes() as i64 - now.spec.size_bytes() as i64;
                let saved = (now.cost - choice.cost) / more as f64;
                if more > 0 && more <= bytes && saved > best.map_or(0.0, |(saved, ..)| saved) {
                    best = Some((saved, more, name, *choice));
                }
            }
        }
        let Some((_, more, name, choice)) = best else { return chosen };
        bytes -= more;
        chosen.insert(name.clone(), choice);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ops::stored::BlockFormat;

    /// Of 330, 340 or 360 bytes in blocks of 128, 64 or 32.
    fn choice(block: usize, cost: f64) -> Choice {
        Choice { spec: BlockSpec { format: BlockFormat::Q4, block, axis: 0, shape: [128, 5] }, cost }
    }

    #[test]
    fn bytes_go_where_each_saves_most_as_far_as_they_go() {
        let mut choices = BTreeMap::new();
        // 0.5 a byte, and then 0.1.
        choices.insert("a".to_string(), vec![choice(128, 9.0), choice(64, 4.0), choice(32, 2.0)]);
        // Less for the first 10 bytes than for all 30: 0.2 and 0.25 a byte.
        choices.insert("b".to_string(), vec![choice(128, 8.0), choice(64, 6.0), choice(32, 0.5)]);
        // Dearer, and no better.
        choices.insert("c".to_string(), vec![choice(128, 1.0), choice(64, 1.0)]);
        let blocks = |bytes| spend(&choices, bytes).values().map(|choice| choice.spec.block).collect::<Vec<_>>();
        assert_eq!(blocks(-1), [128, 128, 128]);
        assert_eq!(blocks(9), [128, 128, 128]);
        assert_eq!(blocks(10), [64, 128, 128]);
        assert_eq!(blocks(30), [64, 64, 128]);
        assert_eq!(blocks(40), [64, 32, 128]);
        assert_eq!(blocks(59), [64, 32, 128]);
        assert_eq!(blocks(1000), [32, 32, 128]);
    }
}
