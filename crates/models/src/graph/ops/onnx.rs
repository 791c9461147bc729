//! Nodes and constants of an ONNX graph, as operations write them.

use crate::proto::{Attribute, FLOAT, INT64, NodeProto, TensorProto};

/// Nodes and constants of an ONNX graph.
#[derive(Debug, Default)]
pub(crate) struct OnnxNodes {
    /// Version of the operator set, which says what is an attribute and what is an input.
    pub(crate) opset: u16,
    /// In the order of computing.
    pub(crate) nodes: Vec<NodeProto>,
    /// Weights and what operations take as constants.
    pub(crate) constants: Vec<TensorProto>,
}

/// Step of a network that is written.
#[derive(Debug)]
pub(crate) struct OnnxStep<'a> {
    /// Name of its parameters; empty where it has none.
    pub(crate) name: &'a str,
    /// `[channels, height, width]` of its result.
    pub(crate) shape: [usize; 3],
    /// Names of its inputs.
    pub(crate) inputs: &'a [&'a str],
    /// Name of its result.
    pub(crate) output: String,
}

impl OnnxStep<'_> {
    /// Name of a parameter.
    pub(crate) fn part(&self, field: &str) -> String {
        format!("{}.{field}", self.name)
    }
}

impl OnnxNodes {
    /// A node of this kind, with one result. Gives the result's name.
    pub(crate) fn node(
        &mut self,
        kind: &str,
        inputs: &[&str],
        output: String,
        attribute: Vec<Attribute>,
    ) -> String {
        self.nodes.push(NodeProto {
            input: inputs.iter().map(|input| (*input).to_owned()).collect(),
            output: vec![output.clone()],
            name: format!("{kind}.{}", self.nodes.len()),
            op_type: kind.to_owned(),
            attribute,
            domain: String::new(),
        });
        output
    }

    /// Channels `start..end` of a value.
    pub(crate) fn channels(
        &mut self,
        input: &str,
        output: String,
        [start, end]: [i64; 2],
    ) -> String {
        if self.opset < 10 {
            let bounds = [("starts", start), ("ends", end), ("axes", 1)];
            let bounds = bounds.map(|(name, value)| Attribute::integers(name, vec![value]));
            return self.node("Slice", &[input], output, bounds.to_vec());
        }
        self.slice(input, output, [&[start], &[end], &[1], &[1]])
    }

    /// Every `stride`-th row and column of a value.
    pub(crate) fn every(&mut self, input: &str, output: String, stride: usize) -> String {
        if self.opset < 10 {
            // A slice had no steps then; the largest value of one pixel is that pixel.
            return self.node("MaxPool", &[input], output, Attribute::window(1, stride, 0));
        }
        let step = stride as i64;
        self.slice(input, output, [&[0, 0], &[i64::MAX; 2], &[2, 3], &[step, step]])
    }

    /// Zeros around a value: before each of its dimensions, then behind each.
    pub(crate) fn pad(&mut self, input: &str, output: String, pads: &[i64]) -> String {
        if self.opset < 11 {
            let pads = vec![Attribute::integers("pads", pads.to_vec())];
            return self.node("Pad", &[input], output, pads);
        }
        let pads = self.integers(&output, "pads", pads);
        self.node("Pad", &[input, &pads], output, Vec::new())
    }

    /// A value limited to `low..=high`.
    pub(crate) fn clip(&mut self, input: &str, output: String, [low, high]: [f32; 2]) -> String {
        if self.opset < 11 {
            let bounds = vec![Attribute::float("min", low), Attribute::float("max", high)];
            return self.node("Clip", &[input], output, bounds);
        }
        let low = self.float(&output, "low", low);
        let high = self.float(&output, "high", high);
        self.node("Clip", &[input, &low, &high], output, Vec::new())
    }

    /// The same numbers in another shape. A 0 keeps the dimension as it is.
    pub(crate) fn reshape(&mut self, input: &str, output: String, shape: &[i64]) -> String {
        let shape = self.integers(&output, "shape", shape);
        self.node("Reshape", &[input, &shape], output, Vec::new())
    }

    /// A part of a value. Bounds are `[starts, ends, axes, steps]`.
    fn slice(&mut self, input: &str, output: String, bounds: [&[i64]; 4]) -> String {
        let mut inputs = vec![input.to_owned()];
        for (name, values) in ["starts", "ends", "axes", "steps"].into_iter().zip(bounds) {
            inputs.push(self.integers(&output, name, values));
        }
        let inputs: Vec<&str> = inputs.iter().map(String::as_str).collect();
        self.node("Slice", &inputs, output, Vec::new())
    }

    /// A constant `[values]` called `of.name`.
    pub(crate) fn integers(&mut self, of: &str, name: &str, values: &[i64]) -> String {
        let bytes = values.iter().flat_map(|value| value.to_le_bytes()).collect();
        self.constant(of, name, INT64, &[values.len() as i64], bytes)
    }

    /// A constant without dimensions, called `of.name`.
    pub(crate) fn float(&mut self, of: &str, name: &str, value: f32) -> String {
        self.constant(of, name, FLOAT, &[], value.to_le_bytes().to_vec())
    }

    fn constant(&mut self, of: &str, name: &str, kind: i32, dims: &[i64], data: Vec<u8>) -> String {
        let name = format!("{of}.{name}");
        self.constants.push(TensorProto {
            dims: dims.to_vec(),
            data_type: kind,
            name: name.clone(),
            raw_data: Some(data),
            ..Default::default()
        });
        name
    }
}
