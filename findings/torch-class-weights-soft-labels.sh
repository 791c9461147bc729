#!/usr/bin/env bash
# What:    cross_entropy(weight=...) divides by the sum of the weights for class indices, but by the batch size for the
#          same labels written as probabilities.
# Version: torch 2.15.0.
# Matters: one-hot, mixed-up or teacher's labels change the loss by the mean class weight, and with it the balance
#          between the hard and the soft term, although the targets are the same.
# Here:    compare with PyTorch sample by sample (`reduction="none"`), where both forms agree.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv env
env/bin/pip install --quiet torch==2.15.0 numpy==2.4.6
env/bin/python - <<'PY'
import torch
from torch.nn.functional import cross_entropy, one_hot

logits = torch.tensor([[2.0, 0.0, 1.0], [0.5, 1.5, 0.0], [0.0, 0.0, 3.0], [1.0, 1.0, 1.0]])
labels = torch.tensor([0, 1, 2, 1])
weight = torch.tensor([1.0, 10.0, 1.0])
hard = cross_entropy(logits, labels, weight=weight).item()
soft = cross_entropy(logits, one_hot(labels, 3).float(), weight=weight).item()
smooth = cross_entropy(logits, labels, weight=weight, label_smoothing=1e-6).item()
mean = weight[labels].mean().item()
print("torch", torch.__version__)
print(f"class indices: {hard:.4f}, the same labels one-hot: {soft:.4f}, ratio {soft / hard:.3f}")
print(f"mean weight of the four samples: {mean:.3f}; indices with the least label smoothing: {smooth:.4f}")
plain = [cross_entropy(logits, target).item() for target in (labels, one_hot(labels, 3).float())]
print(f"without weights both forms agree: {plain[0]:.4f}, {plain[1]:.4f}")
if abs(soft / hard - mean) > 1e-3 or abs(plain[0] - plain[1]) > 1e-5:
    raise SystemExit("changed: both forms of the labels give one loss")
PY
