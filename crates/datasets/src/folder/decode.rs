//! One image file, decoded.

use std::{io::Cursor, panic::catch_unwind};

use image::{
    DynamicImage, ImageBuffer, ImageDecoder, ImageError, ImageFormat, ImageReader, Limits,
    metadata::Orientation,
};
use jpeg_decoder::PixelFormat;

use super::{LARGEST_DECODED, LARGEST_SIDE};
use crate::{
    ImageTransform,
    resample::Pixels,
    transform::{ExifOrientation, SixteenBit},
};

/// As [`decoded`]; a decoder that fails on a broken file costs this file alone.
pub(super) fn decode(
    file: &[u8],
    transform: &ImageTransform,
) -> Result<(Vec<u8>, [u32; 2]), String> {
    let outcome = catch_unwind(|| decoded(file, transform));
    outcome.unwrap_or_else(|_| Err(undecodable("its decoder failed")))
}

/// An image file's bytes, brought to the transform's shape: bytes `[channels, height, width]`, and the width and
/// height that the file has. The error says in words what is wrong.
fn decoded(file: &[u8], transform: &ImageTransform) -> Result<(Vec<u8>, [u32; 2]), String> {
    let format = image::guess_format(file).map_err(|_| "no image of a known kind".to_owned())?;
    let (mut image, orientation) = match format {
        ImageFormat::Jpeg => jpeg(file).map_err(undecodable)?,
        _ => other(file, format).map_err(|error| match error {
            ImageError::Limits(_) => format!(
                "an image of more than {LARGEST_SIDE} pixels a side or {} MB",
                LARGEST_DECODED / 1_000_000
            ),
            error => undecodable(error),
        })?,
    };
    let size = [image.width(), image.height()];
    // Pillow turns TIFFs by their own tag whatever it is asked for.
    if transform.orientation == ExifOrientation::Exif || format == ImageFormat::Tiff {
        image.apply_orientation(orientation);
    }
    let pixels = pixels(image, transform.shape.channels, transform.sixteen_bit);
    let bytes = transform.apply(pixels, LARGEST_DECODED);
    let bytes = bytes.ok_or_else(|| format!("an image of {}x{} pixels", size[0], size[1]))?;
    Ok((bytes, size))
}

fn undecodable(error: impl std::fmt::Display) -> String {
    format!("an image that does not decode ({error})")
}

fn other(
    file: &[u8],
    format: ImageFormat,
) -> Result<(DynamicImage, Orientation), image::ImageError> {
    let mut reader = ImageReader::with_format(Cursor::new(file), format);
    let mut limits = Limits::default();
    limits.max_image_width = Some(LARGEST_SIDE);
    limits.max_image_height = Some(LARGEST_SIDE);
    limits.max_alloc = Some(LARGEST_DECODED);
    reader.limits(limits);
    let mut decoder = reader.into_decoder()?;
    let orientation = decoder.orientation().unwrap_or(Orientation::NoTransforms);
    Ok((DynamicImage::from_decoder(decoder)?, orientation))
}

/// Not through `image`: its JPEG decoder fills a cut file with grey, and decodes components in scans of their own as
/// green.
fn jpeg(file: &[u8]) -> Result<(DynamicImage, Orientation), String> {
    let mut decoder = jpeg_decoder::Decoder::new(file);
    decoder.set_max_decoding_buffer_size(LARGEST_DECODED as usize);
    decoder.read_info().map_err(|e| e.to_string())?;
    let info = decoder.info().ok_or("no frame")?;
    let (width, height) = (u32::from(info.width), u32::from(info.height));
    if width > LARGEST_SIDE || height > LARGEST_SIDE {
        return Err(format!("{width}x{height} pixels, at most {LARGEST_SIDE} a side"));
    }
    let bytes = decoder.decode().map_err(|e| e.to_string())?;
    let orientation = decoder.exif_data().and_then(Orientation::from_exif_chunk);
    let image = match info.pixel_format {
        PixelFormat::L8 => {
            ImageBuffer::from_raw(width, height, bytes).map(DynamicImage::ImageLuma8)
        }
        PixelFormat::L16 => {
            let values = bytes.chunks_exact(2).map(|b| u16::from_ne_bytes([b[0], b[1]])).collect();
            ImageBuffer::from_raw(width, height, values).map(DynamicImage::ImageLuma16)
        }
        PixelFormat::RGB24 => {
            ImageBuffer::from_raw(width, height, bytes).map(DynamicImage::ImageRgb8)
        }
        PixelFormat::CMYK32 => {
            let pixels = bytes.chunks_exact(4).flat_map(rgb_of_cmyk).collect();
            ImageBuffer::from_raw(width, height, pixels).map(DynamicImage::ImageRgb8)
        }
    };
    let image = image.ok_or("fewer pixels than its header says")?;
    Ok((image, orientation.unwrap_or(Orientation::NoTransforms)))
}

fn rgb_of_cmyk(pixel: &[u8]) -> [u8; 3] {
    let [c, m, y, k] = [pixel[0], pixel[1], pixel[2], pixel[3]].map(|value| 255 - u32::from(value));
    [c, m, y].map(|colour| ((colour * k + 127) / 255) as u8)
}

/// Pixels as bytes. What is transparent loses its alpha, as in Pillow's `convert`.
fn pixels(image: DynamicImage, channels: usize, sixteen_bit: SixteenBit) -> Pixels {
    let image = match (image, sixteen_bit) {
        (DynamicImage::ImageLuma16(grey), SixteenBit::Clip) => {
            let (width, height) = grey.dimensions();
            let clipped = grey.into_raw().into_iter().map(|value| value.min(255) as u8).collect();
            let clipped = ImageBuffer::from_raw(width, height, clipped);
            DynamicImage::ImageLuma8(clipped.expect("as many pixels"))
        }
        (image, _) => image,
    };
    let (width, height) = (image.width(), image.height());
    let bytes = match (channels, image.color().has_color()) {
        (1, false) => image.into_luma8().into_raw(),
        (1, true) => image.into_rgb8().as_raw().chunks_exact(3).map(luma).collect(),
        _ => image.into_rgb8().into_raw(),
    };
    Pixels { width, height, channels, bytes }
}

/// Rec. 601 in Pillow's fixed point: red, green and blue count 0.299, 0.587 and 0.114.
fn luma(pixel: &[u8]) -> u8 {
    let [red, green, blue] = [pixel[0], pixel[1], pixel[2]].map(u32::from);
    ((red * 19_595 + green * 38_470 + blue * 7_471 + 0x8000) >> 16) as u8
}
