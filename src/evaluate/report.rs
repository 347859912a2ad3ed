//! The report: all numbers, as they stand in the JSON file. `null` stands for what was not measured;
//! `notes` says why.

use serde::Serialize;

use super::judge::{Accuracy, Things};
use super::lengths::Lengths;
use super::noised::{Calibration, Losses};
use super::sweep::Point;
use super::text::Text;

/// How good a model is. Shares are in [0, 1].
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Report {
    /// "cards" or "storyworld".
    pub world: &'static str,
    /// "train", "validation" or "held-out".
    pub stream: &'static str,
    /// Stories told.
    pub stories: usize,
    /// Which: prompts from document `seed` × 1,000,000 on.
    pub seed: u64,
    /// How they were told.
    pub sampling: Sampling,
    /// Losses on noised documents.
    pub losses: Losses,
    /// Whether π and λ mean what they say.
    pub calibration: Calibration,
    /// The model's texts.
    pub text: Text,
    /// How long they are.
    pub lengths: Lengths,
    /// The model's pictures. In the small world each should show what the prompt says; in the large
    /// one stories move on, and only the first picture of each is judged here.
    pub pictures: Pictures,
    /// The true stories: what the tools can see at best.
    pub ceiling: Ceiling,
    /// True pictures through the model's codec.
    pub codec: Accuracy,
    /// Chance.
    pub floor: Floor,
    /// The main character with the thing that the prompt names, if a prompt names one.
    pub things: NamedThings,
    /// Pictures painted beside the true text, each judged by what it should show.
    pub beside_true_text: BesideTrueText,
    /// Quality against steps, if asked for.
    pub curve: Option<Vec<Point>>,
    /// Quality against guidance weights, if asked for.
    pub guidance: Option<Vec<Point>>,
    /// What was not measured, and why.
    pub notes: Vec<String>,
    /// What each story is, and what is wrong with it.
    pub each: Vec<Each>,
    /// Seconds that all of it took.
    pub seconds: f64,
}

/// How the stories were told.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Sampling {
    /// Scheduled steps.
    pub n_steps: usize,
    /// Temperature of the tokens.
    pub temperature: f32,
    /// Nucleus of the tokens.
    pub top_p: f32,
    /// Guidance weight of the text.
    pub text_guidance: f32,
    /// Guidance weight of the pictures.
    pub image_guidance: f32,
    /// Steps of a story, completion rounds and painting included.
    pub mean_steps: f64,
    /// Completion rounds of a story.
    pub mean_rounds: f64,
    /// Seconds that telling took.
    pub seconds: f64,
}

/// The model's pictures.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct Pictures {
    /// Shares of those that are right.
    #[serde(flatten)]
    pub accuracy: Accuracy,
    /// `place`, as a share of what true pictures reach; at most 1.
    pub place_vs_ceiling: f64,
    /// `sky` in the same way.
    pub sky_vs_ceiling: f64,
    /// `character` in the same way.
    pub character_vs_ceiling: f64,
}

/// The true stories.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Ceiling {
    /// Their texts.
    pub text: Text,
    /// Their pictures.
    pub pictures: Accuracy,
}

/// Chance.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct Floor {
    /// The model's pictures by the labels of stories drawn at random.
    pub pictures: Accuracy,
    /// Stories that name the main character of a story drawn at random.
    pub names_character_share: f64,
    /// True sentences with their words in another order that parse.
    pub parse_share: Option<f64>,
    /// Their perplexity under the trigram model.
    pub trigram_perplexity: f64,
}

/// How often stories show the main character with the thing that the prompt names.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct NamedThings {
    /// The model's.
    pub model: Option<Things>,
    /// True ones through the codec.
    pub codec: Option<Things>,
    /// True ones.
    pub ceiling: Option<Things>,
}

/// Pictures painted beside the true text.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct BesideTrueText {
    /// The model's.
    pub model: Accuracy,
    /// True ones through the codec.
    pub codec: Accuracy,
    /// True ones.
    pub ceiling: Accuracy,
    /// The model's, by the labels of stories drawn at random.
    pub floor: Accuracy,
}

/// One story.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Each {
    /// The number of its document, and its seed.
    pub index: u64,
    /// Its prompt.
    pub prompt: String,
    /// Its text.
    pub text: String,
    /// What is wrong with it.
    pub faults: Vec<&'static str>,
    /// Its sentences that do not parse.
    pub unparsed: Vec<String>,
    /// What its pictures were taken for: place, sky, main character.
    pub seen: Vec<[&'static str; 3]>,
}

impl Pictures {
    /// The model's numbers beside those of true pictures.
    pub fn new(accuracy: Accuracy, ceiling: &Accuracy) -> Self {
        let of = |part: f64, whole: f64| if whole > 0.0 { (part / whole).min(1.0) } else { 0.0 };
        Self {
            place_vs_ceiling: of(accuracy.place, ceiling.place),
            sky_vs_ceiling: of(accuracy.sky, ceiling.sky),
            character_vs_ceiling: of(accuracy.character, ceiling.character),
            accuracy,
        }
    }
}
