//! Guidance as a model around a model.

use oneflow_web::error::Result;
use oneflow_web::flow::image::ImageState;
use oneflow_web::flow::sequence::{Element, Sequence};
use oneflow_web::sample::{FlowModel, Guided, Options, Prediction, Sampler, Spec, State, log_softmax};

use crate::support::{Counted, IMAGE, Oracle, block_on, finish, plain_options, spec};

/// A model that says one thing with a prompt and another without.
struct Prompted;

impl Prompted {
    fn spec(&self) -> Spec {
        spec(3, 2)
    }
}

impl FlowModel for Prompted {
    type Hidden = bool;

    async fn predict(&self, state: &State) -> Result<Prediction<bool>> {
        let has_prompt = state.sequence.n_prompt > 2;
        let n_slots = state.sequence.n_slots();
        let velocity = |image: &ImageState| match (image.is_done(), has_prompt) {
            (true, _) => Vec::new(),
            (false, true) => vec![1.0, -2.0],
            (false, false) => vec![0.5, 0.0],
        };
        Ok(Prediction {
            zero_prob: vec![if has_prompt { 0.25 } else { 0.75 }; n_slots],
            insertion_rate: vec![if has_prompt { 2.0 } else { 3.0 }; n_slots],
            delete_prob: Vec::new(),
            velocities: state.images.iter().map(velocity).collect(),
            hidden: has_prompt,
        })
    }

    async fn token_logits(&self, has_prompt: &bool, slots: &[usize]) -> Result<Vec<Vec<f32>>> {
        let logits = if *has_prompt { [0.0, 0.0, 0.0, 3.0, 1.0, 2.0] } else { [5.0, 5.0, 5.0, 5.0, 5.0, 7.0] };
        Ok(slots.iter().map(|_| logits.to_vec()).collect())
    }
}

fn state(prompt: &[u32], image_times: &[f32]) -> State {
    let mut sequence = Sequence::from_prompt(prompt);
    sequence.elements.push(Element::Token(4));
    sequence.elements.extend((0..image_times.len()).map(Element::Image));
    let images = image_times.iter().map(|&t| ImageState { latents: vec![0.0; 2], t }).collect();
    State { sequence, images, t_text: 0.5 }
}

#[track_caller]
fn close(found: &[f32], expected: &[f32]) {
    assert_eq!(found.len(), expected.len());
    // A few roundings of numbers below 10.
    assert!(found.iter().zip(expected).all(|(x, y)| (x - y).abs() < 1e-5), "{found:?}, not {expected:?}");
}

/// arXiv:2510.03506v3, Eq. 12, with its w = 1 + weight: λ = λ_c^(1+w)·λ_∅^(-w), the same for Q and
/// for velocities without logarithms; π is that of the prompt.
#[test]
fn rates_tokens_and_velocities_are_extrapolated_and_the_gate_is_not() {
    let guided = Guided::new(&Prompted, &Prompted.spec(), 1.0, 2.0);
    let prediction = block_on(guided.predict(&state(&[0, 4, 1], &[0.5, 1.0]))).unwrap();
    assert_eq!(prediction.zero_prob, [0.25; 4]);
    close(&prediction.insertion_rate, &[4.0 / 3.0; 4]);
    close(&prediction.velocities[0], &[2.0, -6.0]);
    assert!(prediction.velocities[1].is_empty());
    let logits = block_on(guided.token_logits(&prediction.hidden, &[1, 3])).unwrap();
    let with = log_softmax(&[0.0, 0.0, 0.0, 3.0, 1.0, 2.0]);
    let without = log_softmax(&[5.0, 5.0, 5.0, 5.0, 5.0, 7.0]);
    let expected: Vec<f32> = with.iter().zip(&without).map(|(x, y)| 2.0 * x - y).collect();
    assert_eq!(logits.len(), 2);
    close(&logits[1], &expected);
}

#[test]
fn weights_act_on_their_own_modality_only() {
    let shown = state(&[0, 4, 1], &[0.5]);
    let text = block_on(Guided::new(&Prompted, &Prompted.spec(), 1.0, 0.0).predict(&shown)).unwrap();
    close(&text.insertion_rate, &[4.0 / 3.0; 3]);
    assert_eq!(text.velocities, [[1.0, -2.0]]);
    let guided = Guided::new(&Prompted, &Prompted.spec(), 0.0, 2.0);
    let images = block_on(guided.predict(&shown)).unwrap();
    assert_eq!(images.insertion_rate, [2.0; 3]);
    close(&images.velocities[0], &[2.0, -6.0]);
    let logits = block_on(guided.token_logits(&images.hidden, &[0])).unwrap();
    assert_eq!(logits, [[0.0, 0.0, 0.0, 3.0, 1.0, 2.0]]);
}

#[test]
fn a_second_forward_is_run_only_where_it_changes_something() {
    let forwards = |text_weight, image_weight, prompt: &[u32], image_times: &[f32]| {
        let model = Counted::new(Prompted);
        block_on(Guided::new(&model, &Prompted.spec(), text_weight, image_weight).predict(&state(prompt, image_times)))
            .unwrap();
        model.forwards.get()
    };
    let prompt = [0, 4, 1];
    assert_eq!(forwards(0.0, 0.0, &prompt, &[0.5]), 1, "both weights are off");
    assert_eq!(forwards(1.0, 0.0, &prompt, &[]), 2);
    assert_eq!(forwards(0.0, 1.0, &prompt, &[0.5]), 2);
    assert_eq!(forwards(0.0, 1.0, &prompt, &[1.0]), 1, "every picture is finished");
    assert_eq!(forwards(1.0, 1.0, &[0, 1], &[0.5]), 1, "there is no prompt to drop");
}

#[test]
fn text_guidance_costs_nothing_once_the_text_is_complete() {
    let run = |text_guidance| {
        let model = Counted::new(Oracle { text: vec![IMAGE, 5], target: vec![1.0] });
        let options = Options { text_guidance, ..plain_options(10) };
        let mut sampler = Sampler::new(&[4], model.model.spec(), options, 1).unwrap();
        finish(&mut sampler, &model);
        (model.forwards.get(), sampler.stats())
    };
    let (plain, stats) = run(0.0);
    assert_eq!(plain, stats.steps);
    let (guided, stats) = run(1.0);
    // The text takes ten steps and one round; after it, pictures are painted with one forward.
    assert!(stats.steps > 11);
    assert_eq!(guided, stats.steps + 11);
}
