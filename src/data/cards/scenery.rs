//! The 32 backgrounds: eight places under four skies.
//!
//! Every place lets the sky be seen above the characters: the cave has a wide
//! mouth and the house large windows. Sun and moon stand where both show them.

use super::names::{Place, Sky};
use crate::data::canvas::{Canvas, Rgb, in_box, in_ellipse, in_triangle, mix, rgb, tint};

/// Height of the horizon, pixels from the top.
const HORIZON: f32 = 38.0;
/// Sun and moon.
const ORB: (f32, f32) = (46.0, 11.0);

/// What stands behind the characters.
pub(crate) fn background(place: Place, sky: Sky) -> Vec<Rgb> {
    let mut canvas = Canvas::new();
    draw_sky(&mut canvas, sky);
    let light = light(sky);
    match place {
        Place::Meadow => meadow(&mut canvas, light),
        Place::Forest => forest(&mut canvas, light),
        Place::Beach => beach(&mut canvas, light, sky),
        Place::Snow => snow(&mut canvas, light),
        Place::Sea => sea(&mut canvas, light, sky),
        Place::Cave => cave(&mut canvas, light),
        Place::Indoor => indoor(&mut canvas, sky),
        Place::Road => road(&mut canvas, light),
    }
    canvas.reduce()
}

/// What stands before the characters, as colour and coverage: the boat.
pub(crate) fn foreground(place: Place, sky: Sky) -> Option<Vec<(Rgb, f32)>> {
    if place != Place::Sea {
        return None;
    }
    let light = light(sky);
    let mut shape = Canvas::new();
    shape.fill([1.0; 3], |x, y| hull(x, y) || y >= 59.5);
    let mut colour = Canvas::new();
    colour.gradient(tint(rgb(196, 118, 66), light), tint(rgb(142, 76, 44), light), (50.0, 60.0), |_, _| true);
    colour.fill(tint(rgb(245, 232, 205), light), |_, y| y < 51.6);
    let (near, _) = water(sky);
    colour.fill(near, |x, y| y >= 59.5 + wave(x, 8.0));
    let coverage = shape.reduce();
    Some(colour.reduce().into_iter().zip(coverage).map(|(c, a)| (c, a[0])).collect())
}

fn hull(x: f32, y: f32) -> bool {
    let half = 31.0 - (y - 50.0) * 0.6;
    (50.0..61.0).contains(&y) && (x - 32.0).abs() <= half
}

/// The colour of the light outdoors.
fn light(sky: Sky) -> Rgb {
    match sky {
        Sky::Day => [1.0, 1.0, 1.0],
        Sky::Sunset => [1.0, 0.80, 0.70],
        Sky::Night => [0.42, 0.48, 0.74],
        Sky::Rain => [0.72, 0.77, 0.82],
    }
}

fn draw_sky(canvas: &mut Canvas, sky: Sky) {
    let span = (0.0, HORIZON + 2.0);
    match sky {
        Sky::Day => {
            canvas.gradient(rgb(104, 186, 246), rgb(214, 240, 252), span, |_, _| true);
            canvas.fill(rgb(255, 232, 150), |x, y| in_ellipse(x, y, ORB, (7.0, 7.0)));
            canvas.fill(rgb(255, 208, 60), |x, y| in_ellipse(x, y, ORB, (5.4, 5.4)));
            canvas.fill(rgb(255, 255, 255), |x, y| cloud(x, y, 17.0, 12.0));
        }
        Sky::Sunset => {
            canvas.gradient(rgb(178, 100, 176), rgb(255, 190, 104), span, |_, _| true);
            canvas.fill(rgb(255, 176, 112), |x, y| in_ellipse(x, y, (46.0, 19.0), (9.6, 9.6)));
            canvas.fill(rgb(255, 226, 128), |x, y| in_ellipse(x, y, (46.0, 19.0), (7.6, 7.6)));
            canvas.fill(rgb(238, 140, 150), |x, y| cloud(x, y, 17.0, 12.0));
        }
        Sky::Night => {
            canvas.gradient(rgb(22, 28, 78), rgb(70, 82, 150), span, |_, _| true);
            canvas.fill(rgb(255, 240, 178), |x, y| {
                in_ellipse(x, y, ORB, (6.2, 6.2)) && !in_ellipse(x, y, (ORB.0 - 3.2, ORB.1 - 1.4), (5.4, 5.4))
            });
            const STARS: [(f32, f32); 9] = [
                (14.0, 9.0),
                (22.0, 15.0),
                (25.0, 7.0),
                (11.0, 18.0),
                (53.0, 21.0),
                (4.0, 5.0),
                (60.0, 7.0),
                (37.0, 21.0),
                (5.0, 27.0),
            ];
            for star in STARS {
                canvas.fill(rgb(255, 246, 214), |x, y| in_ellipse(x, y, star, (1.0, 1.0)));
            }
        }
        Sky::Rain => {
            canvas.gradient(rgb(112, 126, 148), rgb(184, 196, 208), span, |_, _| true);
            canvas.fill(rgb(88, 100, 122), |x, y| cloud(x, y, 17.0, 11.0) || cloud(x, y, 45.0, 11.0));
            canvas.fill(rgb(214, 230, 246), |x, y| {
                // Streaks lean to the left as they fall; rows alternate.
                let row = (y / 8.0) as i32;
                let along = y - row as f32 * 8.0;
                let shifted = x + y * 0.35 + if row % 2 == 0 { 0.0 } else { 4.0 };
                let column = shifted - 8.0 * ((shifted / 8.0) as i32 as f32);
                y > 15.0 && along < 4.5 && column < 0.9
            });
        }
    }
}

fn cloud(x: f32, y: f32, cx: f32, cy: f32) -> bool {
    in_ellipse(x, y, (cx - 5.0, cy + 0.8), (4.6, 3.0))
        || in_ellipse(x, y, (cx, cy - 1.4), (5.4, 4.4))
        || in_ellipse(x, y, (cx + 5.6, cy + 0.6), (4.8, 3.2))
}

/// A wavy line of height 0 to 1 with this period, made of parabolas.
fn wave(x: f32, period: f32) -> f32 {
    let phase = x / period - (x / period) as i32 as f32;
    4.0 * phase * (1.0 - phase)
}

fn meadow(canvas: &mut Canvas, light: Rgb) {
    canvas.fill(tint(rgb(158, 214, 120), light), |x, y| {
        in_ellipse(x, y, (14.0, 46.0), (26.0, 14.0)) || in_ellipse(x, y, (54.0, 46.0), (24.0, 11.0))
    });
    canvas
        .gradient(tint(rgb(128, 204, 92), light), tint(rgb(92, 176, 76), light), (HORIZON, 64.0), |_, y| y >= HORIZON);
    const FLOWERS: [(f32, f32, Rgb); 6] = [
        (5.0, 44.0, rgb(255, 122, 150)),
        (59.0, 45.0, rgb(255, 226, 96)),
        (9.0, 60.5, rgb(255, 240, 250)),
        (32.0, 61.0, rgb(255, 122, 150)),
        (56.0, 60.5, rgb(255, 240, 250)),
        (32.0, 42.0, rgb(255, 226, 96)),
    ];
    for (cx, cy, colour) in FLOWERS {
        canvas.fill(tint(colour, light), |x, y| in_ellipse(x, y, (cx, cy), (1.5, 1.5)));
    }
}

fn forest(canvas: &mut Canvas, light: Rgb) {
    canvas.gradient(tint(rgb(92, 158, 84), light), tint(rgb(62, 124, 66), light), (HORIZON, 64.0), |_, y| y >= HORIZON);
    let far = tint(rgb(74, 142, 96), light);
    for cx in [16.0, 26.0, 36.0, 47.0] {
        canvas.fill(far, |x, y| in_triangle(x, y, (cx, 22.0), HORIZON + 1.0, 6.5));
    }
    let near = tint(rgb(40, 108, 72), light);
    let trunk = tint(rgb(112, 76, 54), light);
    for cx in [4.5, 59.5] {
        canvas.fill(trunk, |x, y| in_box(x, y, (cx - 1.8, 38.0), (cx + 1.8, 46.0)));
        for (top, base, half) in [(6.0, 20.0, 6.5), (14.0, 30.0, 8.5), (23.0, 40.0, 10.5)] {
            canvas.fill(near, |x, y| in_triangle(x, y, (cx, top), base, half));
        }
    }
}

/// The near and the far colour of water.
fn water(sky: Sky) -> (Rgb, Rgb) {
    match sky {
        Sky::Day => (rgb(42, 134, 206), rgb(96, 186, 232)),
        Sky::Sunset => (rgb(128, 88, 158), rgb(240, 152, 128)),
        Sky::Night => (rgb(24, 44, 104), rgb(62, 88, 156)),
        Sky::Rain => (rgb(78, 108, 136), rgb(124, 150, 172)),
    }
}

fn beach(canvas: &mut Canvas, light: Rgb, sky: Sky) {
    let (near, far) = water(sky);
    canvas.gradient(far, near, (34.0, 46.0), |_, y| y >= 34.0);
    canvas.fill(mix(far, [1.0; 3], 0.55), |x, y| y >= 42.2 + wave(x, 16.0) * 1.2);
    canvas.gradient(tint(rgb(250, 228, 168), light), tint(rgb(236, 204, 136), light), (44.0, 64.0), |x, y| {
        y >= 43.8 + wave(x, 16.0) * 1.2
    });
    let trunk = tint(rgb(160, 112, 72), light);
    canvas.fill(trunk, |x, y| (18.0..47.0).contains(&y) && (x - 4.0 - (47.0 - y) * 0.06).abs() < 1.5);
    let leaf = tint(rgb(62, 158, 84), light);
    for (cx, cy, rx, ry) in [
        (1.0, 19.5, 5.0, 2.2),
        (10.5, 19.5, 5.0, 2.2),
        (5.8, 16.0, 2.2, 4.4),
        (0.5, 15.4, 4.4, 2.0),
        (11.0, 15.4, 4.4, 2.0),
    ] {
        canvas.fill(leaf, |x, y| in_ellipse(x, y, (cx, cy), (rx, ry)));
    }
}

fn snow(canvas: &mut Canvas, light: Rgb) {
    let rock = tint(rgb(132, 156, 192), light);
    let cap = tint(rgb(248, 252, 255), light);
    for (cx, top, half) in [(13.0, 17.0, 17.0), (53.0, 20.0, 16.0)] {
        canvas.fill(rock, |x, y| in_triangle(x, y, (cx, top), 41.0, half));
        canvas.fill(cap, |x, y| in_triangle(x, y, (cx, top), 41.0, half) && y < top + 7.0 - wave(x, 5.0) * 2.0);
    }
    canvas.gradient(tint(rgb(246, 250, 255), light), tint(rgb(206, 224, 244), light), (HORIZON, 64.0), |x, y| {
        y >= HORIZON + 1.0 || in_ellipse(x, y, (32.0, 41.0), (20.0, 6.0))
    });
}

fn sea(canvas: &mut Canvas, light: Rgb, sky: Sky) {
    let (near, far) = water(sky);
    canvas.gradient(far, near, (36.0, 64.0), |_, y| y >= 36.0);
    let foam = mix(far, tint([1.0; 3], light), 0.45);
    for (row, y0) in [(0, 41.0), (1, 46.5)] {
        canvas.fill(foam, |x, y| {
            let line = y0 + wave(x + row as f32 * 5.0, 10.0) * 1.6;
            y >= line && y < line + 1.0
        });
    }
}

fn cave(canvas: &mut Canvas, light: Rgb) {
    let floor = mix(tint(rgb(150, 130, 124), light), rgb(112, 98, 104), 0.5);
    canvas.gradient(floor, rgb(84, 72, 82), (HORIZON, 64.0), |_, y| y >= HORIZON);
    let wall = mix(tint(rgb(116, 98, 104), light), rgb(78, 66, 78), 0.6);
    let mouth = |x: f32, y: f32| in_ellipse(x, y, (32.0, 40.0), (28.0, 37.0));
    canvas.fill(wall, |x, y| y < 44.0 && !mouth(x, y));
    canvas.gradient(wall, rgb(84, 72, 82), (44.0, 64.0), |x, y| y >= 44.0 && !mouth(x, y));
    for (cx, tip) in [(16.0, 15.0), (24.0, 9.0), (39.0, 8.5), (56.0, 24.0)] {
        canvas.fill(wall, |x, y| y < tip && (x - cx).abs() <= 2.2 * (tip - y) / 8.0);
    }
    canvas.fill(mix(wall, [0.0; 3], 0.18), |x, y| {
        in_ellipse(x, y, (3.0, 50.0), (6.0, 5.0)) || in_ellipse(x, y, (61.0, 50.0), (6.0, 6.0))
    });
}

fn indoor(canvas: &mut Canvas, sky: Sky) {
    let lamp = match sky {
        Sky::Day => [1.0, 1.0, 1.0],
        Sky::Sunset => [1.0, 0.90, 0.82],
        Sky::Night => [0.74, 0.70, 0.78],
        Sky::Rain => [0.86, 0.86, 0.88],
    };
    let pane = |x: f32, y: f32| in_box(x, y, (8.0, 4.0), (30.5, 29.0)) || in_box(x, y, (33.5, 4.0), (56.0, 29.0));
    let frame = |x: f32, y: f32| in_box(x, y, (5.5, 1.5), (58.5, 31.5));
    canvas.fill(tint(rgb(248, 214, 186), lamp), |x, y| !frame(x, y));
    canvas.fill(tint(rgb(255, 250, 240), lamp), |x, y| frame(x, y) && !pane(x, y));
    canvas.gradient(tint(rgb(196, 146, 102), lamp), tint(rgb(172, 122, 82), lamp), (44.0, 64.0), |_, y| y >= 44.0);
    canvas.fill(tint(rgb(255, 250, 240), lamp), |_, y| (42.5..44.0).contains(&y));
    canvas.fill(tint(rgb(226, 112, 112), lamp), |x, y| in_ellipse(x, y, (32.0, 57.0), (28.0, 5.5)));
    canvas.fill(tint(rgb(250, 206, 180), lamp), |x, y| in_ellipse(x, y, (32.0, 57.0), (24.0, 4.0)));
}

fn road(canvas: &mut Canvas, light: Rgb) {
    canvas.fill(tint(rgb(170, 206, 130), light), |x, y| in_ellipse(x, y, (50.0, 44.0), (28.0, 11.0)));
    canvas.gradient(tint(rgb(182, 206, 112), light), tint(rgb(146, 180, 88), light), (HORIZON, 64.0), |_, y| {
        y >= HORIZON
    });
    let half = |y: f32| 3.0 + (y - HORIZON) * 1.5;
    canvas.gradient(tint(rgb(150, 150, 160), light), tint(rgb(112, 112, 124), light), (HORIZON, 64.0), |x, y| {
        y >= HORIZON && (x - 32.0).abs() < half(y)
    });
    canvas.fill(tint(rgb(255, 244, 200), light), |x, y| {
        let dash = (40.0..43.0).contains(&y) || (46.0..50.0).contains(&y) || (59.0..64.0).contains(&y);
        dash && (x - 32.0).abs() < 0.06 * half(y)
    });
    let wall = tint(rgb(255, 240, 220), light);
    canvas.fill(wall, |x, y| in_box(x, y, (4.0, 30.0), (13.0, 39.0)));
    canvas.fill(tint(rgb(214, 88, 78), light), |x, y| in_triangle(x, y, (8.5, 23.5), 30.5, 6.5));
    canvas.fill(tint(rgb(132, 90, 70), light), |x, y| in_box(x, y, (7.2, 34.0), (10.0, 39.0)));
}
