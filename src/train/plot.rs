//! The losses of a run as pictures: over steps, and against time.

use std::fs;
use std::path::Path;

use plotters::coord::Shift;
use plotters::prelude::*;
use serde_json::Value;

use super::letters::Lettered;
use crate::error::{Error, Result};

const SIZE_PX: (u32, u32) = (1200, 800);
/// Parts of a run, each with a line in the plot against time.
const N_STAGES: usize = 4;

/// A panel: its heading, the field of the log, the name of its horizontal axis.
struct Panel {
    heading: &'static str,
    field: &'static str,
    x: &'static str,
}

/// What stands in a panel: lines with their names.
type Lines = Vec<(String, Vec<(f64, f64)>)>;

const OVER_STEPS: [Panel; 6] = [
    Panel { heading: "tokens, nats per clean element", field: "tokens", x: "step" },
    Panel { heading: "gate, nats per clean element", field: "gate", x: "step" },
    Panel { heading: "Poisson term per clean element", field: "poisson", x: "step" },
    Panel { heading: "pictures, squared error of the velocity", field: "image", x: "step" },
    Panel { heading: "norm of the gradient", field: "grad_norm", x: "step" },
    Panel { heading: "learning rate", field: "learning_rate", x: "step" },
];

const OVER_TIME: [Panel; 4] = [
    Panel { heading: "tokens, nats per missing element", field: "tokens", x: "share of the text that is there" },
    Panel { heading: "gate, nats per slot", field: "gate", x: "share of the text that is there" },
    Panel {
        heading: "Poisson term above its floor, per open slot",
        field: "poisson",
        x: "share of the text that is there",
    },
    Panel { heading: "pictures, squared error of the velocity", field: "image", x: "time of the picture" },
];

/// Draws the terms of the log over steps: the mean since the line before, and a running mean over
/// a tenth of the run.
///
/// # Errors
///
/// [`Error::Io`] naming the path.
pub fn losses(log: &Path, out: &Path) -> Result<()> {
    let lines = read(log)?;
    let panels = OVER_STEPS.iter().map(|panel| {
        let points: Vec<(f64, f64)> =
            lines.iter().filter_map(|line| Some((line["step"].as_f64()?, line[panel.field].as_f64()?))).collect();
        let smooth = running_mean(&points, lines.len().div_ceil(10));
        (panel, vec![("line of the log".into(), points), ("running mean".into(), smooth)])
    });
    draw(out, (3, 2), panels.collect())
}

/// Draws the terms of the log against time, a line for each quarter of the run so far.
///
/// # Errors
///
/// [`Error::Io`] naming the path.
pub fn bins(log: &Path, out: &Path) -> Result<()> {
    let lines = read(log)?;
    let per_stage = lines.len().div_ceil(N_STAGES).max(1);
    let panels = OVER_TIME.iter().map(|panel| {
        let stage = |stage: &[Value]| {
            let step = |line: Option<&Value>| line.and_then(|line| line["step"].as_u64()).unwrap_or(0);
            (format!("steps to {}", step(stage.last())), by_bin(stage, panel.field))
        };
        (panel, lines.chunks(per_stage).map(stage).collect())
    });
    draw(out, (2, 2), panels.collect())
}

fn read(log: &Path) -> Result<Vec<Value>> {
    let text = fs::read_to_string(log).map_err(|error| Error::io(log, error))?;
    Ok(text.lines().filter_map(|line| serde_json::from_str(line).ok()).collect())
}

/// The mean of each bin over some lines of the log, at the bin's middle; the bin of complete texts
/// is at 1.
fn by_bin(lines: &[Value], field: &str) -> Vec<(f64, f64)> {
    let rows: Vec<&Vec<Value>> = lines.iter().filter_map(|line| line["bins"][field].as_array()).collect();
    let n_bins = rows.iter().map(|row| row.len()).max().unwrap_or(0);
    let n_wide = (n_bins - n_bins % 2).max(1) as f64;
    let mean = |bin: usize| {
        let values: Vec<f64> = rows.iter().filter_map(|row| row.get(bin)?.as_f64()).collect();
        let x = ((bin as f64 + 0.5) / n_wide).min(1.0);
        (!values.is_empty()).then(|| (x, values.iter().sum::<f64>() / values.len() as f64))
    };
    (0..n_bins).filter_map(mean).collect()
}

fn running_mean(points: &[(f64, f64)], n: usize) -> Vec<(f64, f64)> {
    let mean = |end: usize| {
        let window = &points[(end + 1).saturating_sub(n)..=end];
        (points[end].0, window.iter().map(|point| point.1).sum::<f64>() / window.len() as f64)
    };
    (0..points.len()).map(mean).collect()
}

/// Draws panels in a grid of rows and columns.
fn draw(out: &Path, grid: (usize, usize), panels: Vec<(&Panel, Lines)>) -> Result<()> {
    let failed = |error: String| Error::Io { path: out.display().to_string(), source: std::io::Error::other(error) };
    let mut pixels = vec![255; (3 * SIZE_PX.0 * SIZE_PX.1) as usize];
    {
        let root = Lettered(BitMapBackend::with_buffer(&mut pixels, SIZE_PX)).into_drawing_area();
        for (area, (panel, lines)) in root.split_evenly(grid).iter().zip(&panels) {
            draw_panel(area, panel, lines).map_err(|error| failed(error.to_string()))?;
        }
        root.present().map_err(|error| failed(error.to_string()))?;
    }
    image::save_buffer(out, &pixels, SIZE_PX.0, SIZE_PX.1, image::ColorType::Rgb8)
        .map_err(|error| failed(error.to_string()))
}

fn draw_panel(
    area: &DrawingArea<Lettered<'_>, Shift>,
    panel: &Panel,
    lines: &Lines,
) -> Result<(), Box<dyn std::error::Error>> {
    let points = || lines.iter().flat_map(|(_, points)| points).filter(|point| point.1.is_finite());
    let range = |of: fn(&(f64, f64)) -> f64| {
        let low = points().map(of).fold(f64::INFINITY, f64::min);
        let high = points().map(of).fold(f64::NEG_INFINITY, f64::max);
        // A single point has a range, too.
        (low, if high > low { high } else { low + low.abs().max(1e-6) })
    };
    if points().next().is_none() {
        return Ok(());
    }
    let ((left, right), (low, high)) = (range(|point| point.0), range(|point| point.1));
    let mut chart = ChartBuilder::on(area)
        .margin(8)
        .caption(panel.heading, ("sans-serif", 16))
        .x_label_area_size(44)
        .y_label_area_size(84)
        .build_cartesian_2d(left..right, low..high)?;
    chart
        .configure_mesh()
        .x_labels(6)
        .y_labels(6)
        .x_desc(panel.x)
        .x_label_formatter(&|&value| short(value))
        .y_label_formatter(&|&value| short(value))
        .draw()?;
    for (i, (name, points)) in lines.iter().enumerate() {
        let color = Palette99::pick(i).to_rgba();
        let finite = points.iter().copied().filter(|point| point.1.is_finite());
        let series = chart.draw_series(LineSeries::new(finite, color.stroke_width(2)))?;
        series.label(name).legend(move |(x, y)| PathElement::new([(x, y), (x + 16, y)], color.stroke_width(2)));
    }
    chart
        .configure_series_labels()
        .position(SeriesLabelPosition::UpperRight)
        // Widths are guessed from the size; at this one the guess fits the letters.
        .label_font(("sans-serif", 19))
        .background_style(WHITE.mix(0.8))
        .border_style(BLACK.mix(0.3))
        .draw()?;
    Ok(())
}

/// A number in at most four digits after the point, without zeros at the end; small ones with an
/// exponent, and what is left of a difference as 0.
fn short(value: f64) -> String {
    match value.abs() {
        0.0..1e-9 => "0".into(),
        1e-9..1e-2 => format!("{value:.1e}"),
        _ => format!("{value:.4}").trim_end_matches('0').trim_end_matches('.').to_string(),
    }
}
