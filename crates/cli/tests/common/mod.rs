//! The binary, called as a user calls it.
#![allow(dead_code, clippy::unwrap_used, reason = "not each file needs all; a test may panic")]

use std::process::{Command, Output, Stdio};

/// A run of seconds, put over the default recipe.
pub(crate) const TINY: [&str; 12] = [
    "--offline",
    "--set=data.train=128",
    "--set=data.validation=64",
    "--set=optimizer.batch=32",
    "--set=teacher.epochs=1",
    "--set=student.epochs=1",
    "--set=teacher.blocks=[[4],[4]]",
    "--set=student.blocks=[[4],[4]]",
    "--seed=3",
    "--data=nowhere",
    "--backend=flex",
    "--set=log_every=2",
];

pub(crate) fn distill(arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_distill"));
    command.args(arguments).stdin(Stdio::null()).env_remove("DISTILL_DATA").env_remove("RUST_LOG");
    command.env_remove("COLUMNS").output().unwrap()
}

pub(crate) fn stdout(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).unwrap()
}

pub(crate) fn stderr(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).unwrap()
}

/// Runs something that must be refused: code 2, one error on standard error, nothing on standard
/// output.
pub(crate) fn refused(arguments: &[&str]) -> String {
    let output = distill(arguments);
    let error = stderr(&output);
    assert_eq!(output.status.code(), Some(2), "{arguments:?}: {error}");
    assert!(error.contains("error: "), "{arguments:?}: {error}");
    assert!(!error.contains("panicked"), "{arguments:?}: {error}");
    assert_eq!(stdout(&output), "", "{arguments:?}");
    error
}
