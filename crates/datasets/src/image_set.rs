//! Images of one size with their labels, in memory.

use std::{
    ops::Range,
    slice,
    sync::{Arc, OnceLock},
};

use image::{ExtendedColorType, ImageEncoder, codecs::png::PngEncoder};
use sha2::{Digest, Sha256};

use crate::{
    DataError, HostBatch, HostInput, ImageShape, Source, Targets,
    keyed::{SampleId, ViewKey},
};

/// Images of one size with a label each, in memory. Clones and parts share the bytes.
#[derive(Debug, Clone)]
pub struct ImageSet {
    shape: ImageShape,
    images: Arc<Vec<u8>>,
    labels: Arc<Vec<u32>>,
    /// The images of these that are in the set.
    part: Range<usize>,
    /// All samples: one shard.
    shard: Range<SampleId>,
    identity: OnceLock<String>,
}

impl ImageSet {
    /// Puts `images` and `labels` together.
    ///
    /// # Panics
    /// Unless there are `shape.bytes()` bytes for each label, which is at most `i32::MAX`: a reader's bug, not the
    /// data's.
    pub fn new(shape: ImageShape, images: Vec<u8>, labels: Vec<u32>) -> Self {
        assert_eq!(images.len(), labels.len() * shape.bytes(), "one image for each label");
        let largest = labels.iter().max().map_or(0, |label| *label);
        assert!(i32::try_from(largest).is_ok(), "labels are at most {}", i32::MAX);
        let part = 0..labels.len();
        Self::shared(shape, Arc::new(images), Arc::new(labels), part)
    }

    fn shared(
        shape: ImageShape,
        images: Arc<Vec<u8>>,
        labels: Arc<Vec<u32>>,
        part: Range<usize>,
    ) -> Self {
        let shard = 0..part.len() as SampleId;
        Self { shape, images, labels, part, shard, identity: OnceLock::new() }
    }

    /// These of its images, without a copy.
    fn part(&self, within: Range<usize>) -> Self {
        let start = self.part.start;
        let part = start + within.start..start + within.end;
        Self::shared(self.shape, self.images.clone(), self.labels.clone(), part)
    }

    /// Size of every image.
    pub fn shape(&self) -> ImageShape {
        self.shape
    }

    /// Number of images.
    pub fn len(&self) -> usize {
        self.part.len()
    }

    /// Whether there are no images.
    pub fn is_empty(&self) -> bool {
        self.part.is_empty()
    }

    /// Bytes of one image, `[channels, height, width]`.
    pub fn image(&self, index: usize) -> &[u8] {
        let size = self.shape.bytes();
        &self.pixels()[index * size..(index + 1) * size]
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
    pub fn label(&self, index: usize) -> u32 {
        self.labels()[index]
    }

    /// All labels, in order.
    pub fn labels(&self) -> &[u32] {
        &self.labels[self.part.clone()]
    }

    /// Bytes of all images, one after another.
    fn pixels(&self) -> &[u8] {
        let size = self.shape.bytes();
        &self.images[self.part.start * size..self.part.end * size]
    }

    /// The first `len` images and the rest.
    pub fn split_at(self, len: usize) -> (Self, Self) {
        (self.part(0..len), self.part(len..self.len()))
    }

    /// A copy of the images whose class is none of those that are `true` in `missing`, in the same order.
    ///
    /// # Panics
    /// Where a label is no index of `missing`.
    #[must_use]
    pub fn without(&self, missing: &[bool]) -> Self {
        let kept = (0..self.len()).filter(|index| !missing[self.label(*index) as usize]);
        self.selected(&kept.collect::<Vec<_>>())
    }

    /// A copy of these images, in this order.
    ///
    /// # Panics
    /// Where there is no such image.
    #[must_use]
    pub fn selected(&self, indices: &[usize]) -> Self {
        let images = indices.iter().flat_map(|index| self.image(*index)).copied().collect();
        let labels = indices.iter().map(|index| self.label(*index)).collect();
        Self::new(self.shape, images, labels)
    }

    /// The same images with the label that `to` has for each one's own.
    ///
    /// # Panics
    /// Where a label is no index of `to`.
    #[must_use]
    pub fn relabelled(self, to: &[u32]) -> Self {
        let labels = self.labels().iter().map(|label| to[*label as usize]).collect();
        Self::new(self.shape, self.pixels().to_vec(), labels)
    }

    /// The first `len` images alone.
    #[must_use]
    pub fn first(&self, len: usize) -> Self {
        self.part(0..len.min(self.len()))
    }

    /// sha256 over images, then labels as little-endian pairs of bytes; as four bytes each where a label is
    /// above 65,535.
    pub fn sha256(&self) -> String {
        let mut hash = Sha256::new();
        hash.update(self.pixels());
        let short: Result<Vec<u16>, _> =
            self.labels().iter().map(|label| u16::try_from(*label)).collect();
        match short {
            Ok(labels) => labels.iter().for_each(|label| hash.update(label.to_le_bytes())),
            Err(_) => self.labels().iter().for_each(|label| hash.update(label.to_le_bytes())),
        }
        hex::encode(hash.finalize())
    }
}

impl PartialEq for ImageSet {
    fn eq(&self, other: &Self) -> bool {
        self.shape == other.shape
            && self.pixels() == other.pixels()
            && self.labels() == other.labels()
    }
}

impl Eq for ImageSet {}

impl Source for ImageSet {
    fn shards(&self) -> &[Range<SampleId>] {
        slice::from_ref(&self.shard)
    }

    fn read(&self, ids: &[SampleId], _: ViewKey, into: &mut HostBatch) -> Result<(), DataError> {
        let mut pixels = Vec::with_capacity(ids.len() * self.shape.bytes());
        let mut classes = Vec::with_capacity(ids.len());
        for id in ids {
            if !self.shard.contains(id) {
                let expected = format!("samples below {}", self.shard.end);
                return Err(DataError::batch("images in memory", format!("sample {id}"), expected));
            }
            pixels.extend_from_slice(self.image(*id as usize));
            classes.push(self.label(*id as usize) as i32);
        }
        into.input = HostInput::Images { shape: self.shape, pixels };
        into.targets = Targets::Classes(classes);
        into.mask = None;
        Ok(())
    }

    /// [`ImageSet::sha256`], computed once.
    fn identity(&self) -> &str {
        self.identity.get_or_init(|| self.sha256())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn set(labels: Vec<u32>) -> ImageSet {
        let shape = ImageShape { channels: 1, height: 1, width: 2 };
        let images = (0..2 * labels.len()).map(|byte| byte as u8).collect();
        ImageSet::new(shape, images, labels)
    }

    #[test]
    fn identities_are_those_of_labels_in_two_bytes() {
        let mut hash = Sha256::new();
        hash.update([0, 1, 2, 3, 1, 0, 0xff, 0xff]);
        assert_eq!(set(vec![1, 65_535]).identity(), hex::encode(hash.finalize()));
        let mut hash = Sha256::new();
        hash.update([0, 1, 2, 3, 1, 0, 0, 0, 0, 0, 1, 0]);
        assert_eq!(set(vec![1, 65_536]).identity(), hex::encode(hash.finalize()));
    }

    #[test]
    fn parts_share_the_bytes_and_count_from_zero() {
        let whole = set(vec![4, 5, 6, 7]);
        let (first, rest) = whole.clone().split_at(1);
        assert_eq!((first.labels(), rest.labels()), (&[4][..], &[5, 6, 7][..]));
        assert_eq!(rest.image(0).as_ptr(), whole.image(1).as_ptr());
        assert_eq!(rest.first(2).identity(), set(vec![4, 5, 6]).selected(&[1, 2]).identity());
        let mut batch = HostBatch::unread(0, 0, vec![2]);
        rest.read(&[2], ViewKey::ORIGINAL, &mut batch).unwrap();
        assert_eq!(batch.targets, Targets::Classes(vec![7]));
        assert!(rest.read(&[3], ViewKey::ORIGINAL, &mut batch).is_err());
    }

    #[test]
    fn samples_are_read_in_the_order_that_is_asked_for() {
        let set = set(vec![4, 5, 6]);
        let mut batch = HostBatch::unread(0, 0, vec![2, 0]);
        set.read(&[2, 0], ViewKey::ORIGINAL, &mut batch).unwrap();
        let shape = set.shape();
        assert_eq!(batch.input, HostInput::Images { shape, pixels: vec![4, 5, 0, 1] });
        assert_eq!(batch.targets, Targets::Classes(vec![6, 4]));
        let error = set.read(&[3], ViewKey::ORIGINAL, &mut batch).unwrap_err().to_string();
        assert!(error.contains("sample 3, expected samples below 3"), "{error}");
    }
}
