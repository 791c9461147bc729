//! Random views of an image, as bytes and keyed: the same key gives the same view.

use std::{
    fmt,
    ops::Range,
    str::FromStr,
    sync::{Arc, OnceLock},
};

use serde::{Deserialize, Serialize};

use crate::{
    DataError, HostBatch, HostInput, ImageShape, Source,
    keyed::{Operation, SampleId, ViewKey},
};

/// One random change of an image; a recipe writes it as `"pad-crop 4"` or `"flip"`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(try_from = "String", into = "String")]
#[cfg_attr(feature = "schema", schemars(with = "String"))]
pub enum Augment {
    /// Pads each side with so many black pixels and crops the original size at a random place:
    /// torchvision's `RandomCrop(size, padding)`.
    PadCrop(usize),
    /// Mirrors left and right with probability one half.
    Flip,
}

impl Augment {
    /// Applies the change of one view of `sample` in place. `image` is `[channels, height, width]`.
    pub fn apply(&self, image: &mut [u8], shape: ImageShape, key: ViewKey, sample: SampleId) {
        match *self {
            Self::PadCrop(padding) => {
                let mut rng = key.rng(sample, Operation::Crop);
                let mut offset = || i64::from(rng.below(2 * padding as u32 + 1)) - padding as i64;
                let (down, right) = (offset(), offset());
                translate(image, shape, down, right);
            }
            Self::Flip => {
                if key.rng(sample, Operation::Flip).chance(0.5) {
                    image.chunks_exact_mut(shape.width).for_each(<[u8]>::reverse);
                }
            }
        }
    }
}

/// A source of images whose views are augmented; view 0 shows them as they are.
#[derive(Debug)]
pub struct Augmented {
    source: Arc<dyn Source>,
    augment: Vec<Augment>,
    identity: OnceLock<String>,
}

impl Augmented {
    /// The images of `source`, changed by each of `augment` in this order.
    pub fn new(source: Arc<dyn Source>, augment: Vec<Augment>) -> Self {
        Self { source, augment, identity: OnceLock::new() }
    }
}

impl Source for Augmented {
    fn shards(&self) -> &[Range<SampleId>] {
        self.source.shards()
    }

    fn read(&self, ids: &[SampleId], view: ViewKey, into: &mut HostBatch) -> Result<(), DataError> {
        self.source.read(ids, view, into)?;
        if view.view == 0 {
            return Ok(());
        }
        let HostInput::Images { shape, pixels } = &mut into.input else {
            return Err(DataError::Setting {
                field: "data.augment",
                value: self.augment.iter().map(Augment::to_string).collect::<Vec<_>>().join(", "),
                expected: "none, for these samples are no images".to_owned(),
            });
        };
        // Images without pixels have nothing to change.
        for (image, id) in pixels.chunks_exact_mut(shape.bytes().max(1)).zip(ids) {
            for augment in &self.augment {
                augment.apply(image, *shape, view, *id);
            }
        }
        Ok(())
    }

    fn identity(&self) -> &str {
        self.identity.get_or_init(|| {
            let augment: Vec<String> = self.augment.iter().map(Augment::to_string).collect();
            format!("{}, augmented by {}", self.source.identity(), augment.join(", "))
        })
    }
}

/// Pixel (y, x) becomes the one at (y + down, x + right), black where that lies outside.
fn translate(image: &mut [u8], shape: ImageShape, down: i64, right: i64) {
    let (height, width) = (shape.height as i64, shape.width as i64);
    let original = image.to_vec();
    let planes = image.chunks_exact_mut(shape.height * shape.width);
    for (plane, from) in planes.zip(original.chunks_exact(shape.height * shape.width)) {
        for (y, row) in plane.chunks_exact_mut(shape.width).enumerate() {
            row.fill(0);
            let source = y as i64 + down;
            if !(0..height).contains(&source) {
                continue;
            }
            let (first, last) = ((-right).clamp(0, width), (width - right).clamp(0, width));
            let start = source * width + first + right;
            let length = (last - first) as usize;
            if length > 0 {
                row[first as usize..last as usize]
                    .copy_from_slice(&from[start as usize..start as usize + length]);
            }
        }
    }
}

impl fmt::Display for Augment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::PadCrop(padding) => write!(f, "pad-crop {padding}"),
            Self::Flip => write!(f, "flip"),
        }
    }
}

impl FromStr for Augment {
    type Err = DataError;

    fn from_str(text: &str) -> Result<Self, DataError> {
        let mut words = text.split_whitespace();
        let augment = match (words.next(), words.next(), words.next()) {
            (Some("flip"), None, None) => Some(Self::Flip),
            (Some("pad-crop"), Some(padding), None) => {
                let padding = padding.parse().ok().filter(|padding| (1..=1024).contains(padding));
                padding.map(Self::PadCrop)
            }
            _ => None,
        };
        augment.ok_or_else(|| DataError::Setting {
            field: "data.augment",
            value: text.to_owned(),
            expected: "`pad-crop N` with N from 1 to 1024, or `flip`".to_owned(),
        })
    }
}

impl TryFrom<String> for Augment {
    type Error = DataError;

    fn try_from(text: String) -> Result<Self, DataError> {
        text.parse()
    }
}

impl From<Augment> for String {
    fn from(augment: Augment) -> Self {
        augment.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SHAPE: ImageShape = ImageShape { channels: 2, height: 3, width: 3 };

    #[test]
    fn a_crop_moves_every_channel_and_fills_with_black() {
        let mut image: Vec<u8> = (1..=18).collect();
        translate(&mut image, SHAPE, 1, -1);
        assert_eq!(image, [0, 4, 5, 0, 7, 8, 0, 0, 0, 0, 13, 14, 0, 16, 17, 0, 0, 0]);
        translate(&mut image, SHAPE, 7, 7);
        assert_eq!(image, [0; 18]);
    }

    #[test]
    fn all_offsets_and_both_sides_occur() {
        let shape = ImageShape { channels: 1, height: 1, width: 1 };
        let mut black = 0;
        let mut flipped = 0;
        for sample in 0..9000 {
            let key = ViewKey { seed: 1, view: 1 };
            let mut image = [255];
            Augment::PadCrop(1).apply(&mut image, shape, key, sample);
            black += usize::from(image[0] == 0);
            let mut image = [1, 2, 3];
            Augment::Flip.apply(&mut image, ImageShape { width: 3, ..shape }, key, sample);
            flipped += usize::from(image == [3, 2, 1]);
        }
        assert!((7900..8100).contains(&black), "eight of nine offsets leave the image: {black}");
        assert!((4350..4650).contains(&flipped), "one half: {flipped}");
    }

    #[test]
    fn names_go_there_and_back() {
        for text in ["pad-crop 4", "flip"] {
            assert_eq!(text.parse::<Augment>().unwrap().to_string(), text);
        }
        for text in ["pad-crop", "pad-crop 0", "pad-crop -1", "flip 2", "rotate", ""] {
            assert!(text.parse::<Augment>().is_err(), "{text}");
        }
    }
}
