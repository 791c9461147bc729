#!/usr/bin/env bash
# What:    Cast to bool keeps the number instead of turning all but 0 into true; cast back, 7 stays 7.
# Version: rten 0.27.0 (beside onnxruntime 1.32.0, onnx 1.23.2).
# Matters: exporters write masks as Cast to bool and back; a mask of sevens then multiplies by seven.
# Here:    Cast to bool is rewritten as a comparison with 0.
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

image = numpy.array([[-2, -0.5, 0, 0.5, 1, 7]], numpy.float32)
nodes = [helper.make_node("Cast", ["x"], ["mask"], to=TensorProto.BOOL),
         helper.make_node("Cast", ["mask"], ["y"], to=TensorProto.FLOAT)]
theirs, rten = both(nodes, image, image.shape, 13)
print("input           ", image.ravel().tolist())
print("onnxruntime     ", theirs.ravel().tolist())
print("rten 0.27.0     ", rten.ravel().tolist())
if theirs.ravel().tolist() != [1, 1, 0, 1, 1, 1] or numpy.array_equal(theirs, rten):
    raise SystemExit("changed: rten's truth values are 0 and 1")
PY
