//! Phrases for places and skies and wordings of prompts: `places.txt`,
//! `skies.txt` and `prompts.txt`.

use std::sync::OnceLock;

use super::template::PlaceForm;
use crate::data::world::{Place, Sky};
use crate::error::{Error, Result};

/// Phrases of one place.
#[derive(Clone, Debug, Default)]
pub struct PlacePhrases {
    /// "in the forest"; one of them is drawn.
    pub within: Vec<&'static str>,
    /// "to the forest"
    pub to: Vec<&'static str>,
    /// "the forest"
    pub the: Vec<&'static str>,
    /// "under an old oak"
    pub spot: Vec<&'static str>,
    /// "under a thick fir tree": somewhere to sit in the rain.
    pub dry: Vec<&'static str>,
    /// How a prompt says it: "in the woods".
    pub ask: Vec<&'static str>,
    /// A keyword of a prompt: "woods".
    pub word: Vec<&'static str>,
}

/// Phrases of one sky.
#[derive(Clone, Debug, Default)]
pub struct SkyPhrases {
    /// "one sunny morning"
    pub on: Vec<&'static str>,
    /// "the sun was shining"; true in every place, indoors too.
    pub clause: Vec<&'static str>,
    /// How a prompt says it: "at night".
    pub ask: Vec<&'static str>,
    /// A keyword of a prompt: "night".
    pub word: Vec<&'static str>,
}

/// All phrases.
#[derive(Clone, Debug, Default)]
pub struct Lexicon {
    places: [PlacePhrases; 8],
    skies: [SkyPhrases; 6],
    /// What stands before "a fox …" in a prompt, and after it: `("Tell me a story about", ".")`.
    pub about: Vec<(&'static str, &'static str)>,
    /// The same where one picture is asked for: `("A picture of", ".")`.
    pub caption: Vec<(&'static str, &'static str)>,
    /// What stands before "that ends well" in a prompt.
    pub tale: Vec<&'static str>,
    /// Prompts that ask for nothing in particular.
    pub anything: Vec<&'static str>,
    /// Who a story is about if the prompt does not say it.
    pub somebody: Vec<&'static str>,
}

impl Lexicon {
    /// The phrases of the crate.
    ///
    /// # Panics
    ///
    /// If an embedded file is malformed; a test reads them.
    pub fn embedded() -> &'static Lexicon {
        static ONCE: OnceLock<Lexicon> = OnceLock::new();
        ONCE.get_or_init(|| {
            let mut lexicon = Lexicon::default();
            let files = [
                ("places.txt", include_str!("places.txt")),
                ("skies.txt", include_str!("skies.txt")),
                ("prompts.txt", include_str!("prompts.txt")),
            ];
            for (file, text) in files {
                if let Err(error) = lexicon.read(file, text) {
                    panic!("the embedded phrases are broken: {error}");
                }
            }
            lexicon
        })
    }

    /// Adds the phrases of a file: `[NAME]` of a place or sky or `[prompt]`,
    /// then `field: phrase` in each line.
    ///
    /// # Errors
    ///
    /// [`Error::Data`] with the file, line and field that cannot be read.
    pub fn read(&mut self, file: &str, text: &'static str) -> Result<()> {
        let mut section = "";
        for (i, line) in text.lines().enumerate() {
            let line = line.trim();
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            let broken = |field: &str, reason| Error::Data {
                file: file.to_owned(),
                line: i + 1,
                field: field.to_owned(),
                reason,
            };
            if let Some(name) = line.strip_prefix('[') {
                section = name.trim_end_matches(']');
                continue;
            }
            let (field, phrase) =
                line.split_once(": ").ok_or_else(|| broken("-", format!("{line:?} is not field: phrase")))?;
            let phrases = self.phrases(file, section, field);
            match phrases {
                Some(phrases) => phrases.push(phrase),
                None if section == "prompt" && (field == "about" || field == "caption") => {
                    let around = phrase.split_once('…').unwrap_or((phrase, ""));
                    if field == "about" { self.about.push(around) } else { self.caption.push(around) }
                }
                None => return Err(broken(field, format!("[{section}] has no such field"))),
            }
        }
        Ok(())
    }

    fn phrases(&mut self, file: &str, section: &str, field: &str) -> Option<&mut Vec<&'static str>> {
        if section == "prompt" {
            return match field {
                "tale" => Some(&mut self.tale),
                "anything" => Some(&mut self.anything),
                "somebody" => Some(&mut self.somebody),
                _ => None,
            };
        }
        // A place and a sky are both called snow; the file says which.
        if let Some(place) = Place::from_name(section).filter(|_| file == "places.txt") {
            let place = &mut self.places[place.index()];
            return match field {
                "in" => Some(&mut place.within),
                "to" => Some(&mut place.to),
                "the" => Some(&mut place.the),
                "spot" => Some(&mut place.spot),
                "dry" => Some(&mut place.dry),
                "ask" => Some(&mut place.ask),
                "word" => Some(&mut place.word),
                _ => None,
            };
        }
        let sky = &mut self.skies[Sky::from_name(section)?.index()];
        match field {
            "on" => Some(&mut sky.on),
            "sky" => Some(&mut sky.clause),
            "ask" => Some(&mut sky.ask),
            "word" => Some(&mut sky.word),
            _ => None,
        }
    }

    /// The phrases of a place.
    pub fn place(&self, place: Place) -> &PlacePhrases {
        &self.places[place.index()]
    }

    /// The phrases of a sky.
    pub fn sky(&self, sky: Sky) -> &SkyPhrases {
        &self.skies[sky.index()]
    }
}

impl PlacePhrases {
    /// The phrases of a form.
    pub fn form(&self, form: PlaceForm) -> &[&'static str] {
        match form {
            PlaceForm::In => &self.within,
            PlaceForm::To => &self.to,
            PlaceForm::The => &self.the,
            PlaceForm::Spot => &self.spot,
            PlaceForm::Dry => &self.dry,
        }
    }
}
