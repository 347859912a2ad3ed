//! What is measured of the texts of many stories.

use std::collections::HashSet;

use serde::Serialize;

use super::asked::{Asked, World};
use super::grammar::{Linkages, without_unicorn};
use super::judge::share;
use super::phrases::{PhraseFaults, Usage, is_of_the_bank, phrase_faults};
use super::shape::{ShapeFaults, shape_faults};
use super::trigram::Trigram;
use super::words::{has, sentences, small_words, split, texts, words};
use crate::data::Stream;
use crate::flow::rng::Rng;
use crate::model::story::Story;

/// Documents of the training stream from which words, signs and trigrams are learned.
const N_LEARN: u64 = 20_000;
/// Seed of the words' other order.
const SEED: u64 = 0x5_4FFE;

/// What is measured of texts. Shares are in [0, 1]; `null` stands where nobody parses.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Text {
    /// Sentences.
    pub sentences: usize,
    /// Words of a story.
    pub mean_words: f64,
    /// Text tokens of a story.
    pub mean_tokens: f64,
    /// Sentences with one or more words twice in a row, as in no true sentence.
    pub duplicated_phrase_share: f64,
    /// Sentences that link-grammar parses completely; in the large world of those without dialogue.
    pub parse_share: Option<f64>,
    /// The same with "horse" for "unicorn", before which the parser's dictionary wants "an".
    pub parse_share_horse: Option<f64>,
    /// Stories with any of the faults of `broken`.
    pub broken_share: f64,
    /// Stories with each kind of duplicated or broken phrase.
    pub broken: Broken,
    /// Stories with any of the faults of `cut`.
    pub cut_share: f64,
    /// Stories that are empty or cut, by kind.
    pub cut: Cut,
    /// Stories whose text names the main character.
    pub names_character_share: f64,
    /// Different words, of all words.
    pub distinct_1: f64,
    /// Different pairs of neighbouring words, of all pairs.
    pub distinct_2: f64,
    /// Perplexity of a word under a Kneser-Ney trigram model of the training stream: no outside model.
    pub trigram_perplexity: f64,
    /// Words which that model does not know.
    pub unknown_word_share: f64,
}

/// Shares of stories with a duplicated or broken phrase, see [`PhraseFaults`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct Broken {
    /// A phrase twice in a row.
    pub duplicated_phrase: f64,
    /// A sentence twice.
    pub duplicated_sentence: f64,
    /// A word that no true sentence has.
    pub unknown_word: f64,
    /// A capital missing or misplaced.
    pub misplaced_capital: f64,
    /// Punctuation misplaced.
    pub misplaced_punctuation: f64,
    /// A sentence that does not parse and is none of the bank's; in the small world only.
    pub unparsed_sentence: Option<f64>,
}

/// Shares of stories that are empty or cut, see [`ShapeFaults`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct Cut {
    /// No sentence.
    pub empty: f64,
    /// No sign at the end of a text.
    pub no_final_punctuation: f64,
    /// No picture.
    pub no_picture: f64,
    /// Fewer pictures (in the small world: or sentences) than asked for.
    pub fewer: f64,
    /// More of them.
    pub more: f64,
    /// Text and pictures do not take turns.
    pub out_of_turn: f64,
}

/// What is wrong with one story.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Faults {
    /// Its shape.
    pub shape: ShapeFaults,
    /// Its phrases.
    pub phrases: PhraseFaults,
    /// Sentences that do not parse.
    pub unparsed: Vec<String>,
}

impl Faults {
    /// The faults by name, as in [`Cut`] and [`Broken`].
    pub fn names(&self) -> Vec<&'static str> {
        let (shape, phrases) = (self.shape, self.phrases);
        let all = [
            ("empty", shape.empty),
            ("no_final_punctuation", shape.no_final_punctuation),
            ("no_picture", shape.no_picture),
            ("fewer", shape.fewer),
            ("more", shape.more),
            ("out_of_turn", shape.out_of_turn),
            ("duplicated_phrase", phrases.duplicated_phrase),
            ("duplicated_sentence", phrases.duplicated_sentence),
            ("unknown_word", phrases.unknown_word),
            ("misplaced_capital", phrases.misplaced_capital),
            ("misplaced_punctuation", phrases.misplaced_punctuation),
            ("unparsed_sentence", phrases.unparsed_sentence),
        ];
        all.into_iter().filter(|(_, is_so)| *is_so).map(|(name, _)| name).collect()
    }
}

/// Reads texts of one world.
pub struct Reader {
    world: World,
    usage: Usage,
    trigram: Trigram,
}

impl Reader {
    /// Learns from the training stream what true sentences have.
    pub fn new(world: World) -> Self {
        let texts: Vec<String> = (0..N_LEARN).flat_map(|index| world.texts(Stream::Train, index)).collect();
        let sentences: Vec<Vec<String>> = texts.iter().flat_map(|text| split(text)).map(small_words).collect();
        let usage = Usage::of(texts.iter().map(String::as_str));
        Self { world, usage, trigram: Trigram::learn(&sentences) }
    }

    /// The sentences of stories that the parser must be asked for.
    pub fn to_parse(&self, stories: &[Story]) -> Vec<String> {
        let found = stories.iter().flat_map(sentences).filter(|s| self.is_parsed(s));
        found.flat_map(|s| [s.to_owned(), without_unicorn(s)]).collect()
    }

    /// link-grammar breaks dialogue at its quotation marks.
    fn is_parsed(&self, sentence: &str) -> bool {
        self.world == World::Cards || !sentence.contains('"')
    }

    /// What is wrong with a story; without `linkages` nobody parses.
    pub fn faults(&self, story: &Story, asked: &Asked, linkages: Option<&Linkages>) -> Faults {
        let mut unparsed = Vec::new();
        if let Some(linkages) = linkages {
            let fails = |s: &&str| self.is_parsed(s) && !linkages.parses(&without_unicorn(s));
            unparsed.extend(sentences(story).into_iter().filter(fails).map(str::to_owned));
        }
        // The large world's bank cannot be read backwards, and one of its true sentences in 140 does
        // not parse: there a sentence that does not is no fault of the story.
        let is_sound =
            |s: &str| self.world != World::Cards || !unparsed.iter().any(|bad| bad == s) || is_of_the_bank(s);
        Faults {
            shape: shape_faults(story, &asked.shape),
            phrases: phrase_faults(story, &self.usage, is_sound),
            unparsed,
        }
    }

    /// The numbers of many stories with their faults; `tokens` counts those of a story.
    pub fn measure(
        &self,
        (stories, asked): (&[Story], &[Asked]),
        faults: &[Faults],
        linkages: Option<&Linkages>,
        tokens: impl Fn(&Story) -> usize,
    ) -> Text {
        let n = stories.len().max(1) as f64;
        let found: Vec<&str> = stories.iter().flat_map(sentences).collect();
        let rows: Vec<Vec<String>> = found.iter().map(|s| small_words(s)).collect();
        let parsed: Vec<&str> = found.iter().copied().filter(|s| self.is_parsed(s)).collect();
        let parse = |of: fn(&Linkages, &str) -> bool| {
            linkages.map(|linkages| share(&parsed, |sentence| of(linkages, sentence)))
        };
        let score = self.trigram.score(&rows);
        let named: Vec<bool> = stories.iter().zip(asked).map(|(story, asked)| names(story, asked.word)).collect();
        let all_words: Vec<&String> = rows.iter().flatten().collect();
        let pairs: Vec<(&String, &String)> = rows.iter().flat_map(|row| row.iter().zip(row.iter().skip(1))).collect();
        Text {
            sentences: found.len(),
            mean_words: stories.iter().map(n_words).sum::<usize>() as f64 / n,
            mean_tokens: stories.iter().map(tokens).sum::<usize>() as f64 / n,
            duplicated_phrase_share: share(&found, |sentence| self.usage.has_repeat(sentence)),
            parse_share: parse(Linkages::parses),
            parse_share_horse: parse(|linkages, sentence| linkages.parses(&without_unicorn(sentence))),
            broken_share: share(faults, |f| f.phrases.any()),
            broken: broken(faults, linkages.is_some() && self.world == World::Cards),
            cut_share: share(faults, |f| f.shape.any()),
            cut: Cut {
                empty: share(faults, |f| f.shape.empty),
                no_final_punctuation: share(faults, |f| f.shape.no_final_punctuation),
                no_picture: share(faults, |f| f.shape.no_picture),
                fewer: share(faults, |f| f.shape.fewer),
                more: share(faults, |f| f.shape.more),
                out_of_turn: share(faults, |f| f.shape.out_of_turn),
            },
            names_character_share: share(&named, |&named| named),
            distinct_1: distinct(&all_words),
            distinct_2: distinct(&pairs),
            trigram_perplexity: score.perplexity,
            unknown_word_share: score.unknown_share,
        }
    }

    /// Perplexity of sentences under the trigram model.
    pub fn perplexity(&self, sentences: &[String]) -> f64 {
        let rows: Vec<Vec<String>> = sentences.iter().map(|sentence| small_words(sentence)).collect();
        self.trigram.score(&rows).perplexity
    }

    /// The sentences of stories with their words in another order, a capital and a full stop: the
    /// floor.
    pub fn shuffled(&self, stories: &[Story]) -> Vec<String> {
        let found = stories.iter().flat_map(sentences).filter(|s| self.is_parsed(s)).enumerate();
        found.map(|(i, sentence)| shuffled(sentence, &mut Rng::stream(SEED, i as u64))).collect()
    }
}

fn broken(faults: &[Faults], is_parsed: bool) -> Broken {
    Broken {
        duplicated_phrase: share(faults, |f| f.phrases.duplicated_phrase),
        duplicated_sentence: share(faults, |f| f.phrases.duplicated_sentence),
        unknown_word: share(faults, |f| f.phrases.unknown_word),
        misplaced_capital: share(faults, |f| f.phrases.misplaced_capital),
        misplaced_punctuation: share(faults, |f| f.phrases.misplaced_punctuation),
        unparsed_sentence: is_parsed.then(|| share(faults, |f| f.phrases.unparsed_sentence)),
    }
}

/// Words of a story.
pub fn n_words(story: &Story) -> usize {
    texts(story).map(|text| words(text).len()).sum()
}

/// Whether a story's text has a word.
pub fn names(story: &Story, word: &str) -> bool {
    has(&texts(story).collect::<Vec<_>>().join(" "), word)
}

fn distinct<T: std::hash::Hash + Eq>(items: &[T]) -> f64 {
    items.iter().collect::<HashSet<_>>().len() as f64 / items.len().max(1) as f64
}

fn shuffled(sentence: &str, rng: &mut Rng) -> String {
    let mut mixed = words(sentence);
    for i in (1..mixed.len()).rev() {
        mixed.swap(i, rng.below(i + 1));
    }
    let mixed = mixed.join(" ");
    let mut letters = mixed.chars();
    letters.next().map_or_else(String::new, |first| first.to_uppercase().collect::<String>() + letters.as_str() + ".")
}
