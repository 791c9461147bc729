//! Files of a folder's splits, before any is read.

use std::{
    collections::{BTreeMap, HashSet},
    fs,
    path::{Path, PathBuf},
};

use walkdir::WalkDir;

use super::{
    FolderConfig, Splits,
    layout::{self, Layout},
};
use crate::DataError;

/// Names of the endings that are read. What is in a file decides how, not its ending.
const ENDINGS: &[&str] = &[
    "png", "jpg", "jpeg", "jpe", "jfif", "webp", "bmp", "dib", "tif", "tiff", "gif", "pbm", "pgm",
    "ppm", "pnm",
];

/// An image file and the index of its class.
pub(super) type Sample = (PathBuf, u32);

/// Image files of the splits, and what else lies there.
#[derive(Debug, Default)]
pub(super) struct Listing {
    pub(super) classes: Vec<String>,
    pub(super) train: Vec<Sample>,
    pub(super) validation: Option<Vec<Sample>>,
    pub(super) test: Vec<Sample>,
    /// Folders of training, validation and test images, below the root.
    pub(super) folders: [Option<PathBuf>; 3],
    /// Folders beside these that are not read.
    pub(super) unused: Vec<PathBuf>,
    /// Files that are no images of a known kind, by ending.
    pub(super) left_out: BTreeMap<String, usize>,
}

/// Lists the images below `root`. In each split they are ordered so that any end of it holds the classes in the
/// proportions of the whole.
///
/// # Errors
/// [`DataError`] for a layout that is not known, fewer than two classes, a class without training images and a class
/// that training does not know.
pub(super) fn list(root: &Path, config: &FolderConfig) -> Result<Listing, DataError> {
    let Layout { train, validation, test, unused } = layout::find(root, config)?;
    let mut listing = Listing { unused, ..Listing::default() };
    let first = train.as_deref().or(test.as_deref()).unwrap_or(root);
    listing.classes = class_names(first)?;
    let classes = listing.classes.len();
    // Test images may be of one class: the network knows the others.
    let fewest = if config.splits == Splits::Test { 1 } else { 2 };
    if !(fewest..=i32::MAX as usize).contains(&classes) {
        let problem = format!("{classes} class folders");
        return Err(DataError::malformed(first, problem, format!("at least {fewest}")));
    }
    let below = |path: &Option<PathBuf>| {
        let path = path.as_deref()?.strip_prefix(root).ok()?;
        Some(path.to_owned())
    };
    listing.folders = [below(&train), below(&validation), below(&test)];
    if let Some(folder) = train.as_deref() {
        listing.train = listing.split(folder, true)?;
    }
    if let Some(folder) = validation.as_deref() {
        listing.validation = Some(listing.split(folder, false)?);
    }
    match (test.as_deref(), config.split) {
        (Some(folder), _) => listing.test = listing.split(folder, false)?,
        (None, Some(share)) => listing.hold_out(share, first)?,
        (None, None) => {}
    }
    Ok(listing)
}

/// Image files below `folder` in the order of their paths, and the files that are none, by ending.
///
/// # Errors
/// [`DataError`] for a folder that cannot be read, and for one that links to itself.
pub(super) fn images(
    folder: &Path,
    left_out: &mut BTreeMap<String, usize>,
) -> Result<Vec<PathBuf>, DataError> {
    let mut images = Vec::new();
    let walk = WalkDir::new(folder).follow_links(true).sort_by_file_name().into_iter();
    for entry in walk.filter_entry(|entry| entry.depth() == 0 || !super::is_hidden(entry.path())) {
        let entry = entry.map_err(|e| {
            let place = e.path().unwrap_or(folder).to_owned();
            match e.loop_ancestor() {
                Some(_) => DataError::malformed(place, "a link to a folder above it", "files"),
                None => DataError::Io { path: place, source: e.into() },
            }
        })?;
        let ending = ending(entry.path());
        match entry.file_type() {
            kind if kind.is_dir() => {}
            kind if kind.is_file() && ENDINGS.contains(&ending.as_str()) => {
                images.push(entry.into_path());
            }
            _ => *left_out.entry(ending).or_default() += 1,
        }
    }
    Ok(images)
}

impl Listing {
    fn split(&mut self, folder: &Path, all_classes: bool) -> Result<Vec<Sample>, DataError> {
        let of_classes = match super::annotations(folder) {
            Some(file) => self.annotated(folder, &file)?,
            None => self.class_folders(folder, all_classes)?,
        };
        let samples = interleaved(of_classes);
        match samples.is_empty() {
            true => Err(DataError::malformed(folder, "no images", EXPECTED)),
            false => Ok(samples),
        }
    }

    fn class_folders(&mut self, folder: &Path, all: bool) -> Result<Vec<Vec<PathBuf>>, DataError> {
        let names = class_names(folder)?;
        if let Some(unknown) = names.iter().find(|name| !self.classes.contains(name)) {
            let path = folder.join(unknown);
            return Err(DataError::malformed(
                path,
                "a class that `train` does not have",
                "the same",
            ));
        }
        for path in layout::files(folder)? {
            let ending = ending(&path);
            if ENDINGS.contains(&ending.as_str()) {
                *self.left_out.entry(format!("{ending} beside class folders")).or_default() += 1;
            }
        }
        let mut of_classes = Vec::new();
        for class in &self.classes {
            let folder = folder.join(class);
            let paths = match folder.is_dir() {
                true => images(&folder, &mut self.left_out)?,
                false => Vec::new(),
            };
            if paths.is_empty() && all {
                return Err(DataError::malformed(folder, "no images", EXPECTED));
            }
            of_classes.push(paths);
        }
        Ok(of_classes)
    }

    /// Tiny ImageNet's list of its validation images: file, class and a box in each line, with tabs between.
    fn annotated(&mut self, folder: &Path, file: &Path) -> Result<Vec<Vec<PathBuf>>, DataError> {
        let text = fs::read_to_string(file).map_err(DataError::io(file))?;
        let mut of_classes = vec![Vec::new(); self.classes.len()];
        let mut listed = HashSet::new();
        for (at, line) in text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty()) {
            let mut fields = line.split('\t').map(str::trim);
            let (name, class) = (fields.next().unwrap_or(""), fields.next().unwrap_or(""));
            let index = self.classes.iter().position(|known| known == class);
            let places = [folder.join("images").join(name), folder.join(name)];
            match (index, places.into_iter().find(|path| path.is_file())) {
                (Some(index), Some(path)) if listed.insert(path.clone()) => {
                    of_classes[index].push(path);
                }
                _ => {
                    let problem = format!("line {} is `{line}`", at + 1);
                    let expected = "an image that is there, once, a tab and a class of `train`";
                    return Err(DataError::malformed(file, problem, expected));
                }
            }
        }
        let there = images(folder, &mut BTreeMap::new())?;
        let unlisted = there.iter().filter(|path| !listed.contains(*path)).count();
        if unlisted > 0 {
            self.left_out
                .insert("image that val_annotations.txt does not list".to_owned(), unlisted);
        }
        Ok(of_classes)
    }

    /// Makes the last images of the training split the test split.
    fn hold_out(&mut self, share: f64, folder: &Path) -> Result<(), DataError> {
        let all = self.train.len();
        let test = (all as f64 * share).round() as usize;
        if test == 0 || test >= all {
            let expected = format!("a share that takes some of the {all} images and leaves some");
            let value = share.to_string();
            return Err(DataError::Setting { field: "data.split", value, expected });
        }
        self.test = self.train.split_off(all - test);
        self.folders[2] = None;
        tracing::debug!(folder = %folder.display(), test, "held out");
        Ok(())
    }
}

const EXPECTED: &str = "at least one PNG, JPEG, WebP, BMP, TIFF, GIF or PNM";

fn class_names(split: &Path) -> Result<Vec<String>, DataError> {
    if let Some(file) = super::annotations(split) {
        let text = fs::read_to_string(&file).map_err(DataError::io(file))?;
        let classes = text.lines().filter_map(|line| line.split('\t').nth(1));
        let mut classes: Vec<_> = classes.map(|class| class.trim().to_owned()).collect();
        classes.sort();
        classes.dedup();
        return Ok(classes);
    }
    let folders = layout::folders(split)?;
    let names = folders.iter().filter_map(|path| path.file_name());
    let mut names: Vec<_> = names.map(|name| name.to_string_lossy().into_owned()).collect();
    names.sort();
    Ok(names)
}

fn interleaved(of_classes: Vec<Vec<PathBuf>>) -> Vec<Sample> {
    let mut placed = Vec::new();
    for (label, paths) in of_classes.into_iter().enumerate() {
        let count = paths.len() as f64;
        let ranked = paths.into_iter().enumerate();
        placed.extend(ranked.map(|(rank, path)| ((rank as f64 + 0.5) / count, path, label as u32)));
    }
    // A stable sort: classes stay in order where their places are equal.
    placed.sort_by(|a, b| a.0.total_cmp(&b.0));
    placed.into_iter().map(|(_, path, label)| (path, label)).collect()
}

fn ending(path: &Path) -> String {
    path.extension().unwrap_or_default().to_string_lossy().to_lowercase()
}
