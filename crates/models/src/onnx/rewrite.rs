//! Operators that the runtime computes otherwise than ONNX defines them: written in others that it computes
//! right, or refused.

use std::{collections::HashMap, mem::take};

use super::quantised::{cast, in_floats};
use crate::{
    graph::OnnxNodes,
    proto::{Attribute, BOOL, FLOAT, GraphProto, Model, NodeProto},
};

/// What is refused, and what would be read.
#[derive(Debug)]
pub(super) struct Refused {
    pub(super) problem: String,
    pub(super) expected: &'static str,
}

/// Writes the operators of a network so that rten 0.27 computes what ONNX defines.
///
/// # Errors
/// [`Refused`] names an operator that it would compute otherwise.
pub(super) fn rewrite(model: &mut Model) -> Result<(), Refused> {
    let own = |domain: &str| domain.is_empty() || domain == "ai.onnx";
    let version = model.opset_import.iter().find(|set| own(&set.domain)).map(|set| set.version);
    let Some(graph) = &mut model.graph else { return Ok(()) };
    let shapes = shapes(graph);
    let is_quantised = graph.node.iter().any(|node| node.op_type.starts_with("QLinear"));
    let mut nodes = OnnxNodes::default();
    for mut node in take(&mut graph.node) {
        if node.name.is_empty() {
            // The runtime's messages name a node and not its operator.
            node.name = format!("{} of {}", node.op_type, node.output());
        }
        if let Some(problem) = problem(&node, &shapes) {
            let problem = format!("`{}` (`{}`): {problem}", node.op_type, node.name);
            return Err(Refused { problem, expected: AS_DEFINED });
        }
        if node.op_type.contains("Conv") {
            node = with_kernel_shape(node, &shapes);
        }
        let Some(node) = in_floats(node, &mut nodes) else { continue };
        if node.op_type.starts_with('Q') && node.op_type != "QuantizeLinear" {
            let problem = format!("the operator `{}` is not supported", node.op_type);
            return Err(Refused { problem, expected: QDQ });
        }
        if !own(&node.domain) {
            nodes.nodes.push(node);
            continue;
        }
        match node.op_type.as_str() {
            "Softmax" | "LogSoftmax" if version.is_some_and(|version| version < 13) => {
                flat_softmax(node, &mut nodes);
            }
            "MaxPool" if is_quantised => max_of_bytes(node, &mut nodes),
            "Cast" if node.integer("to") == Some(BOOL.into()) => is_not_zero(&node, &mut nodes),
            _ => nodes.nodes.push(node),
        }
    }
    graph.node = nodes.nodes;
    graph.initializer.extend(nodes.constants);
    Ok(())
}

const AS_DEFINED: &str = "operators that the runtime (rten) computes as ONNX defines them";
const QDQ: &str = "a quantised network of `QuantizeLinear` and `DequantizeLinear` \
     (`quant_format=QuantFormat.QDQ` in onnxruntime's `quantize_static`)";

/// Shapes of the constants, by name.
fn shapes(graph: &GraphProto) -> HashMap<String, Vec<i64>> {
    let weights = graph.initializer.iter().map(|tensor| (tensor.name.as_str(), tensor));
    let constants = graph.node.iter().filter(|node| node.op_type == "Constant");
    let constants =
        constants.filter_map(|node| Some((node.output(), node.attribute("value")?.t.as_ref()?)));
    let all = weights.chain(constants);
    all.map(|(name, tensor)| (name.to_owned(), tensor.dims.clone())).collect()
}

/// Why the runtime would give something else than ONNX defines, or cannot be asked.
fn problem(node: &NodeProto, shapes: &HashMap<String, Vec<i64>>) -> Option<&'static str> {
    let text = |name| node.attribute(name).and_then(|it| it.s.as_deref());
    let is = |name, value: &str| text(name) == Some(value.as_bytes());
    let vector = node.input.get(1).and_then(|name| shapes.get(name)).map(Vec::len) == Some(1);
    match node.op_type.as_str() {
        _ if node.attribute.iter().any(|attribute| attribute.g.is_some()) => {
            Some("a graph inside a graph is not supported")
        }
        _ if is("auto_pad", "SAME_LOWER") => {
            Some("the runtime computes `auto_pad = SAME_LOWER` as SAME_UPPER")
        }
        "Resize" | "Upsample" if is("mode", "cubic") => {
            Some("the runtime computes `mode = cubic` as linear")
        }
        "MatMul" if vector => Some("the runtime gives a product with a vector another shape"),
        "Sign" => Some("the runtime gives 1 for 0"),
        "BitCast" | "NonMaxSuppression" => Some("the runtime computes it otherwise"),
        _ => None,
    }
}

/// A convolution that says its window, which may be left to the shape of its weights.
fn with_kernel_shape(mut node: NodeProto, shapes: &HashMap<String, Vec<i64>>) -> NodeProto {
    let at = if node.op_type == "QLinearConv" { 3 } else { 1 };
    let weight = node.input.get(at).and_then(|name| shapes.get(name));
    let named = node.attribute("kernel_shape").is_some();
    if let (false, Some([_, _, window @ ..])) = (named, weight.map(Vec::as_slice)) {
        node.attribute.push(Attribute::integers("kernel_shape", window.to_vec()));
    }
    node
}

/// Softmax of before opset 13: over all dimensions from `axis` on. The runtime's is over that one alone.
fn flat_softmax(node: NodeProto, nodes: &mut OnnxNodes) {
    let axis = node.integer("axis").unwrap_or(1);
    let (input, output) = (node.input(0), node.output());
    if axis == -1 {
        nodes.nodes.push(node);
        return;
    }
    let axis = vec![Attribute::int("axis", axis)];
    let flat = nodes.node("Flatten", &[input], node.part("flat"), axis);
    let last = vec![Attribute::int("axis", -1)];
    let softmax = nodes.node(&node.op_type, &[&flat], node.part("softmax"), last);
    let shape = nodes.node("Shape", &[input], node.part("shape"), Vec::new());
    nodes.node("Reshape", &[&softmax, &shape], output.to_owned(), Vec::new());
}

/// Max pooling of what may be bytes, which the runtime's does not take.
fn max_of_bytes(node: NodeProto, nodes: &mut OnnxNodes) {
    let float = cast(node.input(0), node.part("float"), FLOAT, nodes);
    let largest = nodes.node("MaxPool", &[&float], node.part("max"), node.attribute.clone());
    nodes.node("CastLike", &[&largest, node.input(0)], node.output().to_owned(), Vec::new());
}

/// A cast to truth values. The runtime's keeps numbers other than 0 and 1.
fn is_not_zero(node: &NodeProto, nodes: &mut OnnxNodes) {
    let output = node.output();
    let float = cast(node.input(0), node.part("float"), FLOAT, nodes);
    let zero = nodes.float(output, "zero", 0.0);
    let is_zero = nodes.node("Equal", &[&float, &zero], node.part("is_zero"), Vec::new());
    nodes.node("Not", &[&is_zero], output.to_owned(), Vec::new());
}
