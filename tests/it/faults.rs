//! `oneflow train` under Ctrl-C, under a kill in the middle of a write, and without room on the
//! disk: the last good checkpoint stays whole, and the run goes on from it.

use std::fs;
use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::OnceLock;
use std::sync::atomic::AtomicBool;
use std::time::{Duration, Instant};

use burn::tensor::Device;
use oneflow_web::train::checkpoints;
use oneflow_web::train::config::TrainConfig;
use oneflow_web::train::run::{self, Settings};
use oneflow_web::train::trainer::Trainer;

use crate::support::folder;
use crate::training::config;

/// A run that is too long for a test, with a checkpoint at each step.
fn endless() -> TrainConfig {
    let mut config = config();
    config.model.codec.patch_px = 8;
    (config.n_steps, config.log_every, config.sample_every, config.save_every) = (1_000_000, 1, 1_000_000, 1);
    config
}

/// A run folder with a tokenizer and a codec, and a configuration beside it.
fn prepared(name: &str, config: &TrainConfig) -> (PathBuf, PathBuf) {
    static MADE: OnceLock<PathBuf> = OnceLock::new();
    let made = MADE.get_or_init(|| {
        let out = folder("prepared").join("run");
        let mut config = endless();
        (config.n_steps, config.sample_every) = (1, 2);
        run::run(&config, &out, &Settings { resume: false, devices: &[Device::flex()], stop: &AtomicBool::new(false) })
            .unwrap();
        out
    });
    let folder = folder(name);
    let out = folder.join("run");
    fs::create_dir(&out).unwrap();
    for file in ["tokenizer.json", "codec.safetensors"] {
        fs::copy(made.join(file), out.join(file)).unwrap();
    }
    let path = folder.join("config.json");
    fs::write(&path, serde_json::to_string(config).unwrap()).unwrap();
    (path, out)
}

fn command(config: &Path, out: &Path, resume: bool) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_oneflow"));
    command.arg("train").arg("--config").arg(config).arg("--out").arg(out);
    if resume {
        command.arg("--resume");
    }
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

/// Waits until the run has made `n` steps.
fn wait_for_steps(child: &mut Child, n: usize) {
    let lines = BufReader::new(child.stdout.as_mut().unwrap()).lines();
    let made = lines.map_while(Result::ok).filter(|line| line.contains("rows/s")).take(n).count();
    assert_eq!(made, n, "the run ended early");
}

fn interrupt(child: &Child) {
    let status = Command::new("kill").arg("-INT").arg(child.id().to_string()).status().unwrap();
    assert!(status.success());
}

fn step(config: &TrainConfig, out: &Path, path: &Path) -> usize {
    let mut config = config.clone();
    config.model.network.vocab_size = TrainConfig::read(&out.join("config.json")).unwrap().model.network.vocab_size;
    Trainer::new(&config, &[Device::flex()]).unwrap().load(path).unwrap().step()
}

fn stderr(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

#[test]
fn an_interrupted_run_saves_and_says_how_to_go_on() {
    let mut config = endless();
    config.save_every = 1_000_000;
    let (path, out) = prepared("interrupt", &config);
    let mut child = command(&path, &out, false).spawn().unwrap();
    wait_for_steps(&mut child, 3);
    assert!(checkpoints::all(&out).unwrap().is_empty());
    interrupt(&child);
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(130), "{}", stderr(&output));
    let said = stderr(&output);
    let saved = checkpoints::last(&out).unwrap();
    assert!(said.contains(&saved.display().to_string()), "{said}");
    assert!(said.contains(&format!("--config {} --out {} --resume", path.display(), out.display())), "{said}");
    let at = step(&config, &out, &saved);
    assert!(at >= 3, "{at}");
    // Without --resume the run would be written over.
    let output = command(&path, &out, false).output().unwrap();
    assert_eq!(output.status.code(), Some(2));
    assert!(stderr(&output).contains("holds checkpoints"), "{}", stderr(&output));
    // It goes on where it was.
    let mut child = command(&path, &out, true).spawn().unwrap();
    wait_for_steps(&mut child, 1);
    interrupt(&child);
    assert_eq!(child.wait_with_output().unwrap().status.code(), Some(130));
    assert!(step(&config, &out, &checkpoints::last(&out).unwrap()) > at);
    let log = fs::read_to_string(out.join("log.jsonl")).unwrap();
    let steps: Vec<u64> = log
        .lines()
        .map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap()["step"].as_u64().unwrap())
        .collect();
    assert!(steps.iter().zip(1..).all(|(&found, expected)| found == expected), "{steps:?}");
    fs::remove_dir_all(out.parent().unwrap()).unwrap();
}

#[test]
fn a_second_interrupt_ends_at_once() {
    let mut config = endless();
    // A step of minutes.
    (config.batch_size, config.pool_steps, config.save_every) = (4000, 1, 1_000_000);
    let (path, out) = prepared("twice", &config);
    let mut child = command(&path, &out, false).spawn().unwrap();
    let mut lines = BufReader::new(child.stdout.as_mut().unwrap()).lines();
    assert!(lines.any(|line| line.unwrap().contains("steps of 4000 documents")));
    // Until it is at the step.
    std::thread::sleep(Duration::from_secs(1));
    interrupt(&child);
    std::thread::sleep(Duration::from_millis(200));
    let start = Instant::now();
    interrupt(&child);
    assert_eq!(child.wait().unwrap().code(), Some(130));
    assert!(start.elapsed() < Duration::from_secs(2), "{:?}", start.elapsed());
    assert!(checkpoints::all(&out).unwrap().is_empty());
    fs::remove_dir_all(out.parent().unwrap()).unwrap();
}

/// Kills runs until one was in the middle of a write, which the file beside a checkpoint's place
/// shows; after each kill the last checkpoint is whole.
#[test]
fn a_kill_during_the_write_leaves_the_last_checkpoint_whole() {
    let mut config = endless();
    // Some megabytes, so that a write takes a while.
    (config.model.network.d_mlp, config.n_shards, config.batch_size) = (2048, 1, 1);
    let (path, out) = prepared("kill", &config);
    let mut child = command(&path, &out, false).spawn().unwrap();
    wait_for_steps(&mut child, 2);
    let mut hits = 0;
    for _ in 0..40 {
        let deadline = Instant::now() + Duration::from_secs(60);
        while unfinished(&out).is_none() {
            assert!(Instant::now() < deadline, "no checkpoint was written for a minute");
        }
        child.kill().unwrap();
        child.wait().unwrap();
        let last = checkpoints::last(&out).unwrap();
        let before = step(&config, &out, &last);
        hits += usize::from(unfinished(&out).is_some());
        child = command(&path, &out, true).spawn().unwrap();
        wait_for_steps(&mut child, 1);
        if hits == 3 {
            child.kill().unwrap();
            child.wait().unwrap();
            assert!(step(&config, &out, &checkpoints::last(&out).unwrap()) >= before);
            fs::remove_dir_all(out.parent().unwrap()).unwrap();
            return;
        }
    }
    child.kill().unwrap();
    panic!("only {hits} of 40 kills were in the middle of a write");
}

fn unfinished(out: &Path) -> Option<PathBuf> {
    let entries = fs::read_dir(out.join("checkpoints")).ok()?;
    entries.filter_map(|entry| Some(entry.ok()?.path())).find(|path| !path.to_string_lossy().ends_with(".safetensors"))
}

/// The shell's limit on the size of a file is, for whoever writes, a full disk.
#[test]
fn a_full_disk_is_named_and_leaves_the_last_checkpoint_whole() {
    let mut config = endless();
    config.n_steps = 2;
    let (path, out) = prepared("full", &config);
    assert!(command(&path, &out, false).output().unwrap().status.success());
    let good = checkpoints::last(&out).unwrap();
    let bytes = fs::read(&good).unwrap();
    config.n_steps = 1_000_000;
    fs::write(&path, serde_json::to_string(&config).unwrap()).unwrap();
    let whole = command(&path, &out, true);
    let mut limited = Command::new("sh");
    limited
        .arg("-c")
        .arg("trap '' XFSZ; ulimit -f 64; exec \"$@\"")
        .arg("sh")
        .arg(whole.get_program())
        .args(whole.get_args());
    assert!(bytes.len() > 64 * 1024, "the limit is above a checkpoint of {} bytes", bytes.len());
    let output = limited.output().unwrap();
    assert_eq!(output.status.code(), Some(1), "{}", stderr(&output));
    let said = stderr(&output);
    assert!(said.contains("cannot read or write") && said.contains("step-00000003.safetensors"), "{said}");
    assert!(said.contains("because: "), "{said}");
    assert_eq!(checkpoints::last(&out).unwrap(), good);
    assert!(fs::read(&good).unwrap() == bytes);
    assert_eq!(step(&config, &out, &good), 2);
    let mut child = command(&path, &out, true).spawn().unwrap();
    wait_for_steps(&mut child, 2);
    child.kill().unwrap();
    child.wait().unwrap();
    fs::remove_dir_all(out.parent().unwrap()).unwrap();
}

#[test]
fn a_loss_that_is_no_number_stops_the_run_with_the_batch_saved() {
    let mut config = endless();
    (config.learning_rate, config.warmup_steps, config.clip_norm) = (1e30, 1, 1e30);
    let (path, out) = prepared("spoiled", &config);
    let output = command(&path, &out, false).output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    let said = stderr(&output);
    assert!(said.contains("training stopped before step") && said.contains("--resume"), "{said}");
    let looks: Vec<PathBuf> = (fs::read_dir(&out).unwrap().map(|entry| entry.unwrap().path()))
        .filter(|path| path.to_string_lossy().contains("stopped-at-"))
        .collect();
    assert_eq!(looks.len(), 1);
    assert!(said.contains(&looks[0].display().to_string()), "{said}");
    let mut text = String::new();
    fs::File::open(&looks[0]).unwrap().read_to_string(&mut text).unwrap();
    let look: serde_json::Value = serde_json::from_str(&text).unwrap();
    let documents = look["documents"].as_array().unwrap();
    assert_eq!(documents.len(), config.batch_size);
    for document in documents {
        assert!(document["document"].is_u64() && document["image_times"].is_array() && !document["gate"].is_null());
        assert!(document["prompt"].is_string() && document["text"].is_string() && document["missing"].is_array());
    }
    // The checkpoints are of the steps before.
    let last = checkpoints::last(&out).unwrap();
    assert_eq!(step(&config, &out, &last) as u64 + 1, look["step"].as_u64().unwrap());
    fs::remove_dir_all(out.parent().unwrap()).unwrap();
}
