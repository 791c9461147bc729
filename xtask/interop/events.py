"""A run's event files and CSV beside its metrics. Called by `cargo xtask interop`: events.py RUN..."""

import csv
import json
import pathlib
import sys

import numpy
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

PLACE = {"event", "epoch", "step"}


def scalars(line):
    """The numbers of a line under TensorBoard's tags."""
    for name, value in line.items():
        if isinstance(value, dict):
            yield from ((f"{line['event']}/{name}/{own}", number) for own, number in value.items())
        elif name not in PLACE:
            yield f"{line['event']}/{name}", value


def check(run):
    report = json.loads((run / "report.json").read_text())
    rows, values = 0, 0
    for folder in sorted((run / "tensorboard").iterdir()):
        stage = folder.name
        home = run / stage if (run / stage).is_dir() else run / "networks" / stage
        lines = [json.loads(line) for line in (home / "metrics.jsonl").read_text().splitlines()]
        rows += len(lines)
        expected = {}
        for line in lines:
            if line["event"] != "skipped":
                for tag, value in scalars(line):
                    expected.setdefault(tag, []).append((line["step"], value))
        model = report["models"].get(stage) or report["networks"][stage]
        for which in ["last", "selected"]:
            for name, value in model["test"][which].items():
                expected[f"test/{which}/{name}"] = [(lines[-1]["step"], value)]
        events = EventAccumulator(str(folder), size_guidance={"scalars": 0})
        events.Reload()
        assert set(events.Tags()["scalars"]) == set(expected), (stage, events.Tags())
        for tag, points in expected.items():
            found = [(event.step, event.value) for event in events.Scalars(tag)]
            assert found == [(step, float(numpy.float32(value))) for step, value in points], (stage, tag)
            values += len(points)
    with (run / "metrics.csv").open() as file:
        table = list(csv.DictReader(file))
    assert len(table) == rows, (len(table), rows)
    print(f"{run}: {values} values in event files are those of metrics.jsonl; {rows} rows of CSV")


for run in sys.argv[1:]:
    check(pathlib.Path(run))
