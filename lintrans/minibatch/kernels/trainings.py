"""Training of the transformer itself, many lanes of weights side by side."""

from __future__ import annotations

import numpy as np

from lintrans.compiled import compiled, entry
from lintrans.compiled.philox import HALF, LOW
from lintrans.minibatch.kernels.draws import (
    BLOCK,
    REPLACEMENT,
    begin,
    begin_batch,
    deal,
    fill,
    lanes_of,
    pick,
)
from lintrans.minibatch.kernels.trajectories import DIVERGED, LEFT, NEVER
from lintrans.two_factor.kernels.map import ESCAPED

DRAWN_STEPS = 4  # of trainings at a time: they draw whole groups of four numbers
FOUR, ONE = (0, 1, 2, 3), (0,)  # places in groups of prompts
_VALUE, _ALONG = 0, 1  # rows of the state of trainings: w and <W, D>
_OF_VALUE, _OF_ALONG = 0, 1  # rows of the sums over a batch, of e_i p_i and of e_i h_i


@compiled
def _draw_prompts(n_prompts, batch_size, sampling, keys, lanes, chosen):
    """Prompts of the next DRAWN_STEPS batches of every lane: (DRAWN_STEPS * batch_size, BLOCK)."""
    words = np.empty((4, BLOCK), np.uint64)
    trajectory, drawn, order, position = lanes
    for n in range(DRAWN_STEPS * batch_size):
        if n % 4 == 0:
            fill(words, trajectory, drawn, np.uint64(n // 4), keys[0], keys[1])
        if sampling == REPLACEMENT:
            pick(words[n % 4], chosen[n], np.uint64(n_prompts))
        else:
            if n % batch_size == 0:
                begin_batch(sampling, position, n_prompts, batch_size)
            deal(words[n % 4], chosen[n], order, position, n_prompts)
    for j in range(BLOCK):
        drawn[j] += np.uint64(batch_size)  # DRAWN_STEPS steps, by fours


@compiled
def _gather(prompts, chosen, group, m, q, h, y):
    """Copy a group of prompts of every lane, number by number; place k of the group begins at k * BLOCK."""
    rows, columns = m.shape[0], q.shape[0]
    for k in range(len(group)):
        for row in range(rows):
            for j in range(BLOCK):
                m[row, k * BLOCK + j] = prompts[chosen[k, j], row]
        for column in range(columns):
            for j in range(BLOCK):
                q[column, k * BLOCK + j] = prompts[chosen[k, j], rows + column]
        for j in range(BLOCK):
            h[k * BLOCK + j] = prompts[chosen[k, j], rows + columns]
            y[k * BLOCK + j] = prompts[chosen[k, j], rows + columns + 1]


@compiled
def _predict(W, m, q, group, p):
    """Fill p = m^T W q of a group, with columns of W by twos."""
    last = W.shape[1] - 1
    p[:] = 0.0
    for row in range(W.shape[0]):
        for column in range(0, last, 2):
            for j in range(BLOCK):
                one, two = W[row, column, j], W[row, column + 1, j]
                for k in range(len(group)):
                    at = k * BLOCK + j
                    p[at] += m[row, at] * (one * q[column, at] + two * q[column + 1, at])
        if last % 2 == 0:
            for j in range(BLOCK):
                one = W[row, last, j]
                for k in range(len(group)):
                    at = k * BLOCK + j
                    p[at] += m[row, at] * (one * q[last, at])


@compiled
def _weigh(w, p, h, y, group, scale, m, sums):
    """Add e p and e h of a group to the sums, and weigh its m by e and a scale."""
    for k in range(len(group)):
        for j in range(BLOCK):
            at = k * BLOCK + j
            error = w[j] * p[at] - y[at]
            sums[_OF_VALUE, j] += error * p[at]
            sums[_OF_ALONG, j] += error * h[at]
            y[at] = scale[j] * error
    for row in range(m.shape[0]):
        for at in range(len(group) * BLOCK):
            m[row, at] *= y[at]


@compiled
def _add_products(total, m, q, group):
    """Add the m q^T of a group."""
    for row in range(total.shape[0]):
        for column in range(total.shape[1]):
            for j in range(BLOCK):
                entry = total[row, column, j]
                for k in range(len(group)):
                    entry += m[row, k * BLOCK + j] * q[column, k * BLOCK + j]
                total[row, column, j] = entry


@compiled
def _differentiate(prompts, chosen, group, W, w, scale, room, sums, total):
    """Add what a group of prompts contributes to the gradient at the weights w and W, scaled."""
    m, q, h, y, p = room
    _gather(prompts, chosen, group, m, q, h, y)
    _predict(W, m, q, group, p)
    _weigh(w, p, h, y, group, scale, m, sums)
    _add_products(total, m, q, group)


@compiled
def _train_step(prompts, chosen, W, state, rate, room, work):
    """One step of a block by the batches ``chosen``, (batch_size, BLOCK); ``rate`` is eta / batch_size."""
    factor, ones, sums, gradient = work
    size, w = chosen.shape[0], state[_VALUE]
    at_once = size in (len(ONE), len(FOUR))
    for j in range(BLOCK):
        factor[j] = -(rate[j] * w[j])
    sums[:] = 0.0
    total, scale = (W, factor) if at_once else (gradient, ones)
    if not at_once:
        gradient[:] = 0.0
    whole = size - size % len(FOUR)
    for k in range(0, whole, len(FOUR)):
        _differentiate(prompts, chosen[k:], FOUR, W, w, scale, room, sums, total)
    for k in range(whole, size):
        _differentiate(prompts, chosen[k:], ONE, W, w, scale, room, sums, total)
    if not at_once:
        for row in range(W.shape[0]):
            for column in range(W.shape[1]):
                for j in range(BLOCK):
                    W[row, column, j] += factor[j] * gradient[row, column, j]
    for j in range(BLOCK):
        state[_VALUE, j] -= rate[j] * sums[_OF_VALUE, j]
        state[_ALONG, j] += factor[j] * sums[_OF_ALONG, j]


@compiled
def _judge(value, along, ellipse):
    """Modes a, b of projected weights, their level Q of the ellipse and their residual r."""
    mu, of_value, of_along, inverse_a, inverse_b = ellipse
    a = of_value * value + of_along * along
    b = of_value * value - of_along * along
    return a, b, (inverse_a * a) * a + ((inverse_b * b) * b - 1.0), a * a - (b * b + mu)


@compiled
def _find_endings(state, ellipse, done, n_steps, training, inside, happened):
    """Mark the lanes where something happens at the present states; returns how many."""
    for j in range(BLOCK):
        _a, _b, level, r = _judge(state[_VALUE, j], state[_ALONG, j], ellipse)
        leaves, diverges = (level > 0.0) & (inside[j] > 0.0), not abs(r) <= ESCAPED
        happened[j] = (leaves | diverges | (done[j] >= n_steps)) & (training[j] >= 0)
    return happened.sum()


@entry
def train(
    prompts, batch_size, sampling, seed, first, n_trainings, value, along, key_query, ellipse, rates, n_steps
):
    """Trainings ``first``, ``first`` + 1, ... of the transformer, and what happens to them.

    Parameters
    ----------
    prompts : (N, rows + columns + 2) array
        Of every prompt: context moment m, query q, moment h = <m q^T, D> along the mode, label.
    batch_size, sampling, seed, first, n_trainings : int, int, uint64, uint64, int
        As for `walk`: training i has the batches of trajectory i.
    value, along, key_query : float, float, (rows, columns) array
        Start w, <W, D> and W of all.
    ellipse : tuple of float
        mu; what w and <W, D> are multiplied by in a = (u + v) sqrt(mu) / 2; 1 / (2 + mu) and 1 / (2 - mu).
    rates : array
        Learning rates over batch_size, by step; the last goes on.
    n_steps : int
        States 0 .. n_steps are looked at.

    Returns
    -------
    events : (n_trainings, 2) array of int
        First state whose projection is outside the ellipse, and first with |r| > ESCAPED; NEVER if none.
    ends : (2, n_trainings) array
        Projections (a, b) of the last states, or of those that have diverged.
    """
    events, ends = np.full((n_trainings, 2), NEVER), np.empty((2, n_trainings))
    n_prompts, (rows, columns) = prompts.shape[0], key_query.shape
    lanes, keys = lanes_of(n_prompts, sampling), (seed & LOW, seed >> HALF)
    W, state, rate = np.zeros((rows, columns, BLOCK)), np.zeros((2, BLOCK)), np.empty(BLOCK)
    n = len(FOUR) * BLOCK
    room = np.empty((rows, n)), np.empty((columns, n)), np.empty(n), np.empty(n), np.empty(n)
    work = np.empty(BLOCK), np.ones(BLOCK), np.empty((2, BLOCK)), np.empty((rows, columns, BLOCK))
    chosen = np.empty((DRAWN_STEPS * batch_size, BLOCK), np.uint64)
    training, done = np.full(BLOCK, -1), np.zeros(BLOCK, np.int64)
    inside, happened = np.ones(BLOCK), np.zeros(BLOCK, np.int64)
    n_begun = n_ended = 0
    while n_ended < n_trainings:
        for j in range(BLOCK):
            if training[j] < 0 and n_begun < n_trainings:
                begin(lanes, j, first + np.uint64(n_begun))
                _set_weights(state, W, j, value, along, key_query)
                training[j], done[j], inside[j] = n_begun, 0, 1.0
                n_begun += 1
        _draw_prompts(n_prompts, batch_size, sampling, keys, lanes, chosen)
        for s in range(DRAWN_STEPS):
            n_happened = _find_endings(state, ellipse, done, n_steps, training, inside, happened)
            for j in range(BLOCK if n_happened > 0 else 0):
                if happened[j] == 0:
                    continue
                i = training[j]
                a, b, level, r = _judge(state[_VALUE, j], state[_ALONG, j], ellipse)
                if level > 0.0 and inside[j] > 0.0:
                    events[i, LEFT], inside[j] = done[j], 0.0
                diverges = not abs(r) <= ESCAPED
                if diverges:
                    events[i, DIVERGED] = done[j]
                if diverges or done[j] == n_steps:
                    ends[0, i], ends[1, i], training[j] = a, b, -1
                    _set_weights(state, W, j, 0.0, 0.0, 0.0 * key_query)  # rests there
                    n_ended += 1
            for j in range(BLOCK):
                rate[j] = rates[min(done[j], rates.size - 1)]
                done[j] += 1
            _train_step(prompts, chosen[s * batch_size : (s + 1) * batch_size], W, state, rate, room, work)
    return events, ends


@compiled
def _set_weights(state, W, j, value, along, key_query):
    """Give lane j its weights."""
    state[_VALUE, j], state[_ALONG, j] = value, along
    for row in range(W.shape[0]):
        for column in range(W.shape[1]):
            W[row, column, j] = key_query[row, column]
