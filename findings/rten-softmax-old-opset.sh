#!/usr/bin/env bash
# What:    Softmax of an opset-12 file is computed with the meaning of opset 13: over one axis, not over all
#          that follow.
# Version: rten 0.27.0 (beside onnxruntime 1.32.0, onnx 1.23.2).
# Matters: older exports end in a Softmax of [images, classes, 1, 1] or attend over flattened axes; the probabilities no
#          longer add up to 1 per image, and nothing says so.
# Here:    Softmax and LogSoftmax of older files are rewritten as Flatten, Softmax and Reshape.
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

image = numpy.arange(8, dtype=numpy.float32).reshape(1, 2, 2, 2)
node = [helper.make_node("Softmax", ["x"], ["y"])]
theirs, rten = both(node, image, image.shape, 12)
newer = both([helper.make_node("Softmax", ["x"], ["y"], axis=-1)], image, image.shape, 13)
print("Softmax without attributes, opset 12, on the numbers 0 to 7 of one image")
print("onnxruntime:", numpy.float64(theirs).ravel().round(4).tolist(), "sum", theirs.sum().round(4))
print("rten 0.27.0:", numpy.float64(rten).ravel().round(4).tolist(), "sum", rten.sum().round(4))
print("opset 13, axis -1, both agree:", bool(numpy.allclose(*newer, atol=1e-6)))
if numpy.allclose(theirs, rten, atol=1e-3) or not numpy.allclose(*newer, atol=1e-6) or abs(rten.sum() - 4) > 1e-3:
    raise SystemExit("changed: rten keeps to the older definition, or departs from the newer one")
PY
