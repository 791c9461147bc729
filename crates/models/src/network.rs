//! A graph with weights: the module that trains and answers.

use std::{ops::Range, sync::Arc};

use burn::{
    module::{Module, Param},
    nn::{
        Dropout, DropoutConfig, Linear, LinearConfig, PaddingConfig2d,
        conv::{Conv2d, Conv2dConfig},
    },
    tensor::{
        DType, Device, FloatDType, Tensor,
        activation::relu,
        module::{avg_pool2d, linear, max_pool2d},
        ops::{AvgPoolOptions, MaxPoolOptions},
    },
};
use distill_kernels::{
    After, ConvOptions, FeatureMaps, PackedWeights, conv2d, conv2d_then, dropout, max_pool_2x2,
    pad_shortcut,
};

use crate::{
    Graph, ModelError, Tap,
    graph::{Chain, Conv, Fusion, Node, Op, Pool},
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
    plan: Arc<Plan>,
    /// By layer, for a network that does not learn.
    #[module(skip)]
    packed: Vec<PackedWeights>,
    /// What convolutions and products are computed in.
    #[module(skip)]
    precision: FloatDType,
}

/// The graph and how it is walked through.
#[derive(Debug)]
struct Plan {
    graph: Graph,
    /// By step, which of the layers is its.
    layers: Vec<Option<usize>>,
    /// The graph's taps that `forward_with_taps` gives.
    watched: Vec<usize>,
    /// What is made in one where nobody looks at the taps, and where somebody does.
    fusions: [Fusion; 2],
}

#[derive(Module, Debug)]
enum Layer {
    Conv(Conv2d),
    Norm(Norm),
    Linear(Linear),
    Dropout(Dropout),
}

impl Plan {
    fn new(graph: Graph, layers: Vec<Option<usize>>, watched: Vec<usize>) -> Self {
        let seen: Vec<usize> = watched.iter().map(|at| graph.taps[*at].1).collect();
        let fusions = [Fusion::of(&graph, &[]), Fusion::of(&graph, &seen)];
        Self { graph, layers, watched, fusions }
    }
}

impl Network {
    /// The graph's network on `device`, with Burn's initial weights.
    pub(crate) fn new(graph: Graph, device: &Device) -> Self {
        let layers: Vec<Layer> =
            graph.nodes.iter().filter_map(|node| layer(&node.op, device)).collect();
        let mut next = 0;
        let mut place = |node: &Node| {
            has_layer(&node.op).then(|| {
                next += 1;
                next - 1
            })
        };
        let layer_places = graph.nodes.iter().map(&mut place).collect();
        let behind_activation = |at: &usize| !graph.taps[*at].0.ends_with(".preact");
        let watched = (0..graph.taps.len()).filter(behind_activation).collect();
        let plan = Plan::new(graph, layer_places, watched);
        let packed = vec![PackedWeights::default(); layers.len()];
        Self { layers, plan: Arc::new(plan), packed, precision: FloatDType::F32 }
    }

    /// The layers, with their names, shapes and costs.
    pub fn graph(&self) -> &Graph {
        &self.plan.graph
    }

    /// The same network, which computes convolutions, products and what lies between them in `precision`: mixed
    /// precision as in Micikevicius et al. 2017, arXiv:1710.03740. Its weights stay as they are, and so do its
    /// gradients; norms and means are computed in single precision, in which it answers too.
    #[must_use]
    pub fn computing_in(mut self, precision: FloatDType) -> Self {
        self.precision = precision;
        self
    }

    /// What convolutions and products are computed in.
    pub(crate) fn precision(&self) -> FloatDType {
        self.precision
    }

    /// Logits of a batch, in single precision.
    ///
    /// # Shapes
    /// - `images`: `[batch, channels, height, width]`
    /// - output: `[batch, classes]`
    pub fn forward(&self, images: Tensor<4>) -> Tensor<2> {
        self.run(images, None)
    }

    /// The same network, whose [`forward_with_taps`](Self::forward_with_taps) gives the taps of these names
    /// alone: each one that is watched keeps steps from being made in one. Without this, all but those in
    /// `.preact` are watched.
    ///
    /// # Errors
    /// [`ModelError::Config`] for a name that the network has not.
    pub fn watching(mut self, names: &[&str]) -> Result<Self, ModelError> {
        let graph = self.graph().clone();
        let place = |name: &&str| {
            graph.taps.iter().position(|(tap, _)| tap == *name).ok_or_else(|| {
                let known: Vec<&str> = graph.taps.iter().map(|(name, _)| name.as_str()).collect();
                ModelError::Config {
                    field: "tap",
                    value: (*name).to_owned(),
                    expected: format!("one of {}", known.join(", ")),
                }
            })
        };
        let mut watched = names.iter().map(place).collect::<Result<Vec<usize>, _>>()?;
        watched.sort_unstable();
        self.plan = Arc::new(Plan::new(graph, self.plan.layers.clone(), watched));
        Ok(self)
    }

    /// Logits of a batch and the features at the taps that are [watched](Self::watching), shallow to deep.
    pub fn forward_with_taps(&self, images: Tensor<4>) -> (Tensor<2>, Vec<Tap>) {
        let mut taps = Vec::new();
        let logits = self.run(images, Some(&mut taps));
        (logits, taps)
    }

    fn run(&self, images: Tensor<4>, mut taps: Option<&mut Vec<Tap>>) -> Tensor<2> {
        let nodes = self.graph().nodes.len();
        let image = FeatureMaps::new(images).cast(self.precision);
        let logits = self.walk(image, 1..nodes, &mut taps);
        let [batch, classes, ..] = logits.dims();
        logits.cast(FloatDType::F32).into_tensor().reshape([batch, classes])
    }

    /// Makes the steps of a range, from the value of the step in front of it, the only one that is looked at: the
    /// value of its last step.
    pub(crate) fn walk(
        &self,
        input: FeatureMaps,
        steps: Range<usize>,
        taps: &mut Option<&mut Vec<Tap>>,
    ) -> FeatureMaps {
        let Plan { graph, fusions, watched, .. } = &*self.plan;
        let fusion = &fusions[usize::from(taps.is_some())];
        let nodes = &graph.nodes;
        let mut values: Vec<Option<FeatureMaps>> = vec![None; nodes.len()];
        // Steps that were made together with an earlier one.
        let mut made = vec![false; nodes.len()];
        values[steps.start - 1] = Some(input);
        for index in steps.clone() {
            if !made[index] {
                let (value, end) = self.step(index, fusion, &values);
                let mut at = index;
                while at != end {
                    at = fusion.next[at].expect("a chain of single readers");
                    made[at] = true;
                }
                values[end] = Some(value);
            }
            if let Some(taps) = taps {
                let here = watched.iter().map(|at| &graph.taps[*at]);
                let here = here.filter(|(_, node)| *node == index);
                taps.extend(here.map(|(name, _)| {
                    let value = values[index].clone().expect("a tap is no value in between");
                    Tap { name: name.clone(), features: value.cast(FloatDType::F32).into_tensor() }
                }));
            }
            // A value is let go behind its last reader, so that its memory can be used again.
            for input in &nodes[index].inputs {
                if nodes[*input].last_use == index {
                    values[*input] = None;
                }
            }
        }
        values.swap_remove(steps.end - 1).expect("the last step")
    }

    /// [Places](Graph::cuts) where a pass can be parted, with the taps that are watched or without any.
    pub(crate) fn cuts(&self, parts: usize, with_taps: bool) -> Vec<usize> {
        self.plan.graph.cuts(&self.plan.fusions[usize::from(with_taps)], parts)
    }

    /// Makes a step and what is made together with it: the value, and the step that it is of.
    fn step(
        &self,
        index: usize,
        fusion: &Fusion,
        values: &[Option<FeatureMaps>],
    ) -> (FeatureMaps, usize) {
        let nodes = &self.graph().nodes;
        let node = &nodes[index];
        let value = |at: usize| values[at].clone().expect("steps stand behind their inputs");
        let layer = self.plan.layers[index].map(|layer| (&self.layers[layer], layer));
        let x = value(node.inputs[0]);
        match (layer, &node.op) {
            (Some((Layer::Conv(conv), layer)), Op::Conv(config)) => {
                let options = options(config);
                let weights = (self.own(&conv.weight), conv.bias.as_ref().map(|b| self.own(b)));
                let packed = Some(&self.packed[layer]);
                let norm = fusion.norms[index].filter(|_| x.is_fast() && !x.is_autodiff());
                let given = norm.and_then(|norm| match &self.layers[self.plan.layers[norm]?] {
                    Layer::Norm(given) => Some((fusion.chains[norm]?, given.given()?)),
                    _ => None,
                });
                let Some((chain, norm)) = given else {
                    return (conv2d(x, weights.0, weights.1, options, packed), index);
                };
                let (residual, activation) = (chain.residual.map(value), chain.activation);
                let y = conv2d_then(x, weights, options, packed, norm, residual, activation);
                (if chain.pool { max_pool_2x2(y) } else { y }, chain.end)
            }
            (Some((Layer::Norm(norm), _)), _) => {
                let chain = fusion.chains[index].expect("it is a norm");
                let Chain { activation, pool, .. } = chain;
                let residual = chain.residual.map(|at| value(at).cast(FloatDType::F32));
                let after = After { residual, activation, pool };
                let y = norm.forward_then(x.cast(FloatDType::F32), after);
                (y.cast(self.precision), chain.end)
            }
            (Some((Layer::Dropout(layer), _)), _) => {
                let is_training = layer.training.is_enabled();
                (if is_training { dropout(x, layer.prob) } else { x }, index)
            }
            (Some((Layer::Linear(layer), _)), _) => {
                let weights = (self.own(&layer.weight), layer.bias.as_ref().map(|b| self.own(b)));
                (FeatureMaps::of_units(linear(x.means(), weights.0, weights.1)), index)
            }
            (_, Op::AveragePool(_) | Op::GlobalAveragePool) => {
                (apply(node, x.cast(FloatDType::F32)).cast(self.precision), index)
            }
            (_, Op::Add) => (x.add(value(node.inputs[1])), index),
            (_, Op::Concat) => (x.concat(value(node.inputs[1])), index),
            _ => (apply(node, x), index),
        }
    }

    /// Weights as they are computed with.
    fn own<const D: usize>(&self, weights: &Param<Tensor<D>>) -> Tensor<D> {
        let weights = weights.val();
        match weights.dtype() == DType::from(self.precision) {
            true => weights,
            false => weights.cast(self.precision),
        }
    }
}

fn has_layer(op: &Op) -> bool {
    matches!(op, Op::Conv(_) | Op::Norm { .. } | Op::Linear { .. } | Op::Dropout { .. })
}

fn layer(op: &Op, device: &Device) -> Option<Layer> {
    match op {
        Op::Conv(conv) => Some(Layer::Conv(conv_layer(conv, device))),
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

fn conv_layer(conv: &Conv, device: &Device) -> Conv2d {
    let padding = conv.padding();
    Conv2dConfig::new([conv.inputs, conv.outputs], [conv.kernel; 2])
        .with_stride([conv.stride; 2])
        .with_padding(PaddingConfig2d::Explicit(padding, padding, padding, padding))
        .with_groups(conv.groups)
        .with_bias(conv.bias)
        .init(device)
}

fn options(conv: &Conv) -> ConvOptions {
    ConvOptions { stride: conv.stride, padding: conv.padding(), groups: conv.groups }
}

/// A step of one input and without a layer.
fn apply(node: &Node, x: FeatureMaps) -> FeatureMaps {
    match &node.op {
        Op::Relu => x.map(relu),
        Op::Relu6 => x.map(|x| x.clamp(0.0, 6.0)),
        Op::MaxPool(Pool { kernel: 2, stride: 2, padding: 0 }) => max_pool_2x2(x),
        Op::MaxPool(pool) => x.map_tensor(|x| {
            let options = MaxPoolOptions::new([pool.kernel; 2])
                .with_stride([pool.stride; 2])
                .with_padding([pool.padding; 2]);
            max_pool2d(x, options)
        }),
        Op::AveragePool(pool) => x.map_tensor(|x| {
            let options = AvgPoolOptions::new([pool.kernel; 2])
                .with_stride([pool.stride; 2])
                .with_padding([pool.padding; 2])
                .with_count_include_pad(true);
            avg_pool2d(x, options)
        }),
        Op::GlobalAveragePool => FeatureMaps::of_units(x.means()),
        Op::Flatten => {
            let [batch, channels, height, width] = x.dims();
            FeatureMaps::of_units(x.into_tensor().reshape([batch, channels * height * width]))
        }
        Op::Channels { start, count } => x.channels(*start, *count),
        Op::Shuffle { groups } => x.shuffle(*groups),
        Op::PadShortcut { stride, before, after } => pad_shortcut(x, *stride, *before, *after),
        _ => unreachable!("steps with two inputs or a layer are not made here"),
    }
}
