//! Small plots as SVG text.

/// Width and height of a plot, pixels, and of the margin on the left and below.
const SIZE: (f64, f64) = (340.0, 220.0);
const MARGIN: (f64, f64) = (44.0, 34.0);

/// Colours of the series, in order.
const COLOURS: [&str; 4] = ["#c2571a", "#2f6f8f", "#7a9a3a", "#8a6bb0"];

/// Values over places.
pub struct Series<'a> {
    /// What it is.
    pub name: &'a str,
    /// From left to right.
    pub points: Vec<(f64, f64)>,
}

/// Lines with dots; `diagonal` draws where both axes are equal. Without points, an empty frame.
pub fn lines(title: &str, axes: (&str, &str), series: &[Series<'_>], diagonal: bool) -> String {
    let all = || series.iter().flat_map(|s| &s.points);
    let most = |of: fn(&(f64, f64)) -> f64| all().map(of).fold(0.0, f64::max);
    let (mut right, mut top) = (most(|p| p.0), most(|p| p.1));
    if diagonal {
        (right, top) = (right.max(top), right.max(top));
    }
    let frame = Frame { right: if right > 0.0 { right } else { 1.0 }, top: if top > 0.0 { top } else { 1.0 } };
    let mut body = frame.axes(axes);
    if diagonal {
        let ((x1, y1), (x2, y2)) = (frame.at(0.0, 0.0), frame.at(right, top));
        body += &format!("<line class=\"even\" x1=\"{x1:.1}\" y1=\"{y1:.1}\" x2=\"{x2:.1}\" y2=\"{y2:.1}\"/>");
    }
    for (series, colour) in series.iter().zip(COLOURS.iter().cycle()) {
        let places: Vec<(f64, f64)> = series.points.iter().map(|&(x, y)| frame.at(x, y)).collect();
        let path: Vec<String> = places.iter().map(|(x, y)| format!("{x:.1},{y:.1}")).collect();
        body += &format!("<polyline fill=\"none\" stroke=\"{colour}\" points=\"{}\"/>", path.join(" "));
        for (x, y) in places {
            body += &format!("<circle cx=\"{x:.1}\" cy=\"{y:.1}\" r=\"2.5\" fill=\"{colour}\"/>");
        }
    }
    plot(title, &body, &series.iter().map(|s| s.name).collect::<Vec<_>>())
}

/// Bars side by side, one group a place; bar `i` stands at `i` times `width`.
pub fn bars(title: &str, axes: (&str, &str), width: f64, series: &[(&str, &[f64])]) -> String {
    let n = series.iter().map(|s| s.1.len()).max().unwrap_or(0).max(1);
    let top = series.iter().flat_map(|s| s.1).copied().fold(0.0, f64::max);
    let frame = Frame { right: n as f64 * width, top: if top > 0.0 { top } else { 1.0 } };
    let mut body = frame.axes(axes);
    let step = width / series.len().max(1) as f64;
    for (k, ((_, values), colour)) in series.iter().zip(COLOURS.iter().cycle()).enumerate() {
        for (i, &value) in values.iter().enumerate() {
            let (x, y) = frame.at(i as f64 * width + k as f64 * step, value);
            let (end, floor) = frame.at(i as f64 * width + (k + 1) as f64 * step, 0.0);
            let (wide, high) = (end - x, floor - y);
            body += &format!(
                "<rect x=\"{x:.1}\" y=\"{y:.1}\" width=\"{wide:.1}\" height=\"{high:.1}\" fill=\"{colour}\"/>"
            );
        }
    }
    plot(title, &body, &series.iter().map(|s| s.0).collect::<Vec<_>>())
}

/// What stands at the right and at the upper end of the axes, which begin at 0.
struct Frame {
    right: f64,
    top: f64,
}

impl Frame {
    fn at(&self, x: f64, y: f64) -> (f64, f64) {
        let (wide, high) = (SIZE.0 - MARGIN.0 - 12.0, SIZE.1 - MARGIN.1 - 12.0);
        (MARGIN.0 + wide * x / self.right, 12.0 + high * (1.0 - y / self.top))
    }

    fn axes(&self, (x_name, y_name): (&str, &str)) -> String {
        let ((x0, y0), (x1, y1)) = (self.at(0.0, 0.0), self.at(self.right, self.top));
        let (below, middle) = (y0 + 14.0, (x0 + x1) / 2.0);
        let (right, top) = (tick(self.right), tick(self.top));
        format!(
            "<path class=\"axes\" d=\"M{x0:.1} {y1:.1}V{y0:.1}H{x1:.1}\"/>\
             <text x=\"{x0:.1}\" y=\"{below:.1}\">0</text>\
             <text x=\"{x1:.1}\" y=\"{below:.1}\" text-anchor=\"end\">{right}</text>\
             <text x=\"{middle:.1}\" y=\"{below:.1}\" text-anchor=\"middle\">{x_name}</text>\
             <text x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"end\">{top}</text>\
             <text transform=\"translate(12 {:.1}) rotate(-90)\" text-anchor=\"middle\">{y_name}</text>",
            x0 - 4.0,
            y1 + 8.0,
            (y0 + y1) / 2.0
        )
    }
}

fn tick(value: f64) -> String {
    if value >= 10.0 { format!("{value:.0}") } else { format!("{value:.2}") }
}

fn plot(title: &str, body: &str, names: &[&str]) -> String {
    let key: Vec<String> = names
        .iter()
        .zip(COLOURS.iter().cycle())
        .map(|(name, colour)| format!("<span style=\"color:{colour}\">{name}</span>"))
        .collect();
    format!(
        "<figure><svg role=\"img\" aria-label=\"{title}\" width=\"{0}\" height=\"{1}\" viewBox=\"0 0 {0} {1}\">{body}</svg>\
         <figcaption>{title}: {2}</figcaption></figure>\n",
        SIZE.0,
        SIZE.1,
        key.join(", ")
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plots_have_what_they_are_given_and_no_number_that_is_none() {
        let drawn = lines("t", ("x", "y"), &[Series { name: "a", points: vec![(0.0, 0.0), (1.0, 2.0)] }], true);
        assert_eq!(drawn.matches("<circle").count(), 2);
        let empty = lines("t", ("x", "y"), &[Series { name: "a", points: vec![] }], false);
        let bars = bars("t", ("x", "y"), 4.0, &[("a", &[0.5, 0.5]), ("b", &[0.0, 1.0])]);
        assert_eq!(bars.matches("<rect").count(), 4);
        assert!([drawn, empty, bars].iter().all(|svg| !svg.contains("NaN") && !svg.contains("inf")));
    }
}
