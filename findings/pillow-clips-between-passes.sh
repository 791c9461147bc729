#!/usr/bin/env bash
# What:    a bicubic or Lanczos resize of 8-bit pixels rounds and clips after the horizontal pass, then again after the
#          vertical one; the same filter on floats does so once. Noise of black and white differs by 29 and 56 levels.
# Version: Pillow 13.0.0.
# Matters: the crate `image`, fused kernels and ONNX graphs filter in floats. Text, drawings and dithered images then
#          look different to a network that was trained through Pillow, though filter and weights are the same.
# Here:    the filters round and clip between the passes as Pillow does; tests hold them to one level.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv env
env/bin/pip install --quiet Pillow==13.0.0 numpy==2.4.6
env/bin/python - <<'PY'
import numpy, PIL
from PIL import Image

pixels = numpy.random.default_rng(0).integers(0, 2, (64, 64), dtype=numpy.uint8) * 255
smooth = numpy.add.outer(numpy.arange(64), numpy.arange(64)).astype(numpy.uint8)
print("Pillow", PIL.__version__, "- bytes against floats that are rounded and clipped at the end, 64 pixels to 100")
largest = {}
for name in "BILINEAR", "BICUBIC", "LANCZOS":
    for kind, source in ("black and white noise", pixels), ("a soft ramp", smooth):
        size, way = (100, 100), Image.Resampling[name]
        whole = numpy.asarray(Image.fromarray(source).resize(size, way)).astype(float)
        floats = numpy.asarray(Image.fromarray(source.astype(numpy.float32)).resize(size, way))
        largest[name, kind] = abs(whole - floats.round().clip(0, 255)).max()
        print(f"{name:9} {kind:22} largest difference {largest[name, kind]:.0f} levels")
noise = [largest[name, "black and white noise"] for name in ("BILINEAR", "BICUBIC", "LANCZOS")]
if noise[0] > 1 or noise[1] < 20 or noise[2] < 40:
    raise SystemExit("changed: bytes and floats are filtered alike")
PY
