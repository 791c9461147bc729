//! Errors of datasets.

use std::path::PathBuf;

use thiserror::Error;

/// What can be wrong with data.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum DataError {
    /// No dataset has this name.
    #[error("no dataset is named `{name}`, expected one of {known}")]
    UnknownDataset {
        /// What was asked for.
        name: String,
        /// The names there are.
        known: String,
    },
    /// A file is not where it was looked for, and may not be fetched.
    #[error("no file `{file}` in {}, expected the data of `{dataset}`\nhint: {hint}", folder.display())]
    Missing {
        /// Name of the dataset.
        dataset: String,
        /// The file that is missing.
        file: String,
        /// Where it was looked for.
        folder: PathBuf,
        /// The way out.
        hint: String,
    },
    /// A file's content is not what its format says.
    #[error("{}: {problem}, expected {expected}", path.display())]
    Malformed {
        /// The file, with the member behind `:` for an archive.
        path: PathBuf,
        /// What was found.
        problem: String,
        /// What should have been there.
        expected: String,
    },
    /// The operating system refused to read or write.
    #[error("{}: {source}", path.display())]
    Io {
        /// The file or folder.
        path: PathBuf,
        /// Its reason.
        source: std::io::Error,
    },
    /// A download failed or brought something else.
    #[error("{url}: {problem}\nhint: {hint}")]
    Fetch {
        /// The address.
        url: String,
        /// What went wrong.
        problem: String,
        /// The way out.
        hint: String,
    },
    /// A batch could not be read, or does not hold what was asked for.
    #[error("{place}: {problem}, expected {expected}")]
    Batch {
        /// Where: the batch and its epoch, or the source.
        place: String,
        /// What was found.
        problem: String,
        /// What should have been there.
        expected: String,
    },
    /// A setting of the data is out of its range.
    #[error("`{field}` is `{value}`, expected {expected}")]
    Setting {
        /// Name of the setting.
        field: &'static str,
        /// What was given.
        value: String,
        /// What is allowed.
        expected: String,
    },
}

impl DataError {
    pub(crate) fn malformed(
        path: impl Into<PathBuf>,
        problem: impl Into<String>,
        expected: impl Into<String>,
    ) -> Self {
        Self::Malformed { path: path.into(), problem: problem.into(), expected: expected.into() }
    }

    pub(crate) fn batch(
        place: impl Into<String>,
        problem: impl Into<String>,
        expected: impl Into<String>,
    ) -> Self {
        Self::Batch { place: place.into(), problem: problem.into(), expected: expected.into() }
    }

    pub(crate) fn io(path: impl Into<PathBuf>) -> impl FnOnce(std::io::Error) -> Self {
        let path = path.into();
        |source| Self::Io { path, source }
    }
}
