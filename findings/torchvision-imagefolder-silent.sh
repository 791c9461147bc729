#!/usr/bin/env bash
# What:    ImageFolder leaves out images whose names end in .gif, .jfif, .jpe or nothing, without a word, although its
#          own loader reads them; classes are ordered as text, so that class 10 comes before class 2.
# Version: torchvision 0.29.2, torch 2.15.0, Pillow 13.0.0.
# Matters: teacher and student trained by two programs see different images, and output 1 is not the class named 1.
# Here:    these endings are read, what is left out is counted, and class names are kept beside the weights.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv env
env/bin/pip install --quiet torchvision==0.29.2 torch==2.15.0 Pillow==13.0.0 numpy==2.4.6
env/bin/python - <<'PY'
from pathlib import Path
import torchvision
from PIL import Image
from torchvision.datasets import ImageFolder
from torchvision.datasets.folder import default_loader

kinds = {"a.jpg": "JPEG", "b.JPEG": "JPEG", "c.png": "PNG", "d.webp": "WEBP", "e.bmp": "BMP", "f.tif": "TIFF",
         "g.gif": "GIF", "h.jfif": "JPEG", "i.jpe": "JPEG", "j": "PNG"}
for label in "1", "2", "10":
    Path("images", label).mkdir(parents=True)
    for name, kind in kinds.items():
        Image.new("RGB", (8, 8), (200, 30, 60)).save(Path("images", label, name), format=kind)
images = ImageFolder("images")
taken = sorted({Path(path).name for path, _ in images.samples})
left = sorted(set(kinds) - set(taken))
print("torchvision", torchvision.__version__)
print(f"{len(images)} of {3 * len(kinds)} images; taken {taken}; left out in silence {left}")
sizes = {name: default_loader(f"images/1/{name}").size for name in left}
print("its own loader reads those too:", sizes)
print("index of each class:", images.class_to_idx)
if left != ["g.gif", "h.jfif", "i.jpe", "j"] or images.class_to_idx != {"1": 0, "10": 1, "2": 2}:
    raise SystemExit("changed: other endings are taken, or the classes have another order")
PY
