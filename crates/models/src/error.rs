//! Errors of networks and their files.

use std::path::PathBuf;

use thiserror::Error;

/// What can be wrong with a model's configuration or weights.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum ModelError {
    /// No model has this name.
    #[error("no model is named `{name}`, expected one of {known}")]
    Unknown {
        /// What was asked for.
        name: String,
        /// The names there are.
        known: String,
    },
    /// A field of the configuration is out of its range, or does not belong to the model.
    #[error("`{field}` is `{value}`, expected {expected}")]
    Config {
        /// Name of the field.
        field: &'static str,
        /// What was given.
        value: String,
        /// What is allowed.
        expected: String,
    },
    /// A file of weights cannot be read or does not fit the model.
    #[error("{}: {problem}, expected {expected}", path.display())]
    Weights {
        /// The file.
        path: PathBuf,
        /// What was found.
        problem: String,
        /// What would have fitted.
        expected: String,
    },
    /// A file of weights belongs to another network.
    #[error("{}: not the weights of this network{}", path.display(), mismatch(missing, unused, shapes, hint))]
    Mismatch {
        /// The file.
        path: PathBuf,
        /// Names that the network has and the file has not.
        missing: Vec<String>,
        /// Names that the file has beside them and the network has not.
        unused: Vec<String>,
        /// Names that both have, with the shapes of both.
        shapes: Vec<String>,
        /// What to do about it, in a line; empty where nobody knows.
        hint: String,
    },
}

/// How many names of each kind a message holds.
const SHOWN: usize = 10;

fn mismatch(missing: &[String], unused: &[String], shapes: &[String], hint: &str) -> String {
    let mut text = String::new();
    for (what, names) in [("missing", missing), ("unused", unused), ("of another shape", shapes)] {
        if names.is_empty() {
            continue;
        }
        let shown = names.iter().take(SHOWN).map(String::as_str).collect::<Vec<_>>().join(", ");
        let rest = match names.len().saturating_sub(SHOWN) {
            0 => String::new(),
            rest => format!(" and {rest} more"),
        };
        text += &format!("\n  {} {what}: {shown}{rest}", names.len());
    }
    if !hint.is_empty() {
        text += &format!("\n{hint}");
    }
    text
}

impl ModelError {
    pub(crate) fn weights(
        path: &std::path::Path,
        problem: impl ToString,
        expected: impl Into<String>,
    ) -> Self {
        let (path, problem) = (path.to_owned(), problem.to_string());
        Self::Weights { path, problem, expected: expected.into() }
    }

    pub(crate) fn config(
        field: &'static str,
        value: impl std::fmt::Debug,
        expected: impl Into<String>,
    ) -> Self {
        Self::Config { field, value: format!("{value:?}"), expected: expected.into() }
    }
}
