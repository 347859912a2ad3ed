//! Rain and snow as fixed tiles: streaks and flakes that stand where they always stand, for
//! random ones would be noise that no small model can learn.

use crate::data::canvas::{Canvas, Rgb, SIDE, in_ellipse, rgb};
use crate::data::world::places::Sky;

/// Side of the tile, pixels.
const TILE: f32 = 16.0;

/// Whether the sky has weather that is drawn in front.
pub(super) fn falls(sky: Sky) -> bool {
    matches!(sky, Sky::Rain | Sky::Snow)
}

/// Its colour.
pub(super) fn colour(sky: Sky) -> Rgb {
    if sky == Sky::Rain { rgb(218, 234, 250) } else { rgb(255, 255, 255) }
}

/// Is there a streak or a flake at this point?
pub(super) fn is_drop(sky: Sky, x: f32, y: f32) -> bool {
    match sky {
        Sky::Rain => {
            // Streaks lean to the left as they fall.
            const STREAKS: [(f32, f32); 4] = [(2.0, 1.0), (10.0, 4.5), (6.0, 9.0), (14.0, 12.0)];
            STREAKS.iter().any(|&(sx, sy)| {
                let along = wrapped(y - sy);
                along < 4.4 && wrapped(x + along * 0.5 - sx) < 0.9
            })
        }
        Sky::Snow => {
            const FLAKES: [(f32, f32, f32); 5] =
                [(3.0, 2.5, 0.95), (11.0, 5.0, 0.75), (6.5, 9.5, 0.75), (14.0, 11.5, 0.95), (1.5, 14.0, 0.7)];
            let (x, y) = (wrapped(x), wrapped(y));
            FLAKES.iter().any(|&(cx, cy, r)| in_ellipse(x, y, (cx, cy), (r, r)))
        }
        _ => false,
    }
}

/// The position within the tile.
fn wrapped(v: f32) -> f32 {
    let v = v + 4.0 * TILE;
    v - TILE * (v / TILE) as i32 as f32
}

/// What falls in front of an outdoor scene: a coverage for every pixel it touches.
pub(super) fn overlay(sky: Sky) -> Vec<(usize, f32)> {
    let mut canvas = Canvas::new();
    canvas.fill([1.0; 3], |x, y| is_drop(sky, x, y));
    let strength = if sky == Sky::Rain { 0.62 } else { 0.92 };
    let covered = canvas.reduce().into_iter().map(|c| c[0] * strength).enumerate();
    covered.filter(|&(i, a)| i < SIDE * SIDE && a > 0.0).collect()
}
