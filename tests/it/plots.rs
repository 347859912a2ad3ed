//! Plots of a run: axes with numbers, lines, and a legend.

use std::fs;

use oneflow_web::train::plot;

use crate::support::folder;

/// Dark pixels of a picture within columns and rows.
fn n_dark(picture: &image::RgbImage, x: std::ops::Range<u32>, y: std::ops::Range<u32>) -> usize {
    let pixels = x.flat_map(|x| y.clone().map(move |y| (x, y)));
    pixels.filter(|&(x, y)| picture.get_pixel(x, y).0.iter().all(|&value| value < 100)).count()
}

#[test]
fn plots_have_lines_and_letters() {
    let folder = folder("plots");
    let (log, out) = (folder.join("log.jsonl"), folder.join("plot.png"));
    let line = |step: u32| {
        let y = 1.0 / f64::from(step);
        let bins: Vec<f64> = (1..=9).map(|bin| y * f64::from(bin)).collect();
        serde_json::json!({
            "step": step, "tokens": y, "gate": y, "poisson": y - 0.5, "image": y, "grad_norm": y, "learning_rate": 1e-3,
            "bins": { "tokens": bins, "gate": bins, "poisson": bins, "image": &bins[..8] },
        })
    };
    let lines: Vec<String> = (1..=20).map(|step| line(step).to_string()).collect();
    fs::write(&log, lines.join("\n")).unwrap();
    for draw in [plot::losses, plot::bins] {
        draw(&log, &out).unwrap();
        let picture = image::open(&out).unwrap().to_rgb8();
        assert_eq!(picture.dimensions(), (1200, 800));
        let colored =
            picture.pixels().filter(|pixel| pixel.0.iter().max().unwrap() - pixel.0.iter().min().unwrap() > 100);
        assert!(colored.count() > 2000);
        // Numbers beside the first panel's axis, and its heading above.
        let (numbers, heading) = (n_dark(&picture, 0..82, 30..260), n_dark(&picture, 0..600, 8..32));
        assert!(numbers > 40 && heading > 150, "{numbers} {heading}");
    }
    // One line, and the log of an earlier build: nothing to draw against time, and no error.
    fs::write(&log, "{\"step\":1,\"tokens\":2.0}\n").unwrap();
    plot::losses(&log, &out).unwrap();
    plot::bins(&log, &out).unwrap();
    fs::remove_dir_all(&folder).unwrap();
}
