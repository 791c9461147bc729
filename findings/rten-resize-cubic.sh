#!/usr/bin/env bash
# What:    Resize with mode = cubic is computed as linear, without an error.
# Version: rten 0.27.0 (beside onnxruntime 1.32.0, onnx 1.23.2).
# Matters: position embeddings are often resized bicubically inside the graph; the logits are near enough to look
#          like rounding, and the accuracy is another network's.
# Here:    refused with the name of the operator and the mode.
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

image = (numpy.arange(16, dtype=numpy.float32) ** 2 / 10).reshape(1, 1, 4, 4)
scales = [helper.make_tensor("scales", TensorProto.FLOAT, [4], [1, 1, 2, 2])]
result = {}
for mode in "cubic", "linear":
    nodes = [helper.make_node("Resize", ["x", "", "scales"], ["y"], mode=mode)]
    result[mode] = both(nodes, image, (1, 1, 8, 8), 13, scales)
    theirs, rten = result[mode]
    first = [numpy.float64(output).ravel()[:6].round(3).tolist() for output in (theirs, rten)]
    print(f"{mode}: onnxruntime {first[0]} rten 0.27.0 {first[1]} largest difference {abs(theirs - rten).max():.3f}")
same = numpy.array_equal(result["cubic"][1], result["linear"][1])
print("rten's cubic equals its linear to the last digit:", same)
if not same or not numpy.allclose(*result["linear"], atol=1e-4) or numpy.allclose(*result["cubic"], atol=1e-2):
    raise SystemExit("changed: rten has a cubic Resize or refuses it")
PY
