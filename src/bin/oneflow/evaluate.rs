//! `oneflow evaluate`: how good a model is.

use std::path::{Path, PathBuf};
use std::thread::available_parallelism;

use clap::Args;
use indicatif::{ProgressBar, ProgressStyle};
use oneflow_web::checkpoint::folder::write_file;
use oneflow_web::data::picture;
use oneflow_web::evaluate::asked::World;
use oneflow_web::evaluate::page::report_html;
use oneflow_web::evaluate::{Evaluation, Plan, Report, evaluate};
use oneflow_web::{Error, Result};
use serde_json::json;

use super::data::{StreamName, WorldName};
use super::generate::write_story;

/// What to measure.
#[derive(Args)]
pub struct Evaluate {
    /// The folder with manifest.json.
    #[arg(long, default_value = "pkg/models/storyworld")]
    model: PathBuf,
    /// The world that the model knows.
    #[arg(long, value_enum, default_value_t = WorldName::Cards)]
    world: WorldName,
    /// Whose prompts: not learned from, or of pairs that were never learned.
    #[arg(long, value_enum, default_value_t = StreamName::Validation)]
    stream: StreamName,
    /// Stories to tell.
    #[arg(long, default_value_t = 200)]
    stories: usize,
    /// Which prompts: those from document SEED × 1,000,000 on.
    #[arg(long, default_value_t = 0)]
    seed: u64,
    /// Scheduled steps; the model's own without it.
    #[arg(long)]
    steps: Option<usize>,
    /// Documents that are noised for losses and calibration.
    #[arg(long, default_value_t = 320)]
    noised: usize,
    /// Measures quality against steps, with and without completion rounds, on a fifth of the stories.
    #[arg(long)]
    curve: bool,
    /// Measures quality against guidance weights, on a fifth of the stories.
    #[arg(long)]
    guidance: bool,
    /// The link-parser of link-grammar; without it, the one on the path, if there is one.
    #[arg(long)]
    link_parser: Option<PathBuf>,
    /// Threads; the numbers do not depend on it. All processors without it.
    #[arg(long)]
    threads: Option<usize>,
    /// Prints the report as JSON.
    #[arg(long)]
    json: bool,
    /// A folder for report.html, report.json, the stories and what `tests/quality` needs to judge them.
    #[arg(long)]
    out: Option<PathBuf>,
}

/// Runs the command.
pub fn run(args: &Evaluate) -> Result<()> {
    let model = super::load(&args.model)?;
    let mut options = model.options();
    options.n_steps = args.steps.unwrap_or(options.n_steps);
    let plan = Plan {
        world: match args.world {
            WorldName::Cards => World::Cards,
            WorldName::Storyworld => World::Storyworld,
        },
        stream: args.stream.into(),
        n_stories: args.stories,
        seed: args.seed,
        options,
        n_noised: args.noised,
        curve: args.curve,
        guidance: args.guidance,
        link_parser: args.link_parser.clone(),
        n_threads: args.threads.unwrap_or_else(|| available_parallelism().map_or(1, usize::from)),
    };
    let bar = ProgressBar::new(plan.n_steps() as u64);
    if let Ok(style) = ProgressStyle::with_template("{pos}/{len} stories {bar:30} {eta} left") {
        bar.set_style(style);
    }
    let evaluation = evaluate(&model, &plan, || bar.inc(1))?;
    bar.finish_and_clear();
    for note in &evaluation.report.notes {
        eprintln!("oneflow: {note}");
    }
    let report = serde_json::to_string_pretty(&evaluation.report)
        .map_err(|error| Error::Internal { reason: format!("the report cannot be written: {error}") })?;
    if let Some(out) = &args.out {
        write(&evaluation, &report, model.config.codec.image_px, out)?;
    }
    if args.json {
        println!("{report}");
    } else {
        print(&evaluation.report);
    }
    Ok(())
}

/// `report.html`, `report.json`; and as `oneflow data prompts` and `oneflow generate --prompts` write
/// them: `prompts.jsonl`, the stories in `told/`, true pictures in `true/`.
fn write(evaluation: &Evaluation, report: &str, image_px: usize, out: &Path) -> Result<()> {
    let create = |folder: &Path| std::fs::create_dir_all(folder).map_err(|error| Error::io(folder, error));
    create(out)?;
    let mut lines = String::new();
    for (asked, story) in evaluation.asked.iter().zip(&evaluation.told) {
        let id = asked.index.to_string();
        write_story(&out.join("told").join(&id), &asked.prompt, asked.index, story, image_px)?;
        let folder = out.join("true").join(&id);
        create(&folder)?;
        for (i, image) in asked.pictures.iter().enumerate() {
            write_file(&folder.join(format!("{i}.png")), &picture::png(image)?)?;
        }
        let line = json!({
            "id": id,
            "prompt": asked.prompt,
            "seed": asked.index,
            "labels": asked.labels,
            "sentences": asked.texts,
        });
        lines += &format!("{line}\n");
    }
    write_file(&out.join("prompts.jsonl"), lines.as_bytes())?;
    write_file(&out.join("report.json"), report.as_bytes())?;
    write_file(&out.join("report.html"), report_html(evaluation, image_px)?.as_bytes())
}

/// The numbers that matter most, for a terminal.
fn print(report: &Report) {
    let percent = |share: f64| format!("{:.1} %", 100.0 * share);
    let optional = |share: Option<f64>| share.map_or("-".into(), percent);
    let line = |name: &str, cells: [String; 4]| {
        println!("{name:44}{:>10}{:>10}{:>10}{:>10}", cells[0], cells[1], cells[2], cells[3]);
    };
    println!("{} stories of the {} stream of {}", report.stories, report.stream, report.world);
    line("", ["model", "codec", "true", "floor"].map(String::from));
    let pictures = [&report.pictures.accuracy, &report.codec, &report.ceiling.pictures, &report.floor.pictures];
    line("place", pictures.map(|a| percent(a.place)));
    line("sky", pictures.map(|a| percent(a.sky)));
    line("main character", pictures.map(|a| percent(a.character)));
    if let (Some(told), Some(codec), Some(truth)) = (report.things.model, report.things.codec, report.things.ceiling) {
        line(
            "main character with the thing of the prompt",
            [told.right, codec.right, truth.right, told.floor].map(percent),
        );
    }
    let (text, truth, floor) = (&report.text, &report.ceiling.text, &report.floor);
    let none = String::new;
    let parse = [text.parse_share, truth.parse_share, floor.parse_share].map(optional);
    let [told, best, least] = parse;
    line("sentences that parse", [told, none(), best, least]);
    let both = |name: &str, told: f64, best: f64| line(name, [percent(told), none(), percent(best), none()]);
    both("sentences with a duplicated phrase", text.duplicated_phrase_share, truth.duplicated_phrase_share);
    both("stories with a duplicated or broken phrase", text.broken_share, truth.broken_share);
    both("stories empty or cut", text.cut_share, truth.cut_share);
    both("text names the main character", text.names_character_share, truth.names_character_share);
    let plain =
        |name: &str, told: f64, best: f64| line(name, [format!("{told:.2}"), none(), format!("{best:.2}"), none()]);
    plain("words a story", text.mean_words, truth.mean_words);
    plain("distinct-2", text.distinct_2, truth.distinct_2);
    plain("trigram perplexity", text.trigram_perplexity, truth.trigram_perplexity);
    let (losses, calibration) = (&report.losses, &report.calibration);
    println!(
        "losses: tokens {:.4}, gate {:.5}, Poisson {:.4}, image {:.4}; calibration error: π {:.4}, λ {:.3}",
        losses.tokens,
        losses.gate,
        losses.poisson,
        losses.image,
        calibration.zero_prob.expected_error,
        calibration.insertion_rate.expected_error
    );
    println!(
        "{:.1} steps a story, {:.1} of them rounds; {:.0} s",
        report.sampling.mean_steps, report.sampling.mean_rounds, report.seconds
    );
    for point in report.curve.iter().chain(&report.guidance).flatten() {
        println!(
            "{:2} steps, {}, guidance {} text, {} pictures: place {}, character {}, words {:.2}, broken {}, cut {}",
            point.n_steps,
            if point.rounds { "with rounds" } else { "no rounds" },
            point.text_guidance,
            point.image_guidance,
            percent(point.place),
            percent(point.character),
            point.words_vs_true,
            percent(point.broken_share),
            percent(point.cut_share)
        );
    }
}
