//! `oneflow export`.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use clap::{ArgGroup, Args, ValueEnum};
use oneflow_web::checkpoint::cut::with_shards;
use oneflow_web::checkpoint::folder::{read_folder, write_folder};
use oneflow_web::checkpoint::load::cpu_model;
use oneflow_web::checkpoint::{MANIFEST, Manifest};
use oneflow_web::data::mix::Selection;
use oneflow_web::data::painting::Dial;
use oneflow_web::data::{Documents, Stream};
use oneflow_web::model::ModelConfig;
use oneflow_web::train::calibration::Calibration;
use oneflow_web::train::compare::{Probe, Stories, stories};
use oneflow_web::train::config::{DataConfig, TrainConfig};
use oneflow_web::train::quantize::{Bits, Report, quantize};
use oneflow_web::train::{foreign, run};
use oneflow_web::{Error, Result};
use serde_json::json;

/// What to export.
#[derive(Args)]
#[command(group(ArgGroup::new("from").required(true).args(["run", "weights", "model"])))]
#[command(group(ArgGroup::new("otherwise").multiple(true).args(["quantize", "shard_mb"])))]
pub struct Export {
    /// A run folder: the averaged weights of its last checkpoint.
    #[arg(long)]
    run: Option<PathBuf>,
    /// A safetensors file of another program, with this crate's names (`tests/reference` writes such).
    #[arg(long, requires = "like")]
    weights: Option<PathBuf>,
    /// The run or model folder whose shape, tokenizer and codec belong to `--weights`.
    #[arg(long, requires = "weights")]
    like: Option<PathBuf>,
    /// A model folder, to be stored otherwise.
    #[arg(long, requires = "otherwise")]
    model: Option<PathBuf>,
    /// How weights are stored: 16-bit floats, or blocks of 8 or 4 bits with a scale each.
    #[arg(long, value_enum)]
    quantize: Option<Format>,
    /// Cuts the weights into files of at most so many MiB, which are loaded one after the other
    /// [default: one file].
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..))]
    shard_mb: Option<u32>,
    /// Documents on which the change is measured: `cards`, `storyworld`, or a path that `train` reads
    /// [default: those of the run, or `cards`].
    #[arg(long, requires = "quantize")]
    data: Option<String>,
    /// Documents whose noised states are compared.
    #[arg(long, default_value_t = 8, requires = "quantize", value_parser = clap::value_parser!(u16).range(1..))]
    documents: u16,
    /// Documents on which `q4` rounds its matrices, of the training stream where there is one.
    #[arg(long, default_value_t = 768, requires = "quantize", value_parser = clap::value_parser!(u16).range(1..))]
    calibration: u16,
    /// Steps of training that follow for `q4`, of its scales and of what it keeps in floats.
    #[arg(long, default_value_t = 400, requires = "quantize")]
    tuning: u16,
    /// Stories that both models tell at equal seeds.
    #[arg(long, default_value_t = 10, requires = "quantize")]
    stories: u16,
    /// Prints the report as JSON.
    #[arg(long, requires = "quantize")]
    json: bool,
    /// The model folder to write.
    #[arg(long)]
    out: PathBuf,
}

/// How weights are stored.
#[derive(Clone, Copy, ValueEnum)]
pub enum Format {
    /// 16-bit floats.
    F16,
    /// Blocks of 8 bits.
    Q8,
    /// Blocks of 4 bits, 8 where that matters.
    Q4,
}

/// Runs the command.
pub fn run(args: &Export) -> Result<()> {
    match (&args.quantize, &args.model) {
        (None, Some(model)) => {
            let source = read_folder(model)?;
            write(args, &source.manifest, source.files)?;
            println!("wrote {}", args.out.display());
        }
        (None, None) => {
            println!("{} to {}", whole(args, &args.out)?, args.out.display());
            if args.shard_mb.is_some() {
                let written = read_folder(&args.out)?;
                write(args, &written.manifest, written.files)?;
            }
        }
        (Some(format), Some(model)) => quantized(args, *format, model)?,
        (Some(format), None) => {
            // First whole, in a folder beside, then in blocks.
            let beside = beside(&args.out)?;
            let done = whole(args, &beside).and_then(|_| quantized(args, *format, &beside));
            let removed = fs::remove_dir_all(&beside).map_err(|error| Error::io(&beside, error));
            done.and(removed)?;
        }
    }
    Ok(())
}

/// Writes a run, or foreign weights, in 16-bit floats; says what.
fn whole(args: &Export, out: &Path) -> Result<String> {
    if let Some(run) = &args.run {
        let step = run::export_last(run, out)?;
        return Ok(format!("wrote the averaged weights of step {step}"));
    }
    let (Some(weights), Some(like)) = (&args.weights, &args.like) else {
        let expected = "one of `--run`, `--weights` with `--like`, and `--model`".to_string();
        return Err(Error::Option { name: "export", found: "without a source".into(), expected });
    };
    foreign::write(weights, like, out)?;
    Ok(format!("wrote the weights of {}", weights.display()))
}

fn quantized(args: &Export, format: Format, model: &Path) -> Result<()> {
    let source = read_folder(model)?;
    let before = cpu_model(source.files.clone())?;
    let documents = |stream| documents(args, &before.config, stream);
    let prompts = {
        let documents = documents(Stream::Validation)?;
        (0..u64::from(args.stories)).map(|i| Ok(documents.document(i)?.prompt)).collect::<Result<Vec<_>>>()?
    };
    let probe = Probe::new(&source.files, documents(Stream::Validation)?, usize::from(args.documents))?;
    let calibration;
    let bits = match format {
        Format::F16 => Bits::F16,
        Format::Q8 => Bits::Q8,
        Format::Q4 => {
            let documents = documents(Stream::Train)?;
            calibration = Calibration::new(&source.files, documents, args.calibration.into(), args.tuning.into())?;
            Bits::Q4(&calibration)
        }
    };
    let (files, report) = quantize(&source.files, bits, &probe)?;
    let told = stories(&before, &cpu_model(files.clone())?, &prompts)?;
    write(args, &source.manifest, files)?;
    if args.json {
        println!("{}", json!({ "weights": report, "stories": told }));
    } else {
        print(&report, &told);
        println!("wrote {}", args.out.display());
    }
    Ok(())
}

/// Writes a model under the name that it had, in as many files as asked for.
fn write(args: &Export, manifest: &Manifest, files: BTreeMap<String, Vec<u8>>) -> Result<()> {
    let max_bytes = args.shard_mb.map_or(u64::MAX, |mb| u64::from(mb) << 20);
    let files = with_shards(files, max_bytes)?;
    write_folder(&args.out, manifest.name(), manifest.version(), &files)?;
    Ok(())
}

/// The documents to measure or to round on, of a stream where there is one.
fn documents(args: &Export, model: &ModelConfig, stream: Stream) -> Result<Box<dyn Documents>> {
    let config = match (args.data.as_deref(), args.run.as_ref().or(args.like.as_ref())) {
        (Some("cards"), _) => DataConfig::Cards,
        (Some("storyworld"), _) => DataConfig::Storyworld { dial: Dial::L2, select: Selection::default() },
        (Some(path), _) => DataConfig::Files { path: path.into() },
        (None, Some(folder)) if !folder.join(MANIFEST).exists() => TrainConfig::read(&folder.join("config.json"))?.data,
        (None, _) => DataConfig::Cards,
    };
    config.documents(stream, model, 0)
}

fn print(report: &Report, told: &Stories) {
    println!(
        "{:36} {:6} {:>6} {:>9} {:>9} {:>9} {:>9}",
        "tensor", "format", "block", "numbers", "bytes", "error", "cost"
    );
    for tensor in &report.tensors {
        println!(
            "{:36} {:6} {:>6} {:>9} {:>9} {:>9.5} {:>9}",
            tensor.name,
            tensor.format,
            tensor.block.map_or(String::new(), |block| block.to_string()),
            tensor.numbers,
            tensor.size_bytes,
            tensor.relative_error,
            tensor.change.map_or(String::new(), |change| format!("{change:.5}"))
        );
    }
    println!("{} numbers, {} bytes: {:.3} bytes each", report.numbers, report.size_bytes, report.bytes_per_number);
    let change = &report.change;
    println!(
        "{} slots: π changes by {:.5} (at most {:.4}), λ by {:.3} %, what a slot draws by {:.5}, velocities by {:.3} %",
        change.slots,
        change.gate,
        change.gate_max,
        100.0 * change.rate,
        change.draws,
        100.0 * change.velocity
    );
    println!(
        "{} stories at equal seeds: {} the same, {} of {} tokens changed",
        told.n, told.same, told.changed, told.tokens
    );
}

/// `.NAME.whole` in the same folder as `out`.
fn beside(out: &Path) -> Result<PathBuf> {
    let name = out.file_name().ok_or_else(|| {
        Error::io(out, std::io::Error::new(std::io::ErrorKind::InvalidInput, "expected a path that ends in a name"))
    })?;
    Ok(out.with_file_name(format!(".{}.whole", name.to_string_lossy())))
}
