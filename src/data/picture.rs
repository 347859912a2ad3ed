//! Pictures as bytes.

use crate::error::{Error, Result};

/// A picture: rows from the top, three bytes (sRGB, 0 to 255) a pixel.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Picture {
    /// Pixels in a row.
    pub width: usize,
    /// Rows.
    pub height: usize,
    /// `width * height * 3` bytes.
    pub rgb: Vec<u8>,
}

/// The picture as a PNG file.
///
/// # Errors
///
/// [`Error::Internal`] if its sizes do not agree.
pub fn png(picture: &Picture) -> Result<Vec<u8>> {
    let failed = |reason: String| Error::Internal { reason: format!("encoding a picture: {reason}") };
    let image = image::RgbImage::from_raw(picture.width as u32, picture.height as u32, picture.rgb.clone())
        .ok_or_else(|| failed("the sizes do not agree".to_owned()))?;
    let mut file = std::io::Cursor::new(Vec::new());
    image.write_to(&mut file, image::ImageFormat::Png).map_err(|e| failed(e.to_string()))?;
    Ok(file.into_inner())
}
