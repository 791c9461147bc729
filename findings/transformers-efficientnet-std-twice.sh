#!/usr/bin/env bash
# What:    EfficientNetImageProcessor divides by the standard deviation twice: once with the mean, then again alone,
#          because `include_top` is on by default. With mean and std of 0.5, white is 2, not 1.
# Version: transformers 5.24.0, Pillow 13.0.0.
# Matters: image_mean and image_std of preprocessor_config.json describe half of it. A teacher fed by them sees a
#          quarter to a half of the contrast that it was trained with, and only its confidence shows it.
# Here:    mean and std are read as the file says; such a teacher needs the squares of its deviations as `--std`.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv env
env/bin/pip install --quiet transformers==5.24.0 Pillow==13.0.0 numpy==2.4.6
env/bin/python - 2>messages <<'PY' || { tail -n 1 messages; exit 1; }
import numpy, transformers
from PIL import Image
from transformers import EfficientNetImageProcessor, ViTImageProcessor

print("transformers", transformers.__version__)
white = Image.new("RGB", (32, 32), (255, 255, 255))
settings = dict(image_mean=[0.5] * 3, image_std=[0.5] * 3, size={"height": 32, "width": 32})
processors = {"ViT": ViTImageProcessor(**settings), "EfficientNet": EfficientNetImageProcessor(**settings),
              "EfficientNet, include_top=False": EfficientNetImageProcessor(**settings, include_top=False)}
value = {}
for name, processor in processors.items():
    pixels = numpy.asarray(processor(white, return_tensors="np")["pixel_values"][0])
    value[name] = float(pixels.mean())
    print(f"{name}: white with mean 0.5 and std 0.5 becomes {value[name]:.3f}")
if [round(number, 3) for number in value.values()] != [1, 2, 1]:
    raise SystemExit("changed: the deviation is applied once")
PY
