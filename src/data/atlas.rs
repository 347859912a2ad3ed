//! The sprites: a PNG of 96-px cells, rendered once from the icon package and
//! committed, so that neither building nor training needs the package.
//!
//! `atlas.png` is a grid of [`COLUMNS`] columns, RGBA with straight alpha;
//! `atlas.json` names the cells in reading order, with their category and the
//! tight box of the drawing within the cell.

use std::path::Path;
use std::sync::OnceLock;

use resvg::{tiny_skia, usvg};
use serde::{Deserialize, Serialize};

use super::cards::names::{Character, Mark, Prop};
use crate::error::{Error, Result};

/// Side of a cell, pixels.
pub const CELL: usize = 96;
/// Cells in a row of the atlas.
pub const COLUMNS: usize = 8;

const ATLAS_PNG: &[u8] = include_bytes!("../../assets/atlas.png");
const ATLAS_JSON: &str = include_str!("../../assets/atlas.json");

/// What `atlas.json` says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
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
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SpriteIndex {
    /// Name in the package.
    pub name: String,
    /// "character", "prop" or "mark".
    pub category: String,
    /// Left, top, right, bottom of the drawing in the cell, pixels; right and
    /// bottom are exclusive.
    pub bounds: [usize; 4],
}

/// A rendered atlas: the index and the cells.
#[derive(Clone, Debug, PartialEq)]
pub struct Atlas {
    /// Names and boxes.
    pub index: AtlasIndex,
    cells: Vec<Vec<u8>>,
}

impl Atlas {
    /// The committed atlas.
    ///
    /// # Panics
    ///
    /// If the embedded files do not agree; a test decodes them.
    pub fn embedded() -> &'static Atlas {
        static ATLAS: OnceLock<Atlas> = OnceLock::new();
        ATLAS.get_or_init(|| match Atlas::from_files(ATLAS_PNG, ATLAS_JSON) {
            Ok(atlas) => atlas,
            Err(error) => panic!("the embedded atlas is broken: {error}"),
        })
    }

    /// Decodes `atlas.png` and `atlas.json`.
    ///
    /// # Errors
    ///
    /// [`Error::Data`] if one of them cannot be read or they do not agree.
    pub fn from_files(png: &[u8], json: &str) -> Result<Atlas> {
        let index: AtlasIndex = serde_json::from_str(json).map_err(|e| broken("atlas.json", e.to_string()))?;
        let sheet = image::load_from_memory_with_format(png, image::ImageFormat::Png)
            .map_err(|e| broken("atlas.png", e.to_string()))?
            .to_rgba8();
        let rows = index.sprites.len().div_ceil(COLUMNS);
        let size = (COLUMNS * CELL, rows * CELL);
        if (sheet.width() as usize, sheet.height() as usize) != size || index.cell != CELL || index.columns != COLUMNS {
            return Err(broken("atlas.png", format!("expected {}x{} pixels", size.0, size.1)));
        }
        let pitch = COLUMNS * CELL * 4;
        let cells = (0..index.sprites.len())
            .map(|i| {
                let (x, y) = (i % COLUMNS * CELL * 4, i / COLUMNS * CELL);
                (y..y + CELL).flat_map(|row| sheet.as_raw()[row * pitch + x..][..CELL * 4].iter().copied()).collect()
            })
            .collect();
        Ok(Atlas { index, cells })
    }

    /// The cell of this name: [`CELL`] × [`CELL`] RGBA pixels, straight alpha.
    pub fn cell(&self, name: &str) -> Option<(&SpriteIndex, &[u8])> {
        let i = self.index.sprites.iter().position(|s| s.name == name)?;
        Some((&self.index.sprites[i], &self.cells[i]))
    }
}

/// Names and categories of all sprites, in the order of the atlas.
pub fn sprite_names() -> Vec<(&'static str, &'static str)> {
    let characters = Character::all().map(|c| (c.name(), "character"));
    let props = Prop::all().map(|p| (p.name(), "prop"));
    let marks = Mark::ALL.into_iter().map(|m| (m.name(), "mark"));
    characters.chain(props).chain(marks).collect()
}

/// Renders the sprites of `icons_json` (the package's `icons.json`) and writes
/// `atlas.png` and `atlas.json` into `out_dir`.
///
/// # Errors
///
/// [`Error::Io`] for the files, [`Error::Data`] for an icon that is missing or
/// cannot be drawn.
pub fn build_atlas(icons_json: &Path, out_dir: &Path) -> Result<()> {
    let text = std::fs::read_to_string(icons_json).map_err(|e| Error::io(icons_json, e))?;
    let atlas = render_atlas(&text)?;
    let (png, json) = atlas.to_files()?;
    std::fs::create_dir_all(out_dir).map_err(|e| Error::io(out_dir, e))?;
    for (name, bytes) in [("atlas.png", png.as_slice()), ("atlas.json", json.as_bytes())] {
        let path = out_dir.join(name);
        std::fs::write(&path, bytes).map_err(|e| Error::io(&path, e))?;
    }
    Ok(())
}

/// Renders the sprites out of the text of the package's `icons.json`.
///
/// # Errors
///
/// [`Error::Data`] for an icon that is missing or cannot be drawn.
pub fn render_atlas(icons_json: &str) -> Result<Atlas> {
    let icons: IconSet = serde_json::from_str(icons_json).map_err(|e| broken("icons.json", e.to_string()))?;
    let mut sprites = Vec::new();
    let mut cells = Vec::new();
    for (name, category) in sprite_names() {
        let icon = icons.icons.get(name).ok_or_else(|| broken("icons.json", format!("no icon named {name}")))?;
        let rgba = render_icon(&icon.body, icons.width, icons.height)
            .map_err(|reason| broken("icons.json", format!("{name}: {reason}")))?;
        let bounds = bounds(&rgba).ok_or_else(|| broken("icons.json", format!("{name} is empty")))?;
        sprites.push(SpriteIndex { name: name.to_owned(), category: category.to_owned(), bounds });
        cells.push(rgba);
    }
    let index = AtlasIndex {
        source: "npm @iconify-json/fluent-emoji-flat 1.2.6".to_owned(),
        license: "MIT, Copyright (c) Microsoft Corporation".to_owned(),
        cell: CELL,
        columns: COLUMNS,
        sprites,
    };
    Ok(Atlas { index, cells })
}

impl Atlas {
    fn to_files(&self) -> Result<(Vec<u8>, String)> {
        let rows = self.cells.len().div_ceil(COLUMNS);
        let mut sheet = image::RgbaImage::new((COLUMNS * CELL) as u32, (rows * CELL) as u32);
        for (i, cell) in self.cells.iter().enumerate() {
            for (j, pixel) in cell.chunks_exact(4).enumerate() {
                let (x, y) = (i % COLUMNS * CELL + j % CELL, i / COLUMNS * CELL + j / CELL);
                sheet.put_pixel(x as u32, y as u32, image::Rgba([pixel[0], pixel[1], pixel[2], pixel[3]]));
            }
        }
        let mut png = std::io::Cursor::new(Vec::new());
        sheet
            .write_to(&mut png, image::ImageFormat::Png)
            .map_err(|e| Error::Internal { reason: format!("encoding atlas.png: {e}") })?;
        let mut json = serde_json::to_string_pretty(&self.index)
            .map_err(|e| Error::Internal { reason: format!("encoding atlas.json: {e}") })?;
        json.push('\n');
        Ok((png.into_inner(), json))
    }
}

/// The part of an Iconify JSON file that is read.
#[derive(Deserialize)]
struct IconSet {
    icons: std::collections::BTreeMap<String, Icon>,
    #[serde(default = "default_side")]
    width: u32,
    #[serde(default = "default_side")]
    height: u32,
}

#[derive(Deserialize)]
struct Icon {
    body: String,
}

fn default_side() -> u32 {
    16
}

/// One SVG body as a cell of straight-alpha RGBA.
fn render_icon(body: &str, width: u32, height: u32) -> Result<Vec<u8>, String> {
    let svg = format!(r#"<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}">{body}</svg>"#);
    let tree = usvg::Tree::from_str(&svg, &usvg::Options::default()).map_err(|e| e.to_string())?;
    let mut pixmap = tiny_skia::Pixmap::new(CELL as u32, CELL as u32).ok_or("no memory")?;
    let scale = CELL as f32 / width.max(height) as f32;
    resvg::render(&tree, tiny_skia::Transform::from_scale(scale, scale), &mut pixmap.as_mut());
    let straight = pixmap.pixels().iter().map(|p| p.demultiply());
    Ok(straight.flat_map(|c| [c.red(), c.green(), c.blue(), c.alpha()]).collect())
}

/// The tight box of the pixels with alpha above a tenth.
fn bounds(rgba: &[u8]) -> Option<[usize; 4]> {
    let opaque = (0..CELL * CELL).filter(|i| rgba[i * 4 + 3] > 25);
    opaque.fold(None, |found, i| {
        let (x, y) = (i % CELL, i / CELL);
        let [l, t, r, b] = found.unwrap_or([x, y, x + 1, y + 1]);
        Some([l.min(x), t.min(y), r.max(x + 1), b.max(y + 1)])
    })
}

fn broken(file: &str, reason: String) -> Error {
    Error::Data { file: file.to_owned(), line: 0, field: "-".to_owned(), reason }
}
