//! A run as bytes: everything that determines how it goes on, and nothing else.
//!
//! All numbers are little-endian; `u32` where not said otherwise.
//!
//! ```text
//! magic            8 bytes  "OFLOWRUN"
//! version          2
//! spec             begin  prompt_end  image  vocab_size  latent_len
//! options          n_steps  temperature:f32  top_p:f32  text_guidance:f32  image_guidance:f32
//!                  max_tokens  max_images
//!                  schedule      tag (0 linear, 1 power)  exponent:f32 (0 for linear)
//!                  close_threshold:f32  min_certainty:f32  delete_threshold:f32
//!                  slot_opening  tag (0 draw, 1 threshold)  threshold:f32 (0 for draw)
//!                  max_rounds
//! draws            seed:u64  generator: 4 × u64
//! progress         steps_done  rounds_done  text_end (0 none, 1 complete, 2 rounds, 3 tokens)
//! sequence         n_prompt  n_elements
//!                  per element  token id, or 2³¹ + index of a picture
//! images           n_images
//!                  per image    steps taken, then latent_len × f32
//! checksum:u64     FNV-1a over all bytes before it
//! ```
//!
//! Times are not stored; they follow from the counts of steps.

use super::event::EndReason;
use super::model::{Spec, State};
use super::options::{Options, SlotOpening};
use super::sampler::{Sampler, is_sound};
use crate::error::{Error, Result};
use crate::flow::image::ImageState;
use crate::flow::rng::Rng;
use crate::flow::schedule::Schedule;
use crate::flow::sequence::{Element, Sequence};

const MAGIC: &[u8; 8] = b"OFLOWRUN";
const VERSION: u32 = 2;
const IMAGE_BIT: u32 = 1 << 31;

impl Sampler {
    /// The run as bytes.
    pub fn snapshot(&self) -> Vec<u8> {
        let mut out = Writer { bytes: MAGIC.to_vec() };
        out.u32(VERSION);
        out.spec(&self.spec);
        out.options(&self.options);
        out.u64(self.seed);
        self.rng.state().iter().for_each(|&word| out.u64(word));
        out.count(self.steps_done);
        out.count(self.rounds_done);
        out.u32(match self.text_end {
            None => 0,
            Some(EndReason::Complete) => 1,
            Some(EndReason::MaxRounds) => 2,
            Some(EndReason::MaxTokens) => 3,
        });
        out.count(self.state.sequence.n_prompt);
        out.count(self.state.sequence.elements.len());
        for element in &self.state.sequence.elements {
            out.u32(match *element {
                Element::Token(token) => token,
                Element::Image(index) => IMAGE_BIT | index as u32,
            });
        }
        out.count(self.state.images.len());
        for (image, &steps) in self.state.images.iter().zip(&self.image_steps) {
            out.count(steps);
            image.latents.iter().for_each(|&value| out.f32(value));
        }
        let checksum = fnv1a(&out.bytes);
        out.u64(checksum);
        out.bytes
    }

    /// The run that `bytes` are a snapshot of. It goes on exactly as the saved one would have.
    ///
    /// # Errors
    ///
    /// [`Error::Snapshot`] if the bytes are no snapshot, are damaged, or are of a run of a model
    /// with another `spec`.
    pub fn restore(bytes: &[u8], spec: Spec) -> Result<Self> {
        let damaged = || broken("it is cut off or damaged; save it again");
        if !bytes.starts_with(MAGIC) {
            return Err(broken("it does not begin as one; pass the bytes that snapshot() gave"));
        }
        let (content, checksum) = bytes.split_last_chunk::<8>().ok_or_else(damaged)?;
        let mut input = Reader { bytes: &content[MAGIC.len().min(content.len())..] };
        if fnv1a(content) != u64::from_le_bytes(*checksum) {
            return Err(damaged());
        }
        let version = input.u32()?;
        if version != VERSION {
            return Err(broken(&format!("it has version {version}, expected {VERSION}; use the same release")));
        }
        if input.spec()? != spec {
            return Err(broken("it is of a run of another model; load that one"));
        }
        let options = input.options()?;
        options.validate().map_err(|error| broken(&error.to_string()))?;
        let sampler = input.sampler(spec, options)?;
        match input.bytes.is_empty() {
            true => Ok(sampler),
            false => Err(damaged()),
        }
    }
}

/// Puts numbers behind each other.
struct Writer {
    bytes: Vec<u8>,
}

impl Writer {
    fn u32(&mut self, value: u32) {
        self.bytes.extend(value.to_le_bytes());
    }

    fn u64(&mut self, value: u64) {
        self.bytes.extend(value.to_le_bytes());
    }

    fn f32(&mut self, value: f32) {
        self.bytes.extend(value.to_le_bytes());
    }

    /// Counts are bounded by the options and by memory, far below 2³².
    fn count(&mut self, value: usize) {
        self.u32(value as u32);
    }

    fn spec(&mut self, spec: &Spec) {
        self.u32(spec.begin);
        self.u32(spec.prompt_end);
        self.u32(spec.image);
        self.count(spec.vocab_size);
        self.count(spec.latent_len);
    }

    fn options(&mut self, options: &Options) {
        self.count(options.n_steps);
        self.f32(options.temperature);
        self.f32(options.top_p);
        self.f32(options.text_guidance);
        self.f32(options.image_guidance);
        self.count(options.max_tokens);
        self.count(options.max_images);
        let (tag, exponent) = match options.schedule {
            Schedule::Linear => (0, 0.0),
            Schedule::Power(exponent) => (1, exponent),
        };
        self.u32(tag);
        self.f32(exponent);
        self.f32(options.close_threshold);
        self.f32(options.min_certainty);
        self.f32(options.delete_threshold);
        let (tag, threshold) = match options.slot_opening {
            SlotOpening::Draw => (0, 0.0),
            SlotOpening::Threshold(threshold) => (1, threshold),
        };
        self.u32(tag);
        self.f32(threshold);
        self.count(options.max_rounds);
    }
}

/// Takes numbers off the front.
struct Reader<'a> {
    bytes: &'a [u8],
}

impl Reader<'_> {
    fn take<const N: usize>(&mut self) -> Result<[u8; N]> {
        let (first, rest) = self.bytes.split_first_chunk::<N>().ok_or_else(|| broken("it ends too early"))?;
        self.bytes = rest;
        Ok(*first)
    }

    fn u32(&mut self) -> Result<u32> {
        self.take().map(u32::from_le_bytes)
    }

    fn u64(&mut self) -> Result<u64> {
        self.take().map(u64::from_le_bytes)
    }

    fn f32(&mut self) -> Result<f32> {
        self.take().map(f32::from_le_bytes)
    }

    fn count(&mut self) -> Result<usize> {
        self.u32().map(|value| value as usize)
    }

    fn spec(&mut self) -> Result<Spec> {
        Ok(Spec {
            begin: self.u32()?,
            prompt_end: self.u32()?,
            image: self.u32()?,
            vocab_size: self.count()?,
            latent_len: self.count()?,
        })
    }

    fn options(&mut self) -> Result<Options> {
        Ok(Options {
            n_steps: self.count()?,
            temperature: self.f32()?,
            top_p: self.f32()?,
            text_guidance: self.f32()?,
            image_guidance: self.f32()?,
            max_tokens: self.count()?,
            max_images: self.count()?,
            schedule: match (self.u32()?, self.f32()?) {
                (0, _) => Schedule::Linear,
                (1, exponent) => Schedule::Power(exponent),
                (tag, _) => return Err(broken(&format!("schedule {tag} does not exist"))),
            },
            close_threshold: self.f32()?,
            min_certainty: self.f32()?,
            delete_threshold: self.f32()?,
            slot_opening: match (self.u32()?, self.f32()?) {
                (0, _) => SlotOpening::Draw,
                (1, threshold) => SlotOpening::Threshold(threshold),
                (tag, _) => return Err(broken(&format!("slot opening {tag} does not exist"))),
            },
            max_rounds: self.count()?,
        })
    }

    /// Draws, progress, sequence and images, checked against each other.
    fn sampler(&mut self, spec: Spec, options: Options) -> Result<Sampler> {
        let seed = self.u64()?;
        let rng = Rng::from_state([self.u64()?, self.u64()?, self.u64()?, self.u64()?]);
        let rng = rng.ok_or_else(|| broken("its random generator is all zero"))?;
        let steps_done = self.count()?;
        let rounds_done = self.count()?;
        let text_end = match self.u32()? {
            0 => None,
            1 => Some(EndReason::Complete),
            2 => Some(EndReason::MaxRounds),
            3 => Some(EndReason::MaxTokens),
            tag => return Err(broken(&format!("end reason {tag} does not exist"))),
        };
        let sequence = self.sequence()?;
        let n_images = self.count()?;
        if n_images > options.max_images || !is_sound(&sequence, n_images, &spec) {
            return Err(broken("its sequence is not one that a run can have"));
        }
        if sequence.response().len() - n_images > options.max_tokens {
            return Err(broken("it has more tokens than its options allow"));
        }
        let state = State { sequence, images: Vec::new(), t_text: 0.0 };
        let image_steps = Vec::new();
        let mut sampler = Sampler { spec, options, seed, rng, state, image_steps, steps_done, rounds_done, text_end };
        sampler.state.t_text = sampler.time(steps_done);
        for _ in 0..n_images {
            let steps = self.count()?;
            let latents = (0..spec.latent_len).map(|_| self.f32()).collect::<Result<Vec<f32>>>()?;
            let t = sampler.time(steps);
            sampler.image_steps.push(steps);
            sampler.state.images.push(ImageState { latents, t });
        }
        match sampler.is_reachable() {
            true => Ok(sampler),
            false => Err(broken("its counts of steps contradict each other")),
        }
    }

    fn sequence(&mut self) -> Result<Sequence> {
        let n_prompt = self.count()?;
        let n_elements = self.count()?;
        if n_prompt > n_elements {
            return Err(broken("its prompt is longer than its sequence"));
        }
        let element = |word: u32| match word & IMAGE_BIT {
            0 => Element::Token(word),
            _ => Element::Image((word ^ IMAGE_BIT) as usize),
        };
        // The count may lie, so nothing is reserved for it.
        let elements = (0..n_elements).map(|_| self.u32().map(element)).collect::<Result<Vec<Element>>>()?;
        Ok(Sequence { elements, n_prompt })
    }
}

impl Sampler {
    /// Whether the counters are ones that steps can lead to.
    fn is_reachable(&self) -> bool {
        let n_steps = self.options.n_steps;
        let most_rounds = self.options.max_rounds.min(self.steps_done.saturating_sub(n_steps));
        let is_over = self.steps_done >= n_steps;
        self.steps_done <= 2 * n_steps + self.options.max_rounds
            && self.rounds_done <= most_rounds
            && (self.text_end.is_none() || is_over)
            // While the text goes on, each step after the schedule is a round, and another is left.
            && (self.text_end.is_some() || self.rounds_done == self.steps_done.saturating_sub(n_steps))
            && (self.text_end.is_some() || !is_over || self.rounds_done < self.options.max_rounds)
            && self.image_steps.iter().all(|&steps| steps <= n_steps.min(self.steps_done))
            && self.state.images.iter().all(|image| image.latents.iter().all(|value| value.is_finite()))
    }
}

fn broken(reason: &str) -> Error {
    Error::Snapshot { reason: reason.to_owned() }
}

/// The 64-bit FNV-1a hash (RFC 9923): against damage, not against malice.
fn fnv1a(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, |hash, &byte| (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3))
}
