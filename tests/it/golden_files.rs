//! Golden files of an independent reference (`tests/golden/`), run natively. A browser runs the
//! same files (`tests/browser/golden.test.mjs`).

use std::fs;
use std::path::Path;

use burn::tensor::{Tensor, TensorData};
use oneflow_web::flow::path;
use oneflow_web::golden::{check, check_forward};
use oneflow_web::model::Preconditioner;
use oneflow_web::ops::burn::BurnOps;
use oneflow_web::ops::ready;
use oneflow_web::train::batch::Targets;
use oneflow_web::train::loss::{TextLosses, image_loss, text_losses};
use serde_json::Value;

fn text(name: &str) -> String {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden");
    fs::read_to_string(folder.join(format!("{name}.json"))).unwrap()
}

/// The file holds within its tolerances, and these are the quantities in it.
#[track_caller]
fn holds(name: &str, quantities: &[&str]) {
    let report = check(name, &text(name)).unwrap();
    let names: Vec<&str> = report.quantities.iter().map(|quantity| quantity.name).collect();
    assert_eq!(names, quantities);
    for quantity in &report.quantities {
        assert!(quantity.n_values > 0, "{quantity:?}");
        println!("{name}: {quantity:?}");
    }
}

#[test]
fn the_generator_holds() {
    holds("rng", &["words", "uniforms", "normals", "belows"]);
}

#[test]
fn schedule_and_clocks_hold() {
    let clocks = ["t_text", "t_img", "tau_img"];
    let schedule = ["kappa", "kappa_inverse", "hazard", "arrival_prob", "arrival_prob_at_end"];
    holds("schedule", &[&schedule[..], &clocks].concat());
}

#[test]
fn noising_holds() {
    holds("noising", &["elements", "bag_sizes", "bags", "sources", "times", "latents", "velocity"]);
}

#[test]
fn losses_on_slices_hold() {
    let text = ["tokens", "poisson", "gate", "total"];
    holds("losses", &[&text[..], &["latents", "velocity", "scaled", "predicted", "target"]].concat());
}

#[test]
fn steps_of_the_sampler_hold() {
    holds("sampler_step", &["elements", "image_times", "latents", "t_text"]);
}

#[test]
fn a_forward_holds_alone_and_in_a_batch() {
    holds("forward", &["zero_prob", "insertion_rate", "velocities", "token_logits", "gate", "outputs"]);
}

/// [`check`] computes by `ops/cpu`.
#[test]
fn a_forward_holds_by_burn() {
    let report = ready(check_forward(BurnOps::cpu(), &text("forward"))).unwrap();
    assert!(report.quantities.iter().all(|quantity| quantity.n_values > 0), "{report:?}");
}

#[test]
fn matrices_in_blocks_hold() {
    holds("blocks", &["values"]);
}

/// The example of Eq. 7 that the paper's loss gives by hand.
#[test]
fn the_losses_have_the_known_example() {
    let file: Value = serde_json::from_str(&text("losses")).unwrap();
    let total = file["text"][0]["total"].as_f64().unwrap();
    assert!((total - 1.915_492_3).abs() < 1e-7, "{total}");
}

#[test]
fn the_trainers_text_loss_is_that_of_the_file() {
    let ops = BurnOps::cpu();
    let file: Value = serde_json::from_str(&text("losses")).unwrap();
    for case in file["text"].as_array().unwrap() {
        let bags: Vec<Vec<f32>> = case["bags"].as_array().unwrap().iter().map(singles).collect();
        let weight = 1.0 / case["normaliser"].as_f64().unwrap() as f32;
        let mut targets = Targets {
            counts: bags.iter().map(|bag| bag.len() as f32).collect(),
            slot_weights: vec![weight; bags.len()],
            ..Targets::default()
        };
        let mut logits = Vec::new();
        for (slot, bag) in bags.iter().enumerate().filter(|(_, bag)| !bag.is_empty()) {
            let row = targets.bag_slots.len() as u32;
            targets.bag_slots.push(slot as u32);
            targets.pair_rows.extend(bag.iter().map(|_| row));
            targets.pair_tokens.extend(bag.iter().map(|&token| token as u32));
            targets.pair_weights.extend(bag.iter().map(|_| weight));
            logits.extend(singles(&case["token_logits"][slot]));
        }
        let n_rows = targets.bag_slots.len();
        let logits = (n_rows > 0).then(|| matrix(&ops, logits, n_rows));
        let head = |name: &str| {
            let values = singles(&case[name]);
            let n = values.len();
            Tensor::<1>::from_data(TensorData::new(values, [n]), &ops.device)
        };
        let TextLosses { tokens, gate, poisson } =
            text_losses(&ops, head("gate_logit"), head("rate_raw"), logits, &targets);
        for (name, found) in [("tokens", tokens), ("gate", gate), ("poisson", poisson)] {
            close(name, scalar(found), f64::from(weight) * case[name].as_f64().unwrap());
        }
    }
}

#[test]
fn the_trainers_image_loss_is_that_of_the_file() {
    let ops = BurnOps::cpu();
    let file: Value = serde_json::from_str(&text("losses")).unwrap();
    for case in file["image"].as_array().unwrap() {
        let scale = Preconditioner { std: singles(&case["std"]) };
        let pictures = case["pictures"].as_array().unwrap();
        let mut targets =
            Targets { n_noised: pictures.iter().filter(|picture| time(picture) < 1.0).count(), ..Targets::default() };
        let mut outputs = Vec::new();
        for picture in pictures {
            let (noise, data, t) = (singles(&picture["noise"]), singles(&picture["data"]), time(picture));
            let latents = path::latents_at(&noise, &data, t);
            let (target, factor) = scale.target(&latents, &path::velocity(&noise, &data), t);
            let share = if t < 1.0 { 1.0 / (latents.len() * targets.n_noised) as f32 } else { 0.0 };
            targets.image_targets.extend(target);
            targets.image_weights.extend(factor.iter().map(|factor| factor * factor * share));
            outputs.extend(singles(&picture["output"]));
        }
        let n_rows = outputs.len() / scale.std.len();
        let loss = image_loss(&ops, matrix(&ops, outputs, n_rows), &targets);
        close("image", scalar(loss), case["image"].as_f64().unwrap());
    }
}

/// Every quantity of every file: one number that is off by more than its tolerance is found.
#[test]
fn a_changed_number_fails_by_name() {
    for name in ["rng", "schedule", "noising", "losses", "sampler_step", "forward", "blocks"] {
        let quantities = check(name, &text(name)).unwrap().quantities;
        for quantity in quantities {
            let mut file: Value = serde_json::from_str(&text(name)).unwrap();
            let number = first_number(&mut file, quantity.name).unwrap();
            *number = (number.as_f64().unwrap() + 1e-3 + 3.0 * quantity.tolerance).into();
            let error = check(name, &file.to_string()).unwrap_err().to_string();
            let what = format!("golden file {name}.json: `{}`, number 0, is ", quantity.name);
            assert!(error.contains(&what), "{error}");
        }
    }
}

#[test]
fn a_file_that_lacks_something_says_what() {
    let broken = |name: &str, json: &str| check(name, json).unwrap_err().to_string();
    assert!(broken("rng", "{").contains("EOF"));
    assert!(broken("other", "{}").contains("there is no golden file \"other\""));
    assert!(broken("rng", "{\"tolerances\": []}").contains("`cases` is missing"));
    let untold = text("rng").replace("[\"normals\"]", "[\"others\"]");
    assert!(broken("rng", &untold).contains("no tolerance for `normals`"));
}

/// The first number of the first field of that name.
fn first_number<'a>(value: &'a mut Value, name: &str) -> Option<&'a mut Value> {
    match value {
        Value::Object(fields) => {
            let is_it = fields.get(name).is_some_and(|field| first_of(&mut field.clone()).is_some());
            if is_it {
                return fields.get_mut(name).and_then(first_of);
            }
            fields.values_mut().find_map(|field| first_number(field, name))
        }
        Value::Array(values) => values.iter_mut().find_map(|value| first_number(value, name)),
        _ => None,
    }
}

fn first_of(value: &mut Value) -> Option<&mut Value> {
    match value {
        Value::Number(_) => Some(value),
        Value::Array(values) => values.iter_mut().find_map(first_of),
        _ => None,
    }
}

fn singles(value: &Value) -> Vec<f32> {
    match value {
        Value::Array(values) => values.iter().flat_map(singles).collect(),
        other => vec![other.as_f64().unwrap() as f32],
    }
}

fn time(picture: &Value) -> f32 {
    picture["t"].as_f64().unwrap() as f32
}

fn matrix(ops: &BurnOps, values: Vec<f32>, n_rows: usize) -> Tensor<2> {
    let width = values.len() / n_rows;
    Tensor::from_data(TensorData::new(values, [n_rows, width]), &ops.device)
}

fn scalar(tensor: Tensor<1>) -> f32 {
    tensor.into_scalar::<f32>()
}

/// Within the tolerance that the file gives its losses.
#[track_caller]
fn close(name: &str, found: f32, expected: f64) {
    let deviation = (f64::from(found) - expected).abs() / expected.abs().max(1.0);
    assert!(deviation <= 2e-6, "{name} is {found}, expected {expected}");
}
