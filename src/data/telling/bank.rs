//! The bank of templates, read from `bank/*.txt`.

use std::collections::BTreeMap;
use std::sync::OnceLock;

use super::template::{Slot, Template};
use crate::data::world::{Plots, Role, Token};
use crate::error::{Error, Result};

/// The files of the bank, one a plot.
const FILES: [(&str, &str); 20] = [
    ("afraid-of-dark.txt", include_str!("../bank/afraid-of-dark.txt")),
    ("birthday.txt", include_str!("../bank/birthday.txt")),
    ("building.txt", include_str!("../bank/building.txt")),
    ("concert.txt", include_str!("../bank/concert.txt")),
    ("cooking.txt", include_str!("../bank/cooking.txt")),
    ("gift.txt", include_str!("../bank/gift.txt")),
    ("hide-and-seek.txt", include_str!("../bank/hide-and-seek.txt")),
    ("lost-and-found.txt", include_str!("../bank/lost-and-found.txt")),
    ("new-friend.txt", include_str!("../bank/new-friend.txt")),
    ("night-journey.txt", include_str!("../bank/night-journey.txt")),
    ("quarrel.txt", include_str!("../bank/quarrel.txt")),
    ("race.txt", include_str!("../bank/race.txt")),
    ("rescue.txt", include_str!("../bank/rescue.txt")),
    ("seed.txt", include_str!("../bank/seed.txt")),
    ("snow-day.txt", include_str!("../bank/snow-day.txt")),
    ("storm.txt", include_str!("../bank/storm.txt")),
    ("trade.txt", include_str!("../bank/trade.txt")),
    ("treasure-map.txt", include_str!("../bank/treasure-map.txt")),
    ("voyage.txt", include_str!("../bank/voyage.txt")),
    ("wish.txt", include_str!("../bank/wish.txt")),
];

/// Templates by event, and what prompts say by plot.
#[derive(Clone, Debug, Default)]
pub struct Bank {
    /// The wordings of each event, by its name, in the order of the file.
    pub events: BTreeMap<&'static str, Vec<Template>>,
    /// What asks for each plot, after "a story about a fox": `[ask PLOT]`.
    pub asks: BTreeMap<&'static str, Vec<Template>>,
}

impl Bank {
    /// The bank of the crate.
    ///
    /// # Panics
    ///
    /// If an embedded file is malformed; a test reads them.
    pub fn embedded() -> &'static Bank {
        static ONCE: OnceLock<Bank> = OnceLock::new();
        ONCE.get_or_init(|| {
            let mut bank = Bank::default();
            for (file, text) in FILES {
                if let Err(error) = bank.read(file, text) {
                    panic!("the embedded bank is broken: {error}");
                }
            }
            bank
        })
    }

    /// Sentence templates of all events.
    pub fn n_templates(&self) -> usize {
        self.events.values().map(Vec::len).sum()
    }

    /// Bytes of the files of the crate's bank.
    pub fn n_bytes() -> usize {
        FILES.iter().map(|(_, text)| text.len()).sum()
    }

    /// Adds the templates of a file:
    ///
    /// ```text
    /// # comment
    /// [event-id] or [ask PLOT]
    /// - @place=sea,beach Text with {H} and (one|other) alternative.
    /// ```
    ///
    /// # Errors
    ///
    /// [`Error::Data`] with the file, line and field that cannot be read.
    pub fn read(&mut self, file: &str, text: &'static str) -> Result<()> {
        let mut section = None;
        for (i, line) in text.lines().enumerate() {
            let line = line.trim();
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            self.read_line(&mut section, line).map_err(|(field, reason)| Error::Data {
                file: file.to_owned(),
                line: i + 1,
                field: field.to_owned(),
                reason,
            })?;
        }
        Ok(())
    }

    fn read_line(&mut self, section: &mut Option<Section>, line: &'static str) -> Result<(), (&'static str, String)> {
        if let Some(head) = line.strip_prefix('[') {
            let name = head.strip_suffix(']').ok_or(("event", "no closing bracket".to_owned()))?;
            *section = Some(Section::named(name).ok_or(("event", format!("nothing is called {name}")))?);
            return Ok(());
        }
        let section = section.ok_or(("event", "a template stands before its event".to_owned()))?;
        let text = line.strip_prefix("- ").ok_or(("text", format!("{line:?} does not begin with -")))?;
        let template = Template::parse(text)?;
        if let Some(letter) = template.slots().map(letter).find(|letter| !section.plot_has(letter)) {
            return Err(("slot", format!("the plot has no {letter}")));
        }
        let (all, name) = match section {
            Section::Event(name, _) => (&mut self.events, name),
            Section::Ask(name) => (&mut self.asks, name),
        };
        all.entry(name).or_default().push(template);
        Ok(())
    }

    /// The wordings of an event.
    pub fn templates(&self, event: &str) -> &[Template] {
        self.events.get(event).map_or(&[], Vec::as_slice)
    }
}

/// What a header names.
#[derive(Clone, Copy)]
enum Section {
    /// An event, and its plot.
    Event(&'static str, &'static str),
    Ask(&'static str),
}

impl Section {
    fn named(name: &str) -> Option<Section> {
        let plots = &Plots::embedded().plots;
        if let Some(name) = name.strip_prefix("ask ") {
            return plots.iter().find(|plot| plot.name == name).map(|plot| Section::Ask(plot.name));
        }
        plots.iter().find_map(|plot| {
            let event = plot.events.iter().find(|event| event.id == name)?;
            Some(Section::Event(event.id, plot.name))
        })
    }

    fn plot_has(self, letter: &str) -> bool {
        let (Section::Event(_, plot) | Section::Ask(plot)) = self;
        Plots::embedded().named(plot).is_some_and(|plot| plot.has(letter))
    }
}

/// The letter of a slot.
fn letter(slot: Slot) -> &'static str {
    match slot {
        Slot::Member(Role::Hero, _) => "H",
        Slot::Member(Role::Friend, _) => "F",
        Slot::Member(Role::Other, _) => "O",
        Slot::Thing(Token::Item, _) => "I",
        Slot::Thing(Token::Item2, _) => "J",
        Slot::Thing(_, _) => "B",
        Slot::Here(_) => "P",
        Slot::There(_) => "Q",
        Slot::SkyOn | Slot::SkyClause => "S",
    }
}
