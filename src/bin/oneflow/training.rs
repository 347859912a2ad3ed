//! `oneflow train`, `export` and `data`.

use std::path::PathBuf;

use clap::{Args, Subcommand};
use oneflow_web::checkpoint::folder::write_file;
use oneflow_web::data::cards::{self, preview};
use oneflow_web::data::{Stream, atlas};
use oneflow_web::train::config::TrainConfig;
use oneflow_web::train::run;
use oneflow_web::Result;
use serde_json::json;

/// What to train.
#[derive(Args)]
pub struct Train {
    /// The training configuration.
    #[arg(long)]
    config: PathBuf,
    /// The run folder, which keeps log, checkpoints and samples.
    #[arg(long)]
    out: PathBuf,
    /// Goes on from the run folder's last checkpoint.
    #[arg(long)]
    resume: bool,
}

/// What to export.
#[derive(Args)]
pub struct Export {
    /// The run folder.
    #[arg(long)]
    run: PathBuf,
    /// The model folder to write.
    #[arg(long)]
    out: PathBuf,
}

/// What to look at.
#[derive(Subcommand)]
pub enum Data {
    /// Documents as a picture book.
    Preview {
        /// The first document.
        #[arg(long, default_value_t = 0)]
        start: u64,
        /// Documents.
        #[arg(long, default_value_t = 20)]
        count: u64,
        /// Which documents.
        #[arg(long, value_enum, default_value_t = StreamName::Validation)]
        stream: StreamName,
        /// The HTML file.
        #[arg(long)]
        out: PathBuf,
    },
    /// Prompts that name character, place and sky, with labels and true sentences, as JSON Lines
    /// for `generate --prompts`.
    Prompts {
        /// Prompts.
        #[arg(long, default_value_t = 200)]
        count: usize,
        /// Which documents.
        #[arg(long, value_enum, default_value_t = StreamName::Validation)]
        stream: StreamName,
        /// The JSON Lines file.
        #[arg(long)]
        out: PathBuf,
        /// A folder for the true pictures, `ID/0.png` and so on.
        #[arg(long)]
        pictures: Option<PathBuf>,
    },
    /// Renders a sprite atlas from its icon package.
    Atlas {
        /// Which sprites: those of the small world or those of the large one.
        #[arg(long, value_enum)]
        set: SetName,
        /// The icons.json of the package.
        #[arg(long)]
        icons: PathBuf,
        /// The folder for the PNG and the JSON file.
        #[arg(long)]
        out: PathBuf,
    },
}

/// The streams by name.
#[derive(Clone, Copy, clap::ValueEnum)]
pub enum StreamName {
    Train,
    Validation,
    HeldOut,
}

impl From<StreamName> for Stream {
    fn from(name: StreamName) -> Self {
        match name {
            StreamName::Train => Stream::Train,
            StreamName::Validation => Stream::Validation,
            StreamName::HeldOut => Stream::HeldOut,
        }
    }
}

/// The sprite sets by name.
#[derive(Clone, Copy, clap::ValueEnum)]
pub enum SetName {
    Cards,
    Storyworld,
}

impl From<SetName> for atlas::Set {
    fn from(name: SetName) -> Self {
        match name {
            SetName::Cards => atlas::Set::Cards,
            SetName::Storyworld => atlas::Set::Storyworld,
        }
    }
}

/// Runs `oneflow train`.
pub fn train(args: &Train) -> Result<()> {
    run::run(&TrainConfig::read(&args.config)?, &args.out, args.resume)
}

/// Runs `oneflow export`.
pub fn export(args: &Export) -> Result<()> {
    let step = run::export_last(&args.run, &args.out)?;
    println!("wrote the averaged weights of step {step} to {}", args.out.display());
    Ok(())
}

/// Runs `oneflow data`.
pub fn data(args: &Data) -> Result<()> {
    match args {
        Data::Preview { start, count, stream, out } => {
            write_file(out, preview::preview_html((*stream).into(), *start, *count)?.as_bytes())
        }
        Data::Prompts { count, stream, out, pictures } => prompts(*count, (*stream).into(), out, pictures.as_ref()),
        Data::Atlas { set, icons, out } => atlas::build_atlas((*set).into(), icons, out),
    }
}

fn prompts(count: usize, stream: Stream, out: &std::path::Path, pictures: Option<&PathBuf>) -> Result<()> {
    let mut lines = String::new();
    let named = (0..).filter(|&index| {
        let mentioned = cards::labels(stream, index).mentioned;
        mentioned.character && mentioned.place && mentioned.sky
    });
    for index in named.take(count) {
        let document = cards::document(stream, index);
        let mut sentences = Vec::new();
        let mut n_images = 0;
        for part in &document.parts {
            match part {
                cards::Part::Text(text) => sentences.push(text.trim().to_string()),
                cards::Part::Image(picture) => {
                    if let Some(folder) = pictures {
                        let folder = folder.join(index.to_string());
                        std::fs::create_dir_all(&folder).map_err(|error| oneflow_web::Error::io(&folder, error))?;
                        write_file(&folder.join(format!("{n_images}.png")), &oneflow_web::data::picture::png(picture)?)?;
                    }
                    n_images += 1;
                }
            }
        }
        let line = json!({
            "id": index.to_string(),
            "prompt": document.prompt,
            "seed": index,
            "labels": document.labels,
            "sentences": sentences,
        });
        lines.push_str(&line.to_string());
        lines.push('\n');
    }
    write_file(out, lines.as_bytes())
}
