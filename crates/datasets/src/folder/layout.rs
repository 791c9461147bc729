//! Where the splits of a folder lie, by the names that people give them.

use std::{
    fs,
    path::{Path, PathBuf},
};

use super::{FolderConfig, Splits};
use crate::DataError;

const TRAIN: &[&str] = &["train", "training", "train_set", "training_set"];
const TEST: &[&str] = &["test", "testing", "test_set"];
const VALIDATION: &[&str] = &["val", "valid", "validation", "dev", "val_set", "validation_set"];

/// Folders of the splits, each with a folder for each class.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Layout {
    /// Training images; `None` where the test images are alone.
    pub(super) train: Option<PathBuf>,
    /// Validation images of their own; `None` where they are held out of the training images.
    pub(super) validation: Option<PathBuf>,
    /// Test images; `None` where a share of the training images becomes the test split.
    pub(super) test: Option<PathBuf>,
    /// Folders beside these that are not read.
    pub(super) unused: Vec<PathBuf>,
}

/// Finds the splits below `root`.
///
/// # Errors
/// [`DataError`] for a folder that is not there or holds no layout that is known, with the layouts that are.
pub(super) fn find(root: &Path, config: &FolderConfig) -> Result<Layout, DataError> {
    let folders = folders(root)?;
    let train = named(&folders, TRAIN);
    let test = named(&folders, TEST).filter(|test| has_classes(test));
    let validation = named(&folders, VALIDATION).filter(|validation| has_classes(validation));
    // A competition's test images have no classes, and their labels are not given away.
    let test = test.filter(|test| validation.is_none() || shares_classes(test, train.as_deref()));
    let mut layout = match (config.splits, train) {
        (Splits::Test, train) => test_alone(root, &folders, config, (train, test.or(validation)))?,
        (Splits::All, None) => classes_alone(root, &folders, config)?,
        (Splits::All, Some(train)) => all(root, &folders, config, (train, test, validation))?,
    };
    if layout.train.as_deref() != Some(root) && layout.test.as_deref() != Some(root) {
        let used = [&layout.train, &layout.validation, &layout.test];
        let unused = folders.into_iter().filter(|path| !used.contains(&&Some(path.clone())));
        layout.unused = unused.collect();
    }
    Ok(layout)
}

/// The test images, or class folders alone.
fn test_alone(
    root: &Path,
    folders: &[PathBuf],
    config: &FolderConfig,
    (train, test): (Option<PathBuf>, Option<PathBuf>),
) -> Result<Layout, DataError> {
    let test = test.or_else(|| train.is_none().then(|| root.to_owned()));
    let test = test.filter(|test| has_classes(test) || config.split.is_some());
    if test.is_none() && config.split.is_none() {
        return Err(refused(root, folders, "test", "test images in `test/CLASS` or `val/CLASS`"));
    }
    Ok(Layout { train, validation: None, test, unused: Vec::new() })
}

/// Class folders without splits, of which a share becomes the test split.
fn classes_alone(
    root: &Path,
    folders: &[PathBuf],
    config: &FolderConfig,
) -> Result<Layout, DataError> {
    let expected = "`train/CLASS` and `test/CLASS` or `val/CLASS`";
    if config.split.is_none() || !has_classes(root) {
        return Err(refused(root, folders, "train", expected));
    }
    let splits = [TRAIN, TEST, VALIDATION].concat();
    if let Some(split) = folders.iter().find(|path| splits.iter().any(|name| is_named(path, name)))
    {
        let problem = "a folder of a split among class folders, without `train`";
        return Err(DataError::malformed(split, problem, expected));
    }
    if let Some(name) = &config.validation {
        let expected = "a number: class folders alone have no folder of validation images";
        return Err(setting("data.validation", name.display(), expected));
    }
    Ok(Layout { train: Some(root.to_owned()), validation: None, test: None, unused: Vec::new() })
}

/// A folder of training images with what lies beside it.
fn all(
    root: &Path,
    folders: &[PathBuf],
    config: &FolderConfig,
    (train, test, validation): (PathBuf, Option<PathBuf>, Option<PathBuf>),
) -> Result<Layout, DataError> {
    let own = match &config.validation {
        Some(name) => Some(given(root, name)?),
        None => None,
    };
    // Of three splits each has its name; of two the second one is for the end.
    let second = validation.clone().filter(|path| own.as_ref() != Some(path));
    let (test, validation) = match (test, own) {
        (Some(test), Some(own)) => (Some(test), Some(own)),
        // A number of images is held out of the training images, whatever lies beside them.
        (Some(test), None) => (Some(test), validation.filter(|_| config.take.validation.is_none())),
        (None, own) => (second, own),
    };
    if let (Some(name), Some(own)) = (&config.validation, &validation)
        && (*own == train || Some(own) == test.as_ref())
    {
        let expected = "a folder that is neither the training nor the test images";
        return Err(setting("data.validation", name.display(), expected));
    }
    match (&test, config.split) {
        (Some(_), Some(split)) => {
            let expected = format!("to be left out: {} has test images", root.display());
            Err(setting("data.split", split, &expected))
        }
        (None, None) => {
            Err(refused(root, folders, "test", "`test/CLASS` or `val/CLASS` beside `train`"))
        }
        _ => Ok(Layout { train: Some(train), validation, test, unused: Vec::new() }),
    }
}

fn given(root: &Path, name: &Path) -> Result<PathBuf, DataError> {
    let path = root.join(name);
    match !name.as_os_str().is_empty() && has_classes(&path) {
        true => Ok(path),
        false => {
            let expected =
                "the name of a folder with CLASS folders beside `train`, or a number of images";
            Err(setting("data.validation", name.display(), expected))
        }
    }
}

fn setting(
    field: &'static str,
    value: impl std::fmt::Display,
    expected: impl Into<String>,
) -> DataError {
    DataError::Setting { field, value: value.to_string(), expected: expected.into() }
}

/// The folder of the first of these names, as it is written before any other spelling.
fn named(folders: &[PathBuf], names: &[&str]) -> Option<PathBuf> {
    let exact = |path: &&PathBuf, name: &str| path.file_name().is_some_and(|own| own == name);
    let found = names.iter().find_map(|name| folders.iter().find(|path| exact(path, name)));
    let any = || names.iter().find_map(|name| folders.iter().find(|path| is_named(path, name)));
    found.or_else(any).cloned()
}

/// Whether one of the folders in `test` has the name of a class of `train`.
fn shares_classes(test: &Path, train: Option<&Path>) -> bool {
    let Some(train) = train else { return true };
    let known = subfolders(train);
    let mut names = subfolders(test).into_iter();
    names.any(|path| known.iter().any(|own| own.file_name() == path.file_name()))
        || super::annotations(test).is_some()
}

/// The error with the folder that is missing, what was found, and how it can be used.
fn refused(root: &Path, folders: &[PathBuf], missing: &str, expected: &str) -> DataError {
    let names = folders.iter().take(8).filter_map(|path| path.file_name());
    let names: Vec<_> = names.map(|name| name.to_string_lossy()).collect();
    let problem = match folders.len() {
        0 => format!("no folder `{missing}`"),
        count if count > names.len() => {
            format!("no folder `{missing}` among {count} ({}, ...)", names.join(", "))
        }
        _ => format!("no folder `{missing}` among {}", names.join(", ")),
    };
    let inside = folders.iter().find(|folder| {
        subfolders(folder).iter().any(|path| TRAIN.iter().any(|name| is_named(path, name)))
    });
    let hint = match inside {
        Some(inside) => format!("name `{}`, which has `train` in it", inside.display()),
        None => "`data.split = 0.2` makes a fifth of the images of each class the test split, where there are \
                 class folders alone or `train` alone"
            .to_owned(),
    };
    DataError::malformed(root, problem, format!("{expected}\nhint: {hint}"))
}

fn is_named(path: &Path, name: &str) -> bool {
    path.file_name().is_some_and(|own| own.eq_ignore_ascii_case(name))
}

/// Whether the folder has a folder for each class, or a list of its images' classes.
fn has_classes(folder: &Path) -> bool {
    super::annotations(folder).is_some() || !subfolders(folder).is_empty()
}

/// Folders in `folder` that are not hidden, sorted.
///
/// # Errors
/// [`DataError::Io`] where it cannot be read.
pub(super) fn folders(folder: &Path) -> Result<Vec<PathBuf>, DataError> {
    let mut folders = Vec::new();
    for entry in fs::read_dir(folder).map_err(DataError::io(folder))? {
        let path = entry.map_err(DataError::io(folder))?.path();
        if path.is_dir() && !super::is_hidden(&path) {
            folders.push(path);
        }
    }
    folders.sort();
    Ok(folders)
}

/// Files in `folder` that are not hidden.
///
/// # Errors
/// [`DataError::Io`] where it cannot be read.
pub(super) fn files(folder: &Path) -> Result<Vec<PathBuf>, DataError> {
    let mut files = Vec::new();
    for entry in fs::read_dir(folder).map_err(DataError::io(folder))? {
        let path = entry.map_err(DataError::io(folder))?.path();
        if path.is_file() && !super::is_hidden(&path) {
            files.push(path);
        }
    }
    Ok(files)
}

fn subfolders(folder: &Path) -> Vec<PathBuf> {
    folders(folder).unwrap_or_default()
}
