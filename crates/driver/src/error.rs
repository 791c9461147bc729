//! Errors of a run.

use std::path::PathBuf;

use distill_collective::CollectiveError;
use distill_datasets::{DataError, SampleId};
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
    /// Another process of the training is not there any more.
    #[error(transparent)]
    Collective(#[from] CollectiveError),
    /// A model is unknown, misconfigured or does not fit its weights.
    #[error(transparent)]
    Model(#[from] ModelError),
    /// A file or folder of the run cannot be read or written.
    #[error("{}: {source}{}", path.display(), way_out(source))]
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
    /// The loss is NaN or infinite.
    #[error(
        "the {what} is `{value}` in epoch {epoch}, step {step}{}, expected a finite number{}\n\
         hint: lower `optimizer.learning_rate` or set `optimizer.clip_norm`; given weights may hold it too; \
         `non_finite = \"skip\"` skips such batches",
        some_of(samples),
        saved.as_ref().map_or(String::new(), |path| format!("; the last good checkpoint is {}", path.display()))
    )]
    NonFinite {
        /// What is NaN or infinite.
        what: &'static str,
        /// What it is.
        value: f64,
        /// Epoch, from 1.
        epoch: usize,
        /// Step of the epoch, from 1.
        step: usize,
        /// Index of each image of the batch among the training images; `non-finite.json` in the stage's
        /// folder has them too. Empty where it was no batch.
        samples: Vec<SampleId>,
        /// The last checkpoint before it.
        saved: Option<PathBuf>,
    },
    /// A teacher output that cannot be cached.
    #[error(
        "the teacher's output for image {sample} in view {view} is `{value}`, expected a finite number that \
         {} can hold\nhint: check the teacher's weights, or set `cache.precision = \"f32\"`",
        precision.to_uppercase()
    )]
    TeacherOutput {
        /// The logit or feature.
        value: f32,
        /// Index of the image among the training images.
        sample: SampleId,
        /// Number of its view.
        view: u64,
        /// Precision of the cache.
        precision: &'static str,
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
        file: String,
        /// Largest difference of a logit.
        difference: f64,
        /// Largest difference that is allowed.
        bound: f64,
    },
    /// The networks do not fit into the memory that is free.
    #[error(
        "the run needs about {}, and {} are free; the most in `{stage}`, with {batch} images at a time\nhint: {}",
        gigabytes(*needs), gigabytes(*free), less_memory(*fits)
    )]
    Memory {
        /// The stage that takes most.
        stage: &'static str,
        /// An estimate for the run, in bytes.
        needs: u64,
        /// In bytes.
        free: u64,
        /// Images of a step, or of each part of one.
        batch: usize,
        /// Images that would fit, and in how many parts the batch is then; none where the networks alone do not.
        fits: Option<(usize, usize)>,
    },
    /// The user stopped the run; everything is saved.
    #[error("interrupted in stage `{stage}`, everything is saved\nhint: `--resume` goes on")]
    Interrupted {
        /// The stage that was running.
        stage: &'static str,
    },
    /// The user stopped a rehearsal, which keeps nothing.
    #[error("interrupted while the stages were rehearsed; nothing was to be saved")]
    RehearsalInterrupted,
}

impl DriverError {
    /// Exit code of a program that ends with this error: 2 for what the user gave, 130 for an
    /// interruption, 1 for the rest.
    pub fn exit_code(&self) -> u8 {
        match self {
            Self::Interrupted { .. } | Self::RehearsalInterrupted => 130,
            Self::NonFinite { .. }
            | Self::TeacherOutput { .. }
            | Self::Signals(_)
            | Self::Io { .. }
            | Self::Export { .. } => 1,
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

/// Bytes as a person reads them.
pub(crate) fn gigabytes(bytes: u64) -> String {
    format!("{:.1} GB", bytes as f64 / 1e9)
}

/// What to do about a system's reason, where there is something.
fn way_out(error: &std::io::Error) -> &'static str {
    use std::io::ErrorKind::{QuotaExceeded, StorageFull};
    match error.kind() {
        StorageFull | QuotaExceeded => "\nhint: make room, then go on with `--resume`",
        _ => "",
    }
}

/// What takes less memory.
fn less_memory(fits: Option<(usize, usize)>) -> String {
    match fits {
        Some((images, parts)) => format!(
            "{images} images fit: `--accumulate {parts}` takes the batch in parts of so many, `optimizer.batch` makes \
             it smaller"
        ),
        None => {
            "one image at a time does not fit either, beside the networks and the 500 images of an \
                 evaluation: take smaller networks or another machine"
                .to_owned()
        }
    }
}

/// The batch in words, the first few of its images.
fn some_of(samples: &[SampleId]) -> String {
    const SHOWN: usize = 8;
    if samples.is_empty() {
        return String::new();
    }
    let shown: Vec<String> = samples.iter().take(SHOWN).map(SampleId::to_string).collect();
    let more = if samples.len() > SHOWN { ", ..." } else { "" };
    format!(" (batch of {} training images: {}{more})", samples.len(), shown.join(", "))
}
