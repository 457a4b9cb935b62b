"""What precedes a spike: curvature over its edge, and the size of Adam's step, there and elsewhere."""

from __future__ import annotations

from collections import Counter
from typing import NamedTuple

import numpy as np
from scipy.sparse.linalg import LinearOperator, eigsh

from experiments.sandbox_spikes.training import Trained
from lintrans.sandbox import Block, Task
from lintrans.sandbox.curvature import edge, preconditioner
from lintrans.sandbox.hessian_products import point, products_at
from lintrans.sandbox.model import Model, unflatten
from lintrans.sandbox.spikes import Spike, explain_spike
from lintrans.sandbox.task import distinct

TOL = 1e-3  # of eigenvalues, relative; 20 products are enough for it


class Window(NamedTuple):
    """Steps around one moment of a run, and what was measured after each."""

    seed: int
    epoch: int
    steps: np.ndarray  # relative to the onset
    preconditioned: np.ndarray  # over the edge of Adam
    plain: np.ndarray
    update: np.ndarray  # root mean square of Adam's step, over the rate


def sample(runs: Trained, n: int, per_run: int, seed: int) -> list[tuple[int, int]]:
    """Places of solved runs and epochs of spikes that begin after the task was read, drawn at random."""
    spikes = np.argwhere(runs.edges & runs.reading & runs.solved[:, None])
    taken, found = Counter(), []
    for place, index in np.random.default_rng(seed).permutation(spikes).tolist():
        if taken[place] < per_run and len(found) < n:
            taken[place] += 1
            found.append((place, index + 1))
    return sorted(found)


def controls(runs: Trained, spikes: list[tuple[int, int]], apart: int, seed: int) -> list[tuple[int, int]]:
    """An epoch of the same run for each spike, after it was read and far from every spike."""
    rng, found = np.random.default_rng(seed), []
    for i, _ in spikes:
        epochs = 1 + np.flatnonzero(runs.reading[i])
        begins = 1 + np.flatnonzero(runs.edges[i])
        quiet = epochs[(np.abs(epochs[:, None] - begins) > apart).all(axis=1) & (epochs > apart)]
        if quiet.size:
            found.append((i, int(rng.choice(quiet))))
    return found


def explain(runs: Trained, place: int, epoch: int) -> Spike:
    case = runs.case
    where = Task(), case.model, case.training, int(runs.seeds[place])
    return explain_spike(*where, runs.steps, runs.states[place], epoch)


def look(runs: Trained, place: int, epoch: int, steps: np.ndarray, onset: int) -> Window:
    """Run these steps again, and measure after each of them."""
    case, task, seed = runs.case, Task(), int(runs.seeds[place])
    before = int(np.flatnonzero(runs.steps <= steps[0])[-1])
    block = Block(task, case.model, case.training, (seed,))
    span = int(runs.steps[before]), int(steps[-1])
    begin = runs.states[place, before][None]
    states = block.advance(begin, span, every=0, marks=steps.tolist()).kept[0]
    data, rows = distinct(task.data(seed).train), []
    for step, state in zip(steps.tolist(), states, strict=True):
        factors = preconditioner(task, case.model, case.training, state[2], step)
        curved, plain = top(task, case.model, state[0], data, [factors, np.ones(len(factors))])
        corrected = state[1] / (1 - case.training.momentum**step)
        rows.append((curved / edge(case.training), plain, np.sqrt(np.mean((factors * corrected) ** 2))))
    return Window(seed, epoch, steps - onset, *np.transpose(rows))


def top(task: Task, model: Model, flat: np.ndarray, data, each_factors) -> list[float]:
    """Largest eigenvalue of F^1/2 H F^1/2 for every F, by Lanczos: faster than the whole Hessian."""
    at, size = point(task, model, unflatten(task, model, flat), *data), len(flat)
    start, found = np.random.default_rng(0).standard_normal(size), []
    for roots in map(np.sqrt, each_factors):

        def apply(x, roots=roots):
            return roots * products_at(task, model, at, (roots * x.ravel())[None])[0]

        operator = LinearOperator((size, size), matvec=apply, dtype=np.float64)
        found.append(eigsh(operator, k=1, which="LA", v0=start, tol=TOL, return_eigenvectors=False)[0])
    return [float(value) for value in found]


def separation(before: np.ndarray, elsewhere: np.ndarray) -> float:
    """Probability that a value before a spike is above one elsewhere; ties count half."""
    above = (before[:, None] > elsewhere).mean() + 0.5 * (before[:, None] == elsewhere).mean()
    return float(above)


def resampled(before, elsewhere, seed: int, n: int = 2000) -> np.ndarray:
    """Ends of the 95 % interval of `separation`, of runs drawn with all their windows.

    Both are pairs of arrays: seeds of the runs, and values.
    """
    rng, found = np.random.default_rng(seed), []
    seeds = np.unique(np.concatenate([before[0], elsewhere[0]]))
    for _ in range(n):
        drawn = rng.choice(seeds, seeds.size)
        first, second = (
            np.concatenate([values[runs == one] for one in drawn]) for runs, values in (before, elsewhere)
        )
        if first.size and second.size:
            found.append(separation(first, second))
    return np.percentile(found, [2.5, 97.5])
