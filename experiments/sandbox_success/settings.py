"""The settings of the studies, from the config, and what becomes of their runs."""

from __future__ import annotations

import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

import numpy as np

from lintrans.sandbox import Block, Case, Model, Task, Training
from lintrans.sandbox.fates import Fates, fates
from lintrans.sandbox.kernels import LANES
from lintrans.sandbox.runs import snapshot_steps


def case_of(entry) -> Case:
    """A setting of the config; what it does not name is the default."""
    name = f"{entry['group']} {entry['name']}"
    return Case(name, Model(**entry.get("model", {})), Training(**entry.get("training", {})))


def run(case: Case, seeds: Sequence[int], *, every: int, n_snapshots: int) -> Fates:
    """Train a run from each seed, on all cores.

    Sets are measured after ``every`` epochs: that is how finely the times of reading are known. Spikes are
    only meant with 1.
    """
    parts = [tuple(seeds[i : i + LANES]) for i in range(0, len(seeds), LANES)]
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        found = list(pool.map(lambda part: _of_block(case, part, every, n_snapshots), parts))
    return Fates(**{name: np.concatenate([one[name] for one in found]) for name in found[0]})


def _of_block(case: Case, seeds: tuple[int, ...], every: int, n_snapshots: int):
    block = Block(Task(), case.model, case.training, seeds)
    steps = snapshot_steps(block.task, case.training, n_snapshots)
    span = 0, case.training.n_steps(block.task)
    found = fates(block, block.advance(block.begin(), span, every=every, marks=steps.tolist()), steps)
    return found | {"read_epoch": found["read_epoch"] * every}
