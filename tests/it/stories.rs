//! Text edits, and the model in the package as a whole.

use std::path::Path;

use oneflow_web::checkpoint::folder::read_folder;
use oneflow_web::checkpoint::load::cpu_model;
use oneflow_web::model::Model;
use oneflow_web::model::story::{Page, StoryPart, edited, tell, text_edits};
use oneflow_web::ops::burn::BurnOps;
use oneflow_web::ops::ready;
use oneflow_web::sample::Sampler;

fn model() -> Model<BurnOps> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("pkg/models/storyworld");
    cpu_model(read_folder(&folder).unwrap().files).unwrap()
}

const PROMPT: &str = "Tell me a story about a shy fox in the forest at night.";

#[test]
fn a_story_names_its_character_and_has_its_pictures() {
    let model = model();
    let story = tell(&model, PROMPT, model.options(), 1).unwrap();
    assert!(story.text().contains("fox"), "{}", story.text());
    let n_images = story.parts.iter().filter(|part| matches!(part, StoryPart::Image { .. })).count();
    assert_eq!(n_images, 3, "{}", story.text());
}

#[test]
fn the_same_seed_tells_the_same_story_and_another_seed_another() {
    let model = model();
    let tell = |seed| tell(&model, PROMPT, model.options(), seed).unwrap();
    assert_eq!(tell(4), tell(4));
    assert_ne!(tell(4).text(), tell(5).text());
}

#[test]
fn edits_lead_from_each_text_to_the_next() {
    let model = model();
    let tokens = model.prompt_tokens(PROMPT).unwrap();
    let mut sampler = Sampler::new(&tokens, *model.spec(), model.options(), 2).unwrap();
    let mut text = String::new();
    while !sampler.is_done() {
        let events = ready(sampler.step(&model)).unwrap();
        let page = Page::of(&model, sampler.state());
        let edits = text_edits(&model.tokenizer, &events, sampler.state(), &text, &page.text);
        assert!(edits.iter().all(|edit| edit.remove == 0), "{edits:?}");
        text = edited(&text, &edits);
        assert_eq!(text, page.text);
    }
    assert!(!text.is_empty());
}

#[test]
fn a_prompt_that_is_too_long_is_refused() {
    let error = model().prompt_tokens(&"fox ".repeat(3000)).unwrap_err();
    assert_eq!(error.code(), "invalid-prompt");
}
