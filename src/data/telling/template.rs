//! A line of the bank: conditions, text, slots and alternatives.

use crate::data::world::simulate::Episode;
use crate::data::world::{Life, Member, Place, Role, Sky, Species, Thing, Token};

/// One wording of an event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Template {
    /// All must hold.
    pub conditions: Vec<Condition>,
    /// The pieces in order, spaces included in the text.
    pub pieces: Vec<Piece>,
    /// Which of hero, friend and other it mentions.
    mentions: [bool; 3],
    /// Which of them it introduces.
    introduces: [bool; 3],
}

/// When a template can be used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Condition {
    /// The event begins to happen in one of these places.
    Place(Vec<Place>),
    /// It is under one of these skies.
    Sky(Vec<Sky>),
    /// The item is of one of these classes.
    Item(Vec<&'static str>),
    /// The character is of one of these classes.
    Member(Role, Vec<&'static str>),
}

/// Fixed text or something to fill in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Piece {
    /// Text as it stands.
    Text(&'static str),
    /// A slot.
    Slot(Slot),
    /// `{a}`: "a" or "an", for the next word.
    Article,
    /// `(one|other)`: one of these.
    Choice(Vec<Vec<Piece>>),
}

/// What a template leaves open.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Slot {
    /// A word about a character.
    Member(Role, MemberForm),
    /// A word about a thing.
    Thing(Token, ThingForm),
    /// A phrase about the place where the event begins.
    Here(PlaceForm),
    /// A phrase about the place where the story goes.
    There(PlaceForm),
    /// `{S.on}`
    SkyOn,
    /// `{S.sky}`
    SkyClause,
}

/// `{H}`, `{H.name}`, ….
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MemberForm {
    Plain,
    Name,
    The,
    A,
    Kind,
    Adjective,
    Intro,
    He,
    Him,
    His,
    Hers,
    Himself,
    Was,
    Is,
    Has,
}

/// `{I}`, `{I.a}`, ….
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ThingForm {
    Plain,
    A,
    The,
    It,
    Was,
    Is,
    This,
}

/// `{P.in}`, `{P.to}`, ….
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PlaceForm {
    In,
    To,
    The,
    Spot,
    /// Somewhere in the place where the rain does not come.
    Dry,
}

impl Template {
    /// Reads what stands after `- ` in the bank.
    ///
    /// # Errors
    ///
    /// The field (`condition`, `slot`, `choice` or `text`) and what is wrong with it.
    pub fn parse(line: &'static str) -> Result<Template, (&'static str, String)> {
        let mut conditions = Vec::new();
        let mut text = line.trim();
        while let Some(rest) = text.strip_prefix('@') {
            let (condition, after) = rest.split_once(' ').ok_or(("condition", format!("no text after {rest:?}")))?;
            conditions.push(Condition::parse(condition).map_err(|reason| ("condition", reason))?);
            text = after.trim_start();
        }
        if text.is_empty() {
            return Err(("text", "it is empty".to_owned()));
        }
        let pieces = parse_pieces(text, true)?;
        let mut template = Template { conditions, pieces, mentions: [false; 3], introduces: [false; 3] };
        let slots: Vec<Slot> = template.slots().collect();
        for slot in slots {
            if let Slot::Member(role, form) = slot {
                template.mentions[role as usize] = true;
                template.introduces[role as usize] |= form == MemberForm::Intro;
            }
        }
        Ok(template)
    }

    /// Which of hero, friend and other it mentions.
    pub fn mentions(&self) -> [bool; 3] {
        self.mentions
    }

    /// Which of them it introduces.
    pub fn introduces(&self) -> [bool; 3] {
        self.introduces
    }

    /// All slots, those within alternatives too.
    pub fn slots(&self) -> impl Iterator<Item = Slot> + '_ {
        self.pieces.iter().flat_map(|piece| -> Box<dyn Iterator<Item = Slot> + '_> {
            match piece {
                Piece::Slot(slot) => Box::new(std::iter::once(*slot)),
                Piece::Choice(options) => Box::new(options.iter().flatten().filter_map(|piece| match piece {
                    Piece::Slot(slot) => Some(*slot),
                    _ => None,
                })),
                _ => Box::new(std::iter::empty()),
            }
        })
    }

    /// Whether the template can tell this episode to somebody who knows only
    /// the characters marked in `known`: its conditions hold, whoever it
    /// mentions is in the story, and it introduces strangers and only strangers.
    pub fn suits(&self, life: &Life, episode: &Episode, known: [bool; 3]) -> bool {
        let is_introduced = |role: Role| {
            let i = role as usize;
            !self.mentions[i] || (life.cast.members[i].is_some() && self.introduces[i] != known[i])
        };
        Role::ALL.into_iter().all(is_introduced) && self.conditions.iter().all(|c| c.holds(life, episode))
    }
}

impl Condition {
    fn parse(text: &'static str) -> Result<Condition, String> {
        let (field, values) = text.split_once('=').ok_or_else(|| format!("@{text} has no ="))?;
        let values: Vec<&'static str> = values.split(',').collect();
        let unknown = |what: &str, v: &str| format!("no {what} is called {v}");
        match field {
            "place" => {
                let places = values.iter().map(|v| Place::from_name(v).ok_or_else(|| unknown("place", v)));
                Ok(Condition::Place(places.collect::<Result<_, _>>()?))
            }
            "sky" => {
                let skies = values.iter().map(|v| Sky::from_name(v).ok_or_else(|| unknown("sky", v)));
                Ok(Condition::Sky(skies.collect::<Result<_, _>>()?))
            }
            "item" => {
                let known = |v: &str| Thing::all().any(|t| t.is(v).is_some());
                match values.iter().find(|v| !known(v)) {
                    Some(v) => Err(unknown("class of things", v)),
                    None => Ok(Condition::Item(values)),
                }
            }
            "hero" | "friend" => {
                let known = |v: &str| Species::all().any(|s| s.is(v).is_some());
                let role = if field == "hero" { Role::Hero } else { Role::Friend };
                match values.iter().find(|v| !known(v)) {
                    Some(v) => Err(unknown("class of characters", v)),
                    None => Ok(Condition::Member(role, values)),
                }
            }
            _ => Err(format!("no condition is called @{field}")),
        }
    }

    /// Whether it holds for an episode.
    pub fn holds(&self, life: &Life, episode: &Episode) -> bool {
        match self {
            Condition::Place(places) => places.contains(&episode.place),
            Condition::Sky(skies) => skies.contains(&episode.world.sky),
            Condition::Item(classes) => {
                life.cast.item.is_some_and(|item| classes.iter().any(|class| item.is(class) == Some(true)))
            }
            Condition::Member(role, classes) => {
                let is = |m: &Member| classes.iter().any(|class| m.species.is(class) == Some(true));
                life.cast.member(*role).is_some_and(is)
            }
        }
    }
}

fn parse_pieces(text: &'static str, choices: bool) -> Result<Vec<Piece>, (&'static str, String)> {
    let mut pieces = Vec::new();
    let mut rest = text;
    while let Some(at) = rest.find(['{', '(', '}', '|']) {
        if at > 0 {
            pieces.push(Piece::Text(&rest[..at]));
        }
        let opening = rest.as_bytes()[at];
        rest = &rest[at + 1..];
        match opening {
            b'{' => {
                let (slot, after) = rest.split_once('}').ok_or(("slot", format!("no closing brace after {{{rest}")))?;
                pieces.push(if slot == "a" { Piece::Article } else { Piece::Slot(parse_slot(slot)?) });
                rest = after;
            }
            b'(' if choices => {
                let (inside, after) =
                    rest.split_once(')').ok_or(("choice", format!("no closing bracket after ({rest}")))?;
                let options: Vec<&str> = inside.split('|').collect();
                if options.len() < 2 || options.iter().any(|option| option.trim().is_empty()) {
                    return Err(("choice", format!("({inside}) is not two or more words, none empty")));
                }
                let options = options.into_iter().map(|option| parse_pieces(option, false));
                pieces.push(Piece::Choice(options.collect::<Result<_, _>>()?));
                rest = after;
            }
            other => return Err(("text", format!("a stray {:?}", other as char))),
        }
    }
    if !rest.is_empty() {
        pieces.push(Piece::Text(rest));
    }
    Ok(pieces)
}

fn parse_slot(slot: &str) -> Result<Slot, (&'static str, String)> {
    let unknown = || ("slot", format!("no slot is called {{{slot}}}"));
    let (letter, form) = slot.split_once('.').unwrap_or((slot, ""));
    if let Some(role) = Role::from_name(letter) {
        return Ok(Slot::Member(role, member_form(form).ok_or_else(unknown)?));
    }
    let token = match letter {
        "I" | "J" | "B" => Token::from_name(letter),
        _ => None,
    };
    if let Some(token) = token {
        return Ok(Slot::Thing(token, thing_form(form).ok_or_else(unknown)?));
    }
    let place = match form {
        "in" => Some(PlaceForm::In),
        "to" => Some(PlaceForm::To),
        "the" => Some(PlaceForm::The),
        "spot" => Some(PlaceForm::Spot),
        "dry" => Some(PlaceForm::Dry),
        _ => None,
    };
    match (letter, form, place) {
        ("P", _, Some(place)) => Ok(Slot::Here(place)),
        ("Q", _, Some(place)) => Ok(Slot::There(place)),
        ("S", "on", _) => Ok(Slot::SkyOn),
        ("S", "sky", _) => Ok(Slot::SkyClause),
        _ => Err(unknown()),
    }
}

fn member_form(name: &str) -> Option<MemberForm> {
    Some(match name {
        "" => MemberForm::Plain,
        "name" => MemberForm::Name,
        "the" => MemberForm::The,
        "a" => MemberForm::A,
        "kind" => MemberForm::Kind,
        "adj" => MemberForm::Adjective,
        "intro" => MemberForm::Intro,
        "he" => MemberForm::He,
        "him" => MemberForm::Him,
        "his" => MemberForm::His,
        "hers" => MemberForm::Hers,
        "himself" => MemberForm::Himself,
        "was" => MemberForm::Was,
        "is" => MemberForm::Is,
        "has" => MemberForm::Has,
        _ => return None,
    })
}

fn thing_form(name: &str) -> Option<ThingForm> {
    Some(match name {
        "" => ThingForm::Plain,
        "a" => ThingForm::A,
        "the" => ThingForm::The,
        "it" => ThingForm::It,
        "was" => ThingForm::Was,
        "is" => ThingForm::Is,
        "this" => ThingForm::This,
        _ => return None,
    })
}
