//! Sum of two values.

use distill_kernels::FeatureMaps;

use super::{Call, Operation};
#[cfg(feature = "onnx")]
use super::{OnnxNodes, OnnxStep};

/// Sum of two values.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Add;

impl Operation for Add {
    fn kind(&self) -> &'static str {
        "add"
    }

    fn shape(&self, inputs: &[[usize; 3]]) -> Result<[usize; 3], String> {
        match inputs[0] == inputs[1] {
            true => Ok(inputs[0]),
            false => Err(format!("a sum of {:?} and {:?}", inputs[0], inputs[1])),
        }
    }

    fn forward(&self, mut call: Call<'_>) -> FeatureMaps {
        call.input().add(call.input())
    }

    #[cfg(feature = "onnx")]
    fn onnx(&self, step: OnnxStep<'_>, nodes: &mut OnnxNodes) -> String {
        nodes.node("Add", step.inputs, step.output, Vec::new())
    }
}
