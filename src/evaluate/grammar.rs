//! Which sentences link-grammar's `link-parser` parses completely: a program of its own, asked as
//! `tests/quality/grammar.py` asks it.

use std::collections::{BTreeSet, HashMap};
use std::io::{ErrorKind, Write};
use std::path::Path;
use std::process::{Command, Stdio};

use super::parallel::each;
use crate::error::{Error, Result};

/// Seconds after which the parser gives a sentence up.
const TIMEOUT_SECS: u32 = 5;
/// Sentences that one call of the parser is given.
const PER_CALL: usize = 100;

/// For each sentence, whether every word of it takes part in a linkage.
#[derive(Clone, Debug, Default)]
pub struct Linkages {
    /// By sentence on one line.
    parsed: HashMap<String, bool>,
}

impl Linkages {
    /// Asks the parser, `n_threads` calls at a time.
    ///
    /// # Errors
    ///
    /// [`Error::Io`] naming the program if it cannot be run or gives no answer.
    pub fn of<'a>(program: &Path, sentences: impl IntoIterator<Item = &'a str>, n_threads: usize) -> Result<Self> {
        // A line that begins with another sign is a command or a comment to link-parser; such a
        // sentence is none anyway.
        let lines: BTreeSet<String> = sentences.into_iter().filter(|s| is_sendable(s)).map(one_line).collect();
        let lines: Vec<String> = lines.into_iter().collect();
        let chunks: Vec<&[String]> = lines.chunks(PER_CALL).collect();
        let answers = each(chunks.len(), n_threads, || (), |i| ask(program, chunks[i]))?;
        let parsed: HashMap<String, bool> = answers.into_iter().flatten().collect();
        match lines.iter().find(|line| !parsed.contains_key(*line)) {
            Some(line) => Err(failed(program, format!("it gave no answer for \"{line}\""))),
            None => Ok(Self { parsed }),
        }
    }

    /// Whether a sentence that was asked for parses.
    pub fn parses(&self, sentence: &str) -> bool {
        is_sendable(sentence) && self.parsed.get(&one_line(sentence)).copied().unwrap_or(false)
    }
}

/// Whether there is such a program.
///
/// # Errors
///
/// [`Error::Io`] if there is one that cannot be run.
pub fn is_there(program: &Path) -> Result<bool> {
    match Command::new(program).arg("--version").output() {
        Ok(_) => Ok(true),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(false),
        Err(error) => Err(Error::io(program, error)),
    }
}

/// The sentence about a horse: the dictionary takes "unicorn" for a word that needs "an".
pub fn without_unicorn(sentence: &str) -> String {
    let is_part = |c: char| c.is_alphanumeric() || c == '_';
    let mut out = String::new();
    let mut rest = sentence;
    while let Some(at) = rest.find("unicorn") {
        let (before, after) = (&rest[..at], &rest[at + "unicorn".len()..]);
        out.push_str(before);
        out.push_str(if before.ends_with(is_part) || after.starts_with(is_part) { "unicorn" } else { "horse" });
        rest = after;
    }
    out + rest
}

/// In batch mode link-parser allows no word to be left out, echoes each sentence, and prints
/// "+++++ error N" below one that it cannot parse.
fn ask(program: &Path, lines: &[String]) -> Result<Vec<(String, bool)>> {
    let mut child = Command::new(program)
        .args(["en", "-batch", "-echo=1", "-graphics=0", "-verbosity=1"])
        .arg(format!("-timeout={TIMEOUT_SECS}"))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .map_err(|error| Error::io(program, error))?;
    let mut input = child.stdin.take();
    let text = lines.join("\n") + "\n";
    let output = std::thread::scope(|scope| {
        // A thread of its own writes, so that neither side waits for the other.
        scope.spawn(move || input.take().map(|mut input| input.write_all(text.as_bytes())));
        child.wait_with_output()
    })
    .map_err(|error| Error::io(program, error))?;
    if !output.status.success() {
        return Err(failed(program, format!("it ended with {}", output.status)));
    }
    let mut answers: Vec<(String, bool)> = Vec::new();
    for line in String::from_utf8_lossy(&output.stdout).lines() {
        if !line.starts_with("+++++ error") {
            answers.push((line.trim().to_owned(), true));
        } else if let Some(last) = answers.last_mut() {
            last.1 = false;
        }
    }
    Ok(answers)
}

fn failed(program: &Path, reason: String) -> Error {
    Error::io(program, std::io::Error::other(reason))
}

fn is_sendable(sentence: &str) -> bool {
    sentence.starts_with(char::is_alphabetic)
}

fn one_line(sentence: &str) -> String {
    sentence.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_unicorn_becomes_a_horse_as_a_whole_word_only() {
        assert_eq!(without_unicorn("The unicorn met unicorns; unicorn."), "The horse met unicorns; horse.");
    }

    #[test]
    fn a_program_is_there_or_not() {
        assert!(!is_there(Path::new("/no/such/link-parser")).unwrap());
        assert!(is_there(Path::new("true")).unwrap());
    }

    #[test]
    fn a_program_that_says_nothing_is_an_error_that_names_it() {
        let error = Linkages::of(Path::new("true"), ["A fox ran."], 1).unwrap_err();
        assert!(error.to_string().contains("true"), "{error}");
    }
}
