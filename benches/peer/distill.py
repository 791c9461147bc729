"""One epoch of distillation in PyTorch, the peer of

    distill run cifar10-resnet56-to-vgg-small --set student.epochs=1

The same data, views, teacher (live), student, loss, optimizer and batch. Images are in memory and
views are made a batch at a time; prints images a second, the mean loss and the peak resident set.

    distill.py DATA THREADS nchw|channels_last [IMAGES]
"""

import resource
import sys
import tarfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2] / "crates/models/tests/pytorch"))

import numpy as np
import torch
import torch.nn.functional as F
import zoo

BATCH, TEMPERATURE = 64, 4.0
IMAGENET = [0.485, 0.456, 0.406], [0.229, 0.224, 0.225]
CIFAR = [0.4914, 0.4822, 0.4465], [0.2470, 0.2435, 0.2616]


def images(data):
    rows = []
    with tarfile.open(data / "cifar-10-binary.tar.gz") as archive:
        for index in range(1, 6):
            file = archive.extractfile(f"cifar-10-batches-bin/data_batch_{index}.bin")
            rows.append(np.frombuffer(file.read(), np.uint8).reshape(-1, 3073))
    rows = np.concatenate(rows)
    return torch.from_numpy(rows[:, 1:].reshape(-1, 3, 32, 32).copy()), torch.from_numpy(
        rows[:, 0].astype(np.int64)
    )


def view(batch):
    """Crops of the padded image and flips, each image its own."""
    padded = F.pad(batch, (4, 4, 4, 4))
    top, left = torch.randint(0, 9, (2, len(batch)))
    rows = top[:, None] + torch.arange(32)
    columns = left[:, None] + torch.arange(32)
    flip = torch.rand(len(batch)) < 0.5
    columns = torch.where(flip[:, None], columns.flip(1), columns)
    at = torch.arange(len(batch))[:, None, None]
    return padded[at, :, rows[:, :, None], columns[:, None, :]].permute(0, 3, 1, 2)


def normalised(batch, of):
    mean, std = (torch.tensor(values).view(1, 3, 1, 1) for values in of)
    return (batch.float() / 255 - mean) / std


def main():
    data, threads, layout = Path(sys.argv[1]), int(sys.argv[2]), sys.argv[3]
    torch.set_num_threads(threads)
    torch.manual_seed(1)
    pixels, labels = images(data)
    count = int(sys.argv[4]) if len(sys.argv) > 4 else 45_000
    memory = torch.channels_last if layout == "channels_last" else torch.contiguous_format

    teacher = zoo.CifarResNet(56, zoo.THIN, "a", 10)
    checkpoint = torch.load(data / "teachers/resnet56-4bfd9763.th", map_location="cpu")
    state = {name.removeprefix("module."): x for name, x in checkpoint["state_dict"].items()}
    teacher.load_state_dict(state)
    teacher = teacher.eval().to(memory_format=memory)
    student = zoo.TutorialVgg(zoo.SMALL).train().to(memory_format=memory)
    optimizer = torch.optim.Adam(student.parameters(), lr=1e-3)

    order, losses = torch.randperm(count), []
    started = time.perf_counter()
    for at in order.split(BATCH):
        batch = view(pixels[at])
        with torch.no_grad():
            wanted = teacher(normalised(batch, IMAGENET).contiguous(memory_format=memory))
        logits = student(normalised(batch, CIFAR).contiguous(memory_format=memory))
        soft = F.kl_div(
            F.log_softmax(logits / TEMPERATURE, 1),
            F.log_softmax(wanted / TEMPERATURE, 1),
            reduction="batchmean",
            log_target=True,
        )
        loss = 0.9 * TEMPERATURE**2 * soft + 0.1 * F.cross_entropy(logits, labels[at])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    seconds = time.perf_counter() - started
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    rate, mean = count / seconds, sum(losses) / len(losses)
    print(f"{layout}: {rate:.0f} images/s, {seconds:.1f} s, loss {mean:.3f}, peak {peak:.0f} MiB")


if __name__ == "__main__":
    main()
