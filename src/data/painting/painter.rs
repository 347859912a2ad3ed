//! The painter: from the back to the front, a background, a backdrop, shadows, the actors with
//! what they hold, things on the ground, the weather and the marks of moods.

use std::sync::OnceLock;

use super::figure::{Figure, Lying, Stance};
use super::layout::{Layout, Spot};
use super::scene::{Dial, Facing, Pose, Scene, Spark, Tint};
use super::stamp::{Kit, Size};
use super::{habits, scenery, sky, tint, water, weather};
use crate::data::Picture;
use crate::data::canvas::{Rgb, SIDE, mix};
use crate::data::world::places::{Place, Sky};
use crate::flow::rng::Rng;

/// The picture of `scene`, 64 × 64 pixels.
///
/// Up to [`Dial::L2`] nothing is drawn from `rng`; from [`Dial::L3`] on two uniform numbers for each actor,
/// then for each thing on the ground, then for the backdrop. Only the first three actors and the
/// first two things are painted.
///
/// # Panics
///
/// If a name in the scene is none of the atlas.
pub fn paint(scene: &Scene, dial: Dial, rng: &mut Rng) -> Picture {
    let layout = Layout::new(scene, dial, rng);
    let weather = dial >= Dial::L2 && weather::falls(scene.sky);
    let mut sheet = Sheet {
        pixels: background(scene.place, scene.sky, scene.spark, weather).to_vec(),
        kit: Kit::get(),
        scene,
        dial,
    };
    if let (Some(sprite), Some(spot)) = (scene.backdrop, layout.backdrop) {
        sheet.backdrop(sprite, spot);
    }
    let figures: Vec<Figure> = scene
        .actors
        .iter()
        .zip(&layout.actors)
        .map(|(actor, &spot)| Figure::new(sheet.kit, scene.place, actor, spot))
        .collect();
    // What is farther away comes first: the middle one of three, and the second thing of two.
    let order: &[usize] = if figures.len() == 3 { &[1, 0, 2] } else { &[0, 1] };
    if let (Some(sprite), Some(&spot)) = (scene.ground.get(1), layout.ground.get(1)) {
        sheet.thing(sprite, spot);
    }
    for figure in order.iter().filter_map(|&i| figures.get(i)) {
        sheet.figure(figure);
    }
    if let (Some(sprite), Some(&spot)) = (scene.ground.first(), layout.ground.first()) {
        sheet.thing(sprite, spot);
    }
    if weather && !scenery::is_sheltered(scene.place) {
        sheet.weather();
    }
    for figure in &figures {
        sheet.mark(figure);
    }
    let rgb = sheet.pixels.iter().flatten().map(|v| (v * 255.0 + 0.5) as u8).collect();
    Picture { width: SIDE, height: SIDE, rgb }
}

/// A background, drawn when it is first seen, and kept.
fn background(place: Place, sky: Sky, spark: Option<Spark>, weather: bool) -> &'static [Rgb] {
    const N_SPARKS: usize = 1 + Spark::ALL.len();
    const N: usize = Place::ALL.len() * Sky::ALL.len() * N_SPARKS * 2;
    static KEPT: [OnceLock<Vec<Rgb>>; N] = [const { OnceLock::new() }; N];
    let weather = weather && scenery::is_sheltered(place);
    let key = (place as usize * Sky::ALL.len() + sky as usize) * N_SPARKS + spark.map_or(0, |s| 1 + s as usize);
    KEPT[key * 2 + usize::from(weather)].get_or_init(|| scenery::background(place, sky, spark, weather))
}

/// A picture that is being painted.
struct Sheet<'a> {
    pixels: Vec<Rgb>,
    kit: &'static Kit,
    scene: &'a Scene,
    dial: Dial,
}

impl Sheet<'_> {
    /// The colour that a sprite has in this scene.
    fn tint(&self, sprite: &str) -> Option<Tint> {
        if self.dial < Dial::L4 || !tint::is_tintable(sprite) {
            return None;
        }
        self.scene.tints.iter().find(|(name, _)| *name == sprite).map(|&(_, tint)| tint)
    }

    fn is_at_sea(&self) -> bool {
        self.scene.place == Place::Sea
    }

    fn backdrop(&mut self, sprite: &str, spot: Spot) {
        let stamp = self.kit.stamp(sprite, spot.size, false, self.tint(sprite));
        // It stands in the light of the place, farther away than the actors.
        let light = mix([1.0; 3], sky::light(self.scene.sky), 0.42);
        let lit = |s: [f32; 4]| [s[0] * light[0], s[1] * light[1], s[2] * light[2], s[3]];
        let is_in_water = self.is_at_sea() && !habits::is_airborne(sprite);
        let middle = (spot.x, spot.y - stamp.figure_height / 2.0);
        if is_in_water {
            let level = spot.y - 1.0;
            stamp.draw_seen(&mut self.pixels, middle, false, |x, y, s| lit(water::sunk(level, (x, y), s)));
            water::crest(&mut self.pixels, self.scene.sky, (spot.x, level), stamp.figure_width * 0.45);
        } else {
            if !habits::is_airborne(sprite) {
                shadow(&mut self.pixels, (spot.x, spot.y - 0.5), stamp.figure_width * 0.52, 1.0);
            }
            stamp.draw_seen(&mut self.pixels, middle, false, |_, _, s| lit(s));
        }
    }

    fn thing(&mut self, sprite: &str, spot: Spot) {
        let stamp = self.kit.stamp(sprite, spot.size, false, self.tint(sprite));
        let middle = (spot.x, spot.y - stamp.figure_height / 2.0);
        if self.is_at_sea() {
            let level = spot.y - 2.5;
            stamp.draw_seen(&mut self.pixels, middle, false, |x, y, s| water::sunk(level, (x, y), s));
            water::crest(&mut self.pixels, self.scene.sky, (spot.x, level), stamp.figure_width * 0.5 + 1.0);
        } else {
            shadow(&mut self.pixels, (spot.x, spot.y - 0.5), stamp.figure_width * 0.5, 0.9);
            stamp.draw(&mut self.pixels, middle);
        }
    }

    fn figure(&mut self, figure: &Figure) {
        let actor = figure.actor;
        let is_turned = figure.lying == Lying::Turned;
        let stamp = self.kit.stamp(actor.sprite, figure.spot.size, is_turned, self.tint(actor.sprite));
        let is_lifted = actor.pose == Pose::Jump || figure.stance == Stance::Air;
        let feet = (figure.spot.x, figure.spot.y - 0.3);
        match figure.stance {
            Stance::Ground | Stance::Air => {
                let (width, depth) = if is_lifted { (0.36, 0.7) } else { (0.46, 1.0) };
                shadow(&mut self.pixels, feet, figure.width * width, depth);
            }
            Stance::Boat | Stance::Water => {}
        }
        if figure.stance == Stance::Water && actor.pose != Pose::Jump {
            let level = figure.spot.y - 0.5;
            let seen = |x: usize, y: usize, s: [f32; 4]| water::sunk(level, (x, y), s);
            stamp.draw_seen(&mut self.pixels, figure.middle, figure.mirrored, seen);
        } else if figure.lying == Lying::OnBelly {
            let seen =
                |_: usize, y: usize, s: [f32; 4]| s.map(|v| v * (figure.spot.y + 0.5 - y as f32).clamp(0.0, 1.0));
            stamp.draw_seen(&mut self.pixels, figure.middle, figure.mirrored, seen);
        } else {
            stamp.draw_seen(&mut self.pixels, figure.middle, figure.mirrored, |_, _, s| s);
        }
        match figure.stance {
            Stance::Water => {
                let half = figure.width * if actor.pose == Pose::Jump { 0.36 } else { 0.52 };
                water::crest(&mut self.pixels, self.scene.sky, (feet.0, figure.spot.y - 0.5), half);
            }
            Stance::Boat => water::boat(&mut self.pixels, self.scene.sky, figure.spot.size, feet),
            Stance::Ground | Stance::Air => {}
        }
        if let Some(held) = actor.holds {
            self.held(figure, held);
        }
    }

    fn held(&mut self, figure: &Figure, sprite: &str) {
        let stamp = self.kit.stamp(sprite, Size::Held, false, self.tint(sprite));
        let (width, height) = (stamp.figure_width, stamp.figure_height);
        let middle = if figure.actor.pose == Pose::Asleep {
            // It stands by the sleeper's side.
            let side = if figure.actor.facing == Facing::Left { -0.3 } else { 0.3 };
            (figure.middle.0 + side * figure.width, figure.spot.y + 1.5 - height / 2.0)
        } else if habits::is_worn(sprite) {
            let (x, y) = figure.point(figure.body.head);
            (x, (y + 2.0 - height / 2.0).max(height / 2.0))
        } else {
            let (x, y) = figure.point(figure.body.hand);
            let [gx, gy] = habits::grip(sprite);
            let gx = if figure.actor.facing == Facing::Left { 1.0 - gx } else { gx };
            (x + (0.5 - gx) * width, (y + (0.5 - gy) * height).max(height / 2.0))
        };
        let middle = (middle.0.clamp(width / 2.0, SIDE as f32 - width / 2.0), middle.1);
        stamp.draw_seen(&mut self.pixels, middle, figure.actor.facing == Facing::Left, |_, _, s| s);
    }

    /// The mark of a mood, above the head.
    fn mark(&mut self, figure: &Figure) {
        let Some(mood) = figure.actor.mood else { return };
        let stamp = self.kit.mark(mood);
        let half = stamp.figure_height / 2.0;
        let (head, _) = figure.point(figure.body.head);
        let is_asleep = figure.actor.pose == Pose::Asleep;
        let hat = figure.actor.holds.is_some_and(habits::is_worn) && !is_asleep;
        let above = if hat { 6.0 } else { 0.5 };
        let y = (figure.middle.1 - figure.height / 2.0 - above - half).max(half + 0.5);
        // Between the head and the middle, where two marks keep apart.
        let x = (head + figure.middle.0) / 2.0;
        stamp.draw(&mut self.pixels, (x.clamp(half, SIDE as f32 - half), y));
    }

    fn weather(&mut self) {
        type Drops = Vec<(usize, f32)>;
        static RAIN: OnceLock<Drops> = OnceLock::new();
        static SNOW: OnceLock<Drops> = OnceLock::new();
        let sky = self.scene.sky;
        let drops = if sky == Sky::Rain { &RAIN } else { &SNOW };
        let colour = weather::colour(sky);
        for &(i, cover) in drops.get_or_init(|| weather::overlay(sky)) {
            self.pixels[i] = mix(self.pixels[i], colour, cover);
        }
    }
}

/// A soft ellipse on the ground, `rx` pixels to either side.
fn shadow(pixels: &mut [Rgb], (cx, cy): (f32, f32), rx: f32, depth: f32) {
    let ry = 2.8;
    let range = |from: f32, to: f32| from.clamp(0.0, SIDE as f32) as usize..to.clamp(0.0, SIDE as f32) as usize;
    for y in range(cy - ry, cy + ry + 1.0) {
        for x in range(cx - rx, cx + rx + 1.0) {
            let (dx, dy) = ((x as f32 + 0.5 - cx) / rx, (y as f32 + 0.5 - cy) / ry);
            let inside = (1.0 - dx * dx - dy * dy).max(0.0);
            let keep = 1.0 - 0.45 * depth * inside.min(0.7);
            let pixel = &mut pixels[y * SIDE + x];
            *pixel = pixel.map(|v| v * keep);
        }
    }
}
