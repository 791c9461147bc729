#!/usr/bin/env bash
# What:    ConvInteger with a padded 3x3 window, or with two images, gives wrong sums; a 1x1 window is right.
# Version: rten 0.27.0 (beside onnxruntime 1.32.0, onnx 1.23.2).
# Matters: quantize_dynamic of onnxruntime writes ConvInteger; such a teacher runs without an error and guesses.
# Here:    integer convolutions are rewritten as float ones, which are exact below 2^24, before rten sees them.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv env
env/bin/pip install --quiet onnx==1.23.2 onnxruntime==1.32.0 numpy==2.4.6
export CARGO_TARGET_DIR=target CARGO_PROFILE_DEV_DEBUG=0
cargo init --quiet --vcs none --name rten-run
cargo add --quiet rten@=0.27.0 --no-default-features --features onnx_format
cargo add --quiet rten-tensor@=0.27.0
cat > src/main.rs <<'RUST'
use rten_tensor::{prelude::*, Tensor};
/// Runs a network on the numbers of a file, in the shape of the further arguments.
fn main() {
    let arguments: Vec<String> = std::env::args().collect();
    let numbers: Vec<f32> =
        std::fs::read_to_string(&arguments[2]).unwrap().split_whitespace().map(|word| word.parse().unwrap()).collect();
    let shape: Vec<usize> = arguments[3..].iter().map(|word| word.parse().unwrap()).collect();
    let model = rten::Model::load_file(&arguments[1]).unwrap();
    let output = model.run_one(Tensor::from_data(&shape, numbers).into(), None).unwrap();
    let output: Tensor<f32> = output.try_into().unwrap();
    output.iter().for_each(|number| println!("{number}"));
}
RUST
cargo build --quiet
env/bin/python - <<'PY'
import subprocess
import numpy, onnx, onnxruntime
from onnx import TensorProto, helper

def both(nodes, image, out, opset, weights=()):
    """Outputs of onnxruntime and of rten for one small network."""
    info = helper.make_tensor_value_info
    graph = helper.make_graph(nodes, "net", [info("x", TensorProto.FLOAT, image.shape)],
                              [info("y", TensorProto.FLOAT, out)], weights)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=8)
    onnx.checker.check_model(model)
    onnx.save(model, "net.onnx")
    numpy.savetxt("x.txt", image.ravel())
    theirs = onnxruntime.InferenceSession("net.onnx").run(None, {"x": image})[0]
    run = ["target/debug/rten-run", "net.onnx", "x.txt", *map(str, image.shape)]
    lines = subprocess.run(run, check=True, capture_output=True, text=True).stdout.split()
    return theirs, numpy.array(lines, numpy.float32).reshape(out)

def sums(images, side, pad):
    image = (numpy.arange(images * 32) * 7 % 16).astype(numpy.float32).reshape(images, 2, 4, 4)
    weight = ((numpy.arange(2 * side * side) * 5 % 7) - 3).astype(numpy.int8).reshape(1, 2, side, side)
    size = 5 - side + 2 * pad
    nodes = [helper.make_node("Cast", ["x"], ["bytes"], to=TensorProto.UINT8),
             helper.make_node("ConvInteger", ["bytes", "w"], ["sum"], strides=[1, 1], dilations=[1, 1], pads=[pad] * 4),
             helper.make_node("Cast", ["sum"], ["y"], to=TensorProto.FLOAT)]
    runtimes = both(nodes, image, (images, 1, size, size), 13, [onnx.numpy_helper.from_array(weight, "w")])
    padded = numpy.pad(image.astype(int), ((0, 0), (0, 0), (pad, pad), (pad, pad)))
    windows = numpy.lib.stride_tricks.sliding_window_view(padded, (side, side), (2, 3))
    return *runtimes, (windows * weight[0, :, None, None]).sum((1, 4, 5))[:, None]

wrong = []
for name, case in {"1x1": (1, 1, 0), "3x3, padded": (1, 3, 1), "3x3, two images": (2, 3, 0)}.items():
    theirs, rten, true = sums(*case)
    wrong.append(int((rten != true).sum()))
    print(f"{name}: wrong sums in onnxruntime {(theirs != true).sum()}, in rten 0.27.0 {wrong[-1]} of {true.size}")
    print("   true", true.ravel()[:8].tolist(), "rten", rten.ravel()[:8].astype(int).tolist())
if wrong[0] or not wrong[1] or not wrong[2]:
    raise SystemExit("changed: rten's integer convolution agrees with integer arithmetic, or 1x1 no longer does")
PY
