//! Layers of connectors.

use burn::{
    module::{Module, Param},
    tensor::{
        Tensor,
        module::{batch_norm_train, conv_transpose2d, conv2d},
        ops::{ConvOptions, ConvTransposeOptions},
    },
};

use super::Initial;

/// A convolution, or a transposed one, with the weights as PyTorch lays them out.
#[derive(Module, Debug)]
pub struct Conv {
    weight: Param<Tensor<4>>,
    bias: Option<Param<Tensor<1>>>,
    stride: usize,
    padding: usize,
    transposed: bool,
}

impl Conv {
    /// One pixel to one pixel, without bias; weights uniform in ±1/√inputs.
    pub fn pixelwise(inputs: usize, outputs: usize, initial: &mut Initial) -> Self {
        Self::new([outputs, inputs, 1, 1], 1, 0, initial)
    }

    /// `weight`: `[outputs, inputs, height, width]`; uniform in ±1/√fan_in, PyTorch's default.
    pub fn new(weight: [usize; 4], stride: usize, padding: usize, initial: &mut Initial) -> Self {
        let fan_in = weight[1] * weight[2] * weight[3];
        let weight = initial.uniform(weight, 1.0 / (fan_in as f64).sqrt());
        Self { weight: Param::from_tensor(weight), bias: None, stride, padding, transposed: false }
    }

    /// Twice the size: 4x4, stride 2, padding 1, with bias.
    pub(crate) fn doubling(inputs: usize, outputs: usize, initial: &mut Initial) -> Self {
        // PyTorch counts the fan of a transposed weight over its second dimension.
        let bound = 1.0 / ((outputs * 16) as f64).sqrt();
        let weight = Param::from_tensor(initial.uniform([inputs, outputs, 4, 4], bound));
        let bias = Some(Param::from_tensor(initial.uniform([outputs], bound)));
        Self { weight, bias, stride: 2, padding: 1, transposed: true }
    }

    /// The same layer with a bias, drawn as the weights are.
    #[must_use]
    pub fn with_bias(mut self, initial: &mut Initial) -> Self {
        let [outputs, inputs, height, width] = self.weight.dims();
        let bound = 1.0 / ((inputs * height * width) as f64).sqrt();
        self.bias = Some(Param::from_tensor(initial.uniform([outputs], bound)));
        self
    }

    /// The same layer with weights so many times as large.
    pub(crate) fn scaled(mut self, factor: f64) -> Self {
        self.weight = self.weight.map(|weight| weight * factor);
        self
    }

    pub(super) fn has_bias(&self) -> bool {
        self.bias.is_some()
    }

    /// `[batch, inputs, height, width]` to `[batch, outputs, height, width]`, at another size where stride,
    /// padding and kernel say so.
    pub fn forward(&self, x: Tensor<4>) -> Tensor<4> {
        let (weight, bias) = (self.weight.val(), self.bias.as_ref().map(Param::val));
        let (stride, padding) = ([self.stride; 2], [self.padding; 2]);
        if self.transposed {
            let options = ConvTransposeOptions::new(stride, padding, [0; 2], [1; 2], 1);
            return conv_transpose2d(x, weight, bias, options);
        }
        let [outputs, inputs, kernel @ ..] = weight.dims();
        if kernel == [1, 1] && self.stride == 1 {
            // A product: flex has no fast path for such a convolution.
            let [batch, _, height, width] = x.dims();
            let product = weight
                .reshape([1, outputs, inputs])
                .expand([batch, outputs, inputs])
                .matmul(x.reshape([batch, inputs, height * width]))
                .reshape([batch, outputs, height, width]);
            return match bias {
                Some(bias) => product + bias.reshape([1, outputs, 1, 1]),
                None => product,
            };
        }
        conv2d(x, weight, bias, ConvOptions::new(stride, padding, [1; 2], 1))
    }
}

/// Batch norm by the statistics of the batch at hand: a connector is never used in evaluation.
#[derive(Module, Debug)]
pub struct Norm {
    gamma: Param<Tensor<1>>,
    beta: Param<Tensor<1>>,
}

impl Norm {
    /// Scales of 1 and shifts of 0.
    pub fn new(channels: usize, initial: &Initial) -> Self {
        Self {
            gamma: Param::from_tensor(initial.constant([channels], 1.0)),
            beta: Param::from_tensor(initial.constant([channels], 0.0)),
        }
    }

    /// `[batch, channels, height, width]` to the same.
    pub fn forward(&self, x: Tensor<4>) -> Tensor<4> {
        batch_norm_train(x, self.gamma.val(), self.beta.val(), 1e-5).output
    }
}

/// A product with a matrix, and a shift.
#[derive(Module, Debug)]
pub struct Linear {
    /// `[inputs, outputs]`.
    weight: Param<Tensor<2>>,
    bias: Param<Tensor<1>>,
}

impl Linear {
    /// Weights and bias uniform in ±1/√inputs.
    pub fn new(inputs: usize, outputs: usize, initial: &mut Initial) -> Self {
        let bound = 1.0 / (inputs as f64).sqrt();
        let weight = Param::from_tensor(initial.uniform([inputs, outputs], bound));
        let bias = Param::from_tensor(initial.uniform([outputs], bound));
        Self { weight, bias }
    }

    /// `[batch, inputs]` to `[batch, outputs]`.
    pub fn forward(&self, x: Tensor<2>) -> Tensor<2> {
        x.matmul(self.weight.val()) + self.bias.val().unsqueeze()
    }
}
