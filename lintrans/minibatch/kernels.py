"""Compiled loops of mini-batch training: batches drawn, trajectories of the random map, trainings.

One step is `batch_step` below: with the residual r = a^2 - b^2 - mu of the full batch, a mini-batch B has

    sigma = a_B r + mu (a_B - c_B),    a' = (1 - sigma) a,    b' = (1 + sigma) b,

and without variance, a_B = c_B = 1, the step of `lintrans.two_factor.kernels` to the bit.

Random numbers come from a counter: number k of trajectory i is word k mod 4 of Philox4x32-10 (Salmon et al.,
SC 2011) with the counter (k div 4, i) and the seed as its key; each step of batch size n takes the next n
numbers. What a trajectory does depends on nothing but the seed and its number: not on threads, tiles, the
lane it was computed in, or when it was stopped.

As in `lintrans.two_factor.kernels`, ``BLOCK`` trajectories go side by side and nothing is tested inside the
loops; every ``WINDOW`` steps their batches are drawn and kept, walked, and walked once more only where
something happened. A lane whose trajectory has ended takes the next. Past its last step a trajectory draws
the batch of sigma = 0 and rests.

`train` asks no mode to be shared. Prompt i predicts w p_i with p_i = m_i^T W q_i, of its context moment m_i
and its query q_i, and a step by a batch of B prompts is

    e_i = w p_i - y_i,    w' = w - (eta / B) sum e_i p_i,    W' = W - (eta / B) w sum e_i m_i q_i^T

with everything on the right at the old weights. What is looked at is the projection onto a mode D, by w and
<W, D>; and <W, D> moves by the moments h_i = <m_i q_i^T, D> as W does by m_i q_i^T. ``BLOCK`` trainings go
side by side, each in a lane of W, (rows, columns, BLOCK). Prompts of a batch are copied next to each other
and used by fours, so that W is read and the gradient written once for all of them; the tuple that stands for
a group tells the compiler its size. The gradient is summed up beside W and moves it at the end of the step;
that of a single group moves it at once.

All is in one file because a compiled loop is kept for as long as its own file does not change.
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
DRAWN_STEPS = 4  # of trainings at a time: they draw whole groups of four numbers
FOUR, ONE = (0, 1, 2, 3), (0,)  # places in groups of prompts

_compile = njit(nogil=True, error_model="numpy", fastmath={"contract"})
_inline = njit(nogil=True, error_model="numpy", fastmath={"contract"}, forceinline=True)
_entry = njit(cache=True, nogil=True, error_model="numpy", fastmath={"contract"})

_MULTIPLIERS = np.uint64(0xD2511F53), np.uint64(0xCD9E8D57)
_WEYL = np.uint64(0x9E3779B9), np.uint64(0xBB67AE85)
_LOW, _HALF = np.uint64(0xFFFFFFFF), np.uint64(32)
_ROUNDS = 10
_TOP, _SQUARES = 0, 1  # what a walk notes: largest level Q, sum of r^2
_VALUE, _ALONG = 0, 1  # rows of the state of trainings: w and <W, D>
_OF_VALUE, _OF_ALONG = 0, 1  # rows of the sums over a batch, of e_i p_i and of e_i h_i


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

    Every product feeds one sum, as in `lintrans.two_factor.kernels.step`.
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


# Training of the transformer itself.


@_compile
def _draw_prompts(n_prompts, batch_size, sampling, keys, lanes, chosen):
    """Prompts of the next DRAWN_STEPS batches of every lane: (DRAWN_STEPS * batch_size, BLOCK)."""
    words = np.empty((4, BLOCK), np.uint64)
    trajectory, drawn, order, position = lanes
    for n in range(DRAWN_STEPS * batch_size):
        if n % 4 == 0:
            _fill(words, trajectory, drawn, np.uint64(n // 4), keys[0], keys[1])
        if sampling == REPLACEMENT:
            _pick(words[n % 4], chosen[n], np.uint64(n_prompts))
        else:
            if n % batch_size == 0:
                _begin_batch(sampling, position, n_prompts, batch_size)
            _deal(words[n % 4], chosen[n], order, position, n_prompts)
    for j in range(BLOCK):
        drawn[j] += np.uint64(batch_size)  # DRAWN_STEPS steps, by fours


@_compile
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


@_compile
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


@_compile
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


@_compile
def _add_products(total, m, q, group):
    """Add the m q^T of a group."""
    for row in range(total.shape[0]):
        for column in range(total.shape[1]):
            for j in range(BLOCK):
                entry = total[row, column, j]
                for k in range(len(group)):
                    entry += m[row, k * BLOCK + j] * q[column, k * BLOCK + j]
                total[row, column, j] = entry


@_compile
def _differentiate(prompts, chosen, group, W, w, scale, room, sums, total):
    """Add what a group of prompts contributes to the gradient at the weights w and W, scaled."""
    m, q, h, y, p = room
    _gather(prompts, chosen, group, m, q, h, y)
    _predict(W, m, q, group, p)
    _weigh(w, p, h, y, group, scale, m, sums)
    _add_products(total, m, q, group)


@_compile
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


@_compile
def _judge(value, along, ellipse):
    """Modes a, b of projected weights, their level Q of the ellipse and their residual r."""
    mu, of_value, of_along, inverse_a, inverse_b = ellipse
    a = of_value * value + of_along * along
    b = of_value * value - of_along * along
    return a, b, (inverse_a * a) * a + ((inverse_b * b) * b - 1.0), a * a - (b * b + mu)


@_compile
def _find_endings(state, ellipse, done, n_steps, training, inside, happened):
    """Mark the lanes where something happens at the present states; returns how many."""
    for j in range(BLOCK):
        _a, _b, level, r = _judge(state[_VALUE, j], state[_ALONG, j], ellipse)
        leaves, diverges = (level > 0.0) & (inside[j] > 0.0), not abs(r) <= ESCAPED
        happened[j] = (leaves | diverges | (done[j] >= n_steps)) & (training[j] >= 0)
    return happened.sum()


@_entry
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
    lanes, keys = _lanes(n_prompts, sampling), (seed & _LOW, seed >> _HALF)
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
                _begin(lanes, j, first + np.uint64(n_begun))
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


@_compile
def _set_weights(state, W, j, value, along, key_query):
    """Give lane j its weights."""
    state[_VALUE, j], state[_ALONG, j] = value, along
    for row in range(W.shape[0]):
        for column in range(W.shape[1]):
            W[row, column, j] = key_query[row, column]
