//! Flattening.

use distill_kernels::FeatureMaps;

use super::{Call, Operation};
#[cfg(feature = "onnx")]
use super::{OnnxNodes, OnnxStep};
#[cfg(feature = "onnx")]
use crate::proto::Attribute;

/// `[channels, height, width]` to `[channels·height·width, 1, 1]`.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Flatten;

impl Operation for Flatten {
    fn kind(&self) -> &'static str {
        "flatten"
    }

    fn shape(&self, inputs: &[[usize; 3]]) -> Result<[usize; 3], String> {
        Ok([inputs[0].iter().product(), 1, 1])
    }

    fn forward(&self, mut call: Call<'_>) -> FeatureMaps {
        let x = call.input();
        let [batch, channels, height, width] = x.dims();
        FeatureMaps::of_units(x.into_tensor().reshape([batch, channels * height * width]))
    }

    #[cfg(feature = "onnx")]
    fn onnx(&self, step: OnnxStep<'_>, nodes: &mut OnnxNodes) -> String {
        nodes.node("Flatten", step.inputs, step.output, vec![Attribute::int("axis", 1)])
    }
}
