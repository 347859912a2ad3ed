//! From a model to a report: what is done, in order.

use std::path::{Path, PathBuf};
use std::time::Instant;

use super::asked::{Asked, SEED_STRIDE, Shown, World};
use super::grammar::{Linkages, is_there};
use super::judge::{Judge, Wanted, accuracy, floor, things, wanted_of_told};
use super::lengths::lengths;
use super::noised;
use super::parallel::each;
use super::report::{BesideTrueText, Ceiling, Each, Floor, NamedThings, Pictures, Report, Sampling};
use super::sweep::{Point, curve_options, guidance_options, sweep};
use super::telling::{painted, told};
use super::text::{Faults, Reader, n_words, names};
use super::words::{pictures, texts};
use crate::data::Stream;
use crate::error::{Error, Result};
use crate::model::Model;
use crate::model::codec::ImageCodec;
use crate::model::story::Story;
use crate::ops::burn::BurnOps;
use crate::sample::Options;

/// Stories beside whose true text pictures are painted, at most.
const N_PAINTED: usize = 100;

/// What to measure.
#[derive(Clone, Debug)]
pub struct Plan {
    /// The world that the model knows.
    pub world: World,
    /// Whose prompts.
    pub stream: Stream,
    /// Stories, at least 1.
    pub n_stories: usize,
    /// Which prompts: those from document `seed` × 1,000,000 on.
    pub seed: u64,
    /// How stories are told.
    pub options: Options,
    /// Noised documents for losses and calibration, at least 1.
    pub n_noised: usize,
    /// Whether to measure quality against steps.
    pub curve: bool,
    /// Whether to measure quality against guidance.
    pub guidance: bool,
    /// link-grammar's parser; `None` looks for `link-parser` and does without it if there is none.
    pub link_parser: Option<PathBuf>,
    /// Threads; the results do not depend on it.
    pub n_threads: usize,
}

/// A report, and the stories it is about.
#[derive(Clone, Debug)]
pub struct Evaluation {
    /// All numbers.
    pub report: Report,
    /// What was asked for, and what is true of it.
    pub asked: Vec<Asked>,
    /// What the model told.
    pub told: Vec<Story>,
}

impl Plan {
    /// Stories that each choice of options is measured on: a fifth, 20 at least where there are 20.
    pub fn n_swept(&self) -> usize {
        (self.n_stories / 5).max(self.n_stories.min(20))
    }

    /// Stories, of all kinds, that a run tells or paints.
    pub fn n_steps(&self) -> usize {
        let n_choices = if self.curve { curve_options(&self.options).len() } else { 0 }
            + if self.guidance { guidance_options(&self.options).len() } else { 0 };
        self.n_stories + self.n_stories.min(N_PAINTED) + n_choices * self.n_swept()
    }

    fn validate(&self, model: &Model<BurnOps>) -> Result<()> {
        let at_least_one = |name: &'static str, n: usize| match n {
            0 => Err(Error::Option { name, found: "0".into(), expected: "at least 1".into() }),
            _ => Ok(()),
        };
        at_least_one("stories", self.n_stories)?;
        at_least_one("noised", self.n_noised)?;
        at_least_one("threads", self.n_threads)?;
        self.options.validate()?;
        if self.seed >= u64::MAX / SEED_STRIDE / 2 {
            let expected = format!("below {}", u64::MAX / SEED_STRIDE / 2);
            return Err(Error::Option { name: "seed", found: self.seed.to_string(), expected });
        }
        let found = model.config.codec.image_px;
        if found != super::probe::SIDE {
            let reason = format!("`codec.image_px` is {found}, expected {} to be measured", super::probe::SIDE);
            return Err(Error::Model { file: "config.json".into(), reason });
        }
        Ok(())
    }
}

/// Measures a model; `done` is called [`Plan::n_steps`] times, after each story.
///
/// # Errors
///
/// [`Error::Option`] for a plan out of range, [`Error::Model`] for a model of other pictures,
/// [`Error::Io`] if the parser that was named cannot be run, and those of telling.
pub fn evaluate(model: &Model<BurnOps>, plan: &Plan, done: impl Fn() + Sync) -> Result<Evaluation> {
    let start = Instant::now();
    plan.validate(model)?;
    let mut notes = Vec::new();
    let parser = parser(plan.link_parser.as_deref(), &mut notes)?;
    let (world, n_threads) = (plan.world, plan.n_threads);
    let asked = world.ask(plan.stream, plan.seed * SEED_STRIDE, plan.n_stories);
    let (losses, calibration) = noised::measure(model, world, plan.stream, (plan.n_noised, plan.seed), n_threads)?;
    let (judge, reader) = (Judge::new(world)?, Reader::new(world));

    let before = Instant::now();
    let told = told(model, &asked, &plan.options, n_threads, &done)?;
    let sampling = sampling(&plan.options, &told, before.elapsed().as_secs_f64());
    let truth: Vec<Story> = asked.iter().map(Asked::true_story).collect();

    let shuffled = reader.shuffled(&truth);
    let mut to_parse = [reader.to_parse(&told), reader.to_parse(&truth)].concat();
    to_parse.extend(shuffled.iter().cloned());
    let linkages =
        parser.map(|program| Linkages::of(&program, to_parse.iter().map(String::as_str), n_threads)).transpose()?;
    let linkages = linkages.as_ref();
    let tokens = |story: &Story| texts(story).map(|text| model.tokenizer.encode(text).len()).sum();
    let faults = |stories: &[Story]| -> Vec<Faults> {
        stories.iter().zip(&asked).map(|(story, asked)| reader.faults(story, asked, linkages)).collect()
    };
    let (faults_told, faults_true) = (faults(&told), faults(&truth));
    let text = reader.measure((&told, &asked), &faults_told, linkages, |story| story.stats.tokens);
    let text_true = reader.measure((&truth, &asked), &faults_true, linkages, tokens);

    let see = |stories: &[Vec<Vec<u8>>]| -> Result<Vec<Vec<Shown>>> {
        each(stories.len(), n_threads, || (), |i| Ok(stories[i].iter().map(|picture| judge.see(picture)).collect()))
    };
    let copied = |stories: &[Story]| -> Vec<Vec<Vec<u8>>> {
        stories.iter().map(|story| pictures(story).map(<[u8]>::to_vec).collect()).collect()
    };
    let through = |stories: &[Vec<Vec<u8>>]| -> Vec<Vec<Vec<u8>>> {
        let rebuilt = |picture: &Vec<u8>| model.codec.decode(&model.codec.encode(picture));
        stories.iter().map(|story| story.iter().map(rebuilt).collect()).collect()
    };
    let true_pictures = copied(&truth);
    let seen = see(&copied(&told))?;
    let (seen_true, seen_codec) = (see(&true_pictures)?, see(&through(&true_pictures))?);
    let right = |seen: &[Vec<Shown>]| accuracy(seen, &wanted_of_told(world, &asked, seen));
    let ceiling = right(&seen_true);

    let n_painted = asked.len().min(N_PAINTED);
    let seen_painted = see(&painted(model, &asked[..n_painted], &plan.options, n_threads, &done)?)?;
    let wanted: Wanted = asked[..n_painted].iter().map(|asked| asked.shown.clone()).collect();
    let beside_true_text = BesideTrueText {
        model: accuracy(&seen_painted, &wanted),
        codec: accuracy(&seen_codec[..n_painted], &wanted),
        ceiling: accuracy(&seen_true[..n_painted], &wanted),
        floor: floor(&seen_painted, &wanted),
    };

    let fewer = &asked[..plan.n_swept()];
    let swept = |choices: Vec<Options>| -> Result<Vec<Point>> {
        sweep((model, world), (&judge, &reader), fewer, &choices, n_threads, &done)
    };
    let curve = plan.curve.then(|| swept(curve_options(&plan.options))).transpose()?;
    let guidance = plan.guidance.then(|| swept(guidance_options(&plan.options))).transpose()?;

    let count = |stories: &[Story]| stories.iter().map(n_words).collect::<Vec<usize>>();
    let report = Report {
        world: world.name(),
        stream: stream_name(plan.stream),
        stories: asked.len(),
        seed: plan.seed,
        sampling,
        losses,
        calibration,
        text,
        lengths: lengths(&count(&told), &count(&truth)),
        pictures: Pictures::new(right(&seen), &ceiling),
        codec: right(&seen_codec),
        floor: Floor {
            pictures: floor(&seen, &wanted_of_told(world, &asked, &seen)),
            names_character_share: names_by_chance(&told, &asked),
            parse_share: linkages.map(|l| super::judge::share(&shuffled, |s| l.parses(s))),
            trigram_perplexity: reader.perplexity(&shuffled),
        },
        things: NamedThings {
            model: things(&seen, &asked),
            codec: things(&seen_codec, &asked),
            ceiling: things(&seen_true, &asked),
        },
        ceiling: Ceiling { text: text_true, pictures: ceiling },
        beside_true_text,
        curve,
        guidance,
        notes,
        each: (0..asked.len()).map(|i| each_of(world, &asked[i], &told[i], &faults_told[i], &seen[i])).collect(),
        seconds: start.elapsed().as_secs_f64(),
    };
    Ok(Evaluation { report, asked, told })
}

/// The stream's name on the command line.
pub fn stream_name(stream: Stream) -> &'static str {
    match stream {
        Stream::Train => "train",
        Stream::Validation => "validation",
        Stream::HeldOut => "held-out",
    }
}

/// The parser, or a note that there is none.
///
/// # Errors
///
/// [`Error::Io`] if one was named and is not there.
fn parser(named: Option<&Path>, notes: &mut Vec<String>) -> Result<Option<PathBuf>> {
    let program = named.unwrap_or(Path::new("link-parser"));
    if is_there(program)? {
        return Ok(Some(program.to_owned()));
    }
    if named.is_some() {
        return Err(Error::io(program, std::io::ErrorKind::NotFound.into()));
    }
    notes.push(
        "no sentence was parsed, because there is no link-parser here: install link-grammar, or name the program with \
         --link-parser"
            .into(),
    );
    Ok(None)
}

fn sampling(options: &Options, told: &[Story], seconds: f64) -> Sampling {
    let mean = |n: usize| n as f64 / told.len().max(1) as f64;
    Sampling {
        n_steps: options.n_steps,
        temperature: options.temperature,
        top_p: options.top_p,
        text_guidance: options.text_guidance,
        image_guidance: options.image_guidance,
        mean_steps: mean(told.iter().map(|story| story.stats.steps).sum()),
        mean_rounds: mean(told.iter().map(|story| story.stats.rounds).sum()),
        seconds,
    }
}

/// How often a story names the main character of a story drawn at random.
fn names_by_chance(told: &[Story], asked: &[Asked]) -> f64 {
    let words: std::collections::BTreeMap<&str, usize> = asked.iter().fold(Default::default(), |mut counts, asked| {
        *counts.entry(asked.word).or_default() += 1;
        counts
    });
    let found = |story: &Story| words.iter().filter(|(word, _)| names(story, word)).map(|(_, n)| n).sum::<usize>();
    told.iter().map(found).sum::<usize>() as f64 / (told.len() * asked.len()).max(1) as f64
}

fn each_of(world: World, asked: &Asked, told: &Story, faults: &Faults, seen: &[Shown]) -> Each {
    let (places, skies, characters) = (world.places(), world.skies(), world.characters());
    let seen = seen.iter().map(|shown| {
        [places[shown.place], skies[shown.sky], shown.character.map_or("nobody", |character| characters[character])]
    });
    Each {
        index: asked.index,
        prompt: asked.prompt.clone(),
        text: told.text(),
        faults: faults.names(),
        unparsed: faults.unparsed.clone(),
        seen: seen.collect(),
    }
}
