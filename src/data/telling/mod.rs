//! From what happens to what is told: a bank of hand-written templates, the
//! grammar that fills them, and the prompts that could have asked for it.

pub mod bank;

pub mod template;

pub mod lexicon;

pub mod grammar;

pub mod realiser;

pub mod story;

pub mod prompt;

pub use bank::Bank;
pub use lexicon::Lexicon;
pub use prompt::{Mentioned, Prompt, caption_prompt, prompt};
pub use story::{Beat, Story, coloured_story_from, story, story_from};
