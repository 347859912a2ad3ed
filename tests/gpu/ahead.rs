//! Token logits that come with a forward: which slots, that they change nothing, and what they save.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::path::Path;

use oneflow_web::Result;
use oneflow_web::checkpoint::folder::read_folder;
use oneflow_web::checkpoint::load::{cpu_model, model};
use oneflow_web::flow::rng::Rng;
use oneflow_web::model::{Model, made_up};
use oneflow_web::ops::{Ops, ready};
use oneflow_web::sample::{FlowModel, Options, Prediction, Sampler, State};

use crate::support::{Fill, gpu, values};

const PROMPTS: [&str; 4] = [
    "A story about a shy fox in the forest at night.",
    "Tell me a story about a brave panda on the beach at sunset.",
    "A picture of a sleepy owl in the snow.",
    "",
];

/// Slots that a device works out by itself.
const N_AHEAD: usize = 16;

fn files() -> BTreeMap<String, Vec<u8>> {
    read_folder(&Path::new(env!("CARGO_MANIFEST_DIR")).join("pkg/models/storyworld")).unwrap().files
}

/// `(1 - π) · λ`.
fn score(zero_prob: f32, insertion_rate: f32) -> f32 {
    (1.0 - zero_prob) * insertion_rate
}

/// Slots, the likeliest first.
fn ranked(scores: &[f32]) -> Vec<usize> {
    let mut slots: Vec<usize> = (0..scores.len()).collect();
    slots.sort_by(|&a, &b| scores[b].total_cmp(&scores[a]));
    slots
}

#[test]
fn the_likeliest_rows_are_those_with_the_highest_scores() {
    let ops = gpu();
    let mut rng = Rng::new(1);
    for (n, width) in [(1, 5), (7, 3), (16, 64), (17, 192), (300, 7), (1024, 2)] {
        let mut gate = values(&mut rng, 2 * n, Fill::Normal);
        if n > 16 {
            // Beyond what an exponential holds, and twice the same.
            gate[4] = -1e4;
            gate[7] = 1e4;
            let last = [gate[0], gate[1]];
            gate[2 * n - 2..].copy_from_slice(&last);
        }
        let x = values(&mut rng, n * width, Fill::Mixed);
        let (on_gpu, gate_on_gpu) = (ops.upload(x.clone(), n), ops.upload(gate.clone(), n));
        let ahead = ops.likeliest(&on_gpu, &gate_on_gpu).unwrap();
        let found = ready(ops.download_all(&[&ahead.ids, &ahead.rows])).unwrap();
        let ids: Vec<usize> = found[0].iter().map(|id| id.to_bits() as usize).collect();
        let scores: Vec<f32> = gate
            .chunks_exact(2)
            .map(|gate| score(1.0 / (1.0 + (-gate[0]).exp()), 1.0 + gate[1].min(80.0).exp().ln_1p()))
            .collect();
        let expected = ranked(&scores);
        let k = n.min(N_AHEAD);
        assert_eq!(ids.len(), k);
        for (&id, &expected) in ids.iter().zip(&expected) {
            // Where exponentials differ in their last bits, so may the order of neighbours.
            let (found, expected) = (scores[id], scores[expected]);
            assert!((found - expected).abs() <= 1e-5 * expected, "{n} rows: {ids:?}, {found} for {expected}");
        }
        let mut distinct = ids.clone();
        distinct.sort_unstable();
        distinct.dedup();
        assert_eq!(distinct.len(), k, "{n} rows: {ids:?}");
        let rows: Vec<f32> = ids.iter().flat_map(|id| x[id * width..(id + 1) * width].to_vec()).collect();
        assert_eq!(found[1], rows, "{n} rows");
    }
    let many = ops.upload(vec![0.0; 2 * 1025], 1025);
    assert!(ops.likeliest(&many, &many).is_none(), "too many rows for one workgroup");
}

/// A run to its end: its whole state, its steps and its reads.
fn run<M: FlowModel>(model: &M, mut sampler: Sampler, reads: impl Fn() -> u64) -> (Vec<u8>, usize, u64) {
    let before = reads();
    while !sampler.is_done() {
        ready(sampler.step(model)).unwrap();
    }
    (sampler.snapshot(), sampler.stats().steps, reads() - before)
}

fn sampler<O: Ops>(model: &Model<O>, options: Options, seed: u64) -> Sampler {
    let prompt = model.prompt_tokens(PROMPTS[seed as usize % PROMPTS.len()]).unwrap();
    Sampler::new(&prompt, *model.spec(), options, seed).unwrap()
}

/// With none, few and all likely slots worked out ahead; completion rounds and painting included.
#[test]
fn a_run_is_the_same_bit_for_bit_whatever_is_worked_out_ahead() {
    let ops = gpu();
    let model = model(ops.clone(), files()).unwrap();
    for (seed, text_guidance) in [(0, 0.0), (1, 0.0), (2, 1.0)] {
        // No more slots than are worked out ahead.
        let options = Options { n_steps: 4, max_tokens: 14, max_images: 1, text_guidance, ..model.options() };
        let told = [0, 2, N_AHEAD].map(|n| {
            ops.look_ahead(n);
            run(&model, sampler(&model, options.clone(), seed), || ops.usage().counts.submits)
        });
        let [(of_none, steps, reads_of_none), (of_few, ..), (of_all, _, reads_of_all)] = told;
        println!("seed {seed}, guidance {text_guidance}: {steps} steps, {reads_of_none} and {reads_of_all} reads");
        assert!(of_few == of_none && of_all == of_none, "seed {seed}");
        // One read a forward, of which guidance has two until the text is finished.
        match text_guidance > 0.0 {
            false => assert_eq!(reads_of_all as usize, steps, "seed {seed}"),
            true => assert!(reads_of_all as usize <= 2 * steps, "seed {seed}"),
        }
        assert!(reads_of_none as usize > steps + 3 && reads_of_none > reads_of_all, "seed {seed}");
    }
}

/// A model that notes at which place among the likeliest the slots are that it is asked for.
struct Noting<'a, M> {
    model: &'a M,
    scores: RefCell<Vec<f32>>,
    /// The last place that was asked for in this step.
    last: Cell<Option<usize>>,
}

impl<M: FlowModel> FlowModel for Noting<'_, M> {
    type Hidden = M::Hidden;

    async fn predict(&self, state: &State) -> Result<Prediction<M::Hidden>> {
        let prediction = self.model.predict(state).await?;
        let rates = prediction.zero_prob.iter().zip(&prediction.insertion_rate);
        *self.scores.borrow_mut() = rates.map(|(&pi, &rate)| score(pi, rate)).collect();
        Ok(prediction)
    }

    async fn token_logits(&self, hidden: &M::Hidden, slots: &[usize]) -> Result<Vec<Vec<f32>>> {
        let ranked = ranked(&self.scores.borrow());
        let place = |slot: &usize| ranked.iter().position(|other| other == slot);
        self.last.set(slots.iter().filter_map(place).max());
        self.model.token_logits(hidden, slots).await
    }
}

/// What ARCHITECTURE.md says of stories of the default model with its own options.
#[test]
fn nearly_every_step_asks_for_likely_slots_only() {
    let model = cpu_model(files()).unwrap();
    let (mut n_steps, mut n_asking) = (0, 0);
    let mut n_within = [4, 8, 12, N_AHEAD].map(|n| (n, 0));
    for seed in 0..8 {
        let noting = Noting { model: &model, scores: RefCell::default(), last: Cell::new(None) };
        let mut sampler = sampler(&model, model.options(), seed);
        while !sampler.is_done() {
            noting.last.set(None);
            ready(sampler.step(&noting)).unwrap();
            n_steps += 1;
            n_asking += usize::from(noting.last.get().is_some());
            for (n, within) in &mut n_within {
                *within += usize::from(noting.last.get().is_none_or(|last| last < *n));
            }
        }
    }
    for (n, within) in n_within {
        println!("{n} ahead: {within} of {n_steps} steps with one read; {n_asking} ask for tokens");
    }
    let within = n_within[3].1;
    assert!(n_asking > n_steps / 4, "{n_asking} of {n_steps}");
    assert!(within as f64 >= 0.97 * n_steps as f64, "{within} of {n_steps}");
}

#[test]
fn rows_ahead_are_three_dispatches_of_the_same_submit() {
    let ops = gpu();
    let model = model(ops.clone(), files()).unwrap();
    let state = made_up::state(&model.config, 43, 3);
    let dispatches = [0, N_AHEAD].map(|n| {
        ops.look_ahead(n);
        let before = ops.usage().counts;
        ready(model.predict(&state)).unwrap();
        let after = ops.usage().counts;
        assert_eq!(after.submits - before.submits, 1);
        after.dispatches - before.dispatches
    });
    println!("{dispatches:?} dispatches without and with");
    // The choice of rows, their collection and the product.
    assert_eq!(dispatches[1], dispatches[0] + 3);
}
