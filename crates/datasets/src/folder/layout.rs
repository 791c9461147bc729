//! Where the splits of a folder lie, by the names that people give them.

use std::{
    fs,
    path::{Path, PathBuf},
};

use super::{FolderConfig, Splits};
use crate::DataError;

const TRAIN: &[&str] = &["train", "training"];
const TEST: &[&str] = &["test", "testing"];
const VALIDATION: &[&str] = &["val", "valid", "validation", "dev"];

/// Folders of the splits, each with a folder for each class.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Layout {
    /// Training images; `None` where the test images are alone.
    pub(super) train: Option<PathBuf>,
    /// Validation images of their own; `None` where they are held out of the training images.
    pub(super) validation: Option<PathBuf>,
    /// Test images; `None` where a share of the training images becomes the test split.
    pub(super) test: Option<PathBuf>,
}

/// Finds the splits below `root`.
///
/// # Errors
/// [`DataError`] for a folder that is not there or holds no layout that is known, with the layouts that are.
pub(super) fn find(root: &Path, config: &FolderConfig) -> Result<Layout, DataError> {
    let folders = folders(root)?;
    let named = |names: &[&str]| {
        let found = names.iter().find_map(|name| folders.iter().find(|path| is_named(path, name)));
        found.cloned()
    };
    let train = named(TRAIN);
    // A competition's test images have no classes, and their labels are not given away.
    let test = named(TEST).filter(|test| has_classes(test));
    let validation = named(VALIDATION).filter(|validation| has_classes(validation));
    if config.splits == Splits::Test {
        let test = test.or(validation).or_else(|| train.is_none().then(|| root.to_owned()));
        let test = test.filter(|test| has_classes(test) || config.split.is_some());
        return match (test, config.split) {
            (Some(test), _) => Ok(Layout { train, validation: None, test: Some(test) }),
            (None, Some(_)) => Ok(Layout { train, validation: None, test: None }),
            (None, None) => {
                Err(refused(root, &folders, "test", "test images in `test/CLASS` or `val/CLASS`"))
            }
        };
    }
    let Some(train) = train else {
        return match (config.split, has_classes(root)) {
            (Some(_), true) => {
                Ok(Layout { train: Some(root.to_owned()), validation: None, test: None })
            }
            _ => Err(refused(
                root,
                &folders,
                "train",
                "`train/CLASS` and `test/CLASS` or `val/CLASS`",
            )),
        };
    };
    let own = match &config.validation {
        Some(name) => Some(given(root, name)?),
        None => None,
    };
    // A number of images is held out of the training images, whatever lies beside them.
    let beside = validation.clone().filter(|_| config.take.validation.is_none());
    let layout = match (test, validation, own) {
        // Of three splits each has its name; of two the second one is for the end.
        (Some(test), _, own) => {
            Layout { train: Some(train), validation: own.or(beside), test: Some(test) }
        }
        (None, Some(validation), own) if own.as_ref() != Some(&validation) => {
            Layout { train: Some(train), validation: own, test: Some(validation) }
        }
        (None, _, own) => Layout { train: Some(train), validation: own, test: None },
    };
    match (&layout.test, config.split) {
        (Some(_), Some(split)) => Err(DataError::Setting {
            field: "data.split",
            value: split.to_string(),
            expected: format!("to be left out: {} has test images", root.display()),
        }),
        (None, None) => {
            Err(refused(root, &folders, "test", "`test/CLASS` or `val/CLASS` beside `train`"))
        }
        _ => Ok(layout),
    }
}

fn given(root: &Path, name: &Path) -> Result<PathBuf, DataError> {
    let path = root.join(name);
    match has_classes(&path) {
        true => Ok(path),
        false => Err(DataError::malformed(
            path,
            "no folder with class folders",
            "`data.validation`: validation images in CLASS folders",
        )),
    }
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

fn subfolders(folder: &Path) -> Vec<PathBuf> {
    folders(folder).unwrap_or_default()
}
