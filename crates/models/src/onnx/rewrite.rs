//! Operators that the runtime computes otherwise than ONNX defines them: written in others that it computes
//! right, or refused.

use std::{collections::HashMap, mem::take};

use crate::{
    graph::OnnxNodes,
    proto::{Attribute, BOOL, FLOAT, INT32, Model, NodeProto},
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
    let tensors = graph.initializer.iter();
    let shapes: HashMap<String, Vec<i64>> =
        tensors.map(|tensor| (tensor.name.clone(), tensor.dims.clone())).collect();
    let mut nodes = OnnxNodes::default();
    for mut node in take(&mut graph.node) {
        if node.name.is_empty() {
            // The runtime's messages name a node and not its operator.
            node.name = format!("{} of {}", node.op_type, text(node.output.first()));
        }
        if let Some(problem) = problem(&node, &shapes) {
            let problem = format!("`{}` (`{}`): {problem}", node.op_type, node.name);
            return Err(Refused { problem, expected: AS_DEFINED });
        }
        if node.op_type.starts_with("QLinear") || node.op_type == "QGemm" {
            let problem = format!("the operator `{}` is not supported", node.op_type);
            return Err(Refused { problem, expected: QDQ });
        }
        if !own(&node.domain) {
            nodes.nodes.push(node);
            continue;
        }
        match node.op_type.as_str() {
            "Conv" | "ConvTranspose" => nodes.nodes.push(with_kernel_shape(node, &shapes)),
            "ConvInteger" => integer_conv(with_kernel_shape(node, &shapes), &mut nodes),
            "MatMulInteger" => integer_product(&node, &mut nodes),
            "Softmax" | "LogSoftmax" if version.is_some_and(|version| version < 13) => {
                flat_softmax(node, &mut nodes);
            }
            "Cast" if integer(&node, "to") == Some(BOOL.into()) => is_not_zero(&node, &mut nodes),
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

/// Why the runtime would give something else than ONNX defines, or cannot be asked.
fn problem(node: &NodeProto, shapes: &HashMap<String, Vec<i64>>) -> Option<&'static str> {
    let is = |name, value: &str| string(node, name) == Some(value.as_bytes());
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
    let weight = node.input.get(1).and_then(|name| shapes.get(name));
    let named = node.attribute.iter().any(|attribute| attribute.name == "kernel_shape");
    if let (false, Some([_, _, window @ ..])) = (named, weight.map(Vec::as_slice)) {
        node.attribute.push(Attribute::integers("kernel_shape", window.to_vec()));
    }
    node
}

/// A convolution of integers in `f32`: exact while the sums stay below 2²⁴, and rounded like any convolution
/// above. The runtime's own is wrong for windows larger than one pixel, steps and groups.
fn integer_conv(node: NodeProto, nodes: &mut OnnxNodes) {
    let rank = node.attribute.iter().find(|it| it.name == "kernel_shape");
    let rank = rank.map_or(2, |window| window.ints.len());
    let of_channels = [vec![-1], vec![1; rank + 1]].concat();
    let image = shifted(&node, [0, 2], None, nodes);
    let weight = shifted(&node, [1, 3], Some(&of_channels), nodes);
    let output = text(node.output.first());
    let sums = nodes.node("Conv", &[&image, &weight], part(output, "sums"), node.attribute);
    cast(&sums, output.to_owned(), INT32, nodes);
}

/// A product of integers in `f32`. The runtime's own is wrong for zero points by column.
fn integer_product(node: &NodeProto, nodes: &mut OnnxNodes) {
    let rows = shifted(node, [0, 2], Some(&[-1, 1]), nodes);
    let columns = shifted(node, [1, 3], None, nodes);
    let output = text(node.output.first());
    let sums = nodes.node("MatMul", &[&rows, &columns], part(output, "sums"), Vec::new());
    cast(&sums, output.to_owned(), INT32, nodes);
}

/// An input in `f32` less its zero point, which is brought into `shape` first.
fn shifted(
    node: &NodeProto,
    [value, zero]: [usize; 2],
    shape: Option<&[i64]>,
    nodes: &mut OnnxNodes,
) -> String {
    let output = text(node.output.first());
    let name = |what: &str| part(output, &format!("{value}.{what}"));
    let float = cast(text(node.input.get(value)), name("float"), FLOAT, nodes);
    let zero = text(node.input.get(zero));
    if zero.is_empty() {
        return float;
    }
    let mut zero = cast(zero, name("zero"), FLOAT, nodes);
    if let Some(shape) = shape {
        zero = nodes.reshape(&zero, name("zeros"), shape);
    }
    nodes.node("Sub", &[&float, &zero], name("shifted"), Vec::new())
}

/// Softmax of before opset 13: over all dimensions from `axis` on. The runtime's is over that one alone.
fn flat_softmax(node: NodeProto, nodes: &mut OnnxNodes) {
    let axis = integer(&node, "axis").unwrap_or(1);
    let (input, output) = (text(node.input.first()), text(node.output.first()));
    if axis == -1 {
        nodes.nodes.push(node);
        return;
    }
    let axis = vec![Attribute::int("axis", axis)];
    let flat = nodes.node("Flatten", &[input], part(output, "flat"), axis);
    let last = vec![Attribute::int("axis", -1)];
    let softmax = nodes.node(&node.op_type, &[&flat], part(output, "softmax"), last);
    let shape = nodes.node("Shape", &[input], part(output, "shape"), Vec::new());
    nodes.node("Reshape", &[&softmax, &shape], output.to_owned(), Vec::new());
}

/// A cast to truth values. The runtime's keeps numbers other than 0 and 1.
fn is_not_zero(node: &NodeProto, nodes: &mut OnnxNodes) {
    let output = text(node.output.first());
    let float = cast(text(node.input.first()), part(output, "float"), FLOAT, nodes);
    let zero = nodes.float(output, "zero", 0.0);
    let is_zero = nodes.node("Equal", &[&float, &zero], part(output, "is_zero"), Vec::new());
    nodes.node("Not", &[&is_zero], output.to_owned(), Vec::new());
}

fn cast(input: &str, output: String, kind: i32, nodes: &mut OnnxNodes) -> String {
    nodes.node("Cast", &[input], output, vec![Attribute::int("to", kind.into())])
}

/// Name of a value on the way to `output`.
fn part(output: &str, what: &str) -> String {
    format!("{output}.{what}")
}

fn text(name: Option<&String>) -> &str {
    name.map_or("", String::as_str)
}

fn integer(node: &NodeProto, name: &str) -> Option<i64> {
    node.attribute.iter().find(|attribute| attribute.name == name)?.i
}

fn string<'a>(node: &'a NodeProto, name: &str) -> Option<&'a [u8]> {
    node.attribute.iter().find(|attribute| attribute.name == name)?.s.as_deref()
}
