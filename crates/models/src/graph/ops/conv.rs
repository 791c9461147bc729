//! Convolution.

use burn::{
    nn::{PaddingConfig2d, conv::Conv2dConfig},
    tensor::Device,
};
use distill_kernels::{ConvOptions, FeatureMaps, conv2d, conv2d_then, max_pool_2x2};

use super::{Call, Draw, Layer, Operation, Parameter, Saved, Window};
#[cfg(feature = "onnx")]
use super::{OnnxNodes, OnnxStep};
#[cfg(feature = "onnx")]
use crate::proto::Attribute;

/// Convolution with a square window.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Conv {
    /// Channels in; filled in by the builder.
    pub(crate) inputs: usize,
    /// Channels out.
    pub(crate) outputs: usize,
    /// Kernel size: rows and columns, at least 1.
    pub(crate) kernel: usize,
    /// Step, at least 1.
    pub(crate) stride: usize,
    /// Zeros on every side.
    pub(crate) padding: usize,
    /// Groups of channels that do not see one another.
    pub(crate) groups: usize,
    /// Whether there is one.
    pub(crate) bias: bool,
}

impl Conv {
    /// `kernel` x `kernel`, stride 1, one group, no bias; padding that keeps the size where `kernel` is odd.
    pub(crate) fn new(kernel: usize, outputs: usize) -> Self {
        let (stride, padding) = (1, kernel / 2);
        Self { inputs: 0, outputs, kernel, stride, padding, groups: 1, bias: false }
    }

    pub(crate) fn stride(self, stride: usize) -> Self {
        Self { stride, ..self }
    }

    pub(crate) fn groups(self, groups: usize) -> Self {
        Self { groups, ..self }
    }

    pub(crate) fn with_bias(self) -> Self {
        Self { bias: true, ..self }
    }

    /// Zeros in front of and behind a side of so many pixels, by TensorFlow's rule `SAME`.
    pub(crate) fn same_padding(&self, side: usize) -> [usize; 2] {
        let covered =
            side.div_ceil(self.stride.max(1)).saturating_sub(1) * self.stride + self.kernel;
        let missing = covered.saturating_sub(side);
        [missing / 2, missing.div_ceil(2)]
    }

    fn window(&self) -> Window {
        Window { kernel: self.kernel, stride: self.stride, padding: self.padding }
    }

    /// Inputs of an output, over the window.
    fn fan_in(&self) -> usize {
        self.inputs / self.groups * self.kernel * self.kernel
    }
}

impl Operation for Conv {
    fn kind(&self) -> &'static str {
        match self.groups > 1 && self.groups == self.inputs {
            true => "depthwise conv",
            false => "conv",
        }
    }

    fn shape(&self, inputs: &[[usize; 3]]) -> Result<[usize; 3], String> {
        let ([channels, height, width], Self { outputs, groups, .. }) = (inputs[0], *self);
        if groups == 0 || !channels.is_multiple_of(groups) || !outputs.is_multiple_of(groups) {
            return Err(format!("{channels} and {outputs} channels in {groups} groups"));
        }
        let [height, width] = self.window().shape([height, width])?;
        Ok([outputs, height, width])
    }

    fn macs(&self, [_, height, width]: [usize; 3]) -> u64 {
        let weights = self.fan_in() as u64 * self.outputs as u64;
        weights.saturating_mul((height * width) as u64)
    }

    fn parameters(&self) -> Vec<Parameter> {
        let Self { inputs, outputs, kernel, groups, .. } = *self;
        let (fan_in, fan_out) = (self.fan_in(), outputs * kernel * kernel);
        let shape = [outputs, inputs / groups, kernel, kernel];
        let mut parameters =
            vec![Parameter::new("weight", shape, Draw::Window { fan_in, fan_out })];
        if self.bias {
            parameters.push(Parameter::new("bias", [outputs], Draw::Uniform { fan_in }));
        }
        parameters
    }

    fn saved(&self) -> Saved {
        Saved::Input
    }

    fn layer(&self, device: &Device) -> Option<Layer> {
        let padding = self.padding;
        let conv = Conv2dConfig::new([self.inputs, self.outputs], [self.kernel; 2])
            .with_stride([self.stride; 2])
            .with_padding(PaddingConfig2d::Explicit(padding, padding, padding, padding))
            .with_groups(self.groups)
            .with_bias(self.bias);
        Some(Layer::Conv(conv.init(device)))
    }

    fn forward(&self, mut call: Call<'_>) -> FeatureMaps {
        let Some(Layer::Conv(layer)) = call.layer else { unreachable!("its layer") };
        let x = call.input();
        let Self { stride, padding, groups, .. } = *self;
        let options = ConvOptions { stride, padding, groups };
        let weight = call.own(&layer.weight);
        let bias = layer.bias.as_ref().map(|bias| call.own(bias));
        let Some(norm) = call.norm else { return conv2d(x, weight, bias, options, call.packed) };
        let (residual, activation) = (call.after.residual, call.after.activation);
        let weights = (weight, bias);
        let y = conv2d_then(x, weights, options, call.packed, norm, residual, activation);
        if call.after.pool { max_pool_2x2(y) } else { y }
    }

    #[cfg(feature = "onnx")]
    fn onnx(&self, step: OnnxStep<'_>, nodes: &mut OnnxNodes) -> String {
        let (weight, bias) = (step.part("weight"), step.part("bias"));
        let mut inputs = vec![step.inputs[0], &weight];
        if self.bias {
            inputs.push(&bias);
        }
        let mut attributes = Attribute::window(self.kernel, self.stride, self.padding);
        attributes.push(Attribute::int("group", self.groups as i64));
        nodes.node("Conv", &inputs, step.output, attributes)
    }
}
