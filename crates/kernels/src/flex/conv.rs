//! Convolutions.

use std::sync::Arc;

use burn::{
    backend::{
        Autodiff, Flex,
        autodiff::{
            checkpoint::base::Checkpointer,
            grads::Gradients,
            ops::{Backward, Ops},
        },
    },
    tensor::Tensor,
};

use super::{
    Plain, Taped, by_channel, dense, maps, numbers, plain, recorded, sizes, taped, tensor,
};
use crate::{
    Activation, ConvOptions, FeatureMaps, PackedWeights, Statistics,
    cpu::{
        Path,
        conv::{self, Method, Packed},
        finish::Finish,
        map::Map,
        norm::{Layer, channel_sums},
        shape::Shape,
    },
    packed::Kept,
};

pub(crate) fn conv2d(
    x: FeatureMaps,
    weight: Tensor<4>,
    bias: Option<Tensor<1>>,
    options: ConvOptions,
    packed: Option<&PackedWeights>,
) -> FeatureMaps {
    let map = sizes(x.dims());
    let shape = shape(map, &weight, options);
    if !x.is_autodiff() {
        let (x, weight) = (dense(plain(x.channels_last())), dense(plain(weight)));
        let bias = bias.map(|bias| dense(plain(bias)));
        let y = forward(&x, map, &weight, bias.as_ref(), shape, packed);
        return FeatureMaps::of_channels_last(Tensor::from_primitive::<Flex>(y));
    }
    let (x, weight, bias) = (taped(x.channels_last()), taped(weight), bias.map(taped));
    let (inputs, of_bias) = ([x.node(), weight.node()], bias.as_ref().map(Taped::node));
    let (x, weight) = (dense(x.into_primitive()), dense(weight.into_primitive()));
    let bias = bias.map(|bias| dense(bias.into_primitive()));
    let y = forward(&x, map, &weight, bias.as_ref(), shape, None);
    let state = State { x, weight, map, shape };
    let y = match (inputs, of_bias) {
        (inputs, None) => recorded(ConvBackward, inputs, state, y),
        ([x, weight], Some(bias)) => recorded(ConvBackward, [x, weight, bias], state, y),
    };
    FeatureMaps::of_channels_last(Tensor::from_primitive::<Autodiff<Flex>>(y))
}

pub(crate) fn conv2d_then(
    x: FeatureMaps,
    (weight, bias): (Tensor<4>, Option<Tensor<1>>),
    options: ConvOptions,
    packed: Option<&PackedWeights>,
    (gamma, beta, statistics, epsilon): (Tensor<1>, Tensor<1>, Statistics, f64),
    residual: Option<FeatureMaps>,
    activation: Activation,
) -> FeatureMaps {
    let Statistics::Given(mean, variance) = statistics else {
        panic!("statistics of the batch are not known before the convolution is done");
    };
    let map = sizes(x.dims());
    let shape = shape(map, &weight, options);
    let (x, weight) = (dense(plain(x.channels_last())), dense(plain(weight)));
    let [gamma, beta, mean, variance] = [gamma, beta, mean, variance].map(|t| dense(plain(t)));
    let of_maps = shape.output(map);
    let affine = [numbers(&gamma), numbers(&beta)];
    let layer = Layer::new(of_maps, affine, [numbers(&mean), numbers(&variance)], epsilon);
    let mut shift = layer.shift().to_vec();
    if let Some(bias) = bias.map(|bias| dense(plain(bias))) {
        for ((shift, scale), bias) in shift.iter_mut().zip(layer.scale()).zip(numbers(&bias)) {
            *shift += scale * bias;
        }
    }
    let residual = residual.map(|residual| dense(plain(residual.channels_last())));
    let mut finish = Finish::affine(Some(layer.scale()), Some(&shift));
    (finish.residual, finish.activation) = (residual.as_ref().map(numbers), activation);
    let path = Path::chosen();
    let packed = pack(path, &weight, shape, map, packed);
    let y = conv::forward(path, numbers(&x), map, &packed, shape, &finish);
    FeatureMaps::of_channels_last(Tensor::from_primitive::<Flex>(maps(y, of_maps)))
}

fn shape(map: Map, weight: &Tensor<4>, options: ConvOptions) -> Shape {
    let [outputs, inputs, kernel, width] = weight.dims();
    let ConvOptions { stride, padding, groups } = options;
    assert_eq!(kernel, width, "windows are square");
    assert_eq!(inputs * groups, map.channels, "channels of the maps and of the weights");
    assert!(stride > 0 && outputs.is_multiple_of(groups), "a stride, and whole groups");
    let fits = |side: usize| side + 2 * padding >= kernel;
    assert!(fits(map.height) && fits(map.width), "the window fits the maps");
    Shape { inputs: map.channels, outputs, kernel, stride, padding, groups }
}

fn forward(
    x: &Plain,
    map: Map,
    weight: &Plain,
    bias: Option<&Plain>,
    shape: Shape,
    packed: Option<&PackedWeights>,
) -> Plain {
    let path = Path::chosen();
    let finish = Finish::affine(None, bias.map(numbers));
    let packed = pack(path, weight, shape, map, packed);
    let y = conv::forward(path, numbers(x), map, &packed, shape, &finish);
    maps(y, shape.output(map))
}

/// The weights as the kernel takes them: the kept ones, where they are of these weights.
fn pack(
    path: Path,
    weight: &Plain,
    shape: Shape,
    map: Map,
    packed: Option<&PackedWeights>,
) -> Arc<Packed> {
    let make = || Arc::new(conv::pack(path, numbers(weight), shape, map));
    let Some(packed) = packed else { return make() };
    // A panic while it was held leaves nothing half done.
    let mut kept = packed.kept.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    if let Some(kept) = kept.as_ref()
        && kept.weight.bytes().as_ptr() == weight.bytes().as_ptr()
        && kept.weight.layout().start_offset() == weight.layout().start_offset()
        && kept.packed.method == Method::of(shape, map)
    {
        return Arc::clone(&kept.packed);
    }
    let packed = make();
    *kept = Some(Kept { weight: weight.clone(), packed: Arc::clone(&packed) });
    packed
}

#[derive(Debug)]
struct ConvBackward;

#[derive(Debug, Clone)]
struct State {
    x: Plain,
    weight: Plain,
    map: Map,
    shape: Shape,
}

impl Backward<Flex, 2> for ConvBackward {
    type State = State;

    fn backward(self, ops: Ops<State, 2>, grads: &mut Gradients, _: &mut Checkpointer) {
        let dy = dense(grads.consume::<Flex>(&ops.node));
        let [x, weight] = ops.parents.map(|node| node.map(|node| node.id));
        if let Some(id) = weight {
            grads.register::<Flex>(id, ops.state.weight_gradient(&dy));
        }
        if let Some(id) = x {
            grads.register::<Flex>(id, ops.state.map_gradient(&dy));
        }
    }
}

impl Backward<Flex, 3> for ConvBackward {
    type State = State;

    fn backward(self, ops: Ops<State, 3>, grads: &mut Gradients, _: &mut Checkpointer) {
        let dy = dense(grads.consume::<Flex>(&ops.node));
        let [x, weight, bias] = ops.parents.map(|node| node.map(|node| node.id));
        if let Some(id) = bias {
            grads.register::<Flex>(id, ops.state.bias_gradient(&dy));
        }
        if let Some(id) = weight {
            grads.register::<Flex>(id, ops.state.weight_gradient(&dy));
        }
        if let Some(id) = x {
            grads.register::<Flex>(id, ops.state.map_gradient(&dy));
        }
    }
}

impl State {
    fn map_gradient(&self, dy: &Plain) -> Plain {
        let (map, shape) = (self.map, self.shape);
        let dx = conv::map_gradient(Path::chosen(), numbers(dy), map, numbers(&self.weight), shape);
        maps(dx, map)
    }

    fn weight_gradient(&self, dy: &Plain) -> Plain {
        let Shape { inputs, outputs, kernel, groups, .. } = self.shape;
        let (x, dy) = (numbers(&self.x), numbers(dy));
        let gradient = conv::weight_gradient(Path::chosen(), x, self.map, dy, self.shape);
        tensor(gradient, [outputs, inputs / groups, kernel, kernel])
    }

    fn bias_gradient(&self, dy: &Plain) -> Plain {
        let out = self.shape.output(self.map);
        by_channel(channel_sums(Path::chosen(), numbers(dy), out))
    }
}
