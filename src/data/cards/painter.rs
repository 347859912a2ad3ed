//! The reference painter: a background, a shadow, at most two sprites and a mark.
//!
//! Positions are fixed, so the picture is a pure function of the scene and a
//! small model can learn it. Backgrounds and sprites are reduced once and kept.

use std::sync::OnceLock;

use super::names::{Character, Mark, Place, Prop, Sky};
use super::scene::{Other, Scene};
use super::scenery;
use crate::data::Picture;
use crate::data::atlas::{Atlas, CELL, Set};
use crate::data::canvas::{Rgb, SIDE};

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
            let grounds = Place::ALL
                .into_iter()
                .flat_map(|place| Sky::ALL.into_iter().map(move |sky| (place, sky)));
            let alone = Character::all().map(|c| Stamp::new(c.name(), ALONE_PX));
            let beside = Character::all().map(|c| Stamp::new(c.name(), BESIDE_PX));
            let props = Prop::all().map(|p| Stamp::new(p.name(), PROP_PX));
            let marks = Mark::ALL.into_iter().map(|m| Stamp::new(m.name(), MARK_PX));
            Kit {
                backgrounds: grounds
                    .clone()
                    .map(|(place, sky)| scenery::background(place, sky))
                    .collect(),
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

/// A sprite at its final size with a white rim, premultiplied RGBA.
#[derive(Clone)]
struct Stamp {
    side: usize,
    /// Size of the drawing without its rim, pixels.
    figure_width: f32,
    figure_height: f32,
    rgba: Vec<[f32; 4]>,
}

impl Stamp {
    /// Reduces the sprite `name` so that its longer side is `size_px`.
    ///
    /// # Panics
    ///
    /// If the embedded atlas lacks the name; a test looks for all of them.
    fn new(name: &str, size_px: f32) -> Stamp {
        let Some((index, cell)) = Atlas::embedded(Set::Cards).cell(name) else {
            panic!("the embedded atlas has no sprite {name}");
        };
        let [left, top, right, bottom] = index.bounds;
        let longer = (right - left).max(bottom - top) as f32;
        let scale = longer / size_px;
        // The stamp's middle is the drawing's middle; the side is even.
        let side = 2 * ((size_px / 2.0 + RIM_PX) as usize + 1);
        let middle = ((left + right) as f32 / 2.0, (top + bottom) as f32 / 2.0);
        let rimmed = with_rim(cell, RIM_PX * scale);
        let rgba = (0..side * side)
            .map(|i| {
                let x = middle.0 + ((i % side) as f32 - side as f32 / 2.0) * scale;
                let y = middle.1 + ((i / side) as f32 - side as f32 / 2.0) * scale;
                rimmed.mean((x, y), scale)
            })
            .collect();
        Stamp {
            side,
            figure_width: (right - left) as f32 / scale,
            figure_height: (bottom - top) as f32 / scale,
            rgba,
        }
    }

    /// Lays the stamp over the picture with its middle at the nearest whole pixel.
    fn draw(&self, pixels: &mut [Rgb], (cx, cy): (f32, f32)) {
        let left = (cx + 0.5) as isize - self.side as isize / 2;
        let top = (cy + 0.5) as isize - self.side as isize / 2;
        for (i, stamp) in self.rgba.iter().enumerate() {
            let x = left + (i % self.side) as isize;
            let y = top + (i / self.side) as isize;
            let inside = (0..SIDE as isize).contains(&x) && (0..SIDE as isize).contains(&y);
            if inside && stamp[3] > 0.0 {
                let pixel = &mut pixels[y as usize * SIDE + x as usize];
                *pixel = [0, 1, 2].map(|c| stamp[c] + pixel[c] * (1.0 - stamp[3]));
            }
        }
    }
}

/// A cell with a margin, premultiplied RGBA.
struct Padded {
    side: usize,
    pad: usize,
    rgba: Vec<[f32; 4]>,
}

/// The cell over a white copy of itself that is `radius` cell pixels wider.
fn with_rim(cell: &[u8], radius: f32) -> Padded {
    let pad = radius as usize + 8;
    let side = CELL + 2 * pad;
    let alpha = |x: usize, y: usize| cell[(y * CELL + x) * 4 + 3];
    let mut rim = vec![0.0_f32; side * side];
    let reach = radius as isize + 1;
    for i in (0..CELL * CELL).filter(|i| alpha(i % CELL, i / CELL) > 127) {
        let (x, y) = (i % CELL, i / CELL);
        let inner = x > 0 && y > 0 && x + 1 < CELL && y + 1 < CELL;
        let edge = !inner
            || [(x - 1, y), (x + 1, y), (x, y - 1), (x, y + 1)]
                .iter()
                .any(|&(x, y)| alpha(x, y) <= 127);
        if !edge {
            continue;
        }
        for dy in -reach..=reach {
            for dx in -reach..=reach {
                if ((dx * dx + dy * dy) as f32) <= radius * radius {
                    let at = (y as isize + pad as isize + dy) * side as isize
                        + x as isize
                        + pad as isize
                        + dx;
                    rim[at as usize] = 1.0;
                }
            }
        }
    }
    let rgba = (0..side * side)
        .map(|i| {
            let (x, y) = ((i % side).wrapping_sub(pad), (i / side).wrapping_sub(pad));
            let [r, g, b, a] = if x < CELL && y < CELL {
                let at = (y * CELL + x) * 4;
                [cell[at], cell[at + 1], cell[at + 2], cell[at + 3]].map(|v| f32::from(v) / 255.0)
            } else {
                [0.0; 4]
            };
            let under = rim[i] * (1.0 - a);
            [r * a + under, g * a + under, b * a + under, a + under]
        })
        .collect();
    Padded { side, pad, rgba }
}

impl Padded {
    /// The mean over the square with this corner (cell pixels) and side.
    fn mean(&self, (x0, y0): (f32, f32), side: f32) -> [f32; 4] {
        let mut sum = [0.0; 4];
        let (x0, y0) = (x0 + self.pad as f32, y0 + self.pad as f32);
        let overlap = |i: usize, from: f32| {
            ((i as f32 + 1.0).min(from + side) - (i as f32).max(from)).max(0.0)
        };
        let range = |from: f32| {
            from.max(0.0) as usize..((from + side).max(0.0) as usize + 1).min(self.side)
        };
        for y in range(y0) {
            for x in range(x0) {
                let weight = overlap(x, x0) * overlap(y, y0) / (side * side);
                let pixel = self.rgba[y * self.side + x];
                for c in 0..4 {
                    sum[c] += pixel[c] * weight;
                }
            }
        }
        sum
    }
}
