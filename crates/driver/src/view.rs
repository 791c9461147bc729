//! How a network sees an image: at its own size, with its own normalisation.

use burn::tensor::{
    Tensor,
    module::interpolate,
    ops::{InterpolateMode, InterpolateOptions},
};
use distill_datasets::{ImageShape, Normalisation};
use distill_models::Signature;

/// A network's own view of the augmented image that teacher and student share.
#[derive(Debug, Clone, PartialEq)]
pub struct View {
    /// What the network takes.
    pub shape: ImageShape,
    /// Mean and deviation that it was trained with.
    pub normalisation: Normalisation,
}

impl View {
    /// Resizes where the size differs, then normalises.
    ///
    /// Bilinear between the centres of the pixels, as PyTorch's
    /// `interpolate(mode="bilinear", align_corners=False)`.
    ///
    /// # Shapes
    /// - `images`: `[batch, channels, any, any]`, pixels as fractions in `[0, 1]`
    /// - output: `[batch, channels, height, width]`
    pub fn apply(&self, images: Tensor<4>) -> Tensor<4> {
        let [_, _, height, width] = images.dims();
        let size = [self.shape.height, self.shape.width];
        let images = if [height, width] == size {
            images
        } else {
            let options = InterpolateOptions::new(InterpolateMode::Bilinear);
            interpolate(images, options.with_align_corners(false).with_output_size(size))
        };
        self.normalisation.apply(images)
    }

    /// What a network with this view takes and gives.
    pub fn signature(&self, classes: usize) -> Signature {
        let ImageShape { channels, height, width } = self.shape;
        Signature { channels, height, width, classes }
    }
}

#[cfg(test)]
mod tests {
    use burn::tensor::Device;

    use super::*;

    #[test]
    fn a_view_resizes_between_pixel_centres_and_normalises() {
        let normalisation = Normalisation { mean: vec![0.5], std: vec![0.25] };
        let device = Device::flex();
        let image = Tensor::<4>::from_data([[[[0.0, 1.0], [0.5, 0.5]]]], &device);

        let shape = ImageShape { channels: 1, height: 2, width: 2 };
        let same = View { shape, normalisation: normalisation.clone() };
        let values: Vec<f32> = same.apply(image.clone()).into_data().iter::<f32>().collect();
        assert_eq!(values, [-2.0, 2.0, 0.0, 0.0]);

        // Along the first row: torch gives 0, 0.25, 0.75, 1 before normalisation.
        let larger = View { shape: ImageShape { width: 4, ..shape }, normalisation };
        let values: Vec<f32> = larger.apply(image).into_data().iter::<f32>().take(4).collect();
        assert_eq!(values, [-2.0, -1.0, 1.0, 2.0]);
        assert_eq!(larger.signature(10).width, 4);
    }
}
