//! A network that is exported, and whether a file of it gives its logits.

use std::{collections::HashMap, path::Path};

use burn::{
    module::Module,
    tensor::{Device, Tensor, TensorData},
};
use distill_datasets::keyed::{KeyedRng, Operation};
use distill_models::{
    Network, NormKind,
    onnx::{OnnxForm, OnnxNetwork, to_onnx},
    weights::{self, Precision},
};
use rand_core::RngCore;

use super::{ExportConfig, ExportFormat};
use crate::{DriverError, records::ModelCard};

/// Images in the check of a file.
const IMAGES: usize = 8;

/// A network and its logits on a few images, to compare each file with.
pub(super) struct Probe<'a> {
    pub(super) card: ModelCard,
    network: Network,
    images: Vec<f32>,
    logits: Vec<f32>,
    precision: Precision,
    form: OnnxForm,
    device: &'a Device,
}

impl<'a> Probe<'a> {
    pub(super) fn new(
        card: ModelCard,
        weights: &Path,
        config: &ExportConfig,
        device: &'a Device,
    ) -> Result<Self, DriverError> {
        let network = card.load(weights, device)?.valid();
        let mut rng = KeyedRng::new(0, 0, 0, Operation::Step);
        // Normalised images lie in about ±2.
        let images: Vec<f32> = (0..IMAGES * card.shape().bytes())
            .map(|_| 4.0 * (rng.next_u32() as f32 / u32::MAX as f32) - 2.0)
            .collect();
        let (precision, form, logits) = (config.precision, config.onnx, Vec::new());
        let mut probe = Self { card, network, images, logits, precision, form, device };
        probe.logits = probe.logits_of(&probe.network);
        Ok(probe)
    }

    pub(super) fn norm_is_of_batch(&self) -> bool {
        self.card.architecture.norm() == Some(NormKind::Batch)
    }

    fn logits_of(&self, network: &Network) -> Vec<f32> {
        let shape = self.card.shape();
        let shape = [IMAGES, shape.channels, shape.height, shape.width];
        let images = TensorData::new(self.images.clone(), shape);
        let logits = network.forward(Tensor::from_data(images, self.device));
        logits.into_data().iter::<f32>().collect()
    }

    pub(super) fn write(&self, format: ExportFormat, path: &Path) -> Result<Vec<u8>, DriverError> {
        let (precision, metadata) = (self.precision, self.card.metadata());
        Ok(match format {
            ExportFormat::Bpk => weights::to_bytes(&self.network, precision, path)?,
            ExportFormat::Safetensors => {
                weights::to_safetensors(&self.network, precision, metadata, path)?
            }
            ExportFormat::Onnx => to_onnx(&self.network, self.form, precision, &metadata, path)?,
        })
    }

    /// Reads a file back; the largest difference of its logits from the network's.
    pub(super) fn check(&self, format: ExportFormat, path: &Path) -> Result<f64, DriverError> {
        let logits = match format {
            ExportFormat::Onnx => {
                OnnxNetwork::load(path)?.logits(&self.images, &self.card.signature)?
            }
            _ => self.logits_of(&self.card.load(path, self.device)?.valid()),
        };
        let pairs = self.logits.iter().zip(&logits);
        let difference = pairs.map(|(a, b)| f64::from((a - b).abs())).fold(0.0, f64::max);
        let size = self.logits.iter().map(|z| f64::from(z.abs())).fold(1.0, f64::max);
        let bound = size * if self.precision == Precision::Half { 2e-2 } else { 1e-4 };
        // Written so that a difference that is NaN is refused too.
        if difference <= bound && logits.iter().all(|z| z.is_finite()) {
            return Ok(difference);
        }
        let file = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        Err(DriverError::Export { file, difference, bound })
    }
}

impl ModelCard {
    /// What a file says of itself, where its format has a place for it.
    fn metadata(&self) -> HashMap<String, String> {
        let pairs = [
            ("model", self.model.clone()),
            ("classes", self.classes.join(",")),
            ("mean", format!("{:?}", self.mean)),
            ("std", format!("{:?}", self.std)),
            ("dataset", self.dataset.clone()),
        ];
        pairs.into_iter().map(|(key, value)| (key.to_owned(), value)).collect()
    }
}
