//! A graph with weights: the module that trains and answers.

use std::{ops::Range, sync::Arc};

use burn::{
    module::Module,
    tensor::{Device, FloatDType, Tensor},
};
use distill_kernels::{After, FeatureMaps, PackedWeights};

use crate::{
    Feature, Graph, InputSpec, ModelError, NetworkInput,
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
    /// The graph's taps that `forward_with_features` gives.
    selected: Vec<usize>,
    /// What is made in one where nobody looks at the taps, and where somebody does.
    fusions: [Fusion; 2],
}

impl Plan {
    fn new(graph: Graph, layers: Vec<Option<usize>>, selected: Vec<usize>) -> Self {
        let seen: Vec<usize> = selected.iter().map(|at| graph.taps[*at].1).collect();
        let fusions = [Fusion::of(&graph, &[]), Fusion::of(&graph, &seen)];
        Self { graph, layers, selected, fusions }
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
        let taps = 0..graph.taps.len();
        let selected = taps.filter(|at| !graph.taps[*at].0.ends_with(".preact")).collect();
        let plan = Plan::new(graph, layer_places, selected);
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

    /// Output of a batch, in single precision.
    ///
    /// # Shapes
    /// - `input`: as [`NetworkInput`] says, of the size in the graph's signature; sequences may be shorter
    /// - output: `[rows, width]`: logits `[batch, classes]` of a classifier
    ///
    /// # Panics
    /// For input of another kind or size than the signature's.
    pub fn forward(&self, input: impl Into<NetworkInput>) -> Tensor<2> {
        self.run(input.into(), None)
    }

    /// The same network, whose [`forward_with_features`](Self::forward_with_features) gives the features of
    /// these names alone: each one that is selected keeps steps from being made in one. Without this, all but
    /// those in `.preact` are selected.
    ///
    /// # Errors
    /// [`ModelError::Config`] for a name that the network has not.
    pub fn selecting(mut self, names: &[&str]) -> Result<Self, ModelError> {
        let graph = self.graph().clone();
        let mut selected = Vec::with_capacity(names.len());
        for name in names {
            let Some(at) = graph.taps.iter().position(|(tap, _)| tap == name) else {
                let known: Vec<&str> = graph.taps.iter().map(|(name, _)| name.as_str()).collect();
                return Err(ModelError::Config {
                    field: "tap",
                    value: (*name).to_owned(),
                    expected: format!("one of {}", known.join(", ")),
                });
            };
            selected.push(at);
        }
        selected.sort_unstable();
        self.plan = Arc::new(Plan::new(graph, self.plan.layers.clone(), selected));
        Ok(self)
    }

    /// Output of a batch as [`forward`](Self::forward) gives it and the [selected](Self::selecting) features,
    /// shallow to deep.
    pub fn forward_with_features(
        &self,
        input: impl Into<NetworkInput>,
    ) -> (Tensor<2>, Vec<Feature>) {
        let mut features = Vec::new();
        let output = self.run(input.into(), Some(&mut features));
        (output, features)
    }

    fn run(&self, input: NetworkInput, mut features: Option<&mut Vec<Feature>>) -> Tensor<2> {
        let nodes = self.graph().nodes.len();
        rows(self.walk(self.begin(input), 1..nodes, &mut features))
    }

    /// The value that the network's first step reads.
    pub(crate) fn begin(&self, input: NetworkInput) -> FeatureMaps {
        match (input, self.graph().signature().input) {
            (NetworkInput::Images(images), InputSpec::Image { .. }) => {
                FeatureMaps::new(images).cast(self.precision)
            }
            // In single precision, which every id has a number in.
            (NetworkInput::Tokens { ids, mask }, InputSpec::Tokens { .. }) => {
                let [batch, length] = ids.dims();
                let sides = [ids.float(), mask.float()];
                let sides = sides.map(|side| side.reshape([batch, 1, 1, length]));
                FeatureMaps::new(Tensor::cat(sides.to_vec(), 1))
            }
            (_, expected) => panic!("input of another kind than {expected:?}"),
        }
    }

    /// Makes the steps of a range, from the value of the step in front of it, the only one that is looked at: the
    /// value of its last step.
    pub(crate) fn walk(
        &self,
        input: FeatureMaps,
        steps: Range<usize>,
        features: &mut Option<&mut Vec<Feature>>,
    ) -> FeatureMaps {
        let Plan { graph, fusions, selected, .. } = &*self.plan;
        let fusion = &fusions[usize::from(features.is_some())];
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
            if let Some(features) = features {
                for (name, node) in selected.iter().map(|at| &graph.taps[*at]) {
                    if *node == index {
                        let value = values[index].clone().expect("a tap is no value in between");
                        let values = value.cast(FloatDType::F32).into_tensor();
                        let grid = graph.grid(index);
                        features.push(Feature { name: name.clone(), values, grid });
                    }
                }
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

    /// [Places](Graph::cuts) where a pass can be parted, with the taps that are selected or without any.
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

/// The rows of a network's last value, in single precision: `[batch · places, width]`.
pub(crate) fn rows(value: FeatureMaps) -> Tensor<2> {
    let [batch, width, height, columns] = value.dims();
    let value = value.cast(FloatDType::F32).into_tensor();
    match height * columns {
        1 => value.reshape([batch, width]),
        places => value.permute([0, 2, 3, 1]).reshape([batch * places, width]),
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
        NormKind, OutputSpec, Signature,
        graph::{Builder, Conv},
        initialise::{Initial, initialise},
    };

    const SIGNATURE: Signature = Signature::images([3, 32, 48], 5);

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
            let (_, taps) = network.forward_with_features(images.clone());
            assert_eq!(taps[0].values.dims(), [2, conv.outputs, height, width], "{conv:?}");

            let Layer::Conv(layer) = &network.layers[0] else { panic!("a convolution") };
            let options =
                ConvOptions::new([conv.stride; 2], [conv.padding; 2], [1; 2], conv.groups);
            let bias = layer.bias.as_ref().map(Param::val);
            let expected = conv2d(images, layer.weight.val(), bias, options);
            let off = relative_l2(&values(taps[0].values.clone()), &values(expected));
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
        let form = crate::onnx::OnnxForm::default();
        let bytes = crate::onnx::to_onnx(network, form, precision, &HashMap::new(), path);
        let bytes = bytes.expect("an ONNX file");
        let read =
            crate::onnx::OnnxNetwork::from_bytes(bytes, path).expect("the file just written");
        let again = read.logits(&image_values(), &SIGNATURE).expect("the same network");
        let again: Vec<f64> = again.into_iter().map(f64::from).collect();
        let off = relative_l2(&again, logits);
        assert!(off < 1e-5, "{:?}: off by {off:e}", network.graph());
    }

    #[test]
    fn tokens_and_their_mask_go_in_side_by_side() {
        let input = InputSpec::Tokens { vocabulary: 1 << 24, context: 8 };
        let signature = Signature { input, output: OutputSpec::Classes(2) };
        let mut builder = Builder::new(&signature, NormKind::Running);
        let tokens = builder.input();
        let tokens = builder.dropout(tokens, 0.5);
        builder.tap("tokens", tokens);
        let means = builder.global_average_pool(tokens);
        builder.classifier("fc", means);
        let graph = builder.finish().expect("a network of tokens");
        let device = Device::flex();
        let network = Network::new(graph, &device).valid().computing_in(FloatDType::F16);
        // Shorter than the longest sequence; the largest id is not rounded.
        let ids = Tensor::from_data([[5, (1 << 24) - 1, 0]], &device);
        let mask = Tensor::from_data([[true, true, false]], &device);
        let (logits, features) = network.forward_with_features(NetworkInput::Tokens { ids, mask });
        assert_eq!(logits.dims(), [1, 2]);
        assert_eq!(features[0].grid, None, "a sequence has one order");
        let expected = [5.0, 1.0, 16_777_215.0, 1.0, 0.0, 0.0];
        assert_eq!(values(features[0].places()), expected, "[batch, places, width]");
    }

    #[test]
    fn input_and_output_of_another_kind_are_refused() {
        let image = SIGNATURE.input;
        let tokens = InputSpec::Tokens { vocabulary: 9, context: 8 };
        let embedding = OutputSpec::Embedding { width: 4 };
        for (input, output, problem) in [
            (tokens, SIGNATURE.output, "tokens, to a network of images"),
            (image, embedding, "Embedding { width: 4 }, of a network of classes"),
            (InputSpec::Tokens { vocabulary: 0, context: 8 }, SIGNATURE.output, "vocabulary: 0"),
        ] {
            for info in crate::MODELS {
                let refused = info.architecture().graph(&Signature { input, output });
                let error = refused.expect_err(info.name).to_string();
                assert!(error.contains(problem), "{}: {error}", info.name);
            }
        }
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
