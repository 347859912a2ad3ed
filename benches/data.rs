//! How many stories, pictures and documents of the large world are made in a second, on one core.
//!
//! `cargo bench --features train --bench data`
//!
//! - `-- --save` keeps the result in `benches/results/`
//! - `-- --quick` runs everything once, to see that it runs

#[allow(dead_code)]
mod support;

use oneflow_web::data::atlas::Set;
use oneflow_web::data::mix::{Selection, Storyworld};
use oneflow_web::data::painting::{Actor, Dial, Facing, Mood, Scene, paint};
use oneflow_web::data::telling::story;
use oneflow_web::data::world::places::{Place, Sky};
use oneflow_web::data::{Documents, Stream};
use oneflow_web::error::Result;
use oneflow_web::flow::rng::Rng;
use serde_json::{Map, Value, json};
use support::{Times, is_quick, ms, report, round};

/// Scenes in a run.
const N_SCENES: usize = 1000;
/// Stories in a run.
const N_STORIES: u64 = 5000;
/// Documents in a run.
const N_DOCUMENTS: u64 = 500;

fn main() -> Result<()> {
    let scenes = scenes(&mut Rng::new(1));
    let n_runs = if is_quick() { 1 } else { 20 };
    let mut measured = Map::new();

    let told = || (0..N_STORIES).map(|index| story(Stream::Train, index).beats.len()).sum::<usize>();
    told();
    let times = Times::new((0..n_runs).map(|_| ms(told)).collect());
    let rate = N_STORIES as f64 / times.median() * 1e3;
    println!("   {rate:10.0} stories/s, without pictures");
    measured.insert("stories_per_s".into(), json!(round(rate)));

    for dial in Dial::ALL {
        let run = || scenes.iter().map(|scene| paint(scene, dial, &mut Rng::new(2)).rgb.len()).sum::<usize>();
        // The first run reduces sprites and backgrounds.
        let first = ms(run);
        let times = Times::new((0..n_runs).map(|_| ms(run)).collect());
        let rate = N_SCENES as f64 / times.median() * 1e3;
        println!("{dial:?} {rate:10.0} pictures/s, the first {N_SCENES} in {first:.0} ms");
        measured.insert(format!("{dial:?}"), json!({ "pictures_per_s": round(rate), "first_run_ms": round(first) }));
    }
    let documents = Storyworld::new(Stream::Train, Dial::L2, Selection::default())?;
    let made = || (0..N_DOCUMENTS).map(|index| documents.document(index).map(|d| d.parts.len())).sum::<Result<usize>>();
    made()?;
    let times = Times::new((0..n_runs).map(|_| ms(made)).collect());
    let rate = N_DOCUMENTS as f64 / times.median() * 1e3;
    println!("L2 {rate:10.0} documents/s, of the mix and painted");
    measured.insert("documents_per_s".into(), json!(round(rate)));
    report("data", "cargo bench --features train --bench data -- --save", Value::Object(measured));
    Ok(())
}

/// Scenes of one to three actors who hold something and have a mood, with a thing and a backdrop.
fn scenes(rng: &mut Rng) -> Vec<Scene> {
    let of = |kind| Set::Storyworld.names().into_iter().filter(move |(_, category)| *category == kind);
    let [characters, props, backdrops] =
        ["character", "prop", "backdrop"].map(|kind| of(kind).map(|(name, _)| name).collect::<Vec<_>>());
    let mut scene = |i: usize| {
        let mut scene = Scene::new(Place::ALL[i % 8], Sky::ALL[rng.below(6)]);
        scene.actors = (0..1 + i % 3)
            .map(|_| {
                let mut actor = Actor::new(characters[rng.below(characters.len())], Facing::ALL[rng.below(2)]);
                actor.holds = Some(props[rng.below(props.len())]);
                actor.mood = Some(Mood::ALL[rng.below(Mood::ALL.len())]);
                actor
            })
            .collect();
        scene.ground = vec![props[rng.below(props.len())]];
        scene.backdrop = Some(backdrops[rng.below(backdrops.len())]);
        scene
    };
    (0..N_SCENES).map(&mut scene).collect()
}
