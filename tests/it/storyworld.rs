//! The large world: what its plots and its bank promise, who may be where, what
//! is held out, and that the same index gives the same story.

use std::collections::{BTreeMap, BTreeSet};

use oneflow_web::data::Stream;
use oneflow_web::data::holdout::is_held_out;
use oneflow_web::data::painting::is_tintable;
use oneflow_web::data::telling::grammar::{takes_an, wants_capital};
use oneflow_web::data::telling::realiser::{Setting, realise};
use oneflow_web::data::telling::template::{MemberForm, Piece, PlaceForm, Slot, Template};
use oneflow_web::data::telling::{Bank, Lexicon, Story, coloured_story_from, prompt, story, story_from};
use oneflow_web::data::world::affordance::{Claim, is_allowed, violations};
use oneflow_web::data::world::names::Naming;
use oneflow_web::data::world::simulate::generator;
use oneflow_web::data::world::{Life, Place, Plots, Pronoun, Role, Sky, Species, Thing, live};
use oneflow_web::flow::rng::Rng;

const STREAMS: [Stream; 3] = [Stream::Train, Stream::Validation, Stream::HeldOut];

// ---- names

#[test]
fn sprites_have_one_name_each_and_are_found_by_it() {
    let names: BTreeSet<&str> = Species::all().map(Species::name).chain(Thing::all().map(Thing::name)).collect();
    // The snowman is built and alive.
    assert_eq!(names.len() + 1, Species::all().len() + Thing::all().len());
    assert!(Species::all().all(|s| Species::from_name(s.name()) == Some(s) && !s.home().is_empty()));
    assert!(Thing::all().all(|t| Thing::from_name(t.name()) == Some(t) && !t.fits().is_empty()));
}

#[test]
fn there_are_names_and_adjectives_enough() {
    let naming = Naming::embedded();
    let distinct: BTreeSet<&str> = naming.names.iter().map(|n| n.0).collect();
    assert_eq!((naming.names.len(), distinct.len()), (100, 100));
    assert_eq!(naming.names.iter().filter(|n| n.1 == Pronoun::He).count(), 50);
    assert!(naming.adjectives.len() >= 24);
    let error = Naming::parse("Pip he\nNora her\n", "shy\n").unwrap_err();
    assert_eq!(error.to_string(), "names.txt, line 2, field `pronoun`: \"Nora her\" is not a name and he, she or they");
    let error = Naming::parse("Pip he\n", "shy\nquick not snail slug\n").unwrap_err();
    assert_eq!(error.to_string(), "adjectives.txt, line 2, field `not`: no character is called slug");
}

#[test]
fn nobody_is_what_the_part_or_the_species_contradicts() {
    let naming = Naming::embedded();
    for plot in &Plots::embedded().plots {
        for (i, unlike) in plot.unlike.iter().enumerate() {
            let is_known = |word: &&str| naming.adjectives.iter().any(|adjective| adjective.word == *word);
            assert!(unlike.iter().all(is_known), "{}: {unlike:?}", plot.name);
            assert!(unlike.is_empty() || plot.cast[i].is_some(), "{} has nobody for {unlike:?}", plot.name);
        }
    }
    for index in 0..5000 {
        let life = live(Stream::Train, &mut generator(Stream::Train, index));
        for (i, member) in life.cast.members.iter().enumerate() {
            let Some(member) = member else { continue };
            let adjective = naming.adjectives.iter().find(|adjective| adjective.word == member.adjective).unwrap();
            assert!(!life.plot.unlike[i].contains(&member.adjective), "{index}: {} {member:?}", life.plot.name);
            assert!(!adjective.unlike.contains(&member.species), "{index}: {member:?}");
        }
    }
}

#[test]
fn every_place_and_sky_has_phrases() {
    let lexicon = Lexicon::embedded();
    for place in Place::ALL {
        let phrases = lexicon.place(place);
        assert!(phrases.spot.len() >= 8 && phrases.ask.len() >= 4 && !phrases.word.is_empty(), "{place:?}");
        assert!([&phrases.within, &phrases.to, &phrases.the].iter().all(|forms| !forms.is_empty()), "{place:?}");
        assert!(phrases.dry.len() >= 4, "{place:?}");
    }
    for sky in Sky::ALL {
        let phrases = lexicon.sky(sky);
        assert!(phrases.on.len() >= 6 && phrases.clause.len() >= 8 && phrases.ask.len() >= 4, "{sky:?}");
        assert!(phrases.on.iter().all(|phrase| !phrase.contains(',')), "{sky:?}");
    }
    let error = Lexicon::default().read("places.txt", "[forest]\nbehind: a tree\n").unwrap_err();
    assert_eq!(error.to_string(), "places.txt, line 2, field `behind`: [forest] has no such field");
}

#[test]
fn the_world_knows_who_belongs_where() {
    let species = |name| Species::from_name(name).unwrap();
    let thing = |name| Thing::from_name(name).unwrap();
    assert!(is_allowed(Claim::Stands(species("whale"), Place::Sea)));
    assert!(!is_allowed(Claim::Stands(species("whale"), Place::Forest)));
    assert!(!is_allowed(Claim::Stands(species("fox"), Place::Sea)));
    assert!(is_allowed(Claim::Sails(species("fox"), Place::Sea)));
    assert!(!is_allowed(Claim::Stands(species("snowman"), Place::Indoor)));
    assert!(is_allowed(Claim::Holds(species("fox"), thing("red-paper-lantern"))));
    assert!(!is_allowed(Claim::Holds(species("fox"), thing("bicycle"))));
    assert!(!is_allowed(Claim::Holds(species("fish"), thing("red-paper-lantern"))));
    assert!(!is_allowed(Claim::Lies(thing("sled"), Place::Meadow)));
}

// ---- the bank

#[test]
fn every_event_has_templates_for_every_cast() {
    for plot in &Plots::embedded().plots {
        assert!((4..=6).contains(&plot.events.iter().filter(|e| !e.is_optional).count()), "{}", plot.name);
        assert!((4..=6).contains(&plot.events.len()), "{}", plot.name);
        assert!(Bank::embedded().asks.get(plot.name).is_some_and(|asks| asks.len() >= 10), "ask {}", plot.name);
        for event in &plot.events {
            let templates = Bank::embedded().templates(event.id);
            let free = templates.iter().filter(|t| t.conditions.is_empty()).count();
            assert!(free >= 15, "{}: {free} templates without condition", event.id);
        }
    }
}

/// For each plot, with each optional event in and out, what is usable in drawn lives.
#[test]
fn fifteen_templates_suit_every_life() {
    for stream in STREAMS {
        for index in 0..2000 {
            let life = live(stream, &mut generator(stream, index));
            let mut known = [false; 3];
            for episode in &life.episodes {
                let templates = Bank::embedded().templates(episode.event.id);
                let usable: Vec<&Template> = templates.iter().filter(|t| t.suits(&life, episode, known)).collect();
                assert!(usable.len() >= 15, "{}: {} in {stream:?} {index}", episode.event.id, usable.len());
                // Whatever is drawn, the same characters are known afterwards.
                let newly = introduced(&episode.event.must_name);
                for template in usable {
                    let new: BTreeSet<usize> = template.slots().filter_map(introduction).collect();
                    assert_eq!(new, newly, "{}: {template:?}", episode.event.id);
                }
                newly.into_iter().for_each(|role| known[role] = true);
            }
        }
    }
}

fn introduction(slot: Slot) -> Option<usize> {
    match slot {
        Slot::Member(role, MemberForm::Intro) => Some(role as usize),
        _ => None,
    }
}

fn introduced(must_name: &[&str]) -> BTreeSet<usize> {
    let roles = must_name.iter().filter_map(|slot| slot.strip_suffix(".intro"));
    roles.filter_map(Role::from_name).map(|role| role as usize).collect()
}

#[test]
fn strangers_are_introduced_and_nobody_else() {
    let mut life = life("fox", "owl", "drum", [Pronoun::He, Pronoun::She]);
    let episode = life.episodes[0].clone();
    let suits = |life: &Life, text, known| Template::parse(text).unwrap().suits(life, &episode, known);
    let (alone, met) = ([true, false, false], [true, true, false]);
    for (text, to_strangers, to_friends) in
        [("{H} saw {F.intro}.", true, false), ("{H} saw {F}.", false, true), ("{H} sat.", true, true)]
    {
        assert_eq!(suits(&life, text, alone), to_strangers, "{text}");
        assert_eq!(suits(&life, text, met), to_friends, "{text}");
    }
    life.cast.members[Role::Friend as usize] = None;
    assert!(!suits(&life, "{H} saw {F.intro}.", alone) && suits(&life, "{H} sat.", alone));
}

#[test]
fn a_template_names_what_its_event_must_name() {
    for plot in &Plots::embedded().plots {
        for event in &plot.events {
            for template in Bank::embedded().templates(event.id) {
                for must in &event.must_name {
                    assert!(is_named(template, must), "{}: no {must} in {template:?}", event.id);
                }
            }
        }
    }
}

/// Whoever reads the first sentences knows where the story begins.
#[test]
fn the_first_event_of_a_plot_says_the_place() {
    for plot in &Plots::embedded().plots {
        for template in Bank::embedded().templates(plot.events[0].id) {
            let is_place = |slot| matches!(slot, Slot::Here(PlaceForm::In | PlaceForm::To | PlaceForm::The));
            assert!(template.slots().any(is_place), "{}: {template:?}", plot.name);
        }
    }
}

/// Whether the template has the slot, or one that says as much.
fn is_named(template: &Template, must: &str) -> bool {
    let (letter, _) = must.split_once('.').unwrap_or((must, ""));
    template.slots().any(|slot| match slot {
        Slot::Member(role, form) if must.ends_with(".intro") => {
            Role::from_name(letter) == Some(role) && form == MemberForm::Intro
        }
        Slot::Member(role, _) => Role::from_name(letter) == Some(role),
        Slot::Thing(token, _) => oneflow_web::data::world::Token::from_name(letter) == Some(token),
        Slot::Here(_) => letter == "P",
        Slot::There(_) => letter == "Q",
        Slot::SkyOn | Slot::SkyClause => letter == "S",
    })
}

#[test]
fn no_template_is_another_with_words_left_out() {
    let mut found = Vec::new();
    for (event, templates) in &Bank::embedded().events {
        let all: Vec<Vec<Vec<String>>> = templates.iter().map(wordings).collect();
        for (i, a) in all.iter().enumerate() {
            for (j, b) in all.iter().enumerate() {
                let within = |x: &Vec<String>| b.iter().any(|y| x.len() <= y.len() && is_subsequence(x, y));
                if i != j && a.iter().any(within) {
                    found.push(format!("{event}: {:?} within {:?}", a[0].join(" "), b[0].join(" ")));
                }
            }
        }
    }
    assert!(found.is_empty(), "{} pairs\n{}", found.len(), found.join("\n"));
}

/// The word lists of a template, one for each choice of its alternatives.
fn wordings(template: &Template) -> Vec<Vec<String>> {
    template.pieces.iter().fold(vec![Vec::new()], |all, piece| match piece {
        Piece::Choice(options) => {
            let extended = all.iter().flat_map(|words| {
                options.iter().map(move |option| {
                    let more = option.iter().flat_map(words_of);
                    words.iter().cloned().chain(more).collect()
                })
            });
            extended.collect()
        }
        piece => all.into_iter().map(|words: Vec<String>| words.into_iter().chain(words_of(piece)).collect()).collect(),
    })
}

fn words_of(piece: &Piece) -> Vec<String> {
    match piece {
        Piece::Text(text) => text
            .split(|c: char| !c.is_alphanumeric() && c != '\'' && c != '-')
            .filter(|word| !word.is_empty())
            .map(str::to_lowercase)
            .collect(),
        Piece::Slot(slot) => vec![format!("{slot:?}")],
        Piece::Article => vec!["{a}".to_owned()],
        Piece::Choice(_) => unreachable!("alternatives are not nested"),
    }
}

fn is_subsequence(a: &[String], b: &[String]) -> bool {
    let mut rest = b.iter();
    a.iter().all(|word| rest.any(|other| other == word))
}

#[test]
fn a_broken_line_is_named_with_its_field() {
    let plot = "[plot p]\ncast: H\nitem: toy\n";
    for (line, message) in [
        ("cast: H Z", "field `cast`: no role is called Z"),
        ("cast: H F:huge", "field `cast`: F:huge names no class of characters"),
        ("item: toys", "field `item`: toys is unknown"),
        ("places: moon", "field `places`: moon is unknown"),
        ("sky: green", "field `sky`: green is unknown"),
        ("colour: red", "field `-`: no field is called colour"),
        ("x-y | enter H | H", "field `event`: expected 4 fields, found 3"),
        ("x-y | jump H | H | -", "field `effects`: \"jump H\" is no effect"),
        ("x-y | enter F | H | -", "field `effects`: the plot has no Friend"),
        ("x-y | give J H | H | -", "field `effects`: the plot has no Item2"),
        ("x-y | go | H | -", "field `effects`: the plot has no second place"),
        ("x-y | mood H glad | H | -", "field `effects`: no mood is called glad"),
        ("x-y | enter H | F.intro | -", "field `must name`: the plot has no F"),
    ] {
        let text: &'static str = format!("{plot}{line}\n").leak();
        let error = Plots::parse(text).unwrap_err();
        assert_eq!(error.to_string(), format!("plots.txt, line 4, {message}"));
    }
    for (line, message) in [
        ("[no-event]", "field `event`: nothing is called no-event"),
        ("Text", "field `text`: \"Text\" does not begin with -"),
        ("- {H.nose}", "field `slot`: no slot is called {H.nose}"),
        ("- {H", "field `slot`: no closing brace after {H"),
        ("- {J}", "field `slot`: the plot has no J"),
        ("- {H} (one|)", "field `choice`: (one|) is not two or more words, none empty"),
        ("- @place=moon {H}", "field `condition`: no place is called moon"),
        ("- @hero=huge {H}", "field `condition`: no class of characters is called huge"),
        ("- @moon=full {H}", "field `condition`: no condition is called @moon"),
        ("- {H} was | here", "field `text`: a stray '|'"),
    ] {
        let text: &'static str = format!("[lf-have]\n{line}\n").leak();
        let error = Bank::default().read("lost.txt", text).unwrap_err();
        assert_eq!(error.to_string(), format!("lost.txt, line 2, {message}"));
    }
}

// ---- the grammar

#[test]
fn the_article_follows_the_sound() {
    for (word, an) in [
        ("owl", true),
        ("honest", true),
        ("hourglass", true),
        ("umbrella", true),
        ("unicorn", false),
        ("ewe", false),
        ("ukulele", false),
        ("horse", false),
        ("T-rex", false),
        ("old", true),
    ] {
        assert_eq!(takes_an(word), an, "{word}");
    }
}

/// A life with this hero and friend, of he and she, and this item.
fn life(hero: &str, friend: &str, item: &str, pronouns: [Pronoun; 2]) -> Life {
    let mut index = 0;
    let mut life = loop {
        let life = live(Stream::Train, &mut generator(Stream::Train, index));
        if life.cast.member(Role::Friend).is_some() && life.cast.member(Role::Other).is_none() {
            break life;
        }
        index += 1;
    };
    let named = [(hero, "Pip", "honest"), (friend, "Nora", "old")];
    for (i, (species, name, adjective)) in named.into_iter().enumerate() {
        let member = life.cast.members[i].as_mut().unwrap();
        member.species = Species::from_name(species).unwrap();
        (member.name, member.adjective, member.pronoun) = (name, adjective, pronouns[i]);
    }
    life.cast.item = Thing::from_name(item);
    life.cast.place = Place::Forest;
    life
}

#[track_caller]
fn assert_told(life: &Life, template: &'static str, told: &str) {
    let template = Template::parse(template).unwrap();
    let setting = Setting { place: Place::Forest, sky: Sky::Day };
    assert_eq!(realise(&template, life, setting, &mut Rng::new(1)).text, told);
}

#[test]
fn pronouns_agree() {
    let forms = "{H.name} saw {F.name}: {H.he} {H.was} {H.him} {H.his} {H.hers} {H.himself} {H.is} {H.has}.";
    let he = life("fox", "owl", "drum", [Pronoun::He, Pronoun::She]);
    assert_told(&he, forms, "Pip saw Nora: he was him his his himself is has.");
    let she = life("fox", "owl", "drum", [Pronoun::She, Pronoun::He]);
    assert_told(&she, forms, "Pip saw Nora: she was her her hers herself is has.");
    let they = life("fox", "owl", "drum", [Pronoun::They, Pronoun::He]);
    assert_told(&they, forms, "Pip saw Nora: they were them their theirs themselves are have.");
}

#[test]
fn things_agree_in_number() {
    let forms = "{I.a} and {I.the}: {I.it} {I.was} {I.is} {I.this} {I}, {a} {I}.";
    let one = life("fox", "owl", "umbrella", [Pronoun::He, Pronoun::She]);
    assert_told(&one, forms, "An umbrella and the umbrella: it was is this umbrella, an umbrella.");
    let many = life("fox", "owl", "grapes", [Pronoun::He, Pronoun::She]);
    assert_told(
        &many,
        "{I.a} and {I.the}: {I.it} {I.was} {I.is} {I.this} {I}.",
        "Some grapes and the grapes: them were are these grapes.",
    );
}

#[test]
fn capitals_stand_where_a_sentence_or_a_speech_begins() {
    let life = life("fox", "owl", "drum", [Pronoun::He, Pronoun::She]);
    for (template, told) in [
        ("{H.the} sat. {F.the} stood.", "The fox sat. The owl stood."),
        ("\"{I.a}!\" said {H.the}. \"{F.the}?\"", "\"A drum!\" said the fox. \"The owl?\""),
        ("\"Who?\" {H.the} asked.", "\"Who?\" the fox asked."),
        ("\"Who?\" {H.the} looked up.", "\"Who?\" The fox looked up."),
        ("\"Well,\" said {H.the}, \"{F.the} did.\"", "\"Well,\" said the fox, \"the owl did.\""),
        ("\"No,\" said {H.the}. \"{F.the} did.\"", "\"No,\" said the fox. \"The owl did.\""),
        ("\"No.\" {H.the} sat.", "\"No.\" The fox sat."),
        ("{H.the} said, \"{F.he} did.\"", "The fox said, \"She did.\""),
        ("{P.in} was {a} {H.adj} {H.kind}.", "In the forest was an honest fox."),
        ("{a} {F.adj} {F.kind} sat.", "An old owl sat."),
        ("(softly|softly) {H.he} sang.", "Softly he sang."),
    ] {
        assert_told(&life, template, told);
    }
    assert!(wants_capital("", ""));
}

#[test]
fn two_of_a_kind_are_told_apart() {
    let two = life("fox", "fox", "drum", [Pronoun::He, Pronoun::She]);
    assert_told(&two, "{H} and {H.the} saw {F} and {F.the}.", "Pip and Pip saw Nora and Nora.");
    let template = Template::parse("{H.intro} met {F.intro}.").unwrap();
    let other_way = Template::parse("{F.intro} met {H.intro}.").unwrap();
    let setting = Setting { place: Place::Forest, sky: Sky::Day };
    for seed in 0..50 {
        let text = realise(&template, &two, setting, &mut Rng::new(seed)).text;
        assert!(text.starts_with("An honest fox ") && text.contains(" met another fox "), "{text}");
        let text_other_way = realise(&other_way, &two, setting, &mut Rng::new(seed)).text;
        assert!(text_other_way.starts_with("An old fox "), "{text_other_way}");
        assert!(text_other_way.contains(" met another fox "), "{text_other_way}");
        for link in ["named", "called", "whose name was"] {
            assert!(text.matches(link).count() < 2, "{text}");
        }
    }
}

// ---- whole stories

fn stories(n: u64) -> impl Iterator<Item = (Stream, u64, Story)> {
    STREAMS.into_iter().flat_map(move |stream| (0..n).map(move |index| (stream, index, story(stream, index))))
}

#[test]
fn every_slot_is_filled_in_three_thousand_stories_of_each_stream() {
    for (stream, index, story) in stories(3000) {
        assert!((4..=6).contains(&story.beats.len()), "{stream:?} {index}");
        for beat in &story.beats {
            let text = &beat.text;
            let about = || format!("{stream:?} {index} {}: {text}", beat.event);
            assert!(!text.contains(['{', '}', '(', ')', '|', '@']), "{}", about());
            assert!(!text.contains("  ") && text.trim() == text, "{}", about());
            assert!(text.trim_end_matches('"').ends_with(['.', '!', '?']), "{}", about());
            assert!(text.trim_start_matches('"').starts_with(|c: char| c.is_uppercase()), "{}", about());
            for (a, b) in
                [(" ,", ""), (" .", ""), ("the the ", ""), (" a a", ""), ("the a ", ""), ("a the ", " a the ")]
            {
                let found = if b.is_empty() { text.contains(a) } else { text.contains(b) };
                assert!(!found, "{a:?} in {}", about());
            }
            assert!(text.len() <= 260, "{}", about());
            assert!(text.matches('"').count() % 2 == 0, "{}", about());
        }
    }
}

#[test]
fn the_same_index_gives_the_same_story() {
    for index in [0, 1, 77, 123_456_789] {
        let (one, two) = (story(Stream::Train, index), story(Stream::Train, index));
        assert_eq!((&one.cast, &one.beats), (&two.cast, &two.beats));
        assert_ne!(one.text(), story(Stream::Validation, index).text());
    }
}

#[test]
fn every_plot_is_told_in_every_stream() {
    let mut counts: BTreeMap<(&str, &str), u32> = BTreeMap::new();
    for stream in STREAMS {
        for index in 0..4000 {
            let life = live(stream, &mut generator(stream, index));
            *counts.entry((stream_name(stream), life.plot.name)).or_default() += 1;
        }
    }
    for stream in [Stream::Train, Stream::Validation] {
        for plot in &Plots::embedded().plots {
            let n = counts.get(&(stream_name(stream), plot.name)).copied().unwrap_or_default();
            assert!(n > 100, "{stream:?} {}: {n}", plot.name);
        }
    }
    let held_out = counts.keys().filter(|(stream, _)| *stream == "held-out").count();
    assert!(held_out + 2 >= Plots::embedded().plots.len(), "{held_out} plots");
}

fn stream_name(stream: Stream) -> &'static str {
    match stream {
        Stream::Train => "train",
        Stream::Validation => "validation",
        Stream::HeldOut => "held-out",
    }
}

/// Characters, and everything else that is shown or named.
fn shown(story: &Story) -> (BTreeSet<&'static str>, BTreeSet<&'static str>, BTreeSet<&'static str>) {
    let (mut characters, mut things, mut places) = (BTreeSet::new(), BTreeSet::new(), BTreeSet::new());
    for beat in &story.beats {
        places.insert(beat.scene.place.name());
        characters.extend(beat.scene.actors.iter().map(|actor| actor.sprite));
        things.extend(beat.scene.actors.iter().filter_map(|actor| actor.holds));
        things.extend(beat.scene.ground.iter().chain(&beat.scene.backdrop));
        for name in &beat.named {
            if Species::from_name(name).is_some() {
                characters.insert(name)
            } else {
                things.insert(name)
            };
        }
    }
    places.insert(story.cast.place.name());
    places.extend(story.cast.to.map(Place::name));
    (characters, things, places)
}

#[test]
fn no_held_out_pair_is_in_what_is_learned() {
    for stream in [Stream::Train, Stream::Validation] {
        for index in 0..10_000 {
            let story = story(stream, index);
            let (characters, things, places) = shown(&story);
            for character in &characters {
                for other in things.iter().chain(&places) {
                    assert!(!is_held_out(character, other), "{stream:?} {index}: {character} and {other}");
                }
                // Whoever comes later in the alphabet, the built snowman too.
                let built = things.iter().filter(|thing| **thing == "snowman");
                for other in characters.iter().chain(built).filter(|other| character != *other) {
                    let (a, b) = (character.min(other), character.max(other));
                    assert!(!is_held_out(a, b), "{stream:?} {index}: {a} and {b}");
                }
                let two = story.characters().filter(|c| c.1 == *character).count();
                assert!(two < 2 || !is_held_out(character, character), "{stream:?} {index}: {character} twice");
            }
        }
    }
}

#[test]
fn the_hero_of_the_held_out_stream_is_in_held_out_places_only() {
    for index in 0..20_000 {
        let life = live(Stream::HeldOut, &mut generator(Stream::HeldOut, index));
        let hero = life.cast.member(Role::Hero).unwrap().species.name();
        for episode in &life.episodes {
            assert!(is_held_out(hero, episode.scene.place.name()), "{index}: {hero} in {:?}", episode.scene.place);
        }
    }
}

#[test]
fn nobody_is_where_the_world_does_not_allow_it() {
    for stream in STREAMS {
        for index in 0..20_000 {
            for episode in live(stream, &mut generator(stream, index)).episodes {
                let found = violations(&episode.scene);
                assert!(found.is_empty(), "{stream:?} {index} {}: {found:?}", episode.event.id);
                assert!(episode.scene.actors.len() <= 3 && episode.scene.ground.len() <= 2);
            }
        }
    }
}

#[test]
fn hero_and_friend_have_different_pronouns_and_names() {
    for index in 0..5000 {
        let cast = live(Stream::Train, &mut generator(Stream::Train, index)).cast;
        let members: Vec<_> = cast.members.iter().flatten().collect();
        for (i, a) in members.iter().enumerate() {
            assert!(a.species.allows(a.pronoun), "{index}: {a:?}");
            for b in &members[i + 1..] {
                assert!(a.name != b.name && a.adjective != b.adjective, "{index}: {a:?} {b:?}");
                assert!(i > 0 || a.pronoun != b.pronoun, "{index}: {a:?} {b:?}");
            }
        }
    }
}

// ---- prompts

#[test]
fn a_prompt_says_what_it_says_it_says() {
    let mut counts = [0; 5];
    let mut distinct = BTreeSet::new();
    for index in 0..4000 {
        let mut rng = generator(Stream::Train, index);
        let story = story_from(Stream::Train, &mut rng);
        let prompt = prompt(&story, &mut rng);
        let (text, mentioned) = (prompt.text.to_lowercase(), prompt.mentioned);
        let about = || format!("{index}: {:?}", prompt);
        assert!(mentioned.count() <= 4, "{}", about());
        counts[mentioned.count()] += 1;
        assert!(!text.contains(['{', '}', '…', '|']) && !text.contains("  ") && text.trim() == text, "{}", about());
        let hero = story.cast.member(Role::Hero).unwrap();
        assert!(!mentioned.species || text.contains(&hero.species.word().to_lowercase()), "{}", about());
        // Nothing happens to a balloon.
        let has_somebody =
            mentioned.species || mentioned.friend || text.contains("somebody") || text.contains("someone");
        assert!(has_somebody || !text.starts_with("what happens to"), "{}", about());
        assert!(!mentioned.adjective || (mentioned.species && text.contains(hero.adjective)), "{}", about());
        let lexicon = Lexicon::embedded();
        let place = lexicon.place(story.cast.place);
        let sky = lexicon.sky(story.cast.sky);
        let says = |phrases: [&Vec<&str>; 2]| phrases.iter().any(|list| list.iter().any(|p| text.contains(p)));
        assert!(!mentioned.place || says([&place.ask, &place.word]), "{}", about());
        assert!(!mentioned.sky || says([&sky.ask, &sky.word]), "{}", about());
        let item = story.cast.item.or(story.cast.build);
        assert!(!mentioned.item || item.is_some_and(|item| text.contains(item.word())), "{}", about());
        let friend = story.cast.member(Role::Friend).map(|f| f.species.word().to_lowercase());
        assert!(!mentioned.friend || friend.is_some_and(|friend| text.contains(&friend)), "{}", about());
        distinct.insert(text);
    }
    assert!(counts.iter().all(|&n| n > 300), "{counts:?}");
    assert!(distinct.len() > 2800, "{} distinct prompts", distinct.len());
}

#[test]
fn a_story_in_colours_says_each_colour_that_its_pictures_show() {
    let (mut n_tints, mut n_asked) = (0, 0);
    for index in 0..1000 {
        let mut rng = generator(Stream::Train, index);
        let story = coloured_story_from(Stream::Train, &mut rng);
        let mut colours_told = Vec::new();
        for &(sprite, tint) in &story.cast.tints {
            let word = Species::from_name(sprite).map(Species::word).or(Thing::from_name(sprite).map(Thing::word));
            let coloured = format!("{} {}", tint.name(), word.unwrap());
            assert!(story.text().contains(&coloured), "{coloured}: {}", story.text());
            assert!(story.beats.iter().all(|beat| beat.scene.tints.contains(&(sprite, tint))));
            assert!(is_tintable(sprite));
            colours_told.push(coloured);
        }
        let text = format!(" {} ", story.text());
        assert!(!text.contains(" a orange") && !text.contains(" an blue"), "{text}");
        n_tints += story.cast.tints.len();
        // A "blue balloon", and not the "blue sky".
        let asked = prompt(&story, &mut rng).text.to_lowercase();
        n_asked += usize::from(colours_told.iter().any(|coloured| asked.contains(coloured)));
        let colours = |story: &Story| story.life.episodes.iter().map(|e| e.scene.tints.len()).sum::<usize>();
        assert_eq!(colours(&story.plain()), 0);
    }
    assert!(n_tints > 150 && n_asked > 25, "{n_tints} colours, {n_asked} of them asked for");
}
