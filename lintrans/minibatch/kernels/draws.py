"""Batches drawn: a lane of random numbers for every trajectory, with or without replacement."""

from __future__ import annotations

import numpy as np

from lintrans.compiled import compiled, entry, inlined
from lintrans.compiled.philox import HALF, LOW, philox

BLOCK = 64
REPLACEMENT, FRESH, EPOCHS = 0, 1, 2  # how batches are drawn; see `lintrans.minibatch.sampling`


@inlined
def fill(words, trajectory, drawn, q, key0, key1):
    """Words of the ``q``-th group of four numbers after those drawn, for every lane of a block."""
    for j in range(BLOCK):
        i = drawn[j] + q
        words[0, j], words[1, j], words[2, j], words[3, j] = philox(
            i & LOW, i >> HALF, trajectory[j] & LOW, trajectory[j] >> HALF, key0, key1
        )


@inlined
def pick(words, picked, n_prompts):
    """Prompts drawn with replacement: a word of 32 bits times n_prompts, over 2^32."""
    for j in range(BLOCK):
        picked[j] = (words[j] * n_prompts) >> HALF


@compiled
def deal(words, picked, order, position, n_prompts):
    """Prompts drawn without replacement: the next of a shuffle that goes only as far as it is needed."""
    for j in range(BLOCK):
        p = position[j]
        i = p + np.int64((words[j] * np.uint64(n_prompts - p)) >> HALF)
        order[j, p], order[j, i] = order[j, i], order[j, p]
        picked[j] = order[j, p]
        position[j] = p + 1


@compiled
def begin_batch(sampling, position, n_prompts, batch_size):
    """Collect the prompts for a new shuffle: before every batch, or once too few are left for one."""
    for j in range(BLOCK):
        if sampling == FRESH or position[j] + batch_size > n_prompts:
            position[j] = 0


@compiled
def begin(lanes, j, trajectory):
    """Let lane j draw for a trajectory, from its first step."""
    numbers, drawn, order, position = lanes
    numbers[j], drawn[j], position[j] = trajectory, np.uint64(0), 0
    if order.shape[0] > 0:
        for i in range(order.shape[1]):
            order[j, i] = i


@compiled
def lanes_of(n_prompts, sampling):
    """What each lane draws from: its trajectory, the numbers drawn, and a shuffle where one is needed."""
    order = np.empty((BLOCK if sampling != REPLACEMENT else 0, n_prompts), np.int32)
    lanes = np.zeros(BLOCK, np.uint64), np.zeros(BLOCK, np.uint64), order, np.zeros(BLOCK, np.int64)
    for j in range(BLOCK):  # idle lanes draw as well
        begin(lanes, j, np.uint64(0))
    return lanes


@entry
def draw_prompts(n_prompts, batch_size, sampling, seed, trajectory, n_steps):
    """Prompts of every batch of one trajectory: (n_steps, batch_size) numbers."""
    chosen = np.empty((n_steps, batch_size), np.int64)
    words, picked = np.empty((4, BLOCK), np.uint64), np.empty(BLOCK, np.uint64)
    lanes, keys = lanes_of(n_prompts, sampling), (seed & LOW, seed >> HALF)
    begin(lanes, 0, trajectory)
    for n in range(n_steps * batch_size):
        s, k = divmod(n, batch_size)
        if n % 4 == 0:
            fill(words, lanes[0], lanes[1], np.uint64(n // 4), keys[0], keys[1])
        if sampling == REPLACEMENT:
            pick(words[n % 4], picked, np.uint64(n_prompts))
        else:
            if k == 0:
                begin_batch(sampling, lanes[3], n_prompts, batch_size)
            deal(words[n % 4], picked, lanes[2], lanes[3], n_prompts)
        chosen[s, k] = picked[0]
    return chosen
