//! Images that somebody broke: an error or pixels, no panic, and no more memory than is stated.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

use std::io::Cursor;

use distill_datasets::{ImageShape, ImageTransform, folder::read_image};
use image::{ImageFormat, RgbImage};
use peak_alloc::PeakAlloc;
use rand_chacha::{
    ChaCha8Rng,
    rand_core::{RngCore, SeedableRng},
};

#[global_allocator]
static MEMORY: PeakAlloc = PeakAlloc;

/// A header may say that the image is large: decoding takes no more than this for it, and the
/// pixels that come out are copied once.
const BOUND: usize = 2 * distill_datasets::folder::LARGEST_DECODED as usize + (4 << 20);

#[test]
fn mutated_images_are_errors_or_pixels() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("image");
    let image =
        RgbImage::from_fn(40, 30, |x, y| [(6 * x) as u8, (8 * y) as u8, (x * y) as u8].into());
    let shape = ImageShape { channels: 3, height: 16, width: 16 };
    let transform = ImageTransform::squeeze(shape);
    let (mut refused, mut read) = (0, 0);
    for format in [
        ImageFormat::Png,
        ImageFormat::Jpeg,
        ImageFormat::WebP,
        ImageFormat::Bmp,
        ImageFormat::Tiff,
        ImageFormat::Gif,
        ImageFormat::Pnm,
    ] {
        let mut bytes = Cursor::new(Vec::new());
        image.write_to(&mut bytes, format).unwrap();
        for round in 0..300 {
            std::fs::write(&path, mutate(bytes.get_ref(), round)).unwrap();
            MEMORY.reset_peak_usage();
            let before = MEMORY.current_usage();
            let result = read_image(&path, &transform);
            let cost = MEMORY.peak_usage() - before;
            assert!(cost <= BOUND, "{format:?}, round {round}: {cost} bytes");
            match result {
                Ok(pixels) => {
                    assert_eq!(pixels.len(), shape.bytes());
                    read += 1;
                }
                Err(error) => {
                    assert!(error.to_string().contains("image"), "{error}");
                    refused += 1;
                }
            }
        }
    }
    assert!(refused > 700 && read > 150, "{refused} refused, {read} read");
}

/// One to four changes: a bit, a byte, a cut, a stretch of ones.
fn mutate(bytes: &[u8], round: u64) -> Vec<u8> {
    let mut rng = ChaCha8Rng::seed_from_u64(round);
    let mut bytes = bytes.to_vec();
    for _ in 0..=rng.next_u32() % 4 {
        let len = bytes.len().max(1);
        // Headers are where lies cost most.
        let reach = if rng.next_u32().is_multiple_of(2) { len.min(64) } else { len };
        let at = rng.next_u64() as usize % reach;
        if bytes.is_empty() {
            break;
        }
        match rng.next_u32() % 4 {
            0 => bytes[at] ^= 1 << (rng.next_u32() % 8),
            1 => bytes[at] = rng.next_u32() as u8,
            2 => bytes.truncate(at),
            _ => {
                let end = (at + 4).min(bytes.len());
                bytes[at..end].fill(0xff);
            }
        }
    }
    bytes
}
