#!/usr/bin/env bash
# What:    convert("RGB") and convert("L") of a 16-bit grey image clip at 255 instead of scaling: nearly all is white.
# Version: Pillow 13.0.0.
# Matters: X-rays and depth maps are 16-bit PNG, and convert("RGB") is what every loader calls; the network learns from
#          the darkest 0.4 % of the range. The Rust crate `image` scales, so the two see different pictures.
# Here:    scaled by default; `sixteen_bit = "clip"` gives what a network trained through Pillow has seen.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv env
env/bin/pip install --quiet Pillow==13.0.0 numpy==2.4.6
env/bin/python - <<'PY'
import numpy, PIL
from PIL import Image

ramp = numpy.arange(0, 65536, 257, dtype=numpy.uint16).reshape(16, 16)
Image.fromarray(ramp).save("ramp.png")
image = Image.open("ramp.png")
print("Pillow", PIL.__version__, "mode", image.mode, "- a ramp of 256 steps from 0 to 65535")
values = {mode: numpy.unique(numpy.asarray(image.convert(mode))) for mode in ("L", "RGB", "I", "F")}
for mode, found in values.items():
    print(f"convert({mode!r}): {len(found)} different values, {found[0]} to {found[-1]}")
if values["L"].tolist() != [0, 255] or values["RGB"].tolist() != [0, 255] or len(values["F"]) != 256:
    raise SystemExit("changed: 16-bit grey is scaled to 8 bits")
PY
