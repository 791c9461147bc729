#!/usr/bin/env bash
# What:    cv2.resize with its default filter (and with cubic) reads a few pixels around each sample and passes over the
#          rest; shrinking eightfold, thin lines vanish. Pillow's filters of the same names average all pixels.
# Version: opencv-python-headless 5.0.0.93 (beside Pillow 13.0.0).
# Matters: "bilinear, 224" in a model card means two things. A teacher trained through OpenCV expects sharp, aliased
#          images, and loses accuracy on smooth ones.
# Here:    always antialiased where images shrink, as Pillow and torchvision; OpenCV's INTER_AREA is the nearest to it.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv env
env/bin/pip install --quiet opencv-python-headless==5.0.0.93 Pillow==13.0.0 numpy==2.4.6
env/bin/python - <<'PY'
import cv2, numpy
from PIL import Image

lines = numpy.zeros((64, 64), numpy.uint8)
lines[:, ::8] = 240
print("OpenCV", cv2.__version__, "- one bright column (240) in eight, from 64 pixels to 8; mean", lines.mean())
mean = {}
for name, theirs, ours in (("linear", cv2.INTER_LINEAR, Image.Resampling.BILINEAR),
                           ("cubic", cv2.INTER_CUBIC, Image.Resampling.BICUBIC),
                           ("area / box", cv2.INTER_AREA, Image.Resampling.BOX)):
    small = cv2.resize(lines, (8, 8), interpolation=theirs)
    pillow = numpy.asarray(Image.fromarray(lines).resize((8, 8), ours))
    mean[name] = small.mean()
    print(f"{name:10} OpenCV {small[0].tolist()} Pillow {pillow[0].tolist()}")
if mean["linear"] > 1 or mean["cubic"] > 1 or abs(mean["area / box"] - 30) > 1:
    raise SystemExit("changed: OpenCV's filters see the lines")
PY
