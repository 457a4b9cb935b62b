"""Positions tied within groups: an invariant set of descent on the whole population.

Two groups: the positions that are summed, and all others. If all positions of a group have the same vector, a
step of gradient descent or of Adam on the population keeps them the same (claims sandbox.permutation,
sandbox.tied and sandbox.steps). Drawn training sequences are not symmetric, and take positions apart.

The set may be unstable across: a difference of one rounding error between tied positions can grow. `descend`
therefore adds in an order that no position decides. It is symmetric to the last bit, tied or not.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from lintrans.errors import count
from lintrans.sandbox import network
from lintrans.sandbox.kernels import LANES
from lintrans.sandbox.kernels.steps import update
from lintrans.sandbox.model import Model, Weights, unflatten
from lintrans.sandbox.task import Task
from lintrans.sandbox.training import Training

FloatArray = NDArray[np.float64]


def groups(task: Task) -> tuple[tuple[int, ...], ...]:
    """Positions that are summed, and all others if there are any.

    Examples
    --------
    >>> groups(Task(length=4, positions=(0, 2)))
    ((0, 2), (1, 3))
    """
    others = tuple(t for t in range(task.length) if t not in task.summed)
    return (task.summed, others) if others else (task.summed,)


def tie(task: Task, weights: Weights) -> Weights:
    """Put the vector of the first position of each group in the place of all."""
    positions = weights.positions.copy()
    for group in groups(task):
        positions[list(group)] = positions[group[0]]
    return weights._replace(positions=positions)


def deviation(task: Task, weights: Weights) -> float:
    """Largest difference between entries of positions of one group; 0 if they are tied.

    Examples
    --------
    >>> from lintrans.sandbox.model import initial_weights
    >>> weights = initial_weights(Task(), Model())
    >>> deviation(Task(), weights) > 1, deviation(Task(), tie(Task(), weights))
    (True, 0.0)
    """
    return float(max(np.ptp(weights.positions[list(group)], axis=0).max() for group in groups(task)))


def descend(
    task: Task,
    model: Model,
    training: Training,
    weights: Weights,
    n_steps: int,
    sequences: ArrayLike | None = None,
) -> Weights:
    """Train on all sequences at once: each step has the gradient of their mean loss.

    Parameters
    ----------
    task, model, weights
        Where training begins.
    training
        Optimiser and rates; batches and epochs, dropout and schedules are not used.
    n_steps
        Steps to make, from moments of 0.
    sequences
        The whole population if left out.
    """
    count("n_steps", n_steps)
    batch = task.population() if sequences is None else np.asarray(sequences)
    rates = training.rates(task, model)
    state = np.zeros((3, model.n_weights(task), LANES))
    state[0] = weights.flat[:, None]
    for step in range(n_steps):
        slope = symmetric_gradient(task, model, unflatten(task, model, state[0, :, 0]), batch).flat
        gradient = np.repeat(slope[:, None], LANES, axis=1)
        update(training.steps, step + 1, 1.0, rates, *state, gradient)
    return unflatten(task, model, state[0, :, 0].copy())


def symmetric_gradient(task: Task, model: Model, weights: Weights, sequences: ArrayLike) -> Weights:
    """Gradient of the mean loss, symmetric in the positions to the last bit.

    Exchanging two positions, in weights and sequences, exchanges their gradients and changes nothing else.
    Sums over positions or sequences are of sorted terms. What follows attention is computed once for all
    sequences with one mean vector and label. Otherwise it is `lintrans.sandbox.network.gradient`.

    Examples
    --------
    >>> from lintrans.sandbox.model import initial_weights
    >>> task, model = Task(length=4, positions=2), Model()
    >>> weights, population = initial_weights(task, model), task.population()
    >>> reference = network.gradient(task, model, weights, population)
    >>> bool(abs(symmetric_gradient(task, model, weights, population).flat - reference.flat).max() < 1e-14)
    True
    """
    tokens = np.asarray(sequences, dtype=np.intp)
    place, factor = np.arange(task.length), 1 / math.sqrt(model.d)
    sums = weights.positions[:, None, :] + weights.tokens[None, : task.p, :]
    normed = network.normalize(model, model.attention_norm, sums)
    scores = (normed * weights.query).sum(axis=-1) * factor
    own = scores[place, tokens]
    raised = np.exp(own - own.max(axis=1, keepdims=True))
    attention = raised / np.sort(raised, axis=1).sum(axis=1, keepdims=True)
    chosen = normed[place, tokens]
    means = np.sort(attention[:, :, None] * chosen, axis=1).sum(axis=1)

    late, by_means = _after_attention(model, weights, means, task.labels(tokens))
    by_attention = (by_means[:, None, :] * chosen).sum(axis=-1)
    by_scores = attention * (by_attention - (by_means * means).sum(axis=1, keepdims=True))
    by_chosen = attention[:, :, None] * by_means[:, None, :]
    terms = np.concatenate([by_chosen, by_scores[:, :, None]], axis=-1)
    is_there = tokens[:, :, None] == np.arange(task.p)
    table = np.stack(
        [np.sort(terms * is_there[:, :, x, None], axis=0).sum(axis=0) for x in range(task.p)], axis=1
    )
    by_score = table[..., -1:]
    by_normed = table[..., :-1] + by_score * weights.query * factor
    by_sums = network.normalize_backward(model, model.attention_norm, sums, by_normed)

    by_tokens = late["tokens"]
    by_tokens[: task.p] += by_sums.sum(axis=0)
    by_query = (by_score * normed).sum(axis=(0, 1)) * factor
    return Weights(**{**late, "tokens": by_tokens, "positions": by_sums.sum(axis=1), "query": by_query})


def _after_attention(
    model: Model, weights: Weights, means: FloatArray, labels: NDArray[Any]
) -> tuple[dict[str, FloatArray], FloatArray]:
    """Gradients by the weights that follow attention, and by the mean vector of each sequence, (n, d)."""
    keys, inverse, times = np.unique(
        np.column_stack([means, labels]), axis=0, return_inverse=True, return_counts=True
    )
    mean, own, share = keys[:, :-1], keys[:, -1].astype(np.intp), times / len(means)
    found = network.after_attention(model, weights, mean)
    by = network.after_attention_backward(model, weights, found, own, share)
    return network.by_weights(found, by), (by.means / times[:, None])[inverse.ravel()]
