//! The regimes of section 2.3 of the paper, each alone, and what a batch looks like under each.

use oneflow_web::train::batch::{Batch, Note};
use oneflow_web::train::config::TrainConfig;

use crate::training::{batches, config, source};

/// Batches, and the token that stands for a picture.
fn drawn(change: impl FnOnce(&mut TrainConfig)) -> (u32, Vec<Batch>) {
    let mut config = config();
    (config.batch_size, config.prompt_dropout, config.pair_share, config.complete_share) = (24, 0.0, 1.0, 0.5);
    (config.pair_clean_text, config.pair_clean_pictures, config.text_only_share) = (0.0, 0.0, 0.0);
    config.mistake_share = 0.0;
    change(&mut config);
    let source = source(&mut config);
    let batches = batches(&config, &source, 2).into_iter().flatten().collect();
    (source.image_token(), batches)
}

fn notes(batches: &[Batch]) -> impl Iterator<Item = &Note> {
    batches.iter().flat_map(|batch| &batch.notes)
}

fn is_complete(note: &Note) -> bool {
    note.sequence.response().len() == note.n_clean
}

#[test]
fn from_text_to_picture_the_text_is_clean() {
    let (_, batches) = drawn(|config| config.pair_clean_text = 1.0);
    assert!(notes(&batches).all(is_complete));
    assert!(notes(&batches).all(|note| !note.image_times.is_empty() && note.image_times.iter().all(|&t| t < 1.0)));
    assert!(batches.iter().all(|batch| batch.targets.pair_tokens.is_empty() && batch.targets.n_noised > 0));
}

#[test]
fn from_picture_to_text_the_pictures_are_clean() {
    let (_, batches) = drawn(|config| config.pair_clean_pictures = 1.0);
    assert!(notes(&batches).all(|note| !note.image_times.is_empty() && note.image_times.iter().all(|&t| t == 1.0)));
    assert!(batches.iter().all(|batch| batch.targets.n_noised == 0));
    assert!(batches.iter().all(|batch| batch.targets.image_weights.iter().all(|&weight| weight == 0.0)));
    let incomplete = notes(&batches).filter(|note| !is_complete(note)).count();
    assert!(incomplete > notes(&batches).count() / 2, "{incomplete}");
}

#[test]
fn in_the_mixed_regime_both_are_under_noise() {
    let (_, batches) = drawn(|_| {});
    assert!(notes(&batches).all(|note| note.image_times.iter().all(|&t| t < 1.0)));
    // Times of text and pictures are independent: about as many documents have the picture ahead.
    let share = |note: &Note| note.sequence.response().len() as f32 / note.n_clean as f32;
    let ahead = notes(&batches).filter(|note| note.image_times[0] > share(note)).count() as f32;
    let n = notes(&batches).count() as f32;
    assert!((ahead / n - 0.5).abs() < 0.2, "{ahead} of {n}");
}

#[test]
fn the_regimes_have_their_shares() {
    let (_, batches) = drawn(|config| {
        (config.batch_size, config.pair_clean_text, config.pair_clean_pictures) = (200, 0.5, 0.3);
    });
    let n = notes(&batches).count() as f32;
    let share = |is: fn(&Note) -> bool| notes(&batches).filter(|&note| is(note)).count() as f32 / n;
    let (text, pictures) = (share(is_complete), share(|note| note.image_times.iter().all(|&t| t == 1.0)));
    // Four standard errors of 800 draws; a text may also be complete by chance.
    assert!((text - 0.5).abs() < 0.08 && (pictures - 0.3).abs() < 0.07, "{text} {pictures}");
}

#[test]
fn on_the_joint_clock_pictures_can_be_absent() {
    let (image, batches) = drawn(|config| config.pair_share = 0.0);
    assert!(batches.iter().flat_map(|batch| &batch.targets.pair_tokens).any(|&token| token == image));
    let absent = notes(&batches).filter(|note| note.image_times.is_empty()).count();
    assert!(absent > 0 && absent < notes(&batches).count() / 2, "{absent}");
}

#[test]
fn text_alone_has_no_pictures_and_asks_for_none() {
    let (image, batches) = drawn(|config| config.text_only_share = 1.0);
    assert!(batches.iter().all(|batch| batch.input.n_images == 0 && batch.targets.n_noised == 0));
    assert!(batches.iter().flat_map(|batch| &batch.targets.pair_tokens).all(|&token| token != image));
    let (_, with) = drawn(|_| {});
    let clean = |batches: &[Batch]| {
        notes(batches).map(|note| (note.index, note.n_clean)).collect::<std::collections::BTreeMap<_, _>>()
    };
    let (with, without) = (clean(&with), clean(&batches));
    assert!(with.iter().all(|(index, n)| without[index] < *n));
}
