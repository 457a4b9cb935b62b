"""What attention hands on, xi, of many weights at once and of every sequence that is looked at.

xi is a ratio of two sums over the positions: of V z e^score, and of e^score. Both are sums of one entry a
position of a table, so that one matrix product serves all sequences and all weights.
"""

from __future__ import annotations

import functools
import math
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from lintrans.sandbox.model import Model, Weights
from lintrans.sandbox.network import normalize
from lintrans.sandbox.task import POPULATION, Task, random_words

FloatArray = NDArray[np.float64]

MAX_WHOLE = 2**16  # sequences of a population that is looked at whole
N_SAMPLE = 2**14  # of a larger one
N_PREFIXES = 2**10  # in a sample, at most
CHUNK = 2**22  # entries of xi and its sums in memory at once, of many weights
MIN_SCORE = -700.0  # below the largest score: e^-700 is still a normal number


class Grid(NamedTuple):
    """Sequences in rows of one prefix (tokens at the summed positions) and columns of one suffix (others).

    Attributes
    ----------
    sequences : (n, L) array
        Row by row.
    n_prefixes, n_suffixes : int
        Their product is n.
    is_whole : bool
        Whether these are all sequences of the task.
    """

    sequences: NDArray[np.int8]
    n_prefixes: int
    n_suffixes: int
    is_whole: bool


@functools.lru_cache(maxsize=8)
def sequence_grid(task: Task) -> Grid:
    """Sequences that stand for the population: all of them up to 65,536, else a fixed sample of 16,384.

    The sample crosses prefixes with suffixes. It holds all prefixes if there are at most 1,024, or else
    1,024 that are drawn; suffixes are drawn. It is the same in every call.

    Examples
    --------
    >>> grid = sequence_grid(Task())
    >>> grid.n_prefixes, grid.n_suffixes, grid.is_whole
    (32, 128, True)
    >>> grid = sequence_grid(Task(length=20, positions=12))
    >>> grid.n_prefixes, grid.n_suffixes, grid.is_whole
    (1024, 16, False)
    """
    rest = task.length - task.k
    is_whole = task.n_sequences <= MAX_WHOLE
    n_prefixes = task.n_sequences if is_whole else max(N_PREFIXES, N_SAMPLE // task.p**rest)
    prefixes = _words(task.p, task.k, n_prefixes, 0)
    n_suffixes = task.p**rest if is_whole else N_SAMPLE // len(prefixes)
    suffixes = _words(task.p, rest, n_suffixes, 1)
    sequences = np.empty((len(prefixes), len(suffixes), task.length), dtype=np.int8)
    sequences[:, :, list(task.summed)] = prefixes[:, None]
    sequences[:, :, [t for t in range(task.length) if t not in task.summed]] = suffixes
    flat = sequences.reshape(-1, task.length)
    flat.setflags(write=False)
    return Grid(flat, len(prefixes), len(suffixes), is_whole)


class Tables(NamedTuple):
    """What each token contributes at each position, for weights with any leading axes.

    Attributes
    ----------
    values : (..., L, p, d) array
        V z e^score.
    factors : (..., L, p) array
        e^score, of the largest score 1.
    """

    values: FloatArray
    factors: FloatArray


def attention_tables(task: Task, model: Model, weights: Weights) -> Tables:
    """Numerators and denominators of attention; scores more than 700 below the largest count as 700 below."""
    tokens = weights.tokens[..., None, : task.p, :]
    normed = normalize(model, model.attention_norm, weights.positions[..., :, None, :] + tokens)
    scores = np.einsum("...txd,...d->...tx", normed, weights.query) / math.sqrt(model.d)
    scores = scores - scores.max(axis=(-2, -1), keepdims=True)
    factors = np.exp(np.maximum(scores, MIN_SCORE))
    values = np.einsum("...txd,...ed->...txe", normed, weights.value)
    return Tables(values * factors[..., None], factors)


def xi_and_mass(
    task: Task, model: Model, weights: Weights, sequences: NDArray[Any]
) -> tuple[FloatArray, FloatArray]:
    """Return xi (..., n, d) of sequences (n, L), and the attention on the summed positions (..., n).

    Examples
    --------
    It is xi of `lintrans.sandbox.network.layers`:

    >>> from lintrans.sandbox.model import initial_weights
    >>> from lintrans.sandbox.network import layers
    >>> task, model = Task(), Model()
    >>> weights, sequences = initial_weights(task, model), task.population()
    >>> xi, mass = xi_and_mass(task, model, weights, sequences)
    >>> found = layers(task, model, weights, sequences)
    >>> bool(np.allclose(xi, found.xi, atol=1e-13))
    True
    >>> bool(np.allclose(mass, found.attention[:, :5].sum(axis=1), atol=1e-13))
    True
    """
    values, factors = attention_tables(task, model, weights)
    on_summed = np.zeros(factors.shape)
    on_summed[..., list(task.summed), :] = factors[..., list(task.summed), :]
    columns = np.concatenate([values, on_summed[..., None], factors[..., None]], axis=-1)
    lead = columns.shape[:-3]
    sums = one_hot(sequences, task.p) @ columns.reshape(*lead, task.length * task.p, -1)
    shares = sums[..., :-1] / sums[..., -1:]
    return shares[..., :-1], shares[..., -1]


def one_hot(sequences: NDArray[Any], p: int) -> FloatArray:
    """Sequences (n, L) as rows of zeros and ones (n, L p)."""
    tokens = np.asarray(sequences)
    return np.asarray(tokens[:, :, None] == np.arange(p), dtype=np.float64).reshape(len(tokens), -1)


def _words(p: int, length: int, n: int, stream: int) -> NDArray[np.int8]:
    """All words of a length, the first letter changing fastest, if at most n; else n that are drawn."""
    if p**length <= n:
        return (np.arange(p**length)[:, None] // p ** np.arange(length) % p).astype(np.int8)
    drawn = random_words(stream, POPULATION, n * length) * np.uint64(p) >> np.uint64(32)
    return drawn.astype(np.int8).reshape(n, length)
