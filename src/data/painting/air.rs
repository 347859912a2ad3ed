//! How light and weather change the colours of a place, and the shapes that several places share.

use super::sky::light;
use crate::data::canvas::{Canvas, Rgb, in_box, in_ellipse, in_triangle, mix, rgb, tint};
use crate::data::world::places::Sky;

/// Light and weather, as they change the colours of a place.
pub(super) struct Air {
    pub(super) sky: Sky,
    pub(super) light: Rgb,
}

impl Air {
    pub(super) fn new(sky: Sky) -> Self {
        Air { sky, light: light(sky) }
    }

    /// A surface that snow lies on, and that darkens when it is wet.
    pub(super) fn ground(&self, colour: Rgb) -> Rgb {
        tint(self.whitened(colour, 0.74), self.light)
    }

    /// Leaves: less snow stays on them.
    pub(super) fn leaf(&self, colour: Rgb) -> Rgb {
        tint(self.whitened(colour, 0.42), self.light)
    }

    /// What snow does not reach.
    pub(super) fn plain(&self, colour: Rgb) -> Rgb {
        tint(colour, self.light)
    }

    fn whitened(&self, colour: Rgb, share: f32) -> Rgb {
        if self.sky == Sky::Snow { mix(colour, rgb(246, 249, 255), share) } else { colour }
    }

    /// Puddles, when it rains.
    pub(super) fn puddles(&self, canvas: &mut Canvas, at: &[(f32, f32, f32)]) {
        if self.sky != Sky::Rain {
            return;
        }
        for &(cx, cy, rx) in at {
            canvas.fill(rgb(116, 134, 156), |x, y| in_ellipse(x, y, (cx, cy), (rx, rx * 0.24)));
            canvas.fill(rgb(176, 192, 210), |x, y| in_ellipse(x, y, (cx, cy + 0.4), (rx - 0.9, rx * 0.24 - 0.6)));
        }
    }
}

/// The water, near and far.
pub(super) fn water(sky: Sky) -> (Rgb, Rgb) {
    match sky {
        Sky::Dawn => (rgb(112, 156, 206), rgb(236, 200, 214)),
        Sky::Day => (rgb(36, 128, 206), rgb(108, 192, 236)),
        Sky::Sunset => (rgb(120, 82, 152), rgb(244, 152, 124)),
        Sky::Night => (rgb(24, 38, 96), rgb(52, 72, 142)),
        Sky::Rain => (rgb(70, 98, 124), rgb(122, 146, 166)),
        Sky::Snow => (rgb(104, 142, 176), rgb(172, 198, 218)),
    }
}

/// A wavy line of height 0 to 1 with this period, made of parabolas.
pub(super) fn wave(x: f32, period: f32) -> f32 {
    let phase = x / period - libm::floorf(x / period);
    4.0 * phase * (1.0 - phase)
}

/// Round spots of one size and colour.
pub(super) fn dots(canvas: &mut Canvas, at: &[(f32, f32)], r: f32, colour: Rgb) {
    for &middle in at {
        canvas.fill(colour, |x, y| in_ellipse(x, y, middle, (r, r)));
    }
}

/// A fir of three tiers.
pub(super) fn fir(canvas: &mut Canvas, air: &Air, (cx, top): (f32, f32), height: f32, colour: Rgb) {
    let half = height * 0.3;
    let base = top + height;
    canvas.fill(air.plain(rgb(112, 78, 58)), |x, y| {
        in_box(x, y, (cx - half * 0.22, base - 1.0), (cx + half * 0.22, base + 2.5))
    });
    let leaf = air.leaf(colour);
    for (at, share, wide) in [(0.0, 0.46, 0.62), (0.24, 0.7, 0.82), (0.5, 1.0, 1.0)] {
        canvas.gradient(leaf, mix(leaf, [0.0; 3], 0.16), (top + at * height, top + share * height), |x, y| {
            in_triangle(x, y, (cx, top + at * height), top + share * height, half * wide)
        });
    }
    if air.sky == Sky::Snow {
        let cap = air.plain(rgb(250, 252, 255));
        canvas.fill(cap, |x, y| in_triangle(x, y, (cx, top), top + height * 0.24, half * 0.34));
    }
}
