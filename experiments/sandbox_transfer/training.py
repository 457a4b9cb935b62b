"""Sources that have learned parity, and runs of another task from their weights or from scratch."""

from __future__ import annotations

import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple

import numpy as np

from lintrans.sandbox import Block, Model, Task, Training, circuit
from lintrans.sandbox.fates import final_measures
from lintrans.sandbox.kernels import LANES
from lintrans.sandbox.labels import CLUSTERING
from lintrans.sandbox.model import unflatten


class Sources(NamedTuple):
    """Runs of parity: their seeds, circuits, whether every answer is right, and weights at the end."""

    seed: np.ndarray
    label: np.ndarray
    solved: np.ndarray
    weights: np.ndarray

    @property
    def groups(self) -> dict[str, np.ndarray]:
        """Places of the solved runs by kind."""
        is_head = self.label == CLUSTERING
        return {
            "clustering head": np.flatnonzero(self.solved & is_head),
            "other": np.flatnonzero(self.solved & ~is_head),
        }


class Runs(NamedTuple):
    """Runs of another task: label and accuracies at the end, and that on the test set by measure."""

    label: np.ndarray
    train: np.ndarray
    test: np.ndarray
    population: np.ndarray
    unseen: np.ndarray
    curve: np.ndarray


def model_of(task: Task, n_tokens: int) -> Model:
    """The default with a token table of this many rows."""
    return Model(extra_tokens=n_tokens - task.p)


def sources(seeds: Sequence[int], n_tokens: int, training: Training) -> Sources:
    """Train parity from each seed."""
    found = _in_blocks(lambda part: _source(part, n_tokens, training), seeds)
    return Sources(np.array(seeds), *(np.concatenate(column) for column in found))


def _source(seeds: tuple[int, ...], n_tokens: int, training: Training):
    task = Task()
    block = Block(task, model_of(task, n_tokens), training, seeds)
    state = block.advance(block.begin(), (0, training.n_steps(task)), every=0).state
    accuracy = block.measure_sets(state[:, 0])[1][:, 2]
    return _labels(block, state, accuracy), accuracy == 1, state[:, 0]


def runs(
    task: Task,
    seeds: Sequence[int],
    n_tokens: int,
    training: Training,
    *,
    every: int,
    weights: np.ndarray | None = None,
) -> Runs:
    """Train a task from each seed; from these weights, with moments of 0, if they are given."""
    begins = dict(zip(seeds, weights, strict=True)) if weights is not None else {}
    found = _in_blocks(lambda part: _run(task, part, n_tokens, training, every, begins), seeds)
    return Runs(*(np.concatenate(column) for column in found))


def _run(task: Task, seeds: tuple[int, ...], n_tokens: int, training: Training, every: int, begins):
    block = Block(task, model_of(task, n_tokens), training, seeds)
    state = block.begin()
    for i, seed in enumerate(seeds if begins else ()):
        state[i, 0] = begins[seed]
    done = block.advance(state, (0, training.n_steps(task)), every=every)
    accuracy = final_measures(block, done)[1]
    return (_labels(block, done.state, accuracy[:, 2]), *accuracy.T, done.accuracy[:, :, 1])


def _labels(block: Block, state: np.ndarray, accuracy: np.ndarray) -> np.ndarray:
    each = zip(state[:, 0], accuracy.tolist(), strict=True)
    where = block.task, block.model
    return np.array([circuit(*where, unflatten(*where, flat), accuracy=a).label for flat, a in each])


def _in_blocks(work, seeds: Sequence[int]):
    """Columns of what is found of each block of seeds, on all cores."""
    parts = [tuple(seeds[i : i + LANES]) for i in range(0, len(seeds), LANES)]
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        return list(zip(*pool.map(work, parts), strict=True))
