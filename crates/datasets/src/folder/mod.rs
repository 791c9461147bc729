//! A folder of images by class: `train/<class>/*` and `test/<class>/*` or `val/<class>/*`.
//!
//! Read as torchvision's `ImageFolder` reads it: classes are the sorted names of the folders in `train`, images may
//! lie in folders inside a class's. Hidden files and what macOS and Windows leave behind are skipped; other files
//! that are no images are counted. Images may have any size: [`ImageTransform`] says what becomes of them. Samples
//! are ordered so that the first or last so many of a split hold the classes in the proportions of the whole.

mod decode;
mod decoded;
mod layout;
mod listing;
mod read;

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
};

use serde::{Deserialize, Serialize};

use crate::{DataError, ImageSet, ImageShape, ImageTransform, LoadProgress, SourceFile};

/// Larger images are refused: 16,384 pixels a side is beyond any photograph worth resizing here.
const LARGEST_SIDE: u32 = 16_384;
/// Bytes that an image may take when it is decoded: room for 170 megapixels of RGB.
pub const LARGEST_DECODED: u64 = 1 << 29;

/// How a folder of images is read.
#[derive(Debug, Clone, PartialEq)]
pub struct FolderConfig {
    /// From an image file to bytes of one size.
    pub transform: ImageTransform,
    /// Treatment of files that do not decode. Default `refuse`.
    pub unreadable: Unreadable,
    /// Splits that are read. Default all.
    pub splits: Splits,
    /// Folder of the validation images, below the root. Default `val` beside `test`, else held out.
    pub validation: Option<PathBuf>,
    /// Share of the images that becomes the test split where no folder has one, above 0 and below 1.
    pub split: Option<f64>,
    /// Numbers of images that are decoded. Default all.
    pub take: Take,
    /// Folder of decoded images, which the next reader of the same files takes. Default none.
    pub decoded: Option<PathBuf>,
    /// Bytes of memory that are free; more is refused before any image is decoded. Default no limit.
    pub free_memory: Option<u64>,
}

/// Treatment of files that do not decode.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "lowercase")]
pub enum Unreadable {
    /// An error that names all of them.
    #[default]
    Refuse,
    /// Left out and counted.
    Skip,
}

/// Splits that are read.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Splits {
    /// Training, validation and test images.
    #[default]
    All,
    /// Test images alone: the training images need not be there.
    Test,
}

/// Numbers of images that are decoded, of those that are there.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Take {
    /// First training images.
    pub train: Option<usize>,
    /// Last training images, which are held out. Counts beside `train` alone. Default a tenth of all.
    pub validation: Option<usize>,
    /// First test images.
    pub test: Option<usize>,
}

/// Splits and class names of a folder.
#[derive(Debug)]
pub struct ImageFolder {
    /// Training images that are used; none with [`Splits::Test`].
    pub train: ImageSet,
    /// Validation images of their own folder.
    pub validation: Option<ImageSet>,
    /// Test images that are used.
    pub test: ImageSet,
    /// Number of training images that are there.
    pub available: usize,
    /// Sorted names of the classes.
    pub classes: Vec<String>,
    /// Every image file that was read, training images first.
    pub files: Vec<SourceFile>,
    /// What was found.
    pub summary: FolderSummary,
}

/// What was found in a folder of images.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct FolderSummary {
    /// The folder itself.
    pub root: PathBuf,
    /// Folders of training, validation and test images, below the root; `None` for a split without one of its own.
    pub folders: [Option<PathBuf>; 3],
    /// Folders beside these that are not read.
    pub unused: Vec<PathBuf>,
    /// Number of files that are no images of a known kind, by ending.
    pub left_out: BTreeMap<String, usize>,
    /// Files that do not decode, and why. In JSON objects of `file` and `problem`.
    #[serde(serialize_with = "faults")]
    #[cfg_attr(feature = "schema", schemars(with = "Vec<Fault>"))]
    pub unreadable: Vec<(PathBuf, String)>,
    /// Number of images of each width and height. In JSON objects of `width`, `height` and `images`.
    #[serde(serialize_with = "sizes")]
    #[cfg_attr(feature = "schema", schemars(with = "Vec<Size>"))]
    pub sizes: BTreeMap<[u32; 2], usize>,
}

impl FolderSummary {
    /// What a user would not expect, a line each.
    pub fn notes(&self) -> Vec<String> {
        let mut notes = Vec::new();
        let [_, validation, test] = &self.folders;
        for (split, folder) in [("validation", validation), ("test", test)] {
            let other =
                |folder: &&Path| **folder != *Path::new(split) && **folder != *Path::new("");
            if let Some(folder) = folder.as_deref().filter(other) {
                notes.push(format!("{split} images: those in `{}`", folder.display()));
            }
        }
        if !self.unused.is_empty() {
            let names = self.unused.iter().filter_map(|path| path.file_name());
            let names: Vec<_> = names.map(|name| name.to_string_lossy()).collect();
            notes.push(format!("not read: folders `{}`", names.join("`, `")));
        }
        if !self.left_out.is_empty() {
            let count: usize = self.left_out.values().sum();
            let endings = self.left_out.iter().map(|(ending, count)| match ending.as_str() {
                "" => format!("{count} without an ending"),
                what if what.starts_with("image ") => format!("{count} {what}"),
                _ => format!("{count} .{ending}"),
            });
            let endings = endings.collect::<Vec<_>>().join(", ");
            notes.push(format!("left out: {count} files that are not read as images ({endings})"));
        }
        if !self.unreadable.is_empty() {
            let count = self.unreadable.len();
            let named = self.unreadable.iter().take(20);
            let named = named.map(|(path, why)| format!("\n  {}: {why}", path.display()));
            let named = named.collect::<String>();
            notes.push(format!("left out: {count} images that do not decode{named}"));
        }
        notes
    }
}

impl FolderConfig {
    /// All splits, whole, with images of `shape` squeezed.
    pub fn new(shape: ImageShape) -> Self {
        Self {
            transform: ImageTransform::squeeze(shape),
            unreadable: Unreadable::default(),
            splits: Splits::default(),
            validation: None,
            split: None,
            take: Take::default(),
            decoded: None,
            free_memory: None,
        }
    }
}

/// Reads the images below `root`.
///
/// # Errors
/// [`DataError`] for a layout that is not known, fewer than two classes, a class without images, a test class
/// that training does not know, more images than the memory holds, and images that do not decode: all of them at once.
pub fn read_folder(
    root: &Path,
    config: &FolderConfig,
    progress: LoadProgress<'_>,
) -> Result<ImageFolder, DataError> {
    read::read(root, config, progress)
}

/// Lists the splits below `root`, and reads no image.
///
/// # Errors
/// As those of [`read_folder`] that show before images are decoded.
pub fn check_folder(root: &Path, config: &FolderConfig) -> Result<(), DataError> {
    listing::list(root, config).map(|_| ())
}

/// Decodes one image file: bytes as `[channels, height, width]`.
///
/// # Errors
/// [`DataError`] for a file that cannot be read, is no image of a known kind, or does not decode.
pub fn read_image(path: &Path, transform: &ImageTransform) -> Result<Vec<u8>, DataError> {
    if !fs::metadata(path).map_err(DataError::io(path))?.is_file() {
        return Err(DataError::malformed(path, "no regular file", KINDS));
    }
    let file = fs::read(path).map_err(DataError::io(path))?;
    let decoded = decode::decode(&file, transform);
    Ok(decoded.map_err(|problem| DataError::malformed(path, problem, KINDS))?.0)
}

/// Image files below `folder`, at any depth, in the order of their paths; and of the other files how many there are,
/// by ending.
///
/// # Errors
/// [`DataError`] for a folder that cannot be read.
pub fn list_images(folder: &Path) -> Result<(Vec<PathBuf>, BTreeMap<String, usize>), DataError> {
    let mut left_out = BTreeMap::new();
    let images = listing::images(folder, &mut left_out)?;
    Ok((images, left_out))
}

/// Images of one size.
#[derive(Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
struct Size {
    /// Pixels from left to right.
    width: u32,
    /// Pixels from top to bottom.
    height: u32,
    /// Number of images.
    images: usize,
}

/// A file that does not decode.
#[derive(Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
struct Fault {
    /// The file.
    file: PathBuf,
    /// What is wrong with it.
    problem: String,
}

fn sizes<S: serde::Serializer>(
    sizes: &BTreeMap<[u32; 2], usize>,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    let size = |(size, images): (&[u32; 2], &usize)| {
        let [width, height] = *size;
        Size { width, height, images: *images }
    };
    serializer.collect_seq(sizes.iter().map(size))
}

fn faults<S: serde::Serializer>(
    faults: &[(PathBuf, String)],
    serializer: S,
) -> Result<S::Ok, S::Error> {
    let fault = |(file, problem): &(PathBuf, String)| Fault {
        file: file.clone(),
        problem: problem.clone(),
    };
    serializer.collect_seq(faults.iter().map(fault))
}

const KINDS: &str = "a PNG, JPEG, WebP, BMP, TIFF, GIF or PNM";

/// What systems leave behind: hidden files, macOS's resource forks, Windows' thumbnails.
fn is_hidden(path: &Path) -> bool {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let left_behind = ["__macosx", "thumbs.db", "desktop.ini", "ehthumbs.db"];
    name.starts_with('.') || left_behind.iter().any(|own| name.eq_ignore_ascii_case(own))
}

/// The list of the classes of a split whose images lie in one folder, as in Tiny ImageNet.
fn annotations(split: &Path) -> Option<PathBuf> {
    Some(split.join("val_annotations.txt")).filter(|file| file.is_file())
}
