//! The reference painter: a background, a shadow, at most two sprites and a mark.
//!
//! Positions are fixed, so the picture is a pure function of the scene and a
//! small model can learn it. Backgrounds and sprites are reduced once and kept.

use std::sync::OnceLock;

use super::names::{Character, Mark, Place, Prop, Sky};
use super::scene::{Other, Scene};
use super::scenery;
use crate::data::Picture;
use crate::data::atlas::{Atlas, Set};
use crate::data::canvas::{Rgb, SIDE};
use crate::data::stamp::Stamp;

/// Longer side of a character that is alone, pixels.
const ALONE_PX: f32 = 34.0;
/// Longer side of a character beside another or beside a prop.
const BESIDE_PX: f32 = 29.0;
/// Longer side of a prop.
const PROP_PX: f32 = 21.0;
/// Longer side of a mark.
const MARK_PX: f32 = 13.0;
/// Width of the white rim around a sprite, pixels.
const RIM_PX: f32 = 0.9;

/// Where feet stand, pixels from the top.
const GROUND: f32 = 58.0;
/// Where feet stand in the boat, which hides them.
const BOAT: f32 = 55.0;
/// Middle of the left, the only and the right figure.
const COLUMNS: [f32; 3] = [17.0, 32.0, 47.0];
/// Middle of the mark above a lone figure and between two.
const MARK_ALONE: (f32, f32) = (32.0, 14.0);
const MARK_BETWEEN: (f32, f32) = (32.0, 18.0);

/// The picture of `scene`, 64 × 64 pixels.
pub fn paint(scene: &Scene) -> Picture {
    let kit = Kit::get();
    let mut pixels = kit.backgrounds[background_index(scene.place, scene.sky)].clone();
    let at_sea = scene.place == Place::Sea;
    let ground = if at_sea { BOAT } else { GROUND };
    let (mut figures, n_figures) =
        ([(COLUMNS[1], kit.alone(scene.character)); 2], 1 + usize::from(scene.other.is_some()));
    if let Some(other) = scene.other {
        let right = match other {
            Other::Character(friend) => kit.beside(friend),
            Other::Prop(prop) => kit.prop(prop),
        };
        figures = [(COLUMNS[0], kit.beside(scene.character)), (COLUMNS[2], right)];
    }
    for (column, stamp) in &figures[..n_figures] {
        if !at_sea {
            shadow(&mut pixels, *column, stamp.figure_width);
        }
        stamp.draw(&mut pixels, (*column, ground - stamp.figure_height / 2.0));
    }
    if let Some(front) = &kit.fronts[background_index(scene.place, scene.sky)] {
        for (pixel, (colour, alpha)) in pixels.iter_mut().zip(front) {
            *pixel = [0, 1, 2].map(|c| pixel[c] + (colour[c] - pixel[c]) * alpha);
        }
    }
    if let Some(mark) = scene.mark {
        let middle = if n_figures == 1 { MARK_ALONE } else { MARK_BETWEEN };
        kit.mark(mark).draw(&mut pixels, middle);
    }
    let rgb = pixels.iter().flatten().map(|v| (v * 255.0 + 0.5) as u8).collect();
    Picture { width: SIDE, height: SIDE, rgb }
}

/// Everything that is reduced once.
struct Kit {
    backgrounds: Vec<Vec<Rgb>>,
    fronts: Vec<Option<Vec<(Rgb, f32)>>>,
    stamps: Vec<Stamp>,
}

impl Kit {
    fn get() -> &'static Kit {
        static KIT: OnceLock<Kit> = OnceLock::new();
        KIT.get_or_init(|| {
            let grounds = Place::ALL.into_iter().flat_map(|place| Sky::ALL.into_iter().map(move |sky| (place, sky)));
            let alone = Character::all().map(|c| stamp(c.name(), ALONE_PX));
            let beside = Character::all().map(|c| stamp(c.name(), BESIDE_PX));
            let props = Prop::all().map(|p| stamp(p.name(), PROP_PX));
            let marks = Mark::ALL.into_iter().map(|m| stamp(m.name(), MARK_PX));
            Kit {
                backgrounds: grounds.clone().map(|(place, sky)| scenery::background(place, sky)).collect(),
                fronts: grounds.map(|(place, sky)| scenery::foreground(place, sky)).collect(),
                stamps: alone.chain(beside).chain(props).chain(marks).collect(),
            }
        })
    }

    fn alone(&self, character: Character) -> &Stamp {
        &self.stamps[character.index()]
    }

    fn beside(&self, character: Character) -> &Stamp {
        &self.stamps[Character::all().len() + character.index()]
    }

    fn prop(&self, prop: Prop) -> &Stamp {
        &self.stamps[2 * Character::all().len() + prop.index()]
    }

    fn mark(&self, mark: Mark) -> &Stamp {
        &self.stamps[2 * Character::all().len() + Prop::all().len() + mark as usize]
    }
}

/// The sprite `name`, its longer side `size_px`.
///
/// # Panics
///
/// If the embedded atlas lacks the name; a test looks for all of them.
fn stamp(name: &str, size_px: f32) -> Stamp {
    let Some((index, cell)) = Atlas::embedded(Set::Cards).cell(name) else {
        panic!("the embedded atlas has no sprite {name}");
    };
    Stamp::new(cell, index.bounds, size_px, RIM_PX)
}

fn background_index(place: Place, sky: Sky) -> usize {
    place as usize * Sky::ALL.len() + sky as usize
}

/// A soft ellipse on the ground under a figure.
fn shadow(pixels: &mut [Rgb], column: f32, figure_width: f32) {
    let (rx, ry) = (figure_width * 0.5, 3.0);
    for y in (GROUND - ry - 1.0) as usize..SIDE {
        for x in 0..SIDE {
            let (dx, dy) = ((x as f32 + 0.5 - column) / rx, (y as f32 + 0.5 - GROUND) / ry);
            let depth = (1.0 - dx * dx - dy * dy).max(0.0);
            let keep = 1.0 - 0.45 * depth.min(0.7);
            let pixel = &mut pixels[y * SIDE + x];
            *pixel = pixel.map(|v| v * keep);
        }
    }
}
