"""The zoo's ONNX files in onnxruntime. Called by `cargo xtask interop` on what the example `onnx_files` wrote.

    opsets.py FOLDER
"""

import json
import pathlib
import sys

import numpy
import onnx
import onnxruntime

TOLERANCE = 1e-4


def logits(file, images):
    """All rows, in batches of the size that the file asks for."""
    session = onnxruntime.InferenceSession(str(file))
    batch = session.get_inputs()[0].shape[0]
    if not isinstance(batch, int):
        return session.run(["logits"], {"image": images})[0]
    missing = -len(images) % batch
    padded = numpy.concatenate([images, images[:1].repeat(missing, 0)])
    rows = [session.run(["logits"], {"image": part})[0] for part in numpy.split(padded, len(padded) // batch)]
    return numpy.concatenate(rows)[: len(images)]


def check(folder):
    files = 0
    for record in sorted(folder.glob("*.json")):
        text = json.loads(record.read_text())
        images = numpy.float32(text["images"]).reshape(text["shape"])
        expected = numpy.float32(text["logits"]).reshape(len(images), -1)
        worst = 0.0
        for file in sorted(folder.glob(f"{record.stem}-*.onnx")):
            opset = file.stem.removeprefix(f"{record.stem}-").removesuffix("-fixed")
            if not opset.isdigit():
                continue  # another network, whose name begins with this one's
            model = onnx.load(file)
            assert model.opset_import[0].version == int(opset), file
            onnx.checker.check_model(model, full_check=True)
            gap = abs(logits(file, images) - expected).max() / max(abs(expected).max(), 1e-3)
            if not gap < TOLERANCE:
                sys.exit(f"{file}: logits differ by {gap:.1e}, expected less than {TOLERANCE:.0e}")
            worst = max(worst, float(gap))
            files += 1
        print(f"{record.stem}: differs by at most {worst:.1e}, relative to the largest logit, in all opsets")
    assert files, f"no files in {folder}"


if __name__ == "__main__":
    check(pathlib.Path(sys.argv[1]))
