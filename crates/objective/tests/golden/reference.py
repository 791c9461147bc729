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


def logit_mse(student, teacher, _labels, _setting):
    total = sum((a - b) ** 2 for s, t in zip(student, teacher) for a, b in zip(s, t))
    return total / (len(student) * len(student[0]))


def kl(p, q):
    return sum(a * (a.ln() - b.ln()) for a, b in zip(p, q))


def softmax(row, t):
    exps = [(z / t).exp() for z in row]
    return [e / sum(exps) for e in exps]


def decoupled(student, teacher, labels, setting):
    t, alpha, beta = (Decimal(repr(value)) for value in setting)
    total = Decimal(0)
    for row_s, row_t, y in zip(student, teacher, labels):
        binary = lambda row: [softmax(row, t)[y], 1 - softmax(row, t)[y]]
        others = lambda row: softmax([z for c, z in enumerate(row) if c != y], t)
        total += alpha * kl(binary(row_t), binary(row_s))
        if beta:
            total += beta * kl(others(row_t), others(row_s))
    return t * t * total / len(student)


def uncorrelated(a, b):
    total = Decimal(0)
    for x, y in zip(a, b):
        x, y = ([v - sum(row) / len(row) for v in row] for row in (x, y))
        norms = sum(v * v for v in x) * sum(v * v for v in y)
        total += sum(v * w for v, w in zip(x, y)) / (norms + Decimal("1e-16")).sqrt()
    return 1 - total / len(a)


def dist(student, teacher, _labels, setting):
    t, inter, intra = (Decimal(repr(value)) for value in setting)
    s, r = ([softmax(row, t) for row in rows] for rows in (student, teacher))
    columns = lambda rows: [list(column) for column in zip(*rows)]
    both = inter * uncorrelated(s, r) + intra * uncorrelated(columns(s), columns(r))
    return t * t * both


def reverse_kl(student, teacher, labels, temperature):
    return soft_targets(teacher, student, labels, temperature)


def jensen_shannon(student, teacher, _labels, setting):
    t, beta = (Decimal(repr(value)) for value in setting)
    total = Decimal(0)
    for row_s, row_t in zip(student, teacher):
        p, q = softmax(row_t, t), softmax(row_s, t)
        m = [beta * a + (1 - beta) * b for a, b in zip(p, q)]
        total += beta * kl(p, m) + (1 - beta) * kl(q, m)
    return t * t * total / len(student)


def skewed_kl(student, teacher, _labels, setting):
    t, skew, reverse = setting
    t, skew, total = Decimal(repr(t)), Decimal(repr(skew)), Decimal(0)
    for row_s, row_t in zip(student, teacher):
        p, q = (softmax(row, t) for row in ((row_s, row_t) if reverse else (row_t, row_s)))
        total += kl(p, [skew * a + (1 - skew) * b for a, b in zip(p, q)])
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

write("logit_mse", [case(name, logit_mse, {"term": "logit-mse"}, None, *s) for name, s in SHAPES])
write(
    "decoupled",
    [
        case(
            f"{name}, T={t}, α={a}, β={b}",
            decoupled,
            {"term": "decoupled", "temperature": t, "target": a, "non_target": b},
            (t, a, b),
            *s,
        )
        for name, s in SHAPES
        for t, a, b in ((1.0, 1.0, 0.5), (4.0, 1.0, 8.0), (4.0, 1.0, 0.0))
        if b == 0 or name != "two classes"
    ],
)
write(
    "dist",
    [
        case(
            f"{name}, T={t}, β={b}, γ={c}",
            dist,
            {"term": "dist", "temperature": t, "inter": b, "intra": c, "weight": 1.0},
            (t, b, c),
            *s,
        )
        for name, s in SHAPES
        for t, b, c in ((1.0, 1.0, 1.0), (4.0, 1.0, 2.0))
    ],
)
write(
    "reverse_kl",
    [
        case(f"{name}, T={t}", reverse_kl, {"term": "reverse-kl", "temperature": t}, t, *s)
        for name, s in SHAPES
        for t in (1.0, 4.0)
    ],
)
write(
    "jensen_shannon",
    [
        case(
            f"{name}, T={t}, β={b}",
            jensen_shannon,
            {"term": "jensen-shannon", "temperature": t, "mixing": b},
            (t, b),
            *s,
        )
        for name, s in SHAPES
        for t, b in ((1.0, 0.1), (1.0, 0.5), (1.0, 0.9), (4.0, 0.5))
    ],
)
write(
    "skewed_kl",
    [
        case(
            f"{name}, T={t}, α={a}, {'reverse' if reverse else 'forward'}",
            skewed_kl,
            {"term": "skewed-kl", "temperature": t, "skew": a, "reverse": reverse},
            (t, a, reverse),
            *s,
        )
        for name, s in SHAPES
        for t, a, reverse in ((1.0, 0.1, False), (1.0, 0.1, True), (4.0, 0.5, False))
    ],
)
