"""The network and its gradient, written down as they are defined: the reference of the compiled loops.

Everything works on any number of sequences at once, and with complex weights too, so that the gradient can be
held to a complex step. The gradient by hand is exact; `lintrans.sandbox.kernels` computes the same faster.
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import erf

from lintrans.sandbox.model import Model, Weights, check_shapes
from lintrans.sandbox.task import Task, check_sequences

Array = NDArray[Any]

SHORT = 1e-150  # a shorter vector turns nothing in a norm: with its constant, its direction does not matter


class AfterAttention(NamedTuple):
    """What the network computes of the mean vectors that attention takes of n sequences, in its order.

    Attributes
    ----------
    means : (n, d) array
        Mean of the normed vectors of a sequence, weighted by attention.
    xi : (n, d) array
        V times it: what attention hands on.
    normed_xi : (n, d) array
    before : (n, h) array
        W1 norm(xi) + b1.
    hidden : (n, h) array
        gelu of it.
    out : (n, d) array
        xi plus the output of the feed-forward network.
    logits : (n, n_tokens) array
    shares : (n, n_tokens) array
        Softmax of the logits: the probability of each answer.
    """

    means: Array
    xi: Array
    normed_xi: Array
    before: Array
    hidden: Array
    out: Array
    logits: Array
    shares: Array


class Layers(NamedTuple):
    """Everything the network computes of n sequences, in its order.

    Attributes
    ----------
    sums : (L, p, d) array
        Token plus position, z of every pair before the norm.
    normed : (L, p, d) array
    scores : (L, p) array
        z . q / sqrt d.
    attention : (n, L) array
        Softmax over the positions of a sequence.
    means, xi, normed_xi, before, hidden, out, logits, shares
        As of `AfterAttention`.
    """

    sums: Array
    normed: Array
    scores: Array
    attention: Array
    means: Array
    xi: Array
    normed_xi: Array
    before: Array
    hidden: Array
    out: Array
    logits: Array
    shares: Array

    @property
    def after_attention(self) -> AfterAttention:
        """The last eight."""
        return AfterAttention(*self[-len(AfterAttention._fields) :])


class Backward(NamedTuple):
    """Gradients of the loss by what the network computes after attention, in the order they are found."""

    logits: Array
    out: Array
    hidden: Array
    before: Array
    normed_xi: Array
    xi: Array
    means: Array


def layers(task: Task, model: Model, weights: Weights, sequences: ArrayLike) -> Layers:
    """Send sequences (n, L) through the network.

    Raises
    ------
    InputError
        If weights are not of the model, or sequences not of the task.

    Examples
    --------
    Without weights there is nothing to attend to: the mean over all positions.

    >>> from lintrans.sandbox.model import initial_weights
    >>> task, model = Task(), Model()
    >>> weights = initial_weights(task, model, scales={"query": 0.0})
    >>> layers(task, model, weights, task.population()[:1]).attention.round(3).tolist()[0][:3]
    [0.083, 0.083, 0.083]
    """
    check_shapes(task, model, weights)
    tokens = check_sequences(task, sequences)
    sums = weights.positions[:, None, :] + weights.tokens[None, : task.p, :]
    normed = normalize(model, model.attention_norm, sums)
    scores = normed @ weights.query / math.sqrt(model.d)
    place = np.arange(task.length)
    attention = softmax(scores[place, tokens])
    means = np.einsum("nt,ntd->nd", attention, normed[place, tokens])
    return Layers(sums, normed, scores, attention, *after_attention(model, weights, means))


def after_attention(model: Model, weights: Weights, means: Array) -> AfterAttention:
    """Send mean vectors (n, d) of attention through the rest of the network."""
    xi = means @ weights.value.T
    normed_xi = normalize(model, model.feed_forward_norm, xi)
    before = normed_xi @ weights.up.T + weights.up_bias
    hidden = gelu(before)
    out = xi + hidden @ weights.down.T + weights.down_bias
    logits = out @ weights.tokens.T
    return AfterAttention(means, xi, normed_xi, before, hidden, out, logits, softmax(logits))


def losses(found: Layers, labels: ArrayLike) -> Array:
    """Cross entropy of each sequence, in nats."""
    logits = found.logits
    largest = logits.real.max(axis=1)
    total = np.log(np.exp(logits - largest[:, None]).sum(axis=1)) + largest
    own: Array = np.take_along_axis(logits, np.asarray(labels)[:, None], axis=1)[:, 0]
    return np.asarray(total - own)


def is_right(found: Layers, labels: ArrayLike) -> NDArray[np.bool_]:
    """Whether the label of each sequence has a larger logit than every other token: a tie is no answer."""
    rows, places = np.arange(len(found.logits)), np.asarray(labels)
    others = found.logits.real.copy()
    others[rows, places] = -np.inf
    return np.asarray(found.logits.real[rows, places] > others.max(axis=1))


def loss(
    task: Task, model: Model, weights: Weights, sequences: ArrayLike, shares: ArrayLike | None = None
) -> Any:
    """Mean cross entropy of sequences, by ``shares`` (n,) of each if they are not equal."""
    each = losses(layers(task, model, weights, sequences), task.labels(sequences))
    return each.mean() if shares is None else (np.asarray(shares) * each).sum()


def gradient(
    task: Task, model: Model, weights: Weights, sequences: ArrayLike, shares: ArrayLike | None = None
) -> Weights:
    """Gradient of `loss` by every weight, by hand.

    Examples
    --------
    Against a complex step (Squire and Trapp, 1998) of one weight:

    >>> from lintrans.sandbox.model import initial_weights
    >>> task, model = Task(), Model()
    >>> weights, data = initial_weights(task, model), task.data(0).train
    >>> moved = weights._replace(query=weights.query + np.array([1e-30j, 0]))
    >>> step = loss(task, model, moved, data).imag / 1e-30
    >>> bool(abs(gradient(task, model, weights, data).query[0] - step) < 1e-13)
    True
    """
    tokens, labels = check_sequences(task, sequences), task.labels(sequences)
    n, p, length = len(tokens), task.p, task.length
    found = layers(task, model, weights, tokens)
    share = np.full(n, 1 / n) if shares is None else np.asarray(shares, dtype=np.float64)
    by = after_attention_backward(model, weights, found.after_attention, labels, share)

    place = np.arange(length)
    chosen = found.normed[place, tokens]
    by_attention = np.einsum("nd,ntd->nt", by.means, chosen)
    by_scores = found.attention * (by_attention - (found.attention * by_attention).sum(axis=1, keepdims=True))
    factor = 1 / math.sqrt(model.d)
    one_hot = (tokens[:, :, None] == np.arange(p)).astype(np.float64)
    by_score = np.einsum("nt,ntx->tx", by_scores, one_hot)
    by_normed = np.einsum("nt,nd,ntx->txd", found.attention, by.means, one_hot, optimize=True)
    by_normed = by_normed + by_score[:, :, None] * weights.query * factor
    by_sums = normalize_backward(model, model.attention_norm, found.sums, by_normed)

    late = by_weights(found.after_attention, by)
    late["tokens"][:p] += by_sums.sum(axis=0)
    by_query = np.einsum("tx,txd->d", by_score, found.normed) * factor
    return Weights(positions=by_sums.sum(axis=1), query=by_query, **late)


def after_attention_backward(
    model: Model, weights: Weights, found: AfterAttention, labels: NDArray[Any], shares: Array
) -> Backward:
    """Gradients of the sum of cross entropies, each times its entry of ``shares`` (n,)."""
    by_logits = found.shares.copy()
    by_logits[np.arange(len(by_logits)), labels] -= 1
    by_logits *= shares[:, None]
    by_out = by_logits @ weights.tokens
    by_hidden = by_out @ weights.down
    by_before = by_hidden * gelu_slope(found.before)
    by_normed_xi = by_before @ weights.up
    by_xi = by_out + normalize_backward(model, model.feed_forward_norm, found.xi, by_normed_xi)
    return Backward(by_logits, by_out, by_hidden, by_before, by_normed_xi, by_xi, by_xi @ weights.value)


def by_weights(found: AfterAttention, by: Backward) -> dict[str, Array]:
    """Gradients by the weights that act after attention; by the tokens as far as they read the answer."""
    return {
        "tokens": by.logits.T @ found.out,
        "value": by.xi.T @ found.means,
        "up": by.before.T @ found.normed_xi,
        "up_bias": by.before.sum(axis=0),
        "down": by.out.T @ found.hidden,
        "down_bias": by.out.sum(axis=0),
    }


def normalize(model: Model, norm: str, z: Array) -> Array:
    """Norm of vectors in the last axis."""
    return np.asarray(z * _scale(model, norm, z)[0])


def normalize_backward(model: Model, norm: str, z: Array, by_normed: Array) -> Array:
    """Gradient by vectors before the norm, from that after it."""
    scale, bend = _scale(model, norm, z)
    return np.asarray(scale * by_normed - bend * (z * by_normed).sum(axis=-1, keepdims=True) * z)


def _scale(model: Model, norm: str, z: Array) -> tuple[Array, Array]:
    """Factor of the norm, and minus its gradient over z."""
    constant, square = model.norm_constant(norm), (z * z).mean(axis=-1, keepdims=True)
    if norm == "rms":
        root = np.sqrt(square)
        scale = 1 / (root + constant)
        is_short = abs(root) <= SHORT
        return scale, np.where(is_short, 0, scale**2 / (np.where(is_short, 1, root) * model.d))
    if norm == "smooth":
        scale = 1 / np.sqrt(square + constant**2)
        return scale, scale**3 / model.d
    return np.ones_like(square), np.zeros_like(square)


def gelu(x: Array) -> Array:
    """Gaussian error linear unit x Phi(x), exact (Hendrycks and Gimpel, 2016)."""
    return x * _below(x)


def gelu_slope(x: Array) -> Array:
    """Its derivative, Phi(x) + x phi(x)."""
    return np.asarray(_below(x) + x * np.exp(-x * x / 2) / math.sqrt(2 * math.pi))


def _below(x: Array) -> Array:
    return np.asarray(0.5 * (1 + erf(x / math.sqrt(2))))


def softmax(scores: Array) -> Array:
    """Softmax over the last axis."""
    raised = np.exp(scores - scores.real.max(axis=-1, keepdims=True))
    return np.asarray(raised / raised.sum(axis=-1, keepdims=True))
