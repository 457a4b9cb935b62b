"""The Hessian of the loss times many directions at once, by hand and in real arithmetic.

The derivative of `lintrans.sandbox.network.gradient` along a direction (Pearlmutter, 1994). Every array of a
derivative has the directions as its first axis. The derivatives are exact: nothing is a difference quotient.
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from lintrans.sandbox import network
from lintrans.sandbox.model import Model, Weights, unflatten
from lintrans.sandbox.task import Task

Array = NDArray[Any]

CHUNK_NUMBERS = 2**20  # hidden numbers of a chunk of directions: 8 MB an array


class NormAt(NamedTuple):
    """A norm z s(z) at vectors z: s, its bend b and the slope c of the bend, ds = -b z.dz and db = c z.dz."""

    z: Array
    scale: Array
    bend: Array
    slope: Array

    def forward(self, dz: Array) -> Array:
        """Derivative of the normed vectors; the Jacobian is symmetric."""
        return np.asarray(self.scale * dz - self.bend * _dot(self.z, dz) * self.z)

    def backward(self, by_normed: Array, dz: Array, d_by_normed: Array) -> Array:
        """Derivative of the gradient by z, from those of z and of the gradient by the normed vectors."""
        along, inner = _dot(self.z, dz), _dot(self.z, by_normed)
        turned = _dot(dz, by_normed) * self.z + inner * dz
        bent = self.bend * (along * by_normed + turned) + self.slope * along * inner * self.z
        return np.asarray(self.forward(d_by_normed) - bent)


class Point(NamedTuple):
    """What the network and its gradient compute at the weights, before any direction is known."""

    weights: Weights
    found: network.Layers
    attention: Array  # (n, L p), weight of every token at every position; 0 for tokens not there
    vectors: Array  # (L p, d), normed
    norms: tuple[NormAt, NormAt]
    slopes: tuple[Array, Array]  # first and second derivative of gelu
    share: Array  # (n, 1)
    by: network.Backward
    by_attention: AttentionBackward


class AttentionBackward(NamedTuple):
    """Gradients by what attention computes, in the order in which they are found."""

    table: Array  # (L p, d + 1): by the mean vectors, and by their product with the mean, put back
    scores: Array  # (L p, 1)
    normed: Array  # (L p, d)


def products(
    task: Task,
    model: Model,
    weights: Weights,
    directions: ArrayLike,
    sequences: ArrayLike,
    shares: ArrayLike | None = None,
) -> NDArray[np.float64]:
    """Hessian of `lintrans.sandbox.network.loss` times directions.

    Parameters
    ----------
    task, model, weights
        Where the Hessian is taken.
    directions
        (m, n_weights), in the order of `Weights.flat`.
    sequences, shares
        As in `lintrans.sandbox.network.loss`.

    Returns
    -------
    array
        (m, n_weights).

    Examples
    --------
    Without second layer W2 the loss depends on b1 through the product with W2 alone:

    >>> from lintrans.sandbox.model import initial_weights
    >>> task, model = Task(), Model()
    >>> weights = initial_weights(task, model, scales={"down": 0.0})
    >>> along = np.zeros((1, 198))
    >>> along[0, model.places(task)["up_bias"]] = 1.0
    >>> found = products(task, model, weights, along, task.population())
    >>> [name for name, place in model.places(task).items() if found[0, place].any()]
    ['down']
    """
    return products_at(task, model, point(task, model, weights, sequences, shares), directions)


def products_at(task: Task, model: Model, at: Point, directions: ArrayLike) -> NDArray[np.float64]:
    """`products` at a `point` that was prepared once."""
    rows = np.asarray(directions, dtype=np.float64)
    size = max(1, CHUNK_NUMBERS // (len(at.share) * model.width))
    chunks = [rows[i : i + size] for i in range(0, len(rows), size)]
    return np.concatenate([_derivative(at, unflatten(task, model, chunk)).flat for chunk in chunks])


def point(
    task: Task, model: Model, weights: Weights, sequences: ArrayLike, shares: ArrayLike | None
) -> Point:
    """Prepare the products of any directions at some weights."""
    tokens = np.asarray(sequences, dtype=np.intp)
    n, place = len(tokens), np.arange(task.length)
    found = network.layers(task, model, weights, tokens)
    share = np.full((n, 1), 1 / n) if shares is None else np.asarray(shares, dtype=np.float64)[:, None]
    attention = np.zeros((n, task.length * task.p))
    np.put_along_axis(attention, place * task.p + tokens, found.attention, axis=1)
    vectors = found.normed.reshape(-1, model.d)
    norms = (
        norm_at(model, model.attention_norm, found.sums.reshape(-1, model.d)),
        norm_at(model, model.feed_forward_norm, found.xi),
    )
    density = np.exp(-(found.before**2) / 2) / math.sqrt(2 * math.pi)
    slopes = network.gelu_slope(found.before), density * (2 - found.before**2)
    labels = task.labels(tokens)
    by = network.after_attention_backward(model, weights, found.after_attention, labels, share[:, 0])
    by_attention = _attention_backward(weights, found, attention, by.means)
    return Point(weights, found, attention, vectors, norms, slopes, share, by, by_attention)


def norm_at(model: Model, norm: str, z: Array) -> NormAt:
    """Take a norm and its first two derivatives at vectors (n, d).

    Examples
    --------
    Along a long vector the RMS norm does not change, to the constant 1e-5 in it:

    >>> at = norm_at(Model(), "rms", np.array([[3e5, 4e5]]))
    >>> at.forward(np.array([[3.0, 4.0]])).round(9).tolist()
    [[0.0, 0.0]]
    """
    constant, square = model.norm_constant(norm), (z * z).mean(axis=-1, keepdims=True)
    if norm == "rms":
        root = np.sqrt(square)
        scale = 1 / (root + constant)
        is_short = root <= network.SHORT
        root = np.where(is_short, 1, root)
        bend = np.where(is_short, 0, scale**2 / (root * model.d))
        return NormAt(z, scale, bend, -bend * (2 * scale + 1 / root) / (root * model.d))
    if norm == "smooth":
        scale = 1 / np.sqrt(square + constant**2)
        return NormAt(z, scale, scale**3 / model.d, -3 * scale**5 / model.d**2)
    return NormAt(z, np.ones_like(square), np.zeros_like(square), np.zeros_like(square))


def _attention_backward(
    weights: Weights, found: network.Layers, attention: Array, by_means: Array
) -> AttentionBackward:
    table = attention.T @ np.concatenate([by_means, _dot(by_means, found.means)], axis=1)
    vectors = found.normed.reshape(-1, found.xi.shape[1])
    scores = _dot(table[:, :-1], vectors) - table[:, -1:]
    normed = table[:, :-1] + scores * weights.query / math.sqrt(len(weights.query))
    return AttentionBackward(table, scores, normed)


class _Forward(NamedTuple):
    """Derivatives of what the network computes, (m, n, ...) or (m, L p, ...)."""

    sums: Array
    vectors: Array
    scores: Array
    mean_scores: Array
    means: Array
    xi: Array
    normed_xi: Array
    before: Array
    hidden: Array
    out: Array
    logits: Array


def _forward(at: Point, d: Weights) -> _Forward:
    w, x, (first, second) = at.weights, at.found, at.norms
    m, p = len(d.query), x.sums.shape[1]
    sums = (d.positions[:, :, None, :] + d.tokens[:, None, :p, :]).reshape(m, *at.vectors.shape)
    vectors = first.forward(sums)
    scores = (vectors @ w.query + d.query @ at.vectors.T) / math.sqrt(len(w.query))
    mean_scores = scores @ at.attention.T
    moved = at.attention @ (scores[:, :, None] * at.vectors + vectors)
    means = moved - mean_scores[:, :, None] * x.means
    xi = means @ w.value.T + x.means @ _turned(d.value)
    normed_xi = second.forward(xi)
    before = normed_xi @ w.up.T + x.normed_xi @ _turned(d.up) + d.up_bias[:, None]
    hidden = at.slopes[0] * before
    out = xi + hidden @ w.down.T + x.hidden @ _turned(d.down) + d.down_bias[:, None]
    logits = out @ w.tokens.T + x.out @ _turned(d.tokens)
    return _Forward(sums, vectors, scores, mean_scores, means, xi, normed_xi, before, hidden, out, logits)


def _derivative(at: Point, d: Weights) -> Weights:
    """Derivative of the gradient along directions d; its parts have the directions in front."""
    w, x, by, (first, second) = at.weights, at.found, at.by, at.norms
    back = at.by_attention
    f, factor = _forward(at, d), 1 / math.sqrt(len(w.query))

    by_logits = x.shares * (f.logits - _dot(x.shares, f.logits)) * at.share
    by_out = by_logits @ w.tokens + by.logits @ d.tokens
    by_hidden = by_out @ w.down + by.out @ d.down
    by_before = by_hidden * at.slopes[0] + by.hidden * at.slopes[1] * f.before
    by_normed_xi = by_before @ w.up + by.before @ d.up
    by_xi = by_out + second.backward(by.normed_xi, f.xi, by_normed_xi)
    by_means = by_xi @ w.value + by.xi @ d.value

    inner = _dot(by_means, x.means) + _dot(by.means, f.means)
    change = np.concatenate([by_means, inner], axis=-1)
    fixed = np.concatenate([by.means, _dot(by.means, x.means)], axis=-1)
    table = f.scores[:, :, None] * back.table + at.attention.T @ (change - f.mean_scores[:, :, None] * fixed)
    by_scores = _dot(table[..., :-1], at.vectors) + _dot(back.table[:, :-1], f.vectors) - table[..., -1:]
    by_query = by_scores * w.query + back.scores * d.query[:, None]
    by_sums = first.backward(back.normed, f.sums, table[..., :-1] + by_query * factor)
    by_pairs = by_sums.reshape(len(by_sums), *x.sums.shape)

    by_tokens = _turned(by_logits) @ x.out + by.logits.T @ f.out
    by_tokens[:, : by_pairs.shape[2]] += by_pairs.sum(axis=1)
    return Weights(
        tokens=by_tokens,
        positions=by_pairs.sum(axis=2),
        query=(by_scores * at.vectors + back.scores * f.vectors).sum(axis=1) * factor,
        value=_turned(by_xi) @ x.means + by.xi.T @ f.means,
        up=_turned(by_before) @ x.normed_xi + by.before.T @ f.normed_xi,
        up_bias=by_before.sum(axis=1),
        down=_turned(by_out) @ x.hidden + by.out.T @ f.hidden,
        down_bias=by_out.sum(axis=1),
    )


def _dot(a: Array, b: Array) -> Array:
    return np.asarray((a * b).sum(axis=-1, keepdims=True))


def _turned(matrices: Array) -> Array:
    return np.swapaxes(matrices, -1, -2)
