//! The IDX format of MNIST and its successors: a magic number, the dimensions, the bytes.
//!
//! Source: the description on Y. LeCun's MNIST page. Big-endian; gzip or not.

use std::{fs, io::Read, path::Path};

use flate2::read::GzDecoder;

use crate::{DataError, ImageSet, ImageShape};

const IMAGES: u32 = 0x0803;
const LABELS: u32 = 0x0801;
/// Larger than any set that is published in this format; a lying header stops here.
const LARGEST: usize = 1 << 30;

/// Reads one split from a file of images and a file of labels, each gzip or not.
///
/// # Errors
/// [`DataError`] for a file that cannot be read, is cut, has another magic number, unpacks to more
/// than its header says, or holds a label of `classes` or above.
pub fn read_idx(images: &Path, labels: &Path, classes: usize) -> Result<ImageSet, DataError> {
    let (dimensions, pixels) = read_file(images, IMAGES)?;
    let [count, height, width] = dimensions[..] else { unreachable!("three for images") };
    let (dimensions, label_bytes) = read_file(labels, LABELS)?;
    if dimensions[0] != count {
        let problem = format!("{} labels", dimensions[0]);
        return Err(DataError::malformed(labels, problem, format!("{count}, one for each image")));
    }
    if count == 0 || height == 0 || width == 0 {
        let problem = format!("{count} images of {height}x{width}");
        return Err(DataError::malformed(images, problem, "at least one image with pixels"));
    }
    if let Some(at) = label_bytes.iter().position(|label| usize::from(*label) >= classes) {
        let problem = format!("label `{}` of image {at}", label_bytes[at]);
        return Err(DataError::malformed(labels, problem, format!("labels below {classes}")));
    }
    let shape = ImageShape { channels: 1, height, width };
    Ok(ImageSet::new(shape, pixels, label_bytes.into_iter().map(u32::from).collect()))
}

fn read_file(path: &Path, magic: u32) -> Result<(Vec<usize>, Vec<u8>), DataError> {
    let length = fs::metadata(path).map_err(DataError::io(path))?.len();
    if length > LARGEST as u64 + 64 {
        return Err(DataError::malformed(
            path,
            format!("{length} bytes"),
            format!("at most {LARGEST}"),
        ));
    }
    let raw = fs::read(path).map_err(DataError::io(path))?;
    if raw.is_empty() {
        return Err(DataError::malformed(path, "an empty file", "an IDX file, gzip or not"));
    }
    if raw.starts_with(&[0x1f, 0x8b]) {
        parse(path, GzDecoder::new(&raw[..]), magic)
    } else {
        parse(path, &raw[..], magic)
    }
}

fn parse(path: &Path, mut from: impl Read, magic: u32) -> Result<(Vec<usize>, Vec<u8>), DataError> {
    let mut number = || {
        let mut bytes = [0; 4];
        let read = from.read_exact(&mut bytes);
        read.map_err(|e| {
            DataError::malformed(path, format!("a cut header ({e})"), "an IDX header")
        })?;
        Ok(u32::from_be_bytes(bytes))
    };
    let found = number()?;
    if found != magic {
        let problem = format!("magic number `{found:#010x}`");
        return Err(DataError::malformed(path, problem, format!("`{magic:#010x}`")));
    }
    let rank = (magic & 0xff) as usize;
    let dimensions: Vec<usize> =
        (0..rank).map(|_| number().map(|n| n as usize)).collect::<Result<_, DataError>>()?;
    let size = dimensions.iter().try_fold(1_usize, |size, d| size.checked_mul(*d));
    let Some(size) = size.filter(|size| *size <= LARGEST) else {
        let problem = format!("dimensions {dimensions:?}");
        return Err(DataError::malformed(path, problem, format!("at most {LARGEST} bytes")));
    };
    let mut bytes = Vec::new();
    let read = from.take(size as u64 + 1).read_to_end(&mut bytes);
    read.map_err(|e| {
        DataError::malformed(path, format!("a damaged file ({e})"), "whole gzip data")
    })?;
    if bytes.len() != size {
        let problem = match bytes.len() > size {
            true => format!("more than the {size} bytes of {dimensions:?}"),
            false => format!("{} bytes after the header", bytes.len()),
        };
        return Err(DataError::malformed(path, problem, format!("{size} for {dimensions:?}")));
    }
    Ok((dimensions, bytes))
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use flate2::{Compression, write::GzEncoder};

    use super::*;

    fn idx(magic: u32, dimensions: &[u32], data: &[u8]) -> Vec<u8> {
        let numbers = [magic].into_iter().chain(dimensions.iter().copied());
        numbers.flat_map(u32::to_be_bytes).chain(data.iter().copied()).collect()
    }

    fn gzip(data: &[u8]) -> Vec<u8> {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
        encoder.write_all(data).unwrap();
        encoder.finish().unwrap()
    }

    fn read(images: &[u8], labels: &[u8]) -> Result<ImageSet, String> {
        let folder = tempfile::tempdir().unwrap();
        let (i, l) = (folder.path().join("images"), folder.path().join("labels"));
        fs::write(&i, images).unwrap();
        fs::write(&l, labels).unwrap();
        read_idx(&i, &l, 10).map_err(|e| e.to_string())
    }

    #[test]
    fn plain_and_gzip_files_are_read() {
        let images = idx(IMAGES, &[2, 2, 3], &(0..12).collect::<Vec<u8>>());
        let labels = idx(LABELS, &[2], &[3, 9]);
        let set = read(&images, &gzip(&labels)).unwrap();
        assert_eq!(set.shape(), ImageShape { channels: 1, height: 2, width: 3 });
        assert_eq!(set.image(1), [6, 7, 8, 9, 10, 11]);
        assert_eq!(set.labels(), [3, 9]);
    }

    #[test]
    fn malformed_files_are_refused_by_name() {
        let images = idx(IMAGES, &[2, 1, 1], &[0, 1]);
        let labels = idx(LABELS, &[2], &[3, 9]);
        let huge = idx(IMAGES, &[u32::MAX, u32::MAX, u32::MAX], &[]);
        let bomb = gzip(&idx(IMAGES, &[2, 1, 1], &vec![0; 1 << 20]));
        let cut = gzip(&images);
        let cases: &[(&[u8], &[u8], &str)] = &[
            (&[], &labels, "an empty file"),
            (&images[..7], &labels, "a cut header"),
            (&images[..images.len() - 1], &labels, "1 bytes after the header"),
            (&labels, &labels, "magic number `0x00000801`"),
            (&huge, &labels, "dimensions [4294967295"),
            (&bomb, &labels, "more than the 2 bytes"),
            (&cut[..cut.len() - 9], &labels, "damaged"),
            (&images, &idx(LABELS, &[2], &[3, 10]), "label `10` of image 1"),
            (&images, &idx(LABELS, &[3], &[3, 1, 1]), "3 labels"),
            (&idx(IMAGES, &[0, 28, 28], &[]), &idx(LABELS, &[0], &[]), "0 images"),
        ];
        for (images, labels, expected) in cases {
            let error = read(images, labels).unwrap_err();
            assert!(error.contains(expected), "{error}, expected {expected}");
        }
    }
}
