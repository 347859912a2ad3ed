//! A language whose slot statistics can be counted, learned to within sampling error.

use std::collections::BTreeMap;

use burn::tensor::{Device, Tensor, TensorData};
use oneflow_web::Result;
use oneflow_web::data::{Document, Documents, Part};
use oneflow_web::flow::rng::Rng;
use oneflow_web::flow::sequence::{Element, Sequence};
use oneflow_web::model::config::ModelConfig;
use oneflow_web::model::input::{Input, Row};
use oneflow_web::model::{Network, PcaCodec, Preconditioner, Tokenizer};
use oneflow_web::ops::burn::BurnOps;
use oneflow_web::train::batch::pool;
use oneflow_web::train::bpe::train_bpe;
use oneflow_web::train::source::Source;
use oneflow_web::train::trainer::Trainer;

use crate::training::config;

/// Words of one length, so that Eq. 7's normaliser weighs all alike, with their probabilities.
const WORDS: [(&str, f32); 4] = [("aab", 0.4), ("aba", 0.3), ("bcb", 0.2), ("cab", 0.1)];
const LEN: usize = 3;
const LETTERS: [char; 3] = ['a', 'b', 'c'];

struct Toy;

impl Documents for Toy {
    fn document(&self, index: u64) -> Result<Document> {
        let mut left = Rng::stream(77, index).uniform();
        let word = WORDS.iter().find(|(_, p)| {
            left -= p;
            left < 0.0
        });
        let (word, _) = word.unwrap_or(&WORDS[0]);
        Ok(Document::new(String::new(), vec![Part::Text((*word).into())]))
    }
}

/// What is known of a slot: the probability of the noisy word it is in, and of it that nothing is
/// missing, the mean number of missing letters where some are, and the share of each letter.
#[derive(Clone, Debug, Default)]
struct Slot {
    mass: f64,
    closed: f64,
    missing: f64,
    letters: [f64; LETTERS.len()],
}

/// Every noisy word with its slots, for times that are uniform in [0, 1]: by counting all words and
/// all ways to keep letters, m of n with probability ∫ tᵐ(1-t)ⁿ⁻ᵐ dt = m!(n-m)!/(n+1)!.
fn exact() -> BTreeMap<String, Vec<Slot>> {
    let factorial = |n: usize| (1..=n).product::<usize>() as f64;
    let mut all: BTreeMap<String, Vec<Slot>> = BTreeMap::new();
    for (word, p) in WORDS {
        for kept in 0..1 << LEN {
            let n_kept = (kept as u32).count_ones() as usize;
            let p = f64::from(p) * factorial(n_kept) * factorial(LEN - n_kept) / factorial(LEN + 1);
            let (mut left, mut bags) = (String::new(), vec![Vec::new()]);
            for (i, letter) in word.chars().enumerate() {
                if kept >> i & 1 == 1 {
                    left.push(letter);
                    bags.push(Vec::new());
                } else {
                    bags.last_mut().unwrap().push(letter);
                }
            }
            let slots = all.entry(left).or_insert_with(|| vec![Slot::default(); bags.len()]);
            for (slot, bag) in slots.iter_mut().zip(bags) {
                slot.mass += p;
                slot.closed += if bag.is_empty() { p } else { 0.0 };
                slot.missing += p * bag.len() as f64;
                for letter in bag {
                    slot.letters[LETTERS.iter().position(|&l| l == letter).unwrap()] += p;
                }
            }
        }
    }
    all
}

/// π, λ and the letters' Q of each slot of a noisy word.
fn predicted(
    config: &ModelConfig,
    network: &Network<Tensor<2>>,
    tokenizer: &Tokenizer,
    word: &str,
) -> Vec<(f64, f64, [f64; LETTERS.len()])> {
    let ops = BurnOps { device: Device::flex() };
    let special = |name: &str| Element::Token(tokenizer.special(name).unwrap());
    let mut elements = vec![special("<|begin|>"), special("<|prompt-end|>")];
    elements.extend(tokenizer.encode(word).into_iter().map(Element::Token));
    let sequence = Sequence { elements, n_prompt: 2 };
    let scale = Preconditioner { std: vec![1.0; config.codec.n_coefs] };
    let input = Input::new(config, &scale, 0, &[Row { sequence: &sequence, images: Vec::new() }]);
    let hidden = network.forward(&ops, &input);
    let read = |tensor: Tensor<2>| tensor.to_data().try_to_vec::<f32>().unwrap();
    let heads = read(network.gate(&ops, &hidden.slots));
    let logits = read(network.token_logits(&ops, &hidden.slots));
    let softplus = |x: f64| (1.0 + x.exp()).ln();
    let ids = LETTERS.map(|letter| tokenizer.encode(&letter.to_string())[0] as usize);
    let slot = |(head, logits): (&[f32], &[f32])| {
        let sum: f64 = logits.iter().map(|&logit| f64::from(logit).exp()).sum();
        let letters = ids.map(|id| f64::from(logits[id]).exp() / sum);
        (1.0 / (1.0 + f64::from(-head[0]).exp()), 1.0 + softplus(f64::from(head[1])), letters)
    };
    heads.chunks(2).zip(logits.chunks(config.network.vocab_size)).map(slot).collect()
}

#[test]
fn a_toy_language_is_learned_to_within_sampling_error() {
    let mut config = config();
    (config.batch_size, config.pool_steps, config.n_steps, config.warmup_steps) = (128, 8, 1200, 20);
    (config.learning_rate, config.final_rate, config.weight_decay, config.ema_decay) = (1e-2, 0.01, 0.0, 0.99);
    // Independent times are uniform in [0, 1]; no text is given.
    (config.pair_share, config.pair_clean_text) = (1.0, 0.0);
    config.model.network.delete_head = false;
    config.model.network.vocab_size = 259;
    let json = train_bpe(WORDS.iter().map(|(word, _)| (*word).to_string()), 259).unwrap();
    let tokenizer = Tokenizer::from_json(json.as_bytes()).unwrap();
    assert_eq!(tokenizer.encode("aab").len(), LEN, "letters are tokens");
    config.model.network.vocab_size = tokenizer.vocab_size();
    let codec = config.model.codec.clone();
    let (mean, frame) = (vec![0.0; codec.patch_len()], vec![0.0; codec.n_coefs * codec.patch_len()]);
    let scale = Preconditioner { std: vec![1.0; codec.n_coefs] };
    let codec = PcaCodec::new(codec, mean, frame, 1.0);
    let source = Source::new(Box::new(Toy), tokenizer.clone(), codec, scale, config.max_rows).unwrap();

    let mut trainer = Trainer::new(&config, &[Device::flex()]).unwrap();
    let batches = (0..config.n_steps / config.pool_steps).flat_map(|i| pool(&config, &source, i).unwrap());
    for batch in batches {
        trainer.train_step(&batch).unwrap();
    }

    let mut left = trainer.averaged().into_iter();
    let device = Device::flex();
    let network = Network::build(&config.model, |spec| {
        let (found, values) = left.next().unwrap();
        assert_eq!(found.name, spec.name);
        Ok(Tensor::from_data(TensorData::new(values, spec.shape), &device))
    })
    .unwrap();
    // Half of the documents count: the other half came at a learning rate at which nothing stays.
    let n = 0.5 * (config.n_steps * config.batch_size) as f64;
    let mut worst = 0.0f64;
    let mut judge = |word: &str, what: &str, found: f64, expected: f64, variance: f64, n: f64| {
        // Five standard errors, and what is left where a number is at the end of its range, which
        // no logit reaches: a percent of a probability; more of λ, since an excess of ε over 1 costs
        // only ε²/2.
        let end = if what.starts_with('λ') && expected < 1.0 + 1e-9 { 0.1 } else { 0.01 };
        let allowed = 5.0 * (variance / n).sqrt() + end;
        println!("{word:4} {what:8} {found:.4} {expected:.4} ± {allowed:.4}");
        worst = worst.max((found - expected).abs() / allowed);
    };
    for (word, slots) in exact() {
        for (i, (slot, (zero_prob, rate, letters))) in
            slots.iter().zip(predicted(&config.model, &network, &tokenizer, &word)).enumerate()
        {
            let pi = slot.closed / slot.mass;
            judge(&word, &format!("π{i}"), zero_prob, pi, pi * (1.0 - pi), n * slot.mass);
            let open = slot.mass - slot.closed;
            if open == 0.0 {
                continue;
            }
            // Counts lie in [1, LEN], so their variance is at most (mean - 1)·(LEN - mean).
            let mean = slot.missing / open;
            judge(&word, &format!("λ{i}"), rate, mean, (mean - 1.0) * (LEN as f64 - mean), n * open);
            for (letter, (found, count)) in LETTERS.iter().zip(letters.iter().zip(slot.letters)) {
                let q = count / slot.missing;
                judge(&word, &format!("Q{i}({letter})"), *found, q, q * (1.0 - q), n * open);
            }
        }
    }
    assert!(worst < 1.0, "{worst} of what sampling allows");
}
