//! Operators on integers, against sums of integers.

use super::{UINT8, bytes, file, flat, logits};
use crate::{
    Signature,
    graph::OnnxNodes,
    proto::{Attribute, FLOAT, INT32, TensorProto},
};

struct Case {
    channels: usize,
    outputs: usize,
    kernel: usize,
    stride: usize,
    padding: usize,
    groups: usize,
}

const SIDE: usize = 5;

#[test]
fn integer_convolutions_are_exact() {
    let case = |channels, outputs, kernel, stride, padding, groups| Case {
        channels,
        outputs,
        kernel,
        stride,
        padding,
        groups,
    };
    for (case, states_window) in [
        (case(3, 8, 1, 1, 0, 1), true),
        (case(3, 8, 1, 2, 0, 1), true),
        (case(4, 8, 3, 1, 1, 1), true),
        (case(3, 5, 3, 1, 0, 1), false),
        (case(4, 8, 3, 2, 1, 2), false),
        (case(6, 6, 3, 1, 1, 6), true),
        (case(3, 4, 5, 1, 2, 1), true),
    ] {
        for zeros in [vec![], vec![7], integers(case.outputs, 31)] {
            integer_convolution(&case, states_window, &zeros);
        }
        quantised_convolution(&case, states_window);
    }
}

/// Bytes of the images and of the weights.
fn data(case: &Case) -> (Vec<u8>, Vec<u8>) {
    let inner = case.channels / case.groups;
    let weights = integers(case.outputs * inner * case.kernel * case.kernel, 57);
    (integers(2 * case.channels * SIDE * SIDE, 89), weights)
}

/// The convolution's constants, its image as bytes `x`, and its attributes.
fn begin(case: &Case, states_window: bool) -> (OnnxNodes, Vec<Attribute>) {
    let Case { channels, outputs, kernel, stride, padding, groups } = *case;
    let mut nodes = OnnxNodes::default();
    let dims = [outputs, channels / groups, kernel, kernel].map(|side| side as i64);
    nodes.constants.push(bytes("w", &dims, data(case).1));
    nodes.constants.push(bytes("x_zero", &[], vec![IMAGE_ZERO]));
    let to_bytes = vec![Attribute::int("to", UINT8.into())];
    nodes.node("Cast", &["image"], "x".to_owned(), to_bytes);
    let mut attributes = Attribute::window(kernel, stride, padding);
    attributes.retain(|it| states_window || it.name != "kernel_shape");
    attributes.push(Attribute::int("group", groups as i64));
    attributes.push(Attribute::ints("dilations", [1, 1]));
    (nodes, attributes)
}

const IMAGE_ZERO: u8 = 3;

fn integer_convolution(case: &Case, states_window: bool, zeros: &[u8]) {
    let (mut nodes, attributes) = begin(case, states_window);
    let mut inputs = vec!["x", "w", "x_zero"];
    if !zeros.is_empty() {
        let dims = if zeros.len() == 1 { vec![] } else { vec![zeros.len() as i64] };
        nodes.constants.push(bytes("w_zero", &dims, zeros.to_vec()));
        inputs.push("w_zero");
    }
    nodes.node("ConvInteger", &inputs, "sums".to_owned(), attributes);
    flat(&mut nodes, "sums");
    let expected: Vec<f32> = sums(case, zeros).into_iter().map(|sum| sum as f32).collect();
    assert_eq!(answer(case, nodes, expected.len()), expected, "zero points {zeros:?}");
}

/// With scales by channel that are powers of two, so that nothing is rounded but the result.
fn quantised_convolution(case: &Case, states_window: bool) {
    let zeros: Vec<u8> = (0..case.outputs).map(|channel| 120 + channel as u8).collect();
    let scale = |channel: usize| 0.5_f32.powi(channel as i32 % 3);
    let (mut nodes, attributes) = begin(case, states_window);
    nodes.float("x", "scale", 0.25);
    nodes.float("y", "scale", 512.0);
    nodes.constants.push(bytes("y_zero", &[], vec![90]));
    nodes.constants.push(bytes("w_zero", &[case.outputs as i64], zeros.clone()));
    nodes.constants.push(vector(
        "w_scale",
        FLOAT,
        (0..case.outputs).map(|c| scale(c).to_le_bytes()),
    ));
    let bias = |channel: usize| 100 * channel as i32 - 150;
    nodes.constants.push(vector("bias", INT32, (0..case.outputs).map(|c| bias(c).to_le_bytes())));
    let inputs = ["x", "x.scale", "x_zero", "w", "w_scale", "w_zero", "y.scale", "y_zero", "bias"];
    nodes.node("QLinearConv", &inputs, "y".to_owned(), attributes);
    flat(&mut nodes, "y");
    let sums = sums(case, &zeros);
    let side = sums.len() / (2 * case.outputs);
    let expected: Vec<f32> = (sums.iter().enumerate())
        .map(|(index, sum)| {
            let channel = index / side % case.outputs;
            let sum = (sum + i64::from(bias(channel))) as f32 * 0.25 * scale(channel);
            ((sum / 512.0).round_ties_even() + 90.0).clamp(0.0, 255.0)
        })
        .collect();
    assert!(expected.iter().any(|y| *y > 0.0 && *y < 255.0), "{expected:?}");
    assert_eq!(answer(case, nodes, expected.len()), expected);
}

fn answer(case: &Case, nodes: OnnxNodes, count: usize) -> Vec<f32> {
    let shape = [case.channels, SIDE, SIDE];
    let images: Vec<f32> = data(case).0.into_iter().map(f32::from).collect();
    let signature = Signature::images(shape, count / 2);
    logits(&file(nodes, 17, None, shape), &images, &signature).unwrap()
}

pub(super) fn vector(name: &str, kind: i32, values: impl Iterator<Item = [u8; 4]>) -> TensorProto {
    let data: Vec<u8> = values.flatten().collect();
    let dims = [data.len() as i64 / 4];
    TensorProto { data_type: kind, ..bytes(name, &dims, data) }
}

/// The definition: pixels beyond the edge are the zero point, so they add nothing.
fn sums(case: &Case, zeros: &[u8]) -> Vec<i64> {
    let Case { channels, outputs, kernel, stride, padding, groups } = *case;
    let (pixels, weights) = data(case);
    let inner = channels / groups;
    let side = (SIDE + 2 * padding - kernel) / stride + 1;
    let mut sums = Vec::new();
    for (image, output, row, column) in (0..2 * outputs * side * side).map(|index| {
        let (pixel, map) = (index % (side * side), index / (side * side));
        (map / outputs, map % outputs, pixel / side, pixel % side)
    }) {
        let zero = zeros.get(output % zeros.len().max(1)).copied().map_or(0, i64::from);
        let first = output / (outputs / groups) * inner;
        let mut sum = 0;
        for (channel, y, x) in (0..inner * kernel * kernel)
            .map(|at| (at / (kernel * kernel), at / kernel % kernel, at % kernel))
        {
            let place = [row * stride + y, column * stride + x].map(|at| at.checked_sub(padding));
            let [Some(at_y @ ..SIDE), Some(at_x @ ..SIDE)] = place else { continue };
            let pixel = ((image * channels + first + channel) * SIDE + at_y) * SIDE + at_x;
            let weight = ((output * inner + channel) * kernel + y) * kernel + x;
            let pixel = i64::from(pixels[pixel]) - i64::from(IMAGE_ZERO);
            sum += pixel * (i64::from(weights[weight]) - zero);
        }
        sums.push(sum);
    }
    sums
}

#[test]
fn integer_products_take_zero_points_by_column() {
    const COLUMNS: usize = 100;
    const ROWS: usize = 64;
    let (weights, zeros) = (integers(ROWS * COLUMNS, 57), integers(COLUMNS, 31));
    let mut nodes = OnnxNodes::default();
    nodes.constants.push(bytes("w", &[ROWS as i64, COLUMNS as i64], weights.clone()));
    nodes.constants.push(bytes("x_zero", &[], vec![5]));
    nodes.constants.push(bytes("w_zero", &[COLUMNS as i64], zeros.clone()));
    let axis = vec![Attribute::int("axis", 1)];
    nodes.node("Flatten", &["image"], "rows".to_owned(), axis);
    let to_bytes = vec![Attribute::int("to", UINT8.into())];
    nodes.node("Cast", &["rows"], "x".to_owned(), to_bytes);
    let inputs = ["x", "w", "x_zero", "w_zero"];
    nodes.node("MatMulInteger", &inputs, "sums".to_owned(), Vec::new());
    flat(&mut nodes, "sums");
    let pixels = integers(2 * ROWS, 89);
    let images: Vec<f32> = pixels.iter().copied().map(f32::from).collect();
    let model = file(nodes, 17, None, [1, 8, 8]);
    let given = logits(&model, &images, &Signature::images([1, 8, 8], COLUMNS)).unwrap();
    for (index, given) in given.iter().enumerate() {
        let (row, column) = (index / COLUMNS, index % COLUMNS);
        let product = |at: usize| {
            let weight = i64::from(weights[at * COLUMNS + column]) - i64::from(zeros[column]);
            (i64::from(pixels[row * ROWS + at]) - 5) * weight
        };
        assert_eq!(
            *given,
            (0..ROWS).map(product).sum::<i64>() as f32,
            "row {row}, column {column}"
        );
    }
}

/// Integers from 0 to 250 that repeat after more than any size here.
fn integers(count: usize, step: usize) -> Vec<u8> {
    (0..count).map(|index| (index * step % 251) as u8).collect()
}
