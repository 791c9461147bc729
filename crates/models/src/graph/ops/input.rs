//! The network's input.

use distill_kernels::FeatureMaps;

use super::{Call, Operation};
#[cfg(feature = "onnx")]
use super::{OnnxNodes, OnnxStep};
use crate::InputSpec;

/// The network's input, which is given and not computed.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Input {
    /// Its kind and size.
    pub(crate) spec: InputSpec,
}

impl Operation for Input {
    fn kind(&self) -> &'static str {
        match self.spec {
            InputSpec::Image { .. } => "image",
            InputSpec::Tokens { .. } => "tokens",
        }
    }

    fn shape(&self, _inputs: &[[usize; 3]]) -> Result<[usize; 3], String> {
        Ok(self.spec.shape())
    }

    fn forward(&self, _call: Call<'_>) -> FeatureMaps {
        unreachable!("the network's input is given")
    }

    #[cfg(feature = "onnx")]
    fn onnx(&self, _step: OnnxStep<'_>, _nodes: &mut OnnxNodes) -> String {
        unreachable!("the graph's input is given")
    }
}
