#!/usr/bin/env bash
# What:    ConvNextImageProcessor with shortest_edge 224 resizes to 256 and cuts 224 out of the middle; with 384, the
#          same setting squeezes the whole image into a square. The configuration does not show that 384 is special.
# Version: transformers 5.24.0, Pillow 13.0.0.
# Matters: `size`, as in preprocessor_config.json, is not the resize. Whoever resizes to it shows a teacher other
#          pictures than it was trained on.
# Here:    preprocessor_config.json is read with the share below 384; from 384 on set `fit = "squeeze"`.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv env
env/bin/pip install --quiet transformers==5.24.0 Pillow==13.0.0 numpy==2.4.6
env/bin/python - 2>messages <<'PY' || { tail -n 1 messages; exit 1; }
import numpy, transformers
from PIL import Image
from transformers import ConvNextImageProcessor

ramp = numpy.linspace(0, 255, 800)[None].repeat(400, 0)
image = Image.fromarray(ramp.astype(numpy.uint8)).convert("RGB")
print("transformers", transformers.__version__, "- a ramp from black (0) to white (1), 800x400 pixels")
seen = {}
for side in 224, 383, 384:
    processor = ConvNextImageProcessor(size={"shortest_edge": side}, do_normalize=False)
    pixels = numpy.asarray(processor(image, return_tensors="np")["pixel_values"][0])[0, side // 2]
    seen[side] = pixels[-1] - pixels[0]
    print(f"shortest_edge {side}: output {side} pixels wide, from {pixels[0]:.2f} to {pixels[-1]:.2f}:"
          f" {seen[side]:.0%} of the width (a square is 50%)")
if not (0.4 < seen[224] < 0.46 and 0.4 < seen[383] < 0.46 and seen[384] > 0.95):
    raise SystemExit("changed: the processor resizes by one rule")
PY
