//! The 48 backgrounds: eight places under six skies.
//!
//! Every place lets the sky be seen: the cave has a wide mouth and the house large windows.

use super::air::{Air, dots, fir, water, wave};
use super::scene::Spark;
use super::sky::{self, HORIZON};
use super::weather;
use crate::data::canvas::{Canvas, Rgb, in_box, in_ellipse, in_triangle, mix, rgb, tint};
use crate::data::world::places::{Place, Sky};

/// What stands behind the characters. With `weather`, rain and snow are seen through the mouth of
/// the cave and through the windows; outdoors they fall in front, see [`weather::overlay`].
pub(super) fn background(place: Place, sky: Sky, spark: Option<Spark>, weather: bool) -> Vec<Rgb> {
    let mut canvas = Canvas::new();
    sky::draw(&mut canvas, sky);
    if let Some(spark) = spark {
        sky::draw_spark(&mut canvas, spark);
    }
    if place == Place::Cave {
        cave_view(&mut canvas, &Air::new(sky));
    }
    if weather && is_sheltered(place) {
        canvas.fill(weather::colour(sky), |x, y| weather::is_drop(sky, x, y));
    }
    let air = Air::new(sky);
    match place {
        Place::Meadow => meadow(&mut canvas, &air),
        Place::Forest => forest(&mut canvas, &air),
        Place::Beach => beach(&mut canvas, &air),
        Place::Snow => snow(&mut canvas, &air),
        Place::Sea => sea(&mut canvas, &air),
        Place::Cave => cave(&mut canvas, &air),
        Place::Indoor => indoor(&mut canvas, &air),
        Place::Road => road(&mut canvas, &air),
    }
    canvas.reduce()
}

/// Whether rain and snow stay outside.
pub(super) fn is_sheltered(place: Place) -> bool {
    matches!(place, Place::Cave | Place::Indoor)
}

fn meadow(canvas: &mut Canvas, air: &Air) {
    canvas.fill(air.ground(rgb(172, 222, 140)), |x, y| in_ellipse(x, y, (50.0, 44.0), (30.0, 13.0)));
    canvas.fill(air.ground(rgb(148, 212, 116)), |x, y| in_ellipse(x, y, (12.0, 46.0), (30.0, 14.0)));
    canvas.fill(air.plain(rgb(120, 84, 60)), |x, y| in_box(x, y, (58.6, 27.0), (60.2, 34.0)));
    canvas.fill(air.leaf(rgb(92, 178, 92)), |x, y| in_ellipse(x, y, (59.4, 24.5), (4.6, 4.8)));
    let (far, near) = (air.ground(rgb(132, 208, 92)), air.ground(rgb(84, 172, 72)));
    canvas.gradient(far, near, (HORIZON + 1.0, 64.0), |x, y| y >= HORIZON + 1.0 + wave(x + 8.0, 64.0) * 1.6);
    air.puddles(canvas, &[(10.0, 50.0, 6.5), (53.0, 46.0, 6.0), (40.0, 61.0, 8.5)]);
    let pink = air.ground(rgb(255, 122, 156));
    dots(canvas, &[(5.0, 45.5), (33.0, 60.8), (47.0, 43.5)], 1.4, pink);
    dots(canvas, &[(60.0, 47.0), (12.0, 56.5), (24.0, 43.0)], 1.4, air.ground(rgb(255, 226, 92)));
    dots(canvas, &[(57.0, 60.5), (4.0, 61.0), (37.0, 47.0)], 1.4, air.ground(rgb(255, 248, 252)));
}

fn forest(canvas: &mut Canvas, air: &Air) {
    let (far, near) = (air.ground(rgb(104, 158, 84)), air.ground(rgb(58, 112, 62)));
    let hazy = |colour| mix(colour, [0.62, 0.78, 0.74], 0.3);
    for (cx, top, height) in [(17.0, 21.0, 17.0), (26.0, 24.0, 14.0), (36.0, 25.0, 13.0), (46.0, 21.0, 17.0)] {
        fir(canvas, air, (cx, top), height, hazy(rgb(70, 142, 98)));
    }
    canvas.gradient(far, near, (HORIZON, 64.0), |_, y| y >= HORIZON);
    canvas.fill(air.ground(rgb(176, 146, 102)), |x, y| {
        y >= HORIZON && (x - 32.0 - (y - 38.0) * 0.1).abs() < 2.0 + (y - HORIZON) * 0.42
    });
    air.puddles(canvas, &[(30.0, 47.0, 4.5), (38.0, 60.5, 8.0)]);
    for (cx, top, height) in [(7.0, 9.0, 32.0), (58.5, 12.0, 29.0)] {
        fir(canvas, air, (cx, top), height, rgb(46, 122, 78));
    }
    let leaf = air.leaf(rgb(38, 102, 66));
    canvas.fill(leaf, |x, y| in_ellipse(x, y, (0.0, 45.0), (6.0, 4.4)) || in_ellipse(x, y, (64.0, 46.0), (7.0, 4.6)));
    let red = air.plain(rgb(226, 74, 70));
    for (cx, cy) in [(14.5, 46.0), (48.0, 44.5)] {
        canvas.fill(air.plain(rgb(250, 240, 224)), |x, y| in_box(x, y, (cx - 0.5, cy), (cx + 0.5, cy + 2.2)));
        canvas.fill(red, |x, y| y <= cy && in_ellipse(x, y, (cx, cy), (1.9, 1.9)));
    }
}

fn beach(canvas: &mut Canvas, air: &Air) {
    let (near, far) = water(air.sky);
    canvas.gradient(far, near, (35.0, 45.0), |_, y| y >= 35.0);
    let foam = air.plain([1.0; 3]);
    canvas.fill(mix(far, foam, 0.5), |x, y| (0.0..0.7).contains(&(y - 38.0 - wave(x, 9.0) * 0.8)));
    let shore = |x: f32| 41.5 + wave(x + 20.0, 84.0) * 3.0;
    canvas.fill(mix(near, foam, 0.8), |x, y| y >= shore(x) - 1.2);
    let (top, low) = (air.ground(rgb(255, 228, 166)), air.ground(rgb(240, 194, 122)));
    canvas.gradient(top, low, (42.0, 64.0), |x, y| y >= shore(x));
    canvas.gradient(air.ground(rgb(220, 180, 124)), top, (42.0, 47.0), |x, y| {
        let depth = y - shore(x);
        (0.0..1.6).contains(&depth)
    });
    air.puddles(canvas, &[(22.0, 50.0, 6.0), (49.0, 60.0, 8.0)]);
    // A palm leans in from the left.
    let trunk = air.plain(rgb(156, 108, 72));
    canvas.fill(trunk, |x, y| {
        (17.0..48.0).contains(&y) && (x - 3.0 - (48.0 - y) * (48.0 - y) * 0.0072).abs() < 1.1 + (y - 17.0) * 0.02
    });
    let leaf = air.leaf(rgb(58, 160, 84));
    canvas.fill(leaf, |x, y| {
        // Two fronds hang to either side, two rise a little.
        let away = (x - 9.4).abs();
        let hanging = y - 15.6 - away * away * 0.075;
        let rising = y - 15.2 + away * 0.75 - away * away * 0.07;
        (away < 9.6 && hanging.abs() < 1.5 - away * 0.12) || (away < 8.4 && rising.abs() < 1.3 - away * 0.1)
    });
    dots(canvas, &[(8.6, 17.6), (10.6, 17.9)], 1.0, trunk);
    dots(canvas, &[(57.0, 49.5)], 1.5, air.plain(rgb(246, 128, 108)));
    dots(canvas, &[(12.0, 61.0), (36.0, 52.0)], 1.2, air.plain(rgb(255, 246, 236)));
}

fn snow(canvas: &mut Canvas, air: &Air) {
    let rock = air.plain(rgb(138, 160, 196));
    let shade = mix(rock, [0.0; 3], 0.12);
    let cap = air.plain(rgb(250, 253, 255));
    for (cx, top, half) in [(15.0, 14.0, 19.0), (52.0, 18.0, 17.0), (34.0, 23.0, 13.0)] {
        canvas.paint(|x, y| {
            in_triangle(x, y, (cx, top), 41.0, half).then(|| {
                if y < top + 7.5 - wave(x, 5.0) * 2.4 {
                    cap
                } else if x > cx {
                    shade
                } else {
                    rock
                }
            })
        });
    }
    let white = |x: f32, y: f32| y >= HORIZON + 1.5 - wave(x + 30.0, 70.0) * 3.0;
    canvas.gradient(air.plain(rgb(250, 252, 255)), air.plain(rgb(204, 222, 244)), (HORIZON, 64.0), white);
    canvas.fill(air.plain(rgb(222, 234, 249)), |x, y| {
        in_ellipse(x, y, (10.0, 60.0), (22.0, 5.0)) || in_ellipse(x, y, (56.0, 50.0), (16.0, 3.2))
    });
    let frosted = Air { sky: Sky::Snow, light: air.light };
    fir(canvas, &frosted, (4.5, 24.0), 18.0, rgb(60, 128, 104));
    fir(canvas, &frosted, (59.5, 26.0), 16.0, rgb(60, 128, 104));
    air.puddles(canvas, &[(22.0, 47.0, 6.0), (46.0, 60.5, 8.0)]);
    if air.sky == Sky::Snow {
        // Fresh drifts.
        canvas.fill(rgb(255, 255, 255), |x, y| {
            in_ellipse(x, y, (50.0, 64.0), (24.0, 5.6)) || in_ellipse(x, y, (18.0, 45.0), (15.0, 3.0))
        });
    }
}

fn sea(canvas: &mut Canvas, air: &Air) {
    let (near, far) = water(air.sky);
    canvas.fill(mix(far, air.plain(rgb(120, 176, 140)), 0.55), |x, y| {
        in_ellipse(x, y, (9.0, 38.0), (8.0, 4.2)) || in_ellipse(x, y, (16.0, 38.5), (6.0, 2.6))
    });
    canvas.gradient(far, near, (36.5, 62.0), |_, y| y >= 36.5);
    let foam = mix(far, air.plain([1.0; 3]), 0.5);
    for (row, y0, period) in [(0.0, 40.0, 8.0), (1.0, 44.5, 10.0), (2.0, 50.0, 12.0)] {
        canvas.fill(mix(far, foam, 0.4 + row * 0.25), |x, y| {
            let line = y0 + wave(x + row * 5.0, period) * 1.5;
            (line..line + 0.7 + row * 0.15).contains(&y)
        });
    }
    if air.sky == Sky::Snow {
        for (cx, cy, rx) in [(8.0, 47.0, 6.0), (55.0, 44.0, 7.0), (36.0, 41.0, 4.5)] {
            canvas.fill(rgb(160, 190, 214), |x, y| in_ellipse(x, y, (cx, cy + 0.9), (rx, rx * 0.26)));
            canvas.fill(rgb(250, 253, 255), |x, y| in_ellipse(x, y, (cx, cy), (rx, rx * 0.26)));
        }
    }
    if air.sky == Sky::Sunset || air.sky == Sky::Night || air.sky == Sky::Dawn {
        // The orb's way over the water.
        let (cx, colour) = match air.sky {
            Sky::Sunset => (50.0, rgb(255, 220, 140)),
            Sky::Dawn => (12.0, rgb(255, 240, 196)),
            _ => (52.0, rgb(170, 180, 220)),
        };
        for (y0, rx) in [(39.0, 5.0), (42.0, 3.6), (45.5, 4.4), (49.5, 2.8)] {
            canvas.fill(colour, |x, y| in_ellipse(x, y, (cx, y0), (rx, 0.55)));
        }
    }
}

fn cave_mouth(x: f32, y: f32) -> bool {
    in_ellipse(x, y, (32.0, 40.0), (26.0, 35.0 - wave(x, 13.0) * 2.2))
}

/// What is seen through the mouth: a hill below the sky.
fn cave_view(canvas: &mut Canvas, air: &Air) {
    canvas.fill(air.ground(rgb(150, 204, 122)), |x, y| in_ellipse(x, y, (20.0, 46.0), (24.0, 12.0)));
    canvas.fill(air.ground(rgb(120, 184, 100)), |x, y| in_ellipse(x, y, (50.0, 47.0), (22.0, 11.0)));
}

fn cave(canvas: &mut Canvas, air: &Air) {
    let dim = mix(air.light, [0.86, 0.84, 0.9], 0.5);
    let stone = |r, g, b| tint(rgb(r, g, b), dim);
    canvas.gradient(stone(164, 142, 134), stone(104, 88, 98), (HORIZON, 64.0), |x, y| y >= 41.0 - wave(x, 21.0) * 0.8);
    let (wall, low) = (stone(118, 100, 110), stone(88, 74, 88));
    canvas.gradient(wall, low, (10.0, 56.0), |x, y| y < 46.0 && !cave_mouth(x, y));
    canvas.gradient(low, stone(74, 62, 76), (44.0, 64.0), |x, y| y >= 45.0 && (x - 32.0).abs() > 27.0 + wave(y, 7.0));
    let tooth = stone(96, 80, 94);
    for (cx, tip, half) in [(15.0, 19.0, 2.4), (23.0, 12.0, 2.2), (42.0, 12.5, 2.4), (50.0, 21.0, 2.4)] {
        canvas.fill(tooth, |x, y| y < tip && (x - cx).abs() <= half * (tip - y) / 9.0 && y > tip - 14.0);
    }
    canvas.fill(stone(70, 58, 74), |x, y| {
        in_ellipse(x, y, (2.0, 56.0), (6.5, 6.0)) || in_ellipse(x, y, (62.5, 54.0), (6.0, 7.0))
    });
    // Crystals give the cave its colour.
    for (cx, cy, h, colour) in [
        (5.0, 54.0, 9.0, rgb(120, 214, 232)),
        (8.4, 55.0, 6.0, rgb(150, 226, 240)),
        (59.5, 54.0, 8.0, rgb(206, 160, 244)),
    ] {
        let shine = mix(colour, tint(colour, dim), 0.5);
        canvas.fill(shine, |x, y| {
            in_triangle(x, y, (cx, cy - h), cy, 1.9) || in_triangle(x, -y, (cx, -cy - 1.5), -cy, 1.9)
        });
    }
    match air.sky {
        Sky::Rain => air.puddles(canvas, &[(32.0, 44.0, 11.0), (40.0, 60.0, 6.0)]),
        Sky::Snow => canvas.fill(rgb(238, 243, 252), |x, y| in_ellipse(x, y, (32.0, 41.5), (23.0, 2.8))),
        _ => {}
    }
}

fn indoor(canvas: &mut Canvas, air: &Air) {
    let lamp = match air.sky {
        Sky::Day => [1.0, 1.0, 1.0],
        Sky::Dawn => [1.0, 0.94, 0.92],
        Sky::Sunset => [1.0, 0.87, 0.77],
        Sky::Night => [0.70, 0.65, 0.76],
        Sky::Rain => [0.84, 0.85, 0.89],
        Sky::Snow => [0.84, 0.91, 1.0],
    };
    let lit = |r, g, b| tint(rgb(r, g, b), lamp);
    let pane = |x: f32, y: f32| {
        let sash = in_box(x, y, (9.5, 5.0), (31.0, 30.0)) || in_box(x, y, (33.0, 5.0), (54.5, 30.0));
        sash && !(16.6..18.0).contains(&y)
    };
    let frame = |x: f32, y: f32| in_box(x, y, (7.0, 2.5), (57.0, 32.5));
    canvas.gradient(lit(250, 222, 190), lit(244, 204, 172), (0.0, 42.0), |x, y| !frame(x, y));
    canvas.fill(lit(244, 196, 166), |x, y| !frame(x, y) && wrapped_stripe(x));
    canvas.fill(lit(255, 251, 242), |x, y| frame(x, y) && !pane(x, y));
    if air.sky == Sky::Snow {
        canvas.fill(rgb(252, 254, 255), |x, y| pane(x, y) && (y > 28.2 - wave(x, 11.0) * 1.4));
    }
    canvas.fill(lit(236, 226, 214), |x, y| in_box(x, y, (5.5, 32.0), (58.5, 34.0)));
    for cx in [5.0, 59.0] {
        canvas.fill(lit(226, 108, 116), |x, y| (1.5..36.0).contains(&y) && (x - cx).abs() < 4.6 - wave(y, 34.0) * 1.0);
        canvas.fill(lit(200, 84, 98), |x, y| (1.5..36.0).contains(&y) && (x - cx).abs() < 0.8);
    }
    canvas.gradient(lit(206, 156, 110), lit(170, 118, 80), (43.0, 64.0), |_, y| y >= 43.0);
    canvas.fill(lit(182, 132, 90), |_, y| [48.0, 54.5].iter().any(|&line| (line..line + 0.6).contains(&y)));
    canvas.fill(lit(255, 250, 240), |_, y| (41.5..43.2).contains(&y));
    canvas.fill(lit(86, 148, 176), |x, y| in_ellipse(x, y, (32.0, 57.0), (29.0, 5.6)));
    canvas.fill(lit(244, 232, 206), |x, y| in_ellipse(x, y, (32.0, 57.0), (26.5, 4.6)));
    canvas.fill(lit(132, 188, 204), |x, y| in_ellipse(x, y, (32.0, 57.0), (24.0, 3.8)));
}

/// The wallpaper's stripes.
fn wrapped_stripe(x: f32) -> bool {
    x - 6.0 * libm::floorf(x / 6.0) < 1.5
}

fn road(canvas: &mut Canvas, air: &Air) {
    canvas.fill(air.ground(rgb(178, 212, 142)), |x, y| in_ellipse(x, y, (54.0, 44.0), (28.0, 12.0)));
    canvas.fill(air.ground(rgb(196, 214, 130)), |x, y| in_ellipse(x, y, (6.0, 45.0), (26.0, 9.0)));
    let (far, near) = (air.ground(rgb(190, 208, 116)), air.ground(rgb(148, 178, 84)));
    canvas.gradient(far, near, (HORIZON, 64.0), |_, y| y >= HORIZON);
    let half = |y: f32| 2.5 + (y - HORIZON) * 1.25;
    // The road is swept when it snows.
    let asphalt = (air.plain(rgb(158, 158, 168)), air.plain(rgb(112, 112, 126)));
    canvas.fill(air.ground(rgb(244, 240, 228)), |x, y| y >= HORIZON && (x - 32.0).abs() < half(y) + 0.9);
    canvas.gradient(asphalt.0, asphalt.1, (HORIZON, 64.0), |x, y| y >= HORIZON && (x - 32.0).abs() < half(y));
    canvas.fill(air.plain(rgb(255, 240, 190)), |x, y| {
        let dash = [(39.5, 42.0), (44.5, 48.0), (52.0, 57.0), (61.0, 64.0)].iter().any(|&(a, b)| (a..b).contains(&y));
        dash && (x - 32.0).abs() < 0.05 * half(y)
    });
    air.puddles(canvas, &[(24.0, 51.0, 5.5), (44.0, 60.0, 8.0)]);
    // A cottage, a fence and a sign.
    canvas.fill(air.plain(rgb(255, 242, 222)), |x, y| in_box(x, y, (4.0, 30.0), (13.0, 39.0)));
    canvas.fill(air.ground(rgb(220, 92, 80)), |x, y| in_triangle(x, y, (8.5, 23.5), 30.5, 6.8));
    canvas.fill(air.plain(rgb(136, 92, 72)), |x, y| in_box(x, y, (7.2, 34.0), (10.0, 39.0)));
    let post = air.plain(rgb(170, 124, 86));
    canvas.fill(post, |x, y| {
        let rail = (36.0..37.0).contains(&y) || (38.4..39.4).contains(&y);
        let stake = x - 4.0 * libm::floorf(x / 4.0) < 1.2 && (35.0..41.0).contains(&y);
        x > 46.0 && (rail || stake)
    });
    canvas.fill(air.plain(rgb(120, 124, 136)), |x, y| in_box(x, y, (51.5, 24.0), (52.5, 41.0)));
    canvas.fill(air.plain(rgb(248, 202, 66)), |x, y| (x - 52.0).abs() + (y - 23.5).abs() < 4.4);
    canvas.fill(air.plain(rgb(60, 60, 72)), |x, y| in_ellipse(x, y, (52.0, 23.5), (1.1, 1.1)));
}
