//! The curated sprites of the large world, and what is known of its characters.
//!
//! The names are those of the package; their order is that of the atlas.

use super::{Body, Look};

/// A character: its name, and where it looks, holds things and has the top of its head.
struct Character {
    name: &'static str,
    body: Body,
}

/// One that is drawn from its left side.
const fn left(name: &'static str, hand: [f32; 2], head: [f32; 2]) -> Character {
    Character { name, body: Body { facing: Look::Left, hand, head } }
}

/// One that is drawn from the front.
const fn front(name: &'static str, hand: [f32; 2], head: [f32; 2]) -> Character {
    Character { name, body: Body { facing: Look::Front, hand, head } }
}

/// Who lives in the world.
#[rustfmt::skip]
const CHARACTERS: [Character; 118] = [
    left("rabbit", [0.1, 0.66], [0.42, 0.22]),
    left("dog", [0.08, 0.5], [0.22, 0.06]),
    left("poodle", [0.08, 0.4], [0.28, 0.06]),
    left("cat", [0.1, 0.5], [0.18, 0.1]),
    left("black-cat", [0.1, 0.5], [0.18, 0.1]),
    front("fox", [0.84, 0.82], [0.5, 0.1]),
    front("wolf", [0.84, 0.82], [0.5, 0.1]),
    front("raccoon", [0.84, 0.82], [0.5, 0.1]),
    left("mouse", [0.1, 0.7], [0.3, 0.12]),
    left("rat", [0.1, 0.7], [0.3, 0.12]),
    front("hamster", [0.84, 0.82], [0.5, 0.1]),
    left("chipmunk", [0.16, 0.6], [0.3, 0.04]),
    left("hedgehog", [0.06, 0.76], [0.28, 0.3]),
    left("beaver", [0.12, 0.56], [0.24, 0.06]),
    left("badger", [0.06, 0.72], [0.16, 0.3]),
    left("otter", [0.3, 0.56], [0.2, 0.3]),
    left("skunk", [0.06, 0.8], [0.16, 0.52]),
    left("sloth", [0.2, 0.8], [0.22, 0.36]),
    front("bat", [0.72, 0.7], [0.6, 0.4]),
    front("bear", [0.84, 0.82], [0.5, 0.1]),
    front("panda", [0.84, 0.82], [0.5, 0.1]),
    front("koala", [0.84, 0.82], [0.5, 0.1]),
    front("polar-bear", [0.84, 0.82], [0.5, 0.1]),
    front("lion", [0.78, 0.84], [0.5, 0.08]),
    left("tiger", [0.06, 0.62], [0.16, 0.12]),
    left("leopard", [0.06, 0.62], [0.16, 0.12]),
    left("horse", [0.06, 0.4], [0.22, 0.06]),
    left("unicorn", [0.06, 0.78], [0.42, 0.16]),
    left("zebra", [0.1, 0.44], [0.2, 0.1]),
    left("deer", [0.08, 0.48], [0.2, 0.24]),
    left("moose", [0.1, 0.86], [0.4, 0.34]),
    left("bison", [0.1, 0.68], [0.2, 0.2]),
    left("cow", [0.04, 0.5], [0.14, 0.14]),
    left("ox", [0.06, 0.52], [0.16, 0.16]),
    left("pig", [0.04, 0.62], [0.2, 0.1]),
    left("boar", [0.06, 0.8], [0.3, 0.18]),
    left("ram", [0.06, 0.42], [0.2, 0.06]),
    left("ewe", [0.06, 0.42], [0.2, 0.06]),
    left("goat", [0.08, 0.46], [0.2, 0.2]),
    left("camel", [0.06, 0.38], [0.12, 0.22]),
    left("llama", [0.06, 0.38], [0.14, 0.1]),
    left("giraffe", [0.06, 0.3], [0.14, 0.1]),
    left("elephant", [0.08, 0.8], [0.26, 0.08]),
    left("mammoth", [0.08, 0.74], [0.3, 0.06]),
    left("rhinoceros", [0.06, 0.62], [0.2, 0.14]),
    left("hippopotamus", [0.06, 0.76], [0.18, 0.12]),
    left("kangaroo", [0.24, 0.52], [0.14, 0.06]),
    left("monkey", [0.16, 0.72], [0.3, 0.06]),
    left("gorilla", [0.1, 0.6], [0.16, 0.06]),
    front("orangutan", [0.8, 0.72], [0.5, 0.02]),
    left("rooster", [0.12, 0.4], [0.2, 0.14]),
    left("turkey", [0.08, 0.4], [0.16, 0.1]),
    front("front-facing-baby-chick", [0.82, 0.6], [0.5, 0.04]),
    left("duck", [0.06, 0.4], [0.26, 0.06]),
    left("goose", [0.08, 0.3], [0.24, 0.04]),
    left("swan", [0.06, 0.4], [0.1, 0.06]),
    front("owl", [0.82, 0.62], [0.5, 0.04]),
    left("dodo", [0.06, 0.34], [0.2, 0.04]),
    left("flamingo", [0.1, 0.36], [0.2, 0.02]),
    front("peacock", [0.66, 0.66], [0.42, 0.2]),
    left("parrot", [0.12, 0.36], [0.26, 0.04]),
    front("penguin", [0.84, 0.62], [0.5, 0.04]),
    left("eagle", [0.2, 0.7], [0.14, 0.22]),
    left("dove", [0.06, 0.52], [0.18, 0.3]),
    left("bird", [0.08, 0.36], [0.4, 0.04]),
    front("frog", [0.8, 0.84], [0.5, 0.08]),
    front("crocodile", [0.8, 0.8], [0.6, 0.1]),
    left("turtle", [0.06, 0.8], [0.12, 0.58]),
    front("lizard", [0.76, 0.3], [0.34, 0.02]),
    left("snake", [0.52, 0.2], [0.62, 0.04]),
    left("dragon", [0.1, 0.26], [0.22, 0.06]),
    left("sauropod", [0.04, 0.26], [0.12, 0.04]),
    left("t-rex", [0.26, 0.56], [0.24, 0.06]),
    left("whale", [0.06, 0.7], [0.3, 0.22]),
    left("dolphin", [0.06, 0.3], [0.3, 0.06]),
    left("seal", [0.1, 0.5], [0.22, 0.2]),
    left("fish", [0.06, 0.62], [0.3, 0.2]),
    left("tropical-fish", [0.06, 0.6], [0.3, 0.16]),
    left("shark", [0.04, 0.4], [0.24, 0.16]),
    front("octopus", [0.86, 0.76], [0.5, 0.04]),
    front("crab", [0.86, 0.22], [0.5, 0.26]),
    front("lobster", [0.84, 0.2], [0.5, 0.3]),
    left("snail", [0.1, 0.6], [0.16, 0.14]),
    front("butterfly", [0.62, 0.6], [0.5, 0.12]),
    left("bug", [0.1, 0.5], [0.16, 0.24]),
    left("ant", [0.06, 0.34], [0.18, 0.1]),
    left("honeybee", [0.12, 0.6], [0.16, 0.34]),
    front("lady-beetle", [0.8, 0.6], [0.5, 0.06]),
    front("spider", [0.8, 0.6], [0.5, 0.16]),
    front("ghost", [0.84, 0.5], [0.5, 0.04]),
    front("robot", [0.84, 0.84], [0.5, 0.06]),
    front("alien", [0.84, 0.82], [0.5, 0.1]),
    front("alien-monster", [0.84, 0.82], [0.5, 0.1]),
    front("prince", [0.82, 0.78], [0.5, 0.03]),
    front("princess", [0.82, 0.78], [0.5, 0.03]),
    front("ninja", [0.82, 0.78], [0.5, 0.03]),
    front("man-mage", [0.82, 0.78], [0.5, 0.03]),
    front("woman-mage", [0.82, 0.78], [0.5, 0.03]),
    front("man-fairy", [0.74, 0.36], [0.4, 0.08]),
    front("woman-fairy", [0.74, 0.36], [0.4, 0.08]),
    front("man-elf", [0.82, 0.78], [0.5, 0.03]),
    front("woman-elf", [0.82, 0.78], [0.5, 0.03]),
    front("santa-claus", [0.8, 0.84], [0.46, 0.04]),
    front("astronaut", [0.82, 0.78], [0.5, 0.03]),
    front("cook", [0.82, 0.78], [0.5, 0.03]),
    front("farmer", [0.82, 0.78], [0.5, 0.03]),
    front("artist", [0.82, 0.78], [0.5, 0.03]),
    front("detective", [0.82, 0.78], [0.5, 0.03]),
    front("guard", [0.82, 0.78], [0.5, 0.03]),
    left("person-walking", [0.18, 0.5], [0.44, 0.02]),
    left("woman-running", [0.12, 0.46], [0.3, 0.04]),
    front("man-dancing", [0.8, 0.1], [0.46, 0.14]),
    left("woman-dancing", [0.1, 0.54], [0.4, 0.06]),
    left("person-rowing-boat", [0.12, 0.5], [0.46, 0.06]),
    left("person-surfing", [0.12, 0.42], [0.4, 0.06]),
    front("teddy-bear", [0.84, 0.62], [0.5, 0.04]),
    front("snowman", [0.86, 0.52], [0.44, 0.04]),
    front("nesting-dolls", [0.74, 0.66], [0.5, 0.02]),
];

/// Things to hold, and the signs of moods.
#[rustfmt::skip]
const PROPS: [&str; 129] = [
    "red-apple", "green-apple", "pear", "banana", "grapes", "strawberry", "cherries", "watermelon",
    "pineapple", "carrot", "mushroom", "ear-of-corn", "bread", "cheese-wedge", "pizza", "pancakes", "cookie",
    "doughnut", "cupcake", "birthday-cake", "pie", "candy", "lollipop", "chocolate-bar", "honey-pot",
    "soft-ice-cream", "glass-of-milk", "teapot", "hot-beverage", "egg", "key", "old-key", "locked", "crown",
    "gem-stone", "ring", "coin", "trophy", "balloon", "kite", "wrapped-gift", "ribbon", "yo-yo", "magic-wand",
    "crystal-ball", "puzzle-piece", "game-die", "soccer-ball", "basketball", "baseball", "drum", "guitar",
    "violin", "trumpet", "accordion", "banjo", "flute", "maracas", "bell", "open-book", "books", "scroll",
    "world-map", "compass", "telescope", "magnifying-glass-tilted-left", "envelope", "love-letter", "candle",
    "flashlight", "red-paper-lantern", "light-bulb", "fire", "umbrella", "closed-umbrella",
    "umbrella-with-rain-drops", "scarf", "gloves", "socks", "top-hat", "womans-hat", "billed-cap", "backpack",
    "basket", "bucket", "broom", "ladder", "hammer", "axe", "pick", "shield", "bow-and-arrow",
    "crossed-swords", "anchor", "fishing-pole", "sled", "skateboard", "bicycle", "kick-scooter", "rose",
    "tulip", "sunflower", "hibiscus", "blossom", "cherry-blossom", "bouquet", "potted-plant", "seedling",
    "four-leaf-clover", "maple-leaf", "feather", "nest-with-eggs", "spiral-shell", "coral", "star",
    "glowing-star", "red-heart", "sparkles", "musical-note", "zzz", "droplet", "snowflake", "soap", "sponge",
    "paintbrush", "artist-palette", "camera", "hourglass-done", "mirror",
];

/// What stands behind the characters.
#[rustfmt::skip]
const BACKDROPS: [&str; 48] = [
    "house", "house-with-garden", "houses", "hut", "castle", "tent", "circus-tent", "church", "school",
    "hospital", "factory", "classical-building", "fountain", "ferris-wheel", "playground-slide",
    "carousel-horse", "mountain", "snow-capped-mountain", "volcano", "camping", "desert-island",
    "evergreen-tree", "deciduous-tree", "palm-tree", "cactus", "christmas-tree", "rock", "wood", "locomotive",
    "bus", "automobile", "tractor", "fire-engine", "rocket", "airplane", "helicopter", "flying-saucer",
    "sailboat", "speedboat", "canoe", "ship", "bed", "couch-and-lamp", "chair", "bathtub", "door", "window",
    "television",
];

/// What stands in the sky.
#[rustfmt::skip]
const SKIES: [&str; 13] = [
    "sun", "sun-with-face", "crescent-moon", "full-moon", "cloud", "sun-behind-cloud", "rainbow",
    "cloud-with-rain", "cloud-with-snow", "cloud-with-lightning", "shooting-star", "ringed-planet",
    "fireworks",
];

/// Names and categories, in the order of the atlas.
pub(super) fn names() -> Vec<(&'static str, &'static str)> {
    let of = |names: &'static [&'static str], category| names.iter().map(move |&name| (name, category));
    let characters = CHARACTERS.iter().map(|character| (character.name, "character"));
    characters.chain(of(&PROPS, "prop")).chain(of(&BACKDROPS, "backdrop")).chain(of(&SKIES, "sky")).collect()
}

/// What is known of a character.
pub(super) fn body(name: &str) -> Option<Body> {
    CHARACTERS.iter().find(|character| character.name == name).map(|character| character.body)
}
