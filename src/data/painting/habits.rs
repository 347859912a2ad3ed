//! What the painter knows of its sprites: who is small, who swims, what is worn on the head.

use super::stamp::Size;

const SMALL: [&str; 24] = [
    "mouse",
    "rat",
    "hamster",
    "chipmunk",
    "hedgehog",
    "front-facing-baby-chick",
    "bird",
    "butterfly",
    "bug",
    "ant",
    "honeybee",
    "lady-beetle",
    "spider",
    "snail",
    "lizard",
    "fish",
    "tropical-fish",
    "crab",
    "lobster",
    "dove",
    "man-fairy",
    "woman-fairy",
    "bat",
    "nesting-dolls",
];

const LARGE: [&str; 24] = [
    "horse",
    "unicorn",
    "zebra",
    "deer",
    "moose",
    "bison",
    "cow",
    "ox",
    "camel",
    "llama",
    "giraffe",
    "elephant",
    "mammoth",
    "rhinoceros",
    "hippopotamus",
    "kangaroo",
    "gorilla",
    "orangutan",
    "dragon",
    "sauropod",
    "t-rex",
    "whale",
    "shark",
    "bear",
];

/// Who is in the water at sea, and not in a boat.
const SWIMMERS: [&str; 22] = [
    "whale",
    "dolphin",
    "seal",
    "fish",
    "tropical-fish",
    "shark",
    "octopus",
    "crab",
    "lobster",
    "turtle",
    "duck",
    "goose",
    "swan",
    "frog",
    "crocodile",
    "otter",
    "beaver",
    "hippopotamus",
    "penguin",
    "polar-bear",
    "person-rowing-boat",
    "person-surfing",
];

/// Who is in the air at sea.
const FLYERS: [&str; 12] = [
    "bat",
    "owl",
    "parrot",
    "eagle",
    "dove",
    "bird",
    "butterfly",
    "honeybee",
    "lady-beetle",
    "ghost",
    "man-fairy",
    "woman-fairy",
];

/// Who is in the air everywhere, as the drawing shows it.
const HOVERERS: [&str; 8] = ["bat", "eagle", "dove", "butterfly", "honeybee", "ghost", "man-fairy", "woman-fairy"];

/// Who is drawn from the side and yet stands upright, and falls over when asleep.
const UPRIGHT: [&str; 5] = ["person-walking", "woman-running", "woman-dancing", "person-rowing-boat", "person-surfing"];

/// What sits on the head.
const WORN: [&str; 4] = ["crown", "top-hat", "womans-hat", "billed-cap"];

const HIGH: [&str; 18] = [
    "house",
    "house-with-garden",
    "houses",
    "castle",
    "circus-tent",
    "church",
    "school",
    "hospital",
    "factory",
    "classical-building",
    "ferris-wheel",
    "mountain",
    "snow-capped-mountain",
    "volcano",
    "desert-island",
    "deciduous-tree",
    "palm-tree",
    "ship",
];

const LOW: [&str; 11] = [
    "rock",
    "wood",
    "chair",
    "television",
    "canoe",
    "bathtub",
    "window",
    "couch-and-lamp",
    "bed",
    "playground-slide",
    "fountain",
];

/// Backdrops in the air.
const AIRBORNE: [&str; 3] = ["airplane", "helicopter", "flying-saucer"];

/// Where a thing is held, as fractions of its bounds from the left top, where this is not its middle.
const GRIPS: [(&str, [f32; 2]); 16] = [
    ("balloon", [0.5, 0.92]),
    ("kite", [0.8, 0.9]),
    ("umbrella", [0.5, 0.9]),
    ("umbrella-with-rain-drops", [0.5, 0.9]),
    ("red-paper-lantern", [0.5, 0.15]),
    ("bell", [0.5, 0.15]),
    ("basket", [0.5, 0.2]),
    ("bucket", [0.5, 0.2]),
    ("rose", [0.5, 0.8]),
    ("tulip", [0.5, 0.8]),
    ("sunflower", [0.5, 0.8]),
    ("blossom", [0.5, 0.8]),
    ("candle", [0.5, 0.8]),
    ("lollipop", [0.65, 0.75]),
    ("magic-wand", [0.2, 0.8]),
    ("broom", [0.6, 0.4]),
];

/// How large a character is drawn, beside others.
pub(super) fn scale(sprite: &str) -> usize {
    if SMALL.contains(&sprite) {
        0
    } else if LARGE.contains(&sprite) {
        2
    } else {
        1
    }
}

/// How large a backdrop is drawn.
pub(super) fn backdrop_size(sprite: &str) -> Size {
    if HIGH.contains(&sprite) {
        Size::High
    } else if LOW.contains(&sprite) {
        Size::Low
    } else {
        Size::Middle
    }
}

pub(super) fn swims(sprite: &str) -> bool {
    SWIMMERS.contains(&sprite)
}

pub(super) fn flies(sprite: &str) -> bool {
    FLYERS.contains(&sprite)
}

pub(super) fn hovers(sprite: &str) -> bool {
    HOVERERS.contains(&sprite)
}

pub(super) fn is_upright(sprite: &str) -> bool {
    UPRIGHT.contains(&sprite)
}

pub(super) fn is_worn(sprite: &str) -> bool {
    WORN.contains(&sprite)
}

pub(super) fn is_airborne(sprite: &str) -> bool {
    AIRBORNE.contains(&sprite)
}

pub(super) fn grip(sprite: &str) -> [f32; 2] {
    GRIPS.iter().find(|(name, _)| *name == sprite).map_or([0.5, 0.5], |&(_, grip)| grip)
}
