//! The report as one HTML file: tables, plots, and the first stories with their pictures.

use super::judge::Things;
use super::report::Report;
use super::run::Evaluation;
use super::svg::{Series, bars, lines};
use super::sweep::Point;
use super::text::Text;
use crate::error::Result;
use crate::page::{article, escaped};

/// Stories shown: the first of the list, not the best.
const N_SHOWN: usize = 12;

const STYLE: &str = "body{font:15px/1.5 system-ui,sans-serif;max-width:62rem;margin:2rem auto;padding:0 1rem;\
color:#2b2622;background:#fbf7ef}h1{font-size:1.5rem}h2{font-size:1.15rem;margin-top:2.2rem}\
table{border-collapse:collapse}th,td{padding:.15rem .9rem .15rem 0;text-align:right;font-weight:normal}\
td{white-space:nowrap}th:first-child,td:first-child{text-align:left}thead th{border-bottom:1px solid #c9bda9;color:#7a6f63}\
figure{display:inline-block;margin:1rem 1.5rem 0 0;vertical-align:top}figcaption{max-width:21rem;color:#7a6f63}\
svg{font-size:11px;background:#fff;border:1px solid #e4dac8}svg text{fill:#7a6f63}\
.axes{fill:none;stroke:#7a6f63}.even{stroke:#c9bda9;stroke-dasharray:4 3}polyline{stroke-width:1.5}\
article{border-top:1px solid #e4dac8;padding:1rem 0;font-family:Georgia,serif}article h2{font-size:1rem;margin:0}\
article img{width:10rem;border-radius:.5rem;display:block}";

/// The page.
///
/// # Errors
///
/// [`Error::Internal`](crate::Error::Internal) if a picture does not encode.
pub fn report_html(evaluation: &Evaluation, image_px: usize) -> Result<String> {
    let report = &evaluation.report;
    let title = format!("{} stories of the {} stream of {}", report.stories, report.stream, report.world);
    let mut body = format!("<h1>{title}</h1>\n<p>{}</p>\n", told_how(report));
    for note in &report.notes {
        body += &format!("<p><strong>{}</strong></p>\n", escaped(note));
    }
    body += &pictures(report);
    body += &texts(report);
    body += &heads(report);
    if let Some(points) = &report.curve {
        body += &curve(points);
    }
    if let Some(points) = &report.guidance {
        body += &format!("<h2>Guidance</h2>\n{}", points_table(points));
    }
    body += &format!("<h2>The first {} stories</h2>\n", evaluation.told.len().min(N_SHOWN));
    for ((asked, story), each) in evaluation.asked.iter().zip(&evaluation.told).zip(&report.each).take(N_SHOWN) {
        body += &article(&format!("{}: {}", asked.index, asked.prompt), story, image_px)?;
        let faults = if each.faults.is_empty() { "no fault found".into() } else { each.faults.join(", ") };
        let seen: Vec<String> = each.seen.iter().map(|seen| seen.join(", ")).collect();
        body += &format!("<p>{}; pictures taken for: {}</p>\n", escaped(&faults), escaped(&seen.join("; ")));
    }
    Ok(format!(
        "<!doctype html>\n<html lang=\"en\">\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width\">\n<title>{title}</title>\n\
         <style>{STYLE}</style>\n{body}</html>\n"
    ))
}

fn told_how(report: &Report) -> String {
    let s = &report.sampling;
    format!(
        "Seed {}; {} steps, temperature {}, nucleus {}, guidance {} (text) and {} (pictures); {:.1} steps a story, {:.1} \
         of them completion rounds; told in {:.0} s, measured in {:.0} s.",
        report.seed,
        s.n_steps,
        s.temperature,
        s.top_p,
        s.text_guidance,
        s.image_guidance,
        s.mean_steps,
        s.mean_rounds,
        s.seconds,
        report.seconds
    )
}

fn pictures(report: &Report) -> String {
    let (p, beside) = (&report.pictures.accuracy, &report.beside_true_text);
    let told = [p, &report.codec, &report.ceiling.pictures, &report.floor.pictures];
    let painted = [&beside.model, &beside.codec, &beside.ceiling, &beside.floor];
    let measured = |share: Option<f64>| share.map_or(String::new(), percent);
    let rows = |columns: [&super::judge::Accuracy; 4]| {
        let mut rows = vec![
            row("place", columns.map(|a| percent(a.place))),
            row("sky", columns.map(|a| percent(a.sky))),
            row("main character", columns.map(|a| percent(a.character))),
            row("all three", columns.map(|a| percent(a.place_sky_character))),
            row("first picture, or missing: place", columns.map(|a| percent(a.first_place))),
            row("first picture, or missing: sky", columns.map(|a| percent(a.first_sky))),
            row("first picture, or missing: main character", columns.map(|a| percent(a.first_character))),
            row("pictures judged", columns.map(|a| a.pictures.to_string())),
        ];
        if columns[0].thing.is_some() {
            rows.push(row("the thing that it has", columns.map(|a| measured(a.thing))));
            rows.push(row("main character and thing", columns.map(|a| measured(a.character_thing))));
        }
        rows
    };
    let things = report.things.model.map_or(String::new(), |model| {
        let of = |things: Option<Things>| measured(things.map(|things| things.right));
        format!(
            "<p>Of the {} stories whose prompt names a thing, {} show the main character with it (true ones {}, by the codec \
             {}, by the prompt of another {}).</p>\n",
            model.stories,
            percent(model.right),
            of(report.things.ceiling),
            of(report.things.codec),
            percent(model.floor)
        )
    });
    let head = ["", "model", "true, by the codec", "true", "floor"];
    format!(
        "<h2>Pictures that show what the prompt says</h2>\n{}<p>The main character is right in {} of what the tools see in \
         true pictures.</p>\n{things}<h2>Pictures painted beside the true text</h2>\n{}",
        table(&head, &rows(told)),
        percent(report.pictures.character_vs_ceiling),
        table(&head, &rows(painted))
    )
}

fn texts(report: &Report) -> String {
    let columns = [&report.text, &report.ceiling.text];
    let optional = |share: Option<f64>| share.map_or("not measured".into(), percent);
    let floor = &report.floor;
    let with_floor = |name: &str, of: &dyn Fn(&Text) -> String, floor: String| {
        let mut cells = vec![name.to_owned()];
        cells.extend(columns.map(of));
        cells.push(floor);
        cells
    };
    let plain = |name: &str, of: &dyn Fn(&Text) -> String| with_floor(name, of, String::new());
    let rows = vec![
        with_floor("sentences that parse", &|t| optional(t.parse_share), optional(floor.parse_share)),
        plain("the same, \"horse\" for \"unicorn\"", &|t| optional(t.parse_share_horse)),
        plain("sentences with a duplicated phrase", &|t| percent(t.duplicated_phrase_share)),
        plain("stories with a duplicated or broken phrase", &|t| percent(t.broken_share)),
        plain("&nbsp; duplicated phrase", &|t| percent(t.broken.duplicated_phrase)),
        plain("&nbsp; duplicated sentence", &|t| percent(t.broken.duplicated_sentence)),
        plain("&nbsp; unknown word", &|t| percent(t.broken.unknown_word)),
        plain("&nbsp; misplaced capital", &|t| percent(t.broken.misplaced_capital)),
        plain("&nbsp; misplaced punctuation", &|t| percent(t.broken.misplaced_punctuation)),
        plain("&nbsp; sentence does not parse", &|t| optional(t.broken.unparsed_sentence)),
        plain("stories empty or cut", &|t| percent(t.cut_share)),
        plain("&nbsp; empty", &|t| percent(t.cut.empty)),
        plain("&nbsp; no final punctuation", &|t| percent(t.cut.no_final_punctuation)),
        plain("&nbsp; no picture", &|t| percent(t.cut.no_picture)),
        plain("&nbsp; fewer than asked for", &|t| percent(t.cut.fewer)),
        plain("&nbsp; more than asked for", &|t| percent(t.cut.more)),
        plain("&nbsp; out of turn", &|t| percent(t.cut.out_of_turn)),
        with_floor(
            "text names the main character",
            &|t| percent(t.names_character_share),
            percent(floor.names_character_share),
        ),
        plain("words a story", &|t| format!("{:.1}", t.mean_words)),
        plain("tokens a story", &|t| format!("{:.1}", t.mean_tokens)),
        plain("distinct-1", &|t| format!("{:.3}", t.distinct_1)),
        plain("distinct-2", &|t| format!("{:.3}", t.distinct_2)),
        with_floor(
            "perplexity under a trigram model of the training stream",
            &|t| format!("{:.2}", t.trigram_perplexity),
            format!("{:.0}", floor.trigram_perplexity),
        ),
        plain("words unknown to it", &|t| percent(t.unknown_word_share)),
    ];
    let lengths = &report.lengths;
    let series: [(&str, &[f64]); 2] = [("model", &lengths.model), ("true", &lengths.ceiling)];
    format!(
        "<h2>Text</h2>\n{}<p>Lengths: {:.2} of the true stories'; {} of the stories would have to change.</p>\n{}",
        table(&["", "model", "true", "floor"], &rows),
        lengths.ratio,
        percent(lengths.total_variation),
        bars("Lengths", ("words a story", "share"), lengths.bin_words as f64, &series)
    )
}

fn heads(report: &Report) -> String {
    let (losses, calibration) = (&report.losses, &report.calibration);
    let head = ["documents", "noised pictures", "tokens", "gate", "Poisson", "image"];
    let row = vec![
        losses.documents.to_string(),
        losses.noised_pictures.to_string(),
        format!("{:.4}", losses.tokens),
        format!("{:.5}", losses.gate),
        format!("{:.4}", losses.poisson),
        format!("{:.4}", losses.image),
    ];
    let points = |r: &super::noised::Reliability| r.bins.iter().map(|bin| (bin.predicted, bin.observed)).collect();
    let zero = [Series { name: "slots in bins of π", points: points(&calibration.zero_prob) }];
    let rate = [Series { name: "slots in bins of λ", points: points(&calibration.insertion_rate) }];
    format!(
        "<h2>Losses on noised documents</h2>\n{}<h2>Calibration over {} slots</h2>\n<p>Expected calibration error of π: {:.4}; \
         mean error of λ: {:.3} elements.</p>\n{}{}",
        table(&head, &[row]),
        calibration.slots,
        calibration.zero_prob.expected_error,
        calibration.insertion_rate.expected_error,
        lines("Gate", ("π", "share of slots with nothing missing"), &zero, true),
        lines("Rate", ("λ", "mean number missing"), &rate, true)
    )
}

fn curve(points: &[Point]) -> String {
    let of = |rounds: bool, y: fn(&Point) -> f64| -> Vec<(f64, f64)> {
        points.iter().filter(|p| p.rounds == rounds).map(|p| (p.n_steps as f64, y(p))).collect()
    };
    let two = |title: &str, y: fn(&Point) -> f64| {
        let series = [
            Series { name: "with completion rounds", points: of(true, y) },
            Series { name: "without", points: of(false, y) },
        ];
        lines(title, ("steps", "share"), &series, false)
    };
    format!(
        "<h2>Quality against steps</h2>\n{}{}{}{}{}{}",
        points_table(points),
        two("Main character right", |p| p.character),
        two("Words, of the true stories'", |p| p.words_vs_true),
        two("Stories broken", |p| p.broken_share),
        two("Stories cut", |p| p.cut_share),
        two("Place right", |p| p.place)
    )
}

fn points_table(points: &[Point]) -> String {
    let head = [
        "steps",
        "rounds",
        "text",
        "pictures",
        "steps a story",
        "place",
        "sky",
        "character",
        "words",
        "sentences doubled",
        "stories broken",
        "stories cut",
        "character named",
    ];
    let row = |p: &Point| {
        vec![
            p.n_steps.to_string(),
            if p.rounds { format!("{:.1}", p.mean_rounds) } else { "off".into() },
            p.text_guidance.to_string(),
            p.image_guidance.to_string(),
            format!("{:.1}", p.mean_steps),
            percent(p.place),
            percent(p.sky),
            percent(p.character),
            format!("{:.2}", p.words_vs_true),
            percent(p.duplicated_phrase_share),
            percent(p.broken_share),
            percent(p.cut_share),
            percent(p.names_character_share),
        ]
    };
    let n = points.first().map_or(0, |p| p.stories);
    format!("<p>{n} stories each.</p>\n{}", table(&head, &points.iter().map(row).collect::<Vec<_>>()))
}

fn row<const N: usize>(name: &str, cells: [String; N]) -> Vec<String> {
    std::iter::once(name.to_owned()).chain(cells).collect()
}

/// A table of cells that are HTML already.
fn table(head: &[&str], rows: &[Vec<String>]) -> String {
    let line = |cells: &[String], tag: &str| -> String {
        let cells: String = cells.iter().map(|cell| format!("<{tag}>{cell}</{tag}>")).collect();
        format!("<tr>{cells}</tr>\n")
    };
    let head: Vec<String> = head.iter().map(|cell| (*cell).to_owned()).collect();
    let body: String = rows.iter().map(|row| line(row, "td")).collect();
    format!("<table>\n<thead>{}</thead>\n<tbody>\n{body}</tbody>\n</table>\n", line(&head, "th"))
}

fn percent(share: f64) -> String {
    format!("{:.1} %", 100.0 * share)
}
