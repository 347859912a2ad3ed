//! The process as mathematics: schedule, sequence, path and clock.

use oneflow_web::flow::path;
use oneflow_web::flow::rng::Rng;
use oneflow_web::flow::schedule::Schedule;
use oneflow_web::flow::sequence::{Element, Sequence};
use oneflow_web::flow::times;

const SCHEDULES: [Schedule; 4] = [Schedule::Linear, Schedule::Power(2.0), Schedule::Power(3.0), Schedule::Power(0.5)];

#[track_caller]
fn close(found: f32, expected: f32, tolerance: f32) {
    assert!((found - expected).abs() <= tolerance, "found {found}, expected {expected}");
}

#[test]
fn kappa_goes_from_0_to_1_and_its_inverse_undoes_it() {
    for schedule in SCHEDULES {
        assert_eq!(schedule.kappa(0.0), 0.0);
        assert_eq!(schedule.kappa(1.0), 1.0);
        assert_eq!(schedule.kappa(1.5), 1.0);
        for i in 0..=100 {
            let t = i as f32 / 100.0;
            // A few rounding errors of a power; near 0 the inverse of t³ is steep but t is small.
            close(schedule.kappa_inverse(schedule.kappa(t)), t, 1e-5);
        }
    }
    close(Schedule::Power(3.0).kappa(0.5), 0.125, 1e-7);
    close(Schedule::Power(2.0).kappa_inverse(0.25), 0.5, 1e-7);
}

/// An element missing at 0 is missing at t with probability 1 - κ(t), however many steps are made.
#[test]
fn survival_over_steps_is_one_minus_kappa() {
    for schedule in SCHEDULES {
        for n_steps in [1, 3, 24, 200] {
            let time = |step: usize| step as f32 / n_steps as f32;
            let mut missing = 1.0;
            for step in 0..n_steps {
                let arrival_prob = schedule.arrival_prob(time(step), time(step + 1) - time(step));
                assert!((0.0..=1.0).contains(&arrival_prob));
                missing *= 1.0 - arrival_prob;
                // One rounding a step.
                close(missing, 1.0 - schedule.kappa(time(step + 1)), 1e-6 * n_steps as f32);
            }
            assert_eq!(missing, 0.0, "everything arrives by the last step");
        }
    }
}

/// Reference: r_s = 1/(S - s) for the linear schedule.
#[test]
fn linear_arrival_is_one_over_the_steps_left() {
    for n_steps in 1..=200 {
        for step in 0..n_steps {
            let t = step as f32 / n_steps as f32;
            let next = (step + 1) as f32 / n_steps as f32;
            let left = (n_steps - step) as f32;
            // t and the step carry a rounding error of 2⁻²⁴, which 1 - t ≥ 1/S magnifies by S.
            close(Schedule::Linear.arrival_prob(t, next - t), 1.0 / left, 2e-7 * n_steps as f32 / left);
        }
    }
    assert_eq!(Schedule::Linear.arrival_prob(1.0, 0.1), 1.0);
}

#[test]
fn hazard_is_the_arrival_rate_of_a_small_step() {
    for schedule in SCHEDULES {
        for t in [0.1, 0.3, 0.5, 0.9] {
            let step_size = 1e-3;
            let rate = schedule.arrival_prob(t, step_size) / step_size;
            // The second-order term is about half the step times the hazard squared.
            let hazard = schedule.hazard(t);
            close(rate, hazard, 2e-3 * hazard * hazard.max(10.0));
        }
    }
    close(Schedule::Linear.hazard(0.75), 4.0, 1e-6);
    assert!(Schedule::Linear.hazard(1.0).is_finite());
}

#[test]
fn an_element_inserted_in_slot_s_is_element_s_of_the_response() {
    let mut sequence = Sequence::from_prompt(&[0, 9, 1]);
    assert_eq!(sequence.n_slots(), 1);
    sequence.insert(0, Element::Token(5));
    sequence.insert(1, Element::Token(7));
    sequence.insert(1, Element::Image(0));
    assert_eq!(sequence.response(), [Element::Token(5), Element::Image(0), Element::Token(7)]);
    assert_eq!(sequence.n_slots(), 4);
    assert_eq!(sequence.n_prompt, 3);
}

#[test]
fn another_prompt_keeps_response_and_slots() {
    let mut sequence = Sequence::from_prompt(&[0, 9, 8, 1]);
    sequence.insert(0, Element::Token(5));
    let other = sequence.with_prompt(&[0, 1]);
    assert_eq!(other.response(), sequence.response());
    assert_eq!(other.n_slots(), sequence.n_slots());
    assert_eq!(other.elements, [0, 1, 5].map(Element::Token));
}

#[test]
fn the_path_is_straight_from_noise_to_data() {
    let (noise, data) = ([0.5, -2.0], [1.5, 4.0]);
    assert_eq!(path::latents_at(&noise, &data, 0.0), noise);
    assert_eq!(path::latents_at(&noise, &data, 1.0), data);
    assert_eq!(path::latents_at(&noise, &data, 0.25), [0.75, -0.5]);
    assert_eq!(path::velocity(&noise, &data), [1.0, 6.0]);
}

#[test]
fn clocks_are_clipped_and_pictures_come_after_time_0() {
    assert_eq!([-0.5, 0.25, 1.5].map(times::clip), [0.0, 0.25, 1.0]);
    assert_eq!(times::image_clock(Schedule::Linear, 0.75, 0.5), 0.25);
    assert_eq!(times::image_clock(Schedule::Power(2.0), 0.75, 0.25), 0.25);
    assert_eq!([-0.5, 0.0, 0.25, 1.5].map(times::image_time), [None, Some(0.0), Some(0.25), Some(1.0)]);
    let mut rng = Rng::new(1);
    let draws: Vec<f32> = (0..1000).map(|_| times::draw_text_clock(&mut rng)).collect();
    assert!(draws.iter().all(|tau| (0.0..2.0).contains(tau)));
    assert!(draws.iter().any(|&tau| tau < 0.1) && draws.iter().any(|&tau| tau > 1.9));
}
