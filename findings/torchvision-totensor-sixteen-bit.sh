#!/usr/bin/env bash
# What:    ToTensor, which scales every other image to 0..1, gives a 16-bit grey image as signed integers: white is -1,
#          and the upper half of the range is negative. v2's ToImage with ToDtype(scale=True) is right.
# Version: torchvision 0.29.2, torch 2.15.0, Pillow 13.0.0.
# Matters: X-rays and microscope images are 16-bit PNG; training runs on, on numbers that wrap around.
# Here:    16-bit grey is scaled by default (`sixteen_bit`), never wrapped.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv env
env/bin/pip install --quiet torchvision==0.29.2 torch==2.15.0 Pillow==13.0.0 numpy==2.4.6
env/bin/python - <<'PY'
import numpy, torch, torchvision
from PIL import Image
from torchvision.transforms import ToTensor, v2

values = numpy.array([[0, 1000, 32767, 32768, 65535]], numpy.uint16)
Image.fromarray(values).save("grey.png")
image = Image.open("grey.png")
old = ToTensor()(image)
new = v2.Compose([v2.ToImage(), v2.ToDtype(torch.float32, scale=True)])(image)
eight = ToTensor()(Image.fromarray((values // 257).astype(numpy.uint8)))
print("torchvision", torchvision.__version__)
print("pixels of the PNG   ", values.ravel().tolist())
print("ToTensor            ", old.ravel().tolist(), old.dtype)
print("ToImage and ToDtype ", [round(value, 4) for value in new.ravel().tolist()])
print("ToTensor of 8 bits  ", [round(value, 4) for value in eight.ravel().tolist()])
if old.ravel().tolist() != [0, 1000, 32767, -32768, -1] or new.max() != 1:
    raise SystemExit("changed: ToTensor scales 16-bit grey, or keeps its sign")
PY
