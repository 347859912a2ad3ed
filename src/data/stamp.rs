//! Sprites at their final size, with a rim that lets them stand out.

use super::atlas::CELL;
use super::canvas::{Rgb, SIDE};

/// A sprite at its final size with a white rim, premultiplied RGBA.
#[derive(Clone)]
pub(crate) struct Stamp {
    side: usize,
    /// Size of the drawing without its rim, pixels.
    pub(crate) figure_width: f32,
    pub(crate) figure_height: f32,
    rgba: Vec<[f32; 4]>,
}

impl Stamp {
    /// Reduces the drawing within `bounds` of `cell` so that its longer side is `size_px`.
    pub(crate) fn new(cell: &[u8], bounds: [usize; 4], size_px: f32, rim_px: f32) -> Stamp {
        let [left, top, right, bottom] = bounds;
        let longer = (right - left).max(bottom - top) as f32;
        let scale = longer / size_px;
        // The stamp's middle is the drawing's middle; the side is even.
        let side = 2 * ((size_px / 2.0 + rim_px) as usize + 1);
        let middle = ((left + right) as f32 / 2.0, (top + bottom) as f32 / 2.0);
        let rimmed = with_rim(cell, rim_px * scale);
        let rgba = (0..side * side)
            .map(|i| {
                let x = middle.0 + ((i % side) as f32 - side as f32 / 2.0) * scale;
                let y = middle.1 + ((i / side) as f32 - side as f32 / 2.0) * scale;
                rimmed.mean((x, y), scale)
            })
            .collect();
        Stamp { side, figure_width: (right - left) as f32 / scale, figure_height: (bottom - top) as f32 / scale, rgba }
    }

    /// The stamp turned by a quarter, its top to the left.
    pub(crate) fn turned(&self) -> Stamp {
        let side = self.side;
        let rgba = (0..side * side).map(|i| self.rgba[i % side * side + side - 1 - i / side]).collect();
        Stamp { side, figure_width: self.figure_height, figure_height: self.figure_width, rgba }
    }

    /// Lays the stamp over the picture with its middle at the nearest whole pixel.
    pub(crate) fn draw(&self, pixels: &mut [Rgb], middle: (f32, f32)) {
        self.draw_seen(pixels, middle, false, |_, _, stamp| stamp);
    }

    /// The same, mirrored or not, where `seen(x, y, stamp)` is what can be seen of the stamp's
    /// premultiplied colour at a pixel of the picture.
    pub(crate) fn draw_seen(
        &self,
        pixels: &mut [Rgb],
        (cx, cy): (f32, f32),
        mirrored: bool,
        seen: impl Fn(usize, usize, [f32; 4]) -> [f32; 4],
    ) {
        let left = libm::floorf(cx + 0.5) as isize - self.side as isize / 2;
        let top = libm::floorf(cy + 0.5) as isize - self.side as isize / 2;
        let range = |from: isize| {
            (-from).clamp(0, self.side as isize) as usize..(SIDE as isize - from).clamp(0, self.side as isize) as usize
        };
        for row in range(top) {
            let y = (top + row as isize) as usize;
            for column in range(left) {
                let x = (left + column as isize) as usize;
                let from = if mirrored { self.side - 1 - column } else { column };
                let stamp = self.rgba[row * self.side + from];
                if stamp[3] > 0.0 {
                    let stamp = seen(x, y, stamp);
                    let pixel = &mut pixels[y * SIDE + x];
                    *pixel = [0, 1, 2].map(|c| stamp[c] + pixel[c] * (1.0 - stamp[3]));
                }
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
        let edge = !inner || [(x - 1, y), (x + 1, y), (x, y - 1), (x, y + 1)].iter().any(|&(x, y)| alpha(x, y) <= 127);
        if !edge {
            continue;
        }
        for dy in -reach..=reach {
            for dx in -reach..=reach {
                if ((dx * dx + dy * dy) as f32) <= radius * radius {
                    let at = (y as isize + pad as isize + dy) * side as isize + x as isize + pad as isize + dx;
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
        let overlap = |i: usize, from: f32| ((i as f32 + 1.0).min(from + side) - (i as f32).max(from)).max(0.0);
        let range = |from: f32| from.max(0.0) as usize..((from + side).max(0.0) as usize + 1).min(self.side);
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
