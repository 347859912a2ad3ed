//! The plots, read from `plots.txt`: who takes part, and what happens in which order.

use std::sync::OnceLock;

use super::effect::Effect;
use super::places::{Place, Places, Sky};
use super::species::Species;
use super::state::Needs;
use super::things::Thing;
use crate::error::{Error, Result};

const FILE: &str = "plots.txt";
const PLOTS: &str = include_str!("plots.txt");

/// All plots.
#[derive(Clone, Debug)]
pub struct Plots {
    /// In the order of the file.
    pub plots: Vec<Plot>,
}

/// One plot.
#[derive(Clone, Debug)]
pub struct Plot {
    /// Its name in labels and in the bank.
    pub name: &'static str,
    /// For hero, friend and other, in this order: whether there is one, and of which class.
    pub cast: [Option<Part>; 3],
    /// For hero, friend and other, which adjectives contradict the part.
    pub unlike: [Vec<&'static str>; 3],
    /// What the item can be; empty if there is none.
    pub item: Vec<Thing>,
    /// What the second item can be.
    pub item2: Vec<Thing>,
    /// What is built or sailed.
    pub build: Vec<Thing>,
    /// Where it may begin.
    pub places: Places,
    /// Where it may go; `None` if it stays.
    pub to: Option<Places>,
    /// Skies it may begin under.
    pub skies: Vec<Sky>,
    /// What happens, in order.
    pub events: Vec<Event>,
    /// What its events need of a cast.
    pub needs: Needs,
}

/// A part for a character.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Part {
    /// The class that it asks for.
    pub class: Option<&'static str>,
}

/// One event.
#[derive(Clone, Debug)]
pub struct Event {
    /// Its name in the bank.
    pub id: &'static str,
    /// Whether a story may leave it out.
    pub is_optional: bool,
    /// What it does, from left to right.
    pub effects: Vec<Effect>,
    /// The slots that each of its templates has, `H.intro`, `I`, ….
    pub must_name: Vec<&'static str>,
    /// What it tells, for whoever writes templates.
    pub about: &'static str,
}

/// A character's part in a plot.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Role {
    Hero,
    Friend,
    Other,
}

/// A thing's part in a plot.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Token {
    /// What the story is about.
    Item,
    /// The second item.
    Item2,
    /// What is built or sailed.
    Build,
    /// This very thing.
    Fixed(Thing),
}

impl Role {
    /// All roles.
    pub const ALL: [Role; 3] = [Role::Hero, Role::Friend, Role::Other];

    /// The role with this letter.
    pub fn from_name(name: &str) -> Option<Role> {
        match name {
            "H" => Some(Role::Hero),
            "F" => Some(Role::Friend),
            "O" => Some(Role::Other),
            _ => None,
        }
    }
}

impl Token {
    /// The token with this letter, or the thing with this sprite name.
    pub fn from_name(name: &str) -> Option<Token> {
        match name {
            "I" => Some(Token::Item),
            "J" => Some(Token::Item2),
            "B" => Some(Token::Build),
            _ => Thing::from_name(name).map(Token::Fixed),
        }
    }
}

impl Plots {
    /// The plots of the crate.
    ///
    /// # Panics
    ///
    /// If the embedded file is malformed; a test reads it.
    pub fn embedded() -> &'static Plots {
        static ONCE: OnceLock<Plots> = OnceLock::new();
        ONCE.get_or_init(|| match Plots::parse(PLOTS) {
            Ok(plots) => plots,
            Err(error) => panic!("the embedded plots are broken: {error}"),
        })
    }

    /// The plot with this name.
    pub fn named(&self, name: &str) -> Option<&Plot> {
        self.plots.iter().find(|p| p.name == name)
    }

    /// Reads plots; the format stands at the head of `plots.txt`.
    ///
    /// # Errors
    ///
    /// [`Error::Data`] with the line and the field that cannot be read.
    pub fn parse(text: &'static str) -> Result<Plots> {
        let mut plots: Vec<Plot> = Vec::new();
        for (i, line) in text.lines().enumerate() {
            let line = line.trim();
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            parse_line(&mut plots, line).map_err(|(field, reason)| Error::Data {
                file: FILE.to_owned(),
                line: i + 1,
                field: field.to_owned(),
                reason,
            })?;
        }
        for plot in &mut plots {
            plot.needs = Needs::of(plot);
        }
        Ok(Plots { plots })
    }
}

type Field<T> = Result<T, (&'static str, String)>;

fn parse_line(plots: &mut Vec<Plot>, line: &'static str) -> Field<()> {
    if let Some(head) = line.strip_prefix('[') {
        let name = head.strip_prefix("plot ").and_then(|rest| rest.strip_suffix(']'));
        plots.push(Plot {
            name: name.ok_or(("plot", format!("{line:?} is not [plot NAME]")))?,
            cast: [None; 3],
            unlike: Default::default(),
            item: Vec::new(),
            item2: Vec::new(),
            build: Vec::new(),
            places: Places::ALL,
            to: None,
            skies: Sky::ALL.to_vec(),
            events: Vec::new(),
            needs: Needs::default(),
        });
        return Ok(());
    }
    let plot = plots.last_mut().ok_or(("plot", "a plot begins with [plot NAME]".to_owned()))?;
    if line.contains('|') {
        let event = parse_event(plot, line)?;
        plot.events.push(event);
        return Ok(());
    }
    let (field, value) = line.split_once(':').ok_or(("-", format!("cannot read {line:?}")))?;
    let value = value.trim();
    match field {
        "cast" => {
            for word in value.split_whitespace() {
                let (role, part) = parse_part(word).map_err(|reason| ("cast", reason))?;
                plot.cast[role as usize] = Some(part);
            }
        }
        "unlike" => {
            let (who, adjectives) = value.split_once(' ').ok_or(("unlike", format!("{value:?} names no adjective")))?;
            let role = Role::from_name(who).ok_or(("unlike", format!("no role is called {who}")))?;
            plot.unlike[role as usize] = adjectives.split_whitespace().collect();
        }
        "item" => plot.item = things(value).map_err(|reason| ("item", reason))?,
        "item2" => plot.item2 = things(value).map_err(|reason| ("item2", reason))?,
        "build" => plot.build = things(value).map_err(|reason| ("build", reason))?,
        "places" => plot.places = places(value).map_err(|reason| ("places", reason))?,
        "to" => plot.to = Some(places(value).map_err(|reason| ("to", reason))?),
        "sky" if value == "any" => plot.skies = Sky::ALL.to_vec(),
        "sky" => plot.skies = all(value, Sky::from_name).map_err(|reason| ("sky", reason))?,
        _ => return Err(("-", format!("no field is called {field}"))),
    }
    Ok(())
}

fn parse_part(word: &'static str) -> Result<(Role, Part), String> {
    let (role, class) = match word.split_once(':') {
        Some((role, class)) => (role, Some(class)),
        None => (word, None),
    };
    let known = class.is_none_or(|class| Species::all().any(|s| s.is(class).is_some()));
    match (Role::from_name(role), known) {
        (Some(role), true) => Ok((role, Part { class })),
        (None, _) => Err(format!("no role is called {role}")),
        (_, false) => Err(format!("{word} names no class of characters")),
    }
}

/// Classes or sprite names of things.
fn things(value: &'static str) -> Result<Vec<Thing>, String> {
    let mut found = Vec::new();
    for word in value.split_whitespace() {
        let before = found.len();
        match Thing::from_name(word) {
            Some(thing) => found.push(thing),
            None => found.extend(Thing::all().filter(|t| t.is(word) == Some(true))),
        }
        if found.len() == before {
            return Err(format!("{word} is unknown"));
        }
    }
    Ok(found)
}

fn places(value: &str) -> Result<Places, String> {
    if value == "any" {
        return Ok(Places::ALL);
    }
    Ok(all(value, Place::from_name)?.into_iter().fold(Places::NONE, Places::with))
}

fn all<T>(words: &str, named: impl Fn(&str) -> Option<T>) -> Result<Vec<T>, String> {
    words.split_whitespace().map(|w| named(w).ok_or_else(|| format!("{w} is unknown"))).collect()
}

fn parse_event(plot: &Plot, line: &'static str) -> Field<Event> {
    let fields: Vec<&str> = line.split('|').map(str::trim).collect();
    let [id, effects, must_name, about] = fields[..] else {
        return Err(("event", format!("expected 4 fields, found {}", fields.len())));
    };
    let effects: Result<Vec<Effect>, String> =
        effects.split(';').filter(|e| !e.trim().is_empty()).map(Effect::parse).collect();
    let effects = effects.map_err(|reason| ("effects", reason))?;
    for &effect in &effects {
        possible(plot, effect).map_err(|reason| ("effects", reason))?;
    }
    let must_name: Vec<&str> = must_name.split_whitespace().collect();
    for slot in &must_name {
        let role = slot.split('.').next().unwrap_or_default();
        if !plot.has(role) {
            return Err(("must name", format!("the plot has no {role}")));
        }
    }
    let is_optional = id.starts_with('?');
    let id = id.trim_start_matches('?');
    if id.is_empty() {
        return Err(("event", "it has no name".to_owned()));
    }
    Ok(Event { id, is_optional, effects, must_name, about })
}

fn possible(plot: &Plot, effect: Effect) -> Result<(), String> {
    if let Some(role) = effect.role().filter(|&role| plot.cast[role as usize].is_none()) {
        return Err(format!("the plot has no {role:?}"));
    }
    if let Some(token) = effect.token().filter(|&token| plot.candidates(token).is_some_and(<[Thing]>::is_empty)) {
        return Err(format!("the plot has no {token:?}"));
    }
    if effect == Effect::Go && plot.to.is_none() {
        return Err("the plot has no second place".to_owned());
    }
    Ok(())
}

impl Plot {
    /// Whether the plot has what the letter of a slot stands for.
    pub fn has(&self, letter: &str) -> bool {
        match letter {
            "I" => !self.item.is_empty(),
            "J" => !self.item2.is_empty(),
            "B" => !self.build.is_empty(),
            "P" | "S" => true,
            "Q" => self.to.is_some(),
            _ => Role::from_name(letter).is_some_and(|role| self.cast[role as usize].is_some()),
        }
    }

    /// What the token can be; `None` for a fixed thing.
    pub(super) fn candidates(&self, token: Token) -> Option<&[Thing]> {
        match token {
            Token::Item => Some(&self.item),
            Token::Item2 => Some(&self.item2),
            Token::Build => Some(&self.build),
            Token::Fixed(_) => None,
        }
    }
}
