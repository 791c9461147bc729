//! What a network is given of an image file: of the command line, of files beside the weights, or the network's usual.

use std::path::Path;

use distill_datasets::{ImageShape, ImageTransform, Normalisation, transform::Fit};
use distill_driver::{
    DriverError, ForeignPreprocessing, ModelCard, UsualPreprocessing, is_onnx, onnx_image,
};

use super::network::{missing, refused};
use crate::{
    arguments::{FitArgument, ImageArguments, NetworkArguments},
    output,
};

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
        let channels = network.mean.as_ref().map(Vec::len);
        if let Some(channels) = channels.filter(|channels| ![1, 3].contains(channels)) {
            let problem = format!("`--mean` of {channels} channels, expected 1 or 3");
            return Err(refused(weights, problem));
        }
        let foreign = match card {
            Some(_) => None,
            None => ForeignPreprocessing::beside(weights)?,
        };
        let usual = match &network.model {
            Some(model) => Some(UsualPreprocessing::of(model)?),
            None => None,
        };
        let mut base = match (card, &foreign, &usual) {
            (Some(card), ..) => card.transform(),
            (None, Some(foreign), _) => foreign.transform,
            (None, None, Some(usual)) => usual.transform,
            (None, None, None) => {
                let own = if is_onnx(weights) { onnx_image(weights)? } else { None };
                let small = ImageShape { channels: 3, height: 32, width: 32 };
                ImageTransform::squeeze(own.unwrap_or(small))
            }
        };
        if let (None, Some(mean)) = (card, &network.mean) {
            base.shape.channels = mean.len();
        }
        let own =
            |mean: &[f32], std: &[f32]| Normalisation { mean: mean.to_vec(), std: std.to_vec() };
        let normalisation = match (&network.mean, &network.std, card, &foreign, usual) {
            (Some(mean), Some(std), ..) => Some(own(mean, std)),
            (_, _, Some(card), ..) => Some(own(&card.mean, &card.std)),
            (_, _, _, Some(foreign), _) => Some(own(&foreign.mean, &foreign.std)),
            (.., Some(usual)) => usual.normalisation,
            _ => None,
        };
        let side = images.crop.or(network.size.filter(|_| card.is_none()));
        let transform = images.over(base, side.map(usize::from))?;
        let classes = match (card, classes) {
            (Some(card), _) => Some(card.classes.clone()),
            (None, []) => foreign.as_ref().and_then(|foreign| foreign.classes.clone()),
            (None, names) => Some(names.iter().map(|name| name.trim().to_owned()).collect()),
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
        let [before, side] = [base.shape.height, transform.shape.height];
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
            None if !cuts => match base.fit {
                // As much is cut out of a smaller image, in proportion.
                Fit::Crop { resize } => {
                    Fit::crop(side, Some(resize as usize * side / before), None)
                }
                other => other,
            },
            Some(FitArgument::Crop) | None => Fit::crop(side, resize, self.crop_pct),
        };
        transform.interpolation = self.interpolation.map_or(base.interpolation, Into::into);
        transform.orientation = self.orientation.map_or(base.orientation, Into::into);
        transform.sixteen_bit = self.sixteen_bit.map_or(base.sixteen_bit, Into::into);
        Ok(transform)
    }
}
