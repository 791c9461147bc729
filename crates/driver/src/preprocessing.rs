//! Input preprocessing of a network: from the batch that teacher and student share to what it takes.

use burn::tensor::{
    Tensor, TensorData,
    module::interpolate,
    ops::{InterpolateMode, InterpolateOptions},
};
use distill_datasets::{DataError, ImageShape, Input, Normalisation};
use distill_models::{NetworkInput, Signature};

/// Input preprocessing of a network, by the kind of its input.
#[derive(Debug, Clone, PartialEq)]
pub enum Preprocessing {
    /// Images: another size, then the network's normalisation.
    Image(ImagePreprocessing),
    /// Tokens, which are taken as they are.
    Tokens {
        /// Number of token ids that the network knows.
        vocabulary: usize,
        /// Longest sequence that it takes.
        context: usize,
    },
}

/// Input preprocessing of a network of images.
#[derive(Debug, Clone, PartialEq)]
pub struct ImagePreprocessing {
    /// What the network takes.
    pub shape: ImageShape,
    /// Mean and deviation that it was trained with.
    pub normalisation: Normalisation,
}

impl Preprocessing {
    /// The network's own input, made of a batch that networks share.
    ///
    /// # Errors
    /// [`DataError::Batch`] for input of another kind, for images of other channels, for tokens of a larger
    /// vocabulary and for longer sequences.
    pub fn apply(&self, input: Input) -> Result<NetworkInput, DataError> {
        match (self, input) {
            (Self::Image(own), Input::Images(images)) => {
                let [_, channels, ..] = images.dims();
                match channels == own.shape.channels {
                    true => Ok(NetworkInput::Images(own.apply(images))),
                    false => Err(refused(
                        format!("images of {channels} channels"),
                        format!("the network's {}", own.shape.channels),
                    )),
                }
            }
            (
                Self::Tokens { vocabulary: own, context },
                Input::Tokens { vocabulary, ids, mask },
            ) => {
                let [_, length] = ids.dims();
                match vocabulary as usize <= *own && length <= *context {
                    true => Ok(NetworkInput::Tokens { ids, mask }),
                    false => Err(refused(
                        format!("sequences of up to {length} tokens of {vocabulary}"),
                        format!("the network's: of up to {context} tokens of {own}"),
                    )),
                }
            }
            (Self::Image(_), Input::Tokens { .. }) => {
                Err(refused("tokens".into(), "images".into()))
            }
            (Self::Tokens { .. }, Input::Images(_)) => {
                Err(refused("images".into(), "tokens".into()))
            }
        }
    }
}

impl From<ImagePreprocessing> for Preprocessing {
    fn from(images: ImagePreprocessing) -> Self {
        Self::Image(images)
    }
}

impl ImagePreprocessing {
    /// Resizes where the size differs, then normalises.
    ///
    /// Bilinear between the centres of the pixels: where the image grows as PyTorch's
    /// `interpolate(mode="bilinear", align_corners=False)`, where it shrinks with `antialias=True`, which is Pillow's
    /// triangle filter on floats.
    ///
    /// # Shapes
    /// - `images`: `[batch, channels, any, any]`, pixels as fractions in `[0, 1]`
    /// - output: `[batch, channels, height, width]`
    pub fn apply(&self, images: Tensor<4>) -> Tensor<4> {
        let [_, _, height, width] = images.dims();
        let size = [self.shape.height, self.shape.width];
        let images = if [height, width] == size {
            images
        } else if size[0] >= height && size[1] >= width {
            let options = InterpolateOptions::new(InterpolateMode::Bilinear);
            interpolate(images, options.with_align_corners(false).with_output_size(size))
        } else {
            antialiased(images, size)
        };
        self.normalisation.apply(images)
    }

    /// Input and output of a network with this preprocessing.
    pub fn signature(&self, classes: usize) -> Signature {
        let ImageShape { channels, height, width } = self.shape;
        Signature::images([channels, height, width], classes)
    }
}

/// Resizes columns, then rows, each by a matrix of the triangle filter.
fn antialiased(images: Tensor<4>, [height, width]: [usize; 2]) -> Tensor<4> {
    let [batch, channels, rows, columns] = images.dims();
    let device = images.device();
    let along_rows = Tensor::<2>::from_data(triangles(columns, width), &device).transpose();
    let along_columns = Tensor::<2>::from_data(triangles(rows, height), &device);
    let images = images.reshape([batch * channels * rows, columns]).matmul(along_rows);
    let images = images.reshape([batch * channels, rows, width]);
    let images = along_columns.unsqueeze::<3>().matmul(images);
    images.reshape([batch, channels, height, width])
}

/// Weights `[to, from]` of the triangle filter, as wide as the scale where it shrinks; each row sums to one.
fn triangles(from: usize, to: usize) -> TensorData {
    let scale = from as f64 / to as f64;
    let support = scale.max(1.0);
    let mut weights = Vec::with_capacity(to * from);
    for place in 0..to {
        let centre = (place as f64 + 0.5) * scale;
        let row = (0..from).map(|at| (1.0 - ((at as f64 + 0.5 - centre) / support).abs()).max(0.0));
        let row: Vec<f64> = row.collect();
        let sum: f64 = row.iter().sum();
        weights.extend(row.into_iter().map(|weight| (weight / sum) as f32));
    }
    TensorData::new(weights, [to, from])
}

fn refused(problem: String, expected: String) -> DataError {
    DataError::Batch { place: "a batch".to_owned(), problem, expected }
}

#[cfg(test)]
mod tests {
    use burn::tensor::Device;

    use super::*;

    fn grey(width: usize) -> ImagePreprocessing {
        let normalisation = Normalisation { mean: vec![0.5], std: vec![0.25] };
        let shape = ImageShape { channels: 1, height: 2, width };
        ImagePreprocessing { shape, normalisation }
    }

    #[test]
    fn images_are_resized_between_pixel_centres_and_normalised() {
        let device = Device::flex();
        let image = Tensor::<4>::from_data([[[[0.0, 1.0], [0.5, 0.5]]]], &device);

        let values: Vec<f32> = grey(2).apply(image.clone()).into_data().iter::<f32>().collect();
        assert_eq!(values, [-2.0, 2.0, 0.0, 0.0]);

        // Along the first row: torch gives 0, 0.25, 0.75, 1 before normalisation.
        let larger = grey(4);
        let values: Vec<f32> = larger.apply(image).into_data().iter::<f32>().take(4).collect();
        assert_eq!(values, [-2.0, -1.0, 1.0, 2.0]);
        assert_eq!(larger.signature(10), Signature::images([1, 2, 4], 10));
    }

    #[test]
    fn what_shrinks_is_antialiased_as_in_pillow() {
        let device = Device::flex();
        // Pillow: Image.fromarray(float32 array).resize((3, 2), BILINEAR), mode "F".
        let values: Vec<f32> = (0..40).map(|i| ((i * 37) % 23 + i) as f32 / 63.0).collect();
        let image = Tensor::<4>::from_data(TensorData::new(values, [1, 1, 5, 8]), &device);
        let normalisation = Normalisation { mean: vec![0.0], std: vec![1.0] };
        let shape = ImageShape { channels: 1, height: 2, width: 3 };
        let small = ImagePreprocessing { shape, normalisation }.apply(image);
        let small: Vec<f32> = small.into_data().iter::<f32>().collect();
        for (ours, pillow) in small.iter().zip(PILLOW) {
            assert!((ours - pillow).abs() < 1e-6, "{small:?}");
        }
    }

    const PILLOW: [f32; 6] = [0.3228716, 0.3623136, 0.3745348, 0.5741817, 0.6178452, 0.6420028];

    #[test]
    fn input_that_is_not_the_networks_is_refused() {
        let device = Device::flex();
        let tokens = |vocabulary| Input::Tokens {
            vocabulary,
            ids: Tensor::zeros([1, 3], &device),
            mask: Tensor::full([1, 3], true, &device),
        };
        let images = |channels| Input::Images(Tensor::zeros([1, channels, 2, 2], &device));
        let of_tokens = |context| Preprocessing::Tokens { vocabulary: 10, context };
        let of_images = Preprocessing::from(grey(2));
        for (preprocessing, input, problem) in [
            (&of_images, tokens(10), "tokens, expected images"),
            (&of_images, images(3), "images of 3 channels, expected the network's 1"),
            (&of_tokens(3), images(1), "images, expected tokens"),
            (&of_tokens(3), tokens(11), "up to 3 tokens of 11, expected the network's"),
            (&of_tokens(2), tokens(10), "expected the network's: of up to 2 tokens of 10"),
        ] {
            let error = preprocessing.apply(input).unwrap_err().to_string();
            assert!(error.contains(problem), "{error}");
        }
        assert!(of_tokens(3).apply(tokens(10)).is_ok());
        assert!(of_images.apply(images(1)).is_ok());
    }
}
