//! Max pooling.

use burn::tensor::{module::max_pool2d, ops::MaxPoolOptions};
use distill_kernels::{FeatureMaps, max_pool_2x2};

use super::{Call, Operation, Saved, Window};
#[cfg(feature = "onnx")]
use super::{OnnxNodes, OnnxStep};
#[cfg(feature = "onnx")]
use crate::proto::Attribute;

/// Largest value of each window.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct MaxPool(pub(crate) Window);

impl MaxPool {
    /// Whether windows of 2x2 pixels lie side by side.
    pub(crate) fn halves(&self) -> bool {
        self.0 == Window { kernel: 2, stride: 2, padding: 0 }
    }
}

impl Operation for MaxPool {
    fn kind(&self) -> &'static str {
        "max pool"
    }

    fn shape(&self, inputs: &[[usize; 3]]) -> Result<[usize; 3], String> {
        let [channels, height, width] = inputs[0];
        let [height, width] = self.0.shape([height, width])?;
        Ok([channels, height, width])
    }

    fn saved(&self) -> Saved {
        Saved::Input
    }

    fn forward(&self, mut call: Call<'_>) -> FeatureMaps {
        let x = call.input();
        if self.halves() {
            return max_pool_2x2(x);
        }
        let options = MaxPoolOptions::new([self.0.kernel; 2])
            .with_stride([self.0.stride; 2])
            .with_padding([self.0.padding; 2]);
        x.map_tensor(|x| max_pool2d(x, options))
    }

    #[cfg(feature = "onnx")]
    fn onnx(&self, step: OnnxStep<'_>, nodes: &mut OnnxNodes) -> String {
        let Window { kernel, stride, padding } = self.0;
        let attributes = Attribute::window(kernel, stride, padding);
        nodes.node("MaxPool", step.inputs, step.output, attributes)
    }
}
