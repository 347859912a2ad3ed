//! The stories that a model tells for prompts, and the pictures that it paints beside the true text.

use super::asked::Asked;
use super::parallel::each;
use crate::error::Result;
use crate::flow::image::ImageState;
use crate::flow::rng::Rng;
use crate::flow::sequence::{Element, Sequence};
use crate::model::Model;
use crate::model::codec::ImageCodec;
use crate::model::story::{Story, tell};
use crate::ops::burn::BurnOps;
use crate::ops::ready;
use crate::sample::{FlowModel, Guided, Options, State, euler_step};

/// A story for each prompt, its seed the number of the document: what `oneflow generate` tells for the
/// same prompt and seed.
///
/// # Errors
///
/// Those of [`tell`].
pub fn told(
    model: &Model<BurnOps>,
    asked: &[Asked],
    options: &Options,
    n_threads: usize,
    done: impl Fn() + Sync,
) -> Result<Vec<Story>> {
    each(asked.len(), n_threads, done, |i| tell(model, &asked[i].prompt, options.clone(), asked[i].index))
}

/// The pictures of each story painted beside its true text, all at once, in `options.n_steps` Euler
/// steps: text to picture, with nothing but the pictures left to the model.
///
/// # Errors
///
/// Those of the model.
pub fn painted(
    model: &Model<BurnOps>,
    asked: &[Asked],
    options: &Options,
    n_threads: usize,
    done: impl Fn() + Sync,
) -> Result<Vec<Vec<Vec<u8>>>> {
    each(asked.len(), n_threads, done, |i| paint(model, &asked[i], options))
}

fn paint(model: &Model<BurnOps>, asked: &Asked, options: &Options) -> Result<Vec<Vec<u8>>> {
    let spec = model.spec();
    let mut tokens = vec![spec.begin];
    tokens.extend(model.prompt_tokens(&asked.prompt)?);
    tokens.push(spec.prompt_end);
    let mut sequence = Sequence::from_prompt(&tokens);
    for (i, text) in asked.texts.iter().enumerate() {
        let spaced = if i == 0 { text.clone() } else { format!(" {text}") };
        sequence.elements.extend(model.tokenizer.encode(&spaced).into_iter().map(Element::Token));
        sequence.elements.push(Element::Image(i));
    }
    let mut rng = Rng::new(asked.index);
    let images = asked.texts.iter().map(|_| ImageState::from_noise(spec.latent_len, &mut rng)).collect();
    let mut state = State { sequence, images, t_text: 1.0 };
    let guided = Guided::new(model, spec, 0.0, options.image_guidance);
    for step in 1..=options.n_steps {
        let prediction = ready(guided.predict(&state))?;
        let t = step as f32 / options.n_steps as f32;
        for (image, velocity) in state.images.iter_mut().zip(&prediction.velocities) {
            euler_step(&mut image.latents, velocity, t - image.t);
            image.t = t;
        }
    }
    Ok(state.images.iter().map(|image| model.codec.decode(&image.latents)).collect())
}
