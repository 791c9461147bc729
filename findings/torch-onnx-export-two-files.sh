#!/usr/bin/env bash
# What:    torch.onnx.export writes the weights of a single layer into a second file beside the graph, in opset 20.
# Version: torch 2.15.0, onnxscript 0.7.2, onnxruntime 1.32.0.
# Matters: a teacher is usually handed over as "the .onnx file"; alone it has no weights, and fails only where it runs.
# Here:    both files are read; without the second, the error names it and `external_data=False`.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv env
env/bin/pip install --quiet torch==2.15.0 onnx==1.23.2 onnxscript==0.7.2 onnxruntime==1.32.0
env/bin/python - 2>messages <<'PY' || { tail -n 1 messages; exit 1; }
from pathlib import Path
import onnx, onnxruntime, torch

def runs(model):
    try:
        onnxruntime.InferenceSession(model)
        return True
    except Exception as error:
        print("   ", type(error).__name__, str(error).splitlines()[0][-90:])
        return False

network = torch.nn.Linear(64, 64).eval()
out = Path("out"); out.mkdir()
torch.onnx.export(network, (torch.zeros(1, 64),), out / "net.onnx", verbose=False)
torch.onnx.export(network, (torch.zeros(1, 64),), out / "whole.onnx", external_data=False, verbose=False)
files = sorted(file.name for file in out.iterdir())
opset = onnx.load(out / "net.onnx", load_external_data=False).opset_import[0].version
print("torch", torch.__version__, "wrote", files, "with opset", opset, "for a network of one layer")

there = Path("there"); there.mkdir()
for name in "net.onnx", "whole.onnx":
    (there / name).write_bytes((out / name).read_bytes())
onnx.load(there / "net.onnx", load_external_data=False)
print("Copied elsewhere, the .onnx file still parses. onnxruntime:")
alone = runs(there / "net.onnx")
print("Read into memory beside its second file, as bytes. onnxruntime:")
as_bytes = runs((out / "net.onnx").read_bytes())
print("With external_data=False the single file runs:", whole := runs(there / "whole.onnx"))
if files != ["net.onnx", "net.onnx.data", "whole.onnx"] or opset != 20 or alone or as_bytes or not whole:
    raise SystemExit("changed: the default is one file, another opset, or the graph runs without its weights")
PY
