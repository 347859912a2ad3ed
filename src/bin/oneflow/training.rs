//! `oneflow train` and `export`.

use std::path::PathBuf;

use clap::Args;
use oneflow_web::Result;
use oneflow_web::train::config::TrainConfig;
use oneflow_web::train::run;

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
