import json

import numpy as np
import onnxruntime
from PIL import Image, ImageOps

card = json.load(open("model.json"))
transform = card["transform"]


def network_input(path):
    """`[1, channels, height, width]` of an image file, as the network was trained."""
    image = Image.open(path)
    if transform["orientation"] == "exif":
        image = ImageOps.exif_transpose(image)
    if image.mode.startswith("I"):  # 16-bit grey
        values = np.asarray(image, np.int64)
        values = np.minimum(values, 255) if transform["sixteen_bit"] == "clip" else (values + 128) // 257
        image = Image.fromarray(values.astype(np.uint8))
    image = image.convert("L" if transform["channels"] == 1 else "RGB")
    width, height = transform["width"], transform["height"]
    filter = {"bilinear": Image.BILINEAR, "bicubic": Image.BICUBIC}[transform["interpolation"]]
    size = (width, height)
    if transform["fit"] == "crop":
        size = [transform["resize"] * side // min(image.size) for side in image.size]
    elif transform["fit"] == "pad":
        scale = min(width / image.width, height / image.height)
        size = [max(1, round(side * scale)) for side in image.size]
    # Rows first, then columns, whatever order this version of Pillow has; a thread of pixels the other way.
    is_thread = image.height > 100 * image.width and size[1] < image.height
    first = (image.width, size[1]) if is_thread else (size[0], image.height)
    image = image.resize(first, filter).resize(tuple(size), filter)
    left, top = [round((own - wanted) / 2) if own >= wanted else -((wanted - own) // 2)
                 for own, wanted in zip(image.size, (width, height))]
    image = image.crop((left, top, left + width, top + height))  # black where the image is smaller
    pixels = np.asarray(image, np.float32).reshape(height, width, -1) / 255
    # A network of another size than its data's: resized once more, as floats.
    wanted = (card["signature"]["width"], card["signature"]["height"])
    planes = [Image.fromarray(plane).resize(wanted, Image.BILINEAR) for plane in np.moveaxis(pixels, 2, 0)]
    mean, std = (np.array(card[name], np.float32)[:, None, None] for name in ("mean", "std"))
    return ((np.stack([np.asarray(plane) for plane in planes]) - mean) / std)[None]


session = onnxruntime.InferenceSession("student.onnx")


def logits(path):
    """Logits of an image file, in the order of `card["classes"]`."""
    batch = session.get_inputs()[0].shape[0]
    rows = batch if isinstance(batch, int) else 1  # a file of a fixed batch wants it whole
    return session.run(["logits"], {"image": np.repeat(network_input(path), rows, axis=0)})[0][0]
