//! Nodes and constants of an ONNX graph, as operations write them.

use crate::proto::{Attribute, FLOAT, INT64, NodeProto, TensorProto};

/// Nodes and constants of an ONNX graph.
#[derive(Debug, Default)]
pub(crate) struct OnnxNodes {
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
        });
        output
    }

    /// A part of a value. Bounds are `[starts, ends, axes, steps]`.
    pub(crate) fn slice(&mut self, input: &str, output: String, bounds: [&[i64]; 4]) -> String {
        let mut inputs = vec![input.to_owned()];
        for (name, values) in ["starts", "ends", "axes", "steps"].into_iter().zip(bounds) {
            inputs.push(self.integers(&output, name, values));
        }
        let inputs: Vec<&str> = inputs.iter().map(String::as_str).collect();
        self.node("Slice", &inputs, output, Vec::new())
    }

    /// The same numbers in another shape. A 0 keeps the dimension as it is.
    pub(crate) fn reshape(&mut self, input: &str, output: String, shape: &[i64]) -> String {
        let shape = self.integers(&output, "shape", shape);
        self.node("Reshape", &[input, &shape], output, Vec::new())
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
