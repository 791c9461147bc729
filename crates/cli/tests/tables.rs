//! Tables at the widths of terminals: every line fits, and no word is broken.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod common;

use std::{
    collections::BTreeSet,
    process::{Command, Stdio},
};

use common::{TINY, distill, stderr, stdout};

const WIDTHS: [usize; 4] = [60, 80, 110, 200];

#[test]
fn tables_fit_and_keep_their_words() {
    let folder = tempfile::tempdir().unwrap();
    let place = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    let (run, cache, sweep) = (place("run"), place("cache"), place("sweep"));
    let output =
        distill(&[&["run", "digits", "--out", &run, "--cache", &cache], &TINY[..]].concat());
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    let piped = stdout(&output);
    assert!(piped.lines().all(|line| columns(line) <= 80), "a log file gets 80: {piped}");

    let commands: [&[&str]; 10] = [
        &["report", &run],
        &["compare", &run],
        &["list", "recipes"],
        &["list", "models"],
        &["list", "objectives"],
        &["list", "datasets"],
        &["list", "backends"],
        &["data", "list", "--data", "nowhere"],
        &["cache", "list", "--cache", &cache],
        &["inspect", "resnet18"],
    ];
    commands.iter().for_each(|command| fits(command));
    // The same command again runs nothing and prints the table.
    let over = ["--out", &sweep, "--over=objective.0.temperature=2,8", "--over=student.epochs=1"];
    fits(&[&["sweep", "digits"], &TINY[..], &over].concat());
}

#[test]
fn a_check_fits_the_width() {
    let said = at(60, &[&["check", "digits"], &TINY[..]].concat());
    let (_, tables) = said.split_once("\n images").unwrap();
    for line in tables.lines() {
        assert!(columns(line) <= 60, "{line}");
    }
    for word in ["train", "validation", "vgg-small", "parameters", "memory: about"] {
        assert!(tables.contains(word), "{word} in {tables}");
    }
}

/// A command's output at each width beside the one that has room for everything.
fn fits(command: &[&str]) {
    let whole = words(&at(10_000, command));
    for width in WIDTHS {
        let said = at(width, command);
        for line in said.lines() {
            let is_one_word = line.split_whitespace().count() == 1;
            assert!(columns(line) <= width || is_one_word, "{command:?} at {width}: {line}");
        }
        assert_eq!(words(&said), whole, "{command:?} at {width}: {said}");
    }
}

fn words(text: &str) -> BTreeSet<String> {
    // Points of a sweep are broken behind the commas between their fields.
    let words = text.split_whitespace().flat_map(|word| word.split_inclusive(','));
    words.map(str::to_owned).collect()
}

fn columns(line: &str) -> usize {
    line.trim_end().chars().count()
}

fn at(width: usize, arguments: &[&str]) -> String {
    let mut command = Command::new(env!("CARGO_BIN_EXE_distill"));
    command.args(arguments).stdin(Stdio::null()).env_remove("DISTILL_DATA");
    let output = command.env("COLUMNS", width.to_string()).output().unwrap();
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    stdout(&output)
}
