"""Compiled loops of the random two-factor map: batches drawn, and blocks of trajectories walked through them.

One step is `batch_step` below: with the residual r = a^2 - b^2 - mu of the full batch, a mini-batch B has

    sigma = a_B r + mu (a_B - c_B),    a' = (1 - sigma) a,    b' = (1 + sigma) b,

and without variance, a_B = c_B = 1, the step of `lintrans.kernels` to the bit.

Random numbers come from a counter: number k of trajectory i is word k mod 4 of Philox4x32-10 (Salmon et al.,
SC 2011) with the counter (k div 4, i) and the seed as its key; each step of batch size n takes the next n
numbers. What a trajectory does depends on nothing but the seed and its number: not on threads, tiles, the
lane it was computed in, or when it was stopped.

As in `lintrans.kernels`, ``BLOCK`` trajectories go side by side and nothing is tested inside the loops; every
``WINDOW`` steps their batches are drawn and kept, walked, and walked once more only where something happened.
A lane whose trajectory has ended takes the next. Past its last step a trajectory draws the batch of sigma = 0
and rests.
"""

from __future__ import annotations

import numpy as np
from numba import njit

BLOCK = 64
WINDOW = 16
CHUNK = 4
ESCAPED = 1.0e4  # |r| of a trajectory that has diverged, as for the full batch
REPLACEMENT, FRESH, EPOCHS = 0, 1, 2  # how batches are drawn; see `lintrans.minibatch.sampling`
LEFT, DIVERGED = 0, 1  # columns of events
NEVER = -1

_compile = njit(nogil=True, error_model="numpy", fastmath={"contract"})
_inline = njit(nogil=True, error_model="numpy", fastmath={"contract"}, forceinline=True)
_entry = njit(cache=True, nogil=True, error_model="numpy", fastmath={"contract"})

_MULTIPLIERS = np.uint64(0xD2511F53), np.uint64(0xCD9E8D57)
_WEYL = np.uint64(0x9E3779B9), np.uint64(0xBB67AE85)
_LOW, _HALF = np.uint64(0xFFFFFFFF), np.uint64(32)
_ROUNDS = 10
_TOP, _SQUARES = 0, 1  # what a walk notes: largest level Q, sum of r^2


@_inline
def philox(x0, x1, x2, x3, key0, key1):
    """Four random words of 32 bits, in 64-bit integers, from a counter of four and a key of two."""
    for _ in range(_ROUNDS):
        first, second = _MULTIPLIERS[0] * x0, _MULTIPLIERS[1] * x2
        x0, x1, x2, x3 = (
            (second >> _HALF) ^ x1 ^ key0,
            second & _LOW,
            (first >> _HALF) ^ x3 ^ key1,
            first & _LOW,
        )
        key0, key1 = (key0 + _WEYL[0]) & _LOW, (key1 + _WEYL[1]) & _LOW
    return x0, x1, x2, x3


@_compile
def batch_step(mu, a, b, curvature, push):
    """One step by a batch: a', b' and the residual r of the full batch before it; push = mu (a_B - c_B).

    Every product feeds one sum, as in `lintrans.kernels.step`.
    """
    r = a * a - (b * b + mu)
    sigma = curvature * r + push
    return a - sigma * a, b + sigma * b, r


@_inline
def _fill(words, trajectory, drawn, q, key0, key1):
    """Words of the ``q``-th group of four numbers after those drawn, for every lane of a block."""
    for j in range(BLOCK):
        i = drawn[j] + q
        words[0, j], words[1, j], words[2, j], words[3, j] = philox(
            i & _LOW, i >> _HALF, trajectory[j] & _LOW, trajectory[j] >> _HALF, key0, key1
        )


@_inline
def _pick(words, picked, n_prompts):
    """Prompts drawn with replacement: a word of 32 bits times n_prompts, over 2^32."""
    for j in range(BLOCK):
        picked[j] = (words[j] * n_prompts) >> _HALF


@_compile
def _deal(words, picked, order, position, n_prompts):
    """Prompts drawn without replacement: the next of a shuffle that goes only as far as it is needed."""
    for j in range(BLOCK):
        p = position[j]
        i = p + np.int64((words[j] * np.uint64(n_prompts - p)) >> _HALF)
        order[j, p], order[j, i] = order[j, i], order[j, p]
        picked[j] = order[j, p]
        position[j] = p + 1


@_compile
def _begin_batch(sampling, position, n_prompts, batch_size):
    """Collect the prompts for a new shuffle: before every batch, or once too few are left for one."""
    for j in range(BLOCK):
        if sampling == FRESH or position[j] + batch_size > n_prompts:
            position[j] = 0


@_inline
def _add(prompts, picked, sums, s):
    """Add curvature and mismatch of the prompts picked to the sums of step s."""
    for j in range(BLOCK):
        sums[0, s, j] += prompts[0, picked[j]]
        sums[1, s, j] += prompts[1, picked[j]]


@_inline
def _add_four(prompts, words, sums, s):
    """`_pick` and `_add` for four draws of one step."""
    n = np.uint64(prompts.shape[1])
    for j in range(BLOCK):
        i0, i1 = (words[0, j] * n) >> _HALF, (words[1, j] * n) >> _HALF
        i2, i3 = (words[2, j] * n) >> _HALF, (words[3, j] * n) >> _HALF
        for row in range(2):
            sums[row, s, j] += (prompts[row, i0] + prompts[row, i1]) + (prompts[row, i2] + prompts[row, i3])


@_compile
def _draw(prompts, batch_size, sampling, keys, lanes, sums):
    """Sums over the batches of the next WINDOW steps of a block: (2, WINDOW, BLOCK)."""
    n_prompts = prompts.shape[1]
    words, picked = np.empty((4, BLOCK), np.uint64), np.empty(BLOCK, np.uint64)
    trajectory, drawn, order, position = lanes
    sums[:] = 0.0
    for q in range(WINDOW * batch_size // 4):
        _fill(words, trajectory, drawn, np.uint64(q), keys[0], keys[1])
        if sampling == REPLACEMENT and batch_size % 4 == 0:
            _add_four(prompts, words, sums, 4 * q // batch_size)
            continue
        for c in range(4):
            s, k = divmod(4 * q + c, batch_size)
            if sampling == REPLACEMENT:
                _pick(words[c], picked, np.uint64(n_prompts))
            else:
                if k == 0:
                    _begin_batch(sampling, position, n_prompts, batch_size)
                _deal(words[c], picked, order, position, n_prompts)
            _add(prompts, picked, sums, s)
    for j in range(BLOCK):
        drawn[j] += np.uint64(WINDOW * batch_size // 4)


@_compile
def _take_means(sums, batch_size, mu, left, schedule, done):
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


@_compile
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


@_compile
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


@_compile
def _begin(lanes, j, trajectory):
    """Let lane j draw for a trajectory, from its first step."""
    numbers, drawn, order, position = lanes
    numbers[j], drawn[j], position[j] = trajectory, np.uint64(0), 0
    if order.shape[0] > 0:
        for i in range(order.shape[1]):
            order[j, i] = i


@_compile
def _lanes(n_prompts, sampling):
    """What each lane draws from: its trajectory, the numbers drawn, and a shuffle where one is needed."""
    order = np.empty((BLOCK if sampling != REPLACEMENT else 0, n_prompts), np.int32)
    lanes = np.zeros(BLOCK, np.uint64), np.zeros(BLOCK, np.uint64), order, np.zeros(BLOCK, np.int64)
    for j in range(BLOCK):  # idle lanes draw as well
        _begin(lanes, j, np.uint64(0))
    return lanes


@_entry
def draw_prompts(n_prompts, batch_size, sampling, seed, trajectory, n_steps):
    """Prompts of every batch of one trajectory: (n_steps, batch_size) numbers."""
    chosen = np.empty((n_steps, batch_size), np.int64)
    words, picked = np.empty((4, BLOCK), np.uint64), np.empty(BLOCK, np.uint64)
    lanes, keys = _lanes(n_prompts, sampling), (seed & _LOW, seed >> _HALF)
    _begin(lanes, 0, trajectory)
    for n in range(n_steps * batch_size):
        s, k = divmod(n, batch_size)
        if n % 4 == 0:
            _fill(words, lanes[0], lanes[1], np.uint64(n // 4), keys[0], keys[1])
        if sampling == REPLACEMENT:
            _pick(words[n % 4], picked, np.uint64(n_prompts))
        else:
            if k == 0:
                _begin_batch(sampling, lanes[3], n_prompts, batch_size)
            _deal(words[n % 4], picked, lanes[2], lanes[3], n_prompts)
        chosen[s, k] = picked[0]
    return chosen


@_entry
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


@_entry
def step_each(mu, a, b, curvature, mismatch):
    """One step of each state by a batch of its own: a', b', both (n,)."""
    new_a, new_b, push = np.empty(a.size), np.empty(a.size), mu * mismatch
    for i in range(a.size):
        new_a[i], new_b[i], _r = batch_step(mu, a[i], b[i], curvature[i], push[i])
    return new_a, new_b


@_entry
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
    lanes, keys = _lanes(prompts.shape[1], sampling), (seed & _LOW, seed >> _HALF)
    state, before = np.zeros((5, BLOCK)), np.empty((2, BLOCK))  # mu, 1 / (2 + mu), 1 / (2 - mu), a, b
    seen, batches = np.empty((2, BLOCK)), np.empty((2, WINDOW, BLOCK))
    orbit, done, left = np.full(BLOCK, -1), np.zeros(BLOCK, np.int64), np.zeros(BLOCK)
    inside, ended = np.ones(BLOCK), np.ones(BLOCK, np.int64)
    n_next = 0
    while True:
        for j in np.flatnonzero(ended):
            if n_next < mu.size:
                _begin(lanes, j, first + np.uint64(n_next))
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
        _draw(prompts, batch_size, sampling, keys, lanes, batches)
        _take_means(batches, batch_size, state[0], left, schedule, done)
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


@_compile
def _find_events(seen, inside, orbit, done, n_steps, happened):
    """Mark the lanes where something may have happened in the last WINDOW steps; returns how many."""
    for j in range(BLOCK):
        done[j] += WINDOW
        leaves = (seen[_TOP, j] > 0.0) & (inside[j] > 0.0)
        escapes = not seen[_SQUARES, j] <= ESCAPED * ESCAPED
        happened[j] = (leaves | escapes | (done[j] > n_steps)) & (orbit[j] >= 0)
    return happened.sum()


@_entry
def exponents(prompts, batch_size, sampling, seed, first, mu, a, b, n_transient, n_steps):
    """Exponents of trajectories ``first``, ``first`` + 1, ... over n_steps after n_transient: (n, 2).

    Along and transverse: the growth of b, ln |1 + sigma|, and the rest of ln |det J|, per step; -inf where a
    factor was exactly 0, NaN if the trajectory has diverged. Both numbers of steps are multiples of WINDOW.
    """
    result = np.full((mu.size, 2), np.nan)
    lanes, keys = _lanes(prompts.shape[1], sampling), (seed & _LOW, seed >> _HALF)
    m, p, q = np.empty(BLOCK), np.empty(BLOCK), np.empty(BLOCK)
    batches, left = np.empty((2, WINDOW, BLOCK)), np.full(BLOCK, np.inf)
    products, growth, squares = np.empty((2, BLOCK)), np.empty((2, BLOCK)), np.empty(BLOCK)
    for start in range(0, mu.size, BLOCK):
        for j in range(BLOCK):
            i = min(start + j, mu.size - 1)
            m[j], p[j], q[j] = mu[i], a[i], b[i]
            _begin(lanes, j, first + np.uint64(i))
        growth[:], squares[:] = 0.0, 0.0
        for n in range(0, n_transient + n_steps, WINDOW):
            products[:] = 1.0
            _draw(prompts, batch_size, sampling, keys, lanes, batches)
            _take_means(batches, batch_size, m, left, None, None)
            _measure(m, p, q, batches, products, squares)
            for j in range(BLOCK if n >= n_transient else 0):
                growth[0, j] += np.log(abs(products[0, j]))
                growth[1, j] += np.log(abs(products[1, j]))
        for j in range(min(BLOCK, mu.size - start)):
            if squares[j] == 0.0:
                result[start + j, 0] = (growth[0, j] - growth[1, j]) / n_steps
                result[start + j, 1] = growth[1, j] / n_steps
    return result


@_compile
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


@_compile
def determinant(product, double, curvature, sigma):
    """Determinant of the Jacobian of `batch_step`, from product = a^2 - b^2 and double = 2 b.

    1 - sigma^2 - 2 a_B (a^2 + b^2) - 2 a_B sigma (a^2 - b^2)
    """
    return (1.0 - sigma * sigma) - (2.0 * curvature) * ((1.0 + sigma) * product + 0.5 * (double * double))
