//! The tokenizer beside Hugging Face's `tokenizers`, and what it refuses.

use oneflow_web::error::Error;
use oneflow_web::flow::rng::Rng;
use oneflow_web::model::tokenizer::{BEGIN, IMAGE, PROMPT_END, Tokenizer};
use oneflow_web::train::bpe::train_bpe;
use serde_json::{Value, json};

const STORY: &str = "A shy fox looks for her lantern in the forest. It's dark, and she'll need 12 fireflies. \
    \"Where is it?\" asks the fox. The owl doesn't know; they've looked in 3 places, and it isn't there!\n\
    Über den Bäumen scheint der Mond. Лиса ищет фонарь. 狐狸在森林里找灯笼。 लोमड़ी जंगल में लालटेन ढूँढती है। 🦊🏮🌲\n\n";

fn trained() -> String {
    train_bpe((0..20).map(|_| STORY.to_string()), 450).unwrap()
}

/// The judge; told to read the names of special tokens as plain text, as we always do.
fn reference(json: &str) -> tokenizers::Tokenizer {
    let mut reference: tokenizers::Tokenizer = json.parse().unwrap();
    reference.set_encode_special_tokens(true);
    reference
}

#[track_caller]
fn check_same(ours: &Tokenizer, reference: &tokenizers::Tokenizer, text: &str) {
    let tokens = ours.encode(text);
    assert_eq!(tokens, reference.encode_fast(text, false).unwrap().get_ids(), "{text:?}");
    assert_eq!(ours.decode(&tokens), text);
}

#[test]
fn encodes_as_the_reference_does() {
    let json = trained();
    let (ours, reference) = (Tokenizer::from_json(json.as_bytes()).unwrap(), reference(&json));
    assert_eq!(ours.vocab_size(), reference.get_vocab_size(true));
    assert!(ours.encode(STORY).len() < STORY.len() / 2, "the merges are used");
    let long_space = " \t\n\u{a0}\u{3000}\r\n ".repeat(50);
    let texts = [
        "",
        " ",
        "  ",
        "\n",
        " a",
        "a ",
        "  a  b   c    ",
        STORY,
        &STORY.to_uppercase(),
        "it's IT'S we're we'Re I'd I'll I'm don't 's 't '' 'sx ''s x'",
        "<|image|> <|begin|><|prompt-end|> <| image |>",
        "\0\u{1}\u{1b}[0m\u{7f}\u{85}\u{9f}\u{200b}\u{feff}\u{fffd}\u{10ffff}",
        "e\u{301} ﬁ ß İ ı Ⅷ ½ ² ٣ ⓐ Ⓐ 𝔸 𝟘 🅰 ⅷ ৴",
        "👩‍👩‍👧‍👦 🏳️‍🌈 🇩🇪 👍🏽 ☃️ ❤",
        "हिन्दी தமிழ் ไทย မြန်မာ العربية עִבְרִית 한국어 ᚠᛇᚻ 𐍈",
        &long_space,
        &format!("a{long_space}"),
        &format!("{long_space}z"),
        &"fox".repeat(600),
        &"🦊".repeat(500),
        &"-".repeat(2000),
        &" ".repeat(2000),
        "\r\n\r\n x\r\n",
        "x\u{2028}y\u{2029} z",
    ];
    for text in texts {
        check_same(&ours, &reference, text);
    }
}

#[test]
fn encodes_random_text_as_the_reference_does() {
    let json = trained();
    let (ours, reference) = (Tokenizer::from_json(json.as_bytes()).unwrap(), reference(&json));
    let pieces: Vec<char> =
        " \t\n\u{a0}'strvemld19²Ⅷ.,!-_<|>éÜжя狐灯ििक\u{301}\u{345}🦊\u{200d}\0\u{3000}".chars().collect();
    let story: Vec<char> = STORY.chars().collect();
    let mut random = Rng::new(1);
    for _ in 0..3000 {
        let n = random.below(24);
        let text: String = match random.below(3) {
            0 => (0..n).map(|_| pieces[random.below(pieces.len())]).collect(),
            1 => (0..n).filter_map(|_| char::from_u32(random.below(0x30000) as u32)).filter(|&c| is_known(c)).collect(),
            _ => (0..n).map(|_| story[random.below(story.len())]).collect(),
        };
        check_same(&ours, &reference, &text);
    }
}

/// Each character beside a letter: the whole table of letters. Characters that are newer than the
/// reference's Unicode are letters here and others there.
#[test]
fn tells_letters_as_the_reference_does() {
    let json = trained();
    let (ours, reference) = (Tokenizer::from_json(json.as_bytes()).unwrap(), reference(&json));
    let known = ('\0'..=char::MAX).filter(|&c| is_known(c)).collect::<Vec<_>>();
    assert!(known.len() > 150_000);
    for chunk in known.chunks(1000) {
        // Where two kinds meet, " x" or "x" tells them apart by where the space goes: no letter of
        // a pair " a" is left alone.
        let text: String = chunk.iter().flat_map(|&c| [c, ' ', 'a', c, ' ', '1', c, ' ', '.', c]).collect();
        check_same(&ours, &reference, &text);
    }
}

/// Whether a character is neither unassigned nor private in the reference's Unicode.
fn is_known(c: char) -> bool {
    use std::sync::LazyLock;
    static UNKNOWN: LazyLock<regex::Regex> = LazyLock::new(|| regex::Regex::new(r"\p{Cn}|\p{Co}").unwrap());
    !UNKNOWN.is_match(c.encode_utf8(&mut [0; 4]))
}

#[test]
fn training_is_deterministic_and_lays_out_the_ids() {
    let once = train_bpe((0..20).map(|i| format!("{STORY}{}", i % 3)), 400).unwrap();
    let again = train_bpe((0..20).rev().map(|i| format!("{STORY}{}", i % 3)), 400).unwrap();
    assert_eq!(once, again);
    let tokenizer = Tokenizer::from_json(once.as_bytes()).unwrap();
    assert_eq!([BEGIN, PROMPT_END, IMAGE].map(|name| tokenizer.special(name)), [Some(0), Some(1), Some(2)]);
    let mut bytes: Vec<u8> = (3..259).flat_map(|id| tokenizer.token_bytes(id)).copied().collect();
    bytes.sort_unstable();
    assert_eq!(bytes, (0..=255).collect::<Vec<u8>>());
    assert_eq!(tokenizer.vocab_size(), 400);
    assert!((259..400).all(|id| (2..=24).contains(&tokenizer.token_bytes(id).len())));
}

#[test]
fn training_needs_room_for_the_bytes_and_stops_when_nothing_repeats() {
    let error = train_bpe(std::iter::empty(), 258).unwrap_err();
    assert_eq!(error.to_string(), "option `vocab_size` is 258; expected at least 259");
    let json = train_bpe(["abc".to_string()].into_iter(), 1000).unwrap();
    assert_eq!(Tokenizer::from_json(json.as_bytes()).unwrap().vocab_size(), 259);
}

#[test]
fn special_tokens_have_no_bytes_and_bytes_that_are_not_utf8_are_dropped() {
    let tokenizer = Tokenizer::from_json(trained().as_bytes()).unwrap();
    let fox = tokenizer.encode("🦊");
    let mut tokens = vec![0, 1, 2, u32::MAX, tokenizer.vocab_size() as u32];
    assert!(tokens.iter().all(|&token| tokenizer.token_bytes(token).is_empty()));
    let byte = |byte: u8| (3..259).find(|&id| tokenizer.token_bytes(id) == [byte]).unwrap();
    tokens.push(byte(0xF0));
    tokens.extend(&fox);
    tokens.extend([byte(0x80), byte(b'!')]);
    assert_eq!(tokenizer.decode(&tokens), "🦊!");
    assert_eq!(tokenizer.special("<|pad|>"), None);
}

#[test]
fn merges_may_be_lines_or_pairs() {
    let json = trained();
    let mut file: Value = serde_json::from_str(&json).unwrap();
    for merge in file["model"]["merges"].as_array_mut().unwrap() {
        let pair: [String; 2] = serde_json::from_value(merge.clone()).unwrap();
        *merge = json!(pair.join(" "));
    }
    let lines = Tokenizer::from_json(file.to_string().as_bytes()).unwrap();
    assert_eq!(lines.encode(STORY), Tokenizer::from_json(json.as_bytes()).unwrap().encode(STORY));
}

/// Changes one thing in a good file and expects to be told so.
#[track_caller]
fn check_refused(change: impl FnOnce(&mut Value), expected: &str) {
    let mut file: Value = serde_json::from_str(&trained()).unwrap();
    change(&mut file);
    check_error(file.to_string().as_bytes(), expected);
}

#[track_caller]
fn check_error(json: &[u8], expected: &str) {
    let error = Tokenizer::from_json(json).unwrap_err();
    assert!(matches!(&error, Error::Model { file, .. } if file == "tokenizer.json"), "{error:?}");
    let message = error.to_string();
    assert!(message.contains(expected), "{message}");
}

#[test]
fn refuses_what_it_cannot_do() {
    check_error(b"<!doctype html>", "it is not a tokenizer file");
    check_error(b"{}", "missing field `model`");
    check_error(b"\xff\xfe", "it is not a tokenizer file");
    check_refused(|file| file["normalizer"] = json!({"type": "NFC"}), "it has a normalizer");
    check_refused(|file| file["pre_tokenizer"] = Value::Null, "its pre_tokenizer is none; expected ByteLevel");
    check_refused(|file| file["pre_tokenizer"]["type"] = json!("Metaspace"), "its pre_tokenizer is Metaspace");
    check_refused(|file| file["pre_tokenizer"]["add_prefix_space"] = json!(true), "add_prefix_space false");
    check_refused(|file| file["pre_tokenizer"]["use_regex"] = json!(false), "use_regex true");
    check_refused(|file| file["model"]["type"] = json!("Unigram"), "its model is Unigram; expected BPE");
    check_refused(|file| file["model"]["dropout"] = json!(0.1), "no dropout");
    check_refused(|file| file["model"]["ignore_merges"] = json!(true), "ignore_merges");
    check_refused(|file| file["model"]["end_of_word_suffix"] = json!("</w>"), "end_of_word_suffix");
    check_refused(
        |file| file["added_tokens"][2]["content"] = json!("<|picture|>"),
        "the special token <|image|> is missing",
    );
    check_refused(|file| file["added_tokens"][2]["special"] = json!(false), "is not special");
    check_refused(
        |file| drop(file["added_tokens"].as_array_mut().unwrap().pop()),
        "the special token <|image|> is missing",
    );
    check_refused(|file| file["added_tokens"][1]["content"] = json!("<|begin|>"), "is there twice");
    check_refused(|file| file["added_tokens"][1]["id"] = json!(7), "has two ids");
}

#[test]
fn refuses_a_vocabulary_with_holes() {
    check_refused(
        |file| file["model"]["vocab"]["!"] = json!(100_000),
        "token \"!\" has id 100000; expected ids 0 to 449 without a gap",
    );
    check_refused(|file| file["model"]["vocab"]["!"] = json!(4), "both have id 4");
    check_refused(|file| file["model"]["vocab"]["!"] = json!(-1), "invalid value");
    check_refused(|file| file["model"]["vocab"]["new"] = json!("450"), "it is not a tokenizer file");
    // The last token takes the place of a byte, whose id is then free.
    let last = |file: &Value| {
        let vocab = file["model"]["vocab"].as_object().unwrap();
        vocab.iter().find(|(_, id)| **id == 449).unwrap().0.clone()
    };
    check_refused(
        |file| {
            let last = last(file);
            let vocab = file["model"]["vocab"].as_object_mut().unwrap();
            let id = vocab.remove("!").unwrap();
            vocab.insert(last, id);
            file["model"]["merges"] = json!([]);
        },
        "byte 33 has no token",
    );
    check_refused(
        |file| {
            let last = last(file);
            let vocab = file["model"]["vocab"].as_object_mut().unwrap();
            vocab.remove(&last);
            vocab.insert("a b".into(), json!(449));
        },
        "' ' stands for no byte",
    );
    check_refused(
        |file| {
            let last = last(file);
            let vocab = file["model"]["vocab"].as_object_mut().unwrap();
            vocab.remove(&last);
            vocab.insert("".into(), json!(449));
        },
        "token 449 is empty",
    );
}

#[test]
fn refuses_merges_of_nothing() {
    check_refused(|file| file["model"]["merges"][3] = json!(["a", "nothing"]), "a merge names \"nothing\"");
    check_refused(|file| file["model"]["merges"][3] = json!(["z", "~"]), "a merge names \"z~\"");
    check_refused(|file| file["model"]["merges"][3] = json!("ab"), "merge 3 is \"ab\"; expected two tokens");
    check_refused(|file| file["model"]["merges"][3] = json!(["<|image|>", "a"]), "which is no token of text");
    check_refused(
        |file| file["model"]["merges"][3] = file["model"]["merges"][2].clone(),
        "merge 3 is of the same tokens",
    );
    check_refused(|file| file["model"]["merges"][3] = json!(["a"]), "it is not a tokenizer file");
}

#[test]
fn never_panics_on_a_damaged_file() {
    let json = trained().into_bytes();
    let mut random = Rng::new(7);
    for _ in 0..400 {
        let mut damaged = json.clone();
        for _ in 0..=random.below(3) {
            let place = random.below(damaged.len());
            damaged[place] = random.below(256) as u8;
        }
        if random.below(4) == 0 {
            damaged.truncate(random.below(damaged.len()));
        }
        match Tokenizer::from_json(&damaged) {
            Ok(tokenizer) => assert_eq!(tokenizer.decode(&tokenizer.encode(STORY)), STORY),
            Err(error) => assert_eq!(error.code(), "invalid-model"),
        }
    }
}
