//! The losses of a run as a picture.

use std::fs;
use std::path::Path;

use plotters::prelude::*;

use crate::error::{Error, Result};

/// The terms drawn, one panel each.
const TERMS: [&str; 4] = ["tokens", "gate", "poisson", "image"];

const SIZE_PX: (u32, u32) = (960, 640);

/// Draws the log's terms over steps, each panel scaled to its own range (logarithmic where all
/// values are positive), without text: the numbers are in the log.
///
/// # Errors
///
/// [`Error::Io`] naming the path.
pub fn losses(log: &Path, out: &Path) -> Result<()> {
    let text = fs::read_to_string(log).map_err(|error| Error::io(log, error))?;
    let lines: Vec<serde_json::Value> = text.lines().filter_map(|line| serde_json::from_str(line).ok()).collect();
    let failed = |error: String| Error::Io { path: out.display().to_string(), source: std::io::Error::other(error) };
    let mut pixels = vec![255; (3 * SIZE_PX.0 * SIZE_PX.1) as usize];
    {
        let root = BitMapBackend::with_buffer(&mut pixels, SIZE_PX).into_drawing_area();
        for (panel, term) in root.split_evenly((2, 2)).iter().zip(TERMS) {
            let points: Vec<(f64, f64)> =
                lines.iter().filter_map(|line| Some((line["step"].as_f64()?, line[term].as_f64()?))).collect();
            draw(panel, &points).map_err(failed)?;
        }
        root.present().map_err(|error| failed(error.to_string()))?;
    }
    image::save_buffer(out, &pixels, SIZE_PX.0, SIZE_PX.1, image::ColorType::Rgb8)
        .map_err(|error| failed(error.to_string()))
}

fn draw(panel: &DrawingArea<BitMapBackend<'_>, plotters::coord::Shift>, points: &[(f64, f64)]) -> Result<(), String> {
    let (Some(first), Some(last)) = (points.first(), points.last()) else { return Ok(()) };
    let positive = points.iter().all(|point| point.1 > 0.0);
    let value = |y: f64| if positive { y.log10() } else { y };
    let low = points.iter().map(|p| value(p.1)).fold(f64::INFINITY, f64::min);
    let high = points.iter().map(|p| value(p.1)).fold(f64::NEG_INFINITY, f64::max).max(low + 1e-3);
    let mut chart = ChartBuilder::on(panel)
        .margin(12)
        .build_cartesian_2d(first.0..last.0.max(first.0 + 1.0), low..high)
        .map_err(|error| error.to_string())?;
    let line = LineSeries::new(points.iter().map(|p| (p.0, value(p.1))), &BLUE);
    chart.draw_series(line).map_err(|error| error.to_string())?;
    Ok(())
}
