//! From the icon package to an atlas: every icon is rendered by resvg.

use std::path::Path;

use image::codecs::png::{CompressionType, FilterType, PngEncoder};
use resvg::{tiny_skia, usvg};
use serde::Deserialize;

use super::{Atlas, AtlasIndex, CELL, Set, SpriteIndex, broken, curated};
use crate::error::{Error, Result};

/// Renders the sprites of `icons_json` (the package's `icons.json`) and writes the two files of
/// `set` into `out_dir`.
///
/// # Errors
///
/// [`Error::Io`] for the files, [`Error::Data`] for an icon that is missing or
/// cannot be drawn.
pub fn build_atlas(set: Set, icons_json: &Path, out_dir: &Path) -> Result<()> {
    let text = std::fs::read_to_string(icons_json).map_err(|e| Error::io(icons_json, e))?;
    let atlas = render_atlas(set, &text)?;
    let (png, json) = to_files(&atlas, set)?;
    std::fs::create_dir_all(out_dir).map_err(|e| Error::io(out_dir, e))?;
    for (ending, bytes) in [("png", png.as_slice()), ("json", json.as_bytes())] {
        let path = out_dir.join(format!("{}.{ending}", set.file_stem()));
        std::fs::write(&path, bytes).map_err(|e| Error::io(&path, e))?;
    }
    Ok(())
}

/// Renders the sprites out of the text of the package's `icons.json`.
///
/// # Errors
///
/// [`Error::Data`] for an icon that is missing or cannot be drawn.
pub fn render_atlas(set: Set, icons_json: &str) -> Result<Atlas> {
    let icons: IconSet = serde_json::from_str(icons_json).map_err(|e| broken("icons.json", e.to_string()))?;
    let mut sprites = Vec::new();
    let mut cells = Vec::new();
    for (name, category) in set.names() {
        let icon = icons.icons.get(name).ok_or_else(|| broken("icons.json", format!("no icon named {name}")))?;
        let rgba = render_icon(&icon.body, icons.width, icons.height)
            .map_err(|reason| broken("icons.json", format!("{name}: {reason}")))?;
        let bounds = bounds(&rgba).ok_or_else(|| broken("icons.json", format!("{name} is empty")))?;
        let body = (set == Set::Storyworld).then(|| curated::body(name)).flatten();
        sprites.push(SpriteIndex { name: name.to_owned(), category: category.to_owned(), bounds, body });
        cells.push(rgba);
    }
    let index = AtlasIndex {
        source: set.source().to_owned(),
        license: "MIT, Copyright (c) Microsoft Corporation".to_owned(),
        cell: CELL,
        columns: set.columns(),
        sprites,
    };
    Ok(Atlas::new(index, cells))
}

/// The PNG and the JSON file.
fn to_files(atlas: &Atlas, set: Set) -> Result<(Vec<u8>, String)> {
    let failed = |e: &dyn std::fmt::Display| Error::Internal { reason: format!("encoding an atlas: {e}") };
    let columns = set.columns();
    let rows = atlas.cells.len().div_ceil(columns);
    let mut sheet = image::RgbaImage::new((columns * CELL) as u32, (rows * CELL) as u32);
    for (i, cell) in atlas.cells.iter().enumerate() {
        for (j, pixel) in cell.chunks_exact(4).enumerate() {
            let (x, y) = (i % columns * CELL + j % CELL, i / columns * CELL + j / CELL);
            sheet.put_pixel(x as u32, y as u32, image::Rgba([pixel[0], pixel[1], pixel[2], pixel[3]]));
        }
    }
    let mut png = Vec::new();
    // The small atlas keeps the bytes that it always had.
    let compression = match set {
        Set::Cards => CompressionType::default(),
        Set::Storyworld => CompressionType::Best,
    };
    let encoder = PngEncoder::new_with_quality(&mut png, compression, FilterType::Adaptive);
    sheet.write_with_encoder(encoder).map_err(|e| failed(&e))?;
    let mut json = serde_json::to_string_pretty(&atlas.index).map_err(|e| failed(&e))?;
    json.push('\n');
    Ok((png, json))
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
