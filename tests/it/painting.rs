//! The pictures of the large world, and their sprites.

use oneflow_web::data::Picture;
use oneflow_web::data::atlas::{Atlas, CELL, Look, Set, render_atlas};
use oneflow_web::data::painting::tint::{TINTABLE, is_tintable};
use oneflow_web::data::painting::{Actor, Dial, Facing, Mood, Pose, Scene, Spark, Tint, paint};
use oneflow_web::data::world::places::{Place, Sky};
use oneflow_web::flow::rng::Rng;
use sha2::{Digest, Sha256};

/// SHA-256 over the pictures of [`some_scenes`] at all levels of the dial. A change of it is a
/// change of the data's version.
const GOLDEN: &str = "4dd2bccf74438db7b11c61a5d36f57a073aac6ad2649f78a7f287bf437492685";

// ---- the atlas

#[test]
fn the_large_atlas_has_every_name_and_no_cell_is_empty() {
    let atlas = Atlas::embedded(Set::Storyworld);
    let names = Set::Storyworld.names();
    let count = |kind| names.iter().filter(|(_, category)| *category == kind).count();
    assert_eq!(["character", "prop", "backdrop", "sky"].map(count), [118, 129, 48, 13]);
    assert_eq!(atlas.index.sprites.len(), 308);
    for (i, (name, category)) in names.into_iter().enumerate() {
        let (sprite, cell) = atlas.cell(name).unwrap();
        assert_eq!(atlas.position(name), Some(i), "{name}");
        assert_eq!(sprite.category, category, "{name}");
        let [left, top, right, bottom] = sprite.bounds;
        assert!((right - left).max(bottom - top) > 70 && (right - left).min(bottom - top) > 20, "{name}");
        let opaque = cell.chunks(4).filter(|pixel| pixel[3] > 127).count();
        assert!(opaque > CELL * CELL / 10, "{name} has {opaque} pixels");
    }
}

#[test]
fn characters_have_hands_and_heads_within_their_bounds() {
    for sprite in &Atlas::embedded(Set::Storyworld).index.sprites {
        assert_eq!(sprite.body.is_some(), sprite.category == "character", "{}", sprite.name);
        for at in sprite.body.iter().flat_map(|body| [body.hand, body.head]).flatten() {
            assert!((0.0..=1.0).contains(&at), "{}", sprite.name);
        }
    }
}

/// Needs the icon package: `ONEFLOW_ICONS_STORYWORLD=…/icons.json cargo test -- --ignored`.
#[test]
#[ignore = "needs icons.json of @iconify-json/fluent-emoji 1.2.7 in ONEFLOW_ICONS_STORYWORLD"]
fn the_large_atlas_is_what_the_package_renders_to() {
    let path = std::env::var("ONEFLOW_ICONS_STORYWORLD").expect("ONEFLOW_ICONS_STORYWORLD names icons.json");
    let icons = std::fs::read_to_string(path).unwrap();
    assert_eq!(&render_atlas(Set::Storyworld, &icons).unwrap(), Atlas::embedded(Set::Storyworld));
}

// ---- pictures

#[test]
fn pictures_are_the_golden_ones() {
    let mut hash = Sha256::new();
    for dial in Dial::ALL {
        let mut rng = Rng::new(3);
        for scene in some_scenes() {
            hash.update(&paint(&scene, dial, &mut rng).rgb);
        }
    }
    let found: String = hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect();
    assert_eq!(found, GOLDEN);
}

#[test]
fn every_place_under_every_sky_differs_from_every_other() {
    let all: Vec<Scene> = Place::ALL.into_iter().flat_map(|place| Sky::ALL.map(|sky| Scene::new(place, sky))).collect();
    // Without the weather in front, which would make it easy.
    let pictures: Vec<Picture> = all.iter().map(|scene| painted(scene, Dial::L1)).collect();
    for i in 0..all.len() {
        for j in 0..i {
            // A sixth of the picture: the windows of the house are about a quarter.
            let n = differing(&pictures[i], &pictures[j]);
            assert!(n >= 64 * 64 / 6, "{:?} and {:?} differ in {n} pixels", all[i], all[j]);
        }
    }
}

#[test]
fn weather_is_seen_in_every_place_from_the_second_level_on() {
    for place in Place::ALL {
        for (sky, shows) in Sky::ALL.map(|sky| (sky, matches!(sky, Sky::Rain | Sky::Snow))) {
            let scene = Scene::new(place, sky);
            let n = painted(&scene, Dial::L1)
                .rgb
                .iter()
                .zip(&painted(&scene, Dial::L2).rgb)
                .filter(|(a, b)| a != b)
                .count();
            assert_eq!(n > 150, shows, "{place:?} {sky:?}: {n}");
        }
    }
}

#[test]
fn every_character_shows_in_every_pose_and_facing() {
    for place in [Place::Meadow, Place::Sea] {
        let empty = painted(&Scene::new(place, Sky::Day), Dial::L2);
        for sprite in names("character") {
            for facing in Facing::ALL {
                let poses = Pose::ALL
                    .map(|pose| painted(&alone(place, Actor { pose, ..Actor::new(sprite, facing) }), Dial::L2));
                for (i, picture) in poses.iter().enumerate() {
                    assert!(differing(picture, &empty) > 90, "{sprite} {:?} in {place:?}", Pose::ALL[i]);
                    for other in &poses[..i] {
                        let n = differing(picture, other);
                        assert!(n > 40, "{sprite}, {:?} in {place:?} differs in {n} pixels", Pose::ALL[i]);
                    }
                }
            }
        }
    }
}

#[test]
fn every_thing_can_be_held_and_lie_and_stand_behind() {
    let actor = Actor::new("bear", Facing::Right);
    let bare = painted(&alone(Place::Meadow, actor.clone()), Dial::L2);
    for sprite in names("prop") {
        let held = painted(&alone(Place::Meadow, Actor { holds: Some(sprite), ..actor.clone() }), Dial::L2);
        assert!(differing(&held, &bare) >= 25, "{sprite} in hand");
        let asleep = Actor { pose: Pose::Asleep, ..actor.clone() };
        let beside = Actor { holds: Some(sprite), ..asleep.clone() };
        let [a, b] = [asleep, beside].map(|actor| painted(&alone(Place::Sea, actor), Dial::L2));
        assert!(differing(&a, &b) >= 25, "{sprite} beside a sleeper");
    }
    for place in [Place::Meadow, Place::Sea] {
        let empty = painted(&Scene::new(place, Sky::Day), Dial::L2);
        for sprite in names("prop") {
            let ground = painted(&Scene { ground: vec![sprite], ..Scene::new(place, Sky::Day) }, Dial::L2);
            assert!(differing(&ground, &empty) >= 40, "{sprite} on the ground");
        }
        for sprite in names("backdrop") {
            let behind = painted(&Scene { backdrop: Some(sprite), ..Scene::new(place, Sky::Day) }, Dial::L2);
            assert!(differing(&behind, &empty) >= 90, "{sprite} behind");
        }
    }
}

#[test]
fn who_looks_to_the_other_side_is_mirrored() {
    let empty = painted(&Scene::new(Place::Meadow, Sky::Day), Dial::L1);
    for sprite in names("character") {
        let [left, right] =
            Facing::ALL.map(|facing| painted(&alone(Place::Meadow, Actor::new(sprite, facing)), Dial::L1));
        // Compared above the shadow, where the background does not shine through.
        let (mut same, mut all) = (0, 0);
        for (y, x) in (0..54).flat_map(|y| (0..64).map(move |x| (y, x))) {
            if pixel(&left, x, y) != pixel(&empty, x, y) {
                all += 1;
                same += usize::from(pixel(&left, x, y) == pixel(&right, 63 - x, y));
            }
        }
        assert!(same * 2 > all && same > 40, "{sprite}: {same} of {all} pixels are mirrored");
    }
}

#[test]
fn sprites_look_where_they_are_told() {
    // The dog's tail is behind it, the crown of the fox before nobody.
    let atlas = Atlas::embedded(Set::Storyworld);
    let look = |name| atlas.cell(name).unwrap().0.body.unwrap().facing;
    assert_eq!((look("dog"), look("fox")), (Look::Left, Look::Front));
    let held = |facing| {
        let bare = Actor::new("dog", facing);
        let holding = Actor { holds: Some("red-apple"), ..bare.clone() };
        let [bare, holding] = [bare, holding].map(|actor| painted(&alone(Place::Meadow, actor), Dial::L2));
        let columns = (0..64 * 64).filter(|&i| distance(&bare, &holding, i) > 60).map(|i| i % 64);
        let columns: Vec<usize> = columns.collect();
        columns.iter().sum::<usize>() as f32 / columns.len() as f32
    };
    assert!(held(Facing::Left) < 28.0, "{}", held(Facing::Left));
    assert!(held(Facing::Right) > 36.0, "{}", held(Facing::Right));
}

#[test]
fn moods_sparks_and_tints_show_and_differ() {
    let actor = Actor::new("bear", Facing::Right);
    let mut all = vec![alone(Place::Meadow, actor.clone())];
    all.extend(Mood::ALL.map(|mood| alone(Place::Meadow, Actor { mood: Some(mood), ..actor.clone() })));
    all.extend(Spark::ALL.map(|spark| Scene { spark: Some(spark), ..all[0].clone() }));
    assert_all_differ(&all, 12);
    let rabbit = alone(Place::Meadow, Actor::new("rabbit", Facing::Right));
    let mut all = vec![rabbit.clone()];
    all.extend(Tint::ALL.map(|tint| Scene { tints: vec![("rabbit", tint)], ..rabbit.clone() }));
    assert_all_differ(&all, 100);
    assert_eq!(painted(&all[1], Dial::L2), painted(&all[0], Dial::L2), "colours come at the last level");
    assert!(TINTABLE.iter().all(|name| Set::Storyworld.names().iter().any(|(known, _)| known == name)));
    assert!(is_tintable("balloon") && !is_tintable("fox"));
}

#[test]
fn actors_never_leave_the_picture() {
    let mut seeds = Rng::new(4);
    for sprite in names("character") {
        for n in 1..=3 {
            for pose in Pose::ALL {
                let mut scene = Scene::new(Place::Road, Sky::Day);
                scene.actors = vec![Actor { pose, ..Actor::new(sprite, Facing::Left) }; n];
                let seed = seeds.next_u64();
                let full = paint(&scene, Dial::L3, &mut Rng::new(seed));
                // The outermost ones have most of their columns.
                let empty = painted(&Scene::new(Place::Road, Sky::Day), Dial::L3);
                for range in [0..64 / n, 64 - 64 / n..64] {
                    let seen = (0..64 * 64).filter(|i| range.contains(&(i % 64)) && distance(&full, &empty, *i) > 40);
                    assert!(seen.count() > 50, "{sprite}, {pose:?}, one of {n}");
                }
            }
        }
    }
}

#[test]
fn fixed_levels_draw_nothing_and_free_ones_two_numbers_for_everything_that_stands() {
    for scene in some_scenes() {
        for dial in Dial::ALL {
            let (mut rng, mut expected) = (Rng::new(5), Rng::new(5));
            paint(&scene, dial, &mut rng);
            if dial >= Dial::L3 {
                let n = scene.actors.len() + scene.ground.len() + usize::from(scene.backdrop.is_some());
                for _ in 0..2 * n {
                    expected.uniform();
                }
            }
            assert_eq!(rng, expected, "{dial:?}");
        }
    }
}

// ---- helpers

fn names(kind: &'static str) -> impl Iterator<Item = &'static str> {
    Set::Storyworld.names().into_iter().filter(move |(_, category)| *category == kind).map(|(name, _)| name)
}

fn alone(place: Place, actor: Actor) -> Scene {
    Scene { actors: vec![actor], ..Scene::new(place, Sky::Day) }
}

fn painted(scene: &Scene, dial: Dial) -> Picture {
    paint(scene, dial, &mut Rng::new(1))
}

/// Scenes in which everything occurs.
fn some_scenes() -> Vec<Scene> {
    let [characters, props, backdrops] = ["character", "prop", "backdrop"].map(|kind| names(kind).collect::<Vec<_>>());
    let scene = |i: usize| {
        let actor = |j: usize| Actor {
            sprite: characters[(3 * i + 5 * j) % characters.len()],
            pose: Pose::ALL[(i + j) % 3],
            facing: Facing::ALL[(i / 2 + j) % 2],
            mood: Mood::ALL.get((i + 3 * j) % 9).copied(),
            holds: props.get((7 * i + j) % (2 * props.len())).copied(),
        };
        Scene {
            place: Place::ALL[i % 8],
            sky: Sky::ALL[i / 8 % 6],
            actors: (0..i % 4).map(actor).collect(),
            ground: (0..i % 3).map(|j| props[(11 * i + 17 * j) % props.len()]).collect(),
            backdrop: backdrops.get(i % (2 * backdrops.len())).copied(),
            spark: Spark::ALL.get(i % 7).copied(),
            tints: vec![(TINTABLE[i % TINTABLE.len()], Tint::ALL[i % 7])],
        }
    };
    (0..144).map(scene).collect()
}

#[track_caller]
fn assert_all_differ(scenes: &[Scene], n_pixels: usize) {
    let pictures: Vec<Picture> = scenes.iter().map(|scene| painted(scene, Dial::L4)).collect();
    for i in 0..scenes.len() {
        for j in 0..i {
            let n = differing(&pictures[i], &pictures[j]);
            assert!(n >= n_pixels, "{:?} and {:?} differ in {n} pixels", scenes[i], scenes[j]);
        }
    }
}

/// How many pixels differ visibly.
fn differing(a: &Picture, b: &Picture) -> usize {
    (0..64 * 64).filter(|&i| distance(a, b, i) > 60).count()
}

fn distance(a: &Picture, b: &Picture, i: usize) -> u32 {
    (3 * i..3 * i + 3).map(|at| u32::from(a.rgb[at].abs_diff(b.rgb[at]))).sum()
}

fn pixel(picture: &Picture, x: usize, y: usize) -> &[u8] {
    &picture.rgb[(y * 64 + x) * 3..][..3]
}
