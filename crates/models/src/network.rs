//! A graph with weights: the module that trains and answers.

use std::sync::Arc;

use burn::{
    module::Module,
    nn::{
        Dropout, DropoutConfig, Linear, LinearConfig, PaddingConfig2d,
        conv::{Conv2d, Conv2dConfig},
    },
    tensor::{
        Device, Tensor,
        activation::relu,
        module::{avg_pool2d, max_pool2d},
        ops::{AvgPoolOptions, MaxPoolOptions, PadMode},
    },
};

use crate::{
    Graph, Tap,
    graph::{Conv, Node, Op},
    norm::Norm,
};

/// A network of the zoo.
///
/// It trains (dropout, batch statistics, gradients) where it stands on an autodiff device and its
/// input too; `valid()` gives the evaluation form.
#[derive(Module, Debug)]
pub struct Network {
    /// Of the graph's steps those that have weights or behave differently in training, in order.
    layers: Vec<Layer>,
    #[module(skip)]
    graph: Arc<Graph>,
}

#[derive(Module, Debug)]
enum Layer {
    Conv(Conv2d),
    Norm(Norm),
    Linear(Linear),
    Dropout(Dropout),
}

impl Network {
    /// The graph's network on `device`, with Burn's initial weights.
    pub(crate) fn new(graph: Graph, device: &Device) -> Self {
        let layers = graph.nodes.iter().filter_map(|node| layer(&node.op, device)).collect();
        Self { layers, graph: Arc::new(graph) }
    }

    /// The layers, with their names, shapes and costs.
    pub fn graph(&self) -> &Graph {
        &self.graph
    }

    /// Logits of a batch.
    ///
    /// # Shapes
    /// - `images`: `[batch, channels, height, width]`
    /// - output: `[batch, classes]`
    pub fn forward(&self, images: Tensor<4>) -> Tensor<2> {
        self.run(images, None)
    }

    /// Logits of a batch and the features at every tap, shallow to deep.
    pub fn forward_with_taps(&self, images: Tensor<4>) -> (Tensor<2>, Vec<Tap>) {
        let mut taps = Vec::new();
        let logits = self.run(images, Some(&mut taps));
        (logits, taps)
    }

    fn run(&self, images: Tensor<4>, mut taps: Option<&mut Vec<Tap>>) -> Tensor<2> {
        let nodes = &self.graph.nodes;
        let mut values: Vec<Option<Tensor<4>>> = vec![None; nodes.len()];
        values[0] = Some(images);
        let mut layers = self.layers.iter();
        for (index, node) in nodes.iter().enumerate().skip(1) {
            // A value's last reader takes it, so that its memory can be used again.
            let mut input = |position: usize| {
                let at = node.inputs[position];
                let taken = nodes[at].last_use == index && !node.inputs[..position].contains(&at);
                let value = if taken { values[at].take() } else { values[at].clone() };
                value.expect("steps stand behind their inputs")
            };
            let result = match &node.op {
                Op::Add => input(0) + input(1),
                Op::Concat => Tensor::cat(vec![input(0), input(1)], 1),
                _ if has_layer(&node.op) => {
                    layers.next().expect("a layer for each such step").forward(input(0))
                }
                _ => apply(node, input(0)),
            };
            if let Some(taps) = &mut taps {
                let here = self.graph.taps.iter().filter(|(_, node)| *node == index);
                taps.extend(
                    here.map(|(name, _)| Tap { name: name.clone(), features: result.clone() }),
                );
            }
            values[index] = Some(result);
        }
        let logits = values.pop().flatten().expect("the last step");
        let [batch, classes, ..] = logits.dims();
        logits.reshape([batch, classes])
    }
}

impl Layer {
    fn forward(&self, x: Tensor<4>) -> Tensor<4> {
        match self {
            Self::Conv(conv) => conv.forward(x),
            Self::Norm(norm) => norm.forward(x),
            Self::Dropout(dropout) => dropout.forward(x),
            Self::Linear(linear) => {
                let [batch, inputs, ..] = x.dims();
                let y = linear.forward(x.reshape([batch, inputs]));
                let [batch, outputs] = y.dims();
                y.reshape([batch, outputs, 1, 1])
            }
        }
    }
}

fn has_layer(op: &Op) -> bool {
    matches!(op, Op::Conv(_) | Op::Norm { .. } | Op::Linear { .. } | Op::Dropout { .. })
}

fn layer(op: &Op, device: &Device) -> Option<Layer> {
    match op {
        Op::Conv(conv) => Some(Layer::Conv(conv2d(conv, device))),
        Op::Norm { kind, channels } => Some(Layer::Norm(Norm::init(*kind, *channels, device))),
        Op::Linear { inputs, outputs } => {
            Some(Layer::Linear(LinearConfig::new(*inputs, *outputs).init(device)))
        }
        Op::Dropout { probability } => {
            Some(Layer::Dropout(DropoutConfig::new(*probability).init()))
        }
        _ => None,
    }
}

fn conv2d(conv: &Conv, device: &Device) -> Conv2d {
    let padding = conv.padding();
    Conv2dConfig::new([conv.inputs, conv.outputs], [conv.kernel; 2])
        .with_stride([conv.stride; 2])
        .with_padding(PaddingConfig2d::Explicit(padding, padding, padding, padding))
        .with_groups(conv.groups)
        .with_bias(conv.bias)
        .init(device)
}

/// A step of one input and without a layer.
fn apply(node: &Node, x: Tensor<4>) -> Tensor<4> {
    let [batch, channels, height, width] = x.dims();
    match &node.op {
        Op::Relu => relu(x),
        Op::Relu6 => x.clamp(0.0, 6.0),
        Op::MaxPool(pool) => {
            let options = MaxPoolOptions::new([pool.kernel; 2])
                .with_stride([pool.stride; 2])
                .with_padding([pool.padding; 2]);
            max_pool2d(x, options)
        }
        Op::AveragePool(pool) => {
            let options = AvgPoolOptions::new([pool.kernel; 2])
                .with_stride([pool.stride; 2])
                .with_padding([pool.padding; 2])
                .with_count_include_pad(true);
            avg_pool2d(x, options)
        }
        Op::GlobalAveragePool => {
            let pixels = x.reshape([batch, channels, height * width]);
            pixels.mean_dim(2).reshape([batch, channels, 1, 1])
        }
        Op::Flatten => x.reshape([batch, channels * height * width, 1, 1]),
        Op::Channels { start, count } => x.narrow(1, *start, *count),
        Op::Shuffle { groups } => {
            let split = x.reshape([batch, *groups, channels / groups, height, width]);
            split.swap_dims(1, 2).reshape([batch, channels, height, width])
        }
        Op::PadShortcut { stride, before, after } => {
            let kept = max_pool2d(x, MaxPoolOptions::new([1; 2]).with_stride([*stride; 2]));
            kept.pad([(0, 0), (*before, *after), (0, 0), (0, 0)], PadMode::Constant(0.0))
        }
        _ => unreachable!("steps with two inputs or a layer are not made here"),
    }
}
