//! The documents out of the large world: their kinds, what is given of them, and what is refused.

use std::sync::OnceLock;

use oneflow_web::Error;
use oneflow_web::data::census::{census, sentences};
use oneflow_web::data::mix::{Selection, Storyworld};
use oneflow_web::data::painting::Dial;
use oneflow_web::data::telling::story;
use oneflow_web::data::{Document, Documents, Part, Stream};
use sha2::{Digest, Sha256};

/// Of the first 1,000 training documents: prompts, texts, pixels and what is asked for.
const GOLDEN: &str = "b875a0e39ead0c531bea3f3cbb7ed085c1587a755ea47b5eb89d0a54656831bd";

fn storyworld(stream: Stream) -> Storyworld {
    Storyworld::new(stream, Dial::L2, Selection::default()).unwrap()
}

/// The first 1,000 training documents.
fn documents() -> &'static [Document] {
    static ONCE: OnceLock<Vec<Document>> = OnceLock::new();
    ONCE.get_or_init(|| (0..1_000).map(|index| storyworld(Stream::Train).document(index).unwrap()).collect())
}

fn n_images(document: &Document) -> usize {
    document.parts.iter().filter(|part| matches!(part, Part::Image(_))).count()
}

fn has_hint(document: &Document) -> bool {
    document.parts.iter().any(|part| matches!(part, Part::Text(text) if text.starts_with(" next: ")))
}

#[test]
fn the_first_documents_are_the_golden_ones() {
    let mut hash = Sha256::new();
    for document in documents() {
        hash.update(document.prompt.as_bytes());
        for part in &document.parts {
            match part {
                Part::Text(text) => hash.update(text.as_bytes()),
                Part::Image(picture) => hash.update(&picture.rgb),
            }
        }
        hash.update(format!("{:?}", document.asked).as_bytes());
    }
    let found: String = hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect();
    assert_eq!(found, GOLDEN);
}

#[test]
fn an_index_gives_the_same_document_and_streams_differ() {
    let train = storyworld(Stream::Train);
    assert_eq!(train.document(17).unwrap(), documents()[17]);
    assert_ne!(train.document(17).unwrap(), train.document(18).unwrap());
    assert_ne!(train.document(17).unwrap(), storyworld(Stream::Validation).document(17).unwrap());
}

/// Shares with four standard deviations of 1,000 draws on either side.
#[test]
fn the_kinds_have_their_shares() {
    let share = |is: &dyn Fn(&Document) -> bool| documents().iter().filter(|d| is(d)).count() as f32 / 1_000.0;
    let near = |found: f32, expected: f32| {
        let deviation = (expected * (1.0 - expected) / 1_000.0).sqrt();
        assert!((found - expected).abs() < 4.0 * deviation, "{found}, expected {expected}");
    };
    let is_story = |d: &Document| n_images(d) > 1;
    let is_given = |d: &Document| d.asked != (0..d.parts.len());
    near(share(&is_story), 0.75);
    near(share(&|d| is_story(d) && d.prompt.is_empty()), 0.15);
    near(share(&|d| n_images(d) == 1 && matches!(d.parts[0], Part::Text(_))), 0.15);
    near(share(&|d| n_images(d) == 1 && matches!(d.parts[0], Part::Image(_))), 0.05);
    near(share(&|d| n_images(d) == 0), 0.05);
    near(share(&|d| is_story(d) && is_given(d)), 0.75 * 0.6);
    near(share(&has_hint), 0.75 * 0.5 * 0.3);
}

#[test]
fn what_is_given_comes_before_or_around_what_is_asked_for() {
    for document in documents() {
        let Document { parts, asked, .. } = document;
        assert!(asked.start < asked.end && asked.end <= parts.len());
        let hint = parts.iter().position(|part| matches!(part, Part::Text(text) if text.starts_with(" next: ")));
        if let Some(hint) = hint {
            assert_eq!(asked, &(hint + 1..parts.len()), "a hint is given, and what follows is not");
        }
    }
}

#[test]
fn a_hole_takes_nothing_away() {
    let mut n_holes = 0;
    for (index, document) in documents().iter().enumerate() {
        if n_images(document) < 2 || has_hint(document) {
            continue;
        }
        n_holes += usize::from(document.parts.len() > 2 * n_images(document));
        assert_eq!(document.text(), story(Stream::Train, index as u64).text());
    }
    assert!(n_holes > 10, "{n_holes}");
}

#[test]
fn a_selection_is_kept_to_and_checked() {
    let list = |names: &[&str]| Some(names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>());
    let new =
        |plots, places| Storyworld::new(Stream::Train, Dial::L1, Selection { plots, places, ..Selection::default() });
    let race = new(list(&["race"]), list(&["snow"])).unwrap();
    for index in 0..5 {
        let text = race.document(index).unwrap().text();
        assert!(!text.is_empty());
    }
    let says = |plots, places, field: &str, words: &str| match new(plots, places).unwrap_err() {
        Error::Data { field: found, reason, .. } => {
            assert!(found == field && reason.contains(words), "{found}: {reason}")
        }
        other => panic!("{other}"),
    };
    says(list(&["heist"]), None, "data.plots", "\"heist\"");
    says(None, list(&[]), "data.places", "empty list");
    says(None, list(&["moon"]), "data.places", "meadow");
    says(list(&["voyage"]), list(&["forest"]), "data.plots", "no story");
}

#[test]
fn a_share_of_captions_is_kept_to_and_checked() {
    let new = |share| Selection { caption_share: Some(share), ..Selection::default() };
    let n_captions = |share| {
        let documents = Storyworld::new(Stream::Train, Dial::L1, new(share)).unwrap();
        let is_caption = |d: &Document| n_images(d) == 1 && matches!(d.parts[0], Part::Text(_));
        (0..400).filter(|&index| is_caption(&documents.document(index).unwrap())).count()
    };
    assert_eq!((n_captions(0.0), n_captions(1.0)), (0, 400));
    assert!(n_captions(0.5).abs_diff(200) < 40, "four standard deviations");
    for share in [-0.1, 1.5, f32::NAN] {
        let error = Storyworld::new(Stream::Train, Dial::L1, new(share)).unwrap_err().to_string();
        assert!(error.contains("caption_share") && error.contains("from 0 to 1"), "{error}");
    }
}

#[test]
fn a_hundred_thousand_stories_keep_the_rules() {
    let census = census(Stream::Train, 0, 100_000);
    assert_eq!((census.exclusion_violations, census.affordance_violations, census.duplicate_stories), (0, 0, 0));
    assert!(census.distinct_sentence_share > 0.4, "{census:?}");
    assert!(census.templates >= 1_500 && census.bank_bytes >= 400_000, "{census:?}");
}

#[test]
fn the_census_sees_what_is_held_out() {
    // The hero of the third stream stands where it was never seen.
    assert!(census(Stream::HeldOut, 0, 50).exclusion_violations > 50);
}

#[test]
fn sentences_end_where_they_should() {
    let text = "He ran. \"Stop!\" she cried. \"Who is it?\" Nobody knew... and so on. Good.";
    let expected = ["He ran.", "\"Stop!\" she cried.", "\"Who is it?\"", "Nobody knew... and so on.", "Good."];
    assert_eq!(sentences(text), expected);
}
