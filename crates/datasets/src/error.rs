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
    /// Images do not decode.
    #[error("{}\nhint: {}", of_each(files), unreadable_hint(*skip))]
    Unreadable {
        /// Each file, and what is wrong with it.
        files: Vec<(PathBuf, String)>,
        /// Whether such files are left out, and too few images remain.
        skip: bool,
    },
    /// Images do not fit into the memory.
    #[error(
        "{}: {images} images take {} MB of memory, expected at most the {} MB that are free\n\
         hint: use fewer (`data.train`, `--limit`) or smaller (`data.size`) ones",
        path.display(), needs / 1_000_000, free / 1_000_000
    )]
    Memory {
        /// The folder.
        path: PathBuf,
        /// Number of images.
        images: usize,
        /// Bytes that they take.
        needs: u64,
        /// Bytes that are free.
        free: u64,
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

/// Files that a message names; it counts the others.
const NAMED: usize = 20;

fn of_each(files: &[(PathBuf, String)]) -> String {
    let named = files.iter().take(NAMED);
    let mut lines: Vec<String> =
        named.map(|(path, problem)| format!("{}: {problem}", path.display())).collect();
    if files.len() > NAMED {
        lines.push(format!("... and {} more", files.len() - NAMED));
    }
    lines.join("\n")
}

fn unreadable_hint(skip: bool) -> &'static str {
    match skip {
        true => {
            "too few images are left without them: a class of the training images has none, or the test split"
        }
        false => {
            "expected PNG, JPEG, WebP, BMP, TIFF, GIF or PNM; `data.unreadable = \"skip\"` or `--unreadable skip` \
             leaves such files out and counts them"
        }
    }
}
