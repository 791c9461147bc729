//! Resampling of bytes to another size, bit for bit as Pillow does it up to version 12: two passes of a filter in
//! 22-bit fixed point, rounded and clipped to bytes after each. Pillow 13 has the passes in another order where that
//! costs less, and is off by a level on some edges.
//!
//! A filter as wide as the scale wherever it shrinks, so that every pixel counts. Libraries with wider vectors round
//! their weights to 16 bits, and are off by two levels on strong edges.

use std::ops::Range;

use serde::{Deserialize, Serialize};

/// Filter of a resize.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "lowercase")]
pub enum Interpolation {
    /// Triangle filter.
    #[default]
    Bilinear,
    /// Cubic filter with a = -0.5, as Pillow's.
    Bicubic,
}

/// Pixels of one image, `[rows, columns, channels]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Pixels {
    pub(crate) width: u32,
    pub(crate) height: u32,
    /// 1 for grey, 3 for red, green and blue.
    pub(crate) channels: usize,
    pub(crate) bytes: Vec<u8>,
}

/// Bits behind the point: 32 less 8 of a pixel and 2 of the sum of a cubic filter's weights.
const BITS: u32 = 22;

/// The image with another width and height.
pub(crate) fn resized(image: Pixels, width: u32, height: u32, filter: Interpolation) -> Pixels {
    // A thread of pixels is made short first.
    if u64::from(image.height) > 100 * u64::from(image.width) && height < image.height {
        return along_rows(along_columns(image, height, filter), width, filter);
    }
    along_columns(along_rows(image, width, filter), height, filter)
}

fn along_rows(image: Pixels, width: u32, filter: Interpolation) -> Pixels {
    if image.width == width {
        return image;
    }
    let weights = Weights::of(image.width, width, filter);
    let Pixels { height, channels, .. } = image;
    let mut bytes = Vec::with_capacity(width as usize * height as usize * channels);
    for row in image.bytes.chunks_exact(image.width as usize * channels) {
        for (range, weights) in weights.each() {
            let pixels = &row[range.start * channels..range.end * channels];
            let mut sums = [HALF; 3];
            for (pixel, weight) in pixels.chunks_exact(channels).zip(weights) {
                for (sum, value) in sums.iter_mut().zip(pixel) {
                    *sum += i32::from(*value) * weight;
                }
            }
            bytes.extend(sums[..channels].iter().map(|sum| byte(*sum)));
        }
    }
    Pixels { width, bytes, ..image }
}

fn along_columns(image: Pixels, height: u32, filter: Interpolation) -> Pixels {
    if image.height == height {
        return image;
    }
    let weights = Weights::of(image.height, height, filter);
    let stride = image.width as usize * image.channels;
    let mut bytes = Vec::with_capacity(height as usize * stride);
    let mut sums = vec![0; stride];
    for (range, weights) in weights.each() {
        sums.fill(HALF);
        let rows = image.bytes[range.start * stride..range.end * stride].chunks_exact(stride);
        for (row, weight) in rows.zip(weights) {
            for (sum, value) in sums.iter_mut().zip(row) {
                *sum += i32::from(*value) * weight;
            }
        }
        bytes.extend(sums.iter().map(|sum| byte(*sum)));
    }
    Pixels { height, bytes, ..image }
}

const HALF: i32 = 1 << (BITS - 1);

fn byte(sum: i32) -> u8 {
    (sum >> BITS).clamp(0, 255) as u8
}

/// Of each place of the result the pixels that it is made of, and what each counts.
struct Weights {
    ranges: Vec<Range<usize>>,
    /// One after another.
    weights: Vec<i32>,
}

impl Weights {
    fn of(from: u32, to: u32, filter: Interpolation) -> Self {
        let scale = f64::from(from) / f64::from(to);
        let stretch = scale.max(1.0);
        let (reach, curve): (f64, fn(f64) -> f64) = match filter {
            Interpolation::Bilinear => (1.0, triangle),
            Interpolation::Bicubic => (2.0, cubic),
        };
        let support = reach * stretch;
        let mut all = Self { ranges: Vec::with_capacity(to as usize), weights: Vec::new() };
        for place in 0..to {
            let centre = (f64::from(place) + 0.5) * scale;
            // Truncated, as C does.
            let start = (centre - support + 0.5).max(0.0) as usize;
            let end = ((centre + support + 0.5) as usize).min(from as usize);
            let place = |at: usize| (at as f64 - centre + 0.5) / stretch;
            let weights: Vec<f64> = (start..end).map(|at| curve(place(at))).collect();
            let sum: f64 = weights.iter().sum();
            let fixed =
                weights.iter().map(|weight| (weight / sum * f64::from(1 << BITS)).round() as i32);
            all.weights.extend(fixed);
            all.ranges.push(start..end);
        }
        all
    }

    fn each(&self) -> impl Iterator<Item = (&Range<usize>, &[i32])> {
        let mut rest = &self.weights[..];
        self.ranges.iter().map(move |range| {
            let (own, others) = rest.split_at(range.len());
            rest = others;
            (range, own)
        })
    }
}

fn triangle(x: f64) -> f64 {
    (1.0 - x.abs()).max(0.0)
}

/// Cubic convolution with a = -0.5.
fn cubic(x: f64) -> f64 {
    const A: f64 = -0.5;
    match x.abs() {
        x if x < 1.0 => ((A + 2.0) * x - (A + 3.0)) * x * x + 1.0,
        x if x < 2.0 => (((x - 5.0) * x + 8.0) * x - 4.0) * A,
        _ => 0.0,
    }
}
