//! Rounding by products: the best there is where that can be searched, better than number by number
//! where it cannot.

use nalgebra::DMatrix;
use oneflow_web::checkpoint::blocks::{BlockFormat, BlockSpec, Blocks};
use oneflow_web::flow::rng::Rng;
use oneflow_web::train::rounding::Moments;

/// `Σ x·xᵀ` of inputs `[n, k]` of which neighbours are alike: each is `share` of the one before it.
fn correlated(k: usize, share: f64, seed: u64) -> DMatrix<f64> {
    let mut rng = Rng::new(seed);
    let n = 8 * k;
    let mut x = DMatrix::zeros(n, k);
    for row in 0..n {
        let mut before = f64::from(rng.normal());
        for i in 0..k {
            before = share * before + (1.0 - share * share).sqrt() * f64::from(rng.normal());
            x[(row, i)] = before;
        }
    }
    x.transpose() * x
}

fn normals(k: usize, seed: u64) -> Vec<f64> {
    let mut rng = Rng::new(seed);
    (0..k).map(|_| 0.1 * f64::from(rng.normal())).collect()
}

/// The line as [`Blocks::fit`] rounds it, number by number.
fn plain(values: &[f64], block: usize, format: BlockFormat) -> Vec<f64> {
    let spec = BlockSpec { format, block, axis: 1, shape: [1, values.len()] };
    let values: Vec<f32> = values.iter().map(|&value| value as f32).collect();
    Blocks::fit(spec, &values).unwrap().to_f32().into_iter().map(f64::from).collect()
}

/// Among 5⁴ lines around the plain one, none has much less of an error than the one found, at the
/// scale that it found.
#[test]
fn of_four_numbers_the_best_are_hardly_better() {
    for seed in 0..20 {
        let moments = Moments::new(correlated(4, 0.95, seed)).unwrap();
        let values = normals(4, 100 + seed);
        let found = moments.round(&values, 4, BlockFormat::Q4).unwrap();
        let error = moments.error(&values, &found.to_f64());
        let scale = found.scales[0].to_f64();
        let mut best = f64::INFINITY;
        for code in 0..5usize.pow(4) {
            let steps = (0..4).map(|i| (code / 5usize.pow(i) % 5) as f64 - 2.0);
            let near =
                values.iter().zip(steps).map(|(value, step)| ((value / scale).round() + step).clamp(-8.0, 7.0) * scale);
            best = best.min(moments.error(&values, &near.collect::<Vec<f64>>()));
        }
        // One number at a time may end where only two at once would help.
        assert!(error <= 1.3 * best + 1e-12, "{seed}: {error} {best}");
        let by_number = moments.error(&values, &plain_of_four(&values, scale));
        assert!(error <= by_number, "{seed}: {error} {by_number}");
    }
}

fn plain_of_four(values: &[f64], scale: f64) -> Vec<f64> {
    values.iter().map(|value| (value / scale).round().clamp(-8.0, 7.0) * scale).collect()
}

#[test]
fn products_of_correlated_inputs_change_less_than_number_by_number() {
    for (block, format) in [(32, BlockFormat::Q4), (64, BlockFormat::Q4), (32, BlockFormat::Q8)] {
        let moments = Moments::new(correlated(128, 0.9, 1)).unwrap();
        let (mut ours, mut theirs) = (0.0, 0.0);
        for seed in 0..8 {
            let values = normals(128, seed);
            ours += moments.error(&values, &moments.round(&values, block, format).unwrap().to_f64());
            theirs += moments.error(&values, &plain(&values, block, format));
        }
        assert!(ours < 0.4 * theirs, "{block} {format:?}: {ours} {theirs}");
    }
}

/// Without correlation there is nothing to make good: each number is rounded by itself.
#[test]
fn inputs_without_correlation_change_as_number_by_number() {
    let moments = Moments::new(DMatrix::identity(64, 64)).unwrap();
    for seed in 0..8 {
        let values = normals(64, seed);
        let line = moments.round(&values, 32, BlockFormat::Q4).unwrap();
        let scales = line.scales.iter().map(|scale| scale.to_f64());
        let scales: Vec<f64> = scales.flat_map(|scale| [scale; 32]).collect();
        for ((&value, &q), scale) in values.iter().zip(&line.numbers).zip(scales) {
            assert_eq!(f64::from(q), (value / scale).round().clamp(-8.0, 7.0), "{value} in units of {scale}");
        }
    }
}

#[test]
fn zeros_stay_and_what_no_scale_reaches_is_refused() {
    let moments = Moments::new(correlated(64, 0.5, 2)).unwrap();
    let line = moments.round(&[0.0; 64], 32, BlockFormat::Q4).unwrap();
    assert_eq!(line.to_f64(), [0.0; 64]);
    assert!(moments.round(&[1e9; 64], 32, BlockFormat::Q4).is_none());
    assert!(Moments::new(DMatrix::from_element(2, 2, 1.0) * -1.0).is_none());
}
