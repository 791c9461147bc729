//! A trained network from a file of any kind, asked for logits.

use std::path::Path;

use burn::{module::Module, tensor::Device};
use distill_datasets::{ImageShape, Input};
use distill_models::{Network, NetworkInput, Signature, onnx::OnnxNetwork};

use crate::{DriverError, ImagePreprocessing, Preprocessing, records::ModelCard};

/// A network in evaluation mode with its own preprocessing.
#[derive(Debug)]
pub struct Classifier {
    network: Kind,
    preprocessing: Preprocessing,
    signature: Signature,
    /// Logits that are given, in this order; `None` for all as they are.
    selected: Option<Vec<usize>>,
}

#[derive(Debug)]
enum Kind {
    Burn(Network),
    Onnx(Box<OnnxNetwork>),
}

impl Classifier {
    /// The network of `card` from a file: `.onnx` in a runtime of its own on the CPU, everything else
    /// on `device`.
    ///
    /// # Errors
    /// [`DriverError::Model`] for a file that cannot be read or does not fit.
    pub fn load(card: &ModelCard, weights: &Path, device: &Device) -> Result<Self, DriverError> {
        Self::load_from(card, weights, None, device)
    }

    /// As [`load`](Self::load), of a file that holds several networks the one that `key` names.
    ///
    /// # Errors
    /// As [`load`](Self::load), and [`DriverError::Recipe`] for a key of an ONNX file, which holds one network.
    pub fn load_from(
        card: &ModelCard,
        weights: &Path,
        key: Option<&str>,
        device: &Device,
    ) -> Result<Self, DriverError> {
        if is_onnx(weights) {
            if let Some(key) = key {
                let problem =
                    format!("the key `{key}`, expected none: an ONNX file is one network");
                return Err(DriverError::recipe(&weights.display().to_string(), problem));
            }
            return Self::onnx(weights, card.preprocessing(), card.classes.len());
        }
        let network = Kind::Burn(card.load_from(weights, key, device)?.valid());
        Ok(Self {
            network,
            preprocessing: card.preprocessing().into(),
            signature: card.signature,
            selected: None,
        })
    }

    /// The network of an ONNX file, which needs no card: it holds its layers itself.
    ///
    /// # Errors
    /// [`DriverError::Model`] for a file that cannot be read.
    pub fn onnx(
        file: &Path,
        preprocessing: ImagePreprocessing,
        classes: usize,
    ) -> Result<Self, DriverError> {
        let signature = preprocessing.signature(classes);
        let network = Kind::Onnx(Box::new(OnnxNetwork::load(file)?));
        Ok(Self { network, preprocessing: preprocessing.into(), signature, selected: None })
    }

    /// The same network with some of its logits, in another order; `None` for all as they are.
    #[must_use]
    pub fn selecting(self, selected: Option<Vec<usize>>) -> Self {
        Self { selected, ..self }
    }

    /// Logits, `classes` of them a row, row by row.
    ///
    /// # Shapes
    /// - `input`: as [`Input`] says; images may be of any height and width
    ///
    /// # Errors
    /// [`DriverError::Data`] for input that the network does not take, [`DriverError::Model`] for an ONNX file
    /// that does not fit it.
    pub fn logits(&self, input: impl Into<Input>) -> Result<Vec<f32>, DriverError> {
        let input = self.preprocessing.apply(input.into())?;
        let logits: Vec<f32> = match (&self.network, input) {
            (Kind::Burn(network), input) => network.forward(input).into_data().iter().collect(),
            (Kind::Onnx(network), NetworkInput::Images(images)) => {
                let pixels: Vec<f32> = images.into_data().iter::<f32>().collect();
                network.logits(&pixels, &self.signature)?
            }
            (Kind::Onnx(_), NetworkInput::Tokens { .. }) => unreachable!("preprocessed as images"),
        };
        let Some(selected) = &self.selected else { return Ok(logits) };
        let rows = logits.chunks_exact(self.signature.output.width());
        Ok(rows.flat_map(|row| selected.iter().map(|class| row[*class])).collect())
    }
}

/// Size of the images that an ONNX file takes; `None` where it does not say so.
///
/// # Errors
/// [`DriverError::Model`] for a file that cannot be read.
pub fn onnx_image(file: &Path) -> Result<Option<ImageShape>, DriverError> {
    let image = OnnxNetwork::load(file)?.image();
    Ok(image.map(|[channels, height, width]| ImageShape { channels, height, width }))
}

/// Whether a file is an ONNX file, by its name: the format has no mark of its own.
pub fn is_onnx(path: &Path) -> bool {
    path.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("onnx"))
}
