"""States of orbits: after so many steps, or all of them."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from lintrans.compiled import compiled, entry
from lintrans.two_factor.kernels.blocks import BLOCK, at_rest, end_of_block, in_blocks, load, step_block
from lintrans.two_factor.kernels.walks import WINDOW, walk_plain

FloatArray = NDArray[np.float64]
Variation = tuple[float, float, FloatArray]  # weight decay, momentum, step sizes over mu by step


@entry
def advance(mu, a, b, n_steps):
    """State after ``n_steps`` steps of each orbit: two arrays (n,)."""
    end_a, end_b = np.empty(mu.size), np.empty(mu.size)
    order, n_on_slice = in_blocks(b)
    none = np.empty((0, BLOCK))
    start = 0
    while start < mu.size:
        end = end_of_block(start, n_on_slice, mu.size)
        index = order[start:end]
        m, p, q = load(mu, index), load(a, index), load(b, index)
        for _ in range(n_steps // WINDOW):
            walk_plain(end <= n_on_slice, m, p, q, none, none)
        for _ in range(n_steps % WINDOW):
            step_block(end <= n_on_slice, m, p, q, None)
        for j in range(index.size):
            end_a[index[j]], end_b[index[j]] = p[j], q[j]
        start = end
    return end_a, end_b


def orbits(
    mu: FloatArray,
    a: FloatArray,
    b: FloatArray,
    n_transient: int,
    n_samples: int,
    variant: Variation | None = None,
) -> tuple[FloatArray, FloatArray]:
    """States n_transient .. n_transient + n_samples - 1 of each orbit: two arrays (n, n_samples)."""
    shape = mu.size, n_samples
    all_a, all_b = np.empty(shape), np.zeros(shape if b.any() else (0, 0))
    if variant is None:
        record(mu, *advance(mu, a, b, n_transient), all_a, all_b, 0, None)
    else:
        record(mu, a, b, all_a, all_b, n_transient, variant)
    return all_a, all_b if b.any() else np.broadcast_to(0.0, shape)


@compiled
def _put(part, index, first, rows):
    """Write WINDOW states of a block, ``part``, into the rows ``index``, from column ``first`` on."""
    n = rows.shape[1] - first
    for j in range(index.size):
        row = rows[index[j], first:]
        if n >= WINDOW:  # a constant length: three times as fast
            for i in range(WINDOW):
                row[i] = part[i, j]
        else:
            for i in range(n):
                row[i] = part[i, j]


@entry
def record(mu, a, b, all_a, all_b, n_transient, variant):
    """Write the orbits that start at (a, b) into two arrays (n, n_samples); on the slice b is left out.

    There it is 0, and memory that is not touched costs nothing: most of the time would go into it. The first
    ``n_transient`` states are skipped.
    """
    n_samples = all_a.shape[1]
    part_a, part_b = np.empty((WINDOW, BLOCK)), np.empty((WINDOW, BLOCK))
    order, n_on_slice = in_blocks(b)
    start = 0
    while start < mu.size:
        end = end_of_block(start, n_on_slice, mu.size)
        index, balanced = order[start:end], end <= n_on_slice
        m, p, q = load(mu, index), load(a, index), load(b, index)
        motion = at_rest(variant)
        for _ in range(n_transient):
            step_block(balanced, m, p, q, motion)
        for first in range(0, n_samples, WINDOW):
            for i in range(WINDOW):
                for j in range(BLOCK):
                    part_a[i, j] = p[j]
                if not balanced:
                    for j in range(BLOCK):
                        part_b[i, j] = q[j]
                step_block(balanced, m, p, q, motion)
            _put(part_a, index, first, all_a)
            if not balanced:
                _put(part_b, index, first, all_b)
        start = end
