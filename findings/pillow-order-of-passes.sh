#!/usr/bin/env bash
# What:    Pillow 13.0.0 resizes rows or columns first, whichever costs less; Pillow 12.3.0 resizes rows first. Both round
#          and clip to bytes between the passes, so the same picture comes out otherwise. No error, no warning.
# Version: Pillow 12.3.0 and 13.0.0.
# Matters: a network that was trained on images of one version is evaluated on those of another; portraits differ,
#          landscapes mostly do not.
# Here:    images are resized as by Pillow 12, with which most published weights were made.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv twelve
twelve/bin/pip install --quiet pillow==12.3.0 numpy==2.4.6
python3 -m venv thirteen
thirteen/bin/pip install --quiet pillow==13.0.0 numpy==2.4.6
cat > order.py <<'PY'
import numpy
import PIL
from PIL import Image

noise = numpy.random.default_rng(0).integers(0, 256, (57, 31), dtype=numpy.uint8)
image = Image.fromarray(noise)
whole = numpy.asarray(image.resize((12, 12), Image.BICUBIC)).astype(int)
rows = numpy.asarray(image.resize((12, 57), Image.BICUBIC).resize((12, 12), Image.BICUBIC)).astype(int)
columns = numpy.asarray(image.resize((31, 12), Image.BICUBIC).resize((12, 12), Image.BICUBIC)).astype(int)
first = [name for name, other in (("rows", rows), ("columns", columns)) if (whole == other).all()]
print(f"Pillow {PIL.__version__}: 31x57 to 12x12, {' and '.join(first)} first; the other order is off by "
      f"{max(abs(whole - rows).max(), abs(whole - columns).max())} levels")
expected = {"12.3.0": ["rows"], "13.0.0": ["columns"]}[PIL.__version__]
if first != expected:
    raise SystemExit(f"changed: Pillow {PIL.__version__} resizes {first} first")
PY
twelve/bin/python order.py
thirteen/bin/python order.py
