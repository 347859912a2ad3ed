//! A sheet of stories to read and look at.

use std::fmt::Write as _;

use base64::Engine as _;

use super::{Document, document};
use crate::data::Stream;
use crate::data::document::Part;
use crate::data::picture::png;
use crate::error::Result;

/// One HTML page with the documents `start .. start + count` of `stream`,
/// pictures included.
///
/// # Errors
///
/// [`Error::Internal`] if a picture cannot be encoded.
pub fn preview_html(stream: Stream, start: u64, count: u64) -> Result<String> {
    let mut page = String::from(HEAD);
    for index in start..start + count {
        write_document(&mut page, index, &document(stream, index))?;
    }
    page.push_str("</html>\n");
    Ok(page)
}

const HEAD: &str = "<!doctype html>
<html lang=\"en\">
<meta charset=\"utf-8\">
<title>Storyworld</title>
<style>
body { font: 16px/1.4 Georgia, serif; margin: 2em auto; max-width: 60em; background: #fbf7ef; color: #33302c }
section { border-top: 1px solid #ddd3c2; padding: 1em 0 }
.prompt { font-style: italic; color: #8a6d3b }
.beats { display: flex; gap: 1.5em; flex-wrap: wrap }
figure { margin: 0; width: 192px }
img { width: 192px; height: 192px; border-radius: 8px }
.labels { font: 12px monospace; color: #999 }
</style>
";

fn write_document(page: &mut String, index: u64, document: &Document) -> Result<()> {
    let labels = &document.labels;
    let prompt = if document.prompt.is_empty() { "(no prompt)" } else { &document.prompt };
    // Writing to a string cannot fail.
    let _ = writeln!(page, "<section><p class=\"prompt\">{index}: {}</p><div class=\"beats\">", escaped(prompt));
    for beat in document.parts.chunks(2) {
        if let [Part::Text(text), Part::Image(picture)] = beat {
            let url = base64::engine::general_purpose::STANDARD.encode(png(picture)?);
            let _ = writeln!(
                page,
                "<figure><img alt=\"\" src=\"data:image/png;base64,{url}\"><figcaption>{}</figcaption></figure>",
                escaped(text.trim_start())
            );
        }
    }
    let _ = writeln!(
        page,
        "</div><p class=\"labels\">{} · {} · {} · {}</p></section>",
        labels.plot, labels.character, labels.place, labels.sky
    );
    Ok(())
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}
