//! Batches: in host memory as they were read, and on the device.

use burn::tensor::{DType, Device, Int, Tensor, TensorData};

use crate::{DataError, ImageShape, keyed::SampleId, part::share};

/// A batch in host memory.
#[derive(Debug, Clone, PartialEq)]
pub struct HostBatch {
    /// Place of the batch in its epoch, from 0.
    pub index: u64,
    /// Augmented view of its samples, from 1; 0 for samples as they are.
    pub view: u64,
    /// Id of each sample in its source.
    pub samples: Vec<SampleId>,
    /// Input of the network.
    pub input: HostInput,
    /// What the network is to learn, a row or several for each sample.
    pub targets: Targets,
    /// Whether each target row counts; all of them without a mask.
    pub mask: Option<Vec<bool>>,
}

/// Input of a network in host memory.
#[derive(Debug, Clone, PartialEq)]
pub enum HostInput {
    /// Images of one size.
    Images {
        /// Size of each image.
        shape: ImageShape,
        /// Bytes, `[batch, channels, height, width]`.
        pixels: Vec<u8>,
    },
    /// Sequences of tokens, one after another and without padding.
    Tokens {
        /// Tokens of each sequence, `[batch]`.
        lengths: Vec<u32>,
        /// Token ids, `[sum of lengths]`.
        ids: Vec<i32>,
    },
}

/// Targets in host memory.
#[derive(Debug, Clone, PartialEq)]
pub enum Targets {
    /// The class of each row.
    Classes(Vec<i32>),
    /// A score or a vector of each row, `[rows, width]`.
    Values {
        /// Numbers of a row.
        width: usize,
        /// The numbers, row by row.
        values: Vec<f32>,
    },
    /// No targets: the network learns from its teacher alone.
    None,
}

/// A batch of images with a class each, on the device.
#[derive(Debug, Clone)]
pub struct Batch {
    /// Pixels as fractions in `[0, 1]`, `[batch, channels, height, width]`.
    pub images: Tensor<4>,
    /// Class of each sample, `[batch]`.
    pub labels: Tensor<1, Int>,
}

impl HostBatch {
    /// A batch that a [`Source`](crate::Source) has still to read.
    pub fn unread(index: u64, view: u64, samples: Vec<SampleId>) -> Self {
        let input = HostInput::Tokens { lengths: Vec::new(), ids: Vec::new() };
        Self { index, view, samples, input, targets: Targets::None, mask: None }
    }

    /// Number of samples.
    pub fn len(&self) -> usize {
        self.samples.len()
    }

    /// Whether there are no samples.
    pub fn is_empty(&self) -> bool {
        self.samples.is_empty()
    }

    /// The class of each row.
    ///
    /// # Errors
    /// [`DataError::Batch`] for targets that are no classes.
    pub fn classes(&self) -> Result<&[i32], DataError> {
        match &self.targets {
            Targets::Classes(classes) => Ok(classes),
            Targets::Values { .. } => Err(no_classes("scores or vectors")),
            Targets::None => Err(no_classes("nothing")),
        }
    }

    /// The batch in `parts` micro-batches of one size, or as many as it has samples; the last ones may be one
    /// smaller.
    ///
    /// # Panics
    /// If `parts` is zero, and for input, targets or a mask that do not have the same rows for each sample: a
    /// source's bug.
    pub fn split(self, parts: usize) -> Vec<Self> {
        assert!(parts > 0, "a batch has a part");
        if parts == 1 || self.len() < 2 {
            return vec![self];
        }
        let parts = parts.min(self.len());
        (0..parts).map(|part| self.slice(share(self.len(), part, parts))).collect()
    }

    /// Refuses what a source has read wrongly: other numbers of images, sequences or rows than samples have.
    pub(crate) fn check_rows(&self) -> Result<(), DataError> {
        let samples = self.len();
        let inputs = match &self.input {
            HostInput::Images { shape, pixels } => pixels.len() == samples * shape.bytes(),
            HostInput::Tokens { lengths, ids } => {
                let all: u64 = lengths.iter().map(|length| u64::from(*length)).sum();
                // A source without input of its own leaves it empty.
                (lengths.len() == samples || lengths.is_empty()) && all == ids.len() as u64
            }
        };
        let rows = match &self.targets {
            Targets::Classes(classes) => classes.len(),
            Targets::Values { width, values } => values.len() / (*width).max(1),
            Targets::None => 0,
        };
        let masked = self.mask.as_ref().is_none_or(|mask| mask.len() == rows);
        if inputs && masked && (samples == 0 || rows % samples == 0) {
            return Ok(());
        }
        let place = format!("batch {}, as its source has read it", self.index);
        let problem = format!("input, {rows} target rows or mask do not fit {samples} samples");
        Err(DataError::batch(place, problem, "the same rows for each sample"))
    }

    fn slice(&self, at: std::ops::Range<usize>) -> Self {
        let samples = self.len();
        Self {
            index: self.index,
            view: self.view,
            samples: self.samples[at.clone()].to_vec(),
            input: self.input.slice(at.clone(), samples),
            targets: match &self.targets {
                Targets::Classes(classes) => {
                    Targets::Classes(rows(classes, at.clone(), samples).to_vec())
                }
                Targets::Values { width, values } => Targets::Values {
                    width: *width,
                    values: rows(values, at.clone(), samples).to_vec(),
                },
                Targets::None => Targets::None,
            },
            mask: self.mask.as_ref().map(|mask| rows(mask, at, samples).to_vec()),
        }
    }

    /// Sends images with classes to `device`; they travel as bytes where the device takes them.
    ///
    /// # Errors
    /// [`DataError::Batch`] for tokens, for another number of images than classes, for targets that are no classes, and for a mask: nothing that takes this
    /// batch looks at one.
    pub fn to_device(self, device: &Device) -> Result<Batch, DataError> {
        let classes = self.classes()?.to_vec();
        if self.mask.is_some() {
            return Err(DataError::batch("a batch", "a mask", "none beside images with classes"));
        }
        let HostInput::Images { shape, pixels } = self.input else {
            return Err(DataError::batch("a batch", "tokens", "images"));
        };
        if pixels.len() != classes.len() * shape.bytes() {
            let problem = format!("{} bytes of pixels", pixels.len());
            let expected = format!("{} for each of {} images", shape.bytes(), classes.len());
            return Err(DataError::batch("a batch", problem, expected));
        }
        let ImageShape { channels, height, width } = shape;
        let shape = [classes.len(), channels, height, width];
        let labels = Tensor::from_data(TensorData::new(classes, [shape[0]]), device);
        let images = if device.supports_dtype(DType::U8) {
            let bytes = TensorData::new(pixels, shape);
            Tensor::<4, Int>::from_data(bytes, (device, DType::U8)).float()
        } else {
            let pixels: Vec<f32> = pixels.into_iter().map(f32::from).collect();
            Tensor::from_data(TensorData::new(pixels, shape), device)
        };
        Ok(Batch { images: images / 255.0, labels })
    }
}

impl HostInput {
    fn slice(&self, at: std::ops::Range<usize>, samples: usize) -> Self {
        match self {
            Self::Images { shape, pixels } => {
                Self::Images { shape: *shape, pixels: rows(pixels, at, samples).to_vec() }
            }
            Self::Tokens { lengths, ids } => {
                let sum = |lengths: &[u32]| lengths.iter().map(|length| *length as usize).sum();
                let (start, len): (usize, usize) =
                    (sum(&lengths[..at.start]), sum(&lengths[at.clone()]));
                Self::Tokens {
                    lengths: lengths[at].to_vec(),
                    ids: ids[start..start + len].to_vec(),
                }
            }
        }
    }
}

/// The rows of these samples, where each of `samples` has the same number.
fn rows<T>(values: &[T], at: std::ops::Range<usize>, samples: usize) -> &[T] {
    let each = values.len() / samples;
    assert_eq!(values.len(), each * samples, "the same rows for each sample");
    &values[at.start * each..at.end * each]
}

fn no_classes(found: &str) -> DataError {
    DataError::batch("targets", found, "a class of each row")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn images(samples: std::ops::Range<u64>) -> HostBatch {
        let shape = ImageShape { channels: 1, height: 1, width: 2 };
        HostBatch {
            index: 3,
            view: 2,
            input: HostInput::Images {
                shape,
                pixels: samples.clone().flat_map(|sample| [sample as u8, 0]).collect(),
            },
            targets: Targets::Classes(samples.clone().map(|sample| sample as i32).collect()),
            samples: samples.collect(),
            mask: None,
        }
    }

    #[test]
    fn parts_hold_every_sample_once_in_order() {
        assert_eq!(images(0..7).split(3), [images(0..3), images(3..5), images(5..7)]);
        assert_eq!(images(0..2).split(8), [images(0..1), images(1..2)]);
        assert_eq!(images(0..7).split(1), [images(0..7)]);
    }

    #[test]
    fn sequences_are_parted_with_their_rows() {
        let batch = HostBatch {
            input: HostInput::Tokens { lengths: vec![1, 3, 2], ids: vec![1, 2, 3, 4, 5, 6] },
            targets: Targets::Values { width: 2, values: vec![0.0, 1.0, 2.0, 3.0, 4.0, 5.0] },
            mask: Some(vec![true, false, true]),
            ..HostBatch::unread(0, 0, vec![7, 8, 9])
        };
        let parts = batch.split(2);
        assert_eq!(
            parts[0].input,
            HostInput::Tokens { lengths: vec![1, 3], ids: vec![1, 2, 3, 4] }
        );
        assert_eq!(parts[1].input, HostInput::Tokens { lengths: vec![2], ids: vec![5, 6] });
        assert_eq!(parts[1].targets, Targets::Values { width: 2, values: vec![4.0, 5.0] });
        assert_eq!(parts[0].mask, Some(vec![true, false]));
        assert_eq!(parts[1].samples, [9]);
    }

    #[test]
    fn what_images_with_classes_are_not_is_refused() {
        let device = Device::flex();
        let refused = |batch: HostBatch| batch.to_device(&device).unwrap_err().to_string();
        let masked = HostBatch { mask: Some(vec![true]), ..images(0..1) };
        assert!(refused(masked).contains("a mask, expected none"));
        let scores = Targets::Values { width: 1, values: vec![0.5] };
        let scored = HostBatch { targets: scores, ..images(0..1) };
        assert!(refused(scored).contains("expected a class of each row"));
        let tokens = HostInput::Tokens { lengths: vec![1], ids: vec![4] };
        let tokens = HostBatch { input: tokens, ..images(0..1) };
        assert!(refused(tokens).contains("tokens, expected images"));
        let classes = Targets::Classes(vec![0, 1]);
        let short = HostBatch { targets: classes, ..images(0..1) };
        assert!(refused(short).contains("2 bytes of pixels, expected 2 for each of 2 images"));
    }
}
