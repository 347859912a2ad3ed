//! From a clean document to a noisy one and what is missing from it: Algorithm 3, lines 1 to 5, of
//! arXiv:2510.03506v3. Training takes its inputs and targets from here only.

use super::rng::Rng;
use super::schedule::Schedule;
use super::sequence::{Element, Sequence};
use super::times;

/// What is missing from one slot.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Bag {
    /// The missing tokens, in text order, which carries no meaning; an absent picture is the
    /// image token.
    pub tokens: Vec<u32>,
}

/// A picture that is present.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct NoisedImage {
    /// Its index in the clean document.
    pub source: usize,
    /// Its time in [0, 1]. At 1 the picture is clean and takes no flow loss: the noise that the
    /// target Y₁ - Y₀ contains cannot be known there.
    pub t: f32,
}

/// A noisy document with its targets.
#[derive(Clone, Debug, PartialEq)]
pub struct Noised {
    /// What is left; `Element::Image(i)` stands for `images[i]`.
    pub sequence: Sequence,
    /// What is missing, one bag a slot.
    pub bags: Vec<Bag>,
    /// The pictures that are left, in reading order.
    pub images: Vec<NoisedImage>,
    /// Of each element of the response, whether it does not belong ([`Extra`]).
    pub is_extra: Vec<bool>,
}

/// Tokens that do not belong, in one slot.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Extra {
    /// The slot.
    pub slot: usize,
    /// The tokens, in order.
    pub tokens: Vec<u32>,
}

impl Extra {
    /// The same text with the run as far right as it can be read: `the fox [the fox] sat`, not
    /// `the [fox the] fox sat`, so that of two copies it is the second that does not belong.
    pub fn settled(mut self, noised: &Noised) -> Self {
        while let Some(&Element::Token(next)) = noised.sequence.response().get(self.slot)
            && self.tokens.first() == Some(&next)
        {
            self.tokens.rotate_left(1);
            self.slot += 1;
        }
        self
    }

    /// Whether no token of the run is missing in its slot anyway.
    pub fn is_wrong(&self, noised: &Noised) -> bool {
        let bag = &noised.bags[self.slot].tokens;
        !self.tokens.iter().any(|token| bag.contains(token))
    }
}

impl Noised {
    /// Puts `extras` in, ordered by slot and at most one a slot. A slot's bag stays left of the run.
    ///
    /// # Panics
    ///
    /// If a slot does not exist.
    pub fn insert_extras(&mut self, extras: &[Extra]) {
        for Extra { slot, tokens } in extras.iter().rev() {
            let at = self.sequence.n_prompt + slot;
            self.sequence.elements.splice(at..at, tokens.iter().copied().map(Element::Token));
            self.bags.splice(slot + 1..slot + 1, tokens.iter().map(|_| Bag::default()));
            self.is_extra.splice(slot..slot, tokens.iter().map(|_| true));
        }
    }

    /// Whether a slot has a token beside it that does not belong. What is missing there is not
    /// known before that one is gone.
    pub fn is_beside_extra(&self, slot: usize) -> bool {
        let is_extra = |i: usize| self.is_extra.get(i).is_some_and(|&is_extra| is_extra);
        is_extra(slot) || slot.checked_sub(1).is_some_and(is_extra)
    }
}

/// What noise does to a clean document.
#[derive(Clone, Debug, PartialEq)]
pub struct Corruption {
    /// Of each element of the response, whether it stays.
    pub keep: Vec<bool>,
    /// The time of each picture in [0, 1]; that of an absent one is not read.
    pub image_times: Vec<f32>,
}

impl Corruption {
    /// The interleaved case: tokens are kept with probability κ(t_text), pictures appear on the
    /// joint clock ([`times`]). `tau_text` is in [0, 2].
    ///
    /// Draws one uniform number for each element of the response, in reading order: for a token
    /// whether it is kept, for a picture the `u` of Eq. 28.
    pub fn draw(clean: &Sequence, schedule: Schedule, tau_text: f32, rng: &mut Rng) -> Self {
        let kept_prob = schedule.kappa(times::clip(tau_text));
        let mut image_times = vec![0.0; n_images(clean)];
        let mut keep = Vec::with_capacity(clean.response().len());
        for element in clean.response() {
            keep.push(match *element {
                Element::Token(_) => rng.bernoulli(kept_prob),
                Element::Image(source) => {
                    let tau_img = times::image_clock(schedule, tau_text, rng.uniform());
                    let time = times::image_time(tau_img);
                    image_times[source] = time.unwrap_or(0.0);
                    time.is_some()
                }
            });
        }
        Self { keep, image_times }
    }

    /// Independent times (section 2.3.1 of the paper): tokens are kept with probability κ(t_text),
    /// pictures are never absent, and picture `i` is at `t_images[i]` in [0, 1].
    ///
    /// Draws one uniform number for each token of the response, in reading order.
    pub fn draw_pair(clean: &Sequence, schedule: Schedule, t_text: f32, t_images: &[f32], rng: &mut Rng) -> Self {
        let kept_prob = schedule.kappa(t_text);
        let keep = clean.response().iter().map(|element| match element {
            Element::Token(_) => rng.bernoulli(kept_prob),
            Element::Image(_) => true,
        });
        Self { keep: keep.collect(), image_times: t_images.to_vec() }
    }

    /// Leaves alone what is given: those elements stay, and their pictures are clean. `given` has
    /// an entry for each element of the response.
    pub fn spare(&mut self, clean: &Sequence, given: &[bool]) {
        for (i, element) in clean.response().iter().enumerate().filter(|&(i, _)| given[i]) {
            self.keep[i] = true;
            if let Element::Image(source) = *element {
                self.image_times[source] = 1.0;
            }
        }
    }
}

/// The interleaved case: [`Corruption::draw`], and its result.
pub fn noise(clean: &Sequence, image_token: u32, schedule: Schedule, tau_text: f32, rng: &mut Rng) -> Noised {
    let Corruption { keep, image_times } = Corruption::draw(clean, schedule, tau_text, rng);
    noise_at(clean, image_token, &keep, &image_times)
}

/// Independent times: [`Corruption::draw_pair`], and its result.
///
/// # Panics
///
/// If a picture has no time.
pub fn noise_pair(
    clean: &Sequence,
    image_token: u32,
    schedule: Schedule,
    t_text: f32,
    t_images: &[f32],
    rng: &mut Rng,
) -> Noised {
    let Corruption { keep, image_times } = Corruption::draw_pair(clean, schedule, t_text, t_images, rng);
    noise_at(clean, image_token, &keep, &image_times)
}

/// The part without chance: keeps those elements of the response for which `keep` says so, and
/// puts the others into the bag of the slot in which they are missing. Where a picture is absent,
/// the slots on its two sides are one, and so are their bags. `image_times[i]` in [0, 1] is the
/// time of picture `i` of the clean document; that of an absent one is not read.
///
/// # Panics
///
/// If `keep` does not have one entry for each element of the response, or a kept picture has no
/// time.
pub fn noise_at(clean: &Sequence, image_token: u32, keep: &[bool], image_times: &[f32]) -> Noised {
    assert_eq!(keep.len(), clean.response().len(), "each element of the response is kept or not");
    let mut elements = clean.elements[..clean.n_prompt].to_vec();
    let mut bags = Vec::new();
    let mut images = Vec::new();
    let mut bag = Bag::default();
    for (&element, &kept) in clean.response().iter().zip(keep) {
        match element {
            Element::Token(token) if !kept => bag.tokens.push(token),
            Element::Image(_) if !kept => bag.tokens.push(image_token),
            Element::Token(_) => {
                bags.push(std::mem::take(&mut bag));
                elements.push(element);
            }
            Element::Image(source) => {
                bags.push(std::mem::take(&mut bag));
                elements.push(Element::Image(images.len()));
                images.push(NoisedImage { source, t: image_times[source] });
            }
        }
    }
    bags.push(bag);
    let is_extra = vec![false; bags.len() - 1];
    Noised { sequence: Sequence { elements, n_prompt: clean.n_prompt }, bags, images, is_extra }
}

/// One more than the largest picture index of a document.
fn n_images(clean: &Sequence) -> usize {
    let index = |element: &Element| match *element {
        Element::Image(source) => source + 1,
        Element::Token(_) => 0,
    };
    clean.response().iter().map(index).max().unwrap_or(0)
}
