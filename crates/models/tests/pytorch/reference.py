"""Writes what the Rust tests compare with, out of PyTorch itself:

- `logits.json`: logits of each network of `zoo.py` with weights that both sides compute from a formula,
- `files/`: one small network of the tutorial, saved in each way that PyTorch saves.

    python3 -m venv venv && venv/bin/pip install torch torchvision timm safetensors
    venv/bin/python reference.py

With `--check` nothing is written: the committed files have to say the same.
"""

import argparse
import collections
import datetime
import json
import math
import pathlib
import pickle
import sys
import zipfile

import numpy
import torch
import torch.nn.utils.prune
from safetensors.torch import save_file

import zoo

HERE = pathlib.Path(__file__).parent
FILES = HERE / "files"


def uniform(name, count):
    """Numbers in [-1, 1) from the name: FNV-1a of it seeds splitmix64; 24 bits are exact in f32."""
    seed = 0xCBF29CE484222325
    for byte in name.encode():
        seed = (seed ^ byte) * 0x100000001B3 % (1 << 64)
    with numpy.errstate(over="ignore"):
        z = numpy.uint64(seed)
        z = z + numpy.arange(1, count + 1, dtype=numpy.uint64) * numpy.uint64(0x9E3779B97F4A7C15)
        z = (z ^ (z >> numpy.uint64(30))) * numpy.uint64(0xBF58476D1CE4E5B9)
        z = (z ^ (z >> numpy.uint64(27))) * numpy.uint64(0x94D049BB133111EB)
        z = z ^ (z >> numpy.uint64(31))
    return ((z >> numpy.uint64(40)).astype(numpy.float32) / numpy.float32(1 << 23)) - numpy.float32(1)


def tensor(name, shape):
    values = uniform(name, math.prod(shape))
    if len(shape) > 1:
        values = values * numpy.float32(math.sqrt(3 / math.prod(shape[1:])))
    elif name.endswith("running_var"):
        values = numpy.float32(1) + numpy.float32(0.5) * abs(values)
    elif name.endswith("weight"):
        values = numpy.float32(1) + numpy.float32(0.25) * values
    else:
        values = numpy.float32(0.125) * values
    return torch.from_numpy(values.reshape(shape))


def fill(network, names=lambda name: name):
    state = network.state_dict()
    for name, held in state.items():
        if not name.endswith("num_batches_tracked"):
            state[name] = tensor(names(name), tuple(held.shape))
    network.load_state_dict(state)
    return network.eval()


def images(count, channels, side):
    shape = (count, channels, side, side)
    return torch.from_numpy(uniform("image", math.prod(shape)).reshape(shape))


def logits(network, batch):
    with torch.no_grad():
        return [[float(value) for value in row] for row in network(batch)]


def whole_zoo():
    cases = []
    for name, [channels, side], classes, make in zoo.MODELS:
        network = fill(make())
        state = [key for key in network.state_dict() if not key.endswith("num_batches_tracked")]
        rows = logits(network, images(2, channels, side))
        spread = torch.tensor(rows).std().item()
        print(f"{name}: {len(state)} tensors, logits of deviation {spread:.3f}")
        assert 0.02 < spread < 100, "weights that make the comparison worth something"
        # The first ten classes are enough to tell a difference.
        rows = [row[:10] for row in rows]
        cases.append({"model": name, "channels": channels, "side": side, "classes": classes,
                      "tensors": len(state), "logits": rows})
    return cases


def small(norm=torch.nn.BatchNorm2d):
    return zoo.TutorialVgg([[4], [8]], dropout=0.1, norm=norm)


def files():
    """Every way to save, each with the network's logits on three images."""
    network = fill(small())
    state = network.state_dict()
    batch = images(3, 3, 8)
    wrapped = {f"module.{name}": value for name, value in state.items()}
    optimizer = torch.optim.Adam(network.parameters())
    network(batch).sum().backward()
    optimizer.step()
    network = fill(network)
    state = network.state_dict()
    FILES.mkdir(exist_ok=True)
    torch.save(state, FILES / "state.pt")
    # PyTorch's archive holds the file's name; with one of 21 letters its directory is easily mistaken.
    torch.save(state, FILES / "a_stem_of_21_letters_.pt")
    torch.save(state, FILES / "legacy.pth", _use_new_zipfile_serialization=False)
    nested = {"state_dict": wrapped, "epoch": 20, "best_prec1": 85.0,
              "optimizer": optimizer.state_dict()}
    torch.save(nested, FILES / "nested.th")
    torch.save({"model": state, "args": {"lr": 0.1}}, FILES / "model.pt")
    torch.save(network, FILES / "module.pt")
    torch.save({"model": state, "ema": state}, FILES / "twice.pt")
    broken = {**state, "fc.bias": torch.full((10,), float("nan"))}
    torch.save(broken, FILES / "nan.pt")
    torch.save({name: value.double() if value.is_floating_point() else value
                for name, value in state.items()}, FILES / "double.pt")
    save_file(state, FILES / "state.safetensors")
    usual = lambda name: name.replace(".scale", ".weight").replace(".shift", ".bias")
    batch_norm = fill(small(zoo.BatchStatNorm), usual)
    torch.save(batch_norm.state_dict(), FILES / "batch-norm.pt")
    others(state, optimizer)
    torch.jit.save(torch.jit.script(network), FILES / "script.pt")
    without_sources(FILES / "script.pt")
    return {"logits": logits(network, batch), "batch_norm_logits": logits(batch_norm, batch),
            "parametrised_logits": parametrised(batch)}


def without_sources(path):
    """Drops what TorchScript keeps for its error messages: source code, and where it lay on this machine."""
    with zipfile.ZipFile(path) as archive:
        members = [(item, archive.read(item)) for item in archive.infolist()]
    with zipfile.ZipFile(path, "w") as archive:
        for item, content in members:
            if not item.filename.endswith(".debug_pkl"):
                archive.writestr(item, content)


def others(state, optimizer):
    """The same weights among things that are none, and below names of wrappers."""
    beside = {
        "optimizer": optimizer, "scheduler": torch.optim.lr_scheduler.StepLR(optimizer, 3),
        "losses": collections.deque([1.0, 2.0]), "counts": collections.Counter("aab"),
        "args": argparse.Namespace(rate=0.1, path=pathlib.PurePosixPath("data")),
        "when": datetime.datetime(2026, 1, 1), "best": numpy.float64(3), "rng": numpy.random.get_state(),
        "sparse": torch.eye(3).to_sparse(), "complex": torch.zeros(2, dtype=torch.complex64),
        "quantised": torch.quantize_per_tensor(torch.ones(3), 0.1, 0, torch.qint8),
        "float8": torch.zeros(2).to(torch.float8_e4m3fn), "criterion": torch.nn.CrossEntropyLoss(),
    }
    torch.save({"state_dict": state, **beside}, FILES / "beside.pt")
    # This container knows no float8, and keeps the source code of modules.
    del beside["float8"], beside["criterion"]
    torch.save({"state_dict": state, **beside}, FILES / "beside-legacy.pth", pickle_protocol=4,
               _use_new_zipfile_serialization=False)
    wrapped = {}
    for name, value in state.items():
        layer, field = name.rsplit(".", 1)
        wrapped[f"_fsdp_wrapped_module.{layer}._checkpoint_wrapped_module._orig_mod.{field}"] = value
    average = {"n_averaged": torch.tensor(3), **{f"module.{name}": value for name, value in state.items()}}
    zeros = {f"teacher.{name}": torch.zeros_like(value) for name, value in state.items()}
    torch.save({"model": wrapped, "model_ema": average, "pair": zeros}, FILES / "several.pt")
    torch.save([wrapped, 7], FILES / "wrapped.pt")
    backbone = {f"net.backbone.{name}": value for name, value in state.items() if not name.startswith("fc.")}
    head = {f"net.head.1.{field}": state[f"fc.{field}"] for field in ("weight", "bias")}
    torch.save({**backbone, **head}, FILES / "other-head.pt")
    parts = {"backbone": {name.removeprefix("net.backbone."): value for name, value in backbone.items()},
             "head": {field: state[f"fc.{field}"] for field in ("weight", "bias")},
             "optimizer": optimizer.state_dict()}
    torch.save(parts, FILES / "parts.pt")
    torch.save({**backbone, **head, "net.neck.weight": torch.eye(8)}, FILES / "neck.pt")
    torch.save({name: value.numpy() for name, value in state.items()}, FILES / "arrays.pt")
    with open(FILES / "plain.pkl", "wb") as file:
        pickle.dump(state, file)
    quantised = {**state, "fc.weight": torch.quantize_per_tensor(state["fc.weight"], 0.1, 0, torch.qint8)}
    torch.save(quantised, FILES / "quantised.pt")


def parametrised(batch):
    """Logits of a network whose weights lie in parts."""
    network = fill(small())
    convs = [layer for layer in network.modules() if isinstance(layer, torch.nn.Conv2d)]
    torch.nn.utils.parametrizations.weight_norm(convs[0])
    torch.nn.utils.prune.random_unstructured(convs[1], "weight", 0.5)
    torch.nn.utils.parametrizations.spectral_norm(network.fc)
    network.eval()
    torch.save(network.state_dict(), FILES / "parametrised.pt")
    return logits(network, batch)


def main():
    torch.manual_seed(0)
    path = HERE / "logits.json"
    if "--check" in sys.argv:
        held = json.loads(path.read_text())
        fresh = {"zoo": whole_zoo()}
        pairs = [(a, b) for old, new in zip(held["zoo"], fresh["zoo"])
                 for a, b in zip(sum(old["logits"], []), sum(new["logits"], []))]
        worst = max(abs(a - b) for a, b in pairs)
        print(f"largest difference from the committed logits: {worst:.2e}")
        sys.exit(0 if worst < 1e-4 and len(held["zoo"]) == len(fresh["zoo"]) else 1)
    result = {"zoo": whole_zoo(), "files": files()}
    path.write_text(json.dumps(result, indent=1) + "\n")


if __name__ == "__main__":
    main()
