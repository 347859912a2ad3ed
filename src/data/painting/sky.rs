//! The sky: its six lights, its clouds and orbs, and what flashes up in it.

use super::scene::Spark;
use crate::data::canvas::{Canvas, Rgb, in_ellipse, mix, rgb};
use crate::data::world::places::Sky;

/// Height of the horizon, pixels from the top.
pub(super) const HORIZON: f32 = 38.0;

/// The colour of the light outdoors.
pub(super) fn light(sky: Sky) -> Rgb {
    match sky {
        Sky::Dawn => [1.0, 0.90, 0.86],
        Sky::Day => [1.0, 1.0, 1.0],
        Sky::Sunset => [1.0, 0.78, 0.66],
        Sky::Night => [0.42, 0.48, 0.76],
        Sky::Rain => [0.70, 0.76, 0.82],
        Sky::Snow => [0.93, 0.95, 1.0],
    }
}

/// Top, middle and horizon.
fn colours(sky: Sky) -> [Rgb; 3] {
    match sky {
        Sky::Dawn => [rgb(166, 178, 230), rgb(250, 200, 214), rgb(255, 232, 184)],
        Sky::Day => [rgb(84, 172, 244), rgb(150, 210, 250), rgb(216, 241, 253)],
        Sky::Sunset => [rgb(122, 82, 168), rgb(238, 118, 132), rgb(255, 196, 100)],
        Sky::Night => [rgb(18, 24, 72), rgb(40, 50, 112), rgb(78, 92, 160)],
        Sky::Rain => [rgb(98, 112, 136), rgb(140, 154, 174), rgb(186, 198, 210)],
        Sky::Snow => [rgb(148, 168, 200), rgb(184, 200, 224), rgb(222, 231, 243)],
    }
}

/// Fills the canvas with the sky.
pub(super) fn draw(canvas: &mut Canvas, sky: Sky) {
    let [top, middle, low] = colours(sky);
    let half = 20.0;
    canvas.gradient(top, middle, (0.0, half), |_, y| y < half);
    canvas.gradient(middle, low, (half, HORIZON + 2.0), |_, y| y >= half);
    match sky {
        Sky::Dawn => {
            orb(canvas, (12.0, 35.0), 6.2, rgb(255, 240, 176), rgb(255, 226, 190));
            clouds(canvas, &[(45.0, 9.0, 1.0), (22.0, 17.0, 0.6)], rgb(255, 234, 232));
        }
        Sky::Day => {
            orb(canvas, (53.0, 9.5), 5.6, rgb(255, 212, 64), rgb(255, 238, 160));
            clouds(canvas, &[(15.0, 9.0, 1.0), (37.0, 15.0, 0.7)], rgb(255, 255, 255));
        }
        Sky::Sunset => {
            orb(canvas, (50.0, 29.0), 7.4, rgb(255, 232, 132), rgb(255, 178, 106));
            clouds(canvas, &[(17.0, 10.0, 1.0), (40.0, 16.0, 0.6)], rgb(250, 150, 150));
        }
        Sky::Night => {
            canvas.fill(rgb(52, 62, 126), |x, y| in_ellipse(x, y, (52.0, 10.5), (8.6, 8.6)));
            canvas.fill(rgb(255, 241, 184), |x, y| {
                in_ellipse(x, y, (52.0, 10.5), (6.0, 6.0)) && !in_ellipse(x, y, (48.9, 9.2), (5.2, 5.2))
            });
            const STARS: [(f32, f32, f32); 14] = [
                (6.0, 5.0, 1.0),
                (14.0, 10.0, 0.7),
                (22.0, 4.5, 0.7),
                (26.0, 13.0, 1.0),
                (9.0, 19.0, 0.7),
                (35.0, 6.5, 0.7),
                (41.0, 16.0, 0.8),
                (58.0, 22.0, 0.8),
                (61.0, 3.5, 0.7),
                (32.0, 22.0, 0.7),
                (18.0, 24.0, 0.7),
                (3.5, 29.0, 0.7),
                (49.0, 25.0, 0.6),
                (39.0, 30.0, 0.6),
            ];
            for (cx, cy, r) in STARS {
                canvas.fill(rgb(255, 248, 220), |x, y| in_ellipse(x, y, (cx, cy), (r, r)));
            }
        }
        Sky::Rain => {
            let bank = [(4.0, 6.0, 1.1), (20.0, 8.0, 1.2), (38.0, 6.5, 1.2), (56.0, 8.5, 1.2)];
            clouds(canvas, &bank, rgb(92, 104, 128));
            clouds(canvas, &[(11.0, 3.0, 1.2), (30.0, 2.5, 1.3), (49.0, 2.5, 1.3)], rgb(76, 88, 112));
        }
        Sky::Snow => {
            let bank = [(5.0, 6.0, 1.1), (22.0, 8.0, 1.1), (41.0, 7.0, 1.2), (58.0, 9.0, 1.1)];
            clouds(canvas, &bank, rgb(200, 211, 229));
            clouds(canvas, &[(13.0, 3.0, 1.2), (32.0, 2.5, 1.3), (51.0, 2.5, 1.2)], rgb(186, 199, 220));
        }
    }
}

/// A disc and the glow around it.
fn orb(canvas: &mut Canvas, middle: (f32, f32), radius: f32, colour: Rgb, glow: Rgb) {
    canvas.fill(glow, |x, y| in_ellipse(x, y, middle, (radius * 1.32, radius * 1.32)));
    canvas.fill(colour, |x, y| in_ellipse(x, y, middle, (radius, radius)));
}

fn clouds(canvas: &mut Canvas, at: &[(f32, f32, f32)], colour: Rgb) {
    for &(cx, cy, size) in at {
        let part = |x: f32, y: f32, (dx, dy): (f32, f32), (rx, ry): (f32, f32)| {
            in_ellipse(x, y, (cx + dx * size, cy + dy * size), (rx * size, ry * size))
        };
        canvas.fill(colour, |x, y| {
            part(x, y, (-5.2, 1.0), (4.8, 2.8))
                || part(x, y, (-0.6, -1.2), (5.2, 4.2))
                || part(x, y, (5.4, 0.8), (5.0, 3.0))
        });
    }
}

/// Draws what flashes up over the sky.
pub(super) fn draw_spark(canvas: &mut Canvas, spark: Spark) {
    match spark {
        Spark::Rainbow => {
            const BANDS: [Rgb; 6] = [
                rgb(240, 92, 92),
                rgb(250, 160, 76),
                rgb(252, 224, 96),
                rgb(112, 206, 122),
                rgb(92, 164, 240),
                rgb(160, 116, 220),
            ];
            for (i, colour) in BANDS.into_iter().enumerate() {
                let outer = 30.0 - 1.7 * i as f32;
                let ring = |x: f32, y: f32, r: f32| in_ellipse(x, y, (32.0, 38.0), (r, r));
                canvas.fill(colour, |x, y| ring(x, y, outer) && !ring(x, y, outer - 1.7));
            }
        }
        Spark::ShootingStar => {
            // The tail rises to the right and thins out.
            canvas.paint(|x, y| {
                let along = (x - 17.0) / 26.0;
                let off = y - (16.5 - (x - 17.0) * 0.42);
                let half = 2.0 * (1.0 - along);
                let tail = (0.0..1.0).contains(&along) && (-half..half).contains(&off);
                tail.then(|| mix(rgb(255, 246, 190), rgb(160, 176, 226), along))
            });
            canvas.fill(rgb(255, 236, 130), |x, y| star(x, y, (16.0, 17.0), 5.0));
        }
        Spark::Fireworks => {
            burst(canvas, (15.0, 13.0), 9.0, rgb(255, 120, 140), rgb(255, 220, 150));
            burst(canvas, (36.0, 9.0), 7.0, rgb(255, 214, 84), rgb(255, 250, 220));
            burst(canvas, (50.0, 19.0), 8.0, rgb(110, 214, 250), rgb(220, 246, 255));
        }
    }
}

/// A star with four points.
fn star(x: f32, y: f32, (cx, cy): (f32, f32), r: f32) -> bool {
    let (dx, dy) = ((x - cx).abs() / r, (y - cy).abs() / r);
    dx + dy <= 1.0 && (dx + 0.12) * (dy + 0.12) <= 0.14
}

/// Eight rays with a spark at each end.
fn burst(canvas: &mut Canvas, (cx, cy): (f32, f32), r: f32, colour: Rgb, core: Rgb) {
    const RAYS: [(f32, f32); 8] =
        [(1.0, 0.0), (0.71, 0.71), (0.0, 1.0), (-0.71, 0.71), (-1.0, 0.0), (-0.71, -0.71), (0.0, -1.0), (0.71, -0.71)];
    for (rx, ry) in RAYS {
        canvas.fill(colour, |x, y| {
            let (dx, dy) = (x - cx, y - cy);
            let (along, off) = (dx * rx + dy * ry, (dx * ry - dy * rx).abs());
            (1.5..r * 0.82).contains(&along) && off < 0.55
        });
        canvas.fill(colour, |x, y| in_ellipse(x, y, (cx + rx * r, cy + ry * r), (1.0, 1.0)));
    }
    canvas.fill(core, |x, y| in_ellipse(x, y, (cx, cy), (1.7, 1.7)));
}
