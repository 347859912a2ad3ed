//! `oneflow train`.

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

/// Runs `oneflow train`.
pub fn train(args: &Train) -> Result<()> {
    run::run(&TrainConfig::read(&args.config)?, &args.out, args.resume)
}
