//! Stories of the default model: the same on both back ends.

use std::path::{Path, PathBuf};
use std::process::Command;

use oneflow_web::checkpoint::folder::{load_folder, read_folder};
use oneflow_web::checkpoint::load::cpu_model;
use oneflow_web::model::story::{Story, StoryPart, tell};
use oneflow_web::sample::Options;

use crate::support::gpu;

const PROMPTS: [&str; 4] = [
    "A story about a shy fox in the forest at night.",
    "Tell me a story about a brave panda on the beach at sunset.",
    "A picture of a sleepy owl in the snow.",
    "",
];

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("pkg/models/storyworld")
}

fn pictures(story: &Story) -> Vec<&[u8]> {
    story.parts.iter().filter_map(rgb).collect()
}

fn rgb(part: &StoryPart) -> Option<&[u8]> {
    if let StoryPart::Image { rgb, .. } = part { Some(rgb) } else { None }
}

#[test]
fn texts_are_the_cpus_and_pictures_look_like_them() {
    let on_cpu = cpu_model(read_folder(&folder()).unwrap().files).unwrap();
    let on_gpu = load_folder(&folder(), gpu()).unwrap();
    let mut n_pictures = 0;
    for seed in 0..8 {
        let prompt = PROMPTS[seed as usize % PROMPTS.len()];
        // Fewer steps than the model's own, because the adapter may be a slow one.
        let options = Options { n_steps: 10, max_images: 2, ..on_cpu.options() };
        let expected = tell(&on_cpu, prompt, options.clone(), seed).unwrap();
        let found = tell(&on_gpu, prompt, options, seed).unwrap();
        assert_eq!(found.text(), expected.text(), "seed {seed}");
        assert_eq!(found.stats, expected.stats, "seed {seed}");
        for (found, expected) in pictures(&found).into_iter().zip(pictures(&expected)) {
            let off: u64 = found.iter().zip(expected).map(|(a, b)| u64::from(a.abs_diff(*b))).sum();
            let mean = off as f64 / found.len() as f64;
            println!("seed {seed}: a picture is off by {mean:.4} of 255 in the mean");
            assert!(found.len() == expected.len() && mean <= 1.0, "seed {seed}: off by {mean}");
            n_pictures += 1;
        }
    }
    assert!(n_pictures >= 4, "only {n_pictures} pictures were compared");
}

#[test]
fn the_command_line_computes_where_it_is_told_to() {
    let generate = |device: &str| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_oneflow"));
        command.args(["generate", PROMPTS[0], "--seed", "7", "--steps", "6", "--max-images", "1", "--device", device]);
        let output = command.arg("--model").arg(folder()).output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    };
    assert_eq!(generate("gpu"), generate("cpu"));
}

#[test]
fn the_command_line_takes_f16_on_the_gpu_only() {
    let generate = |device: &str| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_oneflow"));
        command.args([
            "generate",
            PROMPTS[0],
            "--seed",
            "7",
            "--steps",
            "4",
            "--max-images",
            "1",
            "--precision",
            "f16",
        ]);
        command.args(["--device", device]).arg("--model").arg(folder()).output().unwrap()
    };
    let output = generate("gpu");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    assert!(output.stdout.len() > 10);
    let said = generate("cpu");
    assert_eq!(said.status.code(), Some(2), "as for every option that does not fit");
    let said = String::from_utf8_lossy(&said.stderr).into_owned();
    assert!(said.contains("`precision` is f16") && said.contains("--device gpu"), "{said}");
}

/// No driver is found where the loader of Vulkan is shown none.
#[test]
fn without_an_adapter_the_command_line_says_what_to_do() {
    let mut command = Command::new(env!("CARGO_BIN_EXE_oneflow"));
    command.args(["generate", "x", "--device", "gpu"]).arg("--model").arg(folder());
    let nowhere = "/nowhere/icd.json";
    let output = command.env("VK_ICD_FILENAMES", nowhere).env("VK_DRIVER_FILES", nowhere).output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(
        said.contains("the GPU is none") && said.contains("install the driver") && said.contains("device cpu"),
        "{said}"
    );
}
