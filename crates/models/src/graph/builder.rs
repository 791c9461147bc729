//! How an architecture writes its graph.

use super::{
    Graph, Node, Op,
    ops::{
        Activation, Add, AveragePool, BatchNorm, Channels, Concat, Conv, Dropout, Flatten,
        GlobalAveragePool, Input, Linear, MaxPool, Pad, PadShortcut, Shuffle, Window,
    },
};
use crate::{InputSpec, ModelError, NormKind, Signature};

/// Result of a step, to be given to later ones.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Value(usize);

/// Takes down steps in order. What cannot be is remembered and refused at the end, so that an
/// architecture reads as a plain list of layers.
#[derive(Debug)]
pub(crate) struct Builder {
    graph: Graph,
    norm: NormKind,
    epsilon: f64,
    problem: Option<String>,
}

impl Builder {
    pub(crate) fn new(signature: &Signature, norm: NormKind) -> Self {
        let shape = signature.input.shape();
        let op = Op::Input(Input { spec: signature.input });
        let input = Node { name: String::new(), op, inputs: Vec::new(), shape, last_use: 0 };
        let (nodes, taps) = (vec![input], Vec::new());
        let graph = Graph { signature: *signature, nodes, taps, aliases: Vec::new() };
        Self { graph, norm, epsilon: 1e-5, problem: None }
    }

    /// The image that the network begins with.
    pub(crate) fn image(&mut self) -> Value {
        if let InputSpec::Tokens { .. } = self.graph.signature.input {
            self.problem.get_or_insert_with(|| "tokens, to a network of images".to_owned());
        }
        self.input()
    }

    /// What the norms to come add to the variance, in place of PyTorch's 1e-5.
    pub(crate) fn epsilon(&mut self, epsilon: f64) {
        self.epsilon = epsilon;
    }

    /// What the network begins with.
    pub(crate) fn input(&self) -> Value {
        Value(0)
    }

    pub(crate) fn channels(&self, x: Value) -> usize {
        self.shape(x)[0]
    }

    /// `[channels, height, width]`.
    pub(crate) fn shape(&self, x: Value) -> [usize; 3] {
        self.graph.nodes[x.0].shape
    }

    pub(crate) fn conv(&mut self, name: impl Into<String>, x: Value, conv: Conv) -> Value {
        let conv = Conv { inputs: self.channels(x), ..conv };
        self.step(name, Op::Conv(conv), &[x])
    }

    pub(crate) fn norm(&mut self, name: impl Into<String>, x: Value) -> Value {
        let norm = BatchNorm { kind: self.norm, channels: self.channels(x), epsilon: self.epsilon };
        self.step(name, Op::BatchNorm(norm), &[x])
    }

    /// The linear layer `name` over `[batch, inputs, 1, 1]`.
    pub(crate) fn linear(&mut self, name: impl Into<String>, x: Value, outputs: usize) -> Value {
        let linear = Linear { inputs: self.channels(x), outputs };
        self.step(name, Op::Linear(linear), &[x])
    }

    /// The last layer of a classifier: a linear one with as many outputs as there are classes.
    pub(crate) fn classifier(&mut self, name: impl Into<String>, x: Value) -> Value {
        let output = self.graph.signature.output;
        if self.graph.signature.classes().is_none() {
            self.problem.get_or_insert_with(|| format!("{output:?}, of a network of classes"));
        }
        self.linear(name, x, output.width())
    }

    /// Nothing is added where the probability is 0.
    pub(crate) fn dropout(&mut self, x: Value, probability: f64) -> Value {
        if probability > 0.0 {
            self.step("", Op::Dropout(Dropout { probability }), &[x])
        } else {
            x
        }
    }

    pub(crate) fn relu(&mut self, x: Value) -> Value {
        self.step("", Op::Activation(Activation::Relu), &[x])
    }

    pub(crate) fn relu6(&mut self, x: Value) -> Value {
        self.step("", Op::Activation(Activation::Relu6), &[x])
    }

    pub(crate) fn max_pool(&mut self, x: Value, window: Window) -> Value {
        self.step("", Op::MaxPool(MaxPool(window)), &[x])
    }

    pub(crate) fn average_pool(&mut self, x: Value, window: Window) -> Value {
        self.step("", Op::AveragePool(AveragePool(window)), &[x])
    }

    /// Nothing is added where the map is one pixel already.
    pub(crate) fn global_average_pool(&mut self, x: Value) -> Value {
        match self.shape(x) {
            [_, 1, 1] => x,
            _ => self.step("", Op::GlobalAveragePool(GlobalAveragePool), &[x]),
        }
    }

    pub(crate) fn flatten(&mut self, x: Value) -> Value {
        self.step("", Op::Flatten(Flatten), &[x])
    }

    pub(crate) fn add(&mut self, a: Value, b: Value) -> Value {
        self.step("", Op::Add(Add), &[a, b])
    }

    pub(crate) fn concat(&mut self, a: Value, b: Value) -> Value {
        self.step("", Op::Concat(Concat), &[a, b])
    }

    /// The channels before `at`, and the others.
    pub(crate) fn split(&mut self, x: Value, at: usize) -> (Value, Value) {
        let rest = self.channels(x) - at;
        let [first, rest] = [(0, at), (at, rest)]
            .map(|(start, count)| self.step("", Op::Channels(Channels { start, count }), &[x]));
        (first, rest)
    }

    pub(crate) fn shuffle(&mut self, x: Value, groups: usize) -> Value {
        if groups == 1 { x } else { self.step("", Op::Shuffle(Shuffle { groups }), &[x]) }
    }

    pub(crate) fn pad_shortcut(&mut self, x: Value, outputs: usize, stride: usize) -> Value {
        let missing = outputs.saturating_sub(self.channels(x));
        let before = missing / 2;
        let shortcut = PadShortcut { stride, before, after: missing - before };
        self.step("", Op::PadShortcut(shortcut), &[x])
    }

    /// A convolution without bias, its norm and ReLU: `conv`, `norm` are their whole names.
    pub(crate) fn conv_norm_relu(
        &mut self,
        names: [impl Into<String>; 2],
        x: Value,
        conv: Conv,
    ) -> Value {
        let x = self.conv_norm(names, x, conv);
        self.relu(x)
    }

    /// A convolution without bias and its norm.
    pub(crate) fn conv_norm(
        &mut self,
        [conv_name, norm_name]: [impl Into<String>; 2],
        x: Value,
        conv: Conv,
    ) -> Value {
        let x = self.conv(conv_name, x, conv);
        self.norm(norm_name, x)
    }

    /// A convolution without bias, its norm and ReLU6, padded as TensorFlow's `SAME`: the output is the input's size
    /// over the stride, rounded up, and an odd number of zeros has one more below and on the right.
    pub(crate) fn same_conv_norm_relu6(
        &mut self,
        names: [impl Into<String>; 2],
        x: Value,
        conv: Conv,
    ) -> Value {
        let [_, height, width] = self.shape(x);
        let [rows, columns] = [height, width].map(|side| conv.same_padding(side));
        let x = if rows[0] == rows[1] && rows == columns {
            self.conv_norm(names, x, Conv { padding: rows[0], ..conv })
        } else {
            let padded = self.step("", Op::Pad(Pad { rows, columns }), &[x]);
            self.conv_norm(names, padded, Conv { padding: 0, ..conv })
        };
        self.relu6(x)
    }

    /// Lets a value be seen from outside under `name`, and what stands in front of its activation under
    /// `name.preact`. A value that is not rectified stands under both names.
    pub(crate) fn tap(&mut self, name: impl Into<String>, x: Value) {
        let name = name.into();
        let mut before = x.0;
        while let Op::MaxPool(_) = self.graph.nodes[before].op {
            before = self.graph.nodes[before].inputs[0];
        }
        match self.graph.nodes[before].op {
            Op::Activation(_) => before = self.graph.nodes[before].inputs[0],
            Op::Add(_) | Op::BatchNorm(_) | Op::Conv(_) | Op::Linear(_) => before = x.0,
            // Parts with and without an activation, side by side.
            _ => return self.graph.taps.push((name, x.0)),
        }
        self.graph.taps.push((format!("{name}.preact"), before));
        self.graph.taps.push((name, x.0));
    }

    /// Other names of the weights, for reading files.
    pub(crate) fn aliases(&mut self, aliases: Vec<(String, String)>) {
        self.graph.aliases = aliases;
    }

    /// The graph, whose last step gives the output.
    ///
    /// # Errors
    /// As those of [`check`](Self::check).
    pub(crate) fn finish(self) -> Result<Graph, ModelError> {
        self.check()?;
        Ok(self.graph)
    }

    /// Refuses what was remembered.
    ///
    /// # Errors
    /// [`ModelError::Config`] where a step cannot be, as a rule because the image is too small.
    pub(crate) fn check(&self) -> Result<(), ModelError> {
        match &self.problem {
            None => Ok(()),
            Some(problem) => Err(ModelError::Config {
                field: "signature",
                value: problem.clone(),
                expected: "an input and an output that the network's layers fit".to_owned(),
            }),
        }
    }

    fn step(&mut self, name: impl Into<String>, op: Op, inputs: &[Value]) -> Value {
        let index = self.graph.nodes.len();
        let shapes: Vec<[usize; 3]> = inputs.iter().map(|value| self.shape(*value)).collect();
        let name = name.into();
        let shape = op.shape(&shapes).unwrap_or_else(|problem| {
            let place = if name.is_empty() { op.kind() } else { &name };
            self.problem.get_or_insert(format!("{problem} at `{place}`"));
            shapes[0]
        });
        for input in inputs {
            self.graph.nodes[input.0].last_use = index;
        }
        let inputs = inputs.iter().map(|value| value.0).collect();
        self.graph.nodes.push(Node { name, op, inputs, shape, last_use: index });
        Value(index)
    }
}
