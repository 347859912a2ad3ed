//! The sprites: PNGs of 96-px cells, rendered once from the icon packages and committed, so that
//! neither building nor training needs the packages.
//!
//! There are two: `atlas.png` for the small world and `storyworld.png` for the large one. Each is
//! a grid, RGBA with straight alpha; the JSON file beside it names the cells in reading order,
//! with their category and the tight box of the drawing within the cell, and for the characters
//! of the large world where they look, hold things and have their heads.

use std::collections::BTreeMap;
use std::sync::OnceLock;

use serde::{Deserialize, Serialize};

use super::cards::names::{Character, Mark, Prop};
use crate::error::{Error, Result};

pub mod render;

mod curated;

pub use render::{build_atlas, render_atlas};

/// Side of a cell, pixels.
pub const CELL: usize = 96;

/// Which sprites.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Set {
    /// Those of the small world.
    Cards,
    /// Those of the large world.
    Storyworld,
}

impl Set {
    /// Both sets.
    pub const ALL: [Set; 2] = [Set::Cards, Set::Storyworld];

    /// The names of its files, without their endings.
    pub fn file_stem(self) -> &'static str {
        match self {
            Set::Cards => "atlas",
            Set::Storyworld => "storyworld",
        }
    }

    /// The package that the drawings come from.
    pub fn source(self) -> &'static str {
        match self {
            Set::Cards => "npm @iconify-json/fluent-emoji-flat 1.2.6",
            Set::Storyworld => "npm @iconify-json/fluent-emoji 1.2.7",
        }
    }

    /// Cells in a row.
    pub fn columns(self) -> usize {
        match self {
            Set::Cards => 8,
            Set::Storyworld => 16,
        }
    }

    /// Names and categories of its sprites, in the order of the atlas.
    pub fn names(self) -> Vec<(&'static str, &'static str)> {
        match self {
            Set::Cards => {
                let characters = Character::all().map(|c| (c.name(), "character"));
                let props = Prop::all().map(|p| (p.name(), "prop"));
                let marks = Mark::ALL.into_iter().map(|m| (m.name(), "mark"));
                characters.chain(props).chain(marks).collect()
            }
            Set::Storyworld => curated::names(),
        }
    }
}

/// What the JSON file says.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct AtlasIndex {
    /// The package and version that the drawings come from.
    pub source: String,
    /// Their licence.
    pub license: String,
    /// Side of a cell, pixels.
    pub cell: usize,
    /// Cells in a row.
    pub columns: usize,
    /// The cells in reading order.
    pub sprites: Vec<SpriteIndex>,
}

/// One cell of the atlas.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SpriteIndex {
    /// Name in the package.
    pub name: String,
    /// "character", "prop" or "mark" in the small world; "character", "prop", "backdrop" or "sky"
    /// in the large one.
    pub category: String,
    /// Left, top, right, bottom of the drawing in the cell, pixels; right and
    /// bottom are exclusive.
    pub bounds: [usize; 4],
    /// What is known of a character of the large world.
    #[serde(flatten)]
    pub body: Option<Body>,
}

/// Where a character looks and where things are put on it. Anchors are fractions of the bounds,
/// from the left top, of the sprite as it is drawn.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Body {
    /// Where it looks.
    pub facing: Look,
    /// Where a held thing is.
    pub hand: [f32; 2],
    /// The top of the head, where a hat sits.
    pub head: [f32; 2],
}

/// Where a sprite looks as it is drawn.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Look {
    /// To the left.
    Left,
    /// To the right.
    Right,
    /// At the reader; its hand is on the right.
    Front,
}

/// A rendered atlas: the index and the cells.
#[derive(Clone, Debug, PartialEq)]
pub struct Atlas {
    /// Names and boxes.
    pub index: AtlasIndex,
    cells: Vec<Vec<u8>>,
    positions: BTreeMap<String, usize>,
}

impl Atlas {
    /// The committed atlas of a set.
    ///
    /// # Panics
    ///
    /// If the embedded files do not agree; a test decodes them.
    pub fn embedded(set: Set) -> &'static Atlas {
        static CARDS: OnceLock<Atlas> = OnceLock::new();
        static STORYWORLD: OnceLock<Atlas> = OnceLock::new();
        let (atlas, png, json): (_, &[u8], _) = match set {
            Set::Cards => (&CARDS, include_bytes!("../../assets/atlas.png"), include_str!("../../assets/atlas.json")),
            Set::Storyworld => (
                &STORYWORLD,
                include_bytes!("../../assets/storyworld.png"),
                include_str!("../../assets/storyworld.json"),
            ),
        };
        atlas.get_or_init(|| match Atlas::from_files(set, png, json) {
            Ok(atlas) => atlas,
            Err(error) => panic!("an embedded atlas is broken: {error}"),
        })
    }

    /// Decodes the PNG and the JSON file of a set.
    ///
    /// # Errors
    ///
    /// [`Error::Data`] if one of them cannot be read or they do not agree.
    pub fn from_files(set: Set, png: &[u8], json: &str) -> Result<Atlas> {
        let file = |ending: &str| format!("{}.{ending}", set.file_stem());
        let index: AtlasIndex = serde_json::from_str(json).map_err(|e| broken(&file("json"), e.to_string()))?;
        let sheet = image::load_from_memory_with_format(png, image::ImageFormat::Png)
            .map_err(|e| broken(&file("png"), e.to_string()))?
            .to_rgba8();
        let columns = set.columns();
        let rows = index.sprites.len().div_ceil(columns);
        let size = (columns * CELL, rows * CELL);
        if (sheet.width() as usize, sheet.height() as usize) != size || index.cell != CELL || index.columns != columns {
            return Err(broken(&file("png"), format!("expected {}x{} pixels", size.0, size.1)));
        }
        let pitch = columns * CELL * 4;
        let cells = (0..index.sprites.len())
            .map(|i| {
                let (x, y) = (i % columns * CELL * 4, i / columns * CELL);
                (y..y + CELL).flat_map(|row| sheet.as_raw()[row * pitch + x..][..CELL * 4].iter().copied()).collect()
            })
            .collect();
        Ok(Atlas::new(index, cells))
    }

    fn new(index: AtlasIndex, cells: Vec<Vec<u8>>) -> Atlas {
        let positions = index.sprites.iter().enumerate().map(|(i, sprite)| (sprite.name.clone(), i)).collect();
        Atlas { index, cells, positions }
    }

    /// The place of this name in the order of the atlas.
    pub fn position(&self, name: &str) -> Option<usize> {
        self.positions.get(name).copied()
    }

    /// The cell of this name: [`CELL`] × [`CELL`] RGBA pixels, straight alpha.
    pub fn cell(&self, name: &str) -> Option<(&SpriteIndex, &[u8])> {
        self.position(name).map(|i| (&self.index.sprites[i], self.cells[i].as_slice()))
    }
}

fn broken(file: &str, reason: String) -> Error {
    Error::Data { file: file.to_owned(), line: 0, field: "-".to_owned(), reason }
}
