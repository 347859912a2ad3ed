//! How long a forward, a step of the sampler and a picture take on the CPU, at the shapes of the
//! default model and with made-up weights.
//!
//! `cargo bench --bench forward` without the feature `train` computes on one thread;
//! `--features train` brings threads and AVX-512. The browser's CPU path (`ops/cpu`) is measured
//! beside it.
//!
//! - `-- --save` keeps the result in `benches/results/`
//! - `-- --quick` runs everything once, to see that it runs

mod support;

use std::time::Duration;

use oneflow_web::error::Result;
use oneflow_web::flow::image::ImageState;
use oneflow_web::flow::rng::Rng;
use oneflow_web::model::codec::{PcaCodec, Preconditioner};
use oneflow_web::model::made_up::{self, Case};
use oneflow_web::model::oneflow::ModelParts;
use oneflow_web::model::tokenizer::{BEGIN, IMAGE, PROMPT_END};
use oneflow_web::model::{ImageCodec, Model, ModelConfig, Tokenizer};
use oneflow_web::ops::burn::BurnOps;
use oneflow_web::ops::cpu::CpuOps;
use oneflow_web::ops::ready;
use oneflow_web::sample::{FlowModel, Options, Prediction, Sampler, State};
use serde_json::{Value, json};
use support::{N_IMAGES, N_TOKENS, Times, file, flop, is_quick, ms, report, round};

fn main() -> Result<()> {
    let text = std::fs::read_to_string(file("configs/storyworld-nano.json")).expect("the configuration is readable");
    let config: Value = serde_json::from_str(&text).expect("the configuration is JSON");
    let config = ModelConfig::from_json(config["model"].to_string().as_bytes())?;
    let case = Case::new(BurnOps::cpu(), &config, 1, N_TOKENS, N_IMAGES)?;
    let gflop = flop(&config, &case.input, case.token_slots.len()) / 1e9;
    println!("{N_TOKENS} tokens and {N_IMAGES} pictures: {} rows, {gflop:.3} GFLOP a forward\n", case.input.seq());

    let forward = measure(|| ready(case.forward()));
    line("forward with heads", &forward);
    let rate = gflop / forward.median() * 1e3;
    println!("{:24} {rate:8.1} GFLOP/s", "");

    let case = Case::new(CpuOps, &config, 1, N_TOKENS, N_IMAGES)?;
    let own = measure(|| ready(case.forward()));
    line("the same by ops/cpu", &own);

    let model = model(&config)?;
    let sampler = middle_of_a_story(&model)?;
    let step = measure(|| ready(sampler.clone().step(&model)));
    line("step of the sampler", &step);

    let latents = ImageState::from_noise(config.codec.latent_len(), &mut Rng::new(3)).latents;
    let decode = measure(|| model.codec.decode(&latents));
    line("picture from latents", &decode);
    let preview = measure(|| model.preview(&latents, 0.5));
    line("preview of a picture", &preview);

    let features = if cfg!(feature = "train") { " --features train" } else { "" };
    let name = if cfg!(feature = "train") { "forward-train" } else { "forward" };
    let measured = json!({
        "n_tokens": N_TOKENS, "n_images": N_IMAGES, "rows": case.input.seq(), "gflop": round(gflop),
        "forward": forward.json(), "gflop_per_s": round(rate), "forward_ops_cpu": own.json(),
        "step": step.json(), "decode": decode.json(), "preview": preview.json(),
    });
    report(name, &format!("cargo bench --bench forward{features} -- --save"), measured);
    Ok(())
}

/// Calls `work` again and again for some seconds, at least five times, after one call that does
/// not count.
fn measure<T>(mut work: impl FnMut() -> T) -> Times {
    let budget = if is_quick() { Duration::from_millis(1) } else { Duration::from_secs(5) };
    let first = ms(&mut work);
    let n = (budget.as_secs_f64() * 1e3 / first).clamp(5.0, 2000.0) as usize;
    Times::new((0..n).map(|_| ms(&mut work)).collect())
}

fn line(what: &str, times: &Times) {
    println!("{what:24} {:8.3} ms", times.median());
}

/// A model that never learnt anything.
fn model(config: &ModelConfig) -> Result<Model<BurnOps>> {
    let ops = BurnOps::cpu();
    let network = made_up::network(&ops, config)?;
    let codec = &config.codec;
    let mut rng = Rng::new(4);
    let components = (0..codec.n_coefs * codec.patch_len()).map(|_| 0.03 * rng.normal()).collect();
    let codec = PcaCodec::new(codec.clone(), vec![0.5; codec.patch_len()], components, 1.0);
    let preconditioner = Preconditioner { std: vec![1.0; config.codec.n_coefs] };
    let tokenizer = Tokenizer::from_json(tokenizer_json(config.network.vocab_size).to_string().as_bytes())?;
    let config = config.clone();
    Model::new(ops, ModelParts { config, network, codec, preconditioner, tokenizer })
}

/// A tokenizer of this size: the special tokens, the bytes, and pairs of bytes.
fn tokenizer_json(vocab_size: usize) -> Value {
    // The characters that stand for bytes in such a file.
    let mut beyond_latin = 0x100;
    let mut character = |byte: u8| match byte {
        b'!'..=b'~' | 0xa1..=0xac | 0xae..=0xff => char::from(byte),
        _ => {
            beyond_latin += 1;
            char::from_u32(beyond_latin - 1).expect("no surrogate is as small")
        }
    };
    let bytes: Vec<String> = (0..=255).map(|byte| character(byte).to_string()).collect();
    let pairs: Vec<[&String; 2]> = bytes.iter().flat_map(|a| bytes.iter().map(move |b| [a, b])).collect();
    let merges = &pairs[..vocab_size - 259];
    let texts = bytes.iter().cloned().chain(merges.iter().map(|[a, b]| format!("{a}{b}")));
    let vocab: serde_json::Map<String, Value> = texts.zip(3..).map(|(text, id)| (text, json!(id))).collect();
    let special = |(id, name): (usize, &str)| json!({ "id": id, "content": name, "special": true });
    let specials: Vec<Value> = [BEGIN, PROMPT_END, IMAGE].into_iter().enumerate().map(special).collect();
    json!({
        "added_tokens": specials,
        "pre_tokenizer": { "type": "ByteLevel", "add_prefix_space": false, "use_regex": true },
        "model": { "type": "BPE", "vocab": vocab, "merges": merges },
    })
}

/// A run whose response has 30 tokens and three pictures that are not finished.
fn middle_of_a_story(model: &Model<BurnOps>) -> Result<Sampler> {
    const N_PROMPT: usize = 10;
    let (max_tokens, max_images) = (N_TOKENS - N_PROMPT, N_IMAGES);
    let options = Options { max_tokens, max_images, image_guidance: 0.0, ..model.options() };
    let prompt: Vec<u32> = (100..100 + N_PROMPT as u32 - 2).collect();
    let mut sampler = Sampler::new(&prompt, *model.spec(), options, 1)?;
    while sampler.stats().tokens < max_tokens || sampler.stats().images < max_images {
        ready(sampler.step(&Eager(model)))?;
    }
    Ok(sampler)
}

/// A model that opens every slot, and likes pictures.
struct Eager<'a>(&'a Model<BurnOps>);

impl FlowModel for Eager<'_> {
    type Hidden = <Model<BurnOps> as FlowModel>::Hidden;

    async fn predict(&self, state: &State) -> Result<Prediction<Self::Hidden>> {
        let mut prediction = self.0.predict(state).await?;
        prediction.zero_prob.fill(0.0);
        prediction.insertion_rate.fill(1e6);
        Ok(prediction)
    }

    async fn token_logits(&self, hidden: &Self::Hidden, slots: &[usize]) -> Result<Vec<Vec<f32>>> {
        let mut logits = self.0.token_logits(hidden, slots).await?;
        let image = self.0.spec().image as usize;
        logits.iter_mut().for_each(|logits| logits[image] += 5.0);
        Ok(logits)
    }
}
