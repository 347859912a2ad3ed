//! What a user might have asked to get a story.

use std::borrow::Cow;

use serde::Serialize;

use super::bank::Bank;
use super::grammar::{article, capitalised};
use super::lexicon::Lexicon;
use super::realiser::{Setting, are_alike, realise};
use super::story::Story;
use super::template::{MemberForm, Piece, Slot, Template};
use crate::data::world::{Life, Place, Role, Sky, Thing, Token};
use crate::flow::rng::Rng;

/// A prompt and what it says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Prompt {
    /// The text.
    pub text: String,
    /// What it asks for; the story keeps to all of it.
    pub mentioned: Mentioned,
}

/// What a prompt says of the story.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Mentioned {
    /// The hero's adjective.
    pub adjective: bool,
    /// The hero's species.
    pub species: bool,
    /// The place where it begins.
    pub place: bool,
    /// The sky under which it begins.
    pub sky: bool,
    /// The item, or what is built.
    pub item: bool,
    /// The friend's species.
    pub friend: bool,
    /// The plot.
    pub plot: bool,
}

impl Mentioned {
    /// How many things.
    pub fn count(self) -> usize {
        let Mentioned { adjective, species, place, sky, item, friend, plot } = self;
        [adjective, species, place, sky, item, friend, plot].into_iter().filter(|&m| m).count()
    }
}

/// Share of prompts that are a list of words.
const KEYWORDS: f32 = 0.08;
/// Share of prompts in small letters without a full stop.
const SMALL: f32 = 0.1;
/// Share of the others that lack their full stop.
const OPEN: f32 = 0.2;
/// Share of prompts for stories with colours that say those of what they mention.
const COLOURED: f32 = 0.5;

/// A prompt that the story answers, with 0 to 4 of the attributes of [`Mentioned`].
///
/// Draws in order: where there are colours, whether it says them; how many; which; whether it is a
/// list of words; the plot's wording; the phrases from left to right; the sentence around them; its
/// letters.
pub fn prompt(story: &Story, rng: &mut Rng) -> Prompt {
    let is_plain = !story.cast.tints.is_empty() && !rng.bernoulli(COLOURED);
    let story = &if is_plain { Cow::Owned(story.plain()) } else { Cow::Borrowed(story) };
    let lexicon = Lexicon::embedded();
    let wanted = draw_wanted(story, rng);
    if wanted == Mentioned::default() {
        return Prompt { text: finish(one_of(&lexicon.anything, rng).to_owned(), rng), mentioned: wanted };
    }
    if !wanted.plot && rng.bernoulli(KEYWORDS) {
        return Prompt { text: keywords(story, wanted, rng), mentioned: wanted };
    }
    let (ask, mentioned) = draw_ask(story, wanted, rng);
    let words = ask.map(|ask| realise(ask, &story.life, setting(story), rng).text).unwrap_or_default();
    // The ask begins a sentence as far as the realiser knows.
    let words = uncapitalised(words, ask);
    let is_tale = is_of_the_tale(&words);
    let company = company(story, mentioned, ask.filter(|_| !is_tale), said_by(ask), rng);
    let is_bare = ask.is_none() && company.is_empty();
    let text = if is_bare || is_tale {
        let tale = one_of(&lexicon.tale, rng);
        let happens = if is_bare { "that happens" } else { "" };
        // One "with" is enough.
        let company = company.replace(" with ", " and ");
        let company = if company.is_empty() { company } else { format!("with {company}") };
        let place_and_sky = circumstances(story, mentioned, rng);
        // "a story with a fox at night that …", but "a story that … at night"
        let parts = match company.is_empty() {
            true => [tale, &words, happens, &place_and_sky],
            false => [tale, &company, &place_and_sky, &words],
        };
        joined(&parts) + "."
    } else {
        let who = if company.is_empty() { one_of(&lexicon.somebody, rng) } else { &company };
        // "What happens to a balloon?"
        let is_thing = ask.is_none() && !mentioned.species && !mentioned.friend && mentioned.item;
        let (before, after) = loop {
            let &(before, after) = pick(&lexicon.about, rng);
            if !(is_thing && before.starts_with("What happens to")) {
                break (before, after);
            }
        };
        // "a fox in the forest who gets lost", not "who gets lost in the forest": what a traveller
        // does need not happen where the story begins.
        let is_early = words.starts_with("who") || (story.cast.to.is_some() && !words.is_empty());
        let begins = mentioned.place && is_early;
        let place = if begins { place_words(story.cast.place, rng) } else { "" };
        let rest = circumstances(story, Mentioned { place: mentioned.place && !begins, ..mentioned }, rng);
        joined(&[before.trim_end(), who, place, &words, &rest]) + after
    };
    Prompt { text: finish(text, rng), mentioned }
}

/// A prompt that asks for one picture, of how the story begins.
///
/// Draws in order: whether it says adjective, place and sky; place, sky and their order; the
/// wording; its letters.
pub fn caption_prompt(story: &Story, rng: &mut Rng) -> Prompt {
    let mentioned = Mentioned {
        species: true,
        adjective: rng.bernoulli(0.5),
        place: rng.bernoulli(0.7),
        sky: rng.bernoulli(0.6),
        ..Mentioned::default()
    };
    let circumstances = circumstances(story, mentioned, rng);
    let (before, after) = *pick(&Lexicon::embedded().caption, rng);
    let text = joined(&[before, &hero(story, mentioned), &circumstances]) + after;
    Prompt { text: finish(text, rng), mentioned }
}

/// "a shy fox and an owl with a lantern", as far as wanted and not said already. A clause about the
/// hero needs somebody to be about.
fn company(story: &Story, mentioned: Mentioned, clause: Option<&Template>, said: Mentioned, rng: &mut Rng) -> String {
    let mut company = if mentioned.species { hero(story, mentioned) } else { String::new() };
    if mentioned.friend && !said.friend {
        let is_another = mentioned.species && are_alike(&story.life, Role::Hero, Role::Friend);
        let word = friend(story);
        let friend = format!("{} {word}", if is_another { "another" } else { article(&word) });
        company = match (company.is_empty(), rng.below(3)) {
            (true, _) => friend,
            (false, 0) if !is_another => format!("{company} and {} friend the {word}", possessive(story)),
            (false, _) => format!("{company} and {friend}"),
        };
    }
    if mentioned.item && !said.item {
        let item = item(story);
        company = match (company.is_empty(), rng.below(2)) {
            (true, _) if clause.is_some() => format!("{} with {item}", one_of(&Lexicon::embedded().somebody, rng)),
            (true, _) => item,
            (false, 0) if !mentioned.friend && clause.is_none() => format!("{company} and {item}"),
            (false, _) => format!("{company} with {item}"),
        };
    }
    company
}

fn joined(parts: &[&str]) -> String {
    let parts: Vec<&str> = parts.iter().map(|part| part.trim()).filter(|part| !part.is_empty()).collect();
    parts.join(" ")
}

/// 0 to 4 attributes that the story has, each number as likely. An adjective
/// needs its species.
fn draw_wanted(story: &Story, rng: &mut Rng) -> Mentioned {
    let n = rng.below(5);
    let mut wanted = Mentioned::default();
    let mut tries = 0;
    while wanted.count() < n && tries < 40 {
        tries += 1;
        match rng.below(8) {
            0 | 1 => wanted.species = true,
            2 if wanted.species || wanted.count() + 2 <= n => (wanted.adjective, wanted.species) = (true, true),
            3 => wanted.place = true,
            4 => wanted.sky = true,
            5 => wanted.item = thing_of(&story.life).is_some_and(|thing| names(story, thing.name())),
            6 => wanted.friend = friend_is_named(story),
            7 => wanted.plot = !wanted.friend,
            _ => {}
        }
    }
    wanted
}

fn names(story: &Story, sprite: &str) -> bool {
    story.beats.iter().any(|beat| beat.named.contains(&sprite))
}

fn friend_is_named(story: &Story) -> bool {
    story.cast.member(Role::Friend).is_some_and(|friend| names(story, friend.species.name()))
}

/// What the story is about, or what is built or sailed in it.
fn thing_of(life: &Life) -> Option<Thing> {
    life.cast.item.or(life.cast.build)
}

/// A wording for the plot, and what the prompt then says altogether.
fn draw_ask(story: &Story, wanted: Mentioned, rng: &mut Rng) -> (Option<&'static Template>, Mentioned) {
    let Some(asks) = Bank::embedded().asks.get(story.plot).filter(|_| wanted.plot) else {
        return (None, wanted);
    };
    // "who gets caught in the rain in the sunshine"
    let wanted = Mentioned { sky: wanted.sky && !sky_changes(&story.life), ..wanted };
    for _ in 0..20 {
        let ask = &asks[rng.below(asks.len())];
        let says = said(ask);
        let mentioned = Mentioned { item: wanted.item || says.item, friend: wanted.friend || says.friend, ..wanted };
        let is_joined = starts_with(ask, "and ");
        let fits = mentioned.count() <= 4
            && (!says.friend || friend_is_named(story))
            // "somebody who meets another fox"
            && (!says.friend || wanted.species || !are_alike(&story.life, Role::Hero, Role::Friend))
            && (!says.item || thing_of(&story.life).is_some_and(|thing| names(story, thing.name())))
            // A clause about the hero alone would hang in the air behind two characters.
            && (!wanted.friend || says.friend)
            && (!is_joined || (wanted.species && (!wanted.item || says.item)))
            && (wanted.species || !ask.slots().any(|slot| matches!(slot, Slot::Member(Role::Hero, _))));
        if fits {
            return (Some(ask), mentioned);
        }
    }
    let is_alone = wanted.count() == 1;
    (None, Mentioned { plot: false, species: wanted.species || is_alone, ..wanted })
}

fn sky_changes(life: &Life) -> bool {
    life.episodes.iter().any(|episode| episode.world.sky != life.cast.sky)
}

fn said_by(ask: Option<&Template>) -> Mentioned {
    ask.map(said).unwrap_or_default()
}

/// Which things the wording itself names.
fn said(ask: &Template) -> Mentioned {
    let mut said = Mentioned::default();
    for slot in ask.slots() {
        match slot {
            Slot::Member(Role::Friend, MemberForm::He | MemberForm::Him | MemberForm::His) => {}
            Slot::Member(Role::Friend, _) => said.friend = true,
            Slot::Thing(Token::Item | Token::Build, _) => said.item = true,
            _ => {}
        }
    }
    said
}

fn starts_with(ask: &Template, beginning: &str) -> bool {
    matches!(ask.pieces.first(), Some(Piece::Text(text)) if text.starts_with(beginning))
}

/// Whether the clause is about the story and not about its hero.
fn is_of_the_tale(words: &str) -> bool {
    const BEGINNINGS: [&str; 8] = [
        "that is about",
        "that is all about",
        "that begins",
        "that ends",
        "that tells",
        "that starts",
        "that will make",
        "that would make",
    ];
    BEGINNINGS.iter().any(|beginning| words.starts_with(beginning))
}

fn uncapitalised(words: String, ask: Option<&Template>) -> String {
    match ask.and_then(|ask| ask.pieces.first()) {
        Some(Piece::Text(_)) | None => words,
        Some(_) => words[..1].to_lowercase() + &words[1..],
    }
}

fn setting(story: &Story) -> Setting {
    Setting { place: story.cast.place, sky: story.cast.sky }
}

fn hero(story: &Story, mentioned: Mentioned) -> String {
    let Some(hero) = story.cast.member(Role::Hero) else { return String::new() };
    let word = story.cast.coloured(hero.species.name(), hero.species.word());
    if mentioned.adjective {
        format!("{} {} {word}", article(hero.adjective), hero.adjective)
    } else {
        format!("{} {word}", article(&word))
    }
}

fn friend(story: &Story) -> String {
    let friend = story.cast.member(Role::Friend).map(|member| member.species);
    friend.map(|species| story.cast.coloured(species.name(), species.word())).unwrap_or_default()
}

fn possessive(story: &Story) -> &'static str {
    let hero = story.cast.member(Role::Hero);
    hero.and_then(|hero| super::grammar::pronoun_form(hero.pronoun, MemberForm::His)).unwrap_or("a")
}

fn item(story: &Story) -> String {
    let Some(thing) = thing_of(&story.life) else { return String::new() };
    let word = story.cast.coloured(thing.name(), thing.word());
    format!("{} {word}", if thing.is_plural() { "some" } else { article(&word) })
}

/// " in the forest at night", as far as wanted, in either order.
fn circumstances(story: &Story, mentioned: Mentioned, rng: &mut Rng) -> String {
    let place = if mentioned.place { place_words(story.cast.place, rng) } else { "" };
    let sky = if mentioned.sky { sky_words(story.cast.sky, rng) } else { "" };
    let place_first = rng.bernoulli(0.7);
    let [first, second] = if place_first { [place, sky] } else { [sky, place] };
    [first, second]
        .into_iter()
        .filter(|words| !words.is_empty())
        .fold(String::new(), |all, words| joined(&[&all, words]))
}

fn place_words(place: Place, rng: &mut Rng) -> &'static str {
    one_of(&Lexicon::embedded().place(place).ask, rng)
}

fn sky_words(sky: Sky, rng: &mut Rng) -> &'static str {
    one_of(&Lexicon::embedded().sky(sky).ask, rng)
}

/// "shy fox, owl, forest, night"
fn keywords(story: &Story, wanted: Mentioned, rng: &mut Rng) -> String {
    let lexicon = Lexicon::embedded();
    let mut words: Vec<String> = Vec::new();
    if wanted.species {
        let hero = hero(story, wanted);
        words.push(hero.split_once(' ').map_or(hero.clone(), |(_, rest)| rest.to_owned()));
    }
    if wanted.friend && story.cast.member(Role::Friend).is_some() {
        words.push(friend(story));
    }
    if let Some(thing) = thing_of(&story.life).filter(|_| wanted.item) {
        words.push(story.cast.coloured(thing.name(), thing.word()));
    }
    if wanted.place {
        words.push(one_of(&lexicon.place(story.cast.place).word, rng).to_owned());
    }
    if wanted.sky {
        words.push(one_of(&lexicon.sky(story.cast.sky).word, rng).to_owned());
    }
    words.join(", ")
}

/// A capital and a full stop, or not.
fn finish(text: String, rng: &mut Rng) -> String {
    let draw = rng.uniform();
    if draw < SMALL {
        return text.to_lowercase().trim_end_matches(['.', '?', '!']).to_owned();
    }
    let text = capitalised(&text);
    if draw < SMALL + OPEN { text.trim_end_matches('.').to_owned() } else { text }
}

fn one_of(list: &[&'static str], rng: &mut Rng) -> &'static str {
    list[rng.below(list.len())]
}

fn pick<'a, T>(list: &'a [T], rng: &mut Rng) -> &'a T {
    &list[rng.below(list.len())]
}
