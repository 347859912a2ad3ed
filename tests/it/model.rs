//! The network and its input: what must not change the answer does not.

use oneflow_web::flow::rng::Rng;
use oneflow_web::flow::sequence::{Element, Sequence};
use oneflow_web::model::Network;
use oneflow_web::model::codec::Preconditioner;
use oneflow_web::model::config::ModelConfig;
use oneflow_web::model::input::{Input, Row};
use oneflow_web::model::made_up::tiny;
use oneflow_web::model::network::{Init, n_parameters};
use oneflow_web::ops::burn::BurnOps;
use oneflow_web::ops::{Ops, ready};

fn network(ops: &BurnOps, config: &ModelConfig) -> Network<<BurnOps as Ops>::Weight> {
    let mut rng = Rng::new(5);
    Network::build(config, |spec| {
        let n = spec.shape[0] * spec.shape[1];
        // What starts at zero would hide a mistake behind it.
        let std = if let Init::Normal(std) = spec.init { std } else { 0.3 };
        Ok(ops.upload((0..n).map(|_| std * rng.normal()).collect(), spec.shape[0]))
    })
    .unwrap()
}

struct Answer {
    gate: Vec<f32>,
    images: Vec<f32>,
}

fn ask(config: &ModelConfig, rows: &[Row<'_>]) -> Answer {
    let ops = BurnOps::cpu();
    let network = network(&ops, config);
    let scale = Preconditioner { std: vec![1.5, 1.0, 0.7, 0.5, 0.3, 0.1] };
    let hidden = network.forward(&ops, &Input::new(config, &scale, 2, rows));
    Answer {
        gate: ready(ops.download(&network.gate(&ops, &hidden.slots))).unwrap(),
        images: hidden.images.map(|images| ready(ops.download(&images)).unwrap()).unwrap_or_default(),
    }
}

fn sequence(tokens: &[u32], images: usize) -> Sequence {
    let mut elements: Vec<Element> = tokens.iter().map(|&token| Element::Token(token)).collect();
    elements.extend((0..images).map(Element::Image));
    Sequence { elements, n_prompt: 2 }
}

#[track_caller]
fn close(a: &[f32], b: &[f32]) {
    assert_eq!(a.len(), b.len());
    // Sums of some dozen f32 terms in another order.
    for (x, y) in a.iter().zip(b) {
        assert!((x - y).abs() < 1e-4, "{x} {y}");
    }
}

#[test]
fn padding_in_a_batch_changes_nothing() {
    let config = tiny();
    let latents: Vec<f32> = (0..24).map(|i| (i as f32 * 0.7).sin()).collect();
    let (short, long) = (sequence(&[0, 1, 20], 1), sequence(&[0, 1, 20, 30, 40, 50], 2));
    let row = |sequence, n: usize| Row { sequence, images: vec![(&latents[..], 0.4); n] };
    let alone = ask(&config, &[row(&short, 1)]);
    let together = ask(&config, &[row(&short, 1), row(&long, 2)]);
    close(&alone.gate, &together.gate[..alone.gate.len()]);
    close(&alone.images, &together.images[..alone.images.len()]);
}

#[test]
fn the_prompt_has_one_slot_and_each_response_element_one() {
    let config = tiny();
    let sequence = sequence(&[0, 1, 20, 30], 1);
    let latents = vec![0.1; 24];
    let answer = ask(&config, &[Row { sequence: &sequence, images: vec![(&latents, 0.0)] }]);
    assert_eq!(answer.gate.len(), 2 * 4);
}

#[test]
fn order_and_prompt_and_time_are_seen() {
    let config = tiny();
    let latents = vec![0.3; 24];
    let gate = |tokens: &[u32], n_prompt: usize, t: f32| {
        let sequence = Sequence { n_prompt, ..sequence(tokens, 1) };
        ask(&config, &[Row { sequence: &sequence, images: vec![(&latents, t)] }])
    };
    let base = gate(&[0, 1, 20, 30, 40, 50], 2, 0.5);
    let differs = |a: &[f32], b: &[f32]| a.iter().zip(b).any(|(x, y)| (x - y).abs() > 1e-4);
    assert!(differs(&base.images, &gate(&[0, 1, 50, 40, 30, 20], 2, 0.5).images), "order");
    assert!(differs(&base.images, &gate(&[0, 1, 20, 30, 40, 50], 3, 0.5).images), "prompt");
    assert!(differs(&base.images, &gate(&[0, 1, 20, 30, 40, 50], 2, 0.9).images), "time");
}

#[test]
fn parameters_are_counted() {
    let mut n = 0;
    Network::build(&tiny(), |spec| {
        n += spec.shape[0] * spec.shape[1];
        Ok(())
    })
    .unwrap();
    assert_eq!(n_parameters(&tiny()), n);
}
