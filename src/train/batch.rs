//! From documents to the batches of a step: tokens and latents, noise, and what the heads should
//! say. A batch is a pure function of the configuration and the step, so a resumed run sees what
//! an uninterrupted one sees.

use super::config::TrainConfig;
use super::mistakes;
use super::source::Source;
use crate::error::Result;
use crate::flow::noising::{Bag, Corruption, Noised, noise_at};
use crate::flow::rng::Rng;
use crate::flow::schedule::Schedule;
use crate::flow::sequence::Sequence;
use crate::model::input::{Input, Row};

/// One step's input and targets.
#[derive(Debug)]
pub struct Batch {
    /// What the network sees.
    pub input: Input,
    /// What its heads should say.
    pub targets: Targets,
    /// Where its sequences come from, one note each, to report on them.
    pub notes: Vec<Note>,
}

/// A sequence of a batch: which document, and what noise left of it.
#[derive(Clone, Debug, PartialEq)]
pub struct Note {
    /// The document's index.
    pub index: u64,
    /// Elements of its clean response.
    pub n_clean: usize,
    /// The noisy sequence.
    pub sequence: Sequence,
    /// What is missing from each of its slots.
    pub bags: Vec<Bag>,
    /// Times in [0, 1] of the pictures that are left, in reading order.
    pub image_times: Vec<f32>,
}

/// Targets of a batch; `n` is the number of its slots.
#[derive(Debug, Default)]
pub struct Targets {
    /// Missing elements of each slot, 0 beside a token that does not belong `[n]`.
    pub counts: Vec<f32>,
    /// Weight of each slot: 1 over its document's clean length and the batch size, 0 beside a token
    /// that does not belong `[n]`. This is
    /// Eq. 7's 1/n with a normaliser that noise cannot make small (reference 7.2-a).
    pub slot_weights: Vec<f32>,
    /// Slots with a bag, each once.
    pub bag_slots: Vec<u32>,
    /// For each missing element, its slot's place in `bag_slots`.
    pub pair_rows: Vec<u32>,
    /// Its token.
    pub pair_tokens: Vec<u32>,
    /// Its weight.
    pub pair_weights: Vec<f32>,
    /// Of each slot's left element, 1 where it does not belong `[n]`.
    pub is_extra: Vec<f32>,
    /// Its weight: as `slot_weights`, but 0 for the end of the prompt `[n]`.
    pub extra_weights: Vec<f32>,
    /// Target of the adapter's output `[b·images·p, k]`.
    pub image_targets: Vec<f32>,
    /// Weight of its squared error: the velocity's factor squared, over the values of all noised
    /// pictures; 0 for clean pictures and padding.
    pub image_weights: Vec<f32>,
    /// Noised pictures.
    pub n_noised: usize,
}

/// A document under noise, ready to be put into a batch.
struct NoisyRow {
    index: u64,
    noised: Noised,
    clean_len: usize,
    /// Latents at their time, and the clean latents minus the noise.
    images: Vec<(Vec<f32>, Vec<f32>)>,
}

impl NoisyRow {
    /// What a batch is padded to: pictures, and text rows.
    fn shape(&self) -> (usize, usize) {
        (self.images.len(), self.noised.sequence.elements.len())
    }

    fn note(&self) -> Note {
        Note {
            index: self.index,
            n_clean: self.clean_len - 1,
            sequence: self.noised.sequence.clone(),
            bags: self.noised.bags.clone(),
            image_times: self.noised.images.iter().map(|image| image.t).collect(),
        }
    }
}

/// The steps of one pool, in the order in which they are used, each as its shards.
///
/// # Errors
///
/// Those of the documents.
pub fn pool(config: &TrainConfig, source: &Source, pool: usize) -> Result<Vec<Vec<Batch>>> {
    let n_rows = config.pool_steps * config.batch_size;
    let mut rows: Vec<NoisyRow> = (0..n_rows)
        .map(|i| {
            let index = (pool * n_rows + i) as u64;
            let mut rng = Rng::stream(config.seed, index);
            noisy_row(config, source, index, &mut rng)
        })
        .collect::<Result<_>>()?;
    rows.sort_by_key(NoisyRow::shape);
    // Shards of one shape each, so that little is padding, in a random order, so that a step sees
    // several shapes and the gradient has no rhythm.
    let per_step = config.n_shards * config.accumulate;
    let n_shards = config.pool_steps * per_step;
    let mut shards: Vec<Batch> = (0..n_shards)
        .map(|i| batch(config, source, &rows[i * n_rows / n_shards..(i + 1) * n_rows / n_shards]))
        .collect();
    let mut rng = Rng::stream(config.seed ^ 0x5eed, pool as u64);
    for i in (1..shards.len()).rev() {
        shards.swap(i, rng.below(i + 1));
    }
    let mut left = shards.into_iter();
    Ok((0..config.pool_steps).map(|_| left.by_ref().take(per_step).collect()).collect())
}

fn noisy_row(config: &TrainConfig, source: &Source, index: u64, rng: &mut Rng) -> Result<NoisyRow> {
    let clean = source.clean(index)?;
    // No number is drawn for what a run does not ask for.
    let text_only = config.text_only_share > 0.0 && rng.bernoulli(config.text_only_share);
    let clean = if text_only { clean.without_pictures() } else { clean };
    let mut sequence = clean.sequence.clone();
    let dropped = rng.bernoulli(config.prompt_dropout);
    if dropped {
        let response = sequence.elements.split_off(sequence.n_prompt);
        sequence = Sequence { elements: source.empty_prompt().to_vec(), n_prompt: 2 };
        sequence.elements.extend(response);
    }
    let clean_len = sequence.elements.len() - sequence.n_prompt + 1;
    let schedule = Schedule::Linear;
    let is_mistaken = config.model.network.delete_head && rng.bernoulli(config.mistake_share);
    // Mistakes count, and can be told from what is right, where the text is all there.
    let complete_share = if is_mistaken { config.complete_share.max(0.5) } else { config.complete_share };
    let mut corruption = if rng.bernoulli(config.pair_share) {
        let u = rng.uniform();
        let clean_text = u < config.pair_clean_text;
        let clean_pictures = !clean_text && u < config.pair_clean_text + config.pair_clean_pictures;
        let t_text = if clean_text { 1.0 } else { rng.uniform() };
        let times: Vec<f32> = clean.latents.iter().map(|_| if clean_pictures { 1.0 } else { rng.uniform() }).collect();
        Corruption::draw_pair(&sequence, schedule, t_text, &times, rng)
    } else {
        let complete = rng.bernoulli(complete_share);
        let tau = rng.uniform() + if complete { 1.0 } else { 0.0 };
        Corruption::draw(&sequence, schedule, tau, rng)
    };
    corruption.spare(&sequence, &clean.given);
    let mut noised = noise_at(&sequence, source.image_token(), &corruption.keep, &corruption.image_times);
    if is_mistaken {
        let other = source.clean(index + 1)?;
        noised.insert_extras(&mistakes::draw(&clean, &other, &noised, rng));
    }
    let images = noised
        .images
        .iter()
        .map(|picture| {
            let clean = &clean.latents[picture.source];
            let t = picture.t;
            let mut at = Vec::with_capacity(clean.len());
            let mut velocity = Vec::with_capacity(clean.len());
            for &y1 in clean {
                let y0 = rng.normal();
                at.push(t * y1 + (1.0 - t) * y0);
                velocity.push(y1 - y0);
            }
            (at, velocity)
        })
        .collect();
    Ok(NoisyRow { index, noised, clean_len, images })
}

fn batch(config: &TrainConfig, source: &Source, rows: &[NoisyRow]) -> Batch {
    let scale = source.preconditioner();
    let inputs: Vec<Row<'_>> = rows
        .iter()
        .map(|row| Row {
            sequence: &row.noised.sequence,
            images: row.images.iter().zip(&row.noised.images).map(|((at, _), i)| (&at[..], i.t)).collect(),
        })
        .collect();
    let input = Input::new(&config.model, scale, source.image_token(), &inputs);
    let mut targets = Targets::default();
    let latent_len = config.model.codec.latent_len();
    targets.image_targets = vec![0.0; input.latents.len()];
    targets.image_weights = vec![0.0; input.latents.len()];
    targets.n_noised = rows.iter().flat_map(|row| &row.noised.images).filter(|image| image.t < 1.0).count();
    for (b, row) in rows.iter().enumerate() {
        let weight = 1.0 / (row.clean_len * rows.len()) as f32;
        for (i, bag) in row.noised.bags.iter().enumerate() {
            let slot = targets.counts.len() as u32;
            let is_known = !row.noised.is_beside_extra(i);
            let is_extra = i > 0 && row.noised.is_extra[i - 1];
            targets.counts.push(if is_known { bag.tokens.len() as f32 } else { 0.0 });
            targets.slot_weights.push(if is_known { weight } else { 0.0 });
            targets.is_extra.push(f32::from(u8::from(is_extra)));
            targets.extra_weights.push(if i > 0 { weight } else { 0.0 });
            if bag.tokens.is_empty() || !is_known {
                continue;
            }
            for &token in &bag.tokens {
                targets.pair_rows.push(targets.bag_slots.len() as u32);
                targets.pair_tokens.push(token);
                targets.pair_weights.push(weight);
            }
            targets.bag_slots.push(slot);
        }
        for (i, (image, (at, velocity))) in row.noised.images.iter().zip(&row.images).enumerate() {
            if image.t >= 1.0 {
                continue;
            }
            let (target, factor) = scale.target(at, velocity, image.t);
            let start = (b * input.n_images + i) * latent_len;
            let per_value = 1.0 / (latent_len * targets.n_noised) as f32;
            for j in 0..latent_len {
                targets.image_targets[start + j] = target[j];
                targets.image_weights[start + j] = factor[j] * factor[j] * per_value;
            }
        }
    }
    let notes = rows.iter().map(NoisyRow::note).collect();
    Batch { input, targets, notes }
}
