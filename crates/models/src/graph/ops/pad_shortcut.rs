//! The parameter-free shortcut (option A) of He et al. 2015.

use distill_kernels::{FeatureMaps, pad_shortcut};

use super::{Call, Operation};
#[cfg(feature = "onnx")]
use super::{OnnxNodes, OnnxStep};

/// Every second row and column, then channels of zeros before and after.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct PadShortcut {
    /// Step between the rows and columns that are kept.
    pub(crate) stride: usize,
    /// Channels of zeros in front.
    pub(crate) before: usize,
    /// Channels of zeros behind.
    pub(crate) after: usize,
}

impl Operation for PadShortcut {
    fn kind(&self) -> &'static str {
        "pad shortcut"
    }

    fn shape(&self, inputs: &[[usize; 3]]) -> Result<[usize; 3], String> {
        let [channels, height, width] = inputs[0];
        let [height, width] = [height, width].map(|side| side.div_ceil(self.stride));
        Ok([channels + self.before + self.after, height, width])
    }

    fn forward(&self, mut call: Call<'_>) -> FeatureMaps {
        pad_shortcut(call.input(), self.stride, self.before, self.after)
    }

    #[cfg(feature = "onnx")]
    fn onnx(&self, step: OnnxStep<'_>, nodes: &mut OnnxNodes) -> String {
        let kept = format!("{}.kept", step.output);
        let kept = nodes.every(step.inputs[0], kept, self.stride);
        let pads = [0, self.before as i64, 0, 0, 0, self.after as i64, 0, 0];
        nodes.pad(&kept, step.output, &pads)
    }
}
