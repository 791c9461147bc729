"""Exported students in PyTorch and onnxruntime. Called by `cargo xtask interop`.

    export.py make FOLDER           images by class, for the dataset `folder`
    export.py check FOLDER MODEL    the students in FOLDER/MODEL against FOLDER/MODEL.jsonl
"""

import json
import pathlib
import sys

import numpy
import onnx
import onnxruntime
import torch
from PIL import Image
from safetensors.torch import load_file

ROOT = pathlib.Path(__file__).parents[2]
sys.path.insert(0, str(ROOT / "crates/models/tests/pytorch"))

import zoo  # noqa: E402

CLASSES = ["blue", "green", "red", "white"]
TOLERANCE = 1e-4


def make(folder):
    random = numpy.random.default_rng(1)
    for split, count in [("train", 40), ("test", 25)]:
        for index, name in enumerate(CLASSES):
            place = folder / "images" / split / name
            place.mkdir(parents=True, exist_ok=True)
            for image in range(count):
                pixels = random.integers(0, 160, (32, 32, 3))
                pixels[:, :, 2 - index if index < 3 else slice(None)] += 90
                Image.fromarray(pixels.astype(numpy.uint8)).save(place / f"{image:03}.png")


def images(folder, card):
    """The test images in the order of the dataset `folder`, which takes the classes, all of one
    size, in turn; normalised as the card says."""
    by_class = [sorted((folder / "images/test" / name).glob("*.png")) for name in CLASSES]
    paths = [path for images in zip(*by_class) for path in images]
    pixels = numpy.stack([numpy.asarray(Image.open(path), numpy.float32) / 255 for path in paths])
    pixels = (pixels - numpy.float32(card["mean"])) / numpy.float32(card["std"])
    return numpy.ascontiguousarray(pixels.transpose(0, 3, 1, 2), numpy.float32)


def network(card):
    classes = card["signature"]["classes"]
    config = card["architecture"]
    if config["family"] == "vgg":
        return zoo.TutorialVgg(config["blocks"], classes, config["dropout"])
    return zoo.CifarResNet(config["depth"], config["widths"], config["shortcut"], classes)


def check(folder, model):
    export = folder / model / "export"
    card = json.loads((export / "model.json").read_text())
    batch = images(folder, card)
    ours = [json.loads(line)["logits"] for line in (folder / f"{model}.jsonl").open()]
    ours = numpy.float32(ours)
    assert ours.shape == (100, len(CLASSES)), ours.shape

    torch_network = network(card)
    torch_network.load_state_dict(load_file(export / "student.safetensors"))
    with torch.no_grad():
        by_torch = torch_network.eval()(torch.from_numpy(batch)).numpy()

    file = str(export / "student.onnx")
    onnx.checker.check_model(onnx.load(file), full_check=True)
    session = onnxruntime.InferenceSession(file)
    by_onnx = session.run(["logits"], {"image": batch})[0]

    worst = 0.0
    for name, a, b in [("ours and PyTorch", ours, by_torch), ("ours and onnxruntime", ours, by_onnx),
                       ("PyTorch and onnxruntime", by_torch, by_onnx)]:
        gap = float(abs(a - b).max())
        print(f"{model}: {name} differ by at most {gap:.1e} on {len(batch)} images")
        worst = max(worst, gap)
    if not worst < TOLERANCE:
        sys.exit(f"{model}: expected less than {TOLERANCE:.0e}")


if __name__ == "__main__":
    what, place, *rest = sys.argv[1:]
    make(pathlib.Path(place)) if what == "make" else check(pathlib.Path(place), *rest)
