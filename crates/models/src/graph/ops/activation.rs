//! Nonlinearities.

use burn::tensor::activation::relu;
use distill_kernels::{Activation, FeatureMaps};

use super::{Call, Operation, Saved};
#[cfg(feature = "onnx")]
use super::{OnnxNodes, OnnxStep};

impl Operation for Activation {
    fn kind(&self) -> &'static str {
        match self {
            Self::Identity => "identity",
            Self::Relu => "relu",
            Self::Relu6 => "relu6",
        }
    }

    fn shape(&self, inputs: &[[usize; 3]]) -> Result<[usize; 3], String> {
        Ok(inputs[0])
    }

    fn saved(&self) -> Saved {
        match self {
            Self::Identity => Saved::Nothing,
            Self::Relu => Saved::Result,
            Self::Relu6 => Saved::Input,
        }
    }

    fn forward(&self, mut call: Call<'_>) -> FeatureMaps {
        let x = call.input();
        match self {
            Self::Identity => x,
            Self::Relu => x.map(relu),
            Self::Relu6 => x.map(|x| x.clamp(0.0, 6.0)),
        }
    }

    #[cfg(feature = "onnx")]
    fn onnx(&self, step: OnnxStep<'_>, nodes: &mut OnnxNodes) -> String {
        match self {
            Self::Identity => step.inputs[0].to_owned(),
            Self::Relu => nodes.node("Relu", step.inputs, step.output, Vec::new()),
            Self::Relu6 => nodes.clip(step.inputs[0], step.output, [0.0, 6.0]),
        }
    }
}
