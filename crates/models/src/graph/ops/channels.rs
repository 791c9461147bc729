//! Choice of channels.

use distill_kernels::FeatureMaps;

use super::{Call, Operation};
#[cfg(feature = "onnx")]
use super::{OnnxNodes, OnnxStep};

/// Some of the channels.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Channels {
    /// The first one.
    pub(crate) start: usize,
    /// How many.
    pub(crate) count: usize,
}

impl Operation for Channels {
    fn kind(&self) -> &'static str {
        "channels"
    }

    fn shape(&self, inputs: &[[usize; 3]]) -> Result<[usize; 3], String> {
        let [_, height, width] = inputs[0];
        Ok([self.count, height, width])
    }

    fn forward(&self, mut call: Call<'_>) -> FeatureMaps {
        call.input().channels(self.start, self.count)
    }

    #[cfg(feature = "onnx")]
    fn onnx(&self, step: OnnxStep<'_>, nodes: &mut OnnxNodes) -> String {
        let (start, end) = (self.start as i64, (self.start + self.count) as i64);
        nodes.channels(step.inputs[0], step.output, [start, end])
    }
}
