"""Samples of all lanes, in rows of columns."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from lintrans.compiled import compiled
from lintrans.sandbox.kernels.layout import COLUMNS, LANES, SAMPLES


class Batch(NamedTuple):
    """Samples in rows of columns; ``factors`` are their weights in the loss, 0 where a column is idle."""

    places: NDArray[Any]  # (rows, groups, COLUMNS): where their table entries are
    labels: NDArray[Any]  # (rows, COLUMNS)
    factors: NDArray[Any]  # (sets, rows, COLUMNS)


@compiled
def fill_batch(places, labels, order, first, batch):
    """Copy the samples of every lane that stand at ``first`` of its order and after it into a batch."""
    size = batch.labels.size // LANES
    for s in range(size):
        row, part = divmod(s, SAMPLES)
        for j in range(LANES):
            c = part * LANES + j
            if batch.factors[0, row, c] > 0.0:
                i = order[j, first + s]
                batch.labels[row, c] = labels[i, j]
                for g in range(places.shape[1]):
                    batch.places[row, g, c] = places[i, g, j]


@compiled
def empty_batch(n_groups, size):
    """Return a batch of a size; idle columns take the first entry of the tables of their lane."""
    n_rows = (size + SAMPLES - 1) // SAMPLES
    batch = Batch(
        np.zeros((n_rows, n_groups, COLUMNS), np.int32),
        np.zeros((n_rows, COLUMNS), np.int64),
        np.zeros((1, n_rows, COLUMNS)),
    )
    for s in range(n_rows * SAMPLES):
        row, part = divmod(s, SAMPLES)
        for j in range(LANES):
            batch.places[row, :, part * LANES + j] = j
            if s < size:
                batch.factors[0, row, part * LANES + j] = 1.0 / size
    return batch
