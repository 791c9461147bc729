//! Which network a file of weights belongs to: from the card beside it, or from the command line.

use std::path::Path;

use distill_datasets::{ImageShape, Normalisation};
use distill_driver::{DriverError, ImagePreprocessing, ModelCard};
use distill_models::{Architecture, Overrides, Signature};
use serde::Deserialize;

use crate::arguments::NetworkArguments;

/// What is known of the images without the network.
pub(super) struct Images {
    pub(super) dataset: String,
    pub(super) shape: ImageShape,
    pub(super) classes: Vec<String>,
    pub(super) normalisation: Normalisation,
}

impl NetworkArguments {
    /// The card beside `weights`, or one made of the command line; what is said there wins over what
    /// is known of the images.
    pub(super) fn card(&self, weights: &Path, images: Images) -> Result<ModelCard, DriverError> {
        let card = ModelCard::beside(weights)?;
        match (card, &self.model) {
            (Some(_), Some(model)) => {
                let problem =
                    format!("`--model {model}` and a `model.json` beside it, expected one of them");
                Err(refused(weights, problem))
            }
            (Some(mut card), None) => {
                self.no_settings(weights)?;
                let transform = card.transform();
                card.mean = self.mean.clone().unwrap_or(card.mean);
                card.std = self.std.clone().unwrap_or(card.std);
                if let Some(side) = self.size {
                    let shape = [card.shape().channels, side.into(), side.into()];
                    card.signature = Signature::images(shape, card.classes.len());
                    card.transform = Some(transform);
                }
                checked(card, weights)
            }
            (None, Some(model)) => {
                let preprocessing = self.preprocessing(&images);
                let card = ModelCard {
                    model: model.clone(),
                    architecture: self.architecture(model)?,
                    signature: preprocessing.signature(images.classes.len()),
                    classes: images.classes,
                    mean: preprocessing.normalisation.mean,
                    std: preprocessing.normalisation.std,
                    transform: None,
                    dataset: images.dataset,
                    files: Default::default(),
                };
                checked(card, weights)
            }
            (None, None) => Err(missing("--model")),
        }
    }

    /// The network called `model`, with the fields that were set.
    pub(super) fn architecture(&self, model: &str) -> Result<Architecture, DriverError> {
        Ok(Architecture::named(model, self.overrides()?)?)
    }

    /// Refuses `--weights-key` for an ONNX file, which holds one network.
    pub(super) fn no_key(&self, weights: &Path) -> Result<(), DriverError> {
        match &self.weights_key {
            None => Ok(()),
            Some(key) => {
                let problem =
                    format!("`--weights-key {key}`, expected none: an ONNX file is one network");
                Err(refused(weights, problem))
            }
        }
    }

    /// Refuses `--set` where it has nothing to say: a card and an ONNX file know their network.
    pub(super) fn no_settings(&self, weights: &Path) -> Result<(), DriverError> {
        match self.settings.is_empty() {
            true => Ok(()),
            false => {
                let problem = "`--set` without `--model`, expected both or none";
                Err(refused(weights, problem.to_owned()))
            }
        }
    }

    /// Whether anything is said of the network, beside which one of a file's it is.
    pub(super) fn is_empty(&self) -> bool {
        let Self { model, settings, mean, std, size, weights_key: _ } = self;
        let values = [mean.is_some(), std.is_some(), size.is_some(), model.is_some()];
        settings.is_empty() && !values.contains(&true)
    }

    /// Input preprocessing of the network for `images`.
    pub(super) fn preprocessing(&self, images: &Images) -> ImagePreprocessing {
        let mut shape = images.shape;
        if let Some(side) = self.size {
            (shape.height, shape.width) = (side.into(), side.into());
        }
        let Normalisation { mean, std } = &images.normalisation;
        let normalisation = Normalisation {
            mean: self.mean.clone().unwrap_or_else(|| mean.clone()),
            std: self.std.clone().unwrap_or_else(|| std.clone()),
        };
        ImagePreprocessing { shape, normalisation }
    }

    fn overrides(&self) -> Result<Overrides, DriverError> {
        let mut table = toml::Table::new();
        for setting in &self.settings {
            let refuse = |problem: &dyn std::fmt::Display| DriverError::Recipe {
                file: format!("--set {setting}"),
                problem: problem.to_string(),
            };
            let (field, value) =
                setting.split_once('=').ok_or_else(|| refuse(&"expected `field=value`"))?;
            // TOML where it is TOML, otherwise the text itself, so that strings need no quotes.
            let parsed: Result<toml::Table, _> = toml::from_str(&format!("value = {value}"));
            let parsed = parsed.ok().and_then(|mut table| table.remove("value"));
            table.insert(field.trim().to_owned(), parsed.unwrap_or_else(|| value.into()));
            Overrides::deserialize(table.clone()).map_err(|e| refuse(&e))?;
        }
        Ok(Overrides::deserialize(table).expect("checked field by field"))
    }
}

fn checked(card: ModelCard, weights: &Path) -> Result<ModelCard, DriverError> {
    Normalisation::new(card.mean.clone(), card.std.clone(), card.shape().channels)?;
    card.architecture.check(&card.signature).map_err(|e| refused(weights, e.to_string()))?;
    Ok(card)
}

pub(super) fn missing(option: &str) -> DriverError {
    DriverError::Recipe {
        file: option.to_owned(),
        problem: "it is missing, expected a value, for no `model.json` lies beside the weights"
            .into(),
    }
}

pub(super) fn refused(weights: &Path, problem: String) -> DriverError {
    DriverError::Recipe { file: weights.display().to_string(), problem }
}
