"""Passes of a batch through the whole transformer: forward and measured, or forward and back."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from lintrans.compiled import compiled, product
from lintrans.sandbox.kernels.attention import (
    attend,
    attend_backward,
    fill_tables,
    look_up,
    n_entries,
    put_back,
)
from lintrans.sandbox.kernels.draws import draw_kept
from lintrans.sandbox.kernels.layout import (
    COLUMNS,
    LANES,
    ROWS,
    STILL_ROWS,
    add_narrow,
    is_common,
    rows_of,
    widen,
)
from lintrans.sandbox.kernels.network import (
    apply_value,
    feed_forward,
    feed_forward_backward,
    read_out,
    read_out_backward,
    value_backward,
)
from lintrans.sandbox.kernels.norms import norm, norm_backward

Array = NDArray[Any]


class Workspace(NamedTuple):
    """Memory of a block."""

    z: Array  # (d, p L LANES), as the next ones: the vectors, their scale and its bend, normed, e^score
    scale: Array
    bend: Array
    normed: Array
    weight: Array
    slopes: Array
    by_vector: Array
    table: Array  # (d + 1, entries LANES)
    by_table: Array
    wide: Array  # (n_weights, COLUMNS), filled where columns share rows
    by_wide: Array
    unit: Array  # (2 d + 1, COLUMNS)
    by_unit: Array
    rows: Array  # (9, ROWS, d + 1, COLUMNS): see `forward`
    scales: Array  # (2, ROWS, COLUMNS)
    hidden: Array  # (width, ROWS, COLUMNS)
    bends: Array
    keep: Array
    shares: Array  # (ROWS, n_tokens, COLUMNS)
    losses: Array  # (4, ROWS, COLUMNS): loss, 1 where right, and two rows to work in
    sums: Array  # (sets, 2, COLUMNS)


FOUND, MEANS, XI, NORMED, OUT, BY_OUT, BY_NORMED, BY_XI, WORK = range(
    9
)  # rows of columns in `Workspace.rows`


@compiled
def workspace_for(sizes, n_weights, n_sets, dropout, learns):
    """Memory of a block; slopes of hidden units only if it learns."""
    n, entries, d = sizes.p * sizes.length * LANES, n_entries(sizes) * LANES, sizes.d
    n_rows = ROWS if learns else STILL_ROWS
    hidden = (sizes.width, n_rows, COLUMNS)
    return Workspace(
        np.zeros((d, n)),
        np.zeros(n),
        np.zeros(n),
        np.zeros((d, n)),
        np.zeros(n),
        np.zeros((d + 1, n)),
        np.zeros((d, n)),
        np.zeros((d + 1, entries)),
        np.zeros((d + 1, entries)),
        np.zeros((n_weights, COLUMNS)),
        np.zeros((n_weights, COLUMNS)),
        np.zeros((2 * d + 1, COLUMNS)),
        np.zeros((2 * d + 1, COLUMNS)),
        np.zeros((9, n_rows, d + 1, COLUMNS)),
        np.zeros((2, n_rows, COLUMNS)),
        np.zeros(hidden),
        np.zeros(hidden if learns else (0, 0, 0)),
        np.zeros(hidden if dropout > 0.0 else (0, 0, 0)),
        np.zeros((n_rows, sizes.n_tokens, COLUMNS)),
        np.zeros((4, n_rows, COLUMNS)),
        np.zeros((n_sets, 2, COLUMNS)),
    )


@compiled
def prepare(sizes, norms, weights, space):
    """Fill the tables of attention, and repeat the weights for the columns."""
    attend(
        sizes,
        weights,
        norms.attention,
        norms.attention_constant,
        space.z,
        space.scale,
        space.bend,
        space.normed,
        space.weight,
    )
    fill_tables(sizes, space.weight, space.normed, space.table)
    rows = rows_of(sizes)
    for k in range(rows.end):
        if is_common(k, rows):
            widen(weights, k, space.wide, k)


@compiled
def forward(sizes, norms, weights, batch, first, n_rows, space):
    """Send a few rows of a batch through the network."""
    d = sizes.d
    for r in range(n_rows):
        means, xi = space.rows[MEANS, r, :d], space.rows[XI, r, :d]
        look_up(space.table, batch.places[first + r], space.rows[FOUND, r], means)
        apply_value(sizes, space.wide, means, xi)
        norm(
            norms.feed_forward,
            norms.feed_forward_constant,
            xi,
            space.scales[0, r],
            space.scales[1, r],
            space.rows[NORMED, r, :d],
        )
    feed_forward(
        sizes,
        weights,
        space.wide,
        n_rows,
        space.rows[NORMED],
        space.rows[XI],
        space.hidden,
        space.bends,
        space.keep,
        space.unit,
        space.rows[OUT],
    )
    for r in range(n_rows):
        labels = batch.labels[first + r]
        out = space.rows[OUT, r, :d]
        read_out(
            sizes,
            space.wide,
            out,
            labels,
            space.shares[r],
            space.losses[0, r],
            space.losses[1, r],
            space.losses[2, r],
            space.losses[3, r],
        )


@compiled
def backward(sizes, weights, batch, first, n_rows, space, gradient):
    """Add the gradient of a few rows that went `forward`."""
    d = sizes.d
    for r in range(n_rows):
        read_out_backward(
            sizes,
            space.wide,
            space.rows[OUT, r, :d],
            batch.labels[first + r],
            batch.factors[0, first + r],
            space.shares[r],
            space.by_wide,
            space.rows[BY_OUT, r, :d],
        )
    feed_forward_backward(
        sizes,
        weights,
        n_rows,
        space.rows[NORMED],
        space.hidden,
        space.bends,
        space.rows[BY_OUT],
        gradient,
        space.by_wide,
        space.rows[BY_NORMED],
        space.unit,
        space.by_unit,
        space.losses[2, 0],
    )
    for r in range(n_rows):
        means, found, by_xi = space.rows[MEANS, r, :d], space.rows[FOUND, r], space.rows[BY_XI, r, :d]
        by_xi[:] = space.rows[BY_OUT, r, :d]
        norm_backward(
            space.rows[XI, r, :d],
            space.scales[0, r],
            space.scales[1, r],
            space.rows[BY_NORMED, r, :d],
            by_xi,
            space.losses[2, r],
        )
        by_mean = space.rows[BY_NORMED, r, :d]
        value_backward(sizes, space.wide, means, by_xi, space.by_wide, by_mean)
        put_back(space.by_table, batch.places[first + r], found[d], means, by_mean, space.rows[WORK, r])


@compiled
def gradient_of(sizes, norms, weights, batch, seeds, step, dropout, space, gradient):
    """Gradient of a batch, (n_weights, LANES); adds loss and share of right answers to ``space.sums``."""
    prepare(sizes, norms, weights, space)
    space.by_table[:] = 0.0
    gradient[:] = 0.0
    rows = rows_of(sizes)
    for k in range(rows.end):
        if is_common(k, rows):
            space.by_wide[k] = 0.0
    for first in range(0, batch.labels.shape[0], ROWS):
        n_rows = min(ROWS, batch.labels.shape[0] - first)
        if dropout > 0.0:
            draw_kept(seeds, step, first, n_rows, dropout, space.keep)
        forward(sizes, norms, weights, batch, first, n_rows, space)
        add_measures(batch, first, n_rows, space)
        backward(sizes, weights, batch, first, n_rows, space, gradient)
    for k in range(rows.end):
        if is_common(k, rows):
            add_narrow(space.by_wide, k, gradient, k)
    attend_backward(
        sizes,
        weights,
        space.by_table,
        space.z,
        space.scale,
        space.bend,
        space.normed,
        space.weight,
        space.slopes,
        space.by_vector,
        gradient,
    )


@compiled
def add_measures(batch, first, n_rows, space):
    """Add loss and right answers of a few rows to ``space.sums``, by the factors of each set."""
    for which in range(batch.factors.shape[0]):
        for r in range(n_rows):
            factors = batch.factors[which, first + r]
            for i in range(2):
                sums, found = space.sums[which, i], space.losses[i, r]
                for c in range(COLUMNS):  # an idle column may hold anything
                    sums[c] += product(factors[c], found[c]) if factors[c] > 0.0 else 0.0


@compiled
def evaluate_block(sizes, norms, weights, batch, space, measured):
    """Loss and share of right answers by each set of factors: measured (sets, 2, LANES)."""
    prepare(sizes, norms, weights, space)
    space.sums[:] = 0.0
    for first in range(0, batch.labels.shape[0], STILL_ROWS):
        n_rows = min(STILL_ROWS, batch.labels.shape[0] - first)
        forward(sizes, norms, weights, batch, first, n_rows, space)
        add_measures(batch, first, n_rows, space)
    for which in range(batch.factors.shape[0]):
        for i in range(2):
            add_narrow(space.sums[which], i, measured[which], i)
