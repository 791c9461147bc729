//! Operators of onnxruntime's QOperator format, against numbers that quantisation keeps.

use super::{bytes, file, flat, integers::vector, logits};
use crate::{
    Signature,
    graph::OnnxNodes,
    proto::{Attribute, FLOAT, INT32, TensorProto},
};

#[test]
fn operators_between_quantised_values_are_their_own_in_floats() {
    // `image` is quantised in steps of 0.5 around 10, results in steps of 0.25 around 50.
    let images = [0.0, 1.0, -1.5, 3.5, 4.0, -4.5, 0.5, 7.0];
    let expect = |f: &dyn Fn(f32) -> f32| images.map(f).to_vec();
    let blocks: Vec<f32> = vec![3.5, 7.0];
    let sum = ["q", "a", "az", "q", "a", "az", "b", "bz"];
    let map = ["q", "a", "az", "b", "bz"];
    for (kind, inputs, expected) in [
        ("QLinearAdd", &sum[..], expect(&|x| x + x)),
        ("QLinearMul", &sum[..], expect(&|x| x * x)),
        ("QLinearLeakyRelu", &map[..], expect(&|x| if x < 0.0 { 0.5 * x } else { x })),
        ("QLinearConcat", &["b", "bz", "q", "a", "az"][..], images.to_vec()),
        ("QLinearGlobalAveragePool", &map[..], vec![0.75, 1.75]),
        ("QLinearAveragePool", &map[..], vec![0.75, 1.75]),
        ("MaxPool", &["q"][..], blocks),
    ] {
        let mut nodes = OnnxNodes::default();
        for (name, step) in [("a", 0.5_f32), ("b", 0.25)] {
            let step = TensorProto {
                dims: vec![],
                ..vector(name, FLOAT, [step.to_le_bytes()].into_iter())
            };
            nodes.constants.push(step);
        }
        nodes.constants.push(bytes("az", &[], vec![10]));
        nodes.constants.push(bytes("bz", &[], vec![50]));
        nodes.node("QuantizeLinear", &["image", "a", "az"], "q".to_owned(), Vec::new());
        let mut attributes = match kind {
            "QLinearLeakyRelu" => vec![Attribute::float("alpha", 0.5)],
            "QLinearConcat" => vec![Attribute::int("axis", 1)],
            "QLinearAveragePool" | "MaxPool" => Attribute::window(2, 1, 0),
            _ => vec![],
        };
        if kind.ends_with("AveragePool") {
            attributes.push(Attribute::int("channels_last", 0));
        }
        nodes.node(kind, inputs, "r".to_owned(), attributes);
        if kind == "MaxPool" {
            // In a file of such operators it is over bytes.
            nodes.node("QLinearAdd", &sum, "other".to_owned(), Vec::new());
        }
        let scale = if kind == "MaxPool" { ["r", "a", "az"] } else { ["r", "b", "bz"] };
        nodes.node("DequantizeLinear", &scale, "value".to_owned(), Vec::new());
        flat(&mut nodes, "value");
        let signature = Signature::images([2, 2, 2], expected.len());
        let given = logits(&file(nodes, 17, None, [2, 2, 2]), &images, &signature).unwrap();
        assert_eq!(given, expected, "{kind}");
    }
}

#[test]
fn quantised_products_have_scales_by_column() {
    // `[1, 2] · [[2, 4], [6, 8]]` with columns in steps of 2 and 0.5, and a bias in steps of their own.
    let images = [1.0, 2.0];
    for (kind, weights, transposed) in [
        ("QLinearMatMul", vec![1, 8, 3, 16], false),
        ("QGemm", vec![1, 8, 3, 16], false),
        ("QGemm", vec![1, 3, 8, 16], true),
    ] {
        let mut nodes = OnnxNodes::default();
        nodes.float("x", "s", 1.0);
        nodes.constants.push(vector(
            "w.s",
            FLOAT,
            [2.0_f32, 0.5].map(f32::to_le_bytes).into_iter(),
        ));
        nodes.constants.push(bytes("w.z", &[2], vec![0, 0]));
        nodes.constants.push(bytes("x.z", &[], vec![0]));
        nodes.constants.push(bytes("w", &[2, 2], weights));
        nodes.constants.push(vector("c", INT32, [5_i32, 4].map(i32::to_le_bytes).into_iter()));
        let axis = vec![Attribute::int("axis", 1)];
        nodes.node("Flatten", &["image"], "row".to_owned(), axis);
        nodes.node("QuantizeLinear", &["row", "x.s", "x.z"], "x".to_owned(), Vec::new());
        let mut inputs = vec!["x", "x.s", "x.z", "w", "w.s", "w.z"];
        let mut attributes = Vec::new();
        if kind == "QGemm" {
            inputs.push("c");
            attributes = vec![Attribute::int("transB", transposed.into())];
        }
        inputs.extend(["x.s", "x.z"]);
        nodes.node(kind, &inputs, "y".to_owned(), attributes);
        flat(&mut nodes, "y");
        let given =
            logits(&file(nodes, 17, None, [1, 1, 2]), &images, &Signature::images([1, 1, 2], 2));
        let bias = if kind == "QGemm" { [10.0, 2.0] } else { [0.0; 2] };
        assert_eq!(given.unwrap(), [14.0 + bias[0], 20.0 + bias[1]], "{kind}, {transposed}");
    }
}
