//! The names of the world: who, what, where and under which sky.
//!
//! A *name* is that of the sprite in the package (it stands in labels, in the
//! atlas and in the rule for held-out pairs); a *word* is how the text calls it.

/// A character, one of [`Character::all`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Character(u8);

/// A thing that can lie beside a character, one of [`Prop::all`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Prop(u8);

/// Where a story happens.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Place {
    Meadow,
    Forest,
    Beach,
    Snow,
    Sea,
    Cave,
    Indoor,
    Road,
}

/// Time of day and weather; the same in all pictures of a story.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Sky {
    Day,
    Sunset,
    Night,
    Rain,
}

/// A small sign above the character that shows its mood.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Mark {
    Heart,
    Sparkles,
    Note,
    Sleep,
}

/// Sprite name and word of the 24 characters.
const CHARACTERS: [(&str, &str); 24] = [
    ("fox", "fox"),
    ("rabbit", "rabbit"),
    ("bear", "bear"),
    ("panda", "panda"),
    ("koala", "koala"),
    ("lion", "lion"),
    ("frog", "frog"),
    ("penguin", "penguin"),
    ("owl", "owl"),
    ("black-cat", "cat"),
    ("dog", "dog"),
    ("mouse", "mouse"),
    ("pig", "pig"),
    ("tiger", "tiger"),
    ("monkey", "monkey"),
    ("hedgehog", "hedgehog"),
    ("duck", "duck"),
    ("elephant", "elephant"),
    ("unicorn", "unicorn"),
    ("dragon", "dragon"),
    ("turtle", "turtle"),
    ("robot", "robot"),
    ("ghost", "ghost"),
    ("raccoon", "raccoon"),
];

/// Sprite name and word of the 16 props.
const PROPS: [(&str, &str); 16] = [
    ("balloon", "balloon"),
    ("kite", "kite"),
    ("red-apple", "apple"),
    ("key", "key"),
    ("drum", "drum"),
    ("guitar", "guitar"),
    ("trumpet", "trumpet"),
    ("wrapped-gift", "present"),
    ("red-paper-lantern", "lantern"),
    ("umbrella", "umbrella"),
    ("crown", "crown"),
    ("cupcake", "cupcake"),
    ("open-book", "book"),
    ("sunflower", "sunflower"),
    ("soccer-ball", "ball"),
    ("star", "star"),
];

/// The adjectives; no picture depends on them.
pub const ADJECTIVES: [&str; 8] = ["shy", "brave", "tiny", "sleepy", "curious", "happy", "clever", "kind"];

impl Character {
    /// Its place in [`Character::all`].
    pub(crate) fn index(self) -> usize {
        usize::from(self.0)
    }

    /// All characters, in the order of the atlas.
    pub fn all() -> impl ExactSizeIterator<Item = Character> + Clone {
        (0..CHARACTERS.len() as u8).map(Character)
    }

    /// The character with this sprite name.
    pub fn from_name(name: &str) -> Option<Character> {
        Character::all().find(|c| c.name() == name)
    }

    /// The name of its sprite.
    pub fn name(self) -> &'static str {
        CHARACTERS[usize::from(self.0)].0
    }

    /// What the text calls it.
    pub fn word(self) -> &'static str {
        CHARACTERS[usize::from(self.0)].1
    }
}

impl Prop {
    /// Its place in [`Prop::all`].
    pub(crate) fn index(self) -> usize {
        usize::from(self.0)
    }

    /// All props, in the order of the atlas.
    pub fn all() -> impl ExactSizeIterator<Item = Prop> + Clone {
        (0..PROPS.len() as u8).map(Prop)
    }

    /// The prop with this sprite name.
    pub fn from_name(name: &str) -> Option<Prop> {
        Prop::all().find(|p| p.name() == name)
    }

    /// The prop with this word.
    pub fn from_word(word: &str) -> Option<Prop> {
        Prop::all().find(|p| p.word() == word)
    }

    /// The name of its sprite.
    pub fn name(self) -> &'static str {
        PROPS[usize::from(self.0)].0
    }

    /// What the text calls it.
    pub fn word(self) -> &'static str {
        PROPS[usize::from(self.0)].1
    }
}

impl Place {
    /// All places.
    pub const ALL: [Place; 8] =
        [Place::Meadow, Place::Forest, Place::Beach, Place::Snow, Place::Sea, Place::Cave, Place::Indoor, Place::Road];

    /// The place's name in labels and in the rule for held-out pairs.
    pub fn name(self) -> &'static str {
        match self {
            Place::Meadow => "meadow",
            Place::Forest => "forest",
            Place::Beach => "beach",
            Place::Snow => "snow",
            Place::Sea => "sea",
            Place::Cave => "cave",
            Place::Indoor => "indoor",
            Place::Road => "road",
        }
    }

    /// The place with this name.
    pub fn from_name(name: &str) -> Option<Place> {
        Place::ALL.into_iter().find(|p| p.name() == name)
    }

    /// The phrase of the stories.
    pub fn phrase(self) -> &'static str {
        match self {
            Place::Meadow => "in the meadow",
            Place::Forest => "in the forest",
            Place::Beach => "on the beach",
            Place::Snow => "in the snow",
            Place::Sea => "on the sea",
            Place::Cave => "in the cave",
            Place::Indoor => "in the house",
            Place::Road => "on the road",
        }
    }
}

impl Sky {
    /// All skies.
    pub const ALL: [Sky; 4] = [Sky::Day, Sky::Sunset, Sky::Night, Sky::Rain];

    /// The sky's name in labels.
    pub fn name(self) -> &'static str {
        match self {
            Sky::Day => "day",
            Sky::Sunset => "sunset",
            Sky::Night => "night",
            Sky::Rain => "rain",
        }
    }

    /// The sky with this name.
    pub fn from_name(name: &str) -> Option<Sky> {
        Sky::ALL.into_iter().find(|s| s.name() == name)
    }

    /// The phrase that opens a sentence of a story.
    pub fn phrase(self) -> &'static str {
        match self {
            Sky::Day => "On a sunny morning",
            Sky::Sunset => "On a golden evening",
            Sky::Night => "On a starry night",
            Sky::Rain => "On a rainy day",
        }
    }
}

impl Mark {
    /// All marks, in the order of the atlas.
    pub const ALL: [Mark; 4] = [Mark::Heart, Mark::Sparkles, Mark::Note, Mark::Sleep];

    /// The name of its sprite.
    pub fn name(self) -> &'static str {
        match self {
            Mark::Heart => "red-heart",
            Mark::Sparkles => "sparkles",
            Mark::Note => "musical-note",
            Mark::Sleep => "zzz",
        }
    }

    /// The mark with this name.
    pub fn from_name(name: &str) -> Option<Mark> {
        Mark::ALL.into_iter().find(|m| m.name() == name)
    }
}
