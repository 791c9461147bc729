#!/usr/bin/env python3
"""Writes the golden files beside it: losses and gradients, standard library only.

    python3 crates/objective/tests/golden/reference.py

Every loss is computed from its definition in 50-digit decimals, and every gradient by central
differences, so that no formula and no rounding is shared with the
crate. Nothing here is used at build time.
"""

import json
import random
from decimal import Decimal, getcontext
from pathlib import Path

getcontext().prec = 50
HERE = Path(__file__).parent

# knowledge-distillation reference vectors: three samples, five classes.
STUDENT = [[1, 0.5, -0.5, 0.2, -1.2], [0.3, -0.7, 2, 0.1, 0.4], [-1, 0.8, 0.6, -0.2, 0.9]]
TEACHER = [[4, 1, -2, 0.5, -1], [-1, 0, 5, 2, 0.5], [0.2, 3, 2.5, -1.5, 1]]
LABELS = [0, 2, 1]


def log_softmax(row, temperature=Decimal(1)):
    scaled = [z / temperature for z in row]
    total = sum(z.exp() for z in scaled)
    return [z - total.ln() for z in scaled]


def cross_entropy(student, _teacher, labels, smoothing):
    smoothing, total = Decimal(repr(smoothing)), Decimal(0)
    for row, label in zip(student, labels):
        for c, log_p in enumerate(log_softmax(row)):
            q = (1 - smoothing if c == label else Decimal(0)) + smoothing / len(row)
            total -= q * log_p
    return total / len(student)


def soft_targets(student, teacher, _labels, temperature):
    t, total = Decimal(repr(temperature)), Decimal(0)
    for row_s, row_t in zip(student, teacher):
        for log_s, log_t in zip(log_softmax(row_s, t), log_softmax(row_t, t)):
            total += log_t.exp() * (log_t - log_s)
    return t * t * total / len(student)


def gradient(loss, student, teacher, labels, setting):
    step, out = Decimal("1e-12"), []
    for b, row in enumerate(student):
        out.append([])
        for c in range(len(row)):
            values = []
            for sign in (1, -1):
                moved = [list(r) for r in student]
                moved[b][c] += sign * step
                values.append(loss(moved, teacher, labels, setting))
            out[-1].append(float((values[0] - values[1]) / (2 * step)))
    return out


def case(name, loss, term, setting, student, teacher, labels):
    s, t = ([[Decimal(repr(float(z))) for z in row] for row in m] for m in (student, teacher))
    return {
        "name": name,
        "term": term,
        "student": student,
        "teacher": teacher,
        "labels": labels,
        "loss": float(loss(s, t, labels, setting)),
        "gradient": gradient(loss, s, t, labels, setting),
    }


def signals(seed, batch, classes):
    draw = random.Random(seed)
    logits = lambda: [[round(draw.gauss(0, 2), 3) for _ in range(classes)] for _ in range(batch)]
    return logits(), logits(), [draw.randrange(classes) for _ in range(batch)]


def write(name, cases):
    text = json.dumps({"made_by": "reference.py", "cases": cases}, indent=1)
    (HERE / f"{name}.json").write_text(text + "\n")


SHAPES = [
    ("the reference vectors", (STUDENT, TEACHER, LABELS)),
    ("two classes", signals(1, 4, 2)),
    ("a batch of one", signals(2, 1, 7)),
    ("ten classes", signals(3, 6, 10)),
]

write(
    "cross_entropy",
    [
        case(f"{name}, ε={e}", cross_entropy, {"term": "cross-entropy", "label_smoothing": e}, e, *s)
        for name, s in SHAPES
        for e in (0.0, 0.1)
    ],
)
write(
    "soft_targets",
    [
        case(f"{name}, T={t}", soft_targets, {"term": "soft-targets", "temperature": t}, t, *s)
        for name, s in SHAPES
        for t in (1.0, 4.0, 5.0, 20.0)
    ],
)
