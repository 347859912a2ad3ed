//! `oneflow train` and `export`.

use std::path::PathBuf;

use clap::{ArgGroup, Args};
use oneflow_web::Result;
use oneflow_web::train::config::TrainConfig;
use oneflow_web::train::{foreign, run};

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
#[command(group(ArgGroup::new("from").required(true).args(["run", "weights"])))]
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
    /// The model folder to write.
    #[arg(long)]
    out: PathBuf,
}

/// Runs `oneflow train`.
pub fn train(args: &Train) -> Result<()> {
    run::run(&TrainConfig::read(&args.config)?, &args.out, args.resume)
}

/// Runs `oneflow export`.
pub fn export(args: &Export) -> Result<()> {
    match (&args.run, &args.weights, &args.like) {
        (Some(run), ..) => {
            let step = run::export_last(run, &args.out)?;
            println!("wrote the averaged weights of step {step} to {}", args.out.display());
        }
        (_, Some(weights), Some(like)) => {
            foreign::write(weights, like, &args.out)?;
            println!("wrote the weights of {} to {}", weights.display(), args.out.display());
        }
        // clap asks for one of them.
        _ => {}
    }
    Ok(())
}
