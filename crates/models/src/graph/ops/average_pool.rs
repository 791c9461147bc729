//! Average pooling.

use burn::tensor::{FloatDType, module::avg_pool2d, ops::AvgPoolOptions};
use distill_kernels::FeatureMaps;

use super::{Call, Operation, Window};
#[cfg(feature = "onnx")]
use super::{OnnxNodes, OnnxStep};
#[cfg(feature = "onnx")]
use crate::proto::Attribute;

/// Mean of each window, padding counted as zeros.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct AveragePool(pub(crate) Window);

impl Operation for AveragePool {
    fn kind(&self) -> &'static str {
        "average pool"
    }

    fn shape(&self, inputs: &[[usize; 3]]) -> Result<[usize; 3], String> {
        let [channels, height, width] = inputs[0];
        let [height, width] = self.0.shape([height, width])?;
        Ok([channels, height, width])
    }

    /// In single precision.
    fn forward(&self, mut call: Call<'_>) -> FeatureMaps {
        let x = call.input().cast(FloatDType::F32);
        let options = AvgPoolOptions::new([self.0.kernel; 2])
            .with_stride([self.0.stride; 2])
            .with_padding([self.0.padding; 2])
            .with_count_include_pad(true);
        x.map_tensor(|x| avg_pool2d(x, options)).cast(call.precision)
    }

    #[cfg(feature = "onnx")]
    fn onnx(&self, step: OnnxStep<'_>, nodes: &mut OnnxNodes) -> String {
        let Window { kernel, stride, padding } = self.0;
        let mut attributes = Attribute::window(kernel, stride, padding);
        attributes.push(Attribute::int("count_include_pad", 1));
        nodes.node("AveragePool", step.inputs, step.output, attributes)
    }
}
