#!/usr/bin/env python3
"""Writes golden files beside it: losses, gradients and updated state, by PyTorch in float64.

    cargo xtask golden
    python3 crates/objective/tests/golden/pytorch.py    # with a Python that has torch

Every loss is put together from PyTorch's own operations as its paper and the usual reference
code have it, and autograd takes the gradients, so that no formula is shared with the crate. The
files that `reference.py` wrote are only checked. Nothing here is used at build time.
"""

import json
import math
import random
from pathlib import Path

import torch
import torch.nn.functional as F

torch.set_default_dtype(torch.float64)
torch.set_num_threads(1)
HERE = Path(__file__).parent

# knowledge-distillation reference vectors: three samples, five classes.
STUDENT = [[1, 0.5, -0.5, 0.2, -1.2], [0.3, -0.7, 2, 0.1, 0.4], [-1, 0.8, 0.6, -0.2, 0.9]]
TEACHER = [[4, 1, -2, 0.5, -1], [-1, 0, 5, 2, 0.5], [0.2, 3, 2.5, -1.5, 1]]
LABELS = [0, 2, 1]


# Losses on logits. The ones here give a value a row; `logit_loss` takes the mean.


def kl(log_p, log_q):
    return F.kl_div(log_q, log_p, reduction="none", log_target=True).sum(1)


def standardise(z):
    return (z - z.mean(1, keepdim=True)) / (1e-7 + z.std(1, keepdim=True))


def correlation_distance(a, b):
    a, b = a - a.mean(1, keepdim=True), b - b.mean(1, keepdim=True)
    norms = a.pow(2).sum(1) * b.pow(2).sum(1)
    return 1 - (a * b).sum(1) / (norms + 1e-16).sqrt()


def decoupled(term, s, t, log_s, log_t, own):  # `own` marks the label's class of each row
    rest = lambda rows: rows[~own].view(len(rows), -1)
    binary = lambda log_p: torch.stack([log_p[own], rest(log_p).logsumexp(1)], 1)
    others = lambda z: F.log_softmax(rest(z), 1)
    target = term["target"] * kl(binary(log_t), binary(log_s))
    return target + term["non_target"] * kl(others(t), others(s))


def top_k(term, s, t, log_s, log_t):
    k, classes = term["k"], s.shape[1]
    inside = torch.zeros_like(t, dtype=torch.bool).scatter(1, t.topk(k).indices, True)
    kept = lambda rows: rows[inside].view(-1, k)
    rest = lambda rows: rows[~inside].view(-1, classes - k)
    if term["remainder"] == "bucket":
        bucket = lambda log_p: torch.cat([kept(log_p), rest(log_p).logsumexp(1, True)], 1)
        return kl(bucket(log_t), bucket(log_s))
    if term["remainder"] == "renormalise":
        return kl(F.log_softmax(kept(t), 1), F.log_softmax(kept(s), 1))
    spread = rest(log_t.exp()).sum(1, keepdim=True) / (classes - k)
    return kl(torch.where(inside, log_t, spread.log()), log_s)


def skewed(log_p, log_q, skew):  # KL(p || skew p + (1 - skew) q)
    return kl(log_p, torch.logaddexp(log_p + math.log(skew), log_q + math.log(1 - skew)))


def row_losses(term, s, t, y):
    name, T = term["term"], term.get("temperature", 1.0)
    raw_s, raw_t = s.detach(), t
    if name == "cross-entropy":
        return F.cross_entropy(s, y, reduction="none", label_smoothing=term["label_smoothing"])
    if name == "logit-mse":
        return F.mse_loss(s, t, reduction="none").mean(1)
    s, t = ((standardise(z) if term.get("standardise") else z) / T for z in (s, t))
    log_s, log_t = F.log_softmax(s, 1), F.log_softmax(t, 1)
    if name == "soft-targets":
        loss = kl(log_t, log_s)
    elif name == "soft-cross-entropy":
        loss = F.cross_entropy(s, log_t.exp(), reduction="none")
    elif name == "weighted-soft-targets":
        ce_s, ce_t = (F.cross_entropy(z, y, reduction="none") for z in (raw_s, raw_t))
        loss = (1 - torch.exp(-ce_s / (ce_t + 1e-7))) * kl(log_t, log_s)
    elif name == "reverse-kl":
        loss = kl(log_s, log_t)
    elif name == "jensen-shannon":
        b = term["mixing"]
        loss = b * skewed(log_t, log_s, b) + (1 - b) * skewed(log_s, log_t, 1 - b)
    elif name == "skewed-kl":
        p, q = (log_s, log_t) if term["reverse"] else (log_t, log_s)
        loss = skewed(p, q, term["skew"])
    elif name == "decoupled":
        loss = decoupled(term, s, t, log_s, log_t, F.one_hot(y, s.shape[1]).bool())
    elif name == "top-k":
        loss = top_k(term, s, t, log_s, log_t)
    elif name == "dist":
        inter = correlation_distance(log_s.exp(), log_t.exp())
        intra = correlation_distance(log_s.exp().T, log_t.exp().T).mean()
        return T * T * term["inter"] * inter, T * T * term["intra"] * intra
    return T * T * loss


def logit_loss(term, s, t, y, mask=None, weights=None):
    mask = torch.ones(len(s), dtype=torch.bool) if mask is None else mask
    weights = torch.ones(len(s)) if weights is None else weights
    rows = row_losses(term, s[mask], t[mask], y[mask])
    rows, whole = rows if term["term"] == "dist" else (rows, 0)
    return (weights[mask] * rows).sum() / max(mask.sum().item(), 1) + whole


# Losses on one pair of feature maps, [B, C, H, W] each.


def pooled(f):
    return f.mean((2, 3))


def same_size(s, t):
    """Pools the larger of two maps to the size of the smaller."""
    if s.shape[2] > t.shape[2]:
        return F.adaptive_avg_pool2d(s, t.shape[2:]), t
    return s, F.adaptive_avg_pool2d(t, s.shape[2:])


def batch_norm(x, c, name):
    scale, shift = c[f"{name}.gamma"], c[f"{name}.beta"]
    return F.batch_norm(x, None, None, scale, shift, training=True, eps=1e-5)


def hint(_term, s, t, c):
    s_H, t_H, weight, bias = s.shape[2], t.shape[2], c["conv.weight"], c["conv.bias"]
    if s_H == 2 * t_H:
        x = F.conv2d(s, weight, bias, stride=2, padding=1)
    elif 2 * s_H == t_H:
        x = F.conv_transpose2d(s, weight, bias, stride=2, padding=1)
    else:
        x = F.conv2d(s, weight, bias)
    return F.mse_loss(F.relu(batch_norm(x, c, "norm")), t)


def attention(term, s, t, _c):
    s, t = same_size(s, t)
    mapped = lambda f: F.normalize(f.abs().pow(term["power"]).mean(1).flatten(1))
    return F.mse_loss(mapped(s), mapped(t))


def vid(_term, s, t, c):
    s, t = same_size(s, t)
    mean = F.relu(F.conv2d(F.relu(F.conv2d(s, c["conv1.weight"])), c["conv2.weight"]))
    mean = F.conv2d(mean, c["conv3.weight"])
    variance = (F.softplus(c["log_scale"], threshold=100) + 1e-5).view(1, -1, 1, 1)
    return (0.5 * ((mean - t) ** 2 / variance + variance.log())).mean()


def similarity(_term, s, t, _c):
    gram = lambda f: F.normalize(f.flatten(1) @ f.flatten(1).T)
    return (gram(s) - gram(t)).pow(2).sum() / len(s) ** 2


def pkt(_term, s, t, _c):
    def probabilities(f):
        x = pooled(f)
        x = x / (x.norm(dim=1, keepdim=True) + 1e-7)
        kernel = (x @ x.T + 1) / 2
        return kernel / kernel.sum(1, keepdim=True)

    s, t = probabilities(s), probabilities(t)
    return (t * torch.log((t + 1e-7) / (s + 1e-7))).mean()


def nst(_term, s, t, _c):
    s, t = (F.normalize(f.flatten(2), dim=2) for f in same_size(s, t))
    kernel = lambda a, b: torch.einsum("bcx,bdx->bcd", a, b).pow(2).mean()
    return kernel(t, t) + kernel(s, s) - 2 * kernel(s, t)


def correlation(term, s, t, _c):
    def kernel(f):
        f, g = F.normalize(pooled(f)), 2 * term["gamma"]
        powers = range(term["order"] + 1)
        return sum(math.exp(-g) * g**p / math.factorial(p) * (f @ f.T) ** p for p in powers)

    return F.mse_loss(kernel(s), kernel(t))


def rkd(term, s, t, _c):
    differences = lambda e: e.unsqueeze(0) - e.unsqueeze(1)

    def distances(e):
        d = differences(e).pow(2).sum(2).clamp(min=1e-12).sqrt()
        d = d.masked_fill(torch.eye(len(e), dtype=torch.bool), 0)
        return d / d[d > 0].mean()

    def angles(e):
        unit = F.normalize(differences(e), dim=2)
        return unit @ unit.transpose(1, 2)

    s, t = pooled(s), pooled(t)
    distance, angle = (F.smooth_l1_loss(f(s), f(t)) for f in (distances, angles))
    return term["distance"] * distance + term["angle"] * angle


def each_pair(loss):
    return lambda term, s, t, c: sum(loss(term, *pair) for pair in zip(s, t, c))


# Losses on all the maps at once, and contrast with a bank.


def hierarchical_context(out, t):
    loss, weight, total = F.mse_loss(out, t), 1.0, 1.0
    for size in (4, 2, 1):
        if size < t.shape[2]:
            weight, total = weight / 2, total + weight / 2
            small = lambda f: F.adaptive_avg_pool2d(f, size)
            loss = loss + weight * F.mse_loss(small(out), small(t))
    return loss / total


def review(term, s, t, c):
    if term["pooled"]:
        s, t = (f + [F.adaptive_avg_pool2d(f[-1], 1)] for f in (s, t))
    total, kept = 0, None
    for f_s, f_t, level in zip(s[::-1], t[::-1], c):
        x = batch_norm(F.conv2d(f_s, level["reduce.weight"]), level, "reduce")
        if kept is not None:
            y, both = F.interpolate(kept, x.shape[2:], mode="nearest"), level["attention.weight"]
            z = F.conv2d(torch.cat([x, y], 1), both, level["attention.bias"]).sigmoid()
            x = x * z[:, :1] + y * z[:, 1:]
        if x.shape[2:] != f_t.shape[2:]:
            x = F.interpolate(x, f_t.shape[2:], mode="nearest")
        kept = x
        out = batch_norm(F.conv2d(x, level["expand.weight"], padding=1), level, "expand")
        total = total + hierarchical_context(out, f_t)
    return total


def overhaul(_term, s, t, c):
    total = 0
    for i, (f_s, f_t, pair) in enumerate(zip(s, t, c)):
        x = batch_norm(F.conv2d(f_s, pair["conv.weight"]), pair, "norm")
        target = torch.maximum(f_t, pair["margin"].view(1, -1, 1, 1))
        loss = F.mse_loss(x, target, reduction="none") * ((x > target) | (f_t > 0))
        total = total + loss.sum() / len(x) / 2 ** (len(s) - 1 - i)
    return total


def crd(term, s, t, c, positives, negatives):
    """The loss, and the banks and normalisers after it."""
    (s,), (t,), (c,) = s, t, c
    y, index = torch.tensor(positives), torch.tensor(positives).unsqueeze(1)
    index = torch.cat([index, torch.tensor(negatives)], 1)
    v_s = F.normalize(pooled(s) @ c["student.weight"] + c["student.bias"])
    v_t = F.normalize(pooled(t) @ c["teacher.weight"] + c["teacher.bias"])
    samples, total, after = len(c["bank_student"]), 0, {}
    for side, other, v in (("student", "teacher", v_s), ("teacher", "student", v_t)):
        out = torch.einsum("bkd,bd->bk", c[f"bank_{other}"][index], v) / term["temperature"]
        out, z = out.exp(), c[f"z_{side}"].clone()
        if z.item() < 0:
            z = (out.mean() * samples).detach().view(1)
        p, noise = out / z, term["negatives"] / samples
        positive = torch.log(p[:, 0] / (p[:, 0] + noise + 1e-7)).sum()
        negative = torch.log(noise / (p[:, 1:] + noise + 1e-7)).sum()
        total = total - (positive + negative) / len(v)
        bank, m = c[f"bank_{side}"].clone(), term["momentum"]
        bank[y] = F.normalize(m * bank[y] + (1 - m) * v.detach())
        after |= {f"bank_{side}": bank, f"z_{side}": z}
    return total, after


# Connectors: what each loss trains beside the student, or keeps.

UNTRAINED = {"margin", "bank_student", "bank_teacher", "z_student", "z_teacher"}


def gauss(draw, *shape, mean=0.0, std=0.3, digits=3):
    values = [round(draw.gauss(mean, std), digits) for _ in range(math.prod(shape))]
    return torch.tensor(values).view(shape)


def norm(draw, channels, name="norm"):
    gamma, beta = gauss(draw, channels, mean=1.0), gauss(draw, channels)
    return {f"{name}.gamma": gamma, f"{name}.beta": beta}


def hint_connector(draw, s, t):
    (c_s, s_H, _), (c_t, t_H, _) = s, t
    kernel = 3 if s_H == 2 * t_H else 4 if 2 * s_H == t_H else 1 + s_H - t_H
    channels = (c_s, c_t) if 2 * s_H == t_H else (c_t, c_s)
    conv = {"conv.weight": gauss(draw, *channels, kernel, kernel), "conv.bias": gauss(draw, c_t)}
    return conv | norm(draw, c_t)


def vid_connector(draw, s, t):
    inputs = {"conv1.weight": s[0], "conv2.weight": t[0], "conv3.weight": t[0]}
    convs = {name: gauss(draw, t[0], i, 1, 1) for name, i in inputs.items()}
    return convs | {"log_scale": gauss(draw, t[0], mean=1.0, std=1.0)}


def overhaul_connector(draw, s, t):
    margin = -gauss(draw, t[0], mean=0.6, std=0.2).abs()
    return {"conv.weight": gauss(draw, t[0], s[0], 1, 1)} | norm(draw, t[0]) | {"margin": margin}


def crd_connector(draw, s, t, z, samples=9, dim=4):
    maps, banks, normalisers = {}, {}, {}
    for side, channels, start in (("student", s[0], z[0]), ("teacher", t[0], z[1])):
        maps |= {f"{side}.weight": gauss(draw, channels, dim), f"{side}.bias": gauss(draw, dim)}
        bank = F.normalize(gauss(draw, samples, dim))
        banks[f"bank_{side}"] = torch.tensor(plain(bank))
        normalisers[f"z_{side}"] = torch.tensor([start])
    return maps | banks | normalisers


def review_connectors(draw, pairs, is_pooled):
    mid, levels = min(512, pairs[-1][0][0]), []
    for s, t in ((pairs + pairs[-1:]) if is_pooled else pairs)[::-1]:
        level = {"reduce.weight": gauss(draw, mid, s[0], 1, 1)} | norm(draw, mid, "reduce")
        if levels:
            level["attention.weight"] = gauss(draw, 2, 2 * mid, 1, 1)
            level["attention.bias"] = gauss(draw, 2)
        level["expand.weight"] = gauss(draw, t[0], mid, 3, 3)
        levels.append(level | norm(draw, t[0], "expand"))
    return levels


# Cases.


def titled(name, term):
    settings = [f"{k} {v}" for k, v in term.items() if k not in ("term", "standardise")]
    return ", ".join([f"{term['term']}: {name}", *settings])


def plain(values):
    """Nested lists of numbers with twelve digits; what is only rounding noise becomes zero."""
    if isinstance(values, torch.Tensor):
        values = values.tolist()
    if isinstance(values, list):
        return [plain(v) for v in values]
    return 0.0 if abs(values) < 1e-14 else float(f"{values:.12g}")


def signals(seed, batch, classes):
    draw = random.Random(seed)
    logits = lambda: [[round(draw.gauss(0, 2), 3) for _ in range(classes)] for _ in range(batch)]
    return logits(), logits(), [draw.randrange(classes) for _ in range(batch)]


def logit_case(name, term, student, teacher, labels, mask=None, weights=None):
    s = torch.tensor(student, dtype=torch.float64, requires_grad=True)
    t = torch.tensor(teacher, dtype=torch.float64)
    given = {} if mask is None else {"mask": mask}
    given |= {} if weights is None else {"sample_weights": weights}
    loss = logit_loss(term, s, t, torch.tensor(labels), *map(torch.tensor, given.values()))
    loss.backward()
    case = {"name": titled(name, term), "term": term | {"weight": 1.0}}
    case |= {"student": student, "teacher": teacher, "labels": labels}
    return case | given | {"loss": plain(loss), "gradient": plain(s.grad)}


def feature_case(name, term, loss, batch, pairs, connect, relu=False, **index):
    draw = random.Random(titled(name, term))
    student, teacher, labels = signals(titled(name, term), batch, 3)
    drawn = lambda shape: gauss(draw, batch, *shape, std=1.0, digits=2)
    features = lambda shape: drawn(shape).relu() if relu else drawn(shape)
    s, t = ([features(pair[side]) for pair in pairs] for side in (0, 1))
    s = [f.requires_grad_() for f in s]
    connectors = connect(draw, pairs)
    for key, value in (item for c in connectors for item in c.items()):
        value.requires_grad_(key not in UNTRAINED)
    value = loss(term, s, t, connectors, **index)
    value, after = value if isinstance(value, tuple) else (value, {})
    value.backward()

    def entry(key, f):
        out = {"name": key, "shape": list(f.shape), "values": plain(f.flatten())}
        if f.requires_grad:
            out["gradient"] = plain(f.grad.flatten())
        return out | ({"after": plain(after[key].flatten())} if key in after else {})

    taps = [[f"s{i + 1}", f"t{i + 1}"] for i in range(len(pairs))]
    case = {"name": titled(name, term), "term": term | {"weight": 1.0, "taps": taps}}
    case |= {"student": student, "teacher": teacher, "labels": labels}
    case["student_features"] = [entry(tap[0], f) for tap, f in zip(taps, s)]
    case["teacher_features"] = [entry(tap[1], f) for tap, f in zip(taps, t)]
    if any(connectors):
        case["connector"] = [entry(*item) for c in connectors for item in c.items()]
    gradient = [[0.0] * len(row) for row in student]
    return case | index | {"loss": plain(value), "gradient": gradient}


def write(name, cases):
    lines = ",\n".join(json.dumps(c, separators=(",", ":"), allow_nan=False) for c in cases)
    text = f'{{"made_by":"pytorch.py","cases":[\n{lines}\n]}}\n'
    assert len(text) < 150_000, f"{name}.json has {len(text)} bytes"
    (HERE / f"{name}.json").write_text(text)
    print(f"{name}.json: {len(cases)} cases, {len(text)} bytes")


def check_reference():
    """What `reference.py` wrote in decimals, and known values of the reference vectors."""
    older = "cross_entropy soft_targets logit_mse decoupled dist"
    for name in f"{older} reverse_kl jensen_shannon skewed_kl".split():
        cases = json.loads((HERE / f"{name}.json").read_text())["cases"]
        for case in cases:
            s = torch.tensor(case["student"], requires_grad=True)
            t, y = torch.tensor(case["teacher"]), torch.tensor(case["labels"])
            loss = logit_loss(case["term"], s, t, y)
            loss.backward()
            for found, expected in ((loss, case["loss"]), (s.grad, case["gradient"])):
                error = (found.detach() - torch.tensor(expected)).abs().max()
                bound = 1e-9 * torch.tensor(expected).abs().max() + 1e-15
                assert error <= bound, f"{name}.json: {case['name']}: {error:e}"
        print(f"{name}.json: {len(cases)} cases agree")

    s, t = torch.tensor(STUDENT), torch.tensor(TEACHER)
    found = lambda term, **c: logit_loss({"term": term} | c, s, t, torch.tensor(LABELS)).item()
    maps = s.view(3, 5, 1, 1), t.view(3, 5, 1, 1)
    for value, expected in (
        (found("cross-entropy", label_smoothing=0.0), 0.8608268865),
        (found("soft-targets", temperature=1.0), 0.3998215040),
        (found("soft-targets", temperature=4.0) / 16, 0.0625944693),
        (found("soft-targets", temperature=4.0), 1.0015115094),
        (found("soft-targets", temperature=5.0) / 25, 0.0405014741),
        (found("decoupled", temperature=4.0, target=1.0, non_target=0.0), 0.6719916849),
        (found("decoupled", temperature=4.0, target=0.0, non_target=1.0), 0.5281968180),
        (found("soft-targets", temperature=2.0, standardise=True) / 4, 0.0352154879),
        (found("jensen-shannon", mixing=0.1), 0.0366277794),
        (found("jensen-shannon", mixing=0.5), 0.1139136343),
        (found("jensen-shannon", mixing=0.9), 0.0528987821),
        (found("reverse-kl"), 0.6921215072),
        (rkd({"distance": 1, "angle": 0}, *maps, {}).item(), 0.0043675196),
        (rkd({"distance": 0, "angle": 1}, *maps, {}).item(), 0.0076200483),
    ):
        assert abs(value - expected) < 1e-9, f"{value:.10f}, expected {expected:.10f}"


check_reference()

REFERENCE = ("the reference vectors", (STUDENT, TEACHER, LABELS))
ONE_ROW = ("one row", signals(2, 1, 7))
TEN_CLASSES = ("ten classes", signals(3, 6, 10))
SHAPES = [REFERENCE, ONE_ROW, TEN_CLASSES]

for term in ("soft-cross-entropy", "weighted-soft-targets"):
    terms = [{"term": term, "temperature": T} for T in (1.0, 4.0)]
    cases = [logit_case(name, term, *s) for name, s in SHAPES for term in terms]
    write(term.replace("-", "_"), cases)

REMAINDERS = [{"remainder": name} for name in ("bucket", "renormalise", "uniform")]
ks = [(REFERENCE, 2), (REFERENCE, 4), (ONE_ROW, 3), (TEN_CLASSES, 1), (TEN_CLASSES, 5)]
cases = [
    logit_case(shape[0], {"term": "top-k", "k": k} | remainder | {"temperature": T}, *shape[1])
    for shape, k in ks
    for remainder in REMAINDERS
    for T in (1.0, 4.0)
    if k > 1 or remainder["remainder"] != "renormalise"  # one class among itself: nothing to learn
]
write("top_k", cases)

TERMS = [
    {"term": "soft-targets", "temperature": 2.0},
    {"term": "decoupled", "temperature": 4.0, "target": 1.0, "non_target": 8.0},
    {"term": "dist", "temperature": 1.0, "inter": 1.0, "intra": 2.0},
    {"term": "reverse-kl", "temperature": 2.0},
    {"term": "jensen-shannon", "temperature": 2.0, "mixing": 0.3},
    {"term": "skewed-kl", "temperature": 2.0, "skew": 0.1, "reverse": False},
    {"term": "skewed-kl", "temperature": 1.0, "skew": 0.3, "reverse": True},
    {"term": "soft-cross-entropy", "temperature": 2.0},
    {"term": "weighted-soft-targets", "temperature": 2.0},
    *({"term": "top-k", "k": 2} | remainder | {"temperature": 2.0} for remainder in REMAINDERS),
]
settings = [term | {"standardise": True} for term in TERMS]
write("standardised", [logit_case(n, term, *s) for term in settings for n, s in SHAPES])

MASK, WEIGHTS = [True, False, True, True, False, True], [0.5, 1.7, 1.25, 0.2, 0.9, 2.0]
BARE = [{"term": "cross-entropy", "label_smoothing": e} for e in (0.0, 0.1)]
cases = [logit_case("no row left", TERMS[0], STUDENT, TEACHER, LABELS, [False] * 3)]
for term in BARE + [{"term": "logit-mse"}] + TERMS:
    student, teacher, labels = signals(titled("masked", term), 6, 5)
    far = [row if kept else [1e4, -1e4, 0.0, 1e4, -1e4] for row, kept in zip(student, MASK)]
    cases.append(logit_case("mask", term, student, teacher, labels, MASK))
    cases.append(logit_case("mask and weights", term, student, teacher, labels, MASK, WEIGHTS))
    cases.append(logit_case("1e4 in the dropped rows", term, far, teacher, labels, MASK))
write("masked", cases)


def pair(c_s, s_H, c_t, t_H):
    return (c_s, s_H, s_H), (c_t, t_H, t_H)


# Name, batch, pairs of (channels, height, width), after a ReLU or not.
SAME = [
    ("one pair", 4, [pair(3, 4, 5, 4)], False),
    ("two pairs", 4, [pair(3, 4, 4, 4), pair(5, 2, 6, 2)], True),
    ("a batch of two", 2, [pair(3, 3, 2, 3)], False),
    ("1x1 maps", 5, [pair(6, 1, 4, 1)], False),
    ("oblong maps", 3, [((2, 3, 5), (4, 3, 5))], True),
]
LARGER = [
    ("twice the teacher's size", 3, [pair(3, 6, 4, 3)], True),
    ("5x5 to 3x3", 3, [pair(2, 5, 3, 3)], False),
]
SMALLER = [("half the teacher's size", 3, [pair(3, 2, 4, 4)], True)]
MIXED = [("3x3 to 5x5, 4x4 to 2x2", 3, [pair(2, 3, 3, 5), pair(4, 4, 3, 2)], False)]
TO_ONE = [("2x2 to 1x1", 3, [pair(3, 2, 2, 1)], False)]
ALL = SAME + LARGER + SMALLER + MIXED


def on_maps(loss, connector, maps, **settings):
    term = {"term": loss.__name__} | settings
    connect = lambda draw, pairs: [connector(draw, *p) if connector else {} for p in pairs]
    whole = loss if loss is overhaul else each_pair(loss)
    return [feature_case(n, term, whole, b, pairs, connect, relu) for n, b, pairs, relu in maps]


write("hint", on_maps(hint, hint_connector, SAME + LARGER + SMALLER + TO_ONE))
cases = on_maps(attention, None, ALL, power=2) + on_maps(attention, None, SAME[:2], power=1)
write("attention", cases + on_maps(attention, None, SAME[1:3] + LARGER, power=4))
write("vid", on_maps(vid, vid_connector, ALL))
write("similarity", on_maps(similarity, None, ALL))
write("pkt", on_maps(pkt, None, ALL))
write("nst", on_maps(nst, None, ALL))
cases = on_maps(correlation, None, ALL, gamma=0.4, order=2)
write("correlation", cases + on_maps(correlation, None, SAME[:3], gamma=1.0, order=3))
cases = on_maps(rkd, None, ALL, distance=25.0, angle=50.0)
cases += on_maps(rkd, None, SAME[:2], distance=1.0, angle=0.0)
write("rkd", cases + on_maps(rkd, None, SAME[:2], distance=0.0, angle=1.0))


def crd_case(name, batch, s, t, z, negatives=5, temperature=0.07, momentum=0.5):
    term = {"term": "crd", "dim": 4, "temperature": temperature, "momentum": momentum}
    draw = random.Random(name)
    y = draw.sample(range(9), batch)
    others = [draw.choices([i for i in range(9) if i != own], k=negatives) for own in y]
    index, term = {"positives": y, "negatives": others}, term | {"negatives": negatives}
    connect = lambda draw, pairs: [crd_connector(draw, *pairs[0], z)]
    return feature_case(name, term, crd, batch, [(s, t)], connect, True, **index)


FIRST, LATER = (-1.0, -1.0), (400000.0, 150000.0)
cases = [
    crd_case("the first batch", 3, *pair(3, 2, 5, 2), FIRST),
    crd_case("a later batch", 3, *pair(3, 2, 5, 2), LATER),
    crd_case("maps of different sizes", 3, *pair(6, 4, 2, 3), FIRST, momentum=0.9),
    crd_case("two of 1x1", 2, *pair(4, 1, 6, 1), (3000.0, 2000.0), 3, temperature=0.1),
]
write("crd", cases)

write("overhaul", on_maps(overhaul, overhaul_connector, [
    ("one pair", 4, [pair(3, 4, 5, 4)], False),
    ("two pairs", 3, [pair(3, 4, 4, 4), pair(5, 2, 6, 2)], False),
    ("three pairs, two rows", 2, [pair(2, 4, 3, 4), pair(4, 2, 2, 2), pair(3, 1, 4, 1)], False),
    ("1x1 maps", 5, [pair(6, 1, 4, 1)], False),
]))

cases = []
for name, batch, pairs, relu, is_pooled in (
    ("one pair", 3, [pair(3, 3, 2, 3)], False, False),
    ("two pairs", 3, [pair(2, 4, 3, 4), pair(4, 2, 3, 2)], False, False),
    ("two pairs", 4, [pair(2, 6, 2, 6), pair(3, 3, 4, 3)], True, True),
    ("6x6 to 3x3, 3x3 to 5x5", 3, [pair(2, 6, 3, 3), pair(3, 3, 2, 5)], False, True),
    ("a batch of two", 2, [pair(2, 5, 2, 5), pair(2, 3, 3, 3), pair(3, 2, 4, 2)], False, True),
    ("1x1 maps", 5, [pair(3, 2, 4, 1), pair(2, 1, 3, 1)], False, False),
):
    term = {"term": "review", "pooled": is_pooled}
    connect = lambda draw, pairs: review_connectors(draw, pairs, is_pooled)
    cases.append(feature_case(name, term, review, batch, pairs, connect, relu))
write("review", cases)
