//! `oneflow train`.

use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use clap::Args;
use oneflow_web::train::config::TrainConfig;
use oneflow_web::train::devices;
use oneflow_web::train::run::{self, Outcome, Settings};
use oneflow_web::{Error, Result};
use signal_hook::consts::SIGINT;
use signal_hook::flag;

/// What a shell calls the end by Ctrl-C.
const INTERRUPTED: u8 = 130;

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
    /// Where it computes: cpu, gpu, or several such as gpu:0,gpu:1, which share out the `n_shards`
    /// parts of a batch.
    #[arg(long, value_delimiter = ',', default_value = "cpu")]
    device: Vec<String>,
}

/// Runs `oneflow train`.
pub fn train(args: &Train) -> Result<ExitCode> {
    let config = TrainConfig::read(&args.config)?;
    let devices = devices::named(&args.device)?;
    let stop = stop_by_interrupt()?;
    match run::run(&config, &args.out, &Settings { resume: args.resume, devices: &devices, stop: &stop })? {
        Outcome::Done(model) => {
            println!("wrote {}", model.display());
            Ok(ExitCode::SUCCESS)
        }
        Outcome::Stopped(checkpoint) => {
            let device = match args.device.join(",") {
                device if device == "cpu" => String::new(),
                device => format!(" --device {device}"),
            };
            eprintln!(
                "stopped; saved {}; to go on: oneflow train --config {} --out {}{device} --resume",
                checkpoint.display(),
                args.config.display(),
                args.out.display()
            );
            Ok(ExitCode::from(INTERRUPTED))
        }
    }
}

/// A flag that the first Ctrl-C sets; the second ends the process at once.
fn stop_by_interrupt() -> Result<Arc<AtomicBool>> {
    let stop = Arc::new(AtomicBool::new(false));
    // In this order, so that the first one finds the flag unset.
    flag::register_conditional_shutdown(SIGINT, INTERRUPTED.into(), stop.clone())
        .and_then(|_| flag::register(SIGINT, stop.clone()))
        .map_err(|error| Error::Internal { reason: format!("no handler for Ctrl-C: {error}") })?;
    Ok(stop)
}
