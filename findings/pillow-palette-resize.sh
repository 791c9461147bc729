#!/usr/bin/env bash
# What:    resize of a palette image takes the nearest pixel, whatever filter is asked for, without a word.
# Version: Pillow 13.0.0.
# Matters: GIF and small PNG files are palette images; resized before convert("RGB"), their edges are jagged and fine
#          stripes vanish or turn solid, while the other images of the folder are smooth.
# Here:    every image is converted to RGB or grey first and then resized.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv env
env/bin/pip install --quiet Pillow==13.0.0 numpy==2.4.6
env/bin/python - <<'PY'
import numpy, PIL
from PIL import Image

stripes = numpy.zeros((64, 64, 3), numpy.uint8)
stripes[:, ::2] = 200
Image.fromarray(stripes).convert("P").save("stripes.png")
image = Image.open("stripes.png")
print("Pillow", PIL.__version__, "mode", image.mode, "- columns of black and grey, from 64 pixels to 16")
first = numpy.asarray(image.resize((16, 16), Image.Resampling.BILINEAR).convert("RGB"))
after = numpy.asarray(image.convert("RGB").resize((16, 16), Image.Resampling.BILINEAR))
print("resize, then convert: values", numpy.unique(first).tolist(), "mean", first.mean())
print("convert, then resize: values", numpy.unique(after).tolist(), "mean", after.mean().round(1))
colours = set(numpy.unique(image.convert("RGB")))
if not set(numpy.unique(first)) <= colours or set(numpy.unique(after)) & colours:
    raise SystemExit("changed: a palette image is filtered, or the resize is refused")
PY
