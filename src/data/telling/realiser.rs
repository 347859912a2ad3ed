//! From a template and an episode to a sentence.

use super::bank::Bank;
use super::grammar::{article, capitalised, pronoun_form, thing_form, wants_capital};
use super::lexicon::Lexicon;
use super::template::{MemberForm, Piece, PlaceForm, Slot, Template, ThingForm};
use crate::data::world::simulate::Episode;
use crate::data::world::{Life, Member, Place, Role, Sky, Thing, Token};
use crate::flow::rng::Rng;

/// How often `{H}` is a name and not "the fox".
const NAME: f32 = 0.4;

/// A sentence or two, and what they are about.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Told {
    /// The text.
    pub text: String,
    /// Sprites of the characters and things that it names, in the order of naming.
    pub named: Vec<&'static str>,
    /// Sprites whose colour it says.
    pub coloured: Vec<&'static str>,
}

/// Where and under which sky a text is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Setting {
    /// `{P}`
    pub place: Place,
    /// `{S}`
    pub sky: Sky,
}

/// The template for an episode: one of those of its event that suit it, each
/// as likely. One draw. `None` if none suits; a test of the bank finds such a cast.
pub fn choose(life: &Life, episode: &Episode, known: [bool; 3], rng: &mut Rng) -> Option<&'static Template> {
    let all = Bank::embedded().templates(episode.event.id);
    let suitable: Vec<&Template> = all.iter().filter(|template| template.suits(life, episode, known)).collect();
    let chosen = rng.below(suitable.len().max(1));
    suitable.get(chosen).copied()
}

/// The text of a template. Draws for hero, friend and other whether it is the
/// name or "the fox" here, then from left to right one of the alternatives, of
/// the introductions and of the phrases.
pub fn realise(template: &Template, life: &Life, setting: Setting, rng: &mut Rng) -> Told {
    let mut by_name = [false; 3];
    for role in Role::ALL {
        let is_drawn = rng.bernoulli(NAME);
        by_name[role as usize] = is_drawn || shares_word(life, role);
    }
    let told = Told { text: String::with_capacity(192), ..Told::default() };
    let strangers = template.introduces();
    let mut teller = Teller {
        life,
        setting,
        by_name,
        strangers,
        introduced: [false; 3],
        introduction: None,
        needs_article: false,
        told,
        rng,
    };
    teller.tell(&template.pieces);
    teller.told
}

/// Whether somebody else in the story is called by the same word.
pub fn shares_word(life: &Life, role: Role) -> bool {
    Role::ALL.into_iter().any(|other| are_alike(life, role, other))
}

/// Whether two in the story are called by the same word.
pub fn are_alike(life: &Life, one: Role, other: Role) -> bool {
    let word = |role: Role| life.cast.member(role).map(|m| m.species.word());
    one != other && word(one).is_some() && word(one) == word(other)
}

struct Teller<'a> {
    life: &'a Life,
    setting: Setting,
    by_name: [bool; 3],
    /// Who is introduced in this text.
    strangers: [bool; 3],
    /// Which of them were introduced so far.
    introduced: [bool; 3],
    /// Which introduction was used in this text.
    introduction: Option<usize>,
    needs_article: bool,
    told: Told,
    rng: &'a mut Rng,
}

impl Teller<'_> {
    fn tell(&mut self, pieces: &[Piece]) {
        for (i, piece) in pieces.iter().enumerate() {
            let after = match pieces.get(i + 1) {
                Some(Piece::Text(text)) => text,
                _ => "",
            };
            match piece {
                Piece::Text(text) => self.put_fixed(text),
                Piece::Article => self.needs_article = true,
                Piece::Slot(slot) => self.fill(*slot, after),
                Piece::Choice(options) => {
                    let option = &options[self.rng.below(options.len())];
                    match option[..] {
                        [Piece::Text(text)] => self.put(text, after),
                        _ => self.tell(option),
                    }
                }
            }
        }
    }

    /// Fixed text, which has its own capitals.
    fn put_fixed(&mut self, text: &str) {
        if self.needs_article {
            let text = text.trim_start();
            if !text.is_empty() {
                self.put_article(text);
                self.told.text.push_str(text);
            }
        } else {
            self.told.text.push_str(text);
        }
    }

    /// Text that gets a capital where a sentence begins.
    fn put(&mut self, text: &str, after: &str) {
        if self.needs_article {
            self.put_article(text);
            self.told.text.push_str(text);
        } else if text.starts_with(|c: char| c.is_lowercase()) && wants_capital(&self.told.text, after) {
            self.told.text.push_str(&capitalised(text));
        } else {
            self.told.text.push_str(text);
        }
    }

    fn put_article(&mut self, word: &str) {
        self.needs_article = false;
        self.put(article(word), "");
        self.told.text.push(' ');
    }

    fn fill(&mut self, slot: Slot, after: &str) {
        let lexicon = Lexicon::embedded();
        match slot {
            Slot::Member(role, form) => {
                if let Some(member) = self.life.cast.member(role).copied() {
                    self.put_member(role, &member, form, after);
                }
            }
            Slot::Thing(token, form) => {
                if let Some(thing) = self.life.cast.thing(token) {
                    self.put_thing(token, thing, form, after);
                }
            }
            Slot::Here(form) => self.put_place(self.setting.place, form, after),
            Slot::There(form) => {
                if let Some(place) = self.life.cast.to {
                    self.put_place(place, form, after);
                }
            }
            Slot::SkyOn => self.put_one_of(&lexicon.sky(self.setting.sky).on, after),
            Slot::SkyClause => self.put_one_of(&lexicon.sky(self.setting.sky).clause, after),
        }
    }

    fn put_one_of(&mut self, phrases: &[&str], after: &str) {
        let phrase = phrases[self.rng.below(phrases.len())];
        self.put(phrase, after);
    }

    fn put_place(&mut self, place: Place, form: PlaceForm, after: &str) {
        self.put_one_of(Lexicon::embedded().place(place).form(form), after);
    }

    fn put_member(&mut self, role: Role, member: &Member, form: MemberForm, after: &str) {
        if let Some(word) = pronoun_form(member.pronoun, form) {
            return self.put(word, after);
        }
        self.name(member.species.name());
        let word = member.species.word();
        match form {
            MemberForm::Name => self.put(member.name, after),
            MemberForm::Plain | MemberForm::The => {
                let is_ambiguous = shares_word(self.life, role);
                if is_ambiguous || (form == MemberForm::Plain && self.by_name[role as usize]) {
                    self.put(member.name, after);
                } else {
                    self.put_two("the", word, after);
                }
            }
            MemberForm::A => {
                let is_second = self.is_another(role);
                let word = self.coloured(member.species.name(), word);
                self.put_two(if is_second { "another" } else { article(&word) }, &word, after);
            }
            MemberForm::Adjective => self.put(member.adjective, after),
            MemberForm::Intro => self.put_introduction(role, member, after),
            _ => self.put(word, after),
        }
    }

    /// "a shy fox named Tom", "called" or "by the name of", which are right anywhere in a sentence,
    /// or "whose name was", which is right at its end or before a comma. No two in a text are alike.
    fn put_introduction(&mut self, role: Role, member: &Member, after: &str) {
        const LINKS: [&str; 4] = ["named", "called", "by the name of", "whose name was"];
        // "whose name was Tom, who" is one too many, and "whose name was Tom one day" says that it changed.
        let is_end = after.starts_with(['.', ',']) && !after.trim_start_matches([',', ' ']).starts_with("who");
        let n_links = if is_end { LINKS.len() } else { LINKS.len() - 1 };
        let drawn = self.rng.below(n_links);
        let drawn = if self.introduction == Some(drawn) { (drawn + 1) % n_links } else { drawn };
        let link = if self.told.text.ends_with("called ") { 0 } else { drawn };
        self.introduction = Some(link);
        // "another old fox" would say that the first one is old, too.
        let adjective = (!self.is_another(role)).then_some(member.adjective);
        self.introduced[role as usize] = true;
        self.put(adjective.map_or("another", article), after);
        let species = self.coloured(member.species.name(), member.species.word());
        for word in adjective.into_iter().chain([species.as_str(), LINKS[link], member.name]) {
            self.told.text.push(' ');
            self.told.text.push_str(word);
        }
    }

    /// Whether somebody who is called by the same word is known already.
    fn is_another(&self, role: Role) -> bool {
        let is_known =
            |other: Role| self.introduced[other as usize] || (other < role && !self.strangers[other as usize]);
        Role::ALL.into_iter().any(|other| are_alike(self.life, role, other) && is_known(other))
    }

    fn put_thing(&mut self, token: Token, thing: Thing, form: ThingForm, after: &str) {
        let (word, has_noun) = thing_form(thing, form);
        if !has_noun {
            return self.put(word, after);
        }
        debug_assert!(token != Token::Fixed(thing), "a template has no slot for a fixed thing");
        self.name(thing.name());
        if form == ThingForm::The {
            return self.put_two(word, thing.word(), after);
        }
        let noun = self.coloured(thing.name(), thing.word());
        match form {
            ThingForm::Plain => self.put(&noun, after),
            _ if thing.is_plural() => self.put_two(word, &noun, after),
            _ => self.put_two(article(&noun), &noun, after),
        }
    }

    /// The word with its colour, if the sprite has one. "the balloon" is known already and goes
    /// without.
    fn coloured(&mut self, sprite: &'static str, word: &str) -> String {
        if self.life.cast.tint(sprite).is_some() {
            self.told.coloured.push(sprite);
        }
        self.life.cast.coloured(sprite, word)
    }

    fn put_two(&mut self, first: &str, second: &str, after: &str) {
        self.put(first, after);
        self.told.text.push(' ');
        self.told.text.push_str(second);
    }

    fn name(&mut self, sprite: &'static str) {
        if !self.told.named.contains(&sprite) {
            self.told.named.push(sprite);
        }
    }
}
