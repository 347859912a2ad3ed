//! All sprites at all their sizes, each reduced when it is first seen, and kept.

use std::sync::OnceLock;

use super::marks;
use super::scene::{Mood, Tint};
use super::tint::dyed;
use crate::data::atlas::{Atlas, Body, CELL, Look, Set};
use crate::data::stamp::Stamp;

/// How large a sprite is drawn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Size {
    Held,
    Thing,
    SmallThing,
    Small,
    Medium,
    Large,
    Low,
    Middle,
    High,
}

const N_SIZES: usize = 9;

impl Size {
    /// Longer side, pixels of the picture.
    pub(super) fn px(self) -> f32 {
        // In 256ths of the picture: 48, 60, 46; 84, 96, 108; 90, 116, 140.
        match self {
            Size::Held => 12.0,
            Size::Thing => 15.0,
            Size::SmallThing => 11.5,
            Size::Small => 21.0,
            Size::Medium => 24.0,
            Size::Large => 27.0,
            Size::Low => 22.5,
            Size::Middle => 29.0,
            Size::High => 35.0,
        }
    }

    /// Width of the white rim, pixels. What stands behind has hardly any.
    fn rim_px(self) -> f32 {
        match self {
            Size::Held | Size::Thing | Size::SmallThing => 0.6,
            Size::Small | Size::Medium | Size::Large => 0.7,
            Size::Low | Size::Middle | Size::High => 0.35,
        }
    }
}

/// Longer side of a mark, pixels.
const MARK_PX: f32 = 10.0;

/// The stamps.
pub(super) struct Kit {
    atlas: &'static Atlas,
    stamps: Vec<OnceLock<Stamp>>,
    marks: Vec<Stamp>,
}

impl Kit {
    pub(super) fn get() -> &'static Kit {
        static KIT: OnceLock<Kit> = OnceLock::new();
        KIT.get_or_init(|| {
            let atlas = Atlas::embedded(Set::Storyworld);
            let n = atlas.index.sprites.len() * N_SIZES * 2 * (1 + Tint::ALL.len());
            let marks = Mood::ALL.map(|mood| mark(atlas, mood)).into();
            Kit { atlas, stamps: (0..n).map(|_| OnceLock::new()).collect(), marks }
        })
    }

    /// The sprite at this size; `turned` lies on its side.
    ///
    /// # Panics
    ///
    /// If the atlas has no such sprite: names come from its own table.
    pub(super) fn stamp(&self, sprite: &str, size: Size, turned: bool, tint: Option<Tint>) -> &Stamp {
        let position = self.position(sprite);
        let dye = tint.map_or(0, |tint| 1 + tint as usize);
        let key = ((position * N_SIZES + size as usize) * 2 + usize::from(turned)) * (1 + Tint::ALL.len()) + dye;
        self.stamps[key].get_or_init(|| {
            if turned {
                return self.stamp(sprite, size, false, tint).turned();
            }
            let bounds = self.atlas.index.sprites[position].bounds;
            match (self.atlas.cell(sprite), tint) {
                (Some((_, cell)), Some(tint)) => Stamp::new(&dyed(cell, tint), bounds, size.px(), size.rim_px()),
                (Some((_, cell)), None) => Stamp::new(cell, bounds, size.px(), size.rim_px()),
                (None, _) => panic!("the atlas lost its sprite {sprite}"),
            }
        })
    }

    pub(super) fn mark(&self, mood: Mood) -> &Stamp {
        &self.marks[mood as usize]
    }

    /// Where the character's hand and head are; a thing that acts is held and marked as one that
    /// looks at the reader.
    pub(super) fn body(&self, sprite: &str) -> Body {
        let body = self.atlas.index.sprites[self.position(sprite)].body;
        body.unwrap_or(Body { facing: Look::Front, hand: [0.84, 0.7], head: [0.5, 0.05] })
    }

    fn position(&self, sprite: &str) -> usize {
        let Some(position) = self.atlas.position(sprite) else {
            panic!("the atlas has no sprite {sprite}");
        };
        position
    }
}

fn mark(atlas: &Atlas, mood: Mood) -> Stamp {
    let drawn = |cell: Vec<u8>| Stamp::new(&cell, [0, 0, CELL, CELL], MARK_PX, 0.7);
    let name = match mood {
        Mood::Happy => return drawn(marks::joy()),
        Mood::Scared => return drawn(marks::fright()),
        Mood::Angry => return drawn(marks::anger()),
        Mood::Sad => "droplet",
        Mood::Love => "red-heart",
        Mood::Sleepy => "zzz",
        Mood::Music => "musical-note",
        Mood::Magic => "sparkles",
    };
    match atlas.cell(name) {
        Some((sprite, cell)) => Stamp::new(cell, sprite.bounds, MARK_PX, 0.7),
        None => panic!("the atlas has no sprite {name}"),
    }
}
