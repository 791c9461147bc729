#!/usr/bin/env bash
# What:    auto_pad = SAME_LOWER is computed as SAME_UPPER: the odd row of padding goes to the end, not to the start.
# Version: rten 0.27.0 (beside onnxruntime 1.32.0, onnx 1.23.2).
# Matters: the network runs, shifted by a pixel in each such layer; the loss of accuracy is blamed on distillation.
# Here:    refused with the name of the operator; a file with explicit `pads` runs.
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

image = numpy.arange(16, dtype=numpy.float32).reshape(1, 1, 4, 4)
weight = [helper.make_tensor("w", TensorProto.FLOAT, [1, 1, 2, 2], [1, 0, 0, 0])]
result = {}
for pad in dict(auto_pad="SAME_LOWER"), dict(auto_pad="SAME_UPPER"), dict(pads=[1, 1, 0, 0]):
    result[str(pad)] = both([helper.make_node("Conv", ["x", "w"], ["y"], kernel_shape=[2, 2], strides=[1, 1], **pad)],
                            image, image.shape, 13, weight)
print("A 2x2 window that takes its upper left pixel, on the numbers 0 to 15; the first two rows of the output:")
for pad, (theirs, rten) in result.items():
    print(f"{pad}: onnxruntime {theirs.ravel()[:8].tolist()} rten 0.27.0 {rten.ravel()[:8].tolist()}")
lower, upper, explicit = result.values()
if numpy.array_equal(*lower) or not numpy.array_equal(lower[1], upper[1]) or not numpy.array_equal(*explicit):
    raise SystemExit("changed: rten tells SAME_LOWER from SAME_UPPER, or errs elsewhere")
PY
