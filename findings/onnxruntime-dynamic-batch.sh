#!/usr/bin/env bash
# What:    logits of one image by a network of quantize_dynamic depend on the other images of its batch: the scale of
#          the activations is that of the whole batch. One bright image coarsens all others.
# Version: onnxruntime 1.32.0, onnx 1.23.2.
# Matters: accuracy and stored logits of a quantised teacher change with batch size and order; a student is distilled
#          from answers that nobody gets again one image at a time.
# Here:    computed as ONNX defines it, and the book says so; `quantize_static` has fixed scales.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv env
env/bin/pip install --quiet onnx==1.23.2 onnxruntime==1.32.0 numpy==2.4.6
env/bin/python - 2>messages <<'PY' || { tail -n 1 messages; exit 1; }
import numpy, onnx, onnxruntime
from onnx import TensorProto, helper
from onnxruntime.quantization import quantize_dynamic

random = numpy.random.default_rng(0)
weight = onnx.numpy_helper.from_array(random.normal(size=(64, 10)).astype(numpy.float32), "w")
info = helper.make_tensor_value_info
graph = helper.make_graph([helper.make_node("MatMul", ["x", "w"], ["y"])], "net",
                          [info("x", TensorProto.FLOAT, ["n", 64])], [info("y", TensorProto.FLOAT, ["n", 10])],
                          [weight])
onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8), "float.onnx")
quantize_dynamic("float.onnx", "int8.onnx")
image = random.normal(size=(1, 64)).astype(numpy.float32)
batches = {"alone": image, "with itself": numpy.vstack([image, image]),
           "with a bright one": numpy.vstack([image, 30 * image])}
gap = {}
print("onnxruntime", onnxruntime.__version__, "- the same image, its first logits and their change")
for kind in "float.onnx", "int8.onnx":
    session = onnxruntime.InferenceSession(kind)
    alone = session.run(None, {"x": image})[0][0]
    for name, batch in batches.items():
        logits = session.run(None, {"x": batch})[0][0]
        gap[kind, name] = abs(logits - alone).max()
        print(f"{kind:10} {name:17} {numpy.float64(logits[:3]).round(2).tolist()} largest change {gap[kind, name]:.3f}")
if gap["int8.onnx", "with a bright one"] < 0.5 or gap["int8.onnx", "with itself"] > 1e-4:
    raise SystemExit("changed: an image's logits no longer depend on its neighbours")
if gap["float.onnx", "with a bright one"] > 1e-3:
    raise SystemExit("changed: the float network depends on them too")
PY
