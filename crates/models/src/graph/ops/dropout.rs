//! Dropout.

use burn::{nn::DropoutConfig, tensor::Device};
use distill_kernels::{FeatureMaps, dropout};

use super::{Call, Layer, Operation, Saved};
#[cfg(feature = "onnx")]
use super::{OnnxNodes, OnnxStep};

/// Dropout while training.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Dropout {
    /// Probability of dropping a value.
    pub(crate) probability: f64,
}

impl Operation for Dropout {
    fn kind(&self) -> &'static str {
        "dropout"
    }

    fn shape(&self, inputs: &[[usize; 3]]) -> Result<[usize; 3], String> {
        Ok(inputs[0])
    }

    fn saved(&self) -> Saved {
        Saved::Mask
    }

    fn layer(&self, _device: &Device) -> Option<Layer> {
        Some(Layer::Dropout(DropoutConfig::new(self.probability).init()))
    }

    fn forward(&self, mut call: Call<'_>) -> FeatureMaps {
        let Some(Layer::Dropout(layer)) = call.layer else { unreachable!("its layer") };
        let x = call.input();
        if layer.training.is_enabled() { dropout(x, layer.prob) } else { x }
    }

    /// A runtime drops nothing: the result is the input.
    #[cfg(feature = "onnx")]
    fn onnx(&self, step: OnnxStep<'_>, _nodes: &mut OnnxNodes) -> String {
        step.inputs[0].to_owned()
    }
}
