//! A network's card: what its weights are of.

use std::{collections::BTreeMap, fs, path::Path};

use distill_datasets::{
    ImageShape, ImageTransform, Normalisation,
    keyed::{KeyedRng, Operation},
    transform::Fit,
};
use distill_models::{Architecture, Network, Signature};
use serde::{Deserialize, Serialize};

use crate::{
    DriverError, ImagePreprocessing,
    store::{hash_file, read_json},
};

/// `model.json`, beside weights: enough to use them.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ModelCard {
    /// Name of the network.
    pub model: String,
    /// Its whole configuration.
    pub architecture: Architecture,
    /// What goes in and comes out.
    pub signature: Signature,
    /// Class names, in the order of the logits.
    pub classes: Vec<String>,
    /// Mean of each channel for pixels in `[0, 1]`.
    pub mean: Vec<f32>,
    /// Deviation of each channel.
    pub std: Vec<f32>,
    /// From an image file to the pixels that are resized to the signature's size and normalised. `None` in cards of
    /// earlier versions: files are resized to that size at once.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub transform: Option<ImageTransform>,
    /// The data it was trained on.
    pub dataset: String,
    /// Of an export: each file of weights beside the card.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub files: BTreeMap<String, ExportedFile>,
}

/// One exported file of weights.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ExportedFile {
    /// Its size.
    pub bytes: u64,
    /// sha256 of its bytes, in hexadecimal.
    pub sha256: String,
    /// Largest difference of a logit from the student's when the file was read back.
    pub largest_difference: f64,
}

impl ModelCard {
    /// The card in the folder of `weights`, if there is one.
    ///
    /// # Errors
    /// [`DriverError`] for a damaged card.
    pub fn beside(weights: &Path) -> Result<Option<Self>, DriverError> {
        let path = weights.parent().unwrap_or(Path::new("")).join("model.json");
        let card: Option<Self> = read_json(&path)?;
        if let Some(card) = &card {
            card.check(&path)?;
            card.check_file(weights, &path)?;
        }
        Ok(card)
    }

    /// An exported card knows its files: another one under their name is not what it describes.
    fn check_file(&self, weights: &Path, path: &Path) -> Result<(), DriverError> {
        let name = weights.file_name().unwrap_or_default().to_string_lossy();
        let Some(file) = self.files.get(name.as_ref()) else { return Ok(()) };
        if weights.is_file() && hash_file(weights)? != file.sha256 {
            let problem = format!(
                "it is not the file that `{}` describes, expected sha256 {}\n\
                 hint: export the student again with `distill export RUN`",
                path.display(),
                file.sha256
            );
            return Err(DriverError::recipe(&weights.display().to_string(), problem));
        }
        Ok(())
    }

    /// A card may have been written by hand: its parts have to fit together.
    fn check(&self, path: &Path) -> Result<(), DriverError> {
        let file = path.display().to_string();
        let Some([channels, height, width]) = self.signature.image() else {
            return Err(DriverError::field(&file, "signature", "tokens", "images"));
        };
        let Some(classes) = self.signature.classes() else {
            return Err(DriverError::field(&file, "signature", "no classes", "`classes`"));
        };
        if self.classes.len() != classes {
            let expected = format!("{classes}, as many as `signature.classes`");
            return Err(DriverError::field(&file, "classes", self.classes.len(), &expected));
        }
        if ![1, 3].contains(&channels) {
            return Err(DriverError::field(&file, "signature.channels", channels, "1 or 3"));
        }
        let largest = height.max(width);
        if largest > 4096 {
            return Err(DriverError::field(
                &file,
                "signature",
                largest,
                "at most 4096 pixels a side",
            ));
        }
        let transform = self.transform();
        let own = transform.shape;
        if own.channels != channels {
            let expected = format!("{channels}, as in `signature`");
            return Err(DriverError::field(&file, "transform.channels", own.channels, &expected));
        }
        let mut sides = vec![own.height, own.width];
        if let Fit::Crop { resize } = transform.fit {
            sides.push(resize as usize);
        }
        if let Some(side) = sides.into_iter().find(|side| !(1..=4096).contains(side)) {
            return Err(DriverError::field(
                &file,
                "transform",
                side,
                "from 1 to 4096 pixels a side",
            ));
        }
        Normalisation::new(self.mean.clone(), self.std.clone(), channels)
            .map_err(|e| DriverError::recipe(&file, e))?;
        self.architecture.check(&self.signature).map_err(|e| DriverError::recipe(&file, e))
    }

    /// Size of the network's images.
    ///
    /// # Panics
    /// For a network of other input, whose card is not read.
    pub fn shape(&self) -> ImageShape {
        let [channels, height, width] = self.signature.image().expect("a card of images");
        ImageShape { channels, height, width }
    }

    /// From an image file to pixels, before the network's own preprocessing.
    ///
    /// # Panics
    /// As [`shape`](Self::shape).
    pub fn transform(&self) -> ImageTransform {
        self.transform.unwrap_or_else(|| ImageTransform::squeeze(self.shape()))
    }

    /// Input preprocessing of the network.
    ///
    /// # Panics
    /// As [`shape`](Self::shape).
    pub fn preprocessing(&self) -> ImagePreprocessing {
        let normalisation = Normalisation { mean: self.mean.clone(), std: self.std.clone() };
        ImagePreprocessing { shape: self.shape(), normalisation }
    }

    /// The network with the weights of a file, on `device`.
    ///
    /// # Errors
    /// [`DriverError`] for weights that do not fit.
    pub fn load(
        &self,
        weights: &Path,
        device: &burn::tensor::Device,
    ) -> Result<Network, DriverError> {
        self.load_from(weights, None, device)
    }

    /// As [`load`](Self::load), of a file that holds several networks the one that `key` names, as
    /// [`distill_models::weights::load_from`] says.
    ///
    /// # Errors
    /// As [`load`](Self::load), and for a key under which the network is not.
    pub fn load_from(
        &self,
        weights: &Path,
        key: Option<&str>,
        device: &burn::tensor::Device,
    ) -> Result<Network, DriverError> {
        check_size(weights, self.architecture.cost(&self.signature)?.parameters)?;
        let mut rng = KeyedRng::new(0, 0, 0, Operation::Weights);
        let network = self.architecture.init(&self.signature, &mut rng, device)?;
        Ok(distill_models::weights::load_from(network, weights, key)?)
    }
}

/// Refuses a file that is too small for so many parameters, before memory is taken for them.
pub(crate) fn check_size(weights: &Path, parameters: u64) -> Result<(), DriverError> {
    let meta = fs::metadata(weights).map_err(|e| unreadable(weights, &e))?;
    if !meta.is_file() {
        let problem = "it is not a file, expected the weights of a network".to_owned();
        return Err(DriverError::recipe(&weights.display().to_string(), problem));
    }
    let bytes = meta.len();
    if bytes < parameters.saturating_mul(2) {
        let least = parameters.saturating_mul(2);
        let expected = format!(
            "the weights of {parameters} parameters, at least {least} bytes\n\
             hint: quantised weights are read from ONNX files alone"
        );
        let problem = format!("a file of {bytes} bytes, expected {expected}");
        return Err(DriverError::recipe(&weights.display().to_string(), problem));
    }
    Ok(())
}

fn unreadable(weights: &Path, error: &std::io::Error) -> DriverError {
    DriverError::recipe(&weights.display().to_string(), format!("it cannot be read: {error}"))
}
