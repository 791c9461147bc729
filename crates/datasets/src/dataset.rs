//! Images with labels in memory, and the splits of a dataset.

use std::{
    path::{Path, PathBuf},
    sync::Arc,
};

use image::{ExtendedColorType, ImageEncoder, codecs::png::PngEncoder};
use sha2::{Digest, Sha256};

use crate::DataError;

/// Size of every image of a set: bytes lie as `[channels, height, width]`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ImageShape {
    /// 1 for grey, 3 for red, green and blue.
    pub channels: usize,
    /// Rows of pixels.
    pub height: usize,
    /// Pixels of a row.
    pub width: usize,
}

impl ImageShape {
    /// Bytes of one image.
    pub fn bytes(&self) -> usize {
        self.channels * self.height * self.width
    }
}

/// Images of one size with a label each, in memory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ImageSet {
    shape: ImageShape,
    images: Vec<u8>,
    labels: Vec<u16>,
}

impl ImageSet {
    /// Puts `images` and `labels` together.
    ///
    /// # Panics
    /// Unless there are `shape.bytes()` bytes for each label: a reader's bug, not the data's.
    pub fn new(shape: ImageShape, images: Vec<u8>, labels: Vec<u16>) -> Self {
        assert_eq!(images.len(), labels.len() * shape.bytes(), "one image for each label");
        Self { shape, images, labels }
    }

    /// Size of every image.
    pub fn shape(&self) -> ImageShape {
        self.shape
    }

    /// Number of images.
    pub fn len(&self) -> usize {
        self.labels.len()
    }

    /// Whether there are no images.
    pub fn is_empty(&self) -> bool {
        self.labels.is_empty()
    }

    /// Bytes of one image, `[channels, height, width]`.
    pub fn image(&self, index: usize) -> &[u8] {
        let size = self.shape.bytes();
        &self.images[index * size..(index + 1) * size]
    }

    /// One image as a PNG file.
    pub fn png(&self, index: usize) -> Vec<u8> {
        let ImageShape { channels, height, width } = self.shape;
        let planes = self.image(index).chunks_exact(height * width);
        let mut pixels = vec![0; self.shape.bytes()];
        for (channel, plane) in planes.enumerate() {
            for (pixel, value) in pixels.chunks_exact_mut(channels).zip(plane) {
                pixel[channel] = *value;
            }
        }
        let color = if channels == 1 { ExtendedColorType::L8 } else { ExtendedColorType::Rgb8 };
        let mut file = Vec::new();
        PngEncoder::new(&mut file)
            .write_image(&pixels, width as u32, height as u32, color)
            .expect("pixels of this size, into memory");
        file
    }

    /// Label of one image.
    pub fn label(&self, index: usize) -> u16 {
        self.labels[index]
    }

    /// All labels, in order.
    pub fn labels(&self) -> &[u16] {
        &self.labels
    }

    /// The first `len` images and the rest.
    pub fn split_at(mut self, len: usize) -> (Self, Self) {
        let images = self.images.split_off(len * self.shape.bytes());
        let labels = self.labels.split_off(len);
        let rest = Self { shape: self.shape, images, labels };
        (self, rest)
    }

    /// A copy of the images whose class is none of those that are `true` in `missing`, in the same order.
    ///
    /// # Panics
    /// Where a label is no index of `missing`.
    #[must_use]
    pub fn without(&self, missing: &[bool]) -> Self {
        let kept = (0..self.len()).filter(|index| !missing[usize::from(self.labels[*index])]);
        self.selected(&kept.collect::<Vec<_>>())
    }

    /// A copy of these images, in this order.
    ///
    /// # Panics
    /// Where there is no such image.
    #[must_use]
    pub fn selected(&self, indices: &[usize]) -> Self {
        let images = indices.iter().flat_map(|index| self.image(*index)).copied().collect();
        let labels = indices.iter().map(|index| self.labels[*index]).collect();
        Self { shape: self.shape, images, labels }
    }

    /// The same images with the label that `to` has for each one's own.
    ///
    /// # Panics
    /// Where a label is no index of `to`.
    #[must_use]
    pub fn relabelled(mut self, to: &[u16]) -> Self {
        for label in &mut self.labels {
            *label = to[usize::from(*label)];
        }
        self
    }

    /// A copy of the first `len` images alone.
    #[must_use]
    pub fn first(&self, len: usize) -> Self {
        let len = len.min(self.len());
        let images = self.images[..len * self.shape.bytes()].to_vec();
        Self { shape: self.shape, images, labels: self.labels[..len].to_vec() }
    }

    /// The first `len` images alone.
    #[must_use]
    pub fn truncated(mut self, len: usize) -> Self {
        self.images.truncate(len * self.shape.bytes());
        self.labels.truncate(len);
        self
    }

    /// sha256 over images, then labels as little-endian pairs of bytes.
    pub fn sha256(&self) -> String {
        let mut hash = Sha256::new();
        hash.update(&self.images);
        for label in &self.labels {
            hash.update(label.to_le_bytes());
        }
        hex::encode(hash.finalize())
    }
}

/// A file that a dataset was read from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SourceFile {
    /// Where it lies.
    pub path: PathBuf,
    /// sha256 of its bytes, in hexadecimal.
    pub sha256: String,
}

/// Means and deviations of each channel, for pixels as fractions in `[0, 1]`.
#[derive(Debug, Clone, PartialEq)]
pub struct Normalisation {
    /// Subtracted, one value a channel.
    pub mean: Vec<f32>,
    /// Divided by, one value a channel, each above zero.
    pub std: Vec<f32>,
}

impl Normalisation {
    /// Checks that there is a mean and a deviation for each of `channels`, in the range of pixels that are
    /// fractions: means in `[-1, 1]`, deviations in `[1e-4, 100]`.
    ///
    /// # Errors
    /// [`DataError::Setting`] with the field's name.
    pub fn new(mean: Vec<f32>, std: Vec<f32>, channels: usize) -> Result<Self, DataError> {
        let refuse = |field, values: &[f32], what: &str| {
            let expected = format!("{channels} {what}, one for each channel");
            Err(DataError::Setting { field, value: format!("{values:?}"), expected })
        };
        // Means of bytes, 123.68 and the like, are the commonest mistake.
        if mean.len() != channels || mean.iter().any(|m| !(-1.0..=1.0).contains(m)) {
            return refuse("mean", &mean, "numbers from -1 to 1, for pixels in [0, 1]");
        }
        if std.len() != channels || std.iter().any(|s| !(1e-4..=100.0).contains(s)) {
            return refuse("std", &std, "numbers from 0.0001 to 100");
        }
        Ok(Self { mean, std })
    }
}

/// A train split, a test split and what is known of both.
#[derive(Debug, Clone)]
pub struct Dataset {
    /// Name in recipes.
    pub name: String,
    /// Class names; a label is an index here.
    pub classes: Vec<String>,
    /// Images to learn from.
    pub train: Arc<ImageSet>,
    /// Images that only the final evaluation reads.
    pub test: Arc<ImageSet>,
    /// The usual normalisation of this data.
    pub normalisation: Normalisation,
    /// Identity of the bytes: the sha256 of the only file, else of the `sha256  place` lines of all
    /// files in order, with places below the data's folder; for procedural data, of both splits.
    pub sha256: String,
    /// The files read, none for procedural data.
    pub files: Vec<SourceFile>,
}

/// One identity for several files, as [`Dataset::sha256`] says.
pub(crate) fn identity(files: &[SourceFile], root: &Path) -> String {
    if let [file] = files {
        return file.sha256.clone();
    }
    let mut hash = Sha256::new();
    for file in files {
        let place = file.path.strip_prefix(root).unwrap_or(&file.path);
        let parts: Vec<_> = place.iter().map(|part| part.to_string_lossy()).collect();
        hash.update(format!("{}  {}\n", file.sha256, parts.join("/")));
    }
    hex::encode(hash.finalize())
}
