//! Concatenation of channels.

use distill_kernels::FeatureMaps;

use super::{Call, Operation};
#[cfg(feature = "onnx")]
use super::{OnnxNodes, OnnxStep};
#[cfg(feature = "onnx")]
use crate::proto::Attribute;

/// Two values one after the other, by channel.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Concat;

impl Operation for Concat {
    fn kind(&self) -> &'static str {
        "concat"
    }

    fn shape(&self, inputs: &[[usize; 3]]) -> Result<[usize; 3], String> {
        let ([first, height, width], [second, sides @ ..]) = (inputs[0], inputs[1]);
        match [height, width] == sides {
            true => Ok([first + second, height, width]),
            false => Err(format!("{:?} beside {:?}", inputs[0], inputs[1])),
        }
    }

    fn forward(&self, mut call: Call<'_>) -> FeatureMaps {
        call.input().concat(call.input())
    }

    #[cfg(feature = "onnx")]
    fn onnx(&self, step: OnnxStep<'_>, nodes: &mut OnnxNodes) -> String {
        nodes.node("Concat", step.inputs, step.output, vec![Attribute::int("axis", 1)])
    }
}
