"""PyTorch's side of `cargo xtask bench --peer pytorch`: the networks of the zoo, the same batch, the
same loss, the same optimizer. Reads a case a line, as `benches/peer/main.rs` does:

    train NETWORK BATCH STEPS     forward NETWORK BATCH STEPS     distill TEACHER STUDENT BATCH STEPS
    memory     version

    peer.py THREADS cpu|cuda nchw|channels_last f32|tf32|bf16 eager|compiled
"""

import resource
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2] / "crates/models/tests/pytorch"))

import torch
import torch.nn.functional as F
import zoo

CLASSES, TEMPERATURE = 10, 5.0
NETWORKS = {name: make for name, _, _, make in zoo.MODELS} | {
    "wrn-16-2": lambda: zoo.WideResNet(16, 2, CLASSES),
}


class Side:
    def __init__(self, device, layout, precision, how):
        self.memory_format = {
            "nchw": torch.contiguous_format,
            "channels_last": torch.channels_last,
        }[layout]
        self.device, self.compiled = device, how == "compiled"
        self.autocast = precision == "bf16"
        torch.backends.cuda.matmul.allow_tf32 = precision == "tf32"
        torch.backends.cudnn.allow_tf32 = precision == "tf32"
        torch.backends.cudnn.benchmark = True
        torch.manual_seed(1)
        self.batches, self.learning, self.answering = {}, {}, {}

    def batch(self, size):
        if size not in self.batches:
            images = torch.rand(size, 3, 32, 32, device=self.device) * 4 - 2
            self.batches[size] = (
                images.to(memory_format=self.memory_format),
                torch.arange(size, device=self.device) % CLASSES,
                torch.rand(size, CLASSES, device=self.device) * 4 - 2,
            )
        return self.batches[size]

    def network(self, name):
        network = NETWORKS[name]().to(self.device, memory_format=self.memory_format)
        return torch.compile(network) if self.compiled else network

    def student(self, name):
        if name not in self.learning:
            network = self.network(name).train()
            self.learning[name] = network, torch.optim.Adam(network.parameters(), lr=1e-4)
        return self.learning[name]

    def frozen(self, name):
        if name not in self.answering:
            self.answering[name] = self.network(name).eval()
        return self.answering[name]

    def logits(self, network, images):
        with torch.autocast(self.device, torch.bfloat16, enabled=self.autocast):
            return network(images).float()

    def learn(self, name, batch, steps, teacher=None):
        network, optimizer = self.student(name)
        images, labels, answers = self.batch(batch)
        started = self.now()
        for _ in range(steps):
            if teacher is not None:
                with torch.no_grad():
                    answers = self.logits(teacher, images)
            logits = self.logits(network, images)
            student = F.log_softmax(logits / TEMPERATURE, 1)
            wanted = F.log_softmax(answers / TEMPERATURE, 1)
            soft = F.kl_div(student, wanted, reduction="batchmean", log_target=True)
            loss = 0.4 * TEMPERATURE**2 * soft + 0.5 * F.cross_entropy(logits, labels)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        return batch * steps / (self.now() - started)

    def train(self, name, batch, steps):
        return self.learn(name, batch, steps)

    def distill(self, teacher, student, batch, steps):
        return self.learn(student, batch, steps, self.frozen(teacher))

    def forward(self, name, batch, steps):
        network, (images, _, _) = self.frozen(name), self.batch(batch)
        started = self.now()
        with torch.no_grad():
            for _ in range(steps):
                self.logits(network, images)
        return batch * steps / (self.now() - started)

    def now(self):
        if self.device == "cuda":
            torch.cuda.synchronize()
        return time.perf_counter()


def main():
    threads, *how = sys.argv[1:]
    if int(threads):
        torch.set_num_threads(int(threads))
    side = Side(*how)
    for line in sys.stdin:
        what, *rest = line.split()
        if what == "memory":
            answer = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
        elif what == "version":
            answer = torch.__version__
        else:
            answer = getattr(side, what)(*rest[:-2], int(rest[-2]), int(rest[-1]))
        print(answer, flush=True)


if __name__ == "__main__":
    main()
