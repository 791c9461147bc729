//! Preprocessing that published weights of the zoo's networks were trained with.

use distill_datasets::{
    ImageShape, ImageTransform, Normalisation,
    transform::{Fit, Interpolation},
};
use distill_models::{ModelError, ModelInfo};

/// What images of a network usually go through.
#[derive(Debug, Clone, PartialEq)]
pub struct UsualPreprocessing {
    /// From an image file to the network's pixels.
    pub transform: ImageTransform,
    /// Mean and deviation; `None` for networks of small images, whose publishers differ.
    pub normalisation: Option<Normalisation>,
}

/// Networks of this size and above are ImageNet's.
const IMAGENET_SIDE: usize = 224;

impl UsualPreprocessing {
    /// Of a network of the zoo: torchvision's preset for ImageNet, TensorFlow's for EfficientNet-Lite.
    ///
    /// # Errors
    /// [`ModelError`] for a name that the zoo has not.
    pub fn of(model: &str) -> Result<Self, ModelError> {
        let [channels, height, width] =
            ModelInfo::named(model)?.signature.image().unwrap_or([3, 32, 32]);
        let squeeze = ImageTransform::squeeze(ImageShape { channels, height, width });
        if height < IMAGENET_SIDE || channels != 3 {
            return Ok(Self { transform: squeeze, normalisation: None });
        }
        let (resize, interpolation, mean, std) = match model {
            "efficientnet-lite0" => (256, Interpolation::Bicubic, LITE[0], LITE[1]),
            "efficientnet-lite2" => (292, Interpolation::Bicubic, LITE[0], LITE[1]),
            _ => (256, Interpolation::Bilinear, IMAGENET[0], IMAGENET[1]),
        };
        Ok(Self {
            transform: ImageTransform { fit: Fit::Crop { resize }, interpolation, ..squeeze },
            normalisation: Some(Normalisation { mean: mean.to_vec(), std: std.to_vec() }),
        })
    }
}

const IMAGENET: [[f32; 3]; 2] = [[0.485, 0.456, 0.406], [0.229, 0.224, 0.225]];
/// (x − 127) / 128 of bytes.
const LITE: [[f32; 3]; 2] = [[127.0 / 255.0; 3], [128.0 / 255.0; 3]];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn networks_of_imagenet_have_a_preset_and_small_ones_have_none() {
        let usual = UsualPreprocessing::of("resnet18").unwrap();
        assert_eq!(usual.transform.fit, Fit::Crop { resize: 256 });
        assert_eq!(usual.transform.shape.height, 224);
        let lite = UsualPreprocessing::of("efficientnet-lite2").unwrap();
        assert_eq!(
            (lite.transform.shape.height, lite.transform.fit),
            (260, Fit::Crop { resize: 292 })
        );
        let small = UsualPreprocessing::of("resnet20").unwrap();
        assert_eq!((small.transform.fit, small.normalisation), (Fit::Squeeze, None));
        assert!(UsualPreprocessing::of("resnet-1").is_err());
    }
}
