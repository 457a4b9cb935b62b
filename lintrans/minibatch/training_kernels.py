"""Compiled mini-batch training of the two-factor transformer: thousands of trainings on the same prompts.

Prompt i predicts p_i w with p_i = m_i^T W q_i, of its context moment m_i and its query q_i. A step by a batch of
B prompts is

    e_i = p_i w - y_i,    w' = w - (eta / B) sum e_i p_i,    W' = W - (eta / B) w sum e_i m_i q_i^T

with everything on the right at the old weights. No mode is assumed; what is looked at is the projection onto
one, D, by w and <W, D>, and <W, D> moves by the moments h_i = <m_i q_i^T, D> as W does by m_i q_i^T.

The batches are those of `lintrans.minibatch.kernels`, to the prompt, and so are the lanes: ``BLOCK`` trainings
go side by side, each in a lane of W of shape (rows, columns, BLOCK), and the inner loops run over lanes. Prompts
of a batch are copied next to each other and used in groups of ``GROUP``, so that a number of W is read and
written once for all of them. The length of the tuple that is passed for a group is known to the compiler. Sums
over a batch go to a gradient of their own, which W is moved by at the end of the step, unless the batch is one
group. Every ``STEPS`` steps, which draw whole groups of four numbers, lanes whose training has ended take the
next one. No lane knows of the others.
"""

from __future__ import annotations

import numpy as np
from numba import njit

from lintrans.minibatch.kernels import (
    _HALF,
    _LOW,
    BLOCK,
    DIVERGED,
    ESCAPED,
    LEFT,
    NEVER,
    REPLACEMENT,
    _begin,
    _begin_batch,
    _deal,
    _fill,
    _lanes,
    _pick,
)

STEPS = 4
GROUP = (0, 1, 2, 3)
SINGLE = (0,)
_VALUE, _ALONG = 0, 1  # rows of the state: w and <W, D>
_OF_VALUE, _OF_ALONG = 0, 1  # rows of the sums over a batch, of e_i p_i and of e_i h_i

_compile = njit(nogil=True, error_model="numpy", fastmath={"contract"})
_entry = njit(cache=True, nogil=True, error_model="numpy", fastmath={"contract"})


@_compile
def _draw(n_prompts, batch_size, sampling, keys, lanes, chosen):
    """Prompts of the batches of the next STEPS steps of every lane: (STEPS * batch_size, BLOCK)."""
    words = np.empty((4, BLOCK), np.uint64)
    trajectory, drawn, order, position = lanes
    for n in range(STEPS * batch_size):
        if n % 4 == 0:
            _fill(words, trajectory, drawn, np.uint64(n // 4), keys[0], keys[1])
        if sampling == REPLACEMENT:
            _pick(words[n % 4], chosen[n], np.uint64(n_prompts))
        else:
            if n % batch_size == 0:
                _begin_batch(sampling, position, n_prompts, batch_size)
            _deal(words[n % 4], chosen[n], order, position, n_prompts)
    for j in range(BLOCK):
        drawn[j] += np.uint64(batch_size)  # STEPS steps, by fours


@_compile
def _gather(prompts, chosen, group, m, q, h, y):
    """Copy a group of prompts of every lane: m (n, rows, BLOCK), q (n, columns, BLOCK), h and y (n, BLOCK)."""
    contexts, queries, moments, labels = prompts
    for k in range(len(group)):
        for j in range(BLOCK):
            prompt = chosen[k, j]
            h[k, j], y[k, j] = moments[prompt], labels[prompt]
            for i in range(contexts.shape[1]):
                m[k, i, j] = contexts[prompt, i]
            for i in range(queries.shape[1]):
                q[k, i, j] = queries[prompt, i]


@_compile
def _predict(W, m, q, group, p):
    """p = m^T W q of each of a group."""
    for k in range(len(group)):
        for j in range(BLOCK):
            p[k, j] = 0.0
    for row in range(W.shape[0]):
        for column in range(W.shape[1]):
            for j in range(BLOCK):
                weight = W[row, column, j]
                for k in range(len(group)):
                    p[k, j] += weight * (m[k, row, j] * q[k, column, j])


@_compile
def _err(w, p, h, y, group, factor, m, sums):
    """Add e p and e h of a group to the sums, and scale each m by e and a factor."""
    for k in range(len(group)):
        for j in range(BLOCK):
            error = w[j] * p[k, j] - y[k, j]
            sums[_OF_VALUE, j] += error * p[k, j]
            sums[_OF_ALONG, j] += error * h[k, j]
            y[k, j] = factor[j] * error
        for row in range(m.shape[1]):
            for j in range(BLOCK):
                m[k, row, j] *= y[k, j]


@_compile
def _add(total, m, q, group):
    """Add m q^T of a group."""
    for row in range(total.shape[0]):
        for column in range(total.shape[1]):
            for j in range(BLOCK):
                entry = total[row, column, j]
                for k in range(len(group)):
                    entry += m[k, row, j] * q[k, column, j]
                total[row, column, j] = entry


@_compile
def _differentiate(prompts, chosen, group, W, w, factor, room, sums, total):
    """Add what a group of prompts contributes to the step, at the weights w and W."""
    m, q, h, y, p = room
    _gather(prompts, chosen, group, m, q, h, y)
    _predict(W, m, q, group, p)
    _err(w, p, h, y, group, factor, m, sums)
    _add(total, m, q, group)


@_compile
def _step(prompts, chosen, W, state, rate, room, work):
    """One step of a block by batches ``chosen``, (batch_size, BLOCK); ``rate`` is eta / batch_size of each lane.

    What W moves by has the factor -rate w. A batch of one group moves it at once, others when all is summed up.
    """
    factor, ones, sums, total = work
    size = chosen.shape[0]
    for j in range(BLOCK):
        factor[j] = -(rate[j] * state[_VALUE, j])
    sums[:] = 0.0
    if size == len(SINGLE):
        _differentiate(prompts, chosen, SINGLE, W, state[_VALUE], factor, room, sums, W)
    elif size == len(GROUP):
        _differentiate(prompts, chosen, GROUP, W, state[_VALUE], factor, room, sums, W)
    else:
        total[:] = 0.0
        whole = size - size % len(GROUP)
        for k in range(0, whole, len(GROUP)):
            _differentiate(prompts, chosen[k:], GROUP, W, state[_VALUE], ones, room, sums, total)
        for k in range(whole, size):
            _differentiate(prompts, chosen[k:], SINGLE, W, state[_VALUE], ones, room, sums, total)
        for row in range(W.shape[0]):
            for column in range(W.shape[1]):
                for j in range(BLOCK):
                    W[row, column, j] += factor[j] * total[row, column, j]
    for j in range(BLOCK):
        state[_VALUE, j] -= rate[j] * sums[_OF_VALUE, j]
        state[_ALONG, j] += factor[j] * sums[_OF_ALONG, j]


@_compile
def _look(state, ellipse, done, n_steps, orbit, inside, happened):
    """Mark the lanes where something happens at the present states; returns how many."""
    for j in range(BLOCK):
        level, r = _judge(state[_VALUE, j], state[_ALONG, j], ellipse)[2:]
        leaves = (level > 0.0) & (inside[j] > 0.0)
        happened[j] = (leaves | (not abs(r) <= ESCAPED) | (done[j] >= n_steps)) & (orbit[j] >= 0)
    return happened.sum()


@_compile
def _judge(value, along, ellipse):
    """Modes a, b of the projected weights, the level Q of the ellipse there and the residual r."""
    mu, of_value, of_along, inverse_a, inverse_b = ellipse
    a = of_value * value + of_along * along
    b = of_value * value - of_along * along
    return a, b, (inverse_a * a) * a + ((inverse_b * b) * b - 1.0), a * a - (b * b + mu)


@_entry
def train(
    prompts, batch_size, sampling, seed, first, n_trainings, value, along, key_query, ellipse, rates, n_steps
):
    """Trainings ``first``, ``first`` + 1, ... of the transformer, and what happens to them.

    Parameters
    ----------
    prompts : tuple of (N, rows), (N, columns), (N,) and (N,) arrays
        Context moments m_i, queries q_i, moments along the mode h_i = <m_i q_i^T, D>, and labels y_i.
    batch_size, sampling, seed, first, n_trainings : int, int, uint64, uint64, int
        As for `lintrans.minibatch.kernels.walk`: training i has the batches of trajectory i.
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
        Projections (a, b) of the last states, or of those that diverged.
    """
    events, ends = np.full((n_trainings, 2), NEVER), np.empty((2, n_trainings))
    lanes, keys = _lanes(prompts[3].size, sampling), (seed & _LOW, seed >> _HALF)
    rows, columns = key_query.shape
    W, state = np.zeros((rows, columns, BLOCK)), np.zeros((2, BLOCK))
    room = _room(rows, columns)
    work = np.empty(BLOCK), np.ones(BLOCK), np.empty((2, BLOCK)), np.empty((rows, columns, BLOCK))
    chosen, rate = np.empty((STEPS * batch_size, BLOCK), np.uint64), np.empty(BLOCK)
    orbit, done = np.full(BLOCK, -1), np.zeros(BLOCK, np.int64)
    inside, happened = np.ones(BLOCK), np.zeros(BLOCK, np.int64)
    n_next = n_running = 0
    while True:
        for j in range(BLOCK):
            if orbit[j] < 0 and n_next < n_trainings:
                _begin(lanes, j, first + np.uint64(n_next))
                state[_VALUE, j], state[_ALONG, j], W[:, :, j] = value, along, key_query
                orbit[j], done[j], inside[j] = n_next, 0, 1.0
                n_next += 1
                n_running += 1
        if n_running == 0:
            return events, ends
        _draw(prompts[3].size, batch_size, sampling, keys, lanes, chosen)
        for s in range(STEPS):
            if _look(state, ellipse, done, n_steps, orbit, inside, happened) > 0:
                for j in np.flatnonzero(happened):
                    i = orbit[j]
                    a, b, level, r = _judge(state[_VALUE, j], state[_ALONG, j], ellipse)
                    if level > 0.0 and inside[j] > 0.0:
                        events[i, LEFT], inside[j] = done[j], 0.0
                    if not abs(r) <= ESCAPED:
                        events[i, DIVERGED] = done[j]
                    if not abs(r) <= ESCAPED or done[j] == n_steps:
                        ends[0, i], ends[1, i], orbit[j] = a, b, -1
                        state[_VALUE, j], state[_ALONG, j], W[:, :, j] = 0.0, 0.0, 0.0  # rests, or nearly
                        n_running -= 1
            for j in range(BLOCK):
                rate[j] = rates[min(done[j], rates.size - 1)]
                done[j] += 1
            _step(prompts, chosen[s * batch_size : (s + 1) * batch_size], W, state, rate, room, work)


@_compile
def _room(rows, columns):
    """Room for a group of prompts of every lane, and for what they predict."""
    n = len(GROUP)
    by_lane = np.empty((n, BLOCK)), np.empty((n, BLOCK)), np.empty((n, BLOCK))
    return np.empty((n, rows, BLOCK)), np.empty((n, columns, BLOCK)), *by_lane
