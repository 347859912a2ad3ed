//! Drawing with numbers: shapes on a large canvas, reduced by averaging areas.
//!
//! Only `+ - * /` and comparisons are used, so every target draws the same
//! pixels. Coordinates are those of the small picture, y downwards; colours
//! are sRGB in [0, 1].

/// Side of the small picture.
pub(crate) const SIDE: usize = 64;
/// Samples of the canvas in a pixel of the picture, along each axis.
const SAMPLES: usize = 4;
const LARGE: usize = SIDE * SAMPLES;

pub(crate) type Rgb = [f32; 3];

/// A colour from its bytes.
pub(crate) const fn rgb(r: u8, g: u8, b: u8) -> Rgb {
    [r as f32 / 255.0, g as f32 / 255.0, b as f32 / 255.0]
}

/// `a` at 0 and `b` at 1.
pub(crate) fn mix(a: Rgb, b: Rgb, at: f32) -> Rgb {
    let at = at.clamp(0.0, 1.0);
    [0, 1, 2].map(|i| a[i] + (b[i] - a[i]) * at)
}

/// `a` seen in light of the colour `light`.
pub(crate) fn tint(a: Rgb, light: Rgb) -> Rgb {
    [0, 1, 2].map(|i| a[i] * light[i])
}

/// The canvas: 256 × 256 samples of a 64 × 64 picture.
pub(crate) struct Canvas {
    samples: Vec<Rgb>,
}

impl Canvas {
    pub(crate) fn new() -> Self {
        Canvas { samples: vec![[0.0; 3]; LARGE * LARGE] }
    }

    /// Paints `colour(x, y)` where it is a colour.
    pub(crate) fn paint(&mut self, colour: impl Fn(f32, f32) -> Option<Rgb>) {
        for (i, sample) in self.samples.iter_mut().enumerate() {
            let x = ((i % LARGE) as f32 + 0.5) / SAMPLES as f32;
            let y = ((i / LARGE) as f32 + 0.5) / SAMPLES as f32;
            if let Some(new) = colour(x, y) {
                *sample = new;
            }
        }
    }

    /// Fills `inside` with one colour.
    pub(crate) fn fill(&mut self, colour: Rgb, inside: impl Fn(f32, f32) -> bool) {
        self.paint(|x, y| inside(x, y).then_some(colour));
    }

    /// Fills `inside` with a gradient from `top` at height `y0` to `bottom` at `y1`.
    pub(crate) fn gradient(&mut self, top: Rgb, bottom: Rgb, (y0, y1): (f32, f32), inside: impl Fn(f32, f32) -> bool) {
        self.paint(|x, y| inside(x, y).then(|| mix(top, bottom, (y - y0) / (y1 - y0))));
    }

    /// The small picture: the mean of each pixel's samples.
    pub(crate) fn reduce(&self) -> Vec<Rgb> {
        let mut small = vec![[0.0; 3]; SIDE * SIDE];
        for (i, sample) in self.samples.iter().enumerate() {
            let pixel = &mut small[i / LARGE / SAMPLES * SIDE + i % LARGE / SAMPLES];
            for c in 0..3 {
                pixel[c] += sample[c] / (SAMPLES * SAMPLES) as f32;
            }
        }
        small
    }
}

/// Is the point in the ellipse with this centre and these radii?
pub(crate) fn in_ellipse(x: f32, y: f32, (cx, cy): (f32, f32), (rx, ry): (f32, f32)) -> bool {
    let (dx, dy) = ((x - cx) / rx, (y - cy) / ry);
    dx * dx + dy * dy <= 1.0
}

/// Is the point in the box from the left top to the right bottom?
pub(crate) fn in_box(x: f32, y: f32, (left, top): (f32, f32), (right, bottom): (f32, f32)) -> bool {
    x >= left && x < right && y >= top && y < bottom
}

/// Is the point in the upright triangle with this apex, base line and half width?
pub(crate) fn in_triangle(x: f32, y: f32, (ax, ay): (f32, f32), base: f32, half: f32) -> bool {
    y >= ay && y < base && (x - ax).abs() <= half * (y - ay) / (base - ay)
}
