#!/usr/bin/env bash
# What:    load_file returns tensors in another order than they were saved: by kind of number, then by name as text.
# Version: safetensors 0.8.0, numpy 2.4.6.
# Matters: scripts that carry weights to a student by position (zip of two dictionaries) pair layer 10 with layer 2.
# Here:    weights are matched by name, never by position.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv env
env/bin/pip install --quiet safetensors==0.8.0 numpy==2.4.6
env/bin/python - <<'PY'
import numpy, safetensors
from safetensors.numpy import load_file, save_file

names = ["stem.weight", "stem.bias", *(f"blocks.{i}.weight" for i in (0, 1, 2, 10)), "head.weight"]
tensors = {name: numpy.full(1, at, numpy.float32) for at, name in enumerate(names)}
tensors["steps"] = numpy.zeros(1, numpy.int64)
save_file(tensors, "net.safetensors")
back = list(load_file("net.safetensors"))
print("safetensors", safetensors.__version__)
print("saved ", list(tensors))
print("loaded", back)
moved = sum(a != b for a, b in zip(tensors, back))
print(f"{moved} of {len(back)} names stand elsewhere")
if back == list(tensors) or back.index("blocks.10.weight") > back.index("blocks.2.weight"):
    raise SystemExit("changed: the order of saving is kept")
PY
