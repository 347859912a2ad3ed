//! `oneflow generate`: one story, or one for each line of a file.

use std::fs;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};

use clap::{Args, ValueEnum};
use oneflow_web::model::Model;
use oneflow_web::model::story::{Story, StoryPart, tell};
use oneflow_web::ops::Ops;
use oneflow_web::page::{png, story_html};
use oneflow_web::sample::{Options, SlotOpening};
use oneflow_web::{Error, Result};
use serde::Deserialize;
use serde_json::json;

/// What to write, and how.
#[derive(Args)]
pub struct Generate {
    /// What the story is about.
    #[arg(required_unless_present = "prompts", conflicts_with = "prompts")]
    prompt: Option<String>,
    /// JSON Lines of `{"id": …, "prompt": …, "seed": …}`; each makes a folder in `--out`.
    #[arg(long, requires = "out")]
    prompts: Option<PathBuf>,
    /// The folder with manifest.json.
    #[arg(long, default_value = "pkg/models/storyworld")]
    model: PathBuf,
    /// What computes.
    #[arg(long, value_enum, default_value_t = Device::Cpu)]
    device: Device,
    /// What the factors of matrix products are rounded to on the GPU; `auto` is f32.
    #[arg(long, value_enum, default_value_t = Precision::Auto)]
    precision: Precision,
    /// Chooses the story among those that the model could tell.
    #[arg(long, default_value_t = 0)]
    seed: u64,
    /// Scheduled steps.
    #[arg(long)]
    steps: Option<usize>,
    /// Temperature of the tokens.
    #[arg(long)]
    temperature: Option<f32>,
    /// Nucleus of the tokens.
    #[arg(long)]
    top_p: Option<f32>,
    /// Guidance weight of the text; 0 is off.
    #[arg(long)]
    text_guidance: Option<f32>,
    /// Guidance weight of the pictures; 0 is off.
    #[arg(long)]
    image_guidance: Option<f32>,
    /// Completion rounds open a slot where π is below this.
    #[arg(long)]
    open_threshold: Option<f32>,
    /// Completion rounds open a slot by a draw instead.
    #[arg(long, conflicts_with = "open_threshold")]
    open_by_draw: bool,
    /// Scheduled steps open no slot where π is above this.
    #[arg(long)]
    close_threshold: Option<f32>,
    /// Slots less sure than this wait, all but the surest; 0 is off.
    #[arg(long)]
    min_certainty: Option<f32>,
    /// Completion rounds delete tokens that do not belong with more than this probability; 1 is off.
    #[arg(long)]
    delete_threshold: Option<f32>,
    /// Completion rounds at the most.
    #[arg(long)]
    max_rounds: Option<usize>,
    /// Tokens at the most.
    #[arg(long)]
    max_tokens: Option<usize>,
    /// Pictures at the most.
    #[arg(long)]
    max_images: Option<usize>,
    /// An HTML file, or with `--prompts` a folder.
    #[arg(long)]
    out: Option<PathBuf>,
    /// Prints the story as JSON.
    #[arg(long)]
    json: bool,
}

/// What a story is computed on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Device {
    /// One thread.
    Cpu,
    /// The system's best adapter, over Vulkan.
    Gpu,
}

/// In what a GPU multiplies.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Precision {
    /// The text is the CPU's.
    Auto,
    /// 32 bits.
    F32,
    /// 16 bits, where the adapter has them; sums are of 32.
    F16,
}

/// A line of the `--prompts` file.
#[derive(Deserialize)]
struct Line {
    id: String,
    prompt: String,
    seed: Option<u64>,
}

/// Runs the command.
pub fn run(args: &Generate) -> Result<()> {
    match args.device {
        Device::Cpu if args.precision == Precision::F16 => Err(Error::Option {
            name: "precision",
            found: "f16".into(),
            expected: "f32 or auto, because the CPU computes in 32 bits; f16 goes with --device gpu".into(),
        }),
        Device::Cpu => write_stories(args, &super::load(&args.model)?),
        Device::Gpu => on_gpu(args),
    }
}

#[cfg(feature = "gpu")]
fn on_gpu(args: &Generate) -> Result<()> {
    use std::time::Instant;

    use oneflow_web::checkpoint::folder::load_folder;
    use oneflow_web::ops::{self, gpu::GpuOps, ready};

    let precision = match args.precision {
        Precision::Auto | Precision::F32 => ops::Precision::F32,
        Precision::F16 => ops::Precision::F16,
    };
    let ops = ready(GpuOps::open_in(precision))?;
    let start = Instant::now();
    ready(ops.tune(|| start.elapsed().as_secs_f64() * 1e3))?;
    write_stories(args, &load_folder(&args.model, ops)?)
}

#[cfg(not(feature = "gpu"))]
fn on_gpu(_: &Generate) -> Result<()> {
    Err(Error::Option {
        name: "device",
        found: "gpu".into(),
        expected: "cpu, because this program was built without a GPU engine; build it with `--features gpu`".into(),
    })
}

fn write_stories<O: Ops>(args: &Generate, model: &Model<O>) -> Result<()> {
    let options = options(args, model);
    options.validate()?;
    if let (Some(prompts), Some(out)) = (&args.prompts, &args.out) {
        return many(args, model, &options, prompts, out);
    }
    let prompt = args.prompt.clone().unwrap_or_default();
    let story = tell(model, &prompt, options, args.seed)?;
    if let Some(out) = &args.out {
        let page = story_html(&prompt, &[(prompt.clone(), story.clone())], model.config.codec.image_px)?;
        write(out, page.as_bytes())?;
    }
    if args.json {
        println!("{}", story_json(&prompt, args.seed, &story));
    } else {
        println!("{}", story.text());
    }
    Ok(())
}

fn options<O: Ops>(args: &Generate, model: &Model<O>) -> Options {
    let mut options = model.options();
    let set = |target: &mut f32, value: Option<f32>| *target = value.unwrap_or(*target);
    set(&mut options.temperature, args.temperature);
    set(&mut options.top_p, args.top_p);
    set(&mut options.text_guidance, args.text_guidance);
    set(&mut options.image_guidance, args.image_guidance);
    set(&mut options.close_threshold, args.close_threshold);
    set(&mut options.delete_threshold, args.delete_threshold);
    set(&mut options.min_certainty, args.min_certainty);
    options.n_steps = args.steps.unwrap_or(options.n_steps);
    options.max_rounds = args.max_rounds.unwrap_or(options.max_rounds);
    options.max_tokens = args.max_tokens.unwrap_or(options.max_tokens);
    options.max_images = args.max_images.unwrap_or(options.max_images);
    if args.open_by_draw {
        options.slot_opening = SlotOpening::Draw;
    } else if let Some(threshold) = args.open_threshold {
        options.slot_opening = SlotOpening::Threshold(threshold);
    }
    options
}

fn many<O: Ops>(args: &Generate, model: &Model<O>, options: &Options, prompts: &Path, out: &Path) -> Result<()> {
    let file = fs::File::open(prompts).map_err(|error| Error::io(prompts, error))?;
    for (number, line) in BufReader::new(file).lines().enumerate() {
        let line = line.map_err(|error| Error::io(prompts, error))?;
        if line.trim().is_empty() {
            continue;
        }
        let bad = |field: &str, reason: String| Error::Data {
            file: prompts.display().to_string(),
            line: number + 1,
            field: field.into(),
            reason,
        };
        let line: Line = serde_json::from_str(&line).map_err(|error| bad("line", error.to_string()))?;
        if line.id.is_empty() || line.id.contains(['/', '\\']) || line.id.starts_with('.') {
            return Err(bad("id", format!("found \"{}\", expected a name for a folder", line.id)));
        }
        let seed = line.seed.unwrap_or(args.seed);
        let story = tell(model, &line.prompt, options.clone(), seed)?;
        write_story(&out.join(&line.id), &line.prompt, seed, &story, model.config.codec.image_px)?;
    }
    Ok(())
}

/// Writes `story.json` and its pictures, `0.png` and so on, into a folder, which is made.
pub fn write_story(folder: &Path, prompt: &str, seed: u64, story: &Story, image_px: usize) -> Result<()> {
    fs::create_dir_all(folder).map_err(|error| Error::io(folder, error))?;
    let pictures = story.parts.iter().filter_map(|part| match part {
        StoryPart::Image { rgb, .. } => Some(rgb),
        StoryPart::Text(_) => None,
    });
    for (i, rgb) in pictures.enumerate() {
        write(&folder.join(format!("{i}.png")), &png(rgb, image_px)?)?;
    }
    write(&folder.join("story.json"), story_json(prompt, seed, story).to_string().as_bytes())
}

/// The story as JSON; pictures are named by the files beside it, in reading order.
fn story_json(prompt: &str, seed: u64, story: &Story) -> serde_json::Value {
    let mut n_images = 0;
    let parts: Vec<serde_json::Value> = story
        .parts
        .iter()
        .map(|part| match part {
            StoryPart::Text(text) => json!({ "type": "text", "text": text }),
            StoryPart::Image { alt, .. } => {
                n_images += 1;
                json!({ "type": "image", "file": format!("{}.png", n_images - 1), "alt": alt })
            }
        })
        .collect();
    let stats = story.stats;
    json!({
        "prompt": prompt,
        "seed": seed,
        "text": story.text(),
        "parts": parts,
        "stats": { "steps": stats.steps, "rounds": stats.rounds, "tokens": stats.tokens, "images": stats.images },
    })
}

fn write(path: &Path, bytes: &[u8]) -> Result<()> {
    oneflow_web::checkpoint::folder::write_file(path, bytes)
}
