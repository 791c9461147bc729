//! ONNX files of other programs, as small graphs with results computed by hand.

mod integers;
mod quantised;

use std::{fs, path::Path};

use prost::Message;

use super::OnnxNetwork;
use crate::{
    ModelError, Signature,
    graph::OnnxNodes,
    proto::{
        Attribute, FLOAT, GraphProto, INT32, Model, OperatorSet, Property, TensorProto, ValueInfo,
    },
};

const UINT8: i32 = 2;

/// A graph from `image`, `[batch, dims...]`, to `logits`.
fn file(nodes: OnnxNodes, opset: i64, batch: Option<usize>, dims: [usize; 3]) -> Model {
    Model {
        ir_version: 8,
        graph: Some(GraphProto {
            node: nodes.nodes,
            initializer: nodes.constants,
            input: vec![ValueInfo::batch("image", batch, &dims)],
            output: vec![ValueInfo { name: "logits".to_owned(), kind: None }],
            ..Default::default()
        }),
        opset_import: vec![OperatorSet { domain: String::new(), version: opset }],
        ..Default::default()
    }
}

fn logits(model: &Model, images: &[f32], signature: &Signature) -> Result<Vec<f32>, ModelError> {
    OnnxNetwork::from_bytes(model.encode_to_vec(), Path::new("other.onnx"))?
        .logits(images, signature)
}

fn bytes(name: &str, dims: &[i64], data: Vec<u8>) -> TensorProto {
    let (name, raw_data) = (name.to_owned(), Some(data));
    TensorProto { name, dims: dims.to_vec(), data_type: UINT8, raw_data, ..Default::default() }
}

/// Logits of what a node gives, flat and in `f32`.
fn flat(nodes: &mut OnnxNodes, value: &str) {
    let cast = vec![Attribute::int("to", FLOAT.into())];
    let float = nodes.node("Cast", &[value], "float".to_owned(), cast);
    let axis = vec![Attribute::int("axis", 1)];
    nodes.node("Flatten", &[&float], "logits".to_owned(), axis);
}

/// One node between the image and the logits.
fn one(kind: &str, inputs: &[&str], attributes: Vec<Attribute>) -> OnnxNodes {
    let mut nodes = OnnxNodes::default();
    nodes.node(kind, inputs, "value".to_owned(), attributes);
    flat(&mut nodes, "value");
    nodes
}

#[test]
fn softmax_of_old_files_is_over_all_dimensions_behind_the_axis() {
    let images: Vec<f32> = (0..8).map(|index| index as f32 / 4.0).collect();
    let signature = Signature::images([2, 2, 2], 8);
    let total: f32 = images.iter().map(|x| x.exp()).sum();
    for (opset, attributes, groups) in [
        (11, vec![], 1),
        (11, vec![Attribute::int("axis", 1)], 1),
        (12, vec![Attribute::int("axis", 2)], 2),
        (11, vec![Attribute::int("axis", -1)], 4),
        (13, vec![], 4),
    ] {
        let model = file(one("Softmax", &["image"], attributes), opset, None, [2, 2, 2]);
        let given = logits(&model, &images, &signature).unwrap();
        for (index, group) in given.chunks(8 / groups).enumerate() {
            let sum: f32 = group.iter().sum();
            assert!((sum - 1.0).abs() < 1e-6, "opset {opset}, group {index}: {given:?}");
        }
        if groups == 1 {
            assert!((given[7] - images[7].exp() / total).abs() < 1e-6, "{given:?}");
        }
    }
}

#[test]
fn truth_values_are_0_and_1() {
    let nodes = one("Cast", &["image"], vec![Attribute::int("to", 9)]);
    let model = file(nodes, 17, None, [1, 2, 2]);
    let given = logits(&model, &[0.0, 0.5, -3.0, 1.0], &Signature::images([1, 2, 2], 4)).unwrap();
    assert_eq!(given, [0.0, 1.0, 1.0, 1.0]);
}

#[test]
fn operators_that_would_be_computed_wrong_are_refused_by_name() {
    let text = |name: &str, value: &str| Attribute {
        name: name.to_owned(),
        s: Some(value.as_bytes().to_vec()),
        kind: 3,
        ..Default::default()
    };
    let lower = [Attribute::window(2, 1, 0), vec![text("auto_pad", "SAME_LOWER")]].concat();
    let inner = Attribute { name: "then_branch".to_owned(), kind: 5, ..Default::default() };
    let inner = Attribute { g: Some(Box::default()), ..inner };
    for (kind, inputs, attributes, expected) in [
        ("MaxPool", vec!["image"], lower, "SAME_LOWER"),
        ("Resize", vec!["image", "", "scales"], vec![text("mode", "cubic")], "cubic"),
        ("Sign", vec!["image"], vec![], "1 for 0"),
        ("If", vec!["image"], vec![inner], "graph inside a graph"),
        ("MatMul", vec!["image", "vector"], vec![], "vector"),
        ("QLinearSoftmax", vec!["image"], vec![], "QuantFormat.QDQ"),
        ("QAttention", vec!["image"], vec![], "not supported"),
        ("LRN", vec!["image"], vec![], "not supported"),
    ] {
        let mut nodes = one(kind, &inputs, attributes);
        nodes.constants.push(TensorProto {
            dims: vec![2],
            data_type: FLOAT,
            name: "vector".to_owned(),
            float_data: vec![1.0, 2.0],
            ..Default::default()
        });
        let model = file(nodes, 17, None, [1, 2, 2]);
        let error = logits(&model, &[0.0; 4], &Signature::images([1, 2, 2], 4)).unwrap_err();
        let error = error.to_string();
        for word in ["other.onnx", kind, expected] {
            assert!(error.contains(word), "{word} in {error}");
        }
    }
}

#[test]
fn another_domain_is_another_operator() {
    let mut nodes = one("Relu", &["image"], vec![]);
    nodes.nodes[0].domain = "com.other".to_owned();
    let model = file(nodes, 17, None, [1, 2, 2]);
    let error = logits(&model, &[0.0; 4], &Signature::images([1, 2, 2], 4)).unwrap_err();
    assert!(error.to_string().contains("not supported"), "{error}");
}

#[test]
fn a_fixed_batch_takes_any_number_of_images() {
    let images: Vec<f32> = (0..20).map(|index| index as f32 - 7.0).collect();
    let signature = Signature::images([1, 2, 2], 4);
    let relu = |batch| file(one("Relu", &["image"], vec![]), 17, batch, [1, 2, 2]);
    let expected: Vec<f32> = images.iter().map(|x| x.max(0.0)).collect();
    for batch in [None, Some(1), Some(2), Some(5), Some(8)] {
        assert_eq!(logits(&relu(batch), &images, &signature).unwrap(), expected, "{batch:?}");
    }
    let network = OnnxNetwork::from_bytes(relu(Some(2)).encode_to_vec(), Path::new("a.onnx"));
    assert_eq!(network.unwrap().image(), Some([1, 2, 2]));

    let larger = Signature::images([1, 4, 4], 4);
    let error = logits(&relu(Some(2)), &[0.0; 16], &larger).unwrap_err().to_string();
    assert!(error.contains("[2, 1, 2, 2]") && error.contains("[batch, 1, 4, 4]"), "{error}");
    let error = logits(&relu(Some(1 << 40)), &images, &signature).unwrap_err().to_string();
    assert!(error.contains("fixed at"), "{error}");
    let mut integers = relu(None);
    let input = &mut integers.graph.as_mut().unwrap().input[0];
    input.kind.as_mut().unwrap().tensor.as_mut().unwrap().element = INT32;
    let error = logits(&integers, &images, &signature).unwrap_err().to_string();
    assert!(error.contains("of integers"), "{error}");
}

#[test]
fn weights_in_another_file_are_read_or_it_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("network.onnx");
    let entry = |key: &str, value: &str| Property { key: key.into(), value: value.into() };
    let write = |location: &str, more: &[Property]| {
        let mut nodes = one("Add", &["image", "shift"], vec![]);
        nodes.constants.push(TensorProto {
            dims: vec![1],
            data_type: FLOAT,
            name: "shift".to_owned(),
            external_data: [&[entry("location", location)], more].concat(),
            data_location: Some(1),
            ..Default::default()
        });
        fs::write(&path, file(nodes, 17, None, [1, 2, 2]).encode_to_vec()).unwrap();
        OnnxNetwork::load(&path)
    };
    let place = |offset: &str| [entry("offset", offset), entry("length", "4")];
    let error = write("network.onnx.data", &place("0")).unwrap_err().to_string();
    assert!(error.contains("network.onnx.data") && error.contains("No such file"), "{error}");

    let numbers = [1.0_f32, 2.5].map(f32::to_le_bytes).concat();
    fs::write(folder.path().join("network.onnx.data"), numbers).unwrap();
    for (more, shift) in
        [(&place("4")[..], 2.5), (&place("0"), 1.0), (&[entry("offset", "4")], 2.5)]
    {
        let network = write("network.onnx.data", more).unwrap();
        let given = network.logits(&[1.0; 4], &Signature::images([1, 2, 2], 4)).unwrap();
        assert_eq!(given, [1.0 + shift; 4]);
    }
    for (location, offset, expected) in [
        ("network.onnx.data", "5", "which has 8"),
        ("network.onnx.data", "18446744073709551615", "which has 8"),
        ("network.onnx.data", "-1", "not a number"),
        ("../network.onnx.data", "0", "outside the folder"),
        ("/etc/hostname", "0", "outside the folder"),
    ] {
        let error = write(location, &place(offset)).unwrap_err().to_string();
        assert!(error.contains(expected), "{expected} in {error}");
    }
}

#[test]
fn a_softmax_in_the_end_gives_probabilities_and_a_sigmoid_is_refused() {
    let ending = |kind: &str| {
        let mut nodes = OnnxNodes::default();
        nodes.node("Flatten", &["image"], "flat".to_owned(), vec![Attribute::int("axis", 1)]);
        nodes.node(kind, &["flat"], "logits".to_owned(), Vec::new());
        file(nodes, 13, None, [1, 1, 3])
    };
    let signature = Signature::images([1, 1, 3], 3);
    let rows = logits(&ending("Softmax"), &[1.0, 2.0, 4.0], &signature).unwrap();
    let sum: f32 = [1.0_f32, 2.0, 4.0].iter().map(|value| value.exp()).sum();
    for (ours, value) in rows.iter().zip([1.0, 2.0, 4.0]) {
        assert!((ours - (value - sum.ln())).abs() < 1e-5, "{rows:?}");
    }
    let error = logits(&ending("Sigmoid"), &[1.0, 2.0, 4.0], &signature).unwrap_err();
    assert!(error.to_string().contains("a sigmoid in the end"), "{error}");
}
