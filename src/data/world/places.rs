//! Places and skies.

/// Where a picture of a story is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Place {
    /// Green hills with flowers.
    Meadow,
    /// Trees left and right.
    Forest,
    /// Sand before the sea.
    Beach,
    /// White hills and mountains.
    Snow,
    /// Open water.
    Sea,
    /// A cave with a wide mouth.
    Cave,
    /// A room with large windows.
    Indoor,
    /// A road between fields.
    Road,
}

/// Time of day and weather.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Sky {
    /// Before the sun is up.
    Dawn,
    /// Sunshine.
    Day,
    /// The sun goes down.
    Sunset,
    /// Moon and stars.
    Night,
    /// It rains.
    Rain,
    /// It snows.
    Snow,
}

impl Place {
    /// All places.
    pub const ALL: [Place; 8] =
        [Place::Meadow, Place::Forest, Place::Beach, Place::Snow, Place::Sea, Place::Cave, Place::Indoor, Place::Road];

    /// The place's name in labels, in the bank and in the rule for held-out pairs.
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
        Place::ALL.into_iter().find(|place| place.name() == name)
    }
}

impl Sky {
    /// All skies.
    pub const ALL: [Sky; 6] = [Sky::Dawn, Sky::Day, Sky::Sunset, Sky::Night, Sky::Rain, Sky::Snow];

    /// The sky's name in labels and in the bank.
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
        Sky::ALL.into_iter().find(|sky| sky.name() == name)
    }
}
