//! Means and deviations that bring pixels to a common scale.

use burn::tensor::{Tensor, TensorData};

use crate::DataError;

/// Means and deviations of each channel, for pixels as fractions in `[0, 1]`.
#[derive(Debug, Clone, PartialEq)]
pub struct Normalisation {
    /// Subtracted, one value a channel.
    pub mean: Vec<f32>,
    /// Divided by, one value a channel, each above zero.
    pub std: Vec<f32>,
}

impl Normalisation {
    /// Checks that there is a mean and a deviation for each of `channels`, in the range of pixels that are
    /// fractions: means in `[-1, 1]`, deviations in `[1e-4, 100]`.
    ///
    /// # Errors
    /// [`DataError::Setting`] with the field's name.
    pub fn new(mean: Vec<f32>, std: Vec<f32>, channels: usize) -> Result<Self, DataError> {
        let refuse = |field, values: &[f32], what: &str| {
            let expected = format!("{channels} {what}, one for each channel");
            Err(DataError::Setting { field, value: format!("{values:?}"), expected })
        };
        // Means of bytes, 123.68 and the like, are the commonest mistake.
        if mean.len() != channels || mean.iter().any(|m| !(-1.0..=1.0).contains(m)) {
            return refuse("mean", &mean, "numbers from -1 to 1, for pixels in [0, 1]");
        }
        if std.len() != channels || std.iter().any(|s| !(1e-4..=100.0).contains(s)) {
            return refuse("std", &std, "numbers from 0.0001 to 100");
        }
        Ok(Self { mean, std })
    }

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
