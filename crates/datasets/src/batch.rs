//! Batches: in host memory as they were read, and on the device.

use burn::tensor::{Bool, DType, Device, Int, Tensor, TensorData};

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
        /// Number of token ids: each id is below it.
        vocabulary: u32,
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

/// A batch with a class for each row, on the device.
#[derive(Debug, Clone)]
pub struct Batch {
    /// Input, before a network's own preprocessing.
    pub input: Input,
    /// Class of each row, `[rows]`.
    pub labels: Tensor<1, Int>,
}

/// Input of a network on the device, before its own preprocessing.
#[derive(Debug, Clone)]
#[expect(
    clippy::large_enum_variant,
    reason = "one is made a batch, and moved into its forward pass"
)]
pub enum Input {
    /// Pixels as fractions in `[0, 1]`, `[batch, channels, height, width]`.
    Images(Tensor<4>),
    /// Sequences of tokens, the shorter ones padded with id 0.
    Tokens {
        /// Number of token ids.
        vocabulary: u32,
        /// Token ids, `[batch, longest]`.
        ids: Tensor<2, Int>,
        /// Whether a position counts, `[batch, longest]`: false for padding.
        mask: Tensor<2, Bool>,
    },
}

impl HostBatch {
    /// A batch that a [`Source`](crate::Source) has still to read.
    pub fn unread(index: u64, view: u64, samples: Vec<SampleId>) -> Self {
        let input = HostInput::Tokens { vocabulary: 0, lengths: Vec::new(), ids: Vec::new() };
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
            HostInput::Tokens { vocabulary, lengths, ids } => {
                if let Some(id) =
                    ids.iter().find(|id| !(0..i64::from(*vocabulary)).contains(&i64::from(**id)))
                {
                    let place = format!("batch {}, as its source has read it", self.index);
                    let expected = format!("ids below the {vocabulary} of the vocabulary");
                    return Err(DataError::batch(place, format!("token id {id}"), expected));
                }
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

    /// Sends input and classes to `device`; images travel as bytes where the device takes them.
    ///
    /// # Errors
    /// [`DataError::Batch`] for input of other rows than there are samples, for targets that are no classes, and
    /// for a mask, which is not supported yet.
    pub fn to_device(self, device: &Device) -> Result<Batch, DataError> {
        let classes = self.classes()?.to_vec();
        if self.mask.is_some() {
            return Err(DataError::batch("a batch", "a mask", "none beside classes"));
        }
        self.check_rows()?;
        let rows = classes.len();
        match &self.input {
            HostInput::Images { shape, pixels } if pixels.len() != rows * shape.bytes() => {
                let problem = format!("{} bytes of pixels", pixels.len());
                let expected = format!("{} for each of {rows} images", shape.bytes());
                return Err(DataError::batch("a batch", problem, expected));
            }
            HostInput::Tokens { lengths, .. } if lengths.is_empty() => {
                return Err(DataError::batch("a batch", "no input", "images or tokens"));
            }
            _ => {}
        }
        let labels = Tensor::from_data(TensorData::new(classes, [rows]), device);
        Ok(Batch { input: self.input.into_device(device), labels })
    }
}

impl Batch {
    /// Pixels as fractions in `[0, 1]`, `[batch, channels, height, width]`.
    ///
    /// # Errors
    /// [`DataError::Batch`] for input that is no images.
    pub fn images(self) -> Result<Tensor<4>, DataError> {
        match self.input {
            Input::Images(images) => Ok(images),
            Input::Tokens { .. } => Err(DataError::batch("a batch", "tokens", "images")),
        }
    }
}

impl Input {
    /// Number of samples.
    pub fn samples(&self) -> usize {
        match self {
            Self::Images(images) => images.dims()[0],
            Self::Tokens { ids, .. } => ids.dims()[0],
        }
    }

    /// The same input without autodiff.
    #[must_use]
    pub fn without_autodiff(self) -> Self {
        match self {
            Self::Images(images) => Self::Images(images.without_autodiff()),
            Self::Tokens { vocabulary, ids, mask } => Self::Tokens {
                vocabulary,
                ids: ids.without_autodiff(),
                mask: mask.without_autodiff(),
            },
        }
    }
}

impl From<Tensor<4>> for Input {
    fn from(images: Tensor<4>) -> Self {
        Self::Images(images)
    }
}

impl HostInput {
    fn into_device(self, device: &Device) -> Input {
        match self {
            Self::Images { shape, pixels } => {
                let ImageShape { channels, height, width } = shape;
                let samples = pixels.len() / shape.bytes();
                let shape = [samples, channels, height, width];
                let images = if device.supports_dtype(DType::U8) {
                    let bytes = TensorData::new(pixels, shape);
                    Tensor::<4, Int>::from_data(bytes, (device, DType::U8)).float()
                } else {
                    let pixels: Vec<f32> = pixels.into_iter().map(f32::from).collect();
                    Tensor::from_data(TensorData::new(pixels, shape), device)
                };
                Input::Images(images / 255.0)
            }
            Self::Tokens { vocabulary, lengths, ids } => {
                let longest = lengths.iter().max().map_or(0, |length| *length as usize);
                let (mut padded, mut mask) = (Vec::new(), Vec::new());
                let mut rest = ids.as_slice();
                for length in &lengths {
                    let (own, others) = rest.split_at(*length as usize);
                    padded.extend_from_slice(own);
                    padded.resize(padded.len() + longest - own.len(), 0);
                    mask.extend((0..longest).map(|at| at < own.len()));
                    rest = others;
                }
                let shape = [lengths.len(), longest];
                let ids = Tensor::from_data(TensorData::new(padded, shape), device);
                let mask = Tensor::from_data(TensorData::new(mask, shape), device);
                Input::Tokens { vocabulary, ids, mask }
            }
        }
    }

    fn slice(&self, at: std::ops::Range<usize>, samples: usize) -> Self {
        match self {
            Self::Images { shape, pixels } => {
                Self::Images { shape: *shape, pixels: rows(pixels, at, samples).to_vec() }
            }
            Self::Tokens { vocabulary, lengths, ids } => {
                let sum = |lengths: &[u32]| lengths.iter().map(|length| *length as usize).sum();
                let (start, len): (usize, usize) =
                    (sum(&lengths[..at.start]), sum(&lengths[at.clone()]));
                Self::Tokens {
                    vocabulary: *vocabulary,
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
            input: HostInput::Tokens {
                vocabulary: 9,
                lengths: vec![1, 3, 2],
                ids: vec![1, 2, 3, 4, 5, 6],
            },
            targets: Targets::Values { width: 2, values: vec![0.0, 1.0, 2.0, 3.0, 4.0, 5.0] },
            mask: Some(vec![true, false, true]),
            ..HostBatch::unread(0, 0, vec![7, 8, 9])
        };
        let parts = batch.split(2);
        assert_eq!(
            parts[0].input,
            HostInput::Tokens { vocabulary: 9, lengths: vec![1, 3], ids: vec![1, 2, 3, 4] }
        );
        assert_eq!(
            parts[1].input,
            HostInput::Tokens { vocabulary: 9, lengths: vec![2], ids: vec![5, 6] }
        );
        assert_eq!(parts[1].targets, Targets::Values { width: 2, values: vec![4.0, 5.0] });
        assert_eq!(parts[0].mask, Some(vec![true, false]));
        assert_eq!(parts[1].samples, [9]);
    }

    #[test]
    fn shorter_sequences_are_padded_and_masked() {
        let batch = HostBatch {
            input: HostInput::Tokens {
                vocabulary: 9,
                lengths: vec![1, 3, 0],
                ids: vec![7, 2, 3, 4],
            },
            targets: Targets::Classes(vec![0, 1, 0]),
            ..HostBatch::unread(0, 0, vec![7, 8, 9])
        };
        let batch = batch.to_device(&Device::flex()).unwrap();
        let Input::Tokens { vocabulary: 9, ids, mask } = batch.input else { panic!("tokens") };
        assert_eq!(ids.dims(), [3, 3]);
        let ids: Vec<i64> = ids.into_data().iter::<i64>().collect();
        assert_eq!(ids, [7, 0, 0, 2, 3, 4, 0, 0, 0]);
        let mask: Vec<bool> = mask.into_data().iter::<bool>().collect();
        assert_eq!(mask, [true, false, false, true, true, true, false, false, false]);
    }

    #[test]
    fn what_does_not_fit_its_classes_is_refused() {
        let device = Device::flex();
        let refused = |batch: HostBatch| batch.to_device(&device).unwrap_err().to_string();
        let masked = HostBatch { mask: Some(vec![true]), ..images(0..1) };
        assert!(refused(masked).contains("a mask, expected none"));
        let scores = Targets::Values { width: 1, values: vec![0.5] };
        let scored = HostBatch { targets: scores, ..images(0..1) };
        assert!(refused(scored).contains("expected a class of each row"));
        let unread =
            HostBatch { targets: images(0..1).targets, ..HostBatch::unread(0, 0, vec![0]) };
        assert!(refused(unread).contains("no input, expected images or tokens"));
        let tokens = |vocabulary, id| {
            let input = HostInput::Tokens { vocabulary, lengths: vec![1], ids: vec![id] };
            HostBatch { input, ..images(0..1) }
        };
        assert!(refused(tokens(4, 4)).contains("token id 4, expected ids below the 4"));
        assert!(refused(tokens(4, -1)).contains("token id -1, expected ids below the 4"));
        let tokens = tokens(5, 4).to_device(&device).unwrap();
        assert!(tokens.images().unwrap_err().to_string().contains("tokens, expected images"));
        let classes = Targets::Classes(vec![0, 1]);
        let short = HostBatch { targets: classes, ..images(0..1) };
        assert!(refused(short).contains("2 bytes of pixels, expected 2 for each of 2 images"));
    }
}
