//! Quality against what it costs and against guidance: stories under other options, on fewer prompts.

use serde::Serialize;

use super::asked::{Asked, World};
use super::judge::{Judge, accuracy, wanted_of_told};
use super::parallel::each;
use super::telling::told;
use super::text::{Reader, n_words};
use super::words::pictures;
use crate::error::Result;
use crate::model::Model;
use crate::ops::burn::BurnOps;
use crate::sample::Options;

/// Scheduled steps of the curve.
pub const STEPS: [usize; 7] = [4, 8, 12, 16, 24, 36, 50];
/// Guidance weights of the text.
pub const TEXT_WEIGHTS: [f32; 4] = [0.0, 0.5, 1.0, 2.0];
/// Guidance weights of the pictures.
pub const IMAGE_WEIGHTS: [f32; 4] = [0.0, 1.0, 2.0, 4.0];

/// Quality under one choice of options.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct Point {
    /// Scheduled steps.
    pub n_steps: usize,
    /// Whether completion rounds follow.
    pub rounds: bool,
    /// Guidance weight of the text.
    pub text_guidance: f32,
    /// Guidance weight of the pictures.
    pub image_guidance: f32,
    /// Stories told.
    pub stories: usize,
    /// Steps of a story.
    pub mean_steps: f64,
    /// Completion rounds of a story.
    pub mean_rounds: f64,
    /// Pictures whose place is right.
    pub place: f64,
    /// Pictures whose sky is right.
    pub sky: f64,
    /// Pictures whose main character is right.
    pub character: f64,
    /// Words, as a ratio to those of the true stories.
    pub words_vs_true: f64,
    /// Sentences with a duplicated phrase.
    pub duplicated_phrase_share: f64,
    /// Stories with a duplicated or broken phrase; whether sentences parse is not asked here.
    pub broken_share: f64,
    /// Stories that are empty or cut.
    pub cut_share: f64,
    /// Stories that name the main character.
    pub names_character_share: f64,
}

/// The options of the steps curve: each number of steps with and without completion rounds.
pub fn curve_options(options: &Options) -> Vec<Options> {
    let of =
        |n_steps: usize| [options.max_rounds, 0].map(|max_rounds| Options { n_steps, max_rounds, ..options.clone() });
    STEPS.into_iter().flat_map(of).collect()
}

/// The options of the guidance sweeps: text at the model's picture weight, then pictures at its text
/// weight.
pub fn guidance_options(options: &Options) -> Vec<Options> {
    let text = TEXT_WEIGHTS.map(|text_guidance| Options { text_guidance, ..options.clone() });
    let images = IMAGE_WEIGHTS.map(|image_guidance| Options { image_guidance, ..options.clone() });
    text.into_iter().chain(images).collect()
}

/// Tells a story for each prompt under each choice, and measures it.
///
/// # Errors
///
/// Those of telling.
pub fn sweep(
    (model, world): (&Model<BurnOps>, World),
    (judge, reader): (&Judge, &Reader),
    asked: &[Asked],
    choices: &[Options],
    n_threads: usize,
    done: &(impl Fn() + Sync),
) -> Result<Vec<Point>> {
    let n_true: usize = asked.iter().map(|asked| n_words(&asked.true_story())).sum();
    let measure = |options: &Options| {
        let stories = told(model, asked, options, n_threads, done)?;
        let seen =
            each(stories.len(), n_threads, || (), |i| Ok(pictures(&stories[i]).map(|p| judge.see(p)).collect()))?;
        let right = accuracy(&seen, &wanted_of_told(world, asked, &seen));
        let faults: Vec<_> =
            stories.iter().zip(asked).map(|(story, asked)| reader.faults(story, asked, None)).collect();
        let text = reader.measure((&stories, asked), &faults, None, |story| story.stats.tokens);
        let mean = |n: usize| n as f64 / stories.len().max(1) as f64;
        Ok(Point {
            n_steps: options.n_steps,
            rounds: options.max_rounds > 0,
            text_guidance: options.text_guidance,
            image_guidance: options.image_guidance,
            stories: stories.len(),
            mean_steps: mean(stories.iter().map(|story| story.stats.steps).sum()),
            mean_rounds: mean(stories.iter().map(|story| story.stats.rounds).sum()),
            place: right.place,
            sky: right.sky,
            character: right.character,
            words_vs_true: stories.iter().map(n_words).sum::<usize>() as f64 / n_true.max(1) as f64,
            duplicated_phrase_share: text.duplicated_phrase_share,
            broken_share: text.broken_share,
            cut_share: text.cut_share,
            names_character_share: text.names_character_share,
        })
    };
    choices.iter().map(measure).collect()
}
