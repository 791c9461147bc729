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
}

impl ModelError {
    pub(crate) fn config(
        field: &'static str,
        value: impl std::fmt::Debug,
        expected: impl Into<String>,
    ) -> Self {
        Self::Config { field, value: format!("{value:?}"), expected: expected.into() }
    }
}
