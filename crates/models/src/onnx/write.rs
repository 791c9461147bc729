//! A network as an ONNX file: opset 17, any batch, `image` in and `logits` out.

use std::{collections::HashMap, path::Path};

use burn::module::Module;
use prost::Message;

use super::proto::{
    Attribute, FLOAT, FLOAT16, GraphProto, INT64, Model, NodeProto, OperatorSet, Property,
    TensorProto, ValueInfo,
};
use crate::{
    ModelError, Network, NormKind,
    graph::{Node, Op, Pool},
    weights::{Precision, is_half, number_bytes},
};

/// Weights and layers as an ONNX file. The input `image` is `[batch, channels, height, width]`,
/// normalised; the output `logits` is `[batch, classes]`. Half precision is one of storage: weights
/// are widened to `f32` where they are used, so that every runtime computes the same.
///
/// # Errors
/// [`ModelError::Weights`] with `path` in its message for a network whose norms use the statistics
/// of the batch: what it answers depends on the batch, and inference runtimes do not compute that.
pub fn to_onnx(
    network: &Network,
    precision: Precision,
    metadata: &HashMap<String, String>,
    path: &Path,
) -> Result<Vec<u8>, ModelError> {
    let graph = network.graph();
    let batch = |node: &Node| matches!(node.op, Op::Norm { kind: NormKind::Batch, .. });
    if graph.nodes.iter().any(batch) {
        let problem = "its norms use the statistics of the batch, which no inference runtime does";
        return Err(ModelError::weights(path, problem, "a network with `norm = \"running\"`"));
    }
    let mut writer = Writer::default();
    writer.initializers(network, precision);
    let mut values = vec![INPUT.to_owned()];
    for (index, node) in graph.nodes.iter().enumerate().skip(1) {
        let inputs: Vec<&str> = node.inputs.iter().map(|at| values[*at].as_str()).collect();
        let last = index + 1 == graph.nodes.len();
        let output = if last { OUTPUT.to_owned() } else { format!("value{index}") };
        values.push(writer.step(node, &inputs, output));
    }
    let signature = graph.signature();
    let image = [signature.channels, signature.height, signature.width];
    let mut properties: Vec<Property> = metadata
        .iter()
        .map(|(key, value)| Property { key: key.clone(), value: value.clone() })
        .collect();
    properties.sort_by(|a, b| a.key.cmp(&b.key));
    let model = Model {
        ir_version: 8,
        producer_name: "distill".to_owned(),
        producer_version: env!("CARGO_PKG_VERSION").to_owned(),
        graph: Some(GraphProto {
            node: writer.nodes,
            name: "network".to_owned(),
            initializer: writer.constants,
            input: vec![ValueInfo::batch(INPUT, &image)],
            output: vec![ValueInfo::batch(OUTPUT, &[signature.classes])],
        }),
        opset_import: vec![OperatorSet { domain: String::new(), version: 17 }],
        metadata_props: properties,
    };
    Ok(model.encode_to_vec())
}

pub(super) const INPUT: &str = "image";
pub(super) const OUTPUT: &str = "logits";

#[derive(Default)]
struct Writer {
    nodes: Vec<NodeProto>,
    constants: Vec<TensorProto>,
}

impl Writer {
    fn initializers(&mut self, network: &Network, precision: Precision) {
        for item in network.valid().state() {
            let dims = item.entry.shape.iter().map(|dim| *dim as i64).collect();
            let raw_data = number_bytes(&item, precision);
            let mut tensor = TensorProto {
                dims,
                data_type: FLOAT,
                name: item.entry.name.clone(),
                raw_data: Some(raw_data),
                ..Default::default()
            };
            if is_half(&item, precision) {
                tensor.data_type = FLOAT16;
                tensor.name += ".f16";
                let cast = vec![Attribute::int("to", FLOAT.into())];
                self.node("Cast", &[&tensor.name], item.entry.name, cast);
            }
            self.constants.push(tensor);
        }
    }

    /// Writes one step and returns the name of its result.
    fn step(&mut self, node: &Node, inputs: &[&str], output: String) -> String {
        let name = &node.name;
        let part = |field: &str| format!("{name}.{field}");
        let [channels, height, width] = node.shape;
        match &node.op {
            Op::Image => unreachable!("the image is the graph's input"),
            Op::Conv(conv) => {
                let mut inputs = vec![inputs[0].to_owned(), part("weight")];
                if conv.bias {
                    inputs.push(part("bias"));
                }
                let inputs: Vec<&str> = inputs.iter().map(String::as_str).collect();
                let pool =
                    Pool { kernel: conv.kernel, stride: conv.stride, padding: conv.padding() };
                let mut attributes = window(pool);
                attributes.push(Attribute::int("group", conv.groups as i64));
                self.node("Conv", &inputs, output, attributes)
            }
            Op::Norm { .. } => {
                let [scale, shift, mean, variance] =
                    ["weight", "bias", "running_mean", "running_var"].map(part);
                let inputs = [inputs[0], &scale, &shift, &mean, &variance];
                self.node(
                    "BatchNormalization",
                    &inputs,
                    output,
                    vec![Attribute::float("epsilon", 1e-5)],
                )
            }
            Op::Linear { .. } => {
                let flat = format!("{name}.flat");
                let flat = self.node("Flatten", inputs, flat, vec![Attribute::int("axis", 1)]);
                let (weight, bias) = (part("weight"), part("bias"));
                let transposed = vec![Attribute::int("transB", 1)];
                self.node("Gemm", &[&flat, &weight, &bias], output, transposed)
            }
            // A runtime drops nothing: the step's result is its input.
            Op::Dropout { .. } => inputs[0].to_owned(),
            Op::Relu => self.node("Relu", inputs, output, Vec::new()),
            Op::Relu6 => {
                let low = self.constant(&output, "low", FLOAT, &[], 0_f32.to_le_bytes().to_vec());
                let high = self.constant(&output, "high", FLOAT, &[], 6_f32.to_le_bytes().to_vec());
                self.node("Clip", &[inputs[0], &low, &high], output, Vec::new())
            }
            Op::MaxPool(pool) => self.node("MaxPool", inputs, output, window(*pool)),
            Op::AveragePool(pool) => {
                let mut attributes = window(*pool);
                attributes.push(Attribute::int("count_include_pad", 1));
                self.node("AveragePool", inputs, output, attributes)
            }
            Op::GlobalAveragePool => self.node("GlobalAveragePool", inputs, output, Vec::new()),
            Op::Flatten => self.node("Flatten", inputs, output, vec![Attribute::int("axis", 1)]),
            Op::Add => self.node("Add", inputs, output, Vec::new()),
            Op::Concat => self.node("Concat", inputs, output, vec![Attribute::int("axis", 1)]),
            Op::Channels { start, count } => {
                let end = (start + count) as i64;
                self.slice(inputs[0], output, [&[*start as i64], &[end], &[1], &[1]])
            }
            Op::Shuffle { groups } => {
                let [channels, groups] = [channels as i64, *groups as i64];
                let [height, width] = [height as i64, width as i64];
                let split = [0, groups, channels / groups, height, width];
                let split = self.reshape(inputs[0], format!("{output}.split"), &split);
                let swap = vec![Attribute::ints("perm", [0, 2, 1, 3, 4])];
                let swapped = self.node("Transpose", &[&split], format!("{output}.swapped"), swap);
                self.reshape(&swapped, output, &[0, channels, height, width])
            }
            Op::PadShortcut { stride, before, after } => {
                let step = *stride as i64;
                let kept = format!("{output}.kept");
                let ends = [i64::MAX, i64::MAX];
                let kept = self.slice(inputs[0], kept, [&[0, 0], &ends, &[2, 3], &[step, step]]);
                let pads = [0, *before as i64, 0, 0, 0, *after as i64, 0, 0];
                let pads = self.integers(&output, "pads", &pads);
                self.node("Pad", &[&kept, &pads], output, Vec::new())
            }
        }
    }

    /// `[starts, ends, axes, steps]`.
    fn slice(&mut self, input: &str, output: String, bounds: [&[i64]; 4]) -> String {
        let names = ["starts", "ends", "axes", "steps"];
        let bounds: Vec<String> = names
            .into_iter()
            .zip(bounds)
            .map(|(name, values)| self.integers(&output, name, values))
            .collect();
        let inputs: Vec<&str> =
            [input].into_iter().chain(bounds.iter().map(String::as_str)).collect();
        self.node("Slice", &inputs, output, Vec::new())
    }

    /// A 0 keeps the dimension as it is.
    fn reshape(&mut self, input: &str, output: String, shape: &[i64]) -> String {
        let shape = self.integers(&output, "shape", shape);
        self.node("Reshape", &[input, &shape], output, Vec::new())
    }

    fn integers(&mut self, of: &str, name: &str, values: &[i64]) -> String {
        let bytes = values.iter().flat_map(|value| value.to_le_bytes()).collect();
        self.constant(of, name, INT64, &[values.len() as i64], bytes)
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

    fn node(
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
}

fn window(pool: Pool) -> Vec<Attribute> {
    vec![
        Attribute::ints("kernel_shape", [pool.kernel; 2]),
        Attribute::ints("strides", [pool.stride; 2]),
        Attribute::ints("pads", [pool.padding; 4]),
    ]
}
