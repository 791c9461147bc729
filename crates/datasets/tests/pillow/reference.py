"""What Pillow, driven as torchvision drives it, makes of a few images: writes `reference.json` beside this file.

    python reference.py        needs numpy, Pillow 12, torch and torchvision

Pillow 13 chooses the order of its two passes by their cost, and differs by a level or two in one of these images.
"""

import json
import pathlib

import numpy
from PIL import Image
from torchvision.transforms import CenterCrop, InterpolationMode, Resize

FILTERS = {"bilinear": InterpolationMode.BILINEAR, "bicubic": InterpolationMode.BICUBIC}


def image(width, height, channels):
    """The same pattern as the test makes: edges, slopes and noise."""
    y, x, c = numpy.mgrid[0:height, 0:width, 0:channels]
    pattern = (x * x * 7 + y * y * 13 + x * y * 3 + c * 61) % 256
    edges = numpy.where((x // 5 + y // 7) % 2 == 0, 255 - pattern // 3, pattern)
    edges = edges.astype(numpy.uint8)
    return Image.fromarray(edges[:, :, 0] if channels == 1 else edges)


cases = []
for width, height, channels in [(40, 30, 3), (31, 57, 3), (97, 24, 1), (9, 7, 3)]:
    for fit, side, resize in [("squeeze", 12, None), ("crop", 8, 10), ("crop", 11, 11), ("crop", 12, 9), ("pad", 12, None)]:
        for name, filter in FILTERS.items():
            source = image(width, height, channels)
            if fit == "squeeze":
                made = Resize((side, side), filter)(source)
            elif fit == "crop":
                made = CenterCrop(side)(Resize(resize, filter)(source))
            else:
                # timm's ResizeKeepRatio of the long side.
                scale = min(side / width, side / height)
                inside = Resize((max(1, round(height * scale)), max(1, round(width * scale))), filter)(source)
                made = CenterCrop(side)(inside)
            pixels = numpy.asarray(made).reshape(side, side, channels).transpose(2, 0, 1)
            cases.append({
                "image": [width, height, channels], "fit": fit, "side": side, "resize": resize,
                "interpolation": name, "pixels": pixels.reshape(-1).tolist(),
            })
text = "[\n" + ",\n".join(json.dumps(case, separators=(",", ":")) for case in cases) + "\n]\n"
pathlib.Path(__file__).with_name("reference.json").write_text(text)
