//! Sprites in another colour: "a blue balloon", "a pink rabbit".

use super::scene::Tint;

/// The sprites that can be dyed.
pub const TINTABLE: [&str; 34] = [
    "rabbit",
    "cat",
    "dog",
    "mouse",
    "elephant",
    "bird",
    "butterfly",
    "fish",
    "balloon",
    "kite",
    "wrapped-gift",
    "ribbon",
    "yo-yo",
    "umbrella",
    "closed-umbrella",
    "scarf",
    "gloves",
    "socks",
    "top-hat",
    "billed-cap",
    "backpack",
    "bucket",
    "books",
    "candle",
    "tulip",
    "rose",
    "hibiscus",
    "star",
    "feather",
    "gem-stone",
    "kick-scooter",
    "bicycle",
    "automobile",
    "tent",
];

/// Whether a sprite can be dyed.
pub fn is_tintable(sprite: &str) -> bool {
    TINTABLE.contains(&sprite)
}

fn colour(tint: Tint) -> [f32; 3] {
    match tint {
        Tint::Red => [0.90, 0.20, 0.22],
        Tint::Orange => [0.97, 0.56, 0.14],
        Tint::Yellow => [0.98, 0.82, 0.22],
        Tint::Green => [0.32, 0.72, 0.32],
        Tint::Blue => [0.22, 0.50, 0.92],
        Tint::Purple => [0.56, 0.34, 0.82],
        Tint::Pink => [0.98, 0.54, 0.74],
    }
}

/// The cell with every pixel in the tint's hue: what is as light as the drawing on the whole gets
/// the colour itself, what is darker goes to black, what is lighter to white.
pub(super) fn dyed(cell: &[u8], tint: Tint) -> Vec<u8> {
    let light = |p: &[u8]| 0.30 * f32::from(p[0]) + 0.59 * f32::from(p[1]) + 0.11 * f32::from(p[2]);
    let opaque = cell.chunks_exact(4).filter(|p| p[3] > 127);
    let (sum, n) = opaque.fold((0.0, 0.0), |(sum, n): (f32, f32), p| (sum + light(p), n + 1.0));
    let mean = (sum / n.max(1.0)).clamp(1.0, 254.0);
    let target = colour(tint);
    let dye = |p: &[u8]| {
        let lightness = light(p);
        let rgb = target.map(|c| {
            let v = if lightness < mean {
                c * lightness / mean
            } else {
                c + (1.0 - c) * 0.8 * (lightness - mean) / (255.0 - mean)
            };
            (v * 255.0 + 0.5) as u8
        });
        [rgb[0], rgb[1], rgb[2], p[3]]
    };
    cell.chunks_exact(4).flat_map(dye).collect()
}
