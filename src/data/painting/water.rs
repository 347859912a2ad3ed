//! The sea in front of what floats: boats for those who do not swim, and waves.

use std::sync::OnceLock;

use super::air::{water, wave};
use super::sky::light;
use super::stamp::Size;
use crate::data::canvas::{Canvas, Rgb, SIDE, mix, rgb, tint};
use crate::data::world::places::Sky;

/// Height of a boat's hull, pixels.
const HULL: f32 = 8.0;
/// How deep the feet are in the hull.
pub(super) const DECK: f32 = 4.0;

/// The waterline of what floats with its lower edge at `level`.
pub(super) fn waterline(level: f32, x: usize) -> f32 {
    level - 0.8 + wave(x as f32 + 2.5, 7.0) * 1.3
}

/// What is seen of a stamp's colour where it is partly under water.
pub(super) fn sunk(level: f32, (x, y): (usize, usize), stamp: [f32; 4]) -> [f32; 4] {
    let above = (waterline(level, x) - y as f32).clamp(0.0, 1.0);
    let seen = above + (1.0 - above) * 0.2;
    stamp.map(|v| v * seen)
}

/// A crest along the waterline, `half` pixels to either side.
pub(super) fn crest(pixels: &mut [Rgb], sky: Sky, (cx, level): (f32, f32), half: f32) {
    let foam = mix(water(sky).1, tint([1.0; 3], light(sky)), 0.75);
    let left = (cx - half).clamp(0.0, SIDE as f32) as usize;
    let right = (cx + half + 1.0).clamp(0.0, SIDE as f32) as usize;
    for x in left..right {
        let line = waterline(level, x);
        for y in [line as usize, line as usize + 1] {
            if y < SIDE {
                let cover = 1.0 - (y as f32 - line).abs();
                let pixel = &mut pixels[y * SIDE + x];
                *pixel = mix(*pixel, foam, 0.85 * cover.clamp(0.0, 1.0));
            }
        }
    }
}

/// A pixel of a hull: column from its middle, row from its top, colour and coverage.
type HullPixel = (isize, isize, Rgb, f32);

/// Draws a boat for an actor of this size whose feet are at `feet`.
pub(super) fn boat(pixels: &mut [Rgb], sky: Sky, size: Size, (cx, feet): (f32, f32)) {
    static HULLS: OnceLock<[Vec<HullPixel>; 3]> = OnceLock::new();
    let hulls = HULLS.get_or_init(|| [Size::Small, Size::Medium, Size::Large].map(hull));
    let hull = match size {
        Size::Small => &hulls[0],
        Size::Large => &hulls[2],
        _ => &hulls[1],
    };
    let light = light(sky);
    let (left, top) = (libm::floorf(cx + 0.5) as isize, libm::floorf(feet - DECK + 0.5) as isize);
    for &(dx, dy, colour, cover) in hull {
        let (x, y) = (left + dx, top + dy);
        if (0..SIDE as isize).contains(&x) && (0..SIDE as isize).contains(&y) {
            let pixel = &mut pixels[y as usize * SIDE + x as usize];
            *pixel = mix(*pixel, tint(colour, light), cover);
        }
    }
    let half = size.px() * 0.5 + 1.5;
    crest(pixels, sky, (cx, feet - DECK + HULL), half);
}

fn hull(size: Size) -> Vec<HullPixel> {
    let half = size.px() * 0.5 + 1.5;
    // Both ends rise a little.
    let top = |x: f32| 2.0 - (x - 32.0) * (x - 32.0) / (half * half) * 2.0;
    let inside = |x: f32, y: f32| {
        let width = half - (y - 1.0).max(0.0) * 0.55;
        y >= top(x) && y < HULL && (x - 32.0).abs() < width
    };
    let (mut shape, mut paint) = (Canvas::new(), Canvas::new());
    shape.fill([1.0; 3], inside);
    paint.gradient(rgb(206, 128, 72), rgb(140, 76, 46), (1.0, HULL), |_, _| true);
    paint.fill(rgb(126, 70, 44), |x, y| (0.0..0.5).contains(&(y - top(x) - 3.2)));
    paint.fill(rgb(250, 236, 208), |x, y| y < top(x) + 1.3);
    let pixels = shape.reduce().into_iter().zip(paint.reduce()).enumerate();
    let covered = pixels.filter(|(_, (shape, _))| shape[0] > 0.0);
    covered.map(|(i, (shape, colour))| ((i % SIDE) as isize - 32, (i / SIDE) as isize, colour, shape[0])).collect()
}
