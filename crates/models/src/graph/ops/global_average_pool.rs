//! Global average pooling.

use burn::tensor::FloatDType;
use distill_kernels::FeatureMaps;

use super::{Call, Operation};
#[cfg(feature = "onnx")]
use super::{OnnxNodes, OnnxStep};

/// Mean of each map.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct GlobalAveragePool;

impl Operation for GlobalAveragePool {
    fn kind(&self) -> &'static str {
        "global average pool"
    }

    fn shape(&self, inputs: &[[usize; 3]]) -> Result<[usize; 3], String> {
        Ok([inputs[0][0], 1, 1])
    }

    /// In single precision.
    fn forward(&self, mut call: Call<'_>) -> FeatureMaps {
        let x = call.input().cast(FloatDType::F32);
        FeatureMaps::of_units(x.means()).cast(call.precision)
    }

    #[cfg(feature = "onnx")]
    fn onnx(&self, step: OnnxStep<'_>, nodes: &mut OnnxNodes) -> String {
        nodes.node("GlobalAveragePool", step.inputs, step.output, Vec::new())
    }
}
