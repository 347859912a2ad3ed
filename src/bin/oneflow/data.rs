//! `oneflow data`: the training data, to look at, to count and to take away.

use std::path::{Path, PathBuf};

use clap::{Args, Subcommand, ValueEnum};
use oneflow_web::checkpoint::folder::write_file;
use oneflow_web::data::book::picture_book;
use oneflow_web::data::cards::{self, Cards, preview};
use oneflow_web::data::census::census;
use oneflow_web::data::files::{self, Format};
use oneflow_web::data::mix::{Selection, Storyworld};
use oneflow_web::data::painting::Dial;
use oneflow_web::data::telling::{prompt, story_from};
use oneflow_web::data::world::simulate::generator;
use oneflow_web::data::{Documents, Part, Stream, atlas, picture};
use oneflow_web::{Error, Result};
use serde_json::json;

/// What to do with the data.
#[derive(Subcommand)]
pub enum Data {
    /// Stories as a picture book.
    Preview {
        #[command(flatten)]
        which: Which,
        /// The HTML file.
        #[arg(long)]
        out: PathBuf,
    },
    /// Stories of the large world as text, with a prompt each.
    Tell {
        /// The first story.
        #[arg(long, default_value_t = 0)]
        seed: u64,
        /// Stories.
        #[arg(long, default_value_t = 20)]
        count: u64,
        /// Which stories.
        #[arg(long, value_enum, default_value_t = StreamName::Validation)]
        stream: StreamName,
        /// A line of JSON for each.
        #[arg(long)]
        json: bool,
    },
    /// The figures by which the large world is accepted.
    Stats {
        /// Stories to count.
        #[arg(long, default_value_t = 20_000)]
        stories: u64,
        /// The first story.
        #[arg(long, default_value_t = 0)]
        seed: u64,
        /// Which stories.
        #[arg(long, value_enum, default_value_t = StreamName::Train)]
        stream: StreamName,
        /// Prints JSON.
        #[arg(long)]
        json: bool,
    },
    /// Documents with their pictures as files, in the format that `train` reads.
    Export {
        #[command(flatten)]
        which: Which,
        /// JSON Lines and a folder of pictures for each document, or WebDataset shards.
        #[arg(long, value_enum, default_value_t = FormatName::Jsonl)]
        format: FormatName,
        /// Documents of a shard.
        #[arg(long, default_value_t = 1000, value_parser = clap::value_parser!(u32).range(1..))]
        shard_size: u32,
        /// The folder to write.
        #[arg(long)]
        out: PathBuf,
    },
    /// Prompts of the small world that name character, place and sky, with labels and true
    /// sentences, as JSON Lines for `generate --prompts`.
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
        set: WorldName,
        /// The icons.json of the package.
        #[arg(long)]
        icons: PathBuf,
        /// The folder for the PNG and the JSON file.
        #[arg(long)]
        out: PathBuf,
    },
}

/// Which documents.
#[derive(Args)]
pub struct Which {
    /// The large world or the small one.
    #[arg(long, value_enum, default_value_t = WorldName::Storyworld)]
    world: WorldName,
    /// Documents to learn from, to measure with, or of pairs that were never learned.
    #[arg(long, value_enum, default_value_t = StreamName::Train)]
    stream: StreamName,
    /// How much the pictures of the large world vary.
    #[arg(long, value_enum, default_value_t = DialName::L2)]
    dial: DialName,
    /// The first document.
    #[arg(long, default_value_t = 0)]
    seed: u64,
    /// Documents.
    #[arg(long, default_value_t = 20)]
    count: u64,
}

/// The worlds by name.
#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum WorldName {
    Cards,
    Storyworld,
}

/// The formats by name.
#[derive(Clone, Copy, ValueEnum)]
pub enum FormatName {
    Jsonl,
    Shards,
}

/// The streams by name.
#[derive(Clone, Copy, ValueEnum)]
pub enum StreamName {
    Train,
    Validation,
    HeldOut,
}

/// The dial's positions by name.
#[derive(Clone, Copy, ValueEnum)]
pub enum DialName {
    #[value(name = "L1", alias = "l1")]
    L1,
    #[value(name = "L2", alias = "l2")]
    L2,
    #[value(name = "L3", alias = "l3")]
    L3,
    #[value(name = "L4", alias = "l4")]
    L4,
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

impl From<DialName> for Dial {
    fn from(name: DialName) -> Self {
        match name {
            DialName::L1 => Dial::L1,
            DialName::L2 => Dial::L2,
            DialName::L3 => Dial::L3,
            DialName::L4 => Dial::L4,
        }
    }
}

impl From<WorldName> for atlas::Set {
    fn from(name: WorldName) -> Self {
        match name {
            WorldName::Cards => atlas::Set::Cards,
            WorldName::Storyworld => atlas::Set::Storyworld,
        }
    }
}

/// Runs the command.
pub fn run(data: &Data) -> Result<()> {
    match data {
        Data::Preview { which, out } => {
            let (stream, dial) = (which.stream.into(), which.dial.into());
            let page = match which.world {
                WorldName::Cards => preview::preview_html(stream, which.seed, which.count)?,
                WorldName::Storyworld => picture_book(stream, dial, which.seed, which.count)?,
            };
            write_file(out, page.as_bytes())
        }
        Data::Tell { seed, count, stream, json } => {
            (*seed..seed.saturating_add(*count)).for_each(|index| tell((*stream).into(), index, *json));
            Ok(())
        }
        Data::Stats { stories, seed, stream, json } => stats((*stream).into(), *seed, *stories, *json),
        Data::Export { which, format, shard_size, out } => {
            let format = match format {
                FormatName::Jsonl => Format::JsonLines,
                FormatName::Shards => Format::Shards { size: *shard_size as usize },
            };
            files::export(&*documents(which)?, which.seed, which.count, format, out)
        }
        Data::Prompts { count, stream, out, pictures } => prompts(*count, (*stream).into(), out, pictures.as_deref()),
        Data::Atlas { set, icons, out } => atlas::build_atlas((*set).into(), icons, out),
    }
}

fn documents(which: &Which) -> Result<Box<dyn Documents>> {
    let stream = which.stream.into();
    Ok(match which.world {
        WorldName::Cards => Box::new(Cards(stream)),
        WorldName::Storyworld => Box::new(Storyworld::new(stream, which.dial.into(), Selection::default())?),
    })
}

/// Prints one story.
fn tell(stream: Stream, index: u64, as_json: bool) {
    let mut rng = generator(stream, index);
    let story = story_from(stream, &mut rng);
    let asked = prompt(&story, &mut rng).text;
    if as_json {
        println!("{}", json!({ "id": index.to_string(), "plot": story.plot, "prompt": asked, "text": story.text() }));
        return;
    }
    println!("{index} {} \u{201c}{asked}\u{201d}", story.plot);
    story.beats.iter().for_each(|beat| println!("    {}", beat.text));
    println!();
}

fn stats(stream: Stream, seed: u64, stories: u64, as_json: bool) -> Result<()> {
    let census = serde_json::to_value(census(stream, seed, stories))
        .map_err(|error| Error::Internal { reason: format!("the figures cannot be written: {error}") })?;
    if as_json {
        println!("{census:#}");
    } else if let Some(figures) = census.as_object() {
        figures.iter().for_each(|(name, value)| println!("{name:24} {value}"));
    }
    Ok(())
}

fn prompts(count: usize, stream: Stream, out: &Path, pictures: Option<&Path>) -> Result<()> {
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
                Part::Text(text) => sentences.push(text.trim().to_string()),
                Part::Image(image) => {
                    if let Some(folder) = pictures {
                        let folder = folder.join(index.to_string());
                        std::fs::create_dir_all(&folder).map_err(|error| Error::io(&folder, error))?;
                        write_file(&folder.join(format!("{n_images}.png")), &picture::png(image)?)?;
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
