//! The fast operations on Burn's flex backend, with and without autodiff.
//!
//! Each operation takes its tensors apart into slices, calls a kernel and puts the result together
//! again; with autodiff it registers a node that does the same backward. Tensors that can't be taken
//! apart never come here: `FeatureMaps::new` decides.

mod conv;
mod dropout;
mod norm;
mod results;
mod shortcut;

use burn::{
    backend::{
        Autodiff, Flex,
        autodiff::{
            checkpoint::strategy::NoCheckpointing,
            ops::{Backward, NodeGuard, OpsKind},
        },
        tensor::FloatTensor,
    },
    tensor::{DType, Tensor, TensorData},
};

use crate::cpu::{Numbers, map::Map};
pub(crate) use conv::{conv2d, conv2d_then};
pub(crate) use dropout::dropout;
pub(crate) use norm::{batch_norm, max_pool_2x2};
pub(crate) use shortcut::pad_shortcut;

/// A tensor of the backend.
type Plain = FloatTensor<Flex>;
/// A tensor of the backend with its node in the graph of gradients.
type Taped = FloatTensor<Autodiff<Flex>>;

/// The backend's tensor, without the graph.
fn plain<const D: usize>(tensor: Tensor<D>) -> Plain {
    tensor.without_autodiff().try_into_primitive::<Flex>().expect("a tensor on flex")
}

/// The tensor and its node; one without a node becomes a constant.
fn taped<const D: usize>(tensor: Tensor<D>) -> Taped {
    tensor.autodiff().try_into_primitive::<Autodiff<Flex>>().expect("a tensor on flex")
}

/// Puts an operation and what its backward pass needs into the graph, behind its inputs.
fn recorded<O, const N: usize>(
    operation: O,
    inputs: [NodeGuard; N],
    state: O::State,
    y: Plain,
) -> Taped
where
    O: Backward<Flex, N>,
{
    match operation.prepare::<NoCheckpointing>(inputs).compute_bound().stateful() {
        OpsKind::Tracked(prep) => prep.finish(state, y),
        OpsKind::UnTracked(prep) => prep.finish(y),
    }
}

/// The tensor with its numbers in the order of its dimensions.
fn dense(tensor: Plain) -> Plain {
    if tensor.as_slice::<f32>().is_some() { tensor } else { tensor.to_contiguous() }
}

/// The numbers of a [`dense`] tensor.
fn numbers(tensor: &Plain) -> &[f32] {
    tensor.as_slice::<f32>().expect("dense and single precision")
}

/// A tensor of these numbers.
fn tensor<const D: usize>(numbers: Numbers, shape: [usize; D]) -> Plain {
    Plain::from_data(TensorData::from_bytes(results::bytes(numbers), shape, DType::F32))
}

/// A tensor of a number for each channel.
fn by_channel(numbers: Vec<f32>) -> Plain {
    let channels = numbers.len();
    Plain::from_data(TensorData::new(numbers, [channels]))
}

/// Maps of these numbers.
fn maps(numbers: Numbers, map: Map) -> Plain {
    tensor(numbers, [map.batch, map.height, map.width, map.channels])
}

/// The sizes of maps that are given channels first.
fn sizes([batch, channels, height, width]: [usize; 4]) -> Map {
    Map { batch, height, width, channels }
}
