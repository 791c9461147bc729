//! Batch norm.

use burn::tensor::{Device, FloatDType};
use distill_kernels::{After, FeatureMaps};

use super::{Call, Draw, Layer, Operation, Parameter, Saved};
#[cfg(feature = "onnx")]
use super::{OnnxNodes, OnnxStep};
#[cfg(feature = "onnx")]
use crate::proto::Attribute;
use crate::{NormKind, norm::Norm};

/// Batch norm, with what follows it in the same pass.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct BatchNorm {
    /// Which statistics it uses.
    pub(crate) kind: NormKind,
    /// Channels in and out.
    pub(crate) channels: usize,
    /// Added to the variance.
    pub(crate) epsilon: f64,
}

impl Operation for BatchNorm {
    fn kind(&self) -> &'static str {
        "batch norm"
    }

    fn shape(&self, inputs: &[[usize; 3]]) -> Result<[usize; 3], String> {
        Ok(inputs[0])
    }

    fn parameters(&self) -> Vec<Parameter> {
        let parameter = |field, draw| Parameter::new(field, [self.channels], draw);
        let mut all = vec![parameter("weight", Draw::Constant), parameter("bias", Draw::Constant)];
        if self.kind == NormKind::Running {
            all.push(parameter("running_mean", Draw::Statistic));
            all.push(parameter("running_var", Draw::Statistic));
        }
        all
    }

    fn saved(&self) -> Saved {
        Saved::Input
    }

    fn layer(&self, device: &Device) -> Option<Layer> {
        Some(Layer::Norm(Norm::init(self.kind, self.channels, self.epsilon, device)))
    }

    /// In single precision.
    fn forward(&self, mut call: Call<'_>) -> FeatureMaps {
        let Some(Layer::Norm(norm)) = call.layer else { unreachable!("its layer") };
        let x = call.input();
        let residual = call.after.residual.map(|value| value.cast(FloatDType::F32));
        let after = After { residual, ..call.after };
        norm.forward_then(x.cast(FloatDType::F32), after).cast(call.precision)
    }

    #[cfg(feature = "onnx")]
    fn onnx(&self, step: OnnxStep<'_>, nodes: &mut OnnxNodes) -> String {
        let [scale, shift, mean, variance] =
            ["weight", "bias", "running_mean", "running_var"].map(|field| step.part(field));
        let inputs = [step.inputs[0], &scale, &shift, &mean, &variance];
        let epsilon = vec![Attribute::float("epsilon", self.epsilon as f32)];
        nodes.node("BatchNormalization", &inputs, step.output, epsilon)
    }
}
