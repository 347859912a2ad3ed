//! A picture book of stories, to read and look at.

use std::fmt::Write as _;

use base64::Engine as _;

use super::Stream;
use super::painting::{Dial, paint};
use super::picture::png;
use super::telling::{coloured_story_from, prompt, story_from};
use super::world::simulate::generator;
use crate::error::Result;

/// One HTML page with the stories `start .. start + count` of `stream`, pictures included.
///
/// # Errors
///
/// [`Error::Internal`](crate::Error::Internal) if a picture cannot be encoded.
pub fn picture_book(stream: Stream, dial: Dial, start: u64, count: u64) -> Result<String> {
    let mut page = String::from(HEAD);
    for index in start..start + count {
        let tell = if dial >= Dial::L4 { coloured_story_from } else { story_from };
        let story = tell(stream, &mut generator(stream, index));
        // Not the draws of the story itself, which are used up.
        let mut rng = generator(stream, index ^ (1 << 63));
        let asked = prompt(&story, &mut rng).text;
        // Writing to a string cannot fail.
        let _ =
            writeln!(page, "<article><h2>{}</h2><p class=\"plot\">{index} · {}</p><ol>", escaped(&asked), story.plot);
        for beat in &story.beats {
            let url = base64::engine::general_purpose::STANDARD.encode(png(&paint(&beat.scene, dial, &mut rng))?);
            let text = escaped(&beat.text);
            let _ = writeln!(
                page,
                "<li><img alt=\"{}\" src=\"data:image/png;base64,{url}\"><p>{text}</p></li>",
                beat.event
            );
        }
        page.push_str("</ol></article>\n");
    }
    page.push_str("</html>\n");
    Ok(page)
}

const HEAD: &str = "<!doctype html>
<html lang=\"en\">
<meta charset=\"utf-8\">
<meta name=\"viewport\" content=\"width=device-width\">
<title>Storyworld</title>
<style>
body { font: 16px/1.45 Georgia, serif; margin: 2em auto; max-width: 80em; padding: 0 1em; background: #fbf7ef; color: #33302c }
article { border-top: 1px solid #ddd3c2; padding: 1em 0 }
h2 { font-size: 1.1em; font-style: italic; font-weight: normal; color: #8a6d3b; margin: 0 }
.plot { font: 12px monospace; color: #76705f; margin: 0.3em 0 1em }
ol { list-style: none; padding: 0; display: grid; grid-template-columns: repeat(auto-fill, minmax(192px, 1fr)); gap: 1.2em }
img { width: 192px; height: 192px; border-radius: 8px; display: block }
li p { margin: 0.5em 0 0 }
</style>
";

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}
