//! The marks that no sprite has, drawn by hand: joy, fright and anger.

use crate::data::atlas::CELL;

/// Three golden strokes that go apart upwards.
pub(super) fn joy() -> Vec<u8> {
    strokes(
        [255, 190, 32],
        &[((24.0, 72.0), (10.0, 40.0)), ((48.0, 60.0), (48.0, 16.0)), ((72.0, 72.0), (86.0, 40.0))],
        9.0,
    )
}

/// An exclamation mark.
pub(super) fn fright() -> Vec<u8> {
    strokes([128, 88, 224], &[((48.0, 12.0), (48.0, 54.0)), ((48.0, 82.0), (48.0, 84.0))], 10.5)
}

/// A zigzag.
pub(super) fn anger() -> Vec<u8> {
    let corners = [(10.0, 70.0), (29.0, 24.0), (48.0, 70.0), (67.0, 24.0), (86.0, 70.0)];
    let lines: Vec<_> = corners.windows(2).map(|w| (w[0], w[1])).collect();
    strokes([224, 36, 44], &lines, 9.5)
}

type Point = (f32, f32);

/// A cell with strokes of this colour and half width.
fn strokes(colour: [u8; 3], lines: &[(Point, Point)], half: f32) -> Vec<u8> {
    let mut cell = Vec::with_capacity(CELL * CELL * 4);
    for i in 0..CELL * CELL {
        let at = ((i % CELL) as f32 + 0.5, (i / CELL) as f32 + 0.5);
        let inside = lines.iter().any(|&(a, b)| squared_distance(at, a, b) <= half * half);
        cell.extend([colour[0], colour[1], colour[2], if inside { 255 } else { 0 }]);
    }
    cell
}

/// From a point to the line between two others.
fn squared_distance((x, y): Point, a: Point, b: Point) -> f32 {
    let (dx, dy) = (b.0 - a.0, b.1 - a.1);
    let along = (((x - a.0) * dx + (y - a.1) * dy) / (dx * dx + dy * dy)).clamp(0.0, 1.0);
    let (ex, ey) = (x - a.0 - along * dx, y - a.1 - along * dy);
    ex * ex + ey * ey
}
