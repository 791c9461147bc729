//! What a network is given of an image file: of the command line, of files beside the weights, or the network's usual.

use std::path::Path;

use distill_datasets::{ImageShape, ImageTransform, Normalisation, transform::Fit};
use distill_driver::{DriverError, ForeignPreprocessing, ModelCard};
use distill_models::ModelInfo;

use super::network::{missing, refused};
use crate::{
    arguments::{FitArgument, ImageArguments, NetworkArguments},
    output,
};

/// Mean and deviation of ImageNet, which networks of its size are trained with.
const IMAGENET: [[f32; 3]; 2] = [[0.485, 0.456, 0.406], [0.229, 0.224, 0.225]];
/// Networks of this size and above are ImageNet's.
const IMAGENET_SIDE: usize = 224;

/// What is known of a network's images and classes before its weights are read.
#[derive(Debug)]
pub(super) struct ImageSettings {
    /// From an image file to pixels.
    pub(super) transform: ImageTransform,
    /// Mean and deviation; `None` where only the dataset can say.
    pub(super) normalisation: Option<Normalisation>,
    /// Class names in the order of the logits, where they are known.
    pub(super) classes: Option<Vec<String>>,
}

impl ImageSettings {
    /// Settings for the network in `weights`.
    ///
    /// # Errors
    /// [`DriverError`] for a damaged file beside the weights and for settings that exclude one another.
    pub(super) fn of(
        weights: &Path,
        card: Option<&ModelCard>,
        network: &NetworkArguments,
        images: &ImageArguments,
        classes: &[String],
    ) -> Result<Self, DriverError> {
        if let (Some(_), false) = (card, classes.is_empty()) {
            let problem = "`--classes` and a `model.json` beside it, expected one of them";
            return Err(refused(weights, problem.to_owned()));
        }
        let foreign = match card {
            Some(_) => None,
            None => ForeignPreprocessing::beside(weights)?,
        };
        let usual = match &network.model {
            Some(model) => ModelInfo::named(model)?.signature.image(),
            None => None,
        };
        let base = match (card, &foreign) {
            (Some(card), _) => card.transform(),
            (None, Some(foreign)) => foreign.transform,
            (None, None) => {
                let given = network.mean.as_ref().map(Vec::len);
                let [channels, height, width] = usual.unwrap_or([3, 32, 32]);
                let channels = given.unwrap_or(channels);
                ImageTransform::squeeze(ImageShape { channels, height, width })
            }
        };
        let normalisation = match (&network.mean, &network.std, card, &foreign, usual) {
            (Some(mean), Some(std), ..) => Some((mean.clone(), std.clone())),
            (_, _, Some(card), ..) => Some((card.mean.clone(), card.std.clone())),
            (_, _, _, Some(foreign), _) => Some((foreign.mean.clone(), foreign.std.clone())),
            (.., Some([3, side, _])) if side >= IMAGENET_SIDE => {
                Some((IMAGENET[0].to_vec(), IMAGENET[1].to_vec()))
            }
            _ => None,
        };
        let normalisation = normalisation.map(|(mean, std)| Normalisation { mean, std });
        let side = images.crop.or(network.size.filter(|_| card.is_none()));
        let transform = images.over(base, side.map(usize::from))?;
        let classes = match (card, classes) {
            (Some(card), _) => Some(card.classes.clone()),
            (None, []) => foreign.as_ref().and_then(|foreign| foreign.classes.clone()),
            (None, names) => Some(names.to_vec()),
        };
        if let Some(foreign) = &foreign {
            output::note(&format!("preprocessing of `{}`", foreign.file));
        }
        Ok(Self { transform, normalisation, classes })
    }

    /// Mean and deviation, which nothing but the command line can say of a folder of images.
    pub(super) fn normalised(&self) -> Result<Normalisation, DriverError> {
        self.normalisation.clone().ok_or_else(|| missing("--mean"))
    }

    /// Says what is done to an image before the network sees it.
    pub(super) fn note(&self, network: ImageShape, normalisation: &Normalisation) {
        let ImageTransform { shape, .. } = self.transform;
        let again = match (network.height, network.width) == (shape.height, shape.width) {
            true => String::new(),
            false => format!(", then resized to {}x{}", network.width, network.height),
        };
        let Normalisation { mean, std } = normalisation;
        output::note(&format!("images: {}{again}; mean {mean:?}, std {std:?}", self.transform));
    }
}

impl ImageArguments {
    /// `base` with what the command line says, for images of `side` pixels where it says so.
    fn over(
        &self,
        base: ImageTransform,
        side: Option<usize>,
    ) -> Result<ImageTransform, DriverError> {
        let mut transform = base;
        if let Some(side) = side {
            (transform.shape.height, transform.shape.width) = (side, side);
        }
        let side = transform.shape.height;
        if let Some(share) = self.crop_pct.filter(|share| !(0.01..=1.0).contains(share)) {
            let problem = format!("it is {share}, expected from 0.01 to 1");
            return Err(DriverError::Recipe { file: "--crop-pct".to_owned(), problem });
        }
        let resize = self.resize.map(usize::from);
        let cuts = resize.is_some() || self.crop.is_some() || self.crop_pct.is_some();
        if cuts && self.fit.is_some_and(|fit| fit != FitArgument::Crop) {
            let problem =
                "it cuts nothing out, expected `crop` beside `--resize`, `--crop` or `--crop-pct`";
            return Err(DriverError::Recipe {
                file: "--fit".to_owned(),
                problem: problem.to_owned(),
            });
        }
        transform.fit = match self.fit {
            Some(FitArgument::Squeeze) => Fit::Squeeze,
            Some(FitArgument::Pad) => Fit::Pad,
            None if !cuts => base.fit,
            Some(FitArgument::Crop) | None => Fit::crop(side, resize, self.crop_pct),
        };
        transform.interpolation = self.interpolation.map_or(base.interpolation, Into::into);
        transform.orientation = self.orientation.map_or(base.orientation, Into::into);
        transform.sixteen_bit = self.sixteen_bit.map_or(base.sixteen_bit, Into::into);
        Ok(transform)
    }
}
