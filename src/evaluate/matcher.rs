//! The main character of a picture, and its thing, by template matching: the sprite of the atlas, with
//! its white rim, that differs least from the picture where a main character can stand, or have it.

use super::asked::World;
use super::probe::SIDE;
use crate::data::atlas::{Atlas, CELL, Look, Set};
use crate::error::{Error, Result};

/// Where a main character, or its thing, stands.
struct Stand {
    /// Longer side of the sprite, pixels.
    size: f32,
    /// Its middle, pixels from the left.
    middle: isize,
}

/// What is known of a world's pictures.
struct Habit {
    set: Set,
    stands: &'static [Stand],
    /// Where feet stand, pixels from the top: the highest and the lowest.
    feet: (isize, isize),
    /// How far it may be from its stand, pixels: to either side, and up or down.
    reach: (isize, isize),
    /// Rows of a sprite, rim included, that a boat or water can hide.
    hidden: fn(usize) -> usize,
    /// Whether it may look to the left.
    turns: bool,
}

const fn stand(size: f32, middle: isize) -> Stand {
    Stand { size, middle }
}

const CARDS: Habit = Habit {
    set: Set::Cards,
    stands: &[stand(34.0, 32), stand(29.0, 17)],
    feet: (55, 58),
    reach: (3, 3),
    hidden: |_| 5,
    turns: false,
};

/// On the right.
const CARDS_THINGS: Habit = Habit { stands: &[stand(21.0, 47)], ..CARDS };

/// The main character of the large world is the one on the left, in one of three sizes; it may jump,
/// fly, sit in a boat or swim.
const STORYWORLD: Habit = Habit {
    set: Set::Storyworld,
    stands: &[
        stand(21.0, 14),
        stand(24.0, 14),
        stand(27.0, 14),
        stand(24.0, 22),
        stand(27.0, 22),
        stand(24.0, 32),
        stand(27.0, 32),
    ],
    feet: (50, 61),
    reach: (3, 3),
    hidden: |height| height / 4,
    turns: false,
};

/// In a hand, or on the head, of one who stands there.
const STORYWORLD_THINGS: Habit =
    Habit { stands: &[stand(12.0, 32)], feet: (38, 38), reach: (32, 32), hidden: |_| 0, turns: true, ..STORYWORLD };

/// How far the middle of a thing may be from where it should be held, pixels: to either side, and up or
/// down.
const NEAR: (f32, f32) = (4.0, 5.0);

/// Names a sprite of a picture.
pub struct Matcher {
    templates: Vec<Template>,
}

/// A sprite that was found, or looked for.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Found {
    /// Its number.
    pub class: usize,
    /// Left, top, width and height, rim included, pixels.
    pub bounds: [usize; 4],
}

/// A sprite at one size and where it is looked for.
struct Template {
    class: usize,
    width: usize,
    height: usize,
    /// Colours, 0 to 255, `[height, width, 3]`.
    colours: Vec<f32>,
    /// Squared masks of the same shape: the weight of each squared difference.
    weights: Vec<f32>,
    total: f32,
    /// Left tops at which it is tried.
    lefts: std::ops::RangeInclusive<usize>,
    tops: std::ops::RangeInclusive<usize>,
}

impl Matcher {
    /// Finds the main character, by its number in [`World::characters`].
    ///
    /// # Errors
    ///
    /// [`Error::Internal`] if the atlas lacks a character.
    pub fn characters(world: World) -> Result<Self> {
        Self::new(&world.characters(), if world == World::Cards { &CARDS } else { &STORYWORLD })
    }

    /// Finds its thing, by its number in [`World::things`].
    ///
    /// # Errors
    ///
    /// [`Error::Internal`] if the atlas lacks a thing.
    pub fn things(world: World) -> Result<Self> {
        Self::new(&world.things(), if world == World::Cards { &CARDS_THINGS } else { &STORYWORLD_THINGS })
    }

    fn new(names: &[&str], habit: &Habit) -> Result<Self> {
        let mut templates = Vec::new();
        for (class, name) in names.iter().enumerate() {
            for stand in habit.stands {
                let drawing = sprite(habit.set, name, stand.size)?;
                if habit.turns {
                    templates.push(Template::new(class, drawing.mirrored(), stand, habit));
                }
                templates.push(Template::new(class, drawing, stand, habit));
            }
        }
        Ok(Self { templates })
    }

    /// The sprite that has the least mean squared difference under its mask; the first of equals.
    /// `picture` holds 64 × 64 RGB pixels.
    pub fn find(&self, picture: &[u8]) -> Found {
        self.best(picture, |_| true)
    }

    /// The sprite of those whose middle is near one of some points.
    pub fn find_near(&self, picture: &[u8], points: &[(f32, f32)]) -> Found {
        self.best(picture, |[left, top, width, height]| {
            let (x, y) = (left as f32 + width as f32 / 2.0, top as f32 + height as f32 / 2.0);
            points.iter().any(|point| (x - point.0).abs() <= NEAR.0 && (y - point.1).abs() <= NEAR.1)
        })
    }

    fn best(&self, picture: &[u8], is_there: impl Fn([usize; 4]) -> bool) -> Found {
        let picture: Vec<f32> = picture.iter().map(|&value| f32::from(value)).collect();
        let (mut best, mut sprite) = (f32::INFINITY, Found { class: 0, bounds: [0; 4] });
        for template in &self.templates {
            for top in template.tops.clone() {
                for left in template.lefts.clone() {
                    let bounds = [left, top, template.width, template.height];
                    if !is_there(bounds) {
                        continue;
                    }
                    let found = template.difference(&picture, left, top, best);
                    if found < best {
                        (best, sprite) = (found, Found { class: template.class, bounds });
                    }
                }
            }
        }
        sprite
    }
}

impl Template {
    fn new(class: usize, drawing: Sprite, stand: &Stand, habit: &Habit) -> Self {
        let Sprite { width, height, colours, mut mask } = drawing;
        let hidden = (habit.hidden)(height);
        mask[(height - hidden) * width..].fill(0.0);
        let weights: Vec<f32> = mask.iter().flat_map(|m| [m * m; 3]).collect();
        let (w, h) = (width as isize, height as isize);
        let side = SIDE as isize;
        let range = |low: isize, high: isize| low.max(0) as usize..=high.max(0) as usize;
        let (across, along) = habit.reach;
        let right = (stand.middle + (w + 1) / 2 + across).min(side);
        let bottom = (habit.feet.1 + along).min(side);
        Self {
            class,
            width,
            height,
            colours,
            total: weights.iter().sum(),
            weights,
            lefts: range(stand.middle - w / 2 - across, right - w),
            tops: range(habit.feet.0 - h - along, bottom - h),
        }
    }

    /// The mean squared difference with the left top here, or something above `enough` if it is above.
    fn difference(&self, picture: &[f32], left: usize, top: usize, enough: f32) -> f32 {
        let n = 3 * self.width;
        let limit = enough * self.total;
        let mut sum = 0.0;
        for row in 0..self.height {
            let at = ((top + row) * SIDE + left) * 3;
            let span = row * n..(row + 1) * n;
            sum += weighted(&picture[at..at + n], &self.colours[span.clone()], &self.weights[span]);
            if sum > limit {
                break;
            }
        }
        sum / self.total
    }
}

/// Σ weight·(a - b)², in eight lanes so that it vectorises.
fn weighted(a: &[f32], b: &[f32], weights: &[f32]) -> f32 {
    let mut lanes = [0.0f32; 8];
    let mut rest = 0.0;
    let chunks = a.chunks(8).zip(b.chunks(8)).zip(weights.chunks(8));
    for ((a, b), weights) in chunks {
        if a.len() == 8 {
            (0..8).for_each(|i| lanes[i] += weights[i] * (a[i] - b[i]) * (a[i] - b[i]));
        } else {
            rest += (0..a.len()).map(|i| weights[i] * (a[i] - b[i]) * (a[i] - b[i])).sum::<f32>();
        }
    }
    lanes.iter().sum::<f32>() + rest
}

/// Where a character of the large world that was found can hold or wear something: the middle of the
/// thing in either hand, and on its head.
pub fn hands(name: &str, found: &Found) -> [(f32, f32); 3] {
    let body = Atlas::embedded(Set::Storyworld).cell(name).and_then(|(index, _)| index.body);
    let (hand, head) = body.map_or(([0.84, 0.7], [0.5, 0.05]), |body| (body.hand, body.head));
    let is_turned = body.is_some_and(|body| body.facing == Look::Left);
    let [left, top, width, height] = found.bounds.map(|value| value as f32);
    // The bounds of the drawing are those of the template without its rim.
    let at = |x: f32, y: f32| (left + 1.0 + x * (width - 2.0), top + 1.0 + y * (height - 2.0));
    let x = |x: f32| if is_turned { 1.0 - x } else { x };
    let (worn_x, worn_y) = at(x(head[0]), head[1]);
    [at(x(hand[0]), hand[1]), at(1.0 - x(hand[0]), hand[1]), (worn_x, worn_y - 4.0)]
}

/// A drawing at its size with a white rim of a pixel.
pub(super) struct Sprite {
    pub(super) width: usize,
    pub(super) height: usize,
    /// Colours, 0 to 255, `[height, width, 3]`.
    pub(super) colours: Vec<f32>,
    /// Coverage in [0, 1], `[height, width]`.
    pub(super) mask: Vec<f32>,
}

impl Sprite {
    /// Looking the other way.
    fn mirrored(&self) -> Self {
        let (mut colours, mut mask) = (Vec::new(), Vec::new());
        for row in 0..self.height {
            for at in (row * self.width..(row + 1) * self.width).rev() {
                colours.extend(&self.colours[3 * at..3 * at + 3]);
                mask.push(self.mask[at]);
            }
        }
        Self { width: self.width, height: self.height, colours, mask }
    }
}

/// The drawing of the atlas, its longer side `size` pixels, looking to the right or at the reader.
pub(super) fn sprite(set: Set, name: &str, size: f32) -> Result<Sprite> {
    let (index, cell) = Atlas::embedded(set)
        .cell(name)
        .ok_or_else(|| Error::Internal { reason: format!("the atlas has no sprite {name}") })?;
    let mirrored = index.body.is_some_and(|body| body.facing == Look::Left);
    let [left, top, right, bottom] = index.bounds;
    let (from_width, from_height) = (right - left, bottom - top);
    // Premultiplied colours and coverage of the drawing in its box.
    let mut drawing = Vec::with_capacity(from_width * from_height);
    for y in top..bottom {
        for x in left..right {
            let x = if mirrored { left + right - 1 - x } else { x };
            let pixel = &cell[(y * CELL + x) * 4..][..4];
            let alpha = f64::from(pixel[3]) / 255.0;
            drawing.push([0, 1, 2, 3].map(|c| if c < 3 { f64::from(pixel[c]) * alpha } else { alpha }));
        }
    }
    let scale = f64::from(size) / from_width.max(from_height) as f64;
    let rounded = |length: usize| (length as f64 * scale).round_ties_even() as usize;
    let (inner_width, inner_height) = (rounded(from_width), rounded(from_height));
    let (width, height) = (inner_width + 2, inner_height + 2);
    let mut small = vec![[0.0; 4]; width * height];
    for y in 0..inner_height {
        for x in 0..inner_width {
            small[(y + 1) * width + x + 1] =
                mean(&drawing, (from_width, from_height), (inner_width, inner_height), (x, y));
        }
    }
    let (mut colours, mut mask) = (Vec::new(), Vec::new());
    for at in 0..width * height {
        let (x, y) = (at % width, at / width);
        // The pixel and its four neighbours.
        let near = [(1, 0), (0, 1), (1, 1), (2, 1), (1, 2)].map(|(dx, dy): (usize, usize)| {
            let (x, y) = ((x + dx).wrapping_sub(1), (y + dy).wrapping_sub(1));
            if x < width && y < height { small[y * width + x][3] } else { 0.0 }
        });
        let cover = near.into_iter().fold(0.0, f64::max);
        let pixel = small[at];
        let white = 255.0 * (cover - pixel[3]);
        colours.extend((0..3).map(|c| ((pixel[c] + white) / cover.max(1e-3)) as f32));
        mask.push(cover as f32);
    }
    Ok(Sprite { width, height, colours, mask })
}

/// The mean of the part of a drawing that becomes pixel (x, y) of a smaller one.
fn mean(drawing: &[[f64; 4]], from: (usize, usize), to: (usize, usize), (x, y): (usize, usize)) -> [f64; 4] {
    let parts = |at: usize, from: usize, to: usize| {
        let scale = from as f64 / to as f64;
        let (low, high) = (at as f64 * scale, (at + 1) as f64 * scale);
        let last = (high.ceil() as usize).min(from);
        (low as usize..last).map(move |i| (i, ((i + 1) as f64).min(high) - (i as f64).max(low)))
    };
    let (mut sum, mut total) = ([0.0; 4], 0.0);
    for (row, down) in parts(y, from.1, to.1) {
        for (column, across) in parts(x, from.0, to.0) {
            let weight = down * across;
            let pixel = drawing[row * from.0 + column];
            (0..4).for_each(|c| sum[c] += weight * pixel[c]);
            total += weight;
        }
    }
    sum.map(|value| value / total)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Each sprite on a plain ground, at some of the stands.
    #[track_caller]
    fn all_are_found(names: &[&str], habit: &Habit, stands: &[usize]) {
        let matcher = Matcher::new(names, habit).unwrap();
        for (class, name) in names.iter().enumerate() {
            for stand in stands.iter().map(|&i| &habit.stands[i]) {
                let drawing = sprite(habit.set, name, stand.size).unwrap();
                let drawings = if habit.turns { vec![drawing.mirrored(), drawing] } else { vec![drawing] };
                for Sprite { width, height, colours, mask } in drawings {
                    let mut picture = [120u8, 160, 90].repeat(SIDE * SIDE);
                    let (top, left) = (habit.feet.1 as usize - height, (stand.middle - width as isize / 2) as usize);
                    for at in 0..width * height {
                        let place = ((top + at / width) * SIDE + left + at % width) * 3;
                        for c in 0..3 {
                            let under = f32::from(picture[place + c]);
                            picture[place + c] = (under + (colours[at * 3 + c] - under) * mask[at] + 0.5) as u8;
                        }
                    }
                    assert_eq!(matcher.find(&picture).class, class, "{name} at {}", stand.middle);
                }
            }
        }
    }

    #[test]
    fn every_character_of_the_small_world_is_found_on_a_plain_ground() {
        all_are_found(&World::Cards.characters(), &CARDS, &[0, 1]);
    }

    #[test]
    fn every_character_of_the_large_world_is_found_on_a_plain_ground() {
        all_are_found(&World::Storyworld.characters(), &STORYWORLD, &[1, 6]);
    }

    #[test]
    fn every_thing_of_both_worlds_is_found_on_a_plain_ground() {
        all_are_found(&World::Cards.things(), &CARDS_THINGS, &[0]);
        all_are_found(&World::Storyworld.things(), &STORYWORLD_THINGS, &[0]);
    }
}
