use std::path::PathBuf;

use distill_datasets::DataError;
use distill_models::ModelError;
use distill_objective::{ConfigError, SignalError};
use thiserror::Error;

/// What can stop a run.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum DriverError {
    /// A recipe cannot be read, or one of its values is out of its range.
    #[error("{file}: {problem}")]
    Recipe {
        /// The recipe's file, or its name for a built-in one.
        file: String,
        /// Field, value and what was expected.
        problem: String,
    },
    /// The data is missing, malformed or cannot be fetched.
    #[error(transparent)]
    Data(#[from] DataError),
    /// A model is unknown, misconfigured or does not fit its weights.
    #[error(transparent)]
    Model(#[from] ModelError),
    /// A file or folder of the run cannot be read or written.
    #[error("{}: {source}", path.display())]
    Io {
        /// The file or folder.
        path: PathBuf,
        /// The system's reason.
        source: std::io::Error,
    },
    /// The run's folder cannot be used as it is.
    #[error("{}: {problem}\nhint: {hint}", path.display())]
    Folder {
        /// The run's folder, or a file in it.
        path: PathBuf,
        /// What is wrong with it.
        problem: String,
        /// The way out.
        hint: String,
    },
    /// The loss is no longer a number.
    #[error(
        "the loss is `{loss}` in epoch {epoch}, steps {first} to {last}, expected a finite number\n\
         hint: lower `optimizer.learning_rate` or set `optimizer.clip_norm`; given weights may hold it too"
    )]
    NonFinite {
        /// What it was.
        loss: f64,
        /// Epoch, from 1.
        epoch: usize,
        /// First step of the epoch in which it may have happened, from 1.
        first: usize,
        /// The step after which it was seen.
        last: usize,
    },
    /// Student and teacher do not fit together.
    #[error(transparent)]
    Signals(#[from] SignalError),
    /// An exported file gives other logits than the student.
    #[error(
        "`{file}` gives logits that differ by {difference:.1e} from the student's, expected at most \
         {bound:.1e}; nothing was exported"
    )]
    Export {
        /// Name of the file.
        file: &'static str,
        /// Largest difference of a logit.
        difference: f64,
        /// Largest difference that is allowed.
        bound: f64,
    },
    /// The user stopped the run; everything is saved.
    #[error("interrupted in stage `{stage}`, everything is saved\nhint: `--resume` goes on")]
    Interrupted {
        /// The stage that was running.
        stage: &'static str,
    },
}

impl DriverError {
    /// Exit code of a program that ends with this error: 2 for what the user gave, 130 for an
    /// interruption, 1 for the rest.
    pub fn exit_code(&self) -> u8 {
        match self {
            Self::Interrupted { .. } => 130,
            Self::NonFinite { .. } | Self::Signals(_) | Self::Io { .. } | Self::Export { .. } => 1,
            Self::Data(DataError::Fetch { .. }) => 1,
            _ => 2,
        }
    }

    pub(crate) fn recipe(file: &str, problem: impl ToString) -> Self {
        Self::Recipe { file: file.to_owned(), problem: problem.to_string() }
    }

    pub(crate) fn field(file: &str, field: &str, value: impl ToString, expected: &str) -> Self {
        let value = value.to_string();
        Self::recipe(file, format!("`{field}` is `{value}`, expected {expected}"))
    }

    pub(crate) fn objective(file: &str, error: &ConfigError) -> Self {
        Self::recipe(file, error)
    }

    pub(crate) fn io(path: impl Into<PathBuf>) -> impl FnOnce(std::io::Error) -> Self {
        let path = path.into();
        |source| Self::Io { path, source }
    }
}
