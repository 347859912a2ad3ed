//! The crate held against golden files: inputs and the outputs of an independent reference
//! (`tests/golden/`). The same function runs them natively and in a browser.
//!
//! In the files a sequence is a list of numbers: a token is its id, picture i is -1 - i. The
//! deviation of a number is |found - expected| / max(1, |expected|); how much of it each quantity
//! may have, and why, stands in the file.

mod compare;

use serde_json::Value;

pub use compare::{Quantity, Report};

use compare::{Check, broken, field, list, real, reals, rows, singles};

use crate::checkpoint::{Dtype, StoredTensor, Weights, safetensors_from_tensors};
use crate::error::{Error, Result};
use crate::flow::image::ImageState;
use crate::flow::loss::text_loss;
use crate::flow::noising::{Bag, Noised, noise, noise_at, noise_pair};
use crate::flow::rng::Rng;
use crate::flow::schedule::Schedule;
use crate::flow::sequence::{Element, Sequence};
use crate::flow::{path, times};
use crate::model::codec::{PcaCodec, Preconditioner};
use crate::model::config::ModelConfig;
use crate::model::input::{Input, Row};
use crate::model::oneflow::{Model, ModelParts};
use crate::model::{Network, Tokenizer};
use crate::ops::cpu::CpuOps;
use crate::ops::{Ops, ready};
use crate::sample::{FlowModel, Options, Prediction, Sampler, SlotOpening, Spec, State, log_softmax};

/// Runs one golden file: `rng`, `schedule`, `noising`, `losses`, `sampler_step`, `forward` or `blocks`,
/// by the name and the text of the file.
///
/// # Errors
///
/// [`Error::Internal`] naming the quantity, what was found and what was expected, where a number
/// is off by more than its tolerance; and where the file lacks something.
///
/// # Panics
///
/// If the inputs of the file do not fit each other, as the functions that are checked do.
pub fn check(name: &str, json: &str) -> Result<Report> {
    let run = match name {
        "rng" => rng,
        "schedule" => schedule,
        "noising" => noising,
        "losses" => losses,
        "sampler_step" => sampler_step,
        "forward" => |check: &mut Check<'_>, file: &Value| ready(forward(CpuOps, check, file)),
        "blocks" => blocks,
        _ => return Err(broken(format!("there is no golden file \"{name}\""))),
    };
    let compare = || {
        let file: Value = serde_json::from_str(json).map_err(|error| broken(error.to_string()))?;
        let mut check = Check::new(list(&file, "tolerances")?);
        run(&mut check, &file)?;
        Ok(check.report)
    };
    compare().map_err(|error| in_file(name, error))
}

/// Runs the golden file `forward` on another back end.
///
/// # Errors
///
/// Those of [`check`], and what the back end reports.
pub async fn check_forward<O: Ops + Clone>(ops: O, json: &str) -> Result<Report>
where
    O::Weight: Clone,
{
    let file: Value = serde_json::from_str(json).map_err(|error| broken(error.to_string()))?;
    let mut check = Check::new(list(&file, "tolerances")?);
    forward(ops, &mut check, &file).await.map_err(|error| in_file("forward", error))?;
    Ok(check.report)
}

fn in_file(name: &str, error: Error) -> Error {
    match error {
        Error::Internal { reason } => broken(format!("golden file {name}.json: {reason}")),
        other => other,
    }
}

fn rng(check: &mut Check<'_>, file: &Value) -> Result<()> {
    for case in list(file, "cases")? {
        let rng = Rng::stream(real(case, "seed")? as u64, real(case, "stream")? as u64);
        let mut draws = rng.clone();
        let words: Vec<u64> = (0..8).map(|_| draws.next_u64()).collect();
        let halves = words.iter().flat_map(|word| [word >> 32, word & 0xffff_ffff]);
        check.numbers(case, "words", halves.map(|half| half as f64).collect())?;
        let mut draws = rng.clone();
        check.singles(case, "uniforms", (0..8).map(|_| draws.uniform()).collect())?;
        let mut draws = rng.clone();
        check.singles(case, "normals", (0..8).map(|_| draws.normal()).collect())?;
        let mut draws = rng;
        let limits = reals(case, "limits")?;
        check.numbers(case, "belows", limits.iter().map(|&n| draws.below(n as usize) as f64).collect())?;
    }
    Ok(())
}

fn schedule(check: &mut Check<'_>, file: &Value) -> Result<()> {
    for case in list(file, "cases")? {
        let schedule = exponent(case)?;
        let (t, step_sizes) = (singles(case, "t")?, singles(case, "step_size")?);
        let at_times = |f: &dyn Fn(f32) -> f32| t.iter().map(|&t| f(t)).collect();
        check.singles(case, "kappa", at_times(&|t| schedule.kappa(t)))?;
        check.singles(case, "kappa_inverse", at_times(&|t| schedule.kappa_inverse(t)))?;
        check.singles(case, "hazard", at_times(&|t| schedule.hazard(t)))?;
        let arrivals = t.iter().zip(&step_sizes).map(|(&t, &d)| schedule.arrival_prob(t, d));
        check.singles(case, "arrival_prob", arrivals.collect())?;
        check.singles(case, "arrival_prob_at_end", vec![schedule.arrival_prob(1.0, 0.5)])?;
        let (tau_text, u) = (singles(case, "tau_text")?, singles(case, "u")?);
        check.singles(case, "t_text", tau_text.iter().map(|&tau| times::clip(tau)).collect())?;
        let clocks: Vec<f32> = tau_text.iter().zip(&u).map(|(&tau, &u)| times::image_clock(schedule, tau, u)).collect();
        let image_times = clocks.iter().map(|&tau| times::image_time(tau).unwrap_or(-1.0));
        check.singles(case, "t_img", image_times.collect())?;
        check.singles(case, "tau_img", clocks)?;
    }
    Ok(())
}

fn noising(check: &mut Check<'_>, file: &Value) -> Result<()> {
    let image = 2;
    for case in list(file, "fixed")? {
        let keep: Vec<bool> = reals(case, "keep")?.iter().map(|&kept| kept == 1.0).collect();
        let noised = noise_at(&sequence(case, "clean")?, image, &keep, &singles(case, "image_times")?);
        compare_noised(check, case, &noised)?;
    }
    for case in list(file, "drawn")? {
        let mut rng = Rng::new(real(case, "seed")? as u64);
        let tau_text = real(case, "tau_text")? as f32;
        compare_noised(check, case, &noise(&sequence(case, "clean")?, image, exponent(case)?, tau_text, &mut rng))?;
    }
    for case in list(file, "pair")? {
        let mut rng = Rng::new(real(case, "seed")? as u64);
        let (clean, t_text, t_images) =
            (sequence(case, "clean")?, real(case, "t_text")? as f32, singles(case, "t_images")?);
        compare_noised(check, case, &noise_pair(&clean, image, exponent(case)?, t_text, &t_images, &mut rng))?;
    }
    for case in list(file, "path")? {
        compare_path(check, case)?;
    }
    Ok(())
}

fn losses(check: &mut Check<'_>, file: &Value) -> Result<()> {
    for case in list(file, "text")? {
        let log_probs = rows(case, "token_logits")?.iter().map(|logits| log_softmax(logits)).collect::<Vec<_>>();
        let bag = |bag: Vec<f32>| Bag { tokens: bag.into_iter().map(|token| token as u32).collect() };
        let bags: Vec<Bag> = rows(case, "bags")?.into_iter().map(bag).collect();
        let loss = text_loss(&singles(case, "zero_prob")?, &singles(case, "insertion_rate")?, &log_probs, &bags);
        check.singles(case, "tokens", vec![loss.tokens])?;
        check.singles(case, "poisson", vec![loss.poisson])?;
        check.singles(case, "gate", vec![loss.gate])?;
        check.singles(case, "total", vec![loss.total(real(case, "normaliser")? as f32)])?;
    }
    for case in list(file, "image")? {
        let scale = Preconditioner { std: singles(case, "std")? };
        for picture in list(case, "pictures")? {
            let (latents, velocity) = compare_path(check, picture)?;
            let t = real(picture, "t")? as f32;
            check.singles(picture, "scaled", scale.input(&latents, t))?;
            if t < 1.0 {
                check.singles(picture, "predicted", scale.velocity(&latents, &singles(picture, "output")?, t))?;
            }
            check.singles(picture, "target", scale.target(&latents, &velocity, t).0)?;
        }
    }
    Ok(())
}

fn sampler_step(check: &mut Check<'_>, file: &Value) -> Result<()> {
    let count = |name| real(file, name).map(|number| number as usize);
    let single = |name| real(file, name).map(|number| number as f32);
    let spec =
        Spec { begin: 0, prompt_end: 1, image: 2, vocab_size: count("vocab_size")?, latent_len: count("latent_len")? };
    let options = Options {
        n_steps: count("n_steps")?,
        temperature: single("temperature")?,
        top_p: single("top_p")?,
        text_guidance: 0.0,
        image_guidance: 0.0,
        max_tokens: count("max_tokens")?,
        max_images: count("max_images")?,
        schedule: Schedule::Linear,
        close_threshold: single("close_threshold")?,
        min_certainty: 0.0,
        delete_threshold: 1.0,
        slot_opening: SlotOpening::Threshold(single("open_threshold")?),
        max_rounds: 32,
    };
    let prompt: Vec<u32> = reals(file, "prompt")?.iter().map(|&token| token as u32).collect();
    let mut sampler = Sampler::new(&prompt, spec, options, count("seed")? as u64)?;
    for step in list(file, "steps")? {
        ready(sampler.step(&Script(step)))?;
        let State { sequence, images, t_text } = sampler.state();
        check.numbers(step, "elements", codes(sequence.response()))?;
        check.singles(step, "image_times", images.iter().map(|image| image.t).collect())?;
        check.singles(step, "latents", images.iter().flat_map(|image| image.latents.iter().copied()).collect())?;
        check.singles(step, "t_text", vec![*t_text])?;
    }
    Ok(())
}

/// A model that answers what stands in the file, whatever it is shown.
struct Script<'a>(&'a Value);

impl FlowModel for Script<'_> {
    type Hidden = ();

    async fn predict(&self, _state: &State) -> Result<Prediction<()>> {
        Ok(Prediction {
            zero_prob: singles(self.0, "zero_prob")?,
            insertion_rate: singles(self.0, "insertion_rate")?,
            delete_prob: Vec::new(),
            velocities: rows(self.0, "velocities")?,
            hidden: (),
        })
    }

    async fn token_logits(&self, _hidden: &(), slots: &[usize]) -> Result<Vec<Vec<f32>>> {
        let all = rows(self.0, "token_logits")?;
        Ok(slots.iter().filter_map(|&slot| all.get(slot).cloned()).collect())
    }
}

async fn forward<O: Ops + Clone>(ops: O, check: &mut Check<'_>, file: &Value) -> Result<()>
where
    O::Weight: Clone,
{
    let config = ModelConfig::from_json(field(file, "config")?.to_string().as_bytes())?;
    let tokenizer = Tokenizer::from_json(field(file, "tokenizer")?.to_string().as_bytes())?;
    let preconditioner = Preconditioner { std: singles(file, "std")? };
    let codec = &config.codec;
    // No picture is encoded or decoded here.
    let (mean, components) = (vec![0.0; codec.patch_len()], vec![0.0; codec.n_coefs * codec.patch_len()]);
    let codec = PcaCodec::new(codec.clone(), mean, components, 1.0);

    let tensors = list(file, "tensors")?;
    let network = Network::build(&config, |spec| {
        let is_it = |tensor: &&Value| tensor.get("name").and_then(Value::as_str) == Some(&spec.name);
        let tensor = tensors.iter().find(is_it).ok_or_else(|| broken(format!("it has no {}", spec.name)))?;
        if reals(tensor, "shape")? != spec.shape.map(|n| n as f64) {
            return Err(broken(format!("{} has another shape than {:?}", spec.name, spec.shape)));
        }
        Ok(ops.weight(weights(tensor, spec.shape[0] * spec.shape[1])?, spec.shape[0]))
    })?;

    let mut states = Vec::new();
    for case in list(file, "sequences")? {
        let image = |image: &Value| Ok(ImageState { latents: singles(image, "latents")?, t: real(image, "t")? as f32 });
        let images = list(case, "images")?.iter().map(image).collect::<Result<_>>()?;
        states.push((case, State { sequence: sequence(case, "elements")?, images, t_text: 0.0 }));
    }
    let parts = ModelParts {
        config: config.clone(),
        network: network.clone(),
        codec,
        preconditioner: preconditioner.clone(),
        tokenizer,
    };
    let model = Model::new(ops.clone(), parts)?;
    for (case, state) in &states {
        let said = model.predict(state).await?;
        check.singles(case, "zero_prob", said.zero_prob)?;
        check.singles(case, "insertion_rate", said.insertion_rate)?;
        check.singles(case, "velocities", said.velocities.concat())?;
        let slots: Vec<usize> = (0..state.sequence.n_slots()).collect();
        check.singles(case, "token_logits", model.token_logits(&said.hidden, &slots).await?.concat())?;
    }

    let rows: Vec<Row<'_>> = states
        .iter()
        .map(|(_, state)| Row {
            sequence: &state.sequence,
            images: state.images.iter().map(|image| (&image.latents[..], image.t)).collect(),
        })
        .collect();
    let input = Input::new(&config, &preconditioner, model.spec().image, &rows);
    let hidden = network.forward(&ops, &input);
    let outputs = hidden.images.ok_or_else(|| broken("its batch has no pictures".into()))?;
    let (gate, logits) = (network.gate(&ops, &hidden.slots), network.token_logits(&ops, &hidden.slots));
    let answers = ops.download_all(&[&gate, &logits, &outputs]).await?;
    let [mut gate, mut logits, mut outputs] =
        answers.try_into().map_err(|_| broken("a back end gave other matrices than were asked for".into()))?;
    for (case, state) in &states {
        let n_slots = state.sequence.n_slots();
        check.singles(case, "gate", gate.drain(..2 * n_slots).collect())?;
        check.singles(case, "token_logits", logits.drain(..config.network.vocab_size * n_slots).collect())?;
        let mut own: Vec<f32> = outputs.drain(..config.codec.latent_len() * input.n_images).collect();
        own.truncate(config.codec.latent_len() * state.images.len());
        check.singles(case, "outputs", own)?;
    }
    Ok(())
}

fn blocks(check: &mut Check<'_>, file: &Value) -> Result<()> {
    for case in list(file, "cases")? {
        let shape = reals(case, "shape")?.iter().map(|&n| n as usize).collect::<Vec<_>>();
        let words = reals(case, "words")?.iter().flat_map(|&word| (word as u32).to_le_bytes()).collect();
        let n = list(case, "words")?.len();
        let packed = StoredTensor::new(Dtype::U32, &[n, list(case, "words")?[0].as_array().map_or(0, Vec::len)], words);
        let scales = singles(case, "scales")?;
        let scales = StoredTensor::f16(&[n, scales.len() / n.max(1)], &scales);
        let (Some(packed), Some(scales)) = (packed, scales) else {
            return Err(broken("its words and scales are no matrices".into()));
        };
        let spec = ["format", "block", "axis", "shape"].map(|name| (name, case.get(name).cloned()));
        let described = serde_json::json!({ "w": spec.into_iter().collect::<std::collections::BTreeMap<_, _>>() });
        let tensors = [("w".to_string(), packed), ("w.scales".to_string(), scales)].into();
        let metadata = [("blocks".to_string(), described.to_string())].into();
        let bytes = safetensors_from_tensors(&tensors, &metadata);
        let mut weights = Weights::parse("blocks", bytes)?;
        check.singles(case, "values", weights.take_f32("w", &shape)?)?;
        weights.finish()?;
    }
    Ok(())
}

/// Weight i is centre + scale·(2·((i³ + offset) mod 1013) / 1012 - 1).
fn weights(tensor: &Value, n: usize) -> Result<Vec<f32>> {
    let (centre, scale) = (real(tensor, "centre")?, real(tensor, "scale")?);
    let offset = real(tensor, "offset")? as u64;
    let residue = |i: u64| ((i.pow(3) + offset) % 1013) as f64;
    Ok((0..n as u64).map(|i| (centre + scale * (2.0 * residue(i) / 1012.0 - 1.0)) as f32).collect())
}

fn compare_noised(check: &mut Check<'_>, case: &Value, noised: &Noised) -> Result<()> {
    check.numbers(case, "elements", codes(&noised.sequence.elements))?;
    check.numbers(case, "bag_sizes", noised.bags.iter().map(|bag| bag.tokens.len() as f64).collect())?;
    let missing = noised.bags.iter().flat_map(|bag| &bag.tokens);
    check.numbers(case, "bags", missing.map(|&token| f64::from(token)).collect())?;
    check.numbers(case, "sources", noised.images.iter().map(|image| image.source as f64).collect())?;
    check.singles(case, "times", noised.images.iter().map(|image| image.t).collect())
}

/// Latents on their path and their velocity.
fn compare_path(check: &mut Check<'_>, case: &Value) -> Result<(Vec<f32>, Vec<f32>)> {
    let (noise, data) = (singles(case, "noise")?, singles(case, "data")?);
    let latents = path::latents_at(&noise, &data, real(case, "t")? as f32);
    let velocity = path::velocity(&noise, &data);
    check.singles(case, "latents", latents.clone())?;
    check.singles(case, "velocity", velocity.clone())?;
    Ok((latents, velocity))
}

fn codes(elements: &[Element]) -> Vec<f64> {
    let code = |element: &Element| match *element {
        Element::Token(token) => f64::from(token),
        Element::Image(image) => -1.0 - image as f64,
    };
    elements.iter().map(code).collect()
}

fn sequence(case: &Value, name: &str) -> Result<Sequence> {
    let element = |&code: &f64| {
        if code >= 0.0 { Element::Token(code as u32) } else { Element::Image((-1.0 - code) as usize) }
    };
    let elements = reals(case, name)?.iter().map(element).collect();
    Ok(Sequence { elements, n_prompt: real(case, "n_prompt")? as usize })
}

fn exponent(case: &Value) -> Result<Schedule> {
    let exponent = real(case, "exponent")? as f32;
    Ok(if exponent == 1.0 { Schedule::Linear } else { Schedule::Power(exponent) })
}
