//! A folder of images by class: `train/<class>/*.png` and `test/<class>/*.png`.
//!
//! The layout of torchvision's `ImageFolder`, with PNG and JPEG. Images may have any size and are
//! resized; they become RGB or grey as asked. Classes are the sorted names of the folders in
//! `train`. Samples are ordered so that the first or last so many of a split hold the classes in
//! the proportions of the whole.

use std::{
    fs,
    path::{Path, PathBuf},
};

use image::{DynamicImage, ImageReader, Limits, imageops::FilterType};

use crate::{DataError, ImageSet, ImageShape};

/// Larger images are refused: 16,384 pixels a side is beyond any photograph worth resizing here.
const LARGEST_SIDE: u32 = 16_384;
/// Bytes that an image may take when it is decoded: room for 170 megapixels of RGB.
pub const LARGEST_DECODED: u64 = 1 << 29;

/// Both splits and the class names of a folder.
#[derive(Debug)]
pub struct ImageFolder {
    /// Images below `train/`.
    pub train: ImageSet,
    /// Images below `test/`.
    pub test: ImageSet,
    /// Sorted names of the class folders.
    pub classes: Vec<String>,
    /// Every image file that was read, train first.
    pub files: Vec<PathBuf>,
}

/// Reads all images below `root`, resized to `shape`.
///
/// # Errors
/// [`DataError`] for a missing split, fewer than two classes, a class without images, a test class
/// that training does not know, and an image that does not decode.
pub fn read_folder(root: &Path, shape: ImageShape) -> Result<ImageFolder, DataError> {
    let classes = class_names(&root.join("train"))?;
    if classes.len() < 2 {
        let problem = format!("{} class folders", classes.len());
        return Err(DataError::malformed(root.join("train"), problem, "at least 2"));
    }
    if classes.len() > i32::MAX as usize {
        let problem = format!("{} class folders", classes.len());
        return Err(DataError::malformed(root.join("train"), problem, "at most 2147483647"));
    }
    let unknown = class_names(&root.join("test"))?.into_iter().find(|name| !classes.contains(name));
    if let Some(unknown) = unknown {
        let path = root.join("test").join(unknown);
        return Err(DataError::malformed(path, "a class that `train` does not have", "the same"));
    }
    let mut files = Vec::new();
    let mut split = |name: &str| {
        let samples = interleaved(&root.join(name), &classes)?;
        let (images, labels) = read_all(&samples, shape)?;
        files.extend(samples.into_iter().map(|(path, _)| path));
        Ok::<_, DataError>(ImageSet::new(shape, images, labels))
    };
    let (train, test) = (split("train")?, split("test")?);
    Ok(ImageFolder { train, test, classes, files })
}

/// Decodes one image file and brings it to `shape`: bytes as `[channels, height, width]`.
///
/// # Errors
/// [`DataError`] for a file that cannot be read, is no PNG or JPEG, or does not decode.
pub fn read_image(path: &Path, shape: ImageShape) -> Result<Vec<u8>, DataError> {
    if !fs::metadata(path).map_err(DataError::io(path))?.is_file() {
        return Err(DataError::malformed(path, "no regular file", "a PNG or JPEG"));
    }
    let reader = ImageReader::open(path).map_err(DataError::io(path))?;
    let mut reader = reader.with_guessed_format().map_err(DataError::io(path))?;
    let mut limits = Limits::default();
    limits.max_image_width = Some(LARGEST_SIDE);
    limits.max_image_height = Some(LARGEST_SIDE);
    limits.max_alloc = Some(LARGEST_DECODED);
    reader.limits(limits);
    let image = reader.decode().map_err(|e| {
        DataError::malformed(path, format!("an image that does not decode ({e})"), "a PNG or JPEG")
    })?;
    let (width, height) = (shape.width as u32, shape.height as u32);
    let image = match (image.width(), image.height()) == (width, height) {
        true => image,
        false => image.resize_exact(width, height, FilterType::Triangle),
    };
    Ok(planes(&image, shape.channels))
}

fn planes(image: &DynamicImage, channels: usize) -> Vec<u8> {
    if channels == 1 {
        return image.to_luma8().into_raw();
    }
    let pixels = image.to_rgb8().into_raw();
    (0..3).flat_map(|channel| pixels.iter().skip(channel).step_by(3).copied()).collect()
}

fn class_names(split: &Path) -> Result<Vec<String>, DataError> {
    let mut names: Vec<String> = entries(split)?
        .into_iter()
        .filter(|path| path.is_dir())
        .filter_map(|path| path.file_name().map(|name| name.to_string_lossy().into_owned()))
        .filter(|name| !name.starts_with('.'))
        .collect();
    names.sort();
    Ok(names)
}

fn interleaved(split: &Path, classes: &[String]) -> Result<Vec<(PathBuf, u32)>, DataError> {
    let mut placed = Vec::new();
    for (label, class) in classes.iter().enumerate() {
        let folder = split.join(class);
        let mut paths: Vec<PathBuf> = match folder.is_dir() {
            true => entries(&folder)?.into_iter().filter(|path| is_image(path)).collect(),
            false => Vec::new(),
        };
        if paths.is_empty() && split.ends_with("train") {
            return Err(DataError::malformed(folder, "no images", "at least one PNG or JPEG"));
        }
        paths.sort();
        let count = paths.len() as f64;
        let ranked = paths.into_iter().enumerate();
        placed.extend(ranked.map(|(rank, path)| ((rank as f64 + 0.5) / count, path, label as u32)));
    }
    // A stable sort: classes stay in order where their places are equal.
    placed.sort_by(|a, b| a.0.total_cmp(&b.0));
    let samples: Vec<_> = placed.into_iter().map(|(_, path, label)| (path, label)).collect();
    if samples.is_empty() {
        return Err(DataError::malformed(split, "no images", "at least one PNG or JPEG"));
    }
    Ok(samples)
}

fn is_image(path: &Path) -> bool {
    let extension = path.extension().map(std::ffi::OsStr::to_ascii_lowercase);
    extension.is_some_and(|e| e == "png" || e == "jpg" || e == "jpeg")
}

fn entries(folder: &Path) -> Result<Vec<PathBuf>, DataError> {
    let list = fs::read_dir(folder).map_err(DataError::io(folder))?;
    list.map(|entry| Ok(entry.map_err(DataError::io(folder))?.path())).collect()
}

/// Decodes on every core, in contiguous shares; the first error in order wins.
fn read_all(
    samples: &[(PathBuf, u32)],
    shape: ImageShape,
) -> Result<(Vec<u8>, Vec<u32>), DataError> {
    let workers = std::thread::available_parallelism().map_or(1, usize::from);
    let share = samples.len().div_ceil(workers).max(1);
    let parts: Vec<Result<Vec<u8>, DataError>> = std::thread::scope(|scope| {
        let spawned: Vec<_> = samples
            .chunks(share)
            .map(|share| scope.spawn(move || read_share(share, shape)))
            .collect();
        spawned.into_iter().map(|t| t.join().expect("decoding does not panic")).collect()
    });
    let images = parts.into_iter().collect::<Result<Vec<_>, _>>()?.concat();
    Ok((images, samples.iter().map(|(_, label)| *label).collect()))
}

fn read_share(share: &[(PathBuf, u32)], shape: ImageShape) -> Result<Vec<u8>, DataError> {
    let mut bytes = Vec::with_capacity(share.len() * shape.bytes());
    for (path, _) in share {
        bytes.extend(read_image(path, shape)?);
    }
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    const SHAPE: ImageShape = ImageShape { channels: 3, height: 4, width: 4 };

    fn folder() -> tempfile::TempDir {
        let root = tempfile::tempdir().unwrap();
        for split in ["train", "test"] {
            for (class, colour) in [("cat", [200, 10, 10]), ("dog", [10, 10, 200])] {
                let folder = root.path().join(split).join(class);
                fs::create_dir_all(&folder).unwrap();
                for (name, size) in [("a.png", 4), ("b.jpg", 9)] {
                    image::RgbImage::from_pixel(size, size, colour.into())
                        .save(folder.join(name))
                        .unwrap();
                }
            }
        }
        root
    }

    fn error(root: &Path) -> String {
        read_folder(root, SHAPE).unwrap_err().to_string()
    }

    #[test]
    fn images_of_any_size_are_read_interleaved_by_class() {
        let root = folder();
        let read = read_folder(root.path(), SHAPE).unwrap();
        assert_eq!(read.classes, ["cat", "dog"]);
        assert_eq!(read.train.labels(), [0, 1, 0, 1]);
        assert_eq!(read.train.image(0), [[200; 16], [10; 16], [10; 16]].concat());
        assert!(read.train.image(2)[..16].iter().all(|red| red.abs_diff(200) < 6), "a JPEG");
        let grey = read_folder(root.path(), ImageShape { channels: 1, ..SHAPE }).unwrap();
        assert_eq!(grey.test.image(0).len(), 16);
    }

    #[test]
    fn any_end_of_an_unbalanced_split_holds_its_proportions() {
        let root = folder();
        for extra in 0..16 {
            let image = image::GrayImage::from_pixel(4, 4, [9].into());
            image.save(root.path().join(format!("train/cat/c{extra:02}.png"))).unwrap();
        }
        let labels = read_folder(root.path(), SHAPE).unwrap().train.labels().to_vec();
        assert_eq!(labels.len(), 20);
        for end in [&labels[..10], &labels[10..]] {
            assert_eq!(end.iter().filter(|label| **label == 1).count(), 1, "{labels:?}");
        }
    }

    #[test]
    fn what_is_wrong_is_named() {
        let root = folder();
        fs::write(root.path().join("train/cat/a.png"), b"\x89PNG\r\n\x1a\nrest").unwrap();
        assert!(error(root.path()).contains("train/cat/a.png: an image that does not decode"));

        let root = folder();
        fs::create_dir(root.path().join("train/emu")).unwrap();
        assert!(error(root.path()).contains("train/emu: no images"));

        let root = folder();
        fs::rename(root.path().join("test/dog"), root.path().join("test/fox")).unwrap();
        assert!(error(root.path()).contains("a class that `train` does not have"));

        let root = folder();
        fs::remove_dir_all(root.path().join("train/dog")).unwrap();
        assert!(error(root.path()).contains("1 class folders"));
        fs::remove_dir_all(root.path().join("test")).unwrap();
        fs::create_dir(root.path().join("train/dog")).unwrap();
        assert!(error(root.path()).contains("test"));
    }
}
