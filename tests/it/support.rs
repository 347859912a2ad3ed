//! Models with known answers, and what tests of the sampler share.

use std::fs;
use std::path::PathBuf;
use std::sync::atomic::{AtomicUsize, Ordering};

use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, HashMap};
use std::future::Future;
use std::pin::pin;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};

use oneflow_web::error::Result;
use oneflow_web::flow::image::ImageState;
use oneflow_web::flow::rng::Rng;
use oneflow_web::flow::sequence::Element;
use oneflow_web::sample::{Event, FlowModel, Options, Prediction, Sampler, SlotOpening, Spec, State};

pub const BEGIN: u32 = 0;
pub const PROMPT_END: u32 = 1;
pub const IMAGE: u32 = 2;

/// A vocabulary of the three special tokens and `n_words` words, the first being token 3.
pub fn spec(n_words: usize, latent_len: usize) -> Spec {
    Spec { begin: BEGIN, prompt_end: PROMPT_END, image: IMAGE, vocab_size: 3 + n_words, latent_len }
}

/// Options under which the sampler follows the model as it is.
pub fn plain_options(n_steps: usize) -> Options {
    Options {
        n_steps,
        temperature: 1.0,
        top_p: 1.0,
        text_guidance: 0.0,
        image_guidance: 0.0,
        max_tokens: 4096,
        max_images: 64,
        slot_opening: SlotOpening::Draw,
        ..Options::default()
    }
}

/// Runs a future that never waits.
#[track_caller]
pub fn block_on<F: Future>(future: F) -> F::Output {
    match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(output) => output,
        Poll::Pending => panic!("a future of a test waits"),
    }
}

#[track_caller]
pub fn step<M: FlowModel>(sampler: &mut Sampler, model: &M) -> Vec<Event> {
    block_on(sampler.step(model)).unwrap()
}

/// Steps until the run is over; all events.
#[track_caller]
pub fn finish<M: FlowModel>(sampler: &mut Sampler, model: &M) -> Vec<Event> {
    let mut events = Vec::new();
    while !sampler.is_done() {
        events.extend(step(sampler, model));
        assert!(sampler.stats().steps < 1000, "the run does not end");
    }
    events
}

/// The tokens of a response, pictures as the image token.
pub fn tokens(elements: &[Element]) -> Vec<u32> {
    elements.iter().map(|element| if let Element::Token(token) = *element { token } else { IMAGE }).collect()
}

/// The standard error of a share `p` of `n` runs.
pub fn share_error(p: f64, n: usize) -> f64 {
    (p * (1.0 - p) / n as f64).sqrt()
}

/// Wherever a word or picture is, all others are known: a response is a subsequence of `text`,
/// whose elements differ. π is 0 or 1, λ the number of missing elements, Q even over them.
/// Each picture goes straight to `target`.
pub struct Oracle {
    pub text: Vec<u32>,
    pub target: Vec<f32>,
}

impl Oracle {
    /// A text of `n` different words.
    pub fn words(n: usize) -> Self {
        Self { text: (3..3 + n as u32).collect(), target: Vec::new() }
    }

    pub fn spec(&self) -> Spec {
        spec(self.text.iter().max().map_or(0, |&last| last as usize - 2), self.target.len())
    }

    /// What is missing in each slot. Pictures look all alike, so where there are several in the
    /// text, the first ones are taken to be there.
    fn missing(&self, state: &State) -> Vec<Vec<u32>> {
        let mut slots = vec![Vec::new()];
        let mut there = tokens(state.sequence.response()).into_iter().peekable();
        for &token in &self.text {
            if there.next_if_eq(&token).is_some() {
                slots.push(Vec::new());
            } else {
                slots.last_mut().unwrap().push(token);
            }
        }
        assert_eq!(there.next(), None, "{:?} is not part of the text", state.sequence);
        slots
    }
}

impl FlowModel for Oracle {
    type Hidden = Vec<Vec<u32>>;

    async fn predict(&self, state: &State) -> Result<Prediction<Self::Hidden>> {
        let missing = self.missing(state);
        let velocity = |image: &ImageState| {
            let rest = 1.0 - image.t;
            let towards = |(&y, &y1): (&f32, &f32)| (y1 - y) / rest;
            if image.is_done() { Vec::new() } else { image.latents.iter().zip(&self.target).map(towards).collect() }
        };
        Ok(Prediction {
            zero_prob: missing.iter().map(|bag| if bag.is_empty() { 1.0 } else { 0.0 }).collect(),
            insertion_rate: missing.iter().map(|bag| bag.len().max(1) as f32).collect(),
            delete_prob: Vec::new(),
            velocities: state.images.iter().map(velocity).collect(),
            hidden: missing,
        })
    }

    async fn token_logits(&self, hidden: &Self::Hidden, slots: &[usize]) -> Result<Vec<Vec<f32>>> {
        let logits = |&slot: &usize| {
            let mut logits = vec![-100.0; self.spec().vocab_size];
            hidden[slot].iter().for_each(|&token| logits[token as usize] = 0.0);
            logits
        };
        Ok(slots.iter().map(logits).collect())
    }
}

/// A language of a few strings, as a model that has learnt it perfectly. Its heads are the exact
/// posterior given what is left of the string, averaged over uniform times, because heads without
/// a time input learn that average: a string of length L of which n elements are left has weight
/// p·∫κⁿ(1 - κ)^(L - n) dκ = p·n!(L - n)!/(L + 1)! for each way in which they can be its elements.
pub struct Language {
    /// Strings and their probabilities. None is part of another, so where a string is complete,
    /// nothing is missing for certain.
    pub strings: Vec<(Vec<u32>, f64)>,
    pub n_words: usize,
    known: RefCell<HashMap<Vec<u32>, Rc<Vec<SlotPosterior>>>>,
}

/// What is missing from a slot, by posterior weight.
#[derive(Clone, Default)]
pub struct SlotPosterior {
    total: f64,
    zero: f64,
    count: f64,
    tokens: BTreeMap<u32, f64>,
}

impl SlotPosterior {
    /// P(k = 0). Of something that is part of no string, nothing is missing.
    pub fn zero_prob(&self) -> f64 {
        if self.total > 0.0 { self.zero / self.total } else { 1.0 }
    }

    /// E[k | k > 0].
    pub fn insertion_rate(&self) -> f64 {
        if self.count > 0.0 { self.count / (self.total - self.zero) } else { 1.0 }
    }

    /// Q: each token's share of what is expected in the bag.
    pub fn token_probs(&self) -> impl Iterator<Item = (u32, f64)> {
        self.tokens.iter().map(|(&token, &count)| (token, count / self.count))
    }
}

impl Language {
    pub fn new(n_words: usize, strings: Vec<(Vec<u32>, f64)>) -> Self {
        Self { strings, n_words, known: RefCell::default() }
    }

    pub fn spec(&self) -> Spec {
        spec(self.n_words, 0)
    }

    pub fn posterior(&self, left: &[u32]) -> Rc<Vec<SlotPosterior>> {
        if let Some(known) = self.known.borrow().get(left) {
            return known.clone();
        }
        let mut slots = vec![SlotPosterior::default(); left.len() + 1];
        for (string, prob) in &self.strings {
            if string.len() >= left.len() {
                let n_missing = string.len() - left.len();
                let weight = prob * factorial(left.len()) * factorial(n_missing) / factorial(string.len() + 1);
                for places in embeddings(left, string) {
                    add_bags(&mut slots, string, &places, weight);
                }
            }
        }
        let slots = Rc::new(slots);
        self.known.borrow_mut().insert(left.to_vec(), slots.clone());
        slots
    }
}

/// All increasing lists of places at which the elements of `left` stand in `string`.
fn embeddings(left: &[u32], string: &[u32]) -> Vec<Vec<usize>> {
    let Some((first, rest)) = left.split_first() else { return vec![Vec::new()] };
    let mut all = Vec::new();
    for place in (0..string.len()).filter(|&place| string[place] == *first) {
        for later in embeddings(rest, &string[place + 1..]) {
            let places = later.iter().map(|&other| place + 1 + other);
            all.push(std::iter::once(place).chain(places).collect());
        }
    }
    all
}

fn add_bags(slots: &mut [SlotPosterior], string: &[u32], places: &[usize], weight: f64) {
    let mut from = 0;
    for (slot, end) in slots.iter_mut().zip(places.iter().copied().chain([string.len()])) {
        slot.total += weight;
        slot.zero += if from == end { weight } else { 0.0 };
        slot.count += weight * (end - from) as f64;
        string[from..end].iter().for_each(|&token| *slot.tokens.entry(token).or_default() += weight);
        from = end + 1;
    }
}

fn factorial(n: usize) -> f64 {
    (1..=n).map(|i| i as f64).product()
}

impl FlowModel for Language {
    type Hidden = Rc<Vec<SlotPosterior>>;

    async fn predict(&self, state: &State) -> Result<Prediction<Self::Hidden>> {
        let slots = self.posterior(&tokens(state.sequence.response()));
        Ok(Prediction {
            zero_prob: slots.iter().map(|slot| slot.zero_prob() as f32).collect(),
            insertion_rate: slots.iter().map(|slot| slot.insertion_rate() as f32).collect(),
            delete_prob: Vec::new(),
            velocities: Vec::new(),
            hidden: slots,
        })
    }

    async fn token_logits(&self, hidden: &Self::Hidden, slots: &[usize]) -> Result<Vec<Vec<f32>>> {
        let logits = |&slot: &usize| {
            let mut logits = vec![-100.0; self.spec().vocab_size];
            hidden[slot].token_probs().for_each(|(token, prob)| logits[token as usize] = prob.ln() as f32);
            logits
        };
        Ok(slots.iter().map(logits).collect())
    }
}

/// A model that says something arbitrary, but always the same, about any state: for properties
/// that hold whatever the model says. It ends by itself, because π grows with the length.
pub struct Chatter {
    pub spec: Spec,
    /// About how many elements it wants.
    pub len: usize,
}

impl Chatter {
    fn rng(&self, state: &State, purpose: u64) -> Rng {
        let mut hash = purpose;
        for element in &state.sequence.elements {
            let word = match *element {
                Element::Token(token) => u64::from(token),
                Element::Image(index) => 1 << 32 | index as u64,
            };
            hash = Rng::stream(hash, word).next_u64();
        }
        for image in &state.images {
            hash = Rng::stream(hash, u64::from(image.t.to_bits())).next_u64();
        }
        Rng::new(hash)
    }
}

impl FlowModel for Chatter {
    type Hidden = State;

    async fn predict(&self, state: &State) -> Result<Prediction<State>> {
        let mut rng = self.rng(state, 0);
        let n_slots = state.sequence.n_slots();
        let missing = (self.len as f32 - n_slots as f32).max(0.0) / n_slots as f32;
        let zero_prob = (0..n_slots).map(|_| (1.0 - missing * 2.0 * rng.uniform()).max(0.0)).collect();
        let insertion_rate = (0..n_slots).map(|_| 1.0 + 2.0 * missing * rng.uniform()).collect();
        let velocities = state
            .images
            .iter()
            .map(|image| image.latents.iter().filter(|_| !image.is_done()).map(|_| rng.normal()).collect())
            .collect();
        Ok(Prediction { zero_prob, insertion_rate, delete_prob: vec![], velocities, hidden: state.clone() })
    }

    async fn token_logits(&self, hidden: &State, slots: &[usize]) -> Result<Vec<Vec<f32>>> {
        let logits = |&slot: &usize| {
            let mut rng = self.rng(hidden, 1 + slot as u64);
            let mut logits: Vec<f32> = (0..self.spec.vocab_size).map(|_| 2.0 * rng.normal()).collect();
            // So that every run has a picture or two.
            logits[self.spec.image as usize] += 1.5;
            logits
        };
        Ok(slots.iter().map(logits).collect())
    }
}

/// Counts the forwards of a model.
pub struct Counted<M> {
    pub model: M,
    pub forwards: Cell<usize>,
}

impl<M> Counted<M> {
    pub fn new(model: M) -> Self {
        Self { model, forwards: Cell::new(0) }
    }
}

impl<M: FlowModel> FlowModel for Counted<M> {
    type Hidden = M::Hidden;

    async fn predict(&self, state: &State) -> Result<Prediction<M::Hidden>> {
        self.forwards.set(self.forwards.get() + 1);
        self.model.predict(state).await
    }

    async fn token_logits(&self, hidden: &M::Hidden, slots: &[usize]) -> Result<Vec<Vec<f32>>> {
        self.model.token_logits(hidden, slots).await
    }
}

/// An empty folder of its own.
pub fn folder(name: &str) -> PathBuf {
    static COUNT: AtomicUsize = AtomicUsize::new(0);
    let count = COUNT.fetch_add(1, Ordering::Relaxed);
    let folder = std::env::temp_dir().join(format!("oneflow-web-{name}-{}-{count}", std::process::id()));
    let _ = fs::remove_dir_all(&folder);
    fs::create_dir_all(&folder).unwrap();
    folder
}
