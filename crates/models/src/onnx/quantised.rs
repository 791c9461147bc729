//! Operators of quantised networks, as the same computation in `f32`: exact while sums of products stay below
//! 2²⁴, and rounded like any sum above.

use crate::{
    graph::OnnxNodes,
    proto::{Attribute, FLOAT, INT32, NodeProto},
};

/// Writes an operator on integers in others, or gives it back where it is none or not known.
pub(super) fn in_floats(node: NodeProto, nodes: &mut OnnxNodes) -> Option<NodeProto> {
    let channels_last = node.integer("channels_last").is_some_and(|last| last != 0);
    match node.op_type.as_str() {
        _ if channels_last => return Some(node),
        "ConvInteger" => integer_conv(&node, nodes),
        "MatMulInteger" => integer_product(&node, nodes),
        "QLinearConv" => conv(&node, nodes),
        "QLinearMatMul" => {
            let inputs =
                [dequantised(&node, 0, None, nodes), dequantised(&node, 3, Some(-1), nodes)];
            quantised(&node, "MatMul", &inputs, Vec::new(), 6, nodes);
        }
        "QLinearAdd" | "QLinearMul" => {
            let inputs = [0, 3].map(|at| dequantised(&node, at, None, nodes));
            quantised(&node, &node.op_type[7..], &inputs, Vec::new(), 6, nodes);
        }
        "QLinearAveragePool"
        | "QLinearGlobalAveragePool"
        | "QLinearSigmoid"
        | "QLinearLeakyRelu" => {
            let inputs = [dequantised(&node, 0, None, nodes)];
            let mut attributes = node.attribute.clone();
            attributes.retain(|attribute| attribute.name != "channels_last");
            quantised(&node, &node.op_type[7..], &inputs, attributes, 3, nodes);
        }
        "QLinearConcat" => {
            let parts = (2..node.input.len()).step_by(3);
            let inputs: Vec<String> = parts.map(|at| dequantised(&node, at, None, nodes)).collect();
            quantised(&node, "Concat", &inputs, node.attribute.clone(), 0, nodes);
        }
        "QGemm" => gemm(&node, nodes),
        _ => return Some(node),
    }
    None
}

/// `x`, its scale and zero point, the same of the weights and of the result, and perhaps a bias.
fn conv(node: &NodeProto, nodes: &mut OnnxNodes) {
    let mut inputs = vec![dequantised(node, 0, None, nodes), dequantised(node, 3, Some(0), nodes)];
    if !node.input(8).is_empty() {
        inputs.push(bias(node, 8, [1, 4], None, nodes));
    }
    quantised(node, "Conv", &inputs, node.attribute.clone(), 6, nodes);
}

/// As of [`conv`], the bias before the scale of the result, which may be left out with its zero point.
fn gemm(node: &NodeProto, nodes: &mut OnnxNodes) {
    let transposed = node.integer("transB").is_some_and(|transposed| transposed != 0);
    let by_column = if transposed { 0 } else { 1 };
    let columns = dequantised(node, 3, Some(by_column), nodes);
    let mut inputs = vec![dequantised(node, 0, None, nodes), columns];
    if !node.input(6).is_empty() {
        let alpha = node.attribute("alpha").and_then(|it| it.f);
        inputs.push(bias(node, 6, [1, 4], alpha, nodes));
    }
    if node.input(7).is_empty() {
        let inputs: Vec<&str> = inputs.iter().map(String::as_str).collect();
        nodes.node("Gemm", &inputs, node.output().to_owned(), node.attribute.clone());
    } else {
        quantised(node, "Gemm", &inputs, node.attribute.clone(), 7, nodes);
    }
}

/// A bias of 32-bit integers, whose step is the product of both scales and of `alpha`.
fn bias(
    node: &NodeProto,
    at: usize,
    scales: [usize; 2],
    alpha: Option<f32>,
    nodes: &mut OnnxNodes,
) -> String {
    let name = |what: &str| node.part(what);
    let scales = scales.map(|at| node.input(at));
    let mut step = nodes.node("Mul", &scales, name("bias_step"), Vec::new());
    if let Some(alpha) = alpha.filter(|alpha| *alpha != 1.0) {
        let alpha = nodes.float(&name("bias"), "alpha", alpha);
        step = nodes.node("Mul", &[&step, &alpha], name("bias_steps"), Vec::new());
    }
    let float = cast(node.input(at), name("bias_float"), FLOAT, nodes);
    nodes.node("Mul", &[&float, &step], name("bias"), Vec::new())
}

/// The input at this place with its scale and zero point behind it; by `axis` where they are vectors.
fn dequantised(node: &NodeProto, at: usize, axis: Option<i64>, nodes: &mut OnnxNodes) -> String {
    let inputs = scaled(node, node.input(at), at + 1);
    let axis = axis.map(|axis| Attribute::int("axis", axis)).into_iter().collect();
    let name = node.part(&format!("{at}.float"));
    nodes.node("DequantizeLinear", &inputs, name, axis)
}

/// The node of this kind in `f32`, its result quantised by the scale and zero point at `at`.
fn quantised(
    node: &NodeProto,
    kind: &str,
    inputs: &[String],
    attributes: Vec<Attribute>,
    at: usize,
    nodes: &mut OnnxNodes,
) {
    let output = node.output();
    let inputs: Vec<&str> = inputs.iter().map(String::as_str).collect();
    let float = nodes.node(kind, &inputs, node.part("float"), attributes);
    let inputs = scaled(node, &float, at);
    nodes.node("QuantizeLinear", &inputs, output.to_owned(), Vec::new());
}

/// A value, the scale at `at` and the zero point behind it, where there is one.
fn scaled<'a>(node: &'a NodeProto, value: &'a str, at: usize) -> Vec<&'a str> {
    let mut inputs = vec![value, node.input(at)];
    inputs.extend(Some(node.input(at + 1)).filter(|zero| !zero.is_empty()));
    inputs
}

/// The runtime's own is wrong for windows larger than one pixel, steps and groups.
fn integer_conv(node: &NodeProto, nodes: &mut OnnxNodes) {
    let rank = node.attribute("kernel_shape");
    let rank = rank.map_or(2, |window| window.ints.len());
    let of_channels = [vec![-1], vec![1; rank + 1]].concat();
    let image = shifted(node, [0, 2], None, nodes);
    let weight = shifted(node, [1, 3], Some(&of_channels), nodes);
    let sums = nodes.node("Conv", &[&image, &weight], node.part("sums"), node.attribute.clone());
    cast(&sums, node.output().to_owned(), INT32, nodes);
}

/// The runtime's own is wrong for zero points by column.
fn integer_product(node: &NodeProto, nodes: &mut OnnxNodes) {
    let rows = shifted(node, [0, 2], Some(&[-1, 1]), nodes);
    let columns = shifted(node, [1, 3], None, nodes);
    let sums = nodes.node("MatMul", &[&rows, &columns], node.part("sums"), Vec::new());
    cast(&sums, node.output().to_owned(), INT32, nodes);
}

/// An input in `f32` less its zero point, which is brought into `shape` first.
fn shifted(
    node: &NodeProto,
    [value, zero]: [usize; 2],
    shape: Option<&[i64]>,
    nodes: &mut OnnxNodes,
) -> String {
    let name = |what: &str| node.part(&format!("{value}.{what}"));
    let float = cast(node.input(value), name("float"), FLOAT, nodes);
    let zero = node.input(zero);
    if zero.is_empty() {
        return float;
    }
    let mut zero = cast(zero, name("zero"), FLOAT, nodes);
    if let Some(shape) = shape {
        zero = nodes.reshape(&zero, name("zeros"), shape);
    }
    nodes.node("Sub", &[&float, &zero], name("shifted"), Vec::new())
}

pub(super) fn cast(input: &str, output: String, kind: i32, nodes: &mut OnnxNodes) -> String {
    nodes.node("Cast", &[input], output, vec![Attribute::int("to", kind.into())])
}
