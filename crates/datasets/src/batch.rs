//! Batches in host memory and on the device.

use burn::tensor::{DType, Device, Int, Tensor, TensorData};

use crate::{ImageShape, Normalisation};

/// A batch in host memory, as bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HostBatch {
    /// Place of the batch in its epoch, from 0.
    pub index: usize,
    /// Which of the random views of its images it shows, from 1; 0 for the images as they are.
    pub view: u64,
    /// Index of each sample in its set.
    pub samples: Vec<u32>,
    /// `[batch, channels, height, width]`.
    pub images: Vec<u8>,
    /// Class of each sample.
    pub labels: Vec<i32>,
    /// Size of each image.
    pub shape: ImageShape,
}

/// A batch on the device.
#[derive(Debug, Clone)]
pub struct Batch {
    /// Pixels as fractions in `[0, 1]`, `[batch, channels, height, width]`.
    pub images: Tensor<4>,
    /// Class of each sample, `[batch]`.
    pub labels: Tensor<1, Int>,
}

impl HostBatch {
    /// Number of samples.
    pub fn len(&self) -> usize {
        self.labels.len()
    }

    /// Whether there are no samples.
    pub fn is_empty(&self) -> bool {
        self.labels.is_empty()
    }

    /// The batch in `parts` parts of one size, or as many as it has samples; the last ones may be one smaller.
    ///
    /// # Panics
    /// If `parts` is zero.
    pub fn split(self, parts: usize) -> Vec<Self> {
        assert!(parts > 0, "a batch has a part");
        if parts == 1 || self.len() < 2 {
            return vec![self];
        }
        let (parts, pixels) = (parts.min(self.len()), self.shape.bytes());
        let (size, larger) = (self.len() / parts, self.len() % parts);
        let start = |part: usize| part * size + part.min(larger);
        let part = |part: usize| {
            let (from, to) = (start(part), start(part + 1));
            Self {
                samples: self.samples[from..to].to_vec(),
                images: self.images[from * pixels..to * pixels].to_vec(),
                labels: self.labels[from..to].to_vec(),
                ..self
            }
        };
        (0..parts).map(part).collect()
    }

    /// Sends the batch to `device`: the images travel as bytes where the device takes them.
    pub fn to_device(self, device: &Device) -> Batch {
        let ImageShape { channels, height, width } = self.shape;
        let shape = [self.labels.len(), channels, height, width];
        let labels = Tensor::from_data(TensorData::new(self.labels, [shape[0]]), device);
        let images = if device.supports_dtype(DType::U8) {
            let bytes = TensorData::new(self.images, shape);
            Tensor::<4, Int>::from_data(bytes, (device, DType::U8)).float()
        } else {
            let pixels: Vec<f32> = self.images.into_iter().map(f32::from).collect();
            Tensor::from_data(TensorData::new(pixels, shape), device)
        };
        Batch { images: images / 255.0, labels }
    }
}

impl Normalisation {
    /// `(x − mean) / std` for each channel of `[batch, channels, height, width]`.
    pub fn apply(&self, images: Tensor<4>) -> Tensor<4> {
        let device = images.device();
        let channels = [1, self.mean.len(), 1, 1];
        let vector =
            |values: Vec<f32>| Tensor::from_data(TensorData::new(values, channels), &device);
        let scale = vector(self.std.iter().map(|std| 1.0 / std).collect());
        let shift =
            vector(self.mean.iter().zip(&self.std).map(|(mean, std)| -mean / std).collect());
        images * scale + shift
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_hold_every_sample_once_in_order() {
        let shape = ImageShape { channels: 1, height: 1, width: 2 };
        let batch = |samples: std::ops::Range<u32>| HostBatch {
            index: 3,
            view: 2,
            images: samples.clone().flat_map(|sample| [sample as u8, 0]).collect(),
            labels: samples.clone().map(|sample| sample as i32).collect(),
            samples: samples.collect(),
            shape,
        };
        assert_eq!(batch(0..7).split(3), [batch(0..3), batch(3..5), batch(5..7)]);
        assert_eq!(batch(0..2).split(8), [batch(0..1), batch(1..2)]);
        assert_eq!(batch(0..7).split(1), [batch(0..7)]);
    }
}
