//! Runs as bytes.

use oneflow_web::error::Error;
use oneflow_web::flow::rng::Rng;
use oneflow_web::flow::schedule::Schedule;
use oneflow_web::sample::{Event, Options, Replay, Sampler, SlotOpening};

use crate::support::{Chatter, finish, plain_options, spec, step};

fn model() -> Chatter {
    Chatter { spec: spec(9, 5), len: 25 }
}

/// Options of which none has its default value.
fn options() -> Options {
    Options {
        n_steps: 6,
        temperature: 0.9,
        top_p: 0.95,
        text_guidance: 0.5,
        image_guidance: 1.5,
        max_tokens: 30,
        max_images: 4,
        schedule: Schedule::Power(2.0),
        close_threshold: 0.9,
        min_certainty: 0.0,
        delete_threshold: 0.75,
        slot_opening: SlotOpening::Threshold(0.6),
        max_rounds: 8,
    }
}

fn sampler(seed: u64) -> Sampler {
    Sampler::new(&[5, 6, 7], model().spec, options(), seed).unwrap()
}

#[test]
fn a_restored_run_goes_on_exactly_as_the_saved_one() {
    let model = model();
    let (mut n_images, mut n_rounds) = (0, 0);
    for seed in 0..8 {
        let mut original = sampler(seed);
        loop {
            let restored = Sampler::restore(&original.snapshot(), model.spec).unwrap();
            assert_eq!(restored, original);
            let mut replay = Replay::from_state(restored.state());
            let (mut a, mut b) = (original.clone(), restored);
            let events = finish(&mut b, &model);
            assert_eq!(finish(&mut a, &model), events);
            assert_eq!(a, b);
            events.iter().for_each(|event| replay.apply(event).unwrap());
            assert_eq!(replay.elements(), a.state().sequence.response());
            if original.is_done() {
                break;
            }
            step(&mut original, &model);
        }
        n_images += original.stats().images;
        n_rounds += original.stats().rounds;
        let mut restored = Sampler::restore(&original.snapshot(), model.spec).unwrap();
        assert!(restored.is_done());
        assert!(matches!(step(&mut restored, &model)[..], [Event::End { .. }]));
    }
    assert!(n_images > 8 && n_rounds > 8, "{n_images} pictures, {n_rounds} rounds");
}

#[test]
fn every_kind_of_option_is_saved() {
    let kinds = [
        options(),
        Options { schedule: Schedule::Linear, slot_opening: SlotOpening::Draw, ..options() },
        Options::default(),
    ];
    for options in kinds {
        let sampler = Sampler::new(&[], model().spec, options, u64::MAX).unwrap();
        assert_eq!(Sampler::restore(&sampler.snapshot(), model().spec).unwrap(), sampler);
    }
}

#[test]
fn a_snapshot_holds_the_pictures_and_little_else() {
    let spec = spec(1000, 16 * 128);
    let model = Chatter { spec, len: 100 };
    let mut sampler = Sampler::new(&[9; 20], spec, plain_options(8), 2).unwrap();
    finish(&mut sampler, &model);
    let stats = sampler.stats();
    let payload = 4 * (stats.images * spec.latent_len + stats.tokens);
    assert!(sampler.snapshot().len() < payload + 512);
}

#[track_caller]
fn refused(bytes: &[u8], message: &str) {
    let error = Sampler::restore(bytes, model().spec).unwrap_err();
    assert!(matches!(error, Error::Snapshot { .. }));
    assert!(error.to_string().contains(message), "{error}");
}

#[test]
fn what_is_no_snapshot_of_this_model_is_refused() {
    let bytes = sampler(1).snapshot();
    refused(b"", "does not begin as one");
    refused(b"<!doctype html>", "does not begin as one");
    refused(b"OFLOWRUN", "cut off or damaged");
    refused(&bytes[..bytes.len() - 1], "cut off or damaged");
    refused(&[&bytes[..], &[0]].concat(), "cut off or damaged");
    refused(&resealed(&bytes, |content| content[8] = 3), "it has version 3, expected 2");
    refused(&resealed(&bytes, |content| content.push(0)), "cut off or damaged");
    refused(&resealed(&bytes, |content| content.truncate(content.len() - 1)), "ends too early");
    let error = Sampler::restore(&bytes, spec(10, 5)).unwrap_err();
    assert!(error.to_string().contains("of a run of another model"), "{error}");
    // The first option stands after magic, version and five numbers of the spec.
    refused(&resealed(&bytes, |content| content[32] = 0), "option `n_steps` is 0");
    let mut run = sampler(1);
    finish(&mut run, &model());
    assert!(run.stats().tokens > 1);
    // `max_tokens` is five numbers further on.
    refused(&resealed(&run.snapshot(), |content| content[52] = 1), "more tokens than its options allow");
}

#[test]
fn a_flipped_bit_is_found() {
    let mut halfway = sampler(2);
    (0..4).for_each(|_| drop(step(&mut halfway, &model())));
    let bytes = halfway.snapshot();
    for at in 0..bytes.len() {
        let mut broken = bytes.clone();
        broken[at] ^= 1 << (at % 8);
        let error = Sampler::restore(&broken, model().spec).unwrap_err();
        assert_eq!(error.code(), "invalid-snapshot");
    }
}

/// Whoever changes a snapshot and its checksum gets an error or another run, never a panic.
#[test]
fn no_bytes_lead_to_a_panic() {
    let model = model();
    let mut rng = Rng::new(3);
    let mut run = sampler(3);
    let mut bytes = vec![run.snapshot()];
    while !run.is_done() {
        step(&mut run, &model);
        bytes.push(run.snapshot());
    }
    let mut n_accepted = 0;
    for round in 0..20_000 {
        let chosen = &bytes[round % bytes.len()];
        let broken = resealed(chosen, |content| {
            for _ in 0..1 + rng.below(3) {
                // Most of what decides stands in the first 200 bytes.
                let end = if rng.bernoulli(0.7) { content.len().min(200) } else { content.len() };
                let at = 8 + rng.below(end - 8);
                match rng.below(4) {
                    0 => content[at] = rng.next_u64() as u8,
                    1 => content[at] ^= 1 << rng.below(8),
                    2 => content[at] = content[at].wrapping_add(1),
                    _ if round % 10 == 0 => content.truncate(at.max(200)),
                    _ => content[at] = 0,
                }
            }
        });
        if let Ok(mut restored) = Sampler::restore(&broken, model.spec) {
            n_accepted += 1;
            let mut replay = Replay::from_state(restored.state());
            let events = finish(&mut restored, &model);
            events.iter().for_each(|event| replay.apply(event).unwrap());
            assert_eq!(replay.elements(), restored.state().sequence.response());
            assert!(restored.stats().tokens <= restored.options().max_tokens);
            assert_eq!(Sampler::restore(&restored.snapshot(), model.spec).unwrap(), restored);
        }
    }
    assert!((1000..19_000).contains(&n_accepted), "{n_accepted} accepted");
}

/// Changes the content of a snapshot and gives it the checksum that it then should have: FNV-1a,
/// written here once more.
fn resealed(bytes: &[u8], change: impl FnOnce(&mut Vec<u8>)) -> Vec<u8> {
    let mut content = bytes[..bytes.len() - 8].to_vec();
    change(&mut content);
    let mut hash = 0xcbf2_9ce4_8422_2325u64;
    for &byte in &content {
        hash = (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3);
    }
    content.extend(hash.to_le_bytes());
    content
}
