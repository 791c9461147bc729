"""PyTorch's side of `cargo xtask bench --peer pytorch`: the networks of the zoo, the same batch, the
same loss, the same optimizer. Reads a case a line, as `benches/peer/main.rs` does:

    train NETWORK STEPS     forward NETWORK STEPS     memory

    peer.py THREADS nchw|channels_last f32|bf16
"""

import resource
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2] / "crates/models/tests/pytorch"))

import torch
import torch.nn.functional as F
import zoo

BATCH, CLASSES, TEMPERATURE = 64, 10, 5.0
NETWORKS = {name: make for name, _, _, make in zoo.MODELS} | {
    "wrn-16-2": lambda: zoo.WideResNet(16, 2, CLASSES),
}


class Side:
    def __init__(self, layout, precision):
        self.memory_format = {
            "nchw": torch.contiguous_format,
            "channels_last": torch.channels_last,
        }[layout]
        self.autocast = precision == "bf16"
        torch.manual_seed(1)
        images = torch.rand(BATCH, 3, 32, 32) * 4 - 2
        self.images = images.to(memory_format=self.memory_format)
        self.labels = torch.arange(BATCH) % CLASSES
        self.teacher = torch.rand(BATCH, CLASSES) * 4 - 2
        self.learning, self.answering = {}, {}

    def network(self, name):
        return NETWORKS[name]().to(memory_format=self.memory_format)

    def logits(self, network):
        with torch.autocast("cpu", torch.bfloat16, enabled=self.autocast):
            return network(self.images).float()

    def train(self, name, steps):
        if name not in self.learning:
            network = self.network(name).train()
            self.learning[name] = network, torch.optim.Adam(network.parameters(), lr=1e-4)
        network, optimizer = self.learning[name]
        started = time.perf_counter()
        for _ in range(steps):
            logits = self.logits(network)
            student = F.log_softmax(logits / TEMPERATURE, 1)
            teacher = F.log_softmax(self.teacher / TEMPERATURE, 1)
            soft = F.kl_div(student, teacher, reduction="batchmean", log_target=True)
            loss = 0.4 * TEMPERATURE**2 * soft + 0.5 * F.cross_entropy(logits, self.labels)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        return BATCH * steps / (time.perf_counter() - started)

    def forward(self, name, steps):
        if name not in self.answering:
            self.answering[name] = self.network(name).eval()
        network = self.answering[name]
        started = time.perf_counter()
        with torch.no_grad():
            for _ in range(steps):
                self.logits(network)
        return BATCH * steps / (time.perf_counter() - started)


def main():
    threads, layout, precision = sys.argv[1:]
    if int(threads):
        torch.set_num_threads(int(threads))
    side = Side(layout, precision)
    for line in sys.stdin:
        what, *rest = line.split()
        if what == "memory":
            answer = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
        elif what == "version":
            answer = torch.__version__
        else:
            name, steps = rest
            answer = getattr(side, what)(name, int(steps))
        print(answer, flush=True)


if __name__ == "__main__":
    main()
