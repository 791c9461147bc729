//! A network as an ONNX file: `image` in and `logits` out.

use std::{collections::HashMap, ops::RangeInclusive, path::Path};

use burn::module::Module;
use prost::Message;
use serde::{Deserialize, Serialize};

use crate::{
    ModelError, Network, NormKind,
    graph::{BatchNorm, Node, OnnxNodes, OnnxStep, Op},
    proto::{
        Attribute, FLOAT, FLOAT16, GraphProto, Model, OperatorSet, Property, TensorProto, ValueInfo,
    },
    weights::{Precision, is_half, number_bytes},
};

/// Versions of the operator set that can be written.
pub const OPSETS: RangeInclusive<u16> = 9..=17;

/// What a runtime asks of an ONNX file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct OnnxForm {
    /// Version of the operator set, one of [`OPSETS`]; 17 by default.
    pub opset: u16,
    /// Images in a batch, at least 1; by default none: as many as the caller gives.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub batch: Option<usize>,
}

impl Default for OnnxForm {
    fn default() -> Self {
        Self { opset: *OPSETS.end(), batch: None }
    }
}

impl OnnxForm {
    /// Checks the ranges.
    ///
    /// # Errors
    /// [`ModelError::Config`] for another opset than [`OPSETS`], or a batch of none.
    pub fn check(self) -> Result<(), ModelError> {
        if !OPSETS.contains(&self.opset) {
            let expected = format!("{} to {}", OPSETS.start(), OPSETS.end());
            return Err(ModelError::config("opset", self.opset, expected));
        }
        match self.batch {
            Some(0) => Err(ModelError::config("batch", 0, "at least 1 image, or none named")),
            _ => Ok(()),
        }
    }

    /// Version of the file format of the ONNX release that brought the operator set: a runtime of
    /// that time reads no later one.
    fn ir_version(self) -> i64 {
        match self.opset {
            ..=9 => 4,
            10 => 5,
            11 => 6,
            12..=14 => 7,
            _ => 8,
        }
    }
}

/// Weights and layers as an ONNX file. The input `image` is `[batch, channels, height, width]`,
/// normalised; the output `logits` is `[batch, classes]`. Half precision is one of storage: weights
/// are widened to `f32` where they are used, so that every runtime computes the same.
///
/// # Errors
/// [`ModelError::Config`] as [`OnnxForm::check`]; [`ModelError::Weights`] with `path` in its message for a network whose norms use the statistics
/// of the batch: what it answers depends on the batch, and inference runtimes do not compute that.
pub fn to_onnx(
    network: &Network,
    form: OnnxForm,
    precision: Precision,
    metadata: &HashMap<String, String>,
    path: &Path,
) -> Result<Vec<u8>, ModelError> {
    form.check()?;
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
    let mut nodes = OnnxNodes { opset: form.opset, ..Default::default() };
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
        ir_version: form.ir_version(),
        producer_name: "distill".to_owned(),
        producer_version: env!("CARGO_PKG_VERSION").to_owned(),
        graph: Some(GraphProto {
            node: nodes.nodes,
            name: "network".to_owned(),
            initializer: nodes.constants,
            input: vec![ValueInfo::batch(INPUT, form.batch, &image)],
            output: vec![ValueInfo::batch(OUTPUT, form.batch, &[graph.signature().output.width()])],
        }),
        opset_import: vec![OperatorSet { domain: String::new(), version: form.opset.into() }],
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
