//! Where a story happens, and under which sky.

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

/// Time of day and weather.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Sky {
    Dawn,
    Day,
    Sunset,
    Night,
    Rain,
    Snow,
}

/// A set of places.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Places(u8);

impl Place {
    /// All places.
    pub const ALL: [Place; 8] =
        [Place::Meadow, Place::Forest, Place::Beach, Place::Snow, Place::Sea, Place::Cave, Place::Indoor, Place::Road];

    /// The place's name in data files and in the rule for held-out pairs.
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

    pub(crate) fn index(self) -> usize {
        self as usize
    }
}

impl Sky {
    /// All skies.
    pub const ALL: [Sky; 6] = [Sky::Dawn, Sky::Day, Sky::Sunset, Sky::Night, Sky::Rain, Sky::Snow];

    /// The sky's name in data files.
    pub fn name(self) -> &'static str {
        match self {
            Sky::Dawn => "dawn",
            Sky::Day => "day",
            Sky::Sunset => "sunset",
            Sky::Night => "night",
            Sky::Rain => "rain",
            Sky::Snow => "snow",
        }
    }

    /// The sky with this name.
    pub fn from_name(name: &str) -> Option<Sky> {
        Sky::ALL.into_iter().find(|s| s.name() == name)
    }

    pub(crate) fn index(self) -> usize {
        self as usize
    }
}

impl Places {
    /// No place.
    pub const NONE: Places = Places(0);
    /// Every place.
    pub const ALL: Places = Places(0xff);

    /// The set of these places.
    pub const fn of(places: &[Place]) -> Places {
        let (mut bits, mut i) = (0, 0);
        while i < places.len() {
            bits |= 1 << places[i] as u8;
            i += 1;
        }
        Places(bits)
    }

    /// Whether the place is in the set.
    pub const fn contains(self, place: Place) -> bool {
        self.0 >> place as u8 & 1 == 1
    }

    /// The places in both.
    pub const fn and(self, other: Places) -> Places {
        Places(self.0 & other.0)
    }

    /// This set and one more place.
    pub const fn with(self, place: Place) -> Places {
        Places(self.0 | 1 << place as u8)
    }

    /// This set less one place.
    pub const fn without(self, place: Place) -> Places {
        Places(self.0 & !(1 << place as u8))
    }

    /// How many places.
    pub const fn len(self) -> usize {
        self.0.count_ones() as usize
    }

    /// Whether there is none.
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// The `n`-th place of the set, in the order of [`Place::ALL`].
    pub fn nth(self, n: usize) -> Option<Place> {
        Place::ALL.into_iter().filter(|&p| self.contains(p)).nth(n)
    }
}
