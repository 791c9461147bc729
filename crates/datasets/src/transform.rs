//! Preprocessing of an image file: from pixels of any size to bytes of one size.
//!
//! The names and results of torchvision's transforms on Pillow images: `Resize` of the short side and
//! `CenterCrop`, a plain `Resize` of both sides, or a resize of the long side with a black rim. Filters are
//! antialiased wherever they shrink, and Pillow's bit for bit.

use std::fmt;

use serde::{Deserialize, Serialize};

pub use crate::resample::Interpolation;
use crate::{
    ImageShape,
    resample::{Pixels, resized},
};

/// From an image file to bytes of one size: what is done, in order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct ImageTransform {
    /// Use of the orientation in EXIF. Default `stored`.
    #[serde(default)]
    pub orientation: ExifOrientation,
    /// Treatment of 16-bit grey. Default `scale`.
    #[serde(default)]
    pub sixteen_bit: SixteenBit,
    /// How an image of another shape becomes one of this. Default `squeeze`.
    #[serde(flatten)]
    pub fit: Fit,
    /// Filter. Default `bilinear`.
    #[serde(default)]
    pub interpolation: Interpolation,
    /// What comes out.
    #[serde(flatten)]
    pub shape: ImageShape,
}

/// How an image of another shape becomes one of this.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "fit", rename_all = "lowercase")]
pub enum Fit {
    /// Both sides are resized; the proportions change.
    #[default]
    Squeeze,
    /// The short side is resized, then the centre is cut out; what is missing is black.
    Crop {
        /// Pixels of the short side.
        resize: u32,
    },
    /// The long side is resized, then the image is centred on black.
    Pad,
}

/// Use of the orientation that a camera wrote into EXIF.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "lowercase")]
pub enum ExifOrientation {
    /// Pixels as they are stored, as torchvision's `ImageFolder` and timm read them.
    #[default]
    Stored,
    /// Turned as EXIF says, as viewers show them.
    Exif,
}

/// Treatment of grey with 16 bits a pixel.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "lowercase")]
pub enum SixteenBit {
    /// 65535 becomes 255.
    #[default]
    Scale,
    /// Values above 255 become 255, as in torchvision's loader.
    Clip,
}

impl Fit {
    /// A crop of `side` pixels from a short side of `resize`, else of the side over the share `crop_pct` that is cut
    /// out, rounded down as timm does, else of as many pixels as are cut out.
    pub fn crop(side: usize, resize: Option<usize>, crop_pct: Option<f64>) -> Self {
        let of_share = crop_pct.map(|share| (side as f64 / share).floor() as usize);
        Self::Crop { resize: resize.or(of_share).unwrap_or(side) as u32 }
    }
}

impl ImageTransform {
    /// Both sides resized to `shape` by the triangle filter, all else the default.
    pub fn squeeze(shape: ImageShape) -> Self {
        Self {
            orientation: ExifOrientation::default(),
            sixteen_bit: SixteenBit::default(),
            fit: Fit::default(),
            interpolation: Interpolation::default(),
            shape,
        }
    }

    /// Bytes `[channels, height, width]` of pixels `[rows, columns, channels]`. `None` for an image so long that its
    /// resized form would take more than `limit` bytes.
    pub(crate) fn apply(&self, pixels: Pixels, limit: u64) -> Option<Vec<u8>> {
        let ImageShape { channels, height, width } = self.shape;
        let (height, width) = (height as u32, width as u32);
        let [w, h] = match self.fit {
            Fit::Squeeze => [width, height],
            Fit::Crop { resize } => short_side(pixels.width, pixels.height, resize),
            Fit::Pad => inside(pixels.width, pixels.height, [width, height]),
        };
        match u64::from(w) * u64::from(h) * channels as u64 <= limit {
            true => Some(resized(pixels, w, h, self.interpolation).centred(width, height).planes()),
            false => None,
        }
    }
}

impl fmt::Display for ImageTransform {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ImageShape { channels, height, width } = self.shape;
        let colour = if channels == 1 { "grey" } else { "RGB" };
        match self.fit {
            Fit::Squeeze => write!(f, "{colour}, both sides resized to {width}x{height} pixels")?,
            Fit::Crop { resize } => {
                write!(
                    f,
                    "{colour}, short side resized to {resize}, centre {width}x{height} pixels"
                )?;
            }
            Fit::Pad => write!(f, "{colour}, inside {width}x{height} pixels, rest black")?,
        }
        let filter = match self.interpolation {
            Interpolation::Bilinear => "bilinear",
            Interpolation::Bicubic => "bicubic",
        };
        write!(f, ", {filter}, antialiased where they shrink")?;
        match self.orientation {
            ExifOrientation::Stored => Ok(()),
            ExifOrientation::Exif => f.write_str(", turned as EXIF says"),
        }
    }
}

impl Pixels {
    /// The centre, on black where the image is smaller.
    fn centred(self, width: u32, height: u32) -> Self {
        if (self.width, self.height) == (width, height) {
            return self;
        }
        let (left, top) = (margin(self.width, width), margin(self.height, height));
        let channels = self.channels;
        let mut bytes = vec![0; width as usize * height as usize * channels];
        let columns = left.max(0)..(left + i64::from(width)).min(i64::from(self.width));
        let count = (columns.end - columns.start) as usize * channels;
        for row in 0..i64::from(height) {
            let from = row + top;
            if (0..i64::from(self.height)).contains(&from) {
                let from = (from * i64::from(self.width) + columns.start) as usize * channels;
                let to = (row * i64::from(width) + columns.start - left) as usize * channels;
                bytes[to..to + count].copy_from_slice(&self.bytes[from..from + count]);
            }
        }
        Self { width, height, channels, bytes }
    }

    fn planes(self) -> Vec<u8> {
        if self.channels == 1 {
            return self.bytes;
        }
        let bytes = &self.bytes;
        (0..3).flat_map(|channel| bytes.iter().skip(channel).step_by(3).copied()).collect()
    }
}

/// Width and height once the short side has `side` pixels; the other one is rounded down, as torchvision does.
fn short_side(width: u32, height: u32, side: u32) -> [u32; 2] {
    let (short, long) = (u64::from(width.min(height)), u64::from(width.max(height)));
    let long = u32::try_from(u64::from(side) * long / short).unwrap_or(u32::MAX);
    if width <= height { [side, long] } else { [long, side] }
}

/// Width and height of the largest image of these proportions inside `[width, height]`.
fn inside(width: u32, height: u32, [most_wide, most_high]: [u32; 2]) -> [u32; 2] {
    let scale =
        (f64::from(most_wide) / f64::from(width)).min(f64::from(most_high) / f64::from(height));
    let [wide, high] = [width, height].map(|own| (f64::from(own) * scale).round_ties_even() as u32);
    [wide.clamp(1, most_wide), high.clamp(1, most_high)]
}

/// First row or column of the centre, below zero where the image is smaller. Halves go to the even number where
/// something is cut off and are rounded down where something is added, as in torchvision's `center_crop`.
fn margin(own: u32, wanted: u32) -> i64 {
    let (own, wanted) = (i64::from(own), i64::from(wanted));
    match own >= wanted {
        true => ((own - wanted) as f64 / 2.0).round_ties_even() as i64,
        false => -((wanted - own) / 2),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn grey(width: u32, height: u32, of: impl Fn(u32, u32) -> u8) -> Pixels {
        let bytes = (0..height).flat_map(|y| (0..width).map(move |x| (x, y)));
        let bytes = bytes.map(|(x, y)| of(x, y)).collect();
        Pixels { width, height, channels: 1, bytes }
    }

    fn transform(fit: Fit, height: usize, width: usize) -> ImageTransform {
        ImageTransform { fit, ..ImageTransform::squeeze(ImageShape { channels: 1, height, width }) }
    }

    #[test]
    fn sizes_are_those_of_torchvision() {
        assert_eq!(short_side(192, 128, 36), [54, 36]);
        assert_eq!(short_side(500, 333, 256), [384, 256]);
        assert_eq!(short_side(333, 500, 256), [256, 384]);
        assert_eq!(short_side(100_000, 1, 7), [700_000, 7]);
        assert_eq!(inside(200, 100, [32, 32]), [32, 16]);
        assert_eq!(inside(1, 1000, [32, 32]), [1, 32]);
        // round((own - wanted) / 2) of Python: 0.5 to 0, 1.5 to 2, 2.5 to 2.
        assert_eq!([33, 35, 37, 32, 31, 29].map(|own| margin(own, 32)), [0, 2, 2, 0, 0, -1]);
    }

    #[test]
    fn the_centre_is_cut_out_and_what_is_missing_is_black() {
        let image = grey(6, 4, |x, y| (10 * y + x + 1) as u8);
        let cut = transform(Fit::Crop { resize: 4 }, 2, 2).apply(image.clone(), 100).unwrap();
        assert_eq!(cut, [13, 14, 23, 24]);
        let padded = image.clone().centred(8, 6);
        assert_eq!(padded.bytes[..9], [0; 9]);
        assert_eq!(padded.bytes[9..15], [1, 2, 3, 4, 5, 6]);
        let padded = transform(Fit::Pad, 6, 6).apply(image, 100).unwrap();
        assert_eq!((padded[..6].to_vec(), padded[6], padded[35]), (vec![0; 6], 1, 0));
        let thread = grey(1000, 1, |_, _| 7);
        assert_eq!(transform(Fit::Crop { resize: 8 }, 8, 8).apply(thread, 1000), None);
    }

    #[test]
    fn shrinking_looks_at_every_pixel() {
        let stripes = grey(64, 64, |x, _| if x % 2 == 0 { 0 } else { 200 });
        let small = transform(Fit::Squeeze, 8, 8).apply(stripes, 100).unwrap();
        // Pillow's; the first and the last pixel have half a filter.
        for row in small.chunks_exact(8) {
            let gaps = row.iter().zip([96_u8, 100, 100, 100, 100, 100, 100, 104]);
            assert!(gaps.into_iter().all(|(ours, pillow)| *ours == pillow), "{row:?}");
        }
    }
}
