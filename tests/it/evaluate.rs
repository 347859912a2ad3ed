//! `oneflow evaluate`: true stories reach the ceiling, chance the floor, and a fault that is planted is
//! found where it is and nowhere else.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use oneflow_web::checkpoint::folder::read_folder;
use oneflow_web::checkpoint::load::cpu_model;
use oneflow_web::data::Stream;
use oneflow_web::evaluate::asked::{Asked, Shown, World};
use oneflow_web::evaluate::grammar::Linkages;
use oneflow_web::evaluate::judge::{Judge, accuracy, floor, things, wanted_of_told};
use oneflow_web::evaluate::page::report_html;
use oneflow_web::evaluate::text::{Reader, Text};
use oneflow_web::evaluate::words::pictures;
use oneflow_web::evaluate::{Plan, Report, evaluate};
use oneflow_web::model::Model;
use oneflow_web::model::story::{Story, StoryPart};
use oneflow_web::ops::burn::BurnOps;
use serde_json::Value;

use crate::support::folder;

fn model() -> Model<BurnOps> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("pkg/models/storyworld");
    cpu_model(read_folder(&folder).unwrap().files).unwrap()
}

fn judge() -> &'static Judge {
    static JUDGE: OnceLock<Judge> = OnceLock::new();
    JUDGE.get_or_init(|| Judge::new(World::Cards).unwrap())
}

fn reader() -> &'static Reader {
    static READER: OnceLock<Reader> = OnceLock::new();
    READER.get_or_init(|| Reader::new(World::Cards))
}

fn asked(n: usize) -> Vec<Asked> {
    World::Cards.ask(Stream::Validation, 0, n)
}

fn seen(judge: &Judge, stories: &[Story]) -> Vec<Vec<Shown>> {
    stories.iter().map(|story| pictures(story).map(|picture| judge.see(picture)).collect()).collect()
}

fn measured(stories: &[Story], asked: &[Asked], linkages: Option<&Linkages>) -> Text {
    let faults: Vec<_> =
        stories.iter().zip(asked).map(|(story, asked)| reader().faults(story, asked, linkages)).collect();
    reader().measure((stories, asked), &faults, linkages, |_| 0)
}

/// The text of part `i` of a story.
fn text_of(story: &mut Story, i: usize) -> &mut String {
    match &mut story.parts[i] {
        StoryPart::Text(text) => text,
        StoryPart::Image { .. } => panic!("part {i} is a picture"),
    }
}

#[test]
fn prompts_are_those_of_data_prompts_and_say_all_three() {
    let asked = asked(40);
    assert!(asked.iter().all(|a| a.labels["mentioned"]["place"] == true && a.pictures.len() == a.texts.len()));
    assert!(asked.windows(2).all(|pair| pair[0].index < pair[1].index));
    let held_out = World::Storyworld.ask(Stream::HeldOut, 0, 3);
    assert!(held_out.iter().all(|a| a.shown[0] == a.wanted && (4..=6).contains(&a.pictures.len())), "{held_out:?}");
}

#[test]
fn true_stories_of_the_small_world_score_one_and_shuffled_labels_the_floor() {
    let asked = asked(60);
    let truth: Vec<Story> = asked.iter().map(Asked::true_story).collect();
    let seen = seen(judge(), &truth);
    let wanted = wanted_of_told(World::Cards, &asked, &seen);
    let right = accuracy(&seen, &wanted);
    for share in [right.place, right.sky, right.character, right.place_sky_character, right.first_character] {
        assert_eq!(share, 1.0, "{right:?}");
    }
    // The floor is the mean over all ways to give stories each other's labels: here by hand.
    let n = asked.len();
    let shifted = (0..n).map(|by| {
        let labels: Vec<Vec<Shown>> = (0..n).map(|i| vec![wanted[(i + by) % n][0]; seen[i].len()]).collect();
        accuracy(&seen, &labels)
    });
    let (place, character) = shifted.fold((0.0, 0.0), |sum, a| (sum.0 + a.place, sum.1 + a.character));
    let floor = floor(&seen, &wanted);
    assert!((floor.place - place / n as f64).abs() < 1e-9, "{floor:?}");
    assert!((floor.character - character / n as f64).abs() < 1e-9, "{floor:?}");
    assert!(floor.place < 0.25 && floor.sky < 0.4 && floor.character < 0.12, "{floor:?}");

    // Their things are judged by what each picture should show.
    let shown: Vec<Vec<Shown>> = asked.iter().map(|asked| asked.shown.clone()).collect();
    let had = accuracy(&seen, &shown);
    assert_eq!((right.thing, had.thing, had.character_thing), (None, Some(1.0), Some(1.0)));
    let named = things(&seen, &asked).unwrap();
    assert!(named.stories > 5 && named.right == 1.0 && named.floor < 0.3, "{named:?}");
    let mut fewer = asked.clone();
    fewer.iter_mut().for_each(|asked| asked.thing = None);
    assert_eq!(things(&seen, &fewer), None);

    let text = measured(&truth, &asked, None);
    assert_eq!((text.duplicated_phrase_share, text.broken_share, text.cut_share), (0.0, 0.0, 0.0), "{text:?}");
    assert_eq!((text.names_character_share, text.unknown_word_share), (1.0, 0.0), "{text:?}");
    assert_eq!((text.parse_share, text.broken.unparsed_sentence), (None, None));
}

#[test]
fn true_stories_of_the_large_world_are_whole_and_recognised_well_above_chance() {
    let world = World::Storyworld;
    let asked = world.ask(Stream::Validation, 0, 40);
    let truth: Vec<Story> = asked.iter().map(Asked::true_story).collect();
    let judge = Judge::new(world).unwrap();
    let seen = seen(&judge, &truth);
    let wanted = wanted_of_told(world, &asked, &seen);
    let (right, floor) = (accuracy(&seen, &wanted), floor(&seen, &wanted));
    assert_eq!(right.pictures, 40, "only the first picture of each is judged");
    assert!(right.place > 0.9 && right.sky > 0.85 && right.character > 0.7, "{right:?}");
    assert!(floor.place < 0.4 && floor.sky < 0.4 && floor.character < 0.1, "{floor:?}");
    // One of 111 things of twelve pixels, in some hand.
    let shown: Vec<Vec<Shown>> = asked.iter().map(|asked| asked.shown.clone()).collect();
    assert!(accuracy(&seen, &shown).thing.unwrap() > 0.5, "{:?}", accuracy(&seen, &shown));
    let reader = Reader::new(world);
    for (story, asked) in truth.iter().zip(&asked) {
        assert_eq!(reader.faults(story, asked, None).names(), Vec::<&str>::new(), "{}", story.text());
    }
}

#[test]
fn each_planted_fault_is_counted_once_and_no_other() {
    let asked: Vec<Asked> = asked(90).into_iter().filter(|asked| asked.pictures.len() > 1).take(50).collect();
    assert_eq!(asked.len(), 50);
    let truth: Vec<Story> = asked.iter().map(Asked::true_story).collect();
    let plant = |of: &dyn Fn(&mut Story)| {
        let mut stories = truth.clone();
        stories.iter_mut().take(5).for_each(of);
        measured(&stories, &asked, None)
    };
    let tenth = |share: f64| assert!((share - 0.1).abs() < 1e-12, "{share}");
    let all = |text: &Text| {
        let (b, c) = (text.broken, text.cut);
        [
            b.duplicated_phrase,
            b.duplicated_sentence,
            b.unknown_word,
            b.misplaced_capital,
            b.misplaced_punctuation,
            c.empty,
            c.no_final_punctuation,
            c.no_picture,
            c.fewer,
            c.more,
            c.out_of_turn,
        ]
    };
    #[track_caller]
    fn only(found: [f64; 11], which: &[usize]) {
        for (i, share) in found.into_iter().enumerate() {
            let expected = if which.contains(&i) { 0.1 } else { 0.0 };
            assert!((share - expected).abs() < 1e-12, "kind {i}: {share}, expected {expected}");
        }
    }
    let twice = plant(&|story| *text_of(story, 0) = text_of(story, 0).replacen(' ', " a rainy a rainy ", 1));
    only(all(&twice), &[0]);
    tenth(twice.broken_share);
    assert!((twice.duplicated_phrase_share - 5.0 / twice.sentences as f64).abs() < 1e-12);
    only(all(&plant(&|story| *text_of(story, 0) = text_of(story, 0).replacen(' ', " fodra ", 1))), &[2]);
    only(all(&plant(&|story| *text_of(story, 0) = text_of(story, 0).replacen(" a", " A", 1))), &[3]);
    only(all(&plant(&|story| text_of(story, 0).push('!'))), &[4]);
    only(all(&plant(&|story| assert!(text_of(story, 0).pop().is_some()))), &[6]);
    only(all(&plant(&|story| drop(story.parts.drain(..)))), &[5, 7, 8]);
    only(all(&plant(&|story| drop(story.parts.pop()))), &[8, 10]);
    only(all(&plant(&|story| *text_of(story, 0) = text_of(story, 0).clone() + " " + text_of(story, 0))), &[1, 9]);
}

#[test]
fn a_wrong_picture_is_found() {
    let asked = asked(50);
    let mut stories: Vec<Story> = asked.iter().map(Asked::true_story).collect();
    let other = stories[10].parts.clone();
    let is_other =
        |a: &Asked| a.wanted.place != asked[10].wanted.place && a.wanted.character != asked[10].wanted.character;
    let at = (0..10).find(|&i| is_other(&asked[i])).unwrap();
    stories[at].parts[1] = other[1].clone();
    let seen = seen(judge(), &stories);
    let right = accuracy(&seen, &wanted_of_told(World::Cards, &asked, &seen));
    let n = right.pictures as f64;
    assert!(
        (right.place - (n - 1.0) / n).abs() < 1e-12 && (right.character - (n - 1.0) / n).abs() < 1e-12,
        "{right:?}"
    );
    assert!((right.first_place - 0.98).abs() < 1e-12, "{right:?}");
    stories[at].parts.truncate(1);
    let seen = self::seen(judge(), &stories);
    let right = accuracy(&seen, &wanted_of_told(World::Cards, &asked, &seen));
    assert_eq!((right.place, right.first_place), (1.0, 0.98), "a missing picture is a wrong first one only");
}

/// A parser that refuses sentences with "fodra".
#[cfg(unix)]
fn parser() -> PathBuf {
    use std::os::unix::fs::PermissionsExt;
    let path = folder("parser").join("link-parser");
    let script = "#!/bin/sh\n[ \"$1\" = --version ] && exit 0\n\
        while read -r line; do echo \"$line\"; case \"$line\" in *fodra*) echo '+++++ error 1';; esac; done\n";
    fs::write(&path, script).unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
    path
}

#[cfg(unix)]
#[test]
fn a_sentence_that_does_not_parse_is_broken_unless_the_bank_can_make_it() {
    let asked = asked(20);
    let mut stories: Vec<Story> = asked.iter().map(Asked::true_story).collect();
    *text_of(&mut stories[3], 0) = "The fox fodra runs.".into();
    let lines = reader().to_parse(&stories);
    let linkages = Linkages::of(&parser(), lines.iter().map(String::as_str), 2).unwrap();
    let text = measured(&stories, &asked, Some(&linkages));
    let n = text.sentences as f64;
    assert_eq!(text.parse_share, Some((n - 1.0) / n));
    assert_eq!(text.broken.unparsed_sentence, Some(0.05));
    // The parser refuses every sentence; those of the bank are no fault of the story for it.
    let none = Linkages::default();
    let text = measured(&stories, &asked, Some(&none));
    assert_eq!((text.parse_share, text.broken.unparsed_sentence), (Some(0.0), Some(0.05)));
}

fn plan(model: &Model<BurnOps>) -> Plan {
    let mut options = model.options();
    options.n_steps = 6;
    Plan {
        world: World::Cards,
        stream: Stream::Validation,
        n_stories: 3,
        seed: 0,
        options,
        n_noised: 16,
        curve: false,
        guidance: false,
        link_parser: None,
        n_threads: 1,
    }
}

/// The report without what the clock says.
fn timeless(mut report: Report) -> Value {
    report.seconds = 0.0;
    report.sampling.seconds = 0.0;
    serde_json::to_value(report).unwrap()
}

#[cfg(unix)]
#[test]
fn a_report_has_its_fields_and_does_not_depend_on_threads() {
    let model = model();
    let program = Some(parser());
    let one = evaluate(&model, &Plan { link_parser: program.clone(), ..plan(&model) }, || ()).unwrap();
    let many = evaluate(&model, &Plan { link_parser: program, n_threads: 3, ..plan(&model) }, || ()).unwrap();
    let page = report_html(&one, 64).unwrap();
    let json = serde_json::to_value(&one.report).unwrap();
    assert_eq!(timeless(one.report), timeless(many.report));
    // The fields that others read; tests/quality/README.md says what they mean.
    let shares = [
        "pictures.place",
        "pictures.sky",
        "pictures.character",
        "pictures.place_sky_character",
        "pictures.place_vs_ceiling",
        "pictures.sky_vs_ceiling",
        "pictures.character_vs_ceiling",
        "text.duplicated_phrase_share",
        "text.parse_share",
        "text.parse_share_horse",
        "text.broken_share",
        "text.cut_share",
        "text.cut.fewer",
        "text.cut.more",
        "text.names_character_share",
        "text.distinct_1",
        "text.distinct_2",
        "ceiling.pictures.place",
        "ceiling.text.parse_share",
        "codec.character",
        "floor.pictures.sky",
        "floor.parse_share",
        "beside_true_text.model.place",
        "beside_true_text.ceiling.thing",
        "calibration.zero_prob.expected_error",
        "lengths.total_variation",
    ];
    let at = |path: &str| path.split('.').fold(&json, |value, key| &value[key]).clone();
    for path in shares {
        let share = at(path).as_f64().unwrap_or_else(|| panic!("{path} is {}", at(path)));
        assert!((0.0..=1.0).contains(&share), "{path} is {share}");
    }
    let positive = [
        "text.mean_words",
        "text.trigram_perplexity",
        "seconds",
        "sampling.mean_steps",
        "losses.tokens",
        "losses.image",
    ];
    for path in positive {
        assert!(at(path).as_f64().unwrap() > 0.0, "{path} is {}", at(path));
    }
    assert_eq!(
        (at("stories"), at("seed"), at("world"), at("stream")),
        (3.into(), 0.into(), "cards".into(), "validation".into())
    );
    assert!(at("curve").is_null() && at("guidance").is_null());
    assert_eq!(json["each"].as_array().unwrap().len(), 3);
    assert!(json["calibration"]["insertion_rate"]["bins"][0]["predicted"].as_f64().unwrap() >= 1.0);
    // One file, nothing from elsewhere.
    assert!(page.contains("data:image/png;base64,") && page.contains("<svg") && !page.contains("http"), "{page}");
}

#[test]
fn curves_have_a_point_for_each_choice() {
    let model = model();
    let mut plan = Plan { n_stories: 1, curve: true, guidance: true, n_threads: 2, ..plan(&model) };
    plan.options.max_tokens = 8;
    let count = std::sync::atomic::AtomicUsize::new(0);
    let done = || {
        count.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
    };
    let report = evaluate(&model, &plan, done).unwrap().report;
    assert_eq!(count.into_inner(), plan.n_steps());
    let steps: Vec<(usize, bool)> = report.curve.unwrap().iter().map(|p| (p.n_steps, p.rounds)).collect();
    let expected: Vec<(usize, bool)> =
        [4, 8, 12, 16, 24, 36, 50].iter().flat_map(|&n| [(n, true), (n, false)]).collect();
    assert_eq!(steps, expected);
    let guidance = report.guidance.unwrap();
    assert!(guidance.iter().any(|p| p.text_guidance == 2.0) && guidance.iter().any(|p| p.image_guidance == 4.0));
}

#[test]
fn bad_plans_have_a_typed_error() {
    let model = model();
    let code = |plan: Plan| evaluate(&model, &plan, || ()).unwrap_err();
    let error = code(Plan { n_stories: 0, ..plan(&model) });
    assert_eq!(error.to_string(), "option `stories` is 0; expected at least 1");
    assert_eq!(code(Plan { n_threads: 0, ..plan(&model) }).code(), "invalid-option");
    assert_eq!(code(Plan { n_noised: 0, ..plan(&model) }).code(), "invalid-option");
    assert_eq!(code(Plan { seed: u64::MAX, ..plan(&model) }).code(), "invalid-option");
    let mut wild = plan(&model);
    wild.options.n_steps = 0;
    assert_eq!(code(wild).code(), "invalid-option");
    let error = code(Plan { link_parser: Some("/no/such/parser".into()), ..plan(&model) });
    assert_eq!(error.code(), "io");
    assert!(error.to_string().contains("/no/such/parser"), "{error}");
}
