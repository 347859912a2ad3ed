//! The training data: what the bank promises, what is held out, and that the
//! same index gives the same bytes.

use std::collections::{BTreeSet, HashSet};

use oneflow_web::data::cards::bank::{Bank, Piece, Plot, Role, Slot, Template};
use oneflow_web::data::cards::names::{ADJECTIVES, Character, Mark, Place, Prop, Sky};
use oneflow_web::data::cards::realiser::{Cast, realise, takes_an};
use oneflow_web::data::cards::{Other, Scene, document, labels, paint, preview, text};
use oneflow_web::data::holdout::{holdout_byte, is_held_out};
use oneflow_web::data::{Part, Picture, Stream, atlas};
use sha2::{Digest, Sha256};

/// SHA-256 over the first 1,000 training documents: prompts, sentences,
/// pictures and labels. A change of it is a change of the data's version.
const GOLDEN: &str = "7dda408ba99f0f3a889547183599a338fdb0736820aec12b2f69e509f707e642";

// ---- the bank

#[test]
fn a_first_sentence_goes_from_the_sky_to_the_place() {
    for plot in &Bank::embedded().plots {
        for sentence in &plot.beats[0].sentences {
            let first = [Slot::Sky, Slot::Article, Slot::Adjective, Slot::Character].map(Piece::Slot);
            let pieces: Vec<Piece> = sentence.pieces.iter().copied().filter(|p| *p != Piece::Text(" ")).collect();
            assert_eq!(pieces[..4], first, "{}", plot.name);
            assert_eq!(pieces[pieces.len() - 2..], [Piece::Slot(Slot::Place), Piece::Text(".")], "{}", plot.name);
        }
    }
}

#[test]
fn the_sentences_of_a_beat_name_the_same_things_in_the_same_order() {
    for plot in &Bank::embedded().plots {
        for beat in &plot.beats {
            let orders: Vec<Vec<Slot>> = beat.sentences.iter().map(named_things).collect();
            assert!(orders.iter().all(|order| *order == orders[0]), "{}: {orders:?}", plot.name);
        }
    }
}

#[test]
fn a_plot_has_what_its_sentences_and_pictures_need() {
    for plot in &Bank::embedded().plots {
        assert!((1..=3).contains(&plot.beats.len()), "{}", plot.name);
        let sentences = plot.beats.iter().flat_map(|b| &b.sentences).chain(&plot.asks);
        for sentence in sentences {
            assert!(!sentence.has(Slot::Friend) || plot.has_friend, "{}", plot.name);
            assert!(!sentence.has(Slot::Prop) || !plot.props.is_empty(), "{}", plot.name);
        }
        for beat in &plot.beats {
            assert!(beat.sentences.len() >= 2, "{}", plot.name);
            assert!(beat.other != Role::Friend || plot.has_friend, "{}", plot.name);
            assert!(beat.other != Role::Prop || !plot.props.is_empty(), "{}", plot.name);
        }
    }
}

#[test]
fn the_words_of_the_slots_stand_nowhere_else() {
    let mut reserved: HashSet<&str> =
        Character::all().map(Character::word).chain(Prop::all().map(Prop::word)).collect();
    reserved.extend(ADJECTIVES);
    let phrases = Place::ALL.into_iter().map(Place::phrase).chain(Sky::ALL.into_iter().map(Sky::phrase));
    reserved.extend(phrases.flat_map(str::split_whitespace).filter(|w| !["in", "on", "On", "the", "a"].contains(w)));
    for (plot, sentence) in sentences() {
        for piece in &sentence.pieces {
            let Piece::Text(text) = piece else { continue };
            for word in text.split(|c: char| !c.is_alphabetic()) {
                assert!(!reserved.contains(word.to_lowercase().as_str()), "{}: {word}", plot.name);
            }
        }
    }
}

#[test]
fn no_sentence_is_another_with_words_left_out() {
    let all: Vec<Vec<Token>> = sentences().map(|(_, sentence)| tokens(sentence)).collect();
    assert_subsequence_free(&all);
}

#[test]
fn no_story_is_another_with_words_left_out() {
    let all: Vec<Vec<Token>> = Bank::embedded().plots.iter().flat_map(wordings).collect();
    assert!(all.len() > 100, "{} stories", all.len());
    assert_subsequence_free(&all);
}

#[test]
fn no_sampled_story_is_another_with_words_left_out() {
    let stories: BTreeSet<String> = (0..800).map(|i| text(Stream::Train, i).1.concat()).collect();
    let stories: Vec<Vec<&str>> = stories.iter().map(|s| s.split_whitespace().collect()).collect();
    for a in &stories {
        for b in &stories {
            assert!(a == b || !is_subsequence(a, b, |x, y| x == y), "{a:?} within {b:?}");
        }
    }
}

#[test]
fn the_article_follows_the_next_word() {
    for (word, an) in [("owl", true), ("elephant", true), ("umbrella", true), ("unicorn", false), ("shy", false)] {
        assert_eq!(takes_an(word), an, "{word}");
    }
    let cast = Cast {
        adjective: "shy",
        character: Character::from_name("fox").unwrap(),
        friend: Character::from_name("owl"),
        prop: Prop::from_name("red-apple"),
        place: Place::Sea,
        sky: Sky::Rain,
    };
    let sentence = Template::parse("{Sky} {a} {adj} {char} sees {a} {friend} and {a} {prop} {place}.").unwrap();
    assert_eq!(realise(&sentence, &cast), "On a rainy day a shy fox sees an owl and an apple on the sea.");
}

#[test]
fn a_broken_bank_names_its_line() {
    let error = Bank::parse("[plot]\nbeat: alone\n- {A} {hat} {char}.\n").unwrap_err();
    assert_eq!(error.to_string(), "bank.txt, line 3, field `sentence`: no slot is called hat");
}

// ---- held-out pairs

#[test]
fn the_holdout_rule_gives_the_published_bytes() {
    for (a, b, byte) in [
        ("fox", "forest", 61),
        ("fox", "red-paper-lantern", 175),
        ("fox", "indoor", 14),
        ("rabbit", "forest", 4),
        ("penguin", "road", 3),
        ("bear", "owl", 14),
        ("penguin", "rabbit", 9),
    ] {
        assert_eq!(holdout_byte(a, b), byte, "{a} {b}");
        assert_eq!(is_held_out(a, b), byte < 16, "{a} {b}");
    }
}

#[test]
fn training_and_validation_have_no_held_out_pair() {
    for stream in [Stream::Train, Stream::Validation] {
        for index in 0..if stream == Stream::Train { 100_000 } else { 10_000 } {
            let labels = labels(stream, index);
            let characters: Vec<&str> = [Some(labels.character), labels.friend].into_iter().flatten().collect();
            let shown = labels.beats.iter().filter_map(|b| b.other).filter(|o| Prop::from_name(o).is_some());
            let props: Vec<&str> = labels.prop.into_iter().chain(shown).collect();
            for character in &characters {
                assert!(!is_held_out(character, labels.place), "{stream:?} {index}: {character} {}", labels.place);
                for prop in &props {
                    assert!(!is_held_out(character, prop), "{stream:?} {index}: {character} {prop}");
                }
            }
            if let [a, b] = characters[..] {
                assert!(!is_held_out(a.min(b), a.max(b)), "{stream:?} {index}: {a} {b}");
            }
        }
    }
}

#[test]
fn the_held_out_stream_has_its_character_in_a_held_out_place() {
    for index in 0..2_000 {
        let labels = labels(Stream::HeldOut, index);
        assert!(is_held_out(labels.character, labels.place), "{index}");
    }
}

// ---- documents

#[test]
fn a_document_alternates_sentences_and_pictures() {
    for index in 0..300 {
        let document = document(Stream::Train, index);
        assert_eq!(document.parts.len(), 2 * document.labels.n_beats);
        for (i, part) in document.parts.iter().enumerate() {
            match part {
                Part::Text(text) => {
                    assert_eq!(i % 2, 0);
                    assert_eq!(text.starts_with(' '), i > 0, "{text:?}");
                    assert!(text.ends_with(['.', '!']), "{text:?}");
                    assert!(!text.trim_start().contains("  "), "{text:?}");
                    let n_words = text.split_whitespace().count();
                    assert!((6..=17).contains(&n_words), "{n_words}: {text:?}");
                }
                Part::Image(picture) => {
                    assert_eq!(i % 2, 1);
                    assert_eq!((picture.width, picture.height, picture.rgb.len()), (64, 64, 64 * 64 * 3));
                }
            }
        }
    }
}

#[test]
fn the_prompt_decides_the_number_of_pictures() {
    const ONE: [&str; 6] = ["a picture of", "draw", "paint", "show me", "please paint", "a painting of"];
    for index in 0..3_000 {
        let (prompt, sentences) = text(Stream::Train, index);
        let prompt = prompt.to_lowercase();
        let expected = if prompt.is_empty() {
            continue;
        } else if ONE.iter().any(|w| prompt.starts_with(w)) {
            1
        } else if prompt.contains("short") {
            2
        } else {
            3
        };
        assert_eq!(sentences.len(), expected, "{prompt}");
    }
}

#[test]
fn a_prompt_mentions_what_its_labels_say() {
    let (mut empty, n) = (0, 5_000);
    for index in 0..n {
        let (prompt, _) = text(Stream::Validation, index);
        let (labels, prompt) = (labels(Stream::Validation, index), prompt.to_lowercase());
        let says = |word: &str| prompt.split(|c: char| !c.is_alphabetic()).any(|w| w == word);
        empty += u64::from(prompt.is_empty());
        assert_eq!(labels.mentioned.character, !prompt.is_empty());
        assert_eq!(labels.mentioned.adjective, says(labels.adjective), "{prompt}");
        if let Some(prop) = labels.prop.and_then(Prop::from_name) {
            assert_eq!(labels.mentioned.prop, says(prop.word()), "{prompt}");
        }
        if let Some(friend) = labels.friend.and_then(Character::from_name) {
            assert_eq!(labels.mentioned.friend, says(friend.word()), "{prompt}");
        }
    }
    // 500 expected, standard deviation 21.
    assert!((400..600).contains(&empty), "{empty}");
}

#[test]
fn training_documents_are_the_golden_ones() {
    let mut hash = Sha256::new();
    for index in 0..1_000 {
        let document = document(Stream::Train, index);
        hash.update(document.prompt.as_bytes());
        for part in &document.parts {
            match part {
                Part::Text(text) => hash.update(text.as_bytes()),
                Part::Image(picture) => hash.update(&picture.rgb),
            }
        }
        hash.update(serde_json::to_vec(&document.labels).unwrap());
    }
    let found: String = hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect();
    assert_eq!(found, GOLDEN);
}

#[test]
fn the_streams_differ() {
    assert_ne!(text(Stream::Train, 0), text(Stream::Validation, 0));
    assert_ne!(text(Stream::Train, 0), text(Stream::Train, 1));
    assert_eq!(document(Stream::Train, 7), document(Stream::Train, 7));
}

// ---- pictures

#[test]
fn every_label_shows_in_the_picture() {
    let all: Vec<Character> = Character::all().collect();
    let base = Scene { place: Place::Meadow, sky: Sky::Day, character: all[0], other: None, mark: None };
    let mut scenes: Vec<Scene> = Vec::new();
    for place in Place::ALL {
        scenes.extend(Sky::ALL.map(|sky| Scene { place, sky, ..base }));
    }
    scenes.extend(all.iter().skip(1).map(|&character| Scene { character, ..base }));
    scenes.extend(all.iter().skip(1).map(|&friend| Scene { other: Some(Other::Character(friend)), ..base }));
    scenes.extend(Prop::all().map(|prop| Scene { other: Some(Other::Prop(prop)), ..base }));
    scenes.extend(Mark::ALL.map(|mark| Scene { mark: Some(mark), ..base }));
    let pictures: Vec<Picture> = scenes.iter().map(paint).collect();
    for (i, a) in pictures.iter().enumerate() {
        for (j, b) in pictures.iter().enumerate().skip(i + 1) {
            let differing = a.rgb.chunks(3).zip(b.rgb.chunks(3)).filter(|(p, q)| distance(p, q) > 60).count();
            assert!(differing >= 60, "{:?} and {:?} differ in {differing} pixels", scenes[i], scenes[j]);
        }
    }
}

#[test]
fn the_atlas_has_every_name() {
    let atlas = atlas::Atlas::embedded(atlas::Set::Cards);
    assert_eq!(atlas.index.sprites.len(), atlas::Set::Cards.names().len());
    for (name, category) in atlas::Set::Cards.names() {
        let (index, _) = atlas.cell(name).unwrap();
        assert_eq!(index.category, category);
        let [left, top, right, bottom] = index.bounds;
        assert!(right - left > 30 && bottom - top > 30, "{name}");
    }
}

/// Needs the icon package: `ONEFLOW_ICONS=…/icons.json cargo test -- --ignored`.
#[test]
#[ignore = "needs icons.json of @iconify-json/fluent-emoji-flat 1.2.6 in ONEFLOW_ICONS"]
fn the_atlas_is_what_the_package_renders_to() {
    let path = std::env::var("ONEFLOW_ICONS").expect("ONEFLOW_ICONS names icons.json");
    let icons = std::fs::read_to_string(path).unwrap();
    assert_eq!(&atlas::render_atlas(atlas::Set::Cards, &icons).unwrap(), atlas::Atlas::embedded(atlas::Set::Cards));
}

#[test]
fn a_preview_holds_stories_and_pictures() {
    let page = preview::preview_html(Stream::Validation, 5, 3).unwrap();
    let n: usize = (5..8).map(|i| labels(Stream::Validation, i).n_beats).sum();
    assert_eq!(page.matches("data:image/png;base64,").count(), n);
    assert_eq!(page.matches("<section>").count(), 3);
}

// ---- helpers

/// The words that can stand at one place of a template, in lower case.
type Token = BTreeSet<String>;

fn sentences() -> impl Iterator<Item = (&'static Plot, &'static Template)> {
    let plots = Bank::embedded().plots.iter();
    plots.flat_map(|plot| plot.beats.iter().flat_map(move |b| b.sentences.iter().map(move |s| (plot, s))))
}

/// Every way to tell the plot, as one sequence.
fn wordings(plot: &Plot) -> Vec<Vec<Token>> {
    plot.beats.iter().fold(vec![Vec::new()], |stories, beat| {
        let longer = stories.iter().flat_map(|story: &Vec<Token>| {
            beat.sentences.iter().map(move |sentence| [story.as_slice(), &tokens(sentence)].concat())
        });
        longer.collect()
    })
}

fn tokens(sentence: &Template) -> Vec<Token> {
    let mut tokens: Vec<Token> = Vec::new();
    for piece in &sentence.pieces {
        match piece {
            Piece::Text(text) => {
                for word in text.split_whitespace() {
                    let bare = word.trim_end_matches([',', '.', '!', ':']);
                    let marks = &word[bare.len()..];
                    tokens.extend([bare, marks].iter().filter(|w| !w.is_empty()).map(|w| one(w)));
                }
            }
            Piece::Slot(Slot::Article | Slot::CapitalArticle) => tokens.push(any(["a", "an"])),
            Piece::Slot(Slot::Adjective) => tokens.push(any(ADJECTIVES)),
            Piece::Slot(Slot::Character | Slot::Friend) => tokens.push(any(Character::all().map(Character::word))),
            Piece::Slot(Slot::Prop) => tokens.push(any(Prop::all().map(Prop::word))),
            Piece::Slot(Slot::Place) => tokens.extend(columns(Place::ALL.map(Place::phrase))),
            Piece::Slot(Slot::Sky) => tokens.extend(columns(Sky::ALL.map(Sky::phrase))),
        }
    }
    tokens
}

fn one(word: &str) -> Token {
    any([word])
}

fn any<'a>(words: impl IntoIterator<Item = &'a str>) -> Token {
    words.into_iter().map(str::to_lowercase).collect()
}

/// The first words of the phrases, their second words and so on.
#[track_caller]
fn columns<const N: usize>(phrases: [&str; N]) -> Vec<Token> {
    let rows = phrases.map(|p| p.split_whitespace().collect::<Vec<_>>());
    assert!(rows.iter().all(|r| r.len() == rows[0].len()), "phrases of one kind have equally many words");
    (0..rows[0].len()).map(|i| any(rows.iter().map(|r| r[i]))).collect()
}

fn is_subsequence<T>(a: &[T], b: &[T], same: impl Fn(&T, &T) -> bool) -> bool {
    let mut rest = b.iter();
    a.iter().all(|x| rest.any(|y| same(x, y)))
}

#[track_caller]
fn assert_subsequence_free(all: &[Vec<Token>]) {
    for (i, a) in all.iter().enumerate() {
        for (j, b) in all.iter().enumerate() {
            assert!(i == j || !is_subsequence(a, b, |x, y| !x.is_disjoint(y)), "{a:?}\nwithin\n{b:?}");
        }
    }
}

fn named_things(sentence: &Template) -> Vec<Slot> {
    let slots = sentence.pieces.iter().filter_map(|piece| match piece {
        Piece::Slot(Slot::Article | Slot::CapitalArticle) | Piece::Text(_) => None,
        Piece::Slot(slot) => Some(*slot),
    });
    slots.collect()
}

fn distance(p: &[u8], q: &[u8]) -> u32 {
    p.iter().zip(q).map(|(a, b)| u32::from(a.abs_diff(*b))).sum()
}
