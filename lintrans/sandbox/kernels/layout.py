"""Where everything lies: weights by rows, lanes side by side, samples beside them in columns.

A block trains ``LANES`` runs at once, each with its own seed: weights are an array (n_weights, LANES). In a
batch the samples of all lanes stand side by side too, ``SAMPLES`` of each lane in one row of ``COLUMNS``, so
that the inner loops are long enough for vector code whatever the batch size. No number of a lane depends on
what is in another.
"""

from __future__ import annotations

from typing import NamedTuple

from lintrans.compiled import compiled, inlined

LANES = 8  # runs side by side: one vector of the widest registers
SAMPLES = 8  # samples of a run side by side
COLUMNS = LANES * SAMPLES
ROWS = 4  # rows of columns that go through the network together; their activations fit the second cache
STILL_ROWS = 8  # the same without slopes and gradients: a hidden unit at a time

NO_NORM, RMS_NORM, SMOOTH_NORM = 0, 1, 2
ADAM, SGD = 0, 1


class Sizes(NamedTuple):
    """Sizes of the task and the model."""

    p: int  # tokens that occur
    length: int  # L, positions
    n_tokens: int  # rows of the token table
    d: int  # dimension of the embeddings
    width: int  # h, hidden units
    group: int  # positions of which a table of attention keeps all combinations


class Norms(NamedTuple):
    """Kind and constant of the norm before attention and of that before the feed-forward network."""

    attention: int
    feed_forward: int
    attention_constant: float
    feed_forward_constant: float


class Steps(NamedTuple):
    """How a gradient becomes a step; ``rates`` of the weights are beside it."""

    optimizer: int
    rate: float
    momentum: float  # beta_1 of Adam
    beta2: float
    epsilon: float
    weight_decay: float
    clip: float  # largest norm of the gradient; inf for none
    dropout: float


class Rows(NamedTuple):
    """First row of each part in the array of weights, and the end of the last."""

    positions: int
    query: int
    value: int
    up: int
    up_bias: int
    down: int
    down_bias: int
    end: int


@compiled
def rows_of(sizes):
    """Rows of the parts; that of the tokens is 0."""
    d, width = sizes.d, sizes.width
    positions = sizes.n_tokens * d
    query = positions + sizes.length * d
    value = query + d
    up = value + d * d
    up_bias = up + width * d
    down = up_bias + width
    down_bias = down + d * width
    return Rows(positions, query, value, up, up_bias, down, down_bias, down_bias + d)


@inlined
def widen(weights, k, wide, to):
    """Repeat row k of weights for all parts of row ``to`` of columns."""
    for c in range(0, COLUMNS, LANES):
        for j in range(LANES):
            wide[to, c + j] = weights[k, j]


@inlined
def add_narrow(wide, k, sums, to):
    """Add the samples of row k of columns, in their order, to row ``to`` of sums."""
    for j in range(LANES):
        part = wide[k, j]
        for c in range(LANES, COLUMNS, LANES):
            part += wide[k, c + j]
        sums[to, j] += part


@compiled
def is_common(k, rows):
    """Whether columns share row k of the weights: of the tokens, the value matrix and the last bias."""
    return k < rows.positions or rows.value <= k < rows.up or k >= rows.down_bias
