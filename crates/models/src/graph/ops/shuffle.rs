//! Channel shuffle.

use distill_kernels::FeatureMaps;

use super::{Call, Operation};
#[cfg(feature = "onnx")]
use super::{OnnxNodes, OnnxStep};
#[cfg(feature = "onnx")]
use crate::proto::Attribute;

/// Channel shuffle: `[groups, channels / groups]` transposed.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Shuffle {
    /// Number of groups.
    pub(crate) groups: usize,
}

impl Operation for Shuffle {
    fn kind(&self) -> &'static str {
        "shuffle"
    }

    fn shape(&self, inputs: &[[usize; 3]]) -> Result<[usize; 3], String> {
        let (channels, groups) = (inputs[0][0], self.groups);
        match channels.is_multiple_of(groups) {
            true => Ok(inputs[0]),
            false => Err(format!("{channels} channels in {groups} groups")),
        }
    }

    fn forward(&self, mut call: Call<'_>) -> FeatureMaps {
        call.input().shuffle(self.groups)
    }

    #[cfg(feature = "onnx")]
    fn onnx(&self, step: OnnxStep<'_>, nodes: &mut OnnxNodes) -> String {
        let ([channels, height, width], output) = (step.shape.map(|side| side as i64), step.output);
        let groups = self.groups as i64;
        let split = [0, groups, channels / groups, height, width];
        let split = nodes.reshape(step.inputs[0], format!("{output}.split"), &split);
        let swap = vec![Attribute::ints("perm", [0, 2, 1, 3, 4])];
        let swapped = nodes.node("Transpose", &[&split], format!("{output}.swapped"), swap);
        nodes.reshape(&swapped, output, &[0, channels, height, width])
    }
}
