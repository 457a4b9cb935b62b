"""Runs whose losses and states are kept, and what solved runs do under another optimiser."""

from __future__ import annotations

import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np

from lintrans.sandbox import Block, Case, Model, Task, Training
from lintrans.sandbox.kernels import LANES
from lintrans.sandbox.runs import snapshot_steps
from lintrans.sandbox.spikes import rising_edges

MIN_READ = 0.99


@dataclass(frozen=True)
class Trained:
    """Runs of a setting: losses of the training set by epoch, accuracy at the end, and states."""

    case: Case
    seeds: np.ndarray
    loss: np.ndarray
    accuracy: np.ndarray  # on the population, by epoch
    steps: np.ndarray
    states: np.ndarray

    @property
    def solved(self) -> np.ndarray:
        return self.accuracy[:, -1] == 1

    @property
    def edges(self) -> np.ndarray:
        """Whether a spike begins, by run and epoch from 1."""
        return rising_edges(self.loss)

    @property
    def reading(self) -> np.ndarray:
        """Whether the epoch comes after the first with 99 % of the population right."""
        return np.cumsum(self.accuracy >= MIN_READ, axis=1) > 1


def case_of(entry) -> Case:
    """A setting of the config; what it does not name is the default."""
    return Case(entry["name"], Model(**entry.get("model", {})), Training(**entry.get("training", {})))


def train(case: Case, seeds: Sequence[int], n_snapshots: int) -> Trained:
    """Train a run from each seed, on all cores."""
    steps = snapshot_steps(Task(), case.training, n_snapshots)

    def work(part):
        block = Block(Task(), case.model, case.training, part)
        span = 0, case.training.n_steps(block.task)
        done = block.advance(block.begin(), span, marks=steps.tolist())
        return done.loss[:, :, 0], done.accuracy[:, :, 2], done.kept

    loss, accuracy, states = _in_blocks(work, tuple(seeds))
    return Trained(case, np.array(seeds), loss, accuracy, steps, states)


def go_on(before: Trained, training: Training) -> tuple[np.ndarray, np.ndarray]:
    """Losses by epoch and accuracies at the end of the solved runs, gone on from their end.

    Adam keeps its moments; plain descent begins without momentum. The losses begin with those of the 20
    epochs before, so that spikes are found from the first epoch.
    """
    chosen = np.flatnonzero(before.solved)
    at = int(before.steps[-1])
    states = dict(zip(before.seeds[chosen].tolist(), before.states[chosen, -1], strict=True))

    def work(part):
        block = Block(Task(), before.case.model, training, part)
        begin = np.stack([states[seed] for seed in part])
        if training.optimizer == "sgd":
            begin[:, 1:] = 0
        done = block.advance(begin, (at, at + training.n_steps(block.task)))
        return done.loss[:, :, 0], done.accuracy[:, -1, 2]

    loss, accuracy = _in_blocks(work, tuple(states))
    return np.hstack([before.loss[chosen, -20:], loss]), accuracy


def descend(training: Training, seeds: Sequence[int]) -> np.ndarray:
    """Accuracy on the population at the end of runs from the beginning; NaN where they diverged."""

    def work(part):
        block = Block(Task(), Model(), training, part)
        state = block.advance(block.begin(), (0, training.n_steps(block.task)), every=0).state[:, 0]
        accuracy = block.measure_sets(state)[1][:, 2]
        return (np.where(np.isfinite(state).all(axis=1), accuracy, np.nan),)

    return _in_blocks(work, tuple(seeds))[0]


def _in_blocks(work, seeds: tuple[int, ...]):
    """What is found of each block of seeds, on all cores: its columns."""
    parts = [seeds[i : i + LANES] for i in range(0, len(seeds), LANES)]
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        return [np.concatenate(column) for column in zip(*pool.map(work, parts), strict=True)]
