#!/usr/bin/env bash
# What:    safetensors.numpy.save_file of a transposed or strided array writes other numbers, without an error; the same
#          file's shape is right. safetensors.torch refuses such tensors.
# Version: safetensors 0.8.0, numpy 2.4.6.
# Matters: weights converted from TensorFlow or Keras are transposed on the way (`kernel.T`): the layer loads, has the
#          right shape, and is scrambled.
# Here:    nothing to mend in a reader; weights that were converted so give chance accuracy, which `evaluate` shows.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv env
env/bin/pip install --quiet safetensors==0.8.0 numpy==2.4.6
env/bin/python - <<'PY'
import numpy, safetensors
from safetensors.numpy import load_file, save_file

grid = numpy.arange(6, dtype=numpy.float32).reshape(2, 3)
arrays = {"plain": grid, "transposed": grid.T, "every second": grid.ravel()[::2]}
same = {}
print("safetensors", safetensors.__version__)
for name, array in arrays.items():
    save_file({"weight": array}, "weight.safetensors")
    back = load_file("weight.safetensors")["weight"]
    same[name] = numpy.array_equal(back, array)
    print(f"{name}: saved {array.tolist()}, loaded {back.tolist()}{'' if same[name] else '  WRONG'}")
save_file({"weight": numpy.ascontiguousarray(grid.T)}, "weight.safetensors")
print("after ascontiguousarray it is right:", numpy.array_equal(load_file("weight.safetensors")["weight"], grid.T))
if not same["plain"] or same["transposed"] or same["every second"]:
    raise SystemExit("changed: arrays with strides are saved rightly or refused")
PY
