//! Who can be in a story.
//!
//! A *name* is that of the sprite in the package (it stands in labels and in
//! the rule for held-out pairs); a *word* is how the text calls it. Left out of
//! the curated names are those that are several, or nobody in particular, or
//! whose drawing brings a place along: nesting-dolls, person-walking,
//! person-rowing-boat, person-surfing, santa-claus, and tropical-fish, whose
//! word would be that of `fish`.

use super::places::{Place, Places};
use Class::{Animal, Person, Toyfolk};
use Sex::{Any, He, She};

/// A kind of character, one of [`Species::all`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Species(u8);

/// What a template may ask of a character, beside flying and swimming.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Class {
    Animal,
    Person,
    /// Robots, ghosts, teddy bears, snowmen, aliens.
    Toyfolk,
}

/// How the text speaks of somebody.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Pronoun {
    He,
    She,
    They,
}

/// Which pronouns the species allows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Sex {
    Any,
    He,
    She,
}

#[derive(Clone, Copy)]
struct Facts {
    name: &'static str,
    word: &'static str,
    class: Class,
    sex: Sex,
    flies: bool,
    swims: bool,
    holds: bool,
    home: Places,
}

const fn facts(name: &'static str, word: &'static str, home: Places) -> Facts {
    Facts { name, word, class: Animal, sex: Any, flies: false, swims: false, holds: true, home }
}

/// A land animal called as its sprite is.
const fn land(name: &'static str) -> Facts {
    facts(name, name, LAND)
}

impl Facts {
    const fn word(self, word: &'static str) -> Facts {
        Facts { word, ..self }
    }
    const fn at(self, home: Places) -> Facts {
        Facts { home, ..self }
    }
    const fn flying(self) -> Facts {
        Facts { flies: true, ..self }
    }
    const fn swimming(self) -> Facts {
        Facts { swims: true, home: self.home.with(Place::Sea), ..self }
    }
    const fn holding_nothing(self) -> Facts {
        Facts { holds: false, ..self }
    }
    const fn person(self, sex: Sex) -> Facts {
        Facts { class: Person, sex, ..self }
    }
    const fn toyfolk(self) -> Facts {
        Facts { class: Toyfolk, ..self }
    }
    const fn he(self) -> Facts {
        Facts { sex: He, ..self }
    }
    const fn she(self) -> Facts {
        Facts { sex: She, ..self }
    }
}

/// Everywhere but on the water.
const LAND: Places = Places::ALL.without(Place::Sea);
/// Outside only: too big for a house or a cave.
const BIG: Places = Places::of(&[Place::Meadow, Place::Forest, Place::Beach, Place::Snow, Place::Road]);
/// Where it never freezes.
const WARM: Places = Places::of(&[Place::Meadow, Place::Forest, Place::Beach, Place::Cave, Place::Indoor, Place::Road]);
/// Small creatures of the green.
const GREEN: Places = Places::of(&[Place::Meadow, Place::Forest, Place::Indoor, Place::Road]);
const COLD: Places = Places::of(&[Place::Beach, Place::Snow, Place::Cave, Place::Indoor]);
const WATER: Places = Places::of(&[Place::Sea]);
const SHORE: Places = Places::of(&[Place::Beach]);
const SNOWY: Places = Places::of(&[Place::Snow]);

const SPECIES: [Facts; 112] = [
    land("rabbit"),
    land("dog"),
    land("poodle"),
    land("cat"),
    land("black-cat").word("black cat"),
    land("fox"),
    land("wolf"),
    land("raccoon"),
    land("mouse"),
    land("rat"),
    land("hamster"),
    land("chipmunk"),
    land("hedgehog"),
    land("beaver").swimming(),
    land("badger"),
    land("otter").swimming(),
    land("skunk"),
    land("sloth").at(WARM),
    land("bat").flying(),
    land("bear"),
    land("panda"),
    land("koala").at(WARM),
    land("polar-bear").word("polar bear").at(COLD).swimming(),
    land("lion").he(),
    land("tiger"),
    land("leopard"),
    land("horse").at(BIG),
    land("unicorn").at(BIG),
    land("zebra").at(BIG),
    land("deer").at(BIG),
    land("moose").at(BIG),
    land("bison").at(BIG),
    land("cow").at(BIG).she(),
    land("ox").at(BIG).he(),
    land("pig"),
    land("boar").at(BIG.with(Place::Cave)).he(),
    land("ram").at(BIG).he(),
    land("ewe").word("sheep").she(),
    land("goat"),
    land("camel").at(Places::of(&[Place::Meadow, Place::Beach, Place::Road])),
    land("llama").at(BIG),
    land("giraffe").at(BIG),
    land("elephant").at(BIG),
    land("mammoth").at(BIG),
    land("rhinoceros").word("rhino").at(BIG),
    land("hippopotamus").word("hippo").at(BIG.without(Place::Snow)),
    land("kangaroo").at(BIG),
    land("monkey").at(WARM),
    land("gorilla").at(WARM),
    land("orangutan").at(WARM),
    land("rooster").he(),
    land("turkey"),
    land("front-facing-baby-chick").word("chick"),
    land("duck").flying().swimming(),
    land("goose").flying().swimming(),
    land("swan").at(BIG).flying().swimming(),
    land("owl").flying(),
    land("dodo").at(WARM),
    land("flamingo").at(Places::of(&[Place::Meadow, Place::Beach, Place::Road])).flying(),
    land("peacock").at(WARM).he(),
    land("parrot").at(WARM.with(Place::Sea)).flying(),
    land("penguin").at(COLD.with(Place::Road).with(Place::Meadow)).swimming(),
    land("eagle").at(BIG.with(Place::Sea)).flying(),
    land("dove").at(BIG.with(Place::Sea).with(Place::Indoor)).flying(),
    land("bird").at(BIG.with(Place::Sea).with(Place::Indoor)).flying(),
    land("frog").at(WARM),
    land("crocodile").at(Places::of(&[Place::Meadow, Place::Beach, Place::Cave, Place::Road])).swimming(),
    land("turtle").at(WARM).swimming(),
    land("lizard").at(WARM),
    land("snake").at(WARM).holding_nothing(),
    land("dragon").at(BIG.with(Place::Cave).with(Place::Sea)).flying(),
    land("sauropod").word("dinosaur").at(BIG),
    land("t-rex").word("T-rex").at(BIG),
    land("whale").at(WATER).swimming().holding_nothing(),
    land("dolphin").at(WATER).swimming(),
    land("seal").at(Places::of(&[Place::Beach, Place::Snow])).swimming(),
    land("fish").at(WATER).swimming().holding_nothing(),
    land("shark").at(WATER).swimming().holding_nothing(),
    land("octopus").at(SHORE).swimming(),
    land("crab").at(SHORE).swimming(),
    land("lobster").at(SHORE).swimming(),
    land("snail").at(GREEN).holding_nothing(),
    land("butterfly").at(GREEN).flying(),
    land("bug").word("caterpillar").at(GREEN),
    land("ant").at(GREEN.with(Place::Beach)),
    land("honeybee").word("bee").at(GREEN).flying(),
    land("lady-beetle").word("ladybird").at(GREEN).flying(),
    land("spider").at(GREEN.with(Place::Cave)),
    land("ghost").toyfolk().flying(),
    land("robot").toyfolk(),
    land("alien").toyfolk(),
    land("alien-monster").word("monster").toyfolk(),
    land("prince").person(He),
    land("princess").person(She),
    land("ninja").person(Any),
    land("man-mage").word("wizard").person(He),
    land("woman-mage").word("witch").person(She),
    land("man-fairy").word("fairy").person(He).flying(),
    land("woman-fairy").word("fairy").person(She).flying(),
    land("man-elf").word("elf").person(He),
    land("woman-elf").word("elf").person(She),
    land("astronaut").person(Any),
    land("cook").person(Any),
    land("farmer").person(Any),
    land("artist").person(Any),
    land("detective").person(Any),
    land("guard").person(Any),
    land("woman-running").word("runner").person(She),
    land("man-dancing").word("dancer").person(He),
    land("woman-dancing").word("dancer").person(She),
    land("teddy-bear").word("teddy bear").toyfolk(),
    land("snowman").toyfolk().he().at(SNOWY),
];

impl Species {
    /// All species, in the order of the table.
    pub fn all() -> impl ExactSizeIterator<Item = Species> + Clone {
        (0..SPECIES.len() as u8).map(Species)
    }

    /// The species with this sprite name.
    pub fn from_name(name: &str) -> Option<Species> {
        Species::all().find(|s| s.name() == name)
    }

    /// The name of its sprite.
    pub fn name(self) -> &'static str {
        self.facts().name
    }

    /// What the text calls it. Two sprites may share a word.
    pub fn word(self) -> &'static str {
        self.facts().word
    }

    /// Animal, person or toyfolk.
    pub fn class(self) -> Class {
        self.facts().class
    }

    /// Whether it flies.
    pub fn flies(self) -> bool {
        self.facts().flies
    }

    /// Whether it swims.
    pub fn swims(self) -> bool {
        self.facts().swims
    }

    /// Whether it can hold a thing.
    pub fn can_hold(self) -> bool {
        self.facts().holds
    }

    /// Where it may be.
    pub fn home(self) -> Places {
        self.facts().home
    }

    /// Whether the text may speak of one of it in this way.
    pub fn allows(self, pronoun: Pronoun) -> bool {
        match self.facts().sex {
            Any => true,
            He => pronoun == Pronoun::He,
            She => pronoun == Pronoun::She,
        }
    }

    /// Whether it is of the class with this name: animal, person, toyfolk,
    /// flies or swims. `None` for a name that is no class.
    pub fn is(self, class: &str) -> Option<bool> {
        Some(match class {
            "animal" => self.class() == Animal,
            "person" => self.class() == Person,
            "toyfolk" => self.class() == Toyfolk,
            "flies" => self.flies(),
            "swims" => self.swims(),
            _ => return None,
        })
    }

    pub(crate) fn index(self) -> usize {
        usize::from(self.0)
    }

    fn facts(self) -> &'static Facts {
        &SPECIES[self.index()]
    }
}

impl Pronoun {
    /// The pronoun with this nominative.
    pub fn from_name(name: &str) -> Option<Pronoun> {
        match name {
            "he" => Some(Pronoun::He),
            "she" => Some(Pronoun::She),
            "they" => Some(Pronoun::They),
            _ => None,
        }
    }

    /// The other one of he and she; they for they.
    pub fn other(self) -> Pronoun {
        match self {
            Pronoun::He => Pronoun::She,
            Pronoun::She => Pronoun::He,
            Pronoun::They => Pronoun::They,
        }
    }
}
