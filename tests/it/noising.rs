//! From clean documents to noisy ones with their bags.

use std::collections::HashMap;

use oneflow_web::flow::noising::{NoisedImage, noise, noise_at, noise_pair};
use oneflow_web::flow::rng::Rng;
use oneflow_web::flow::schedule::Schedule;
use oneflow_web::flow::sequence::{Element, Sequence};

use crate::support::{IMAGE, Language, share_error, tokens};

/// A prompt, and a response of tokens from 10 on with a picture after each third.
fn document(n_elements: usize) -> Sequence {
    let mut sequence = Sequence::from_prompt(&[0, 5, 6, 1]);
    let mut n_images = 0;
    for i in 0..n_elements {
        sequence.elements.push(if i % 4 == 3 { Element::Image(n_images) } else { Element::Token(10 + i as u32) });
        n_images += usize::from(i % 4 == 3);
    }
    sequence
}

#[test]
fn what_is_left_and_what_is_missing_make_the_document_again() {
    let mut rng = Rng::new(1);
    for round in 0..300 {
        let clean = document(round % 23);
        let noised = noise(&clean, IMAGE, Schedule::Linear, 2.0 * rng.uniform(), &mut rng);
        assert_eq!(noised.bags.len(), noised.sequence.n_slots());
        assert_eq!(noised.sequence.elements[..4], clean.elements[..4], "the prompt stays");
        let left = tokens(noised.sequence.response());
        let mut again = noised.bags[0].tokens.clone();
        for (token, bag) in left.iter().zip(&noised.bags[1..]) {
            again.push(*token);
            again.extend(&bag.tokens);
        }
        assert_eq!(again, tokens(clean.response()));
    }
}

#[test]
fn pictures_that_are_left_are_counted_anew_and_know_their_source() {
    let clean = document(12);
    let mut keep = [true; 12];
    keep[3] = false;
    keep[10] = false;
    let noised = noise_at(&clean, IMAGE, &keep, &[0.0, 0.25, 1.0]);
    assert_eq!(noised.images, [NoisedImage { source: 1, t: 0.25 }, NoisedImage { source: 2, t: 1.0 }]);
    let response = noised.sequence.response();
    assert_eq!(response[6], Element::Image(0));
    assert_eq!(response[9], Element::Image(1));
    assert_eq!(noised.bags[3].tokens, [IMAGE]);
    assert_eq!(noised.bags[9].tokens, [20]);
}

#[test]
fn a_document_is_empty_at_0_and_complete_from_2_on() {
    let clean = document(12);
    let mut rng = Rng::new(2);
    for _ in 0..100 {
        let start = noise(&clean, IMAGE, Schedule::Linear, 0.0, &mut rng);
        assert!(start.sequence.response().iter().all(|element| matches!(element, Element::Image(_))));
        let end = noise(&clean, IMAGE, Schedule::Linear, 2.0, &mut rng);
        assert_eq!(end.sequence, clean);
        assert!(end.bags.iter().all(|bag| bag.tokens.is_empty()));
        assert!(end.images.iter().all(|image| image.t == 1.0));
    }
}

/// Reference, section 2.3: pictures follow the deletion law of tokens.
#[test]
fn tokens_and_pictures_are_kept_with_probability_kappa() {
    let clean = document(40);
    for schedule in [Schedule::Linear, Schedule::Power(2.0)] {
        for tau in [0.3, 0.7] {
            let mut rng = Rng::new(3);
            let rounds = 2000;
            let (mut n_tokens, mut n_images) = (0, 0);
            for _ in 0..rounds {
                let noised = noise(&clean, IMAGE, schedule, tau, &mut rng);
                n_images += noised.images.len();
                n_tokens += noised.sequence.response().len() - noised.images.len();
            }
            let kappa = f64::from(schedule.kappa(tau));
            for (kept, of) in [(n_tokens, 30 * rounds), (n_images, 10 * rounds)] {
                let share = kept as f64 / of as f64;
                assert!((share - kappa).abs() < 5.0 * share_error(kappa, of), "{share} of {kappa}");
            }
        }
    }
}

#[test]
fn a_pair_keeps_its_pictures_at_the_times_given() {
    let clean = document(8);
    let mut rng = Rng::new(4);
    let noised = noise_pair(&clean, IMAGE, Schedule::Linear, 0.0, &[0.5, 1.0], &mut rng);
    assert_eq!(noised.images, [NoisedImage { source: 0, t: 0.5 }, NoisedImage { source: 1, t: 1.0 }]);
    assert_eq!(noised.sequence.response(), [Element::Image(0), Element::Image(1)]);
    let bags: Vec<&[u32]> = noised.bags.iter().map(|bag| &bag.tokens[..]).collect();
    assert_eq!(bags, [&[10, 11, 12][..], &[14, 15, 16], &[]]);
    let complete = noise_pair(&clean, IMAGE, Schedule::Linear, 1.0, &[0.0, 0.0], &mut rng);
    assert_eq!(complete.sequence, clean);
}

#[test]
fn one_uniform_number_is_drawn_for_each_element() {
    let clean = document(12);
    let mut rng = Rng::new(5);
    let mut other = rng.clone();
    noise(&clean, IMAGE, Schedule::Linear, 0.5, &mut rng);
    for _ in 0..12 {
        other.uniform();
    }
    assert_eq!(rng, other);
    noise_pair(&clean, IMAGE, Schedule::Linear, 0.5, &[0.1, 0.2, 0.3], &mut rng);
    for _ in 0..9 {
        other.uniform();
    }
    assert_eq!(rng, other);
}

/// Draws documents of a toy language, noises them at uniform times, and compares the bags of each
/// state that is met often with the posterior found by enumeration.
#[test]
fn bags_follow_the_posterior_of_the_language() {
    let language = Language::new(4, vec![(vec![3, 4, 5], 0.5), (vec![4, 3], 0.3), (vec![5, 3, 5, 6], 0.2)]);
    let mut rng = Rng::new(6);
    let mut met: HashMap<Vec<u32>, Met> = HashMap::new();
    for _ in 0..60_000 {
        let u = rng.uniform();
        let string = &language.strings[if u < 0.5 {
            0
        } else if u < 0.8 {
            1
        } else {
            2
        }]
        .0;
        let mut clean = Sequence::from_prompt(&[0, 1]);
        clean.elements.extend(string.iter().map(|&token| Element::Token(token)));
        let tau = rng.uniform();
        let noised = noise(&clean, IMAGE, Schedule::Linear, tau, &mut rng);
        let left = tokens(noised.sequence.response());
        let met = met.entry(left).or_default();
        met.times += 1;
        met.slots.resize(noised.bags.len(), (0, 0));
        for ((empty, missing), bag) in met.slots.iter_mut().zip(&noised.bags) {
            *empty += usize::from(bag.tokens.is_empty());
            *missing += bag.tokens.len();
        }
    }
    let often: Vec<_> = met.iter().filter(|(_, met)| met.times > 500).collect();
    assert!(often.len() >= 8, "only {} states were met often", often.len());
    for (left, &Met { times, ref slots }) in often {
        for (posterior, &(empty, missing)) in language.posterior(left).iter().zip(slots) {
            let p = posterior.zero_prob();
            let share = empty as f64 / times as f64;
            assert!((share - p).abs() <= 5.0 * share_error(p, times) + 1e-9, "{left:?}: {share} of {p}");
            // At most 4 elements are missing, so the deviation of their number is at most 2.
            let mean = (1.0 - p) * posterior.insertion_rate();
            let found = missing as f64 / times as f64;
            assert!((found - mean).abs() <= 5.0 * 2.0 / (times as f64).sqrt(), "{left:?}: {found} of {mean}");
        }
    }
}

/// How often a state was met; for each of its slots, how often nothing was missing, and how much
/// in all.
#[derive(Default)]
struct Met {
    times: usize,
    slots: Vec<(usize, usize)>,
}
