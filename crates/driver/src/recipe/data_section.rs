//! The table `[data]`: its fields, their checks, and how its images are read.

use std::path::PathBuf;

use distill_datasets::{
    Augment, DATASETS, FolderConfig, ImageShape, ImageTransform,
    folder::{Splits, Take, Unreadable},
    transform::{self, ExifOrientation, Interpolation, SixteenBit},
    unknown,
};
use serde::{Deserialize, Serialize};

use super::{
    ClassWeights,
    checks::{check_doubled, check_size},
    table::Table,
};
use crate::DriverError;

/// The data of a recipe.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct DataSection {
    /// Name of the dataset.
    pub dataset: String,
    /// For `folder`: where it is, below the data folder unless absolute.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub path: Option<PathBuf>,
    /// For `folder`: image size in pixels. Default 32.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub size: Option<usize>,
    /// For `folder`: how images of other proportions become square. Default `crop` beside `resize`, `crop` or
    /// `crop_pct`, else `squeeze`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fit: Option<Fit>,
    /// For `folder`: pixels of the short side before the centre is cut out. Default `size`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub resize: Option<usize>,
    /// For `folder`: pixels of the centre that is cut out; another name of `size`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub crop: Option<usize>,
    /// For `folder`: share of the short side that is cut out, in place of `resize`: timm's.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub crop_pct: Option<f64>,
    /// For `folder`: filter of the resize. Default `bilinear`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub interpolation: Option<Interpolation>,
    /// For `folder`: use of the orientation in EXIF. Default `stored`, as torchvision and timm read images.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub orientation: Option<ExifOrientation>,
    /// For `folder`: treatment of 16-bit grey. Default `scale`; torchvision's loader clips.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sixteen_bit: Option<SixteenBit>,
    /// For `folder`: treatment of files that do not decode. Default `refuse`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub unreadable: Option<Unreadable>,
    /// For `folder`: share of each class that becomes the test split, where no folder has one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub split: Option<f64>,
    /// For `folder`: 3 for RGB or 1 for grey. Default 3.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub channels: Option<usize>,
    /// Takes the first so many training images, after `validation` is held out. Default all.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub train: Option<usize>,
    /// Validation images, which select the epoch: the last so many training images, or for `folder` the name of a
    /// folder beside `train`. Default `val` beside `test` where there is one, else a tenth of the training images.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub validation: Option<Validation>,
    /// Data augmentation of the training images, applied in order.
    #[serde(default)]
    pub augment: Vec<Augment>,
    /// Weights of the classes in the cross entropy with the labels, of each network that is trained: `"balanced"`, a
    /// table by class name, or a list in the order of the classes. Default 1 each.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub class_weights: Option<ClassWeights>,
    /// Mean of each channel for pixels in `[0, 1]`. Default the dataset's.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mean: Option<Vec<f32>>,
    /// Deviation of each channel. Default the dataset's.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub std: Option<Vec<f32>>,
}

/// How images of other proportions become square.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "lowercase")]
pub enum Fit {
    /// Both sides are resized; the proportions change.
    Squeeze,
    /// The short side is resized, then the centre is cut out: torchvision's `Resize` and `CenterCrop`.
    Crop,
    /// The long side is resized, then the image is centred on black.
    Pad,
}

/// Validation images.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(untagged, expecting = "expected a number of images or the name of a folder")]
pub enum Validation {
    /// The last so many training images.
    Images(usize),
    /// Images of a folder, below the data's.
    Folder(PathBuf),
}

impl DataSection {
    /// How a folder of images is read.
    pub(super) fn folder(&self) -> FolderConfig {
        let side = self.crop.or(self.size).unwrap_or(32);
        let shape = ImageShape { channels: self.channels.unwrap_or(3), height: side, width: side };
        let transform = ImageTransform {
            orientation: self.orientation.unwrap_or_default(),
            sixteen_bit: self.sixteen_bit.unwrap_or_default(),
            fit: self.fit_of(side),
            interpolation: self.interpolation.unwrap_or_default(),
            shape,
        };
        let (validation, held_out) = match self.validation.clone() {
            Some(Validation::Folder(folder)) => (Some(folder), None),
            Some(Validation::Images(images)) => (None, Some(images)),
            None => (None, None),
        };
        FolderConfig {
            transform,
            unreadable: self.unreadable.unwrap_or_default(),
            splits: Splits::All,
            validation,
            split: self.split,
            take: Take { train: self.train, validation: held_out, test: None },
            decoded: None,
            free_memory: None,
        }
    }

    fn fit_of(&self, side: usize) -> transform::Fit {
        let cuts = self.resize.is_some() || self.crop.is_some() || self.crop_pct.is_some();
        match self.fit {
            Some(Fit::Squeeze) => transform::Fit::Squeeze,
            Some(Fit::Pad) => transform::Fit::Pad,
            None if !cuts => transform::Fit::Squeeze,
            Some(Fit::Crop) | None => transform::Fit::crop(side, self.resize, self.crop_pct),
        }
    }

    /// Checks what needs neither the networks nor the data.
    ///
    /// # Errors
    /// [`DriverError`] naming field, value and what was expected.
    pub(super) fn check(&self, file: &str) -> Result<(), DriverError> {
        if !DATASETS.iter().any(|info| info.name == self.dataset) {
            let problem = format!("`data.dataset`: {}", unknown(&self.dataset));
            return Err(DriverError::recipe(file, problem));
        }
        let table = Table { name: "data", file };
        check_doubled(&self.augment, table)?;
        if let Some(weights) = &self.class_weights {
            weights.check(table)?;
        }
        let is_folder = self.dataset == "folder";
        if let Some(field) = self.fields_of_folders().filter(|_| !is_folder) {
            let expected = "to be left out: only the dataset `folder` has it";
            return Err(table.refuse(field, "given", expected));
        }
        if is_folder && self.path.is_none() {
            let expected = "the folder with `train` and `test`";
            return Err(table.refuse("path", "missing", expected));
        }
        check_size(self.size, table)?;
        for (field, pixels) in [("resize", self.resize), ("crop", self.crop)] {
            if let Some(pixels) = pixels.filter(|pixels| !(1..=4096).contains(pixels)) {
                return Err(table.refuse(field, pixels, "from 1 to 4096 pixels"));
            }
        }
        if let (Some(crop), Some(size)) = (self.crop, self.size)
            && crop != size
        {
            let expected = format!("`data.size`, which is {size}: two names of one number");
            return Err(table.refuse("crop", crop, &expected));
        }
        let cut = [
            ("resize", self.resize.is_some()),
            ("crop", self.crop.is_some()),
            ("crop_pct", self.crop_pct.is_some()),
        ];
        if let (Some((field, _)), Some(fit)) = (cut.iter().find(|(_, given)| *given), self.fit)
            && fit != Fit::Crop
        {
            return Err(table.refuse(field, "given", "to be left out, or `fit = \"crop\"`"));
        }
        if self.resize.is_some() && self.crop_pct.is_some() {
            return Err(table.refuse("crop_pct", "given", "to be left out beside `resize`"));
        }
        if let Some(share) = self.crop_pct.filter(|share| !(0.01..=1.0).contains(share)) {
            return Err(table.refuse("crop_pct", share, "from 0.01 to 1"));
        }
        if let Some(share) = self.split.filter(|share| !(*share > 0.0 && *share < 1.0)) {
            return Err(table.refuse("split", share, "above 0 and below 1"));
        }
        if let Some(channels) = self.channels.filter(|channels| ![1, 3].contains(channels)) {
            return Err(table.refuse("channels", channels, "1 or 3"));
        }
        Ok(())
    }

    /// The first field that is given and counts for a folder of images alone.
    fn fields_of_folders(&self) -> Option<&'static str> {
        let given = [
            ("path", self.path.is_some()),
            ("size", self.size.is_some()),
            ("channels", self.channels.is_some()),
            ("fit", self.fit.is_some()),
            ("resize", self.resize.is_some()),
            ("crop", self.crop.is_some()),
            ("crop_pct", self.crop_pct.is_some()),
            ("interpolation", self.interpolation.is_some()),
            ("orientation", self.orientation.is_some()),
            ("sixteen_bit", self.sixteen_bit.is_some()),
            ("unreadable", self.unreadable.is_some()),
            ("split", self.split.is_some()),
            ("validation", matches!(self.validation, Some(Validation::Folder(_)))),
        ];
        given.into_iter().find(|(_, given)| *given).map(|(field, _)| field)
    }
}
