//! Fitting the PCA patch codec to pictures, in closed form.

use nalgebra::{DMatrix, SymmetricEigen};

use crate::data::Picture;
use crate::model::codec::{ImageCodec, PcaCodec, Preconditioner};
use crate::model::config::CodecConfig;

/// The codec whose components are the first `n_coefs` principal ones of the pictures' patches,
/// and the standard deviation of each coefficient.
pub fn fit(config: &CodecConfig, pictures: &[Picture]) -> (PcaCodec, Preconditioner) {
    let len = config.patch_len();
    let patches = patches(config, pictures);
    let n = (patches.len() / len) as f64;
    let mut mean = vec![0.0f64; len];
    for patch in patches.chunks_exact(len) {
        mean.iter_mut().zip(patch).for_each(|(m, &v)| *m += f64::from(v) / n);
    }
    let centred = DMatrix::<f32>::from_fn(len, patches.len() / len, |i, p| patches[p * len + i] - mean[i] as f32);
    let covariance = (&centred * centred.transpose()).map(|v| f64::from(v) / n);
    let eigen = SymmetricEigen::new(covariance);
    let mut order: Vec<usize> = (0..len).collect();
    order.sort_by(|&a, &b| eigen.eigenvalues[b].total_cmp(&eigen.eigenvalues[a]));
    order.truncate(config.n_coefs);
    let variances: Vec<f64> = order.iter().map(|&i| eigen.eigenvalues[i].max(0.0)).collect();
    let scale = (variances.iter().sum::<f64>() / config.n_coefs as f64).sqrt().max(1e-6);
    let components = order
        .iter()
        .flat_map(|&i| {
            let column = eigen.eigenvectors.column(i);
            // An eigenvector's sign is arbitrary: fix it, so that a fit is reproducible.
            let sign = if column.sum() < 0.0 { -1.0 } else { 1.0 };
            column.iter().map(move |&v| (sign * v) as f32).collect::<Vec<f32>>()
        })
        .collect();
    // A floor keeps the scales of the loss finite where a coefficient never varies.
    let std = variances.iter().map(|v| (v.sqrt() / scale).max(1e-2) as f32).collect();
    let mean = mean.into_iter().map(|m| m as f32).collect();
    (PcaCodec::new(config.clone(), mean, components, scale as f32), Preconditioner { std })
}

/// Peak signal-to-noise ratio of `b` against `a` in dB, over sRGB values 0 to 255.
pub fn psnr(a: &[u8], b: &[u8]) -> f64 {
    let square = |(x, y): (&u8, &u8)| (f64::from(*x) - f64::from(*y)).powi(2);
    let mse = a.iter().zip(b).map(square).sum::<f64>() / a.len().max(1) as f64;
    10.0 * (255.0f64 * 255.0 / mse.max(1e-9)).log10()
}

/// Mean PSNR of the codec's reconstructions.
pub fn mean_psnr(codec: &PcaCodec, pictures: &[Picture]) -> f64 {
    let each = pictures.iter().map(|p| psnr(&p.rgb, &codec.decode(&codec.encode(&p.rgb))));
    each.sum::<f64>() / pictures.len().max(1) as f64
}

fn patches(config: &CodecConfig, pictures: &[Picture]) -> Vec<f32> {
    let identity = {
        let len = config.patch_len();
        let mut eye = vec![0.0; len * len];
        (0..len).for_each(|i| eye[i * (len + 1)] = 1.0);
        let whole = CodecConfig { n_coefs: len, ..config.clone() };
        PcaCodec::new(whole, vec![0.0; len], eye, 1.0)
    };
    pictures.iter().flat_map(|picture| identity.encode(&picture.rgb)).collect()
}
