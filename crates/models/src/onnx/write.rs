//! A network as an ONNX file: opset 17, any batch, `image` in and `logits` out.

use std::{collections::HashMap, path::Path};

use burn::module::Module;
use prost::Message;

use crate::{
    ModelError, Network, NormKind,
    graph::{BatchNorm, Node, OnnxNodes, OnnxStep, Op},
    proto::{
        Attribute, FLOAT, FLOAT16, GraphProto, Model, OperatorSet, Property, TensorProto, ValueInfo,
    },
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
    let batch =
        |node: &Node| matches!(node.op, Op::BatchNorm(BatchNorm { kind: NormKind::Batch, .. }));
    if graph.nodes.iter().any(batch) {
        let problem = "its norms use the statistics of the batch, which no inference runtime does";
        return Err(ModelError::weights(path, problem, "a network with `norm = \"running\"`"));
    }
    let Some(image) = graph.signature().image() else {
        let problem = "its input is tokens, which are not exported to ONNX yet";
        return Err(ModelError::weights(path, problem, "a network of images"));
    };
    let mut nodes = OnnxNodes::default();
    write_weights(network, precision, &mut nodes);
    let mut values = vec![INPUT.to_owned()];
    for (index, node) in graph.nodes.iter().enumerate().skip(1) {
        let inputs: Vec<&str> = node.inputs.iter().map(|at| values[*at].as_str()).collect();
        let last = index + 1 == graph.nodes.len();
        let output = if last { OUTPUT.to_owned() } else { format!("value{index}") };
        let (name, shape, inputs) = (node.name.as_str(), node.shape, inputs.as_slice());
        values.push(node.op.onnx(OnnxStep { name, shape, inputs, output }, &mut nodes));
    }
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
            node: nodes.nodes,
            name: "network".to_owned(),
            initializer: nodes.constants,
            input: vec![ValueInfo::batch(INPUT, &image)],
            output: vec![ValueInfo::batch(OUTPUT, &[graph.signature().output.width()])],
        }),
        opset_import: vec![OperatorSet { domain: String::new(), version: 17 }],
        metadata_props: properties,
    };
    Ok(model.encode_to_vec())
}

const INPUT: &str = "image";
const OUTPUT: &str = "logits";

fn write_weights(network: &Network, precision: Precision, nodes: &mut OnnxNodes) {
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
            nodes.node("Cast", &[&tensor.name], item.entry.name, cast);
        }
        nodes.constants.push(tensor);
    }
}
