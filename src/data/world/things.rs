//! What can be found, held, given, built or sailed.
//!
//! A *name* is that of the sprite in the package, a *word* is how the text
//! calls it. Things that are only shown because a plot names them (a map, a
//! present, a hammer) are of no class but `Fixed`, so that no story is about them.

use super::places::{Place, Places};
use ThingClass::{Build, Drink, Fixed, Flower, Food, Instrument, Light, Misc, Sweet, Tool, Toy, Treasure, Wearable};

/// A thing, one of [`Thing::all`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Thing(u8);

/// What a plot or a template may ask of a thing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ThingClass {
    Toy,
    Food,
    Light,
    Instrument,
    Flower,
    Wearable,
    Treasure,
    Tool,
    /// What can be baked.
    Sweet,
    Drink,
    /// Of no class, but good to have.
    Misc,
    /// Backdrops that can be built or sailed.
    Build,
    /// Only where a plot names it.
    Fixed,
}

#[derive(Clone, Copy)]
struct Facts {
    name: &'static str,
    word: &'static str,
    class: ThingClass,
    plural: bool,
    small: bool,
    fits: Places,
}

const fn thing(name: &'static str, word: &'static str, class: ThingClass) -> Facts {
    Facts { name, word, class, plural: false, small: true, fits: Places::ALL }
}

impl Facts {
    const fn plural(self) -> Facts {
        Facts { plural: true, ..self }
    }
    const fn standing(self) -> Facts {
        Facts { small: false, ..self }
    }
    const fn at(self, fits: Places) -> Facts {
        Facts { fits, ..self }
    }
}

/// Everywhere but on the water.
const DRY: Places = Places::ALL.without(Place::Sea);
/// On even ground.
const EVEN: Places = Places::of(&[Place::Meadow, Place::Indoor, Place::Road]);
/// Where the wind reaches.
const OPEN: Places = Places::of(&[Place::Meadow, Place::Forest, Place::Beach, Place::Snow, Place::Sea, Place::Road]);
const WATERSIDE: Places = Places::of(&[Place::Beach, Place::Sea]);
const SNOWY: Places = Places::of(&[Place::Snow]);
/// Where one can build.
const GROUND: Places = Places::of(&[Place::Meadow, Place::Forest, Place::Beach, Place::Snow, Place::Road]);

const THINGS: [Facts; 111] = [
    thing("red-apple", "apple", Food),
    thing("green-apple", "green apple", Food),
    thing("pear", "pear", Food),
    thing("banana", "banana", Food),
    thing("grapes", "grapes", Food).plural(),
    thing("strawberry", "strawberry", Food),
    thing("cherries", "cherries", Food).plural(),
    thing("watermelon", "slice of melon", Food),
    thing("pineapple", "pineapple", Food),
    thing("carrot", "carrot", Food),
    thing("mushroom", "mushroom", Food),
    thing("ear-of-corn", "corn cob", Food),
    thing("bread", "loaf of bread", Food),
    thing("cheese-wedge", "piece of cheese", Food),
    thing("pizza", "slice of pizza", Food),
    thing("egg", "egg", Food),
    thing("pancakes", "pancakes", Sweet).plural(),
    thing("cookie", "cookie", Sweet),
    thing("doughnut", "doughnut", Sweet),
    thing("cupcake", "cupcake", Sweet),
    thing("birthday-cake", "cake", Sweet),
    thing("pie", "pie", Sweet),
    thing("lollipop", "lollipop", Food),
    thing("chocolate-bar", "chocolate bar", Food),
    thing("honey-pot", "pot of honey", Food),
    thing("soft-ice-cream", "ice cream", Food),
    thing("glass-of-milk", "glass of milk", Drink),
    thing("teapot", "teapot", Drink),
    thing("hot-beverage", "cup of tea", Drink),
    thing("key", "key", Tool),
    thing("old-key", "golden key", Treasure),
    thing("crown", "crown", Treasure),
    thing("gem-stone", "jewel", Treasure),
    thing("ring", "ring", Treasure),
    thing("coin", "coin", Treasure),
    thing("trophy", "cup of gold", Treasure),
    thing("crystal-ball", "crystal ball", Treasure),
    thing("star", "star", Treasure),
    thing("balloon", "balloon", Toy),
    thing("kite", "kite", Toy).at(OPEN),
    thing("yo-yo", "yo-yo", Toy),
    thing("puzzle-piece", "puzzle piece", Toy),
    thing("soccer-ball", "football", Toy),
    thing("basketball", "basketball", Toy),
    thing("baseball", "baseball", Toy),
    thing("magic-wand", "magic wand", Toy),
    thing("skateboard", "skateboard", Toy).at(EVEN),
    thing("bicycle", "bicycle", Toy).standing().at(EVEN.with(Place::Forest)),
    thing("kick-scooter", "scooter", Toy).standing().at(EVEN),
    thing("sled", "sled", Toy).standing().at(SNOWY),
    thing("drum", "drum", Instrument),
    thing("guitar", "guitar", Instrument),
    thing("trumpet", "trumpet", Instrument),
    thing("violin", "violin", Instrument),
    thing("accordion", "accordion", Instrument),
    thing("banjo", "banjo", Instrument),
    thing("flute", "flute", Instrument),
    thing("maracas", "maracas", Instrument).plural(),
    thing("bell", "bell", Instrument),
    thing("candle", "candle", Light).at(DRY),
    thing("flashlight", "flashlight", Light),
    thing("red-paper-lantern", "lantern", Light),
    thing("glowing-star", "glowing star", Light),
    thing("scarf", "scarf", Wearable),
    thing("gloves", "gloves", Wearable).plural(),
    thing("socks", "socks", Wearable).plural(),
    thing("billed-cap", "cap", Wearable),
    thing("top-hat", "top hat", Wearable),
    thing("rose", "rose", Flower),
    thing("tulip", "tulip", Flower),
    thing("sunflower", "sunflower", Flower),
    thing("hibiscus", "hibiscus", Flower),
    thing("blossom", "daisy", Flower),
    thing("bucket", "bucket", Tool),
    thing("broom", "broom", Tool),
    thing("ladder", "ladder", Tool).standing().at(DRY),
    thing("umbrella", "umbrella", Tool),
    thing("compass", "compass", Tool),
    thing("magnifying-glass-tilted-left", "magnifying glass", Tool),
    thing("telescope", "telescope", Tool),
    thing("paintbrush", "paintbrush", Tool),
    thing("womans-hat", "sun hat", Misc),
    thing("backpack", "backpack", Misc),
    thing("basket", "basket", Misc),
    thing("open-book", "book", Misc).at(DRY),
    thing("books", "books", Misc).plural().at(DRY),
    thing("envelope", "letter", Misc).at(DRY),
    thing("ribbon", "ribbon", Misc),
    thing("bouquet", "bunch of flowers", Misc),
    thing("potted-plant", "potted plant", Misc).at(DRY),
    thing("four-leaf-clover", "lucky clover", Misc),
    thing("maple-leaf", "maple leaf", Misc),
    thing("feather", "feather", Misc),
    thing("spiral-shell", "shell", Misc),
    thing("coral", "coral", Misc).at(WATERSIDE),
    thing("anchor", "anchor", Misc).standing().at(WATERSIDE),
    thing("mirror", "mirror", Misc),
    thing("camera", "camera", Misc),
    thing("hourglass-done", "hourglass", Misc),
    thing("artist-palette", "paint box", Misc),
    thing("hut", "hut", Build).standing().at(GROUND),
    thing("house", "house", Build).standing().at(GROUND),
    thing("tent", "tent", Build).standing().at(GROUND),
    thing("castle", "castle", Build).standing().at(GROUND),
    thing("sailboat", "sailing boat", Build).standing().at(WATERSIDE),
    thing("canoe", "canoe", Build).standing().at(WATERSIDE),
    thing("speedboat", "speedboat", Build).standing().at(WATERSIDE),
    thing("world-map", "map", Fixed),
    thing("wrapped-gift", "present", Fixed),
    thing("hammer", "hammer", Fixed),
    thing("snowman", "snowman", Fixed).standing().at(GROUND),
];

impl Thing {
    /// All things, in the order of the table.
    pub fn all() -> impl ExactSizeIterator<Item = Thing> + Clone {
        (0..THINGS.len() as u8).map(Thing)
    }

    /// The thing with this sprite name.
    pub fn from_name(name: &str) -> Option<Thing> {
        Thing::all().find(|t| t.name() == name)
    }

    /// The name of its sprite.
    pub fn name(self) -> &'static str {
        self.facts().name
    }

    /// What the text calls it, in the plural if [`is_plural`](Self::is_plural).
    pub fn word(self) -> &'static str {
        self.facts().word
    }

    /// Its one class.
    pub fn class(self) -> ThingClass {
        self.facts().class
    }

    /// Whether the word is a plural: some grapes, them, were.
    pub fn is_plural(self) -> bool {
        self.facts().plural
    }

    /// Whether it can be held; the others stand on the ground.
    pub fn is_small(self) -> bool {
        self.facts().small
    }

    /// Where it makes sense.
    pub fn fits(self) -> Places {
        self.facts().fits
    }

    /// Whether it is of the class with this name; of `any` is all that a story
    /// can be about. `None` for a name that is no class.
    pub fn is(self, class: &str) -> Option<bool> {
        let class = match class {
            "toy" => Toy,
            "food" => Food,
            "light" => Light,
            "instrument" => Instrument,
            "flower" => Flower,
            "wearable" => Wearable,
            "treasure" => Treasure,
            "tool" => Tool,
            "sweet" => Sweet,
            "drink" => Drink,
            "any" => return Some(!matches!(self.class(), Build | Fixed)),
            _ => return None,
        };
        Some(self.class() == class)
    }

    /// Whether it carries its traveller over water.
    pub fn is_boat(self) -> bool {
        self.class() == Build && self.fits() == WATERSIDE
    }

    pub(crate) fn index(self) -> usize {
        usize::from(self.0)
    }

    fn facts(self) -> &'static Facts {
        &THINGS[self.index()]
    }
}
