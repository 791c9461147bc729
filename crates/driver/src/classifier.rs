//! A trained network from a file of any kind, asked for logits.

use std::path::Path;

use burn::{
    module::Module,
    tensor::{Device, Tensor},
};
use distill_models::{Network, Signature, onnx::OnnxNetwork};

use crate::{DriverError, View, records::ModelCard};

/// A network in evaluation mode with its own view of the images.
#[derive(Debug)]
pub struct Classifier {
    network: Kind,
    view: View,
    signature: Signature,
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
        if is_onnx(weights) {
            return Self::onnx(weights, card.view(), card.signature.classes);
        }
        let network = Kind::Burn(card.load(weights, device)?.valid());
        Ok(Self { network, view: card.view(), signature: card.signature })
    }

    /// The network of an ONNX file, which needs no card: it holds its layers itself.
    ///
    /// # Errors
    /// [`DriverError::Model`] for a file that cannot be read.
    pub fn onnx(file: &Path, view: View, classes: usize) -> Result<Self, DriverError> {
        let signature = view.signature(classes);
        Ok(Self { network: Kind::Onnx(Box::new(OnnxNetwork::load(file)?)), view, signature })
    }

    /// Logits, `classes` of them an image, row by row.
    ///
    /// # Shapes
    /// - `images`: `[batch, channels, any, any]`, pixels as fractions in `[0, 1]`
    ///
    /// # Errors
    /// [`DriverError::Model`] for an ONNX file that does not fit its images.
    pub fn logits(&self, images: Tensor<4>) -> Result<Vec<f32>, DriverError> {
        let images = self.view.apply(images);
        match &self.network {
            Kind::Burn(network) => Ok(network.forward(images).into_data().iter::<f32>().collect()),
            Kind::Onnx(network) => {
                let pixels: Vec<f32> = images.into_data().iter::<f32>().collect();
                Ok(network.logits(&pixels, &self.signature)?)
            }
        }
    }
}

/// Whether a file is an ONNX file, by its name: the format has no mark of its own.
pub fn is_onnx(path: &Path) -> bool {
    path.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("onnx"))
}
