#!/usr/bin/env bash
# What:    torch.onnx.export(opset_version=11) returns without an error and writes a file of opset 18.
# Version: torch 2.15.0, onnxscript 0.7.2.
# Matters: converters for phones and cameras take old opsets alone; they refuse the student later, far from its export.
# Here:    `distill export --opset` writes the version asked for or fails; a foreign file's opset is read from the file.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv env
env/bin/pip install --quiet torch==2.15.0 onnx==1.23.2 onnxscript==0.7.2
env/bin/python - 2>messages <<'PY' || { tail -n 1 messages; exit 1; }
import onnx, torch

class Mean(torch.nn.Module):
    """A convolution and the mean over its pixels, which nearly every classifier ends with."""
    def __init__(self):
        super().__init__()
        self.conv = torch.nn.Conv2d(3, 4, 3)

    def forward(self, image):
        return self.conv(image).mean((2, 3))

print("torch", torch.__version__)
written = {}
for asked in 20, 18, 17, 11:
    torch.onnx.export(Mean().eval(), (torch.zeros(1, 3, 8, 8),), "net.onnx", opset_version=asked, verbose=False)
    written[asked] = onnx.load("net.onnx").opset_import[0].version
    print(f"opset_version={asked}: no error, the file says {written[asked]}")
if written[11] != 18:
    raise SystemExit("changed: asked for opset 11, which used to give 18")
PY
