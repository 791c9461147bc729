#!/usr/bin/env bash
# What:    timm's evaluation transform for images of 32 pixels enlarges them to 36 and cuts off two pixels all round,
#          also where they have the right size already.
# Version: timm 1.0.31, torchvision 0.29.2, torch 2.15.0.
# Matters: crop_pct = 0.875 suits photos. On CIFAR or digits the network is evaluated blurred and without its border, in
#          silence; a student that sees whole images then seems better or worse than it is.
# Here:    no crop unless asked for: `crop_pct` is a setting, and a timm `config.json` is read with its own value.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv env
env/bin/pip install --quiet timm==1.0.31 torchvision==0.29.2 torch==2.15.0 Pillow==13.0.0 numpy==2.4.6
env/bin/python - <<'PY'
import numpy, timm
from PIL import Image
from timm.data import create_transform

frame = numpy.zeros((32, 32, 3), numpy.uint8)
frame[:2] = frame[-2:] = frame[:, :2] = frame[:, -2:] = 255
image = Image.fromarray(frame)
settings = dict(input_size=32, mean=(0, 0, 0), std=(1, 1, 1))
seen = create_transform(**settings)(image)
whole = create_transform(**settings, crop_pct=1.0)(image)
print("timm", timm.__version__)
print(create_transform(**settings))
print("A black image of 32x32 with a white frame two pixels wide: share of the pixels that are brighter than grey")
shares = [float((tensor > 0.5).float().mean()) for tensor in (seen, whole)]
print(f"  in the file {float((frame > 127).mean()):.3f}, transformed {shares[0]:.3f}, with crop_pct=1 {shares[1]:.3f}")
if shares[0] > 0.05 or shares[1] < 0.2:
    raise SystemExit("changed: images of the right size are kept whole")
PY
