//! The checks that every implementation of OneFlow should pass (the project's method reference,
//! section 7.4). The paper is arXiv:2510.03506v3, "OneFlow"; Edit Flows is arXiv:2506.09018.

use std::collections::{BTreeMap, BTreeSet};
use std::f64::consts::PI;

use oneflow_web::flow::loss::text_loss;
use oneflow_web::flow::noising::{Bag, noise, noise_at};
use oneflow_web::flow::path;
use oneflow_web::flow::rng::Rng;
use oneflow_web::flow::schedule::Schedule;
use oneflow_web::flow::sequence::{Element, Sequence};
use oneflow_web::flow::times;
use oneflow_web::sample::{
    Event, FlowModel, Insertion, Options, Phase, Sampler, SlotOpening, State, apply, draw_token, euler_step,
};

use crate::support::{
    IMAGE, Language, Oracle, SlotPosterior, block_on, finish, plain_options, share_error, spec, tokens,
};

/// Check 1. Eq. 4, 6 and 7 of the paper on two slots.
#[test]
fn golden_1_text_loss_of_equation_7() {
    let log = |probs: [f32; 5]| probs.map(f32::ln).to_vec();
    let log_probs = [log([0.1, 0.1, 0.2, 0.3, 0.3]), log([0.2; 5])];
    let bags = [Bag { tokens: vec![2, 3] }, Bag::default()];
    let loss = text_loss(&[0.2, 0.9], &[1.5, 2.0], &log_probs, &bags);
    let close = |found: f32, expected: f32| assert!((found - expected).abs() < 1e-6, "{found}, not {expected}");
    close(loss.tokens, 2.813_410_7);
    close(loss.gate, 0.328_504_1);
    close(loss.poisson, 0.689_069_8);
    close(loss.total(2.0), 1.915_492_3);
}

/// Check 2. Algorithm 3, line 4: where a picture is absent, the slots on its two sides are one.
#[test]
fn golden_2_an_absent_picture_merges_its_neighbours_bags() {
    let (a, b, c) = (10, 11, 12);
    let mut clean = Sequence::from_prompt(&[0]);
    clean.elements.extend([Element::Token(a), Element::Image(0), Element::Token(b), Element::Token(c)]);
    let bags = |keep: [bool; 4]| -> Vec<Vec<u32>> {
        noise_at(&clean, IMAGE, &keep, &[0.5]).bags.into_iter().map(|bag| bag.tokens).collect()
    };
    assert_eq!(bags([false, true, false, false]), [vec![a], vec![b, c]]);
    assert_eq!(bags([false; 4]), [vec![a, IMAGE, b, c]]);
}

/// Check 3. Eq. 27-29 with the linear schedule: a picture is absent in 1/4 of all draws, on its
/// way in 1/2 with a time uniform in [0, 1], finished in 1/4.
#[test]
fn golden_3_picture_times_are_absent_noisy_and_clean_in_1_2_1() {
    let mut clean = Sequence::from_prompt(&[0]);
    clean.elements.push(Element::Image(0));
    let mut rng = Rng::new(1);
    let n = 40_000;
    let mut noisy_times = Vec::new();
    let (mut n_absent, mut n_clean) = (0, 0);
    for _ in 0..n {
        let tau_text = times::draw_text_clock(&mut rng);
        match noise(&clean, IMAGE, Schedule::Linear, tau_text, &mut rng).images.first() {
            None => n_absent += 1,
            Some(image) if image.t >= 1.0 => n_clean += 1,
            Some(image) => noisy_times.push(image.t),
        }
    }
    for (count, p) in [(n_absent, 0.25), (noisy_times.len(), 0.5), (n_clean, 0.25)] {
        let share = count as f64 / n as f64;
        assert!((share - p).abs() < 5.0 * share_error(p, n), "{share} of {p}");
    }
    // Kolmogorov and Smirnov: √n times the largest deviation exceeds 2 once in 1,500 tries.
    noisy_times.sort_by(f32::total_cmp);
    let len = noisy_times.len() as f32;
    let deviation = |(i, t): (usize, &f32)| (t - (i as f32 + 0.5) / len).abs();
    let largest = noisy_times.iter().enumerate().map(deviation).fold(0.0, f32::max);
    assert!(largest * len.sqrt() < 2.0, "deviation {largest}");
}

/// Check 4. Algorithm 2 with oracle heads and the linear schedule: the share of a text of L
/// tokens that S steps produce (the reference's section 3.4 and Appendix B).
#[test]
fn golden_4_oracle_fractions_over_length_and_steps() {
    const STEPS: [usize; 7] = [4, 6, 8, 10, 12, 16, 20];
    const SHARES: [(usize, [f64; 7]); 5] = [
        (12, [0.70, 0.96, 1.00, 1.00, 1.00, 1.00, 1.00]),
        (24, [0.43, 0.80, 0.96, 1.00, 1.00, 1.00, 1.00]),
        (32, [0.35, 0.71, 0.93, 0.99, 1.00, 1.00, 1.00]),
        (64, [0.20, 0.48, 0.78, 0.94, 0.99, 1.00, 1.00]),
        (128, [0.11, 0.31, 0.59, 0.82, 0.94, 1.00, 1.00]),
    ];
    for (len, shares) in SHARES {
        let oracle = Oracle::words(len);
        for (n_steps, expected) in STEPS.into_iter().zip(shares) {
            // One run's share deviates by at most 0.13 (found by running it), the mean of 600 by
            // 0.005 and of 150 by 0.009, the printed value by 0.005 beside its rounding.
            let runs = if len <= 32 { 600 } else { 150 };
            let mut produced = 0;
            for seed in 0..runs {
                let options = Options { max_rounds: 0, ..plain_options(n_steps) };
                let mut sampler = Sampler::new(&[], oracle.spec(), options, seed).unwrap();
                finish(&mut sampler, &oracle);
                produced += sampler.stats().tokens;
            }
            let share = produced as f64 / (len as f64 * runs as f64);
            assert!((share - expected).abs() <= 0.02, "L = {len}, S = {n_steps}: {share}, not {expected}");
        }
    }
}

/// Check 4, its row "r = 1 from the start": mean rounds of an oracle text (Appendix B).
#[test]
fn golden_4_oracle_rounds_over_length() {
    for (len, expected) in [(8, 5.0), (12, 6.2), (16, 7.0), (24, 8.3), (32, 9.3), (64, 11.7)] {
        let oracle = Oracle::words(len);
        let runs = 300;
        let mut rounds = 0;
        for seed in 0..runs {
            let mut sampler = Sampler::new(&[], oracle.spec(), plain_options(1), seed).unwrap();
            finish(&mut sampler, &oracle);
            assert_eq!(sampler.stats().tokens, len);
            // The last round finds nothing missing and is not one of the table's.
            rounds += sampler.stats().steps - 1;
        }
        let mean = rounds as f64 / runs as f64;
        // The number of rounds deviates by about 1; the printed value has two digits.
        assert!((mean - expected).abs() <= 0.25, "L = {len}: {mean} rounds, not {expected}");
    }
}

/// Check 5. With many steps the sampler has the law of the exact event-by-event one (section 3.5
/// of the reference). Over the finished strings of a toy language, and so over their lengths, the
/// distance is that of sampling; with 3 steps it is visibly larger.
#[test]
fn golden_5_many_steps_agree_with_the_exact_sampler() {
    let language = toy_language();
    let runs = 4000;
    let exact = frequencies(runs, |seed| exact_sample(&language, &mut Rng::stream(seed, 7)));
    let few_step = |n_steps| {
        frequencies(runs, |seed| {
            let options = plain_options(n_steps);
            let mut sampler = Sampler::new(&[], language.spec(), options, seed).unwrap();
            finish(&mut sampler, &language);
            tokens(sampler.state().sequence.response())
        })
    };
    let lengths = |law: &Law| {
        let mut lengths = Law::new();
        law.iter().for_each(|(string, share)| *lengths.entry(vec![string.len() as u32]).or_default() += share);
        lengths
    };
    assert!(lengths(&exact).values().filter(|&&share| share > 0.1).count() >= 4, "lengths are too alike to compare");
    let many = few_step(200);
    // Expected distance of two samples of n from one law of K outcomes: at most √(K / πn); and one
    // step in 200 in which two elements can come at once shifts the law by about as much.
    let bound = |n_outcomes: usize| (n_outcomes as f64 / (PI * runs as f64)).sqrt() + 2.0 / 200.0;
    let distance = total_variation(&many, &exact);
    assert!(distance < bound(language.strings.len()), "distance of strings {distance}");
    let distance = total_variation(&lengths(&many), &lengths(&exact));
    assert!(distance < bound(6), "distance of lengths {distance}");
    let distance = total_variation(&few_step(3), &exact);
    assert!(distance > 2.0 * bound(language.strings.len()), "3 steps are as good as 200: {distance}");
}

/// The sampler of section 3.5 against the law of its jumps, computed without chance.
#[test]
fn golden_5_the_exact_sampler_has_the_law_of_its_jumps() {
    let language = toy_language();
    let runs = 4000;
    let found = frequencies(runs, |seed| exact_sample(&language, &mut Rng::stream(seed, 8)));
    let mut states = BTreeMap::from([(Vec::new(), 1.0)]);
    let mut expected = Law::new();
    while let Some((left, prob)) = states.pop_first() {
        let jumps = jumps(&language, &left);
        if jumps.is_empty() {
            *expected.entry(left).or_default() += prob;
            continue;
        }
        let total: f64 = jumps.iter().map(|(_, _, rate)| rate).sum();
        for (slot, token, rate) in jumps {
            let mut next = left.clone();
            next.insert(slot, token);
            *states.entry(next).or_default() += prob * rate / total;
        }
    }
    assert!((expected.values().sum::<f64>() - 1.0).abs() < 1e-6);
    for (string, &p) in &expected {
        let share = found.get(string).copied().unwrap_or(0.0);
        assert!((share - p).abs() < 5.0 * share_error(p, runs as usize), "{string:?}: {share} of {p}");
    }
}

/// Check 6. Eq. 9 and Algorithm 1: with the velocity Y₁ - Y₀, one Euler step of size 1 lands on
/// Y₁, and so does any number of steps.
#[test]
fn golden_6_euler_steps_along_the_true_velocity_land_on_the_data() {
    let (noise, data) = ([0.75, -2.0, 3.0], [-1.5, 0.5, 3.0]);
    let mut latents = noise;
    euler_step(&mut latents, &path::velocity(&noise, &data), 1.0);
    assert_eq!(latents, data, "these numbers have no rounding");

    for n_steps in [1, 2, 3, 7, 24, 200] {
        let oracle = Oracle { text: vec![3, IMAGE, 4], target: vec![-1.5, 0.0, 0.25, 2.0] };
        let mut sampler = Sampler::new(&[], oracle.spec(), plain_options(n_steps), 5).unwrap();
        finish(&mut sampler, &oracle);
        let image = &sampler.state().images[0];
        assert_eq!(image.t, 1.0);
        for (y, y1) in image.latents.iter().zip(&oracle.target) {
            // A rounding error of values below 8 in each step.
            assert!((y - y1).abs() < 5e-7 * n_steps.max(2) as f32, "S = {n_steps}: {y}, not {y1}");
        }
    }
}

/// Check 7. Algorithm 2 decides all slots from one forward; applied from right to left, the order
/// of the decisions does not matter.
#[test]
fn golden_7_the_order_of_slot_decisions_does_not_matter() {
    let spec = spec(20, 3);
    let mut sequence = Sequence::from_prompt(&[0, 1]);
    sequence.elements.extend((3..9).map(Element::Token));
    let before = State { sequence, images: Vec::new(), t_text: 0.5 };
    let decisions = [(0, 10), (2, IMAGE), (3, 11), (4, 12), (6, IMAGE)].map(|(slot, token)| Insertion { slot, token });
    let run = |decisions: Vec<Insertion>| {
        let mut state = before.clone();
        let events = apply(&mut state, decisions, &[], &spec, &mut Rng::new(9));
        (state, events)
    };
    let expected = run(decisions.to_vec());
    let response = tokens(expected.0.sequence.response());
    assert_eq!(response, [10, 3, 4, IMAGE, 5, 11, 6, 12, 7, 8, IMAGE]);
    let mut rng = Rng::new(10);
    for _ in 0..50 {
        let mut shuffled = decisions.to_vec();
        for i in (1..shuffled.len()).rev() {
            shuffled.swap(i, rng.below(i + 1));
        }
        assert_eq!(run(shuffled), expected);
    }
}

/// Check 8. Eq. 4, the plain Poisson loss over slots with something missing: where that is always
/// one element, λ = 1 + softplus(x) goes to 1. The zero-truncated loss would take it below.
#[test]
fn golden_8_the_rate_of_single_missing_elements_is_1() {
    let bags = [0, 1, 1, 0, 1].map(|count| Bag { tokens: vec![0; count] });
    let log_probs = vec![vec![0.0]; bags.len()];
    let poisson = |rate: f32| text_loss(&[0.5; 5], &[rate; 5], &log_probs, &bags).poisson;
    let softplus = |x: f32| x.exp().ln_1p();
    let mut x = 2.0f32;
    let mut rates = Vec::new();
    for _ in 0..4000 {
        let rate = 1.0 + softplus(x);
        let slope = (poisson(rate + 1e-2) - poisson(rate - 1e-2)) / 2e-2;
        x -= slope / (1.0 + (-x).exp());
        rates.push(rate);
    }
    assert!(rates[0] > 3.0 && rates.is_sorted_by(|a, b| a >= b));
    let last = rates[rates.len() - 1];
    assert!((last - 1.0).abs() < 0.02, "rate {last}");
}

/// Not a check of its own: the completion rounds that the checks above rely on come after the
/// schedule, and end with a round in which nothing was missing.
#[test]
fn completion_rounds_follow_the_schedule() {
    let oracle = Oracle::words(40);
    for slot_opening in [SlotOpening::Draw, SlotOpening::Threshold(0.5)] {
        let options = Options { slot_opening, ..plain_options(4) };
        let mut sampler = Sampler::new(&[], oracle.spec(), options, 1).unwrap();
        let events = finish(&mut sampler, &oracle);
        let phase = |event: &Event| if let Event::StepEnd { phase, .. } = event { Some(*phase) } else { None };
        let phases: Vec<Phase> = events.iter().filter_map(phase).collect();
        assert!(phases[..4].iter().all(|&phase| phase == Phase::Scheduled));
        assert!(phases[4..].iter().all(|&phase| phase == Phase::Completion));
        assert_eq!(tokens(sampler.state().sequence.response()), oracle.text);
    }
}

/// Five strings with common beginnings, repeated tokens and lengths from 2 to 6; none is part of
/// another.
fn toy_language() -> Language {
    Language::new(
        8,
        vec![
            (vec![3, 4, 5, 6, 7, 8], 0.2),
            (vec![3, 9], 0.2),
            (vec![4, 10, 4], 0.15),
            (vec![5, 3, 10, 6], 0.25),
            (vec![9, 8, 7, 6, 5], 0.2),
        ],
    )
}

/// The insertions possible from a state: slot, token and (1 - π)·λ·Q.
fn jumps(language: &Language, left: &[u32]) -> Vec<(usize, u32, f64)> {
    let slots = language.posterior(left);
    let of_slot = |(slot, posterior): (usize, &SlotPosterior)| {
        let rate = (1.0 - posterior.zero_prob()) * posterior.insertion_rate();
        let jump = |(token, prob): (u32, f64)| (slot, token, rate * prob);
        if rate > 0.0 { posterior.token_probs().map(jump).collect() } else { Vec::new() }
    };
    slots.iter().enumerate().flat_map(of_slot).collect()
}

/// Section 3.5 of the reference: one event a forward, no error of step size. With
/// Λ = Σ (1 - π)·λ, the next event is at 1 - κ(t') = (1 - κ(t))·U^(1/Λ).
fn exact_sample(language: &Language, rng: &mut Rng) -> Vec<u32> {
    let mut state = State { sequence: Sequence::from_prompt(&[0, 1]), images: Vec::new(), t_text: 0.0 };
    let mut missing_prob = 1.0;
    loop {
        let prediction = block_on(language.predict(&state)).unwrap();
        let rates: Vec<f64> = prediction
            .zero_prob
            .iter()
            .zip(&prediction.insertion_rate)
            .map(|(&zero_prob, &rate)| (1.0 - f64::from(zero_prob)) * f64::from(rate))
            .collect();
        let total: f64 = rates.iter().sum();
        if total < 1e-6 {
            return tokens(state.sequence.response());
        }
        missing_prob *= (1.0 - rng.uniform_f64()).powf(1.0 / total);
        state.t_text = Schedule::Linear.kappa_inverse(1.0 - missing_prob as f32);
        let mut left = rng.uniform_f64() * total;
        let past = |rate: &f64| {
            left -= rate;
            left < 0.0
        };
        let slot = rates.iter().position(past).unwrap_or(rates.len() - 1);
        let logits = block_on(language.token_logits(&prediction.hidden, &[slot])).unwrap();
        let token = draw_token(&logits[0], &[], 1.0, 1.0, rng);
        state.sequence.insert(slot, Element::Token(token));
    }
}

type Law = BTreeMap<Vec<u32>, f64>;

/// The shares of what a sampler gives for the seeds below `runs`.
fn frequencies(runs: u64, sample: impl Fn(u64) -> Vec<u32>) -> Law {
    let mut law = Law::new();
    (0..runs).for_each(|seed| *law.entry(sample(seed)).or_default() += 1.0 / runs as f64);
    law
}

/// Half the sum of the differences.
fn total_variation(a: &Law, b: &Law) -> f64 {
    let share = |law: &Law, key| law.get(key).copied().unwrap_or(0.0);
    let all: BTreeSet<_> = a.keys().chain(b.keys()).collect();
    all.into_iter().map(|key| (share(a, key) - share(b, key)).abs()).sum::<f64>() / 2.0
}
