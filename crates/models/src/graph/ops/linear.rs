//! Fully connected layer.

use burn::{
    nn::LinearConfig,
    tensor::{Device, module::linear},
};
use distill_kernels::FeatureMaps;

use super::{Call, Draw, Layer, Operation, Parameter, Saved};
#[cfg(feature = "onnx")]
use super::{OnnxNodes, OnnxStep};
#[cfg(feature = "onnx")]
use crate::proto::Attribute;

/// Fully connected layer with a bias, over `[batch, inputs, 1, 1]`.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Linear {
    /// Units in.
    pub(crate) inputs: usize,
    /// Units out.
    pub(crate) outputs: usize,
}

impl Operation for Linear {
    fn kind(&self) -> &'static str {
        "linear"
    }

    fn shape(&self, _inputs: &[[usize; 3]]) -> Result<[usize; 3], String> {
        Ok([self.outputs, 1, 1])
    }

    fn macs(&self, _shape: [usize; 3]) -> u64 {
        self.inputs as u64 * self.outputs as u64
    }

    fn parameters(&self) -> Vec<Parameter> {
        let draw = Draw::Uniform { fan_in: self.inputs };
        let weight = Parameter::new("weight", [self.outputs, self.inputs], draw);
        vec![weight.transposed(), Parameter::new("bias", [self.outputs], draw)]
    }

    fn saved(&self) -> Saved {
        Saved::Input
    }

    fn layer(&self, device: &Device) -> Option<Layer> {
        Some(Layer::Linear(LinearConfig::new(self.inputs, self.outputs).init(device)))
    }

    fn forward(&self, mut call: Call<'_>) -> FeatureMaps {
        let Some(Layer::Linear(layer)) = call.layer else { unreachable!("its layer") };
        let x = call.input();
        let weight = call.own(&layer.weight);
        let bias = layer.bias.as_ref().map(|bias| call.own(bias));
        FeatureMaps::of_units(linear(x.means(), weight, bias))
    }

    #[cfg(feature = "onnx")]
    fn onnx(&self, step: OnnxStep<'_>, nodes: &mut OnnxNodes) -> String {
        let axis = vec![Attribute::int("axis", 1)];
        let flat = nodes.node("Flatten", step.inputs, step.part("flat"), axis);
        let (weight, bias) = (step.part("weight"), step.part("bias"));
        let transposed = vec![Attribute::int("transB", 1)];
        nodes.node("Gemm", &[&flat, &weight, &bias], step.output, transposed)
    }
}
