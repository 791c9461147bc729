//! The network's input.

use distill_kernels::FeatureMaps;

use super::{Call, Operation};
#[cfg(feature = "onnx")]
use super::{OnnxNodes, OnnxStep};

/// The network's input, which is given and not computed.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Image {
    /// `[channels, height, width]`.
    pub(crate) shape: [usize; 3],
}

impl Operation for Image {
    fn kind(&self) -> &'static str {
        "image"
    }

    fn shape(&self, _inputs: &[[usize; 3]]) -> Result<[usize; 3], String> {
        Ok(self.shape)
    }

    fn forward(&self, _call: Call<'_>) -> FeatureMaps {
        unreachable!("the image is the network's input")
    }

    #[cfg(feature = "onnx")]
    fn onnx(&self, _step: OnnxStep<'_>, _nodes: &mut OnnxNodes) -> String {
        unreachable!("the image is the graph's input")
    }
}
