#!/usr/bin/env bash
# What:    cv2.imread turns a photo as its EXIF orientation says; Pillow, and so torchvision's ImageFolder, gives it
#          as stored, on its side.
# Version: opencv-python-headless 5.0.0.93 (beside Pillow 13.0.0).
# Matters: photos of phones held upright. A teacher trained through one library and a student trained through the other
#          see them turned by a quarter.
# Here:    as stored by default, as in PyTorch; `orientation = "exif"` turns them.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv env
env/bin/pip install --quiet opencv-python-headless==5.0.0.93 Pillow==13.0.0 numpy==2.4.6
env/bin/python - <<'PY'
import cv2, numpy
from PIL import Image, ImageOps

half = numpy.zeros((16, 32, 3), numpy.uint8)
half[:, :16] = 255
exif = Image.Exif()
exif[0x0112] = 6  # to be shown turned by a quarter, clockwise
Image.fromarray(half).save("photo.jpg", exif=exif)
opencv = cv2.imread("photo.jpg")
plain = cv2.imread("photo.jpg", cv2.IMREAD_COLOR | cv2.IMREAD_IGNORE_ORIENTATION)
pillow = numpy.asarray(Image.open("photo.jpg").convert("RGB"))
turned = numpy.asarray(ImageOps.exif_transpose(Image.open("photo.jpg")))
print("OpenCV", cv2.__version__, "- 32x16 pixels, the left half white, with EXIF orientation 6")
for name, image in {"cv2.imread": opencv, "  with IMREAD_IGNORE_ORIENTATION": plain, "Image.open": pillow,
                    "  with exif_transpose": turned}.items():
    side = "upper" if image[0, -1].min() > 128 else "left"
    print(f"{name:34} {image.shape[1]}x{image.shape[0]}, the {side} half white")
if opencv.shape != turned.shape or plain.shape != pillow.shape or opencv.shape == pillow.shape:
    raise SystemExit("changed: both libraries treat the orientation alike")
PY
