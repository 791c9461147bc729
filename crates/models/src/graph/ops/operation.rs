//! What an operation says of itself.

use std::fmt::Debug;

use burn::{
    module::Param,
    tensor::{DType, Device, FloatDType, Tensor},
};
use distill_kernels::{After, FeatureMaps, PackedWeights, Statistics};

use super::{Layer, Parameter};
#[cfg(feature = "onnx")]
use super::{OnnxNodes, OnnxStep};
use crate::Cost;

/// An operation. Values are `[batch, channels, height, width]`; a perceptron's are `[batch, units, 1, 1]`.
pub(crate) trait Operation: Debug {
    /// Name for people.
    fn kind(&self) -> &'static str;

    /// Shape of the result, `[channels, height, width]`, or what is wrong with the inputs.
    fn shape(&self, inputs: &[[usize; 3]]) -> Result<[usize; 3], String>;

    /// Multiply-accumulates of convolutions and products, for a result of `shape`.
    fn macs(&self, _shape: [usize; 3]) -> u64 {
        0
    }

    /// Tensors of its state, in the order in which its layer visits them.
    fn parameters(&self) -> Vec<Parameter> {
        Vec::new()
    }

    /// What the backward pass looks at again, where operations are separate.
    fn saved(&self) -> Saved {
        Saved::Nothing
    }

    /// Its module, for an operation that has weights or behaves differently in training.
    fn layer(&self, _device: &Device) -> Option<Layer> {
        None
    }

    /// The result for the values of a call.
    fn forward(&self, call: Call<'_>) -> FeatureMaps;

    /// Writes its nodes and gives the name of their result.
    #[cfg(feature = "onnx")]
    fn onnx(&self, step: OnnxStep<'_>, nodes: &mut OnnxNodes) -> String;

    /// Parameters and multiply-accumulates, for a result of `shape`.
    fn cost(&self, shape: [usize; 3]) -> Cost {
        let learnt = self.parameters().into_iter().filter(Parameter::is_learnt);
        Cost { parameters: learnt.map(|it| it.count()).sum(), macs: self.macs(shape) }
    }
}

/// What a backward pass looks at again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Saved {
    /// Nothing, as of a sum.
    Nothing,
    /// The value that came in.
    Input,
    /// The value that came out.
    Result,
    /// The value that came out, and a mask of its size; not the value that came in.
    Mask,
}

/// Values that an operation is computed from, and what is made together with it.
#[derive(Debug)]
pub(crate) struct Call<'a> {
    /// As many as the operation takes.
    pub(crate) inputs: Vec<FeatureMaps>,
    /// Of an operation that has one.
    pub(crate) layer: Option<&'a Layer>,
    /// Of an operation that has a layer.
    pub(crate) packed: Option<&'a PackedWeights>,
    /// Scale, shift, statistics and epsilon of a norm that is made in the same pass.
    pub(crate) norm: Option<(Tensor<1>, Tensor<1>, Statistics, f64)>,
    /// What follows the norm in the same pass.
    pub(crate) after: After,
    /// What convolutions and products are computed in.
    pub(crate) precision: FloatDType,
}

impl Call<'_> {
    /// The only input, or the first one.
    pub(crate) fn input(&mut self) -> FeatureMaps {
        self.inputs.remove(0)
    }

    /// Weights as they are computed with.
    pub(crate) fn own<const D: usize>(&self, weights: &Param<Tensor<D>>) -> Tensor<D> {
        let weights = weights.val();
        match weights.dtype() == DType::from(self.precision) {
            true => weights,
            false => weights.cast(self.precision),
        }
    }
}
