#!/usr/bin/env python3
"""Writes edges.json beside it: every term where plain formulas lose their digits. Standard library only.

    python3 crates/objective/tests/golden/edges.py

Each loss is computed from its definition in 90-digit decimals and each gradient by central differences, so that nothing
can cancel, at inputs that are single-precision numbers. Nothing here is used at build time.
"""

import json
import struct
from decimal import Decimal as D, getcontext
from pathlib import Path

getcontext().prec = 90
getcontext().Emin, getcontext().Emax = -(10**17), 10**17
HERE = Path(__file__).parent
NOTHING = -1e30


def single(x):
    return struct.unpack("f", struct.pack("f", x))[0]


def singles(rows):
    return [[single(x) for x in row] for row in rows]


# Logits: functions of softened log probabilities, rows of Decimal.


def log_softmax(row, t=D(1)):
    scaled = [max(z, D(NOTHING)) / t for z in row]
    top = max(scaled)
    lse = top + sum((z - top).exp() for z in scaled if z - top > -10**6).ln()
    return [z - lse for z in scaled]


def log_sum(values):
    top = max(values)
    return top + sum((v - top).exp() for v in values).ln()


def exp(x):
    return x.exp() if x > -(10**9) else D(0)


def kl(log_p, log_q):
    return sum((exp(a) * (a - b) for a, b in zip(log_p, log_q)), D(0))


def mixture(log_p, log_q, share):
    return [log_sum([a + share.ln(), b + (1 - share).ln()]) for a, b in zip(log_p, log_q)]


def decoupled(s, t, label, alpha, beta):
    def parts(row):
        others = [v for c, v in enumerate(row) if c != label]
        rest = log_sum(others)
        return [row[label], rest], [v - rest for v in others]

    (target_s, others_s), (target_t, others_t) = parts(s), parts(t)
    return alpha * kl(target_t, target_s) + beta * kl(others_t, others_s)


def top_k(s, t, k, remainder):
    order = sorted(range(len(t)), key=lambda c: -t[c])
    top, rest = order[:k], order[k:]
    if remainder == "renormalise":
        among = lambda row: [row[c] - log_sum([row[d] for d in top]) for c in top]
        return kl(among(t), among(s))
    if remainder == "bucket":
        joined = lambda row: [row[c] for c in top] + [log_sum([row[c] for c in rest])]
        return kl(joined(t), joined(s))
    even = log_sum([t[c] for c in rest]) - D(len(rest)).ln()
    return kl([t[c] for c in top] + [even] * len(rest), [s[c] for c in top + rest])


def row_terms(name, fields):
    skew, mixing = (D(str(fields.get(f, d))) for f, d in (("skew", 0.1), ("mixing", 0.5)))
    return {
        "soft-targets": lambda s, t, y: kl(t, s),
        "reverse-kl": lambda s, t, y: kl(s, t),
        "soft-cross-entropy": lambda s, t, y: -sum(exp(a) * b for a, b in zip(t, s)),
        "skewed-kl": lambda s, t, y: kl(s, mixture(s, t, skew))
        if fields.get("reverse")
        else kl(t, mixture(t, s, skew)),
        "jensen-shannon": lambda s, t, y: mixing * kl(t, mixture(t, s, mixing))
        + (1 - mixing) * kl(s, mixture(t, s, mixing)),
        "decoupled": lambda s, t, y: decoupled(s, t, y, D(1), D(fields.get("non_target", 8))),
        "top-k": lambda s, t, y: top_k(s, t, fields.get("k"), fields.get("remainder", "bucket")),
    }[name]


def of_rows(fields, student, teacher, labels):
    t = D(fields["temperature"])
    term = row_terms(fields["term"], fields)
    rows = zip(student, teacher, labels)
    total = sum(term(log_softmax(a, t), log_softmax(b, t), y) for a, b, y in rows)
    return t * t * total / len(student)


def uncorrelated(a, b):
    total = D(0)
    for x, y in zip(a, b):
        x, y = ([v - sum(row) / len(row) for v in row] for row in (x, y))
        norms = sum(v * v for v in x) * sum(v * v for v in y)
        total += sum(v * w for v, w in zip(x, y)) / (norms + D("1e-16")).sqrt()
    return 1 - total / len(a)


def dist(fields, student, teacher, _labels):
    t = D(fields["temperature"])
    s, r = ([[exp(v) for v in log_softmax(row, t)] for row in rows] for rows in (student, teacher))
    columns = lambda rows: [list(column) for column in zip(*rows)]
    return t * t * (uncorrelated(s, r) + uncorrelated(columns(s), columns(r)))


def cross_entropy(_fields, student, _teacher, labels):
    return -sum(log_softmax(row)[y] for row, y in zip(student, labels)) / len(student)


def logit_mse(_fields, student, teacher, _labels):
    gaps = (a - b for s, t in zip(student, teacher) for a, b in zip(s, t) if min(a, b) > D(NOTHING))
    return sum(g * g for g in gaps) / (len(student) * len(student[0]))


# Features: rows of Decimal, one place each; channels are columns.


def dot(a, b):
    return sum((x * y for x, y in zip(a, b)), D(0))


def unit(row, beside=D(0)):
    norm = (dot(row, row) + D("1e-24")).sqrt() + beside
    return [x / norm for x in row]


def mean_square(a, b):
    gaps = [(x - y) ** 2 for s, t in zip(a, b) for x, y in zip(s, t)]
    return sum(gaps) / len(gaps)


def huber(x):
    return x * x / 2 if abs(x) <= 1 else abs(x) - D("0.5")


def rkd(fields, student, teacher):
    def distances(rows):
        n = len(rows)
        gap = lambda a, b: (sum((x - y) ** 2 for x, y in zip(a, b)) + D("1e-12")).sqrt()
        table = [[gap(a, b) if i != j else D(0) for j, b in enumerate(rows)] for i, a in enumerate(rows)]
        mean = sum(map(sum, table)) / max(n * (n - 1), 1)
        return [x / max(mean, D("1e-30")) for row in table for x in row]

    def angles(rows):
        cosines = []
        for a in rows:
            directions = [unit([y - x for x, y in zip(a, b)]) for b in rows]
            cosines += [dot(p, q) for p in directions for q in directions]
        return cosines

    total = D(0)
    for field, relation in (("distance", distances), ("angle", angles)):
        s, t = relation(student), relation(teacher)
        total += D(fields[field]) * sum(huber(x - y) for x, y in zip(s, t)) / len(s)
    return total


def gram(rows):
    return [[dot(a, b) for b in rows] for a in rows]


def similarity(_fields, student, teacher):
    return mean_square(*([unit(row) for row in gram(rows)] for rows in (student, teacher)))


def correlation(_fields, student, teacher):
    gamma = D("0.4")

    def kernel(rows):
        alike = gram([unit(row) for row in rows])
        series = lambda x: 1 + 2 * gamma * x + (2 * gamma * x) ** 2 / 2
        return [[(-2 * gamma).exp() * series(x) for x in row] for row in alike]

    return mean_square(kernel(student), kernel(teacher))


def pkt(_fields, student, teacher):
    def neighbours(rows):
        alike = [[(x + 1) / 2 for x in row] for row in gram([unit(r, D("1e-7")) for r in rows])]
        return [[x / sum(row) for x in row] for row in alike]

    eps, total, s, t = D("1e-7"), D(0), neighbours(student), neighbours(teacher)
    for row_s, row_t in zip(s, t):
        total += sum(q * ((q + eps).ln() - (p + eps).ln()) for p, q in zip(row_s, row_t))
    return total / len(s) ** 2


# Here a row is a sample's map of one channel, or of two for NST: columns are pixels.


def attention(fields, student, teacher):
    power = D(fields.get("power", 2))
    strength = lambda rows: [unit([abs(x) ** power if x else D(0) for x in row]) for row in rows]
    return mean_square(strength(student), strength(teacher))


def nst(_fields, student, teacher):
    def kernel(a, b):
        values = [dot(p, q) ** 2 for p in a for q in b]
        return sum(values) / len(values)

    total = D(0)
    for row_s, row_t in zip(student, teacher):
        half = len(row_s) // 2
        s, t = ([unit(row[:half]), unit(row[half:])] for row in (row_s, row_t))
        total += kernel(t, t) + kernel(s, s) - 2 * kernel(s, t)
    return total / len(student)


def gradient(loss, rows):
    out = []
    for b, row in enumerate(rows):
        out.append([])
        for c, x in enumerate(row):
            step = max(abs(x), D(1)) * D("1e-22")
            both = []
            for sign in (1, -1):
                moved = [list(r) for r in rows]
                moved[b][c] += sign * step
                both.append(loss(moved))
            out[-1].append(number((both[0] - both[1]) / (2 * step)))
    return out


def number(x):
    """A float; what 90 digits leave of a difference that is zero is zero."""
    return 0.0 if abs(x) < D("1e-30") else float(x)


def decimals(rows):
    return [[D(x) for x in row] for row in rows]


CASES = []


def named(term):
    settings = (f"{k} {v}" for k, v in term.items() if k in ("skew", "reverse", "mixing", "remainder"))
    return " ".join([term["term"], *(f"({text})" for text in settings)])


def logits(name, loss, term, student, teacher, labels):
    student, teacher = singles(student), singles(teacher)
    s, t = decimals(student), decimals(teacher)
    known = lambda rows: loss(term, rows, t, labels)
    value = known(s)
    slopes = gradient(known, s)
    hidden = lambda rows: [[x if x > NOTHING else -1e300 for x in row] for row in rows]
    for row, slope in zip(student, slopes):
        slope[:] = [0.0 if x <= NOTHING else g for x, g in zip(row, slope)]
    CASES.append(
        {
            "name": f"{named(term)}, {name}",
            "term": {**term, "weight": 1.0},
            "student": hidden(student),
            "teacher": hidden(teacher),
            "labels": labels,
            "allowed": 3e-5,
            "loss": number(value),
            "gradient": slopes,
        }
    )


def features(name, loss, term, student, teacher, shape, allowed=3e-5):
    student, teacher = singles(student), singles(teacher)
    s, t = decimals(student), decimals(teacher)
    batch = len(student)
    flat = lambda rows: [x for row in rows for x in row]
    known = lambda rows: loss(term, rows, t)
    blank = [[0.0, 0.0] for _ in range(batch)]
    numbers = lambda which, rows: {"name": which, "shape": [batch, *shape], "values": flat(rows)}
    CASES.append(
        {
            "name": f"{term['term']}, {name}",
            "term": {**term, "weight": 1.0, "taps": [["s", "t"]]},
            "student": blank,
            "teacher": blank,
            "labels": [0] * batch,
            "allowed": allowed,
            "student_features": [{**numbers("s", student), "gradient": flat(gradient(known, s))}],
            "teacher_features": [numbers("t", teacher)],
            "loss": number(known(s)),
            "gradient": blank,
        }
    )


TEACHER = [[4, 1, -2, 0.5, -1], [-1, 0, 5, 2, 0.5], [0.2, 3, 2.5, -1.5, 1]]
STUDENT = [[1, 0.5, -0.5, 0.2, -1.2], [0.3, -0.7, 2, 0.1, 0.4], [-1, 0.8, 0.6, -0.2, 0.9]]
LABELS = [0, 2, 1]
NEAR = [[z + d * 1e-4 for z, d in zip(row, (3, -2, 1, 0, 5))] for row in TEACHER]
LARGE = [[1e4, -1e4, 0], [0, 5e3, 9.9e3]], [[-1e4, 1e4, 30], [1e4, 9e3, 0]], [0, 1]
NONE = NOTHING
HIDDEN = [[4, NONE, -2, 0.5, NONE], [-1, 0, NONE, 2, 0.5], [0.2, NONE, 2.5, -1.5, 1]]

TERMS = [
    {"term": "soft-targets"},
    {"term": "reverse-kl"},
    {"term": "soft-cross-entropy"},
    {"term": "skewed-kl"},
    {"term": "skewed-kl", "skew": 0.3, "reverse": True},
    {"term": "jensen-shannon", "mixing": 0.3},
    {"term": "decoupled"},
    {"term": "top-k", "k": 2},
    {"term": "top-k", "k": 2, "remainder": "renormalise"},
    {"term": "top-k", "k": 2, "remainder": "uniform"},
]
for fields in TERMS:
    for t in (1, 20, 1000000):
        term = {**fields, "temperature": t}
        logits(f"near logits, T={t}", of_rows, term, NEAR, TEACHER, LABELS)
        logits(f"equal logits, T={t}", of_rows, term, TEACHER, TEACHER, LABELS)
        logits(f"unlike logits, T={t}", of_rows, term, STUDENT, TEACHER, LABELS)
        logits(f"one row, T={t}", of_rows, term, STUDENT[:1], TEACHER[:1], LABELS[:1])
    for t in (1, 20):
        term = {**fields, "temperature": t}
        if fields["term"] != "top-k":
            logits(f"logits of 1e4, T={t}", of_rows, term, *LARGE)
        if fields["term"] != "reverse-kl" and not fields.get("reverse"):
            logits(f"the teacher without a class, T={t}", of_rows, term, STUDENT, HIDDEN, [0, 3, 2])
        if fields["term"] not in ("decoupled", "top-k"):
            two = [[1.5, -0.5], [3, 3.001]], [[-1, 2], [3.001, 3]], [0, 1]
            logits(f"two classes, T={t}", of_rows, term, *two)
for t in (1, 20, 1000000):
    term = {"term": "dist", "temperature": t}
    logits(f"near logits, T={t}", dist, term, NEAR, TEACHER, LABELS)
    logits(f"equal logits, T={t}", dist, term, TEACHER, TEACHER, LABELS)
    logits(f"unlike logits, T={t}", dist, term, STUDENT, TEACHER, LABELS)
logits("logits of 1e4", cross_entropy, {"term": "cross-entropy"}, *LARGE)
logits("without a class", cross_entropy, {"term": "cross-entropy"}, HIDDEN, TEACHER, [0, 3, 2])
logits("near logits", logit_mse, {"term": "logit-mse"}, NEAR, TEACHER, LABELS)
logits("logits of 1e4", logit_mse, {"term": "logit-mse"}, *LARGE)
logits("the teacher without a class", logit_mse, {"term": "logit-mse"}, STUDENT, HIDDEN, LABELS)

ROWS = [[0.5, -1.25, 2], [1.5, 0.75, -0.5], [-0.25, 0.5, 1]]
OTHERS = [[1, 0.25, -0.5], [0.5, 1.5, 1], [-1, 0.75, 0.25]]
NEAR_ROWS = [[-2.9, 4.8, 0], [-2.899, 4.8, 0], [2.4, 0, 0]]
RELATIONS = [
    (rkd, {"term": "rkd", "distance": 25, "angle": 0}),
    (rkd, {"term": "rkd", "distance": 0, "angle": 50}),
    (similarity, {"term": "similarity"}),
    (correlation, {"term": "correlation"}),
    (pkt, {"term": "pkt"}),
]
for loss, term in RELATIONS:
    what = ", ".join(k for k in ("distance", "angle") if term.get(k))
    of = lambda name: f"{name} ({what})" if what else name
    features(of("near rows"), loss, term, NEAR_ROWS, OTHERS, [3, 1, 1])
    features(of("equal rows"), loss, term, [ROWS[0]] * 2 + ROWS[2:], OTHERS, [3, 1, 1])
    # Its ε leaves PKT a gradient of 1e-9 there, which is the rounding of numbers near one.
    allowed = 1.0 if loss is pkt else 3e-5
    features(of("the teacher's features"), loss, term, ROWS, ROWS, [3, 1, 1], allowed)
    features(of("a row of zeros"), loss, term, [[0, 0, 0]] + ROWS[1:], OTHERS, [3, 1, 1])
    features(of("one row"), loss, term, ROWS[:1], OTHERS[:1], [3, 1, 1])
    large = [[x * 1e12 for x in row] for row in ROWS]
    features(of("numbers of 1e12"), loss, term, large, OTHERS, [3, 1, 1])
features("rows near the origin and far", rkd, {"term": "rkd", "distance": 25, "angle": 50},
         [[1000.0, 0, 0], [1000.001, 0, 0], [1000, 0.002, 0]], OTHERS, [3, 1, 1])
for loss, term, shape in (
    (attention, {"term": "attention"}, [1, 2, 2]),
    (attention, {"term": "attention", "power": 8}, [1, 2, 2]),
    (nst, {"term": "nst"}, [2, 1, 2]),
    (nst, {"term": "nst"}, [2, 1, 6]),
):
    count = shape[0] * shape[1] * shape[2]
    grid = lambda f: [[f(b, c) for c in range(count)] for b in range(3)]
    ours = grid(lambda b, c: ((7 * b + 5 * c) % 11 + 1) / 8)
    theirs = grid(lambda b, c: ((3 * b + 4 * c) % 7 + 1) / 4)
    near = [[x * (1 + 1e-4 * ((b + c) % 3)) for c, x in enumerate(row)] for b, row in enumerate(theirs)]
    of = f"power {term['power']}, " if "power" in term else ""
    of += f"{count // shape[0]} pixels"
    features(f"unlike maps, {of}", loss, term, ours, theirs, shape)
    half = (count + 1) // 2
    dead = [[0.0] * half + ours[0][half:], [0.0] * count, ours[2]]
    features(f"channels of zeros, {of}", loss, term, dead, theirs, shape)
    # Vectors of norm 1 are rounded before they are compared.
    features(f"near maps, {of}", loss, term, near, theirs, shape, 5e-3)
    features(f"equal maps, {of}", loss, term, theirs, theirs, shape)
    features(f"numbers of 1e6, {of}", loss, term, [[x * 1e6 for x in r] for r in ours], theirs, shape)
    features(f"numbers of 1e12, {of}", loss, term, [[x * 1e12 for x in r] for r in ours], theirs, shape)

# The variance of VID: softplus(a) + 1e-5 for one channel, three layers of one weight before it.


def vid(weights, a, student, teacher):
    variance = (1 + a.exp()).ln() + D("1e-5")
    means = [x[0] * weights[0] * weights[1] * weights[2] for x in student]
    gap = sum((m - t[0]) ** 2 for m, t in zip(means, teacher)) / len(means)
    return (gap / variance + variance.ln()) / 2


for a in (-20.0, -1.0, 0.0, 30.0):
    weights, ours, theirs = [0.5, 1.5, 0.75], [[0.5], [2.0], [1.25]], [[0.75], [-1.0], [1.5]]
    known = lambda rows: vid([D(w) for w in weights], rows[0][0], decimals(ours), decimals(theirs))
    slope = gradient(known, [[D(a)]])[0][0]
    features(f"a = {a}", lambda _, s, t: vid([D(w) for w in weights], D(a), s, t), {"term": "vid"}, ours, theirs, [1, 1, 1])
    layers = [{"name": f"conv{i + 1}.weight", "shape": [1] * 4, "values": [w]} for i, w in enumerate(weights)]
    CASES[-1]["connector"] = [*layers, {"name": "log_scale", "shape": [1], "values": [a], "gradient": [slope]}]

cases = ",\n".join(json.dumps(case) for case in CASES)
(HERE / "edges.json").write_text(f'{{"made_by": "edges.py", "cases": [\n{cases}\n]}}\n')
