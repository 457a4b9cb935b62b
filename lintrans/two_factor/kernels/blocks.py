"""Orbits in blocks: which go side by side, and what a block remembers of a variant."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from lintrans.compiled import compiled
from lintrans.two_factor.kernels.map import step, varied_step

FloatArray = NDArray[np.float64]

BLOCK = 128  # orbits side by side: a multiple of every vector width that still fits the first cache


class Motion(NamedTuple):
    """A variant of the map: weight decay, momentum, step sizes over mu; and what a block remembers for it."""

    weight_decay: float
    momentum: float
    scales: FloatArray
    velocity: FloatArray  # (2, BLOCK): last displacement
    done: NDArray[np.int64]  # (BLOCK,): steps done


@compiled
def load(values, index):
    """Copy the entries ``index`` of ``values`` into a block, repeating the last to fill it."""
    block = np.empty(BLOCK)
    for j in range(BLOCK):
        block[j] = values[index[min(j, index.size - 1)]]
    return block


@compiled
def in_blocks(b):
    """Orbits in the order they are put into blocks, those on the slice first, and how many these are."""
    on_slice, off_slice = np.flatnonzero(b == 0.0), np.flatnonzero(b != 0.0)
    return np.concatenate((on_slice, off_slice)), on_slice.size


@compiled
def end_of_block(start, n_on_slice, n):
    """End of the block that starts at ``start``: it does not mix orbits on the slice with others."""
    return min(start + BLOCK, n_on_slice if start < n_on_slice else n)


@compiled
def at_rest(variant):
    """What a block has to remember for a variant, at its first step; None for the plain map."""
    if variant is None:
        return None
    weight_decay, momentum, scales = variant
    return Motion(weight_decay, momentum, scales, np.zeros((2, BLOCK)), np.zeros(BLOCK, np.int64))


@compiled
def step_block(balanced, mu, a, b, motion):
    """One step of a block; on the slice b stays 0, after an overflow of a too."""
    if motion is not None:
        velocity = motion.velocity
        for j in range(BLOCK):
            scale = motion.scales[min(motion.done[j], motion.scales.size - 1)]
            a[j], end_b, velocity[0, j], velocity[1, j], _r = varied_step(
                mu[j],
                a[j],
                b[j],
                velocity[0, j],
                velocity[1, j],
                scale,
                motion.weight_decay,
                motion.momentum,
            )
            b[j] = 0.0 if balanced else end_b
            motion.done[j] += 1
    elif balanced:
        for j in range(BLOCK):
            a[j], _b, _r = step(mu[j], a[j], 0.0)
    else:
        for j in range(BLOCK):
            a[j], b[j], _r = step(mu[j], a[j], b[j])
