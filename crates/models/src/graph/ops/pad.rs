//! Zeros around the maps, not as many on each side.

use distill_kernels::FeatureMaps;

use super::{Call, Operation};
#[cfg(feature = "onnx")]
use super::{OnnxNodes, OnnxStep};

/// Zeros around the maps. As many on each side are a convolution's own.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Pad {
    /// Rows above and below.
    pub(crate) rows: [usize; 2],
    /// Columns on the left and on the right.
    pub(crate) columns: [usize; 2],
}

impl Operation for Pad {
    fn kind(&self) -> &'static str {
        "pad"
    }

    fn shape(&self, inputs: &[[usize; 3]]) -> Result<[usize; 3], String> {
        let [channels, height, width] = inputs[0];
        let sum = |sides: [usize; 2]| sides[0] + sides[1];
        Ok([channels, height + sum(self.rows), width + sum(self.columns)])
    }

    fn forward(&self, mut call: Call<'_>) -> FeatureMaps {
        call.input().pad(self.rows, self.columns)
    }

    #[cfg(feature = "onnx")]
    fn onnx(&self, step: OnnxStep<'_>, nodes: &mut OnnxNodes) -> String {
        let ([above, below], [left, right]) = (self.rows, self.columns);
        let pads = [0, 0, above, left, 0, 0, below, right].map(|side| side as i64);
        let pads = nodes.integers(&step.output, "pads", &pads);
        nodes.node("Pad", &[step.inputs[0], &pads], step.output, Vec::new())
    }
}
