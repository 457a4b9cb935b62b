"""Trajectories of the random map: through given batches, until they leave or diverge, their exponents."""

from __future__ import annotations

import numpy as np

from lintrans.compiled import compiled, entry, inlined
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
from lintrans.minibatch.kernels.map import batch_step, determinant
from lintrans.two_factor.kernels.map import ESCAPED
from lintrans.two_factor.kernels.walks import WINDOW

CHUNK = 4
LEFT, DIVERGED = 0, 1  # columns of events
NEVER = -1
_TOP, _SQUARES = 0, 1  # what a walk notes: largest level Q, sum of r^2


@inlined
def _add(prompts, picked, sums, s):
    """Add curvature and mismatch of the prompts picked to the sums of step s."""
    for j in range(BLOCK):
        sums[0, s, j] += prompts[0, picked[j]]
        sums[1, s, j] += prompts[1, picked[j]]


@inlined
def _add_four(prompts, words, sums, s):
    """`pick` and `_add` for four draws of one step."""
    n = np.uint64(prompts.shape[1])
    for j in range(BLOCK):
        i0, i1 = (words[0, j] * n) >> HALF, (words[1, j] * n) >> HALF
        i2, i3 = (words[2, j] * n) >> HALF, (words[3, j] * n) >> HALF
        for row in range(2):
            sums[row, s, j] += (prompts[row, i0] + prompts[row, i1]) + (prompts[row, i2] + prompts[row, i3])


@compiled
def draw(prompts, batch_size, sampling, keys, lanes, sums):
    """Sums over the batches of the next WINDOW steps of a block: (2, WINDOW, BLOCK)."""
    n_prompts = prompts.shape[1]
    words, picked = np.empty((4, BLOCK), np.uint64), np.empty(BLOCK, np.uint64)
    trajectory, drawn, order, position = lanes
    sums[:] = 0.0
    for q in range(WINDOW * batch_size // 4):
        fill(words, trajectory, drawn, np.uint64(q), keys[0], keys[1])
        if sampling == REPLACEMENT and batch_size % 4 == 0:
            _add_four(prompts, words, sums, 4 * q // batch_size)
            continue
        for c in range(4):
            s, k = divmod(4 * q + c, batch_size)
            if sampling == REPLACEMENT:
                pick(words[c], picked, np.uint64(n_prompts))
            else:
                if k == 0:
                    begin_batch(sampling, position, n_prompts, batch_size)
                deal(words[c], picked, order, position, n_prompts)
            _add(prompts, picked, sums, s)
    for j in range(BLOCK):
        drawn[j] += np.uint64(WINDOW * batch_size // 4)


@compiled
def take_means(sums, batch_size, mu, left, schedule, done):
    """Turn sums into curvature and push, both 0 after the last of the steps ``left``: there sigma = 0.

    A step of a schedule has its part of both. Without one, None, the loop is compiled without it.
    """
    share = 1.0 / batch_size
    for s in range(WINDOW):
        for j in range(BLOCK):
            moves = 1.0 if left[j] > float(s) else 0.0
            if schedule is not None:
                moves *= schedule[min(done[j] + s, schedule.size - 1)]
            sums[0, s, j] = moves + (moves * share) * sums[0, s, j]
            sums[1, s, j] = (moves * share) * (mu[j] * sums[1, s, j])


@compiled
def _walk(mu, inverse_a, inverse_b, a, b, batches, seen):
    """WINDOW steps of a block, noting the largest level Q of the states before them and the sum of r^2."""
    for first in range(0, WINDOW, CHUNK):
        for j in range(BLOCK):
            m, p, q = mu[j], a[j], b[j]
            x, y = inverse_a[j], inverse_b[j]
            top, squares = seen[_TOP, j], seen[_SQUARES, j]
            for i in range(CHUNK):
                level = (x * p) * p + ((y * q) * q - 1.0)
                top = level if level > top else top
                p, q, r = batch_step(m, p, q, batches[0, first + i, j], batches[1, first + i, j])
                squares += r * r
            a[j], b[j] = p, q
            seen[_TOP, j], seen[_SQUARES, j] = top, squares


@compiled
def _locate(parameters, a, b, batches, j):
    """First of WINDOW states of lane j outside the ellipse, and first with |r| > ESCAPED; WINDOW if none."""
    mu, inverse_a, inverse_b = parameters
    left = diverged = WINDOW
    for s in range(WINDOW):
        level = (inverse_a * a) * a + ((inverse_b * b) * b - 1.0)
        a, b, r = batch_step(mu, a, b, batches[0, s, j], batches[1, s, j])
        if left == WINDOW and level > 0.0:
            left = s
        if not abs(r) <= ESCAPED:
            diverged = s
            break
    return left, diverged


@entry
def follow(mu, a, b, curvature, mismatch):
    """One trajectory through given batches: states a, b and full-batch residuals r, each (n_steps + 1,)."""
    n_steps = curvature.size
    all_a, all_b, all_r = np.empty(n_steps + 1), np.empty(n_steps + 1), np.empty(n_steps + 1)
    push = mu * mismatch
    for s in range(n_steps + 1):
        all_a[s], all_b[s] = a, b
        last = s == n_steps
        a, b, all_r[s] = batch_step(mu, a, b, 0.0 if last else curvature[s], 0.0 if last else push[s])
    return all_a, all_b, all_r


@entry
def step_each(mu, a, b, curvature, mismatch):
    """One step of each state by a batch of its own: a', b', both (n,)."""
    new_a, new_b, push = np.empty(a.size), np.empty(a.size), mu * mismatch
    for i in range(a.size):
        new_a[i], new_b[i], _r = batch_step(mu, a[i], b[i], curvature[i], push[i])
    return new_a, new_b


@entry
def walk(prompts, batch_size, sampling, seed, first, mu, a, b, inverses, n_steps, schedule):
    """Trajectories ``first``, ``first`` + 1, ... of the random map, and what happens to them.

    Parameters
    ----------
    prompts : (2, N) array
        Excess curvature a_i - 1 and mismatch a_i - c_i of every prompt: both 0 where they all agree.
    batch_size, sampling, seed, first : int, int, uint64, uint64
    mu, a, b : (n,) arrays
        Step size and start of each.
    inverses : (2, n) array
        1 / (2 + mu) and 1 / (2 - mu), the ellipse that a trajectory is to stay in.
    n_steps : int
        States 0 .. n_steps are looked at.
    schedule : array or None
        Relative step sizes, by step; the last goes on.

    Returns
    -------
    events : (n, 2) array of int
        First state outside the ellipse, and first with |r| > ESCAPED; NEVER if none.
    ends : (2, n) array
        Last states (a, b); of what diverged some later ones.
    """
    events, ends = np.full((mu.size, 2), NEVER), np.empty((2, mu.size))
    lanes, keys = lanes_of(prompts.shape[1], sampling), (seed & LOW, seed >> HALF)
    state, before = np.zeros((5, BLOCK)), np.empty((2, BLOCK))  # mu, 1 / (2 + mu), 1 / (2 - mu), a, b
    seen, batches = np.empty((2, BLOCK)), np.empty((2, WINDOW, BLOCK))
    orbit, done, left = np.full(BLOCK, -1), np.zeros(BLOCK, np.int64), np.zeros(BLOCK)
    inside, ended = np.ones(BLOCK), np.ones(BLOCK, np.int64)
    n_next = 0
    while True:
        for j in np.flatnonzero(ended):
            if n_next < mu.size:
                begin(lanes, j, first + np.uint64(n_next))
                state[0, j], state[3, j], state[4, j] = mu[n_next], a[n_next], b[n_next]
                state[1, j], state[2, j] = inverses[0, n_next], inverses[1, n_next]
                orbit[j], done[j], inside[j] = n_next, 0, 1.0
                n_next += 1
            else:  # nothing left: the lane rests on the saddle
                orbit[j], state[3, j], state[4, j] = -1, 0.0, 0.0
        if orbit.max() < 0:
            return events, ends
        for j in range(BLOCK):
            before[0, j], before[1, j], left[j] = state[3, j], state[4, j], n_steps - done[j]
            seen[_TOP, j], seen[_SQUARES, j] = -np.inf, 0.0
        draw(prompts, batch_size, sampling, keys, lanes, batches)
        take_means(batches, batch_size, state[0], left, schedule, done)
        _walk(state[0], state[1], state[2], state[3], state[4], batches, seen)
        if _find_events(seen, inside, orbit, done, n_steps, ended) == 0:
            continue
        for j in np.flatnonzero(ended):
            i = orbit[j]
            s, t = _locate(state[:3, j], before[0, j], before[1, j], batches, j)
            if s < WINDOW and inside[j] > 0.0:
                events[i, LEFT], inside[j] = done[j] - WINDOW + s, 0.0
            if t < WINDOW:
                events[i, DIVERGED] = done[j] - WINDOW + t
            ended[j] = t < WINDOW or done[j] > n_steps
            if ended[j]:
                ends[0, i], ends[1, i] = state[3, j], state[4, j]


@compiled
def _find_events(seen, inside, orbit, done, n_steps, happened):
    """Mark the lanes where something may have happened in the last WINDOW steps; returns how many."""
    for j in range(BLOCK):
        done[j] += WINDOW
        leaves = (seen[_TOP, j] > 0.0) & (inside[j] > 0.0)
        escapes = not seen[_SQUARES, j] <= ESCAPED * ESCAPED
        happened[j] = (leaves | escapes | (done[j] > n_steps)) & (orbit[j] >= 0)
    return happened.sum()


@entry
def exponents(prompts, batch_size, sampling, seed, first, mu, a, b, n_transient, n_steps):
    """Exponents of trajectories ``first``, ``first`` + 1, ... over n_steps after n_transient: (n, 2).

    Along and transverse: the growth of b, ln |1 + sigma|, and the rest of ln |det J|, per step; -inf where a
    factor was exactly 0, NaN if the trajectory has diverged. Both numbers of steps are multiples of WINDOW.
    """
    result = np.full((mu.size, 2), np.nan)
    lanes, keys = lanes_of(prompts.shape[1], sampling), (seed & LOW, seed >> HALF)
    m, p, q = np.empty(BLOCK), np.empty(BLOCK), np.empty(BLOCK)
    batches, left = np.empty((2, WINDOW, BLOCK)), np.full(BLOCK, np.inf)
    products, growth, squares = np.empty((2, BLOCK)), np.empty((2, BLOCK)), np.empty(BLOCK)
    for start in range(0, mu.size, BLOCK):
        for j in range(BLOCK):
            i = min(start + j, mu.size - 1)
            m[j], p[j], q[j] = mu[i], a[i], b[i]
            begin(lanes, j, first + np.uint64(i))
        growth[:], squares[:] = 0.0, 0.0
        for n in range(0, n_transient + n_steps, WINDOW):
            products[:] = 1.0
            draw(prompts, batch_size, sampling, keys, lanes, batches)
            take_means(batches, batch_size, m, left, None, None)
            _measure(m, p, q, batches, products, squares)
            for j in range(BLOCK if n >= n_transient else 0):
                growth[0, j] += np.log(abs(products[0, j]))
                growth[1, j] += np.log(abs(products[1, j]))
        for j in range(min(BLOCK, mu.size - start)):
            if squares[j] == 0.0:
                result[start + j, 0] = (growth[0, j] - growth[1, j]) / n_steps
                result[start + j, 1] = growth[1, j] / n_steps
    return result


@compiled
def _measure(mu, a, b, batches, products, escapes):
    """WINDOW steps of a block; multiplies det J and 1 + sigma of each, and marks what escapes."""
    for s in range(WINDOW):
        for j in range(BLOCK):
            double = b[j] + b[j]
            curvature, push = batches[0, s, j], batches[1, s, j]
            a[j], b[j], r = batch_step(mu[j], a[j], b[j], curvature, push)
            sigma = curvature * r + push
            products[0, j] *= determinant(r + mu[j], double, curvature, sigma)
            products[1, j] *= 1.0 + sigma
            escapes[j] = escapes[j] if abs(r) <= ESCAPED else 1.0
