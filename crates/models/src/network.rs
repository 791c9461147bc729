//! A graph with weights: the module that trains and answers.

use std::{ops::Range, sync::Arc};

use burn::{
    module::Module,
    tensor::{Device, FloatDType, Tensor},
};
use distill_kernels::{After, FeatureMaps, PackedWeights};

use crate::{
    Graph, ModelError, Tap,
    graph::{Call, Fusion, Layer},
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
        let mut layers = Vec::new();
        let mut layer_places = Vec::new();
        for node in &graph.nodes {
            let layer = node.op.layer(device);
            layer_places.push(layer.is_some().then_some(layers.len()));
            layers.extend(layer);
        }
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
        let node = &self.graph().nodes[index];
        let value = |at: usize| values[at].clone().expect("steps stand behind their inputs");
        let inputs: Vec<FeatureMaps> = node.inputs.iter().map(|at| value(*at)).collect();
        // A convolution takes its norm with it where the fast operations run and nothing is learnt.
        let norm = fusion.norms[index].filter(|_| inputs[0].is_fast() && !inputs[0].is_autodiff());
        let given = norm.and_then(|norm| match self.layer(norm)? {
            Layer::Norm(given) => Some((fusion.chains[norm]?, given.given()?)),
            _ => None,
        });
        let (chain, norm) = match given {
            Some((chain, norm)) => (Some(chain), Some(norm)),
            None => (fusion.chains[index], None),
        };
        let after = chain.map_or_else(After::default, |chain| After {
            residual: chain.residual.map(value),
            activation: chain.activation,
            pool: chain.pool,
        });
        let (layer, precision) = (self.layer(index), self.precision);
        let packed = self.plan.layers[index].map(|layer| &self.packed[layer]);
        let call = Call { inputs, layer, packed, norm, after, precision };
        (node.op.forward(call), chain.map_or(index, |chain| chain.end))
    }

    /// Module of a step.
    fn layer(&self, step: usize) -> Option<&Layer> {
        self.plan.layers[step].map(|layer| &self.layers[layer])
    }
}

#[cfg(test)]
mod tests {
    use burn::{
        module::Param,
        tensor::{TensorData, module::conv2d, ops::ConvOptions},
    };
    use distill_testkit::{relative_l2, values};
    use rand_chacha::{ChaCha8Rng, rand_core::SeedableRng};

    use super::*;
    use crate::{
        NormKind, Signature,
        graph::{Builder, Conv},
        initialise::{Initial, initialise},
    };

    const SIGNATURE: Signature = Signature { channels: 3, height: 32, width: 48, classes: 5 };

    /// A convolution at the tap `conv`, its norm, and a classifier.
    fn network(conv: Conv) -> Network {
        let mut builder = Builder::new(&SIGNATURE, NormKind::Running);
        let image = builder.image();
        let mut x = builder.conv("conv", image, conv);
        builder.tap("conv", x);
        x = builder.norm("norm", x);
        x = builder.relu(x);
        x = builder.global_average_pool(x);
        builder.classifier("fc", x);
        let graph = builder.finish().expect("the image fits");
        let mut rng = ChaCha8Rng::seed_from_u64(1);
        initialise(Network::new(graph, &Device::flex()), Initial::Uniform, &mut rng)
    }

    fn image_values() -> Vec<f32> {
        (0..2 * 3 * 32 * 48).map(|at| ((at * 37 % 101) as f32 - 50.0) / 50.0).collect()
    }

    #[test]
    fn convolutions_of_any_window_stride_and_padding_are_burns() {
        for (conv, [height, width]) in [
            // Patches of an image.
            (Conv { padding: 0, ..Conv::new(16, 24).stride(16) }, [2, 3]),
            (Conv { padding: 0, ..Conv::new(16, 24).stride(16).with_bias() }, [2, 3]),
            (Conv { padding: 0, ..Conv::new(2, 8).stride(2) }, [16, 24]),
            (Conv::new(4, 8), [33, 49]),
            (Conv { padding: 0, ..Conv::new(3, 16) }, [30, 46]),
            (Conv { padding: 0, ..Conv::new(4, 6).groups(3).stride(3) }, [10, 15]),
        ] {
            let network = network(conv);
            let cost = network.graph().layers().next().expect("the convolution").cost;
            let weights = conv.outputs * 3 / conv.groups * conv.kernel * conv.kernel;
            assert_eq!(cost.macs, (weights * height * width) as u64, "{conv:?}");

            let images = TensorData::new(image_values(), [2, 3, 32, 48]);
            let images = Tensor::<4>::from_data(images, &Device::flex());
            let logits = network.forward(images.clone());
            let (_, taps) = network.forward_with_taps(images.clone());
            assert_eq!(taps[0].features.dims(), [2, conv.outputs, height, width], "{conv:?}");

            let Layer::Conv(layer) = &network.layers[0] else { panic!("a convolution") };
            let options =
                ConvOptions::new([conv.stride; 2], [conv.padding; 2], [1; 2], conv.groups);
            let bias = layer.bias.as_ref().map(Param::val);
            let expected = conv2d(images, layer.weight.val(), bias, options);
            let off = relative_l2(&values(taps[0].features.clone()), &values(expected));
            assert!(off < 1e-5, "{conv:?}: off by {off:e}");
            survives_onnx(&network, &values(logits));
        }
    }

    #[cfg(not(feature = "onnx"))]
    fn survives_onnx(_network: &Network, _logits: &[f64]) {}

    #[cfg(feature = "onnx")]
    fn survives_onnx(network: &Network, logits: &[f64]) {
        use std::{collections::HashMap, path::Path};

        let path = Path::new("network.onnx");
        let precision = crate::weights::Precision::Single;
        let bytes = crate::onnx::to_onnx(network, precision, &HashMap::new(), path);
        let bytes = bytes.expect("an ONNX file");
        let read =
            crate::onnx::OnnxNetwork::from_bytes(bytes, path).expect("the file just written");
        let again = read.logits(&image_values(), &SIGNATURE).expect("the same network");
        let again: Vec<f64> = again.into_iter().map(f64::from).collect();
        let off = relative_l2(&again, logits);
        assert!(off < 1e-5, "{:?}: off by {off:e}", network.graph());
    }

    #[test]
    fn a_window_that_cannot_be_is_refused() {
        for conv in [Conv::new(0, 8), Conv::new(3, 8).stride(0), Conv::new(3, 8).groups(2)] {
            let mut builder = Builder::new(&SIGNATURE, NormKind::Running);
            let image = builder.image();
            builder.conv("conv", image, conv);
            assert!(builder.finish().is_err(), "{conv:?}");
        }
    }
}
