//! How long stories are, beside true ones.

use serde::Serialize;

/// Bars of the widest histogram.
const N_BARS: usize = 24;

/// Words of a story, as shares of stories in bins of one width.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Lengths {
    /// Words that a bin is wide; bin `i` begins at `i` times this.
    pub bin_words: usize,
    /// Shares of the model's stories.
    pub model: Vec<f64>,
    /// Shares of the true stories.
    pub ceiling: Vec<f64>,
    /// Mean of the model's over the mean of the true ones.
    pub ratio: f64,
    /// Half the sum of the differences, in [0, 1]: the share of stories that would have to change.
    pub total_variation: f64,
}

/// Compares numbers of words.
pub fn lengths(model: &[usize], truth: &[usize]) -> Lengths {
    let longest = model.iter().chain(truth).copied().max().unwrap_or(0);
    let bin_words = (longest + 1).div_ceil(N_BARS).max(1);
    let shares = |lengths: &[usize]| {
        let mut bins = vec![0u32; longest / bin_words + 1];
        lengths.iter().for_each(|&length| bins[length / bin_words] += 1);
        bins.into_iter().map(|n| f64::from(n) / lengths.len().max(1) as f64).collect::<Vec<f64>>()
    };
    let (model_shares, true_shares) = (shares(model), shares(truth));
    let apart: f64 = model_shares.iter().zip(&true_shares).map(|(a, b)| (a - b).abs()).sum();
    let mean = |lengths: &[usize]| lengths.iter().sum::<usize>() as f64 / lengths.len().max(1) as f64;
    Lengths {
        bin_words,
        model: model_shares,
        ceiling: true_shares,
        ratio: if mean(truth) > 0.0 { mean(model) / mean(truth) } else { 0.0 },
        total_variation: apart / 2.0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_lengths_are_no_way_apart_and_others_are_all_the_way() {
        let same = lengths(&[3, 50, 90], &[90, 3, 50]);
        assert_eq!((same.total_variation, same.ratio), (0.0, 1.0));
        let other = lengths(&[10, 10], &[40, 40]);
        assert_eq!((other.total_variation, other.ratio), (1.0, 0.25));
        assert!((other.model.iter().sum::<f64>() - 1.0).abs() < 1e-12);
        assert_eq!(lengths(&[], &[]).ratio, 0.0);
    }
}
