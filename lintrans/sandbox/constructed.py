"""A clustering head written down in closed form, for any p, L and positions.

With y = x - (p - 1)/2 for token x, a far distance R and c = 1/(2 R):

- Tokens lie on a parabola, E_x = (-c y^2, y). At the output (1, 2 c y) m/c row x has the largest logit of all
  rows, by at least m, also of those of tokens that do not occur (claim sandbox.parabola).
- Summed positions are (R, 0), all others (-R, 0), and the query lies along the first axis: attention is the
  same at all summed positions, and smaller by exp(-2 contrast) elsewhere.
- Normed vectors at summed positions are close to (1, y/R) times their length. The value matrix is diagonal
  and stretches the second axis: xi is close to (1, s) with s proportional to the sum of y. It depends on the
  counts of tokens alone (claim sandbox.counts), and the norm before the feed-forward network keeps its angle.
- The second coordinate of norm(xi) grows with the sum. Two hidden units make a step, gelu(u + 1) less
  gelu(u - 1), which is 0 far below and 2 far above. A step leads from the output of each sum to that of the
  next.

R is so large that vectors xi of one sum, from different counts, stay much closer together than those of
different sums. For p = 2 both tokens have the same y^2, a sum is one count, and R = 2 is enough.

The head is not a stationary point, and no minimum is global: the loss is positive everywhere, and that of the
head falls to 0 as the margin m grows. Its gradient and its curvatures of both signs fall with it, as exp(-m)
up to powers of m. A mean loss over the population below (ln 2)/p^L leaves no sequence wrong (claim
sandbox.certain). Descent that begins there and never raises that loss keeps all answers for ever.
"""

from __future__ import annotations

import math
from dataclasses import replace
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from lintrans.errors import InputError, positive
from lintrans.sandbox import network
from lintrans.sandbox.model import MAX_WIDTH, Model, Weights
from lintrans.sandbox.task import Task

FloatArray = NDArray[np.float64]

LARGEST_SLOPE = 1.0  # second over first coordinate of xi at the largest sum
SATURATED = 6.0  # u of a step at the centre of the nearest cluster; gelu(u - 1) is u - 1 to 1e-6 there
SPREAD = 4.0  # R^2 over that at which clusters of neighbouring sums may touch
NEAREST = 2.0  # R over p - 1, at least


class Head(NamedTuple):
    """A head that was written down: the model it fits in, and its weights."""

    model: Model
    weights: Weights


def clustering_head(
    task: Task, model: Model | None = None, *, margin: float = 10.0, contrast: float = 10.0
) -> Head:
    """Write down a clustering head that solves the task on all sequences.

    Parameters
    ----------
    task
        Any p, length and positions with k (p - 1) <= 2048.
    model
        Dimension d >= 2, norms and extra tokens; the default model if left out. It must have biases. It is
        made wider if it has less than 2 k (p - 1) hidden units; units beyond that are 0.
    margin
        Least difference of logits; the loss is about exp(-margin).
    contrast
        Attention elsewhere is exp(-2 contrast) of that at a summed position.

    Raises
    ------
    InputError
        If the model has no biases or d = 1, or needs more hidden units than a model may have.

    Notes
    -----
    For p > 2 all counts with one sum are nearly one cluster: there are k (p - 1) + 1 of them and not
    C(k + p - 1, p - 1).

    Examples
    --------
    >>> task = Task()
    >>> head = clustering_head(task)
    >>> head.model.width, round(least_margin(task, *head, task.population()), 2)
    (32, 10.0)
    """
    size, strength = positive("margin", margin), positive("contrast", contrast)
    n_steps = task.k * (task.p - 1)
    fitted = _fitted(Model() if model is None else model, 2 * n_steps)
    far, slope = distance(task, strength), 2 * LARGEST_SLOPE / n_steps  # of xi, for one more in the sum

    y = np.arange(fitted.n_tokens(task)) - (task.p - 1) / 2
    tokens = _in_plane(fitted, -(y**2) / (2 * far), y)
    target = _in_plane(fitted, 2 * far * size, 2 * size * y)
    positions = _in_plane(fitted, np.where(np.isin(np.arange(task.length), task.summed), far, -far), 0)

    last = network.normalize(fitted, fitted.attention_norm, tokens[task.p - 1] + _axis(fitted, 0, far))
    query = _axis(fitted, 0, strength * math.sqrt(fitted.d) / last[0])
    stretch = slope * task.k * y[task.p - 1] / last[1]
    value = np.diag(_axis(fitted, 0, 1 / last[0]) + _axis(fitted, 1, stretch))

    sums = np.arange(n_steps + 1)
    xi = _in_plane(fitted, 1, slope * (sums - n_steps / 2))
    seen = network.normalize(fitted, fitted.feed_forward_norm, xi)[:, 1]
    feed_forward = _staircase(fitted, seen, target[sums % task.p] - xi)
    return Head(fitted, Weights(tokens, positions, query, value, *feed_forward))


def distance(task: Task, contrast: float) -> float:
    """R of the construction.

    Tokens of different y^2 differ in attention and in direction by about (2 contrast + 1) y^2/(2 R^2). Over
    all summed positions that is to be a small part of one step of the sum.

    Examples
    --------
    >>> distance(Task(p=2), 10.0)
    2.0
    """
    largest, smallest = (task.p - 1) / 2, 0.5 * (task.p % 2 == 0)
    differing = (2 * contrast + 1) * (largest**2 - smallest**2) / 2
    return max(NEAREST * (task.p - 1), math.sqrt(SPREAD * task.k * (task.p - 1) * differing))


def certain_loss(task: Task) -> float:
    """Mean loss over the population below which every sequence is answered rightly: (ln 2)/p^L."""
    return math.log(2) / task.n_sequences


def least_margin(task: Task, model: Model, weights: Weights, sequences: ArrayLike) -> float:
    """Least difference between the logit of the label and the largest other; positive if all are right."""
    labels = task.labels(sequences)
    logits = network.layers(task, model, weights, sequences).logits
    rows = np.arange(len(labels))
    own = logits[rows, labels]
    others = logits.copy()
    others[rows, labels] = -np.inf
    return float((own - others.max(axis=1)).min())


def _fitted(base: Model, n_units: int) -> Model:
    if base.d < 2 or not base.bias:
        raise InputError(
            f"model must have d of at least 2 and biases, got d = {base.d}, bias = {base.bias}; pass another"
        )
    if n_units > MAX_WIDTH:
        raise InputError(
            f"the head must have at most {MAX_WIDTH} hidden units, got 2 k (p - 1) = {n_units}; "
            "sum fewer positions"
        )
    return replace(base, width=max(base.width, n_units))


def _staircase(model: Model, seen: FloatArray, values: FloatArray) -> tuple[FloatArray, ...]:
    """Feed-forward weights that give ``values`` (n + 1, d) where the second coordinate is one of ``seen``."""
    n = len(seen) - 1
    up, up_bias = np.zeros((model.width, model.d)), np.zeros(model.width)
    down = np.zeros((model.d, model.width))
    steepness, middle = 2 * SATURATED / np.diff(seen), (seen[1:] + seen[:-1]) / 2
    for i, sign in enumerate((1, -1)):
        units = slice(i * n, (i + 1) * n)
        up[units, 1] = steepness
        up_bias[units] = sign - steepness * middle
        down[:, units] = sign * np.diff(values, axis=0).T / 2
    return up, up_bias, down, values[0].copy()


def _in_plane(model: Model, first: ArrayLike, second: ArrayLike) -> FloatArray:
    """Vectors (n, d) with the first two coordinates given, and 0 in all others."""
    pairs = np.stack(np.broadcast_arrays(first, second), axis=1)
    return np.pad(pairs.astype(np.float64), ((0, 0), (0, model.d - 2)))


def _axis(model: Model, axis: int, size: float) -> FloatArray:
    return np.asarray(size * np.eye(model.d)[axis])
