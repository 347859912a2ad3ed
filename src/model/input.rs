//! A batch of sequences as the network takes it: ids, latents, positions and masks.
//!
//! Each sequence occupies `s_t` text rows, one for each of its elements, and then `s_i` picture
//! rows; attention has no order of its own, so the rows need not stand in reading order. Order
//! enters by rotary positions: a token and a picture each count as one place, so text positions do
//! not depend on how many rows a picture has; inside a picture, a quarter of the rotary pairs each
//! turn by row and column.
//!
//! A picture has a text row of its own beside its patches, the embedding of the image token, and
//! the heads of the slot after the picture read that row. The paper has no such marker (Eq. 10);
//! ARCHITECTURE.md says what it is good for.

use super::codec::Preconditioner;
use super::config::ModelConfig;
use crate::flow::sequence::{Element, Sequence};

/// Sine and cosine features of a picture's time.
pub const TIME_FEATURES: usize = 32;

/// Bias of a padded key: large and finite (WGSL knows no infinity).
const MASKED: f32 = -1e9;

/// A batch, padded to the longest text and the largest number of pictures.
#[derive(Clone, Debug, Default)]
pub struct Input {
    /// Sequences.
    pub batch: usize,
    /// Text rows of a sequence: tokens, and one for each picture.
    pub n_text: usize,
    /// Pictures of a sequence.
    pub n_images: usize,
    /// Trunk tokens of a picture.
    pub n_patches: usize,
    /// Token ids `[b·s_t]`, the image token for a picture.
    pub tokens: Vec<u32>,
    /// 0 for the prompt, 1 for the response `[b·s_t]`.
    pub segments: Vec<u32>,
    /// Latents, scaled by [`Preconditioner::input`], `[b·images·p, k]`.
    pub latents: Vec<f32>,
    /// Features of each picture's time `[b·images, TIME_FEATURES]`.
    pub time_features: Vec<f32>,
    /// Rotary cosines `[b·s, d_head/2]`.
    pub cos: Vec<f32>,
    /// Rotary sines `[b·s, d_head/2]`.
    pub sin: Vec<f32>,
    /// Added to the scores of a key `[b, s]`.
    pub key_bias: Vec<f32>,
    /// Text row of the left element of each slot, sequence by sequence.
    pub slot_rows: Vec<u32>,
}

/// One sequence to be put into a batch.
pub struct Row<'a> {
    /// Its elements; `Element::Image(i)` points into `images`.
    pub sequence: &'a Sequence,
    /// Latents `[p·k]` and time of each picture.
    pub images: Vec<(&'a [f32], f32)>,
}

impl Input {
    /// Rows of one sequence.
    pub fn seq(&self) -> usize {
        self.n_text + self.n_images * self.n_patches
    }

    /// Rows of all picture tokens, sequence by sequence.
    pub fn image_rows(&self) -> Vec<u32> {
        let seq = self.seq();
        (0..self.batch).flat_map(|b| (b * seq + self.n_text..(b + 1) * seq).map(|row| row as u32)).collect()
    }

    /// The patch number of each picture token.
    pub fn patch_ids(&self) -> Vec<u32> {
        (0..self.batch * self.n_images).flat_map(|_| 0..self.n_patches as u32).collect()
    }

    /// Lays out a batch; `image_token` is what stands for a picture among the tokens.
    pub fn new(config: &ModelConfig, scale: &Preconditioner, image_token: u32, rows: &[Row<'_>]) -> Self {
        let n_patches = config.codec.n_patches();
        let n_coefs = config.codec.n_coefs;
        let n_text = rows.iter().map(|r| r.sequence.elements.len()).max().unwrap_or(0);
        let n_images = rows.iter().map(|r| r.images.len()).max().unwrap_or(0);
        let mut input = Self { batch: rows.len(), n_text, n_images, n_patches, ..Self::default() };
        let seq = input.seq();
        let half = config.network.d_model / config.network.n_heads / 2;
        input.tokens = vec![0; rows.len() * n_text];
        input.segments = vec![0; rows.len() * n_text];
        input.latents = vec![0.0; rows.len() * n_images * n_patches * n_coefs];
        input.time_features = vec![0.0; rows.len() * n_images * TIME_FEATURES];
        input.cos = vec![1.0; rows.len() * seq * half];
        input.sin = vec![0.0; rows.len() * seq * half];
        input.key_bias = vec![MASKED; rows.len() * seq];
        for (b, row) in rows.iter().enumerate() {
            let first_slot = row.sequence.n_prompt.saturating_sub(1);
            for (place, element) in row.sequence.elements.iter().enumerate() {
                let at = b * seq + place;
                input.segments[b * n_text + place] = u32::from(place >= row.sequence.n_prompt);
                input.rotate(at, half, place, 0, 0);
                input.key_bias[at] = 0.0;
                if place >= first_slot {
                    input.slot_rows.push(at as u32);
                }
                let image = match *element {
                    Element::Token(token) => {
                        input.tokens[b * n_text + place] = token;
                        continue;
                    }
                    Element::Image(image) => image,
                };
                input.tokens[b * n_text + place] = image_token;
                let (latents, t) = row.images[image];
                let picture = b * n_images + image;
                let scaled = scale.input(latents, t);
                let start = picture * n_patches * n_coefs;
                input.latents[start..start + scaled.len()].copy_from_slice(&scaled);
                let start = picture * TIME_FEATURES;
                input.time_features[start..start + TIME_FEATURES].copy_from_slice(&time_features(t));
                let first = b * seq + n_text + image * n_patches;
                let side = config.codec.image_px / config.codec.patch_px;
                for patch in 0..n_patches {
                    input.rotate(first + patch, half, place, 1 + patch / side, 1 + patch % side);
                    input.key_bias[first + patch] = 0.0;
                }
            }
        }
        input
    }

    /// Writes the rotary angles of one row: the first half of the pairs turn by `place`, the next
    /// quarter by `line`, the last by `column`, each at its geometric frequencies from 1 down to
    /// 1/1000.
    fn rotate(&mut self, row: usize, half: usize, place: usize, line: usize, column: usize) {
        let quarter = half / 4;
        let groups = [(0, 2 * quarter, place), (2 * quarter, quarter, line), (3 * quarter, quarter, column)];
        for (start, n, position) in groups {
            for j in 0..n {
                let frequency = libm::powf(1000.0, -(j as f32) / n as f32);
                let angle = position as f32 * frequency;
                self.cos[row * half + start + j] = libm::cosf(angle);
                self.sin[row * half + start + j] = libm::sinf(angle);
            }
        }
    }
}

/// Sines and cosines of `t` in [0, 1] at frequencies from 1 to 1000 radians, geometric.
fn time_features(t: f32) -> [f32; TIME_FEATURES] {
    let n = TIME_FEATURES / 2;
    let mut features = [0.0; TIME_FEATURES];
    for j in 0..n {
        let angle = t * libm::powf(1000.0, j as f32 / (n - 1) as f32);
        features[j] = libm::sinf(angle);
        features[n + j] = libm::cosf(angle);
    }
    features
}
