"""Train runs to their end, and take the quantities of the label of each."""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor

import numpy as np

from lintrans.sandbox import Block, Model, Task, Training, circuit
from lintrans.sandbox.kernels import LANES
from lintrans.sandbox.labels import LABELS, fit_pattern, kind
from lintrans.sandbox.measures import measure_circuit
from lintrans.sandbox.model import unflatten


def run(entry):
    """Columns by name, one entry a run, of the setting of a config."""
    task, model = Task(**entry.get("task", {})), Model(**entry.get("model", {}))
    training, seeds = Training(**entry.get("training", {})), range(*entry["seeds"])
    blocks = [Block(task, model, training, tuple(seeds[i : i + LANES])) for i in range(0, len(seeds), LANES)]
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        weights = np.concatenate(list(pool.map(trained, blocks)))
        rows = list(pool.map(lambda flat: quantities(task, model, flat), weights))
    return {"seed": list(seeds)} | {name: [row[name] for row in rows] for name in rows[0]}


def trained(block):
    """Weights of the runs of a block at their end."""
    end = block.training.n_steps(block.task)
    return block.advance(block.begin(), (0, end), every=0).state[:, 0]


def quantities(task, model, flat):
    found, measures = circuit(task, model, unflatten(task, model, flat)), measure_circuit(task, model, flat)
    numbers = kind(task, fit_pattern(task, found.effects)) if np.isfinite(found.effects).all() else None
    return {
        "label": found.label,
        "numbers": numbers or "",  # the label of its whole numbers, whatever the margins say
        "deviation": found.deviation,
        "share": found.share,
        "nearest": found.nearest,
        "skill": (found.accuracy - 1 / task.p) * task.p / (task.p - 1),
        "accuracy": found.accuracy,
        "mass": float(measures.mass),
        "between": float(measures.between_counts),
        "clusters": int(measures.clusters),
    }


def label_of(row, limits):
    """Label by other thresholds: the rule of `lintrans.sandbox.labels`, with each of them free."""
    fits = (
        row["deviation"] <= limits["deviation"]
        and row["share"] >= limits["share"]
        and row["nearest"] >= limits["nearest"]
    )
    if row["numbers"] and fits:
        return row["numbers"]
    return LABELS[3] if row["skill"] >= limits["skill"] else LABELS[4]
