//! Stories as one HTML file, pictures inline, for the command line and sample sheets.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use crate::error::{Error, Result};
use crate::model::story::{Story, StoryPart};

const STYLE: &str = "body{font:1.15rem/1.6 Georgia,serif;max-width:40rem;margin:3rem auto;padding:0 1rem;\
color:#2b2622;background:#fbf7ef}img{display:block;width:min(100%,20rem);border-radius:.75rem;margin:1rem 0 2rem}\
h2{font-size:1rem;font-weight:normal;color:#7a6f63}\
@media(prefers-color-scheme:dark){body{color:#e9e2d6;background:#1d1a17}}";

/// A page of stories, each under its prompt; pictures are `image_px` high and wide.
///
/// # Errors
///
/// [`Error::Internal`] if a picture does not encode.
pub fn story_html(title: &str, stories: &[(String, Story)], image_px: usize) -> Result<String> {
    let mut body = String::new();
    for (prompt, story) in stories {
        body.push_str(&article(prompt, story, image_px)?);
    }
    Ok(format!(
        "<!doctype html>\n<html lang=\"en\">\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width\">\n<title>{}</title>\n<style>{STYLE}</style>\n{body}</html>\n",
        escaped(title)
    ))
}

/// One story under its prompt, as a part of a page.
///
/// # Errors
///
/// [`Error::Internal`] if a picture does not encode.
pub fn article(prompt: &str, story: &Story, image_px: usize) -> Result<String> {
    let mut body = format!("<article>\n<h2>{}</h2>\n", escaped(prompt));
    for part in &story.parts {
        match part {
            StoryPart::Text(text) => body.push_str(&format!("<p>{}</p>\n", escaped(text.trim()))),
            StoryPart::Image { rgb, alt, .. } => {
                let png = STANDARD.encode(png(rgb, image_px)?);
                body.push_str(&format!("<img alt=\"{}\" src=\"data:image/png;base64,{png}\">\n", escaped(alt)));
            }
        }
    }
    body.push_str("</article>\n");
    Ok(body)
}

/// A square picture of RGB pixels as a PNG file.
///
/// # Errors
///
/// [`Error::Internal`] if the pixels do not fill it.
pub fn png(rgb: &[u8], image_px: usize) -> Result<Vec<u8>> {
    let mut bytes = std::io::Cursor::new(Vec::new());
    image::write_buffer_with_format(
        &mut bytes,
        rgb,
        image_px as u32,
        image_px as u32,
        image::ColorType::Rgb8,
        image::ImageFormat::Png,
    )
    .map_err(|error| Error::Internal { reason: format!("a picture does not encode: {error}") })?;
    Ok(bytes.into_inner())
}

/// Text with what HTML would take for its own written out.
pub fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}
