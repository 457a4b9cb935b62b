"""How orbits end: escaped, settled in a minimum, or neither; a lane whose orbit has ended takes the next."""

from __future__ import annotations

import numpy as np

from lintrans.compiled import compiled, entry, inlined
from lintrans.two_factor.kernels.blocks import BLOCK, at_rest
from lintrans.two_factor.kernels.map import (
    ESCAPED,
    RISE_FLOOR,
    converges,
    is_far,
    is_inside,
    step,
    varied_step,
)
from lintrans.two_factor.kernels.walks import (
    CHUNK_PLANE,
    LAST,
    RISE,
    WINDOW,
    locate,
    walk_noting_rises,
    walk_plain,
    walk_varied_noting_rises,
)

UNDECIDED, CONVERGED, DIVERGED, BOUNDED = 0, 1, 2, 3  # codes of `fates`
_FLAT = 1e-3  # of a variant at rest: margin of its stability, and |b| left to decay


@entry
def fates(mu, a, b, n_steps, settled, exit_bounded, ends, variant=None):
    """How each orbit ends within ``n_steps``: codes and steps.

    Codes: DIVERGED, |r| exceeds ESCAPED at that step. CONVERGED, `converges` holds with |r| <= ``settled``
    at that step, a multiple of 2 * WINDOW; negative, no orbit ends so; of a variant see `_is_at_rest`.
    BOUNDED, if ``exit_bounded``: `is_inside` holds at the start, which is not iterated; not for variants.
    Else UNDECIDED after ``n_steps``. ``ends``, unless it is empty, receives (n, 3): the last state (a, b),
    up to 2 * WINDOW - 1 steps later, and 1 if the loss rose on the way there. A lane whose orbit has ended
    takes the next orbit.
    """
    codes, steps = _known_fates(mu, a, b, exit_bounded), np.full(mu.size, n_steps)
    _find_early_escapes(mu, a, b, n_steps, codes, steps, ends, variant)
    balanced = bool(np.all(b == 0.0))
    m, p, q = np.ones(BLOCK), np.zeros(BLOCK), np.zeros(BLOCK)
    first, seen = np.empty((4, BLOCK)), np.full((3, BLOCK), np.inf)
    orbit, done = np.full(BLOCK, -1), np.zeros(BLOCK, np.int64)
    ended = np.ones(BLOCK, np.int64)  # numbers as wide as the others: vectors
    motion = at_rest(variant)
    n_next = 0
    while True:
        n_next = _refill(mu, a, b, codes, ended, n_next, orbit, done, m, p, q, seen, motion)
        if orbit.max() < 0:
            return codes, steps
        n_ended = 0
        while n_ended == 0:
            first[0], first[1] = p, q
            if variant is not None:
                first[2], first[3] = motion.velocity
            _walk_lanes(balanced, m, p, q, seen, motion, ends.size > 0)
            n_ended = _find_ended(m, p, q, n_steps, settled, orbit, done, ended, motion)
        for j in np.flatnonzero(ended):
            i, escape = orbit[j], np.inf
            if is_far(p[j], q[j]):
                escape = _escape_step(m[j], first[:, j], done[j] - 2 * WINDOW, variant)
            if ends.size > 0:
                ends[i, 0], ends[i, 1], ends[i, 2] = p[j], q[j], seen[RISE, j] > RISE_FLOOR
            if escape < n_steps:
                codes[i], steps[i] = DIVERGED, int(escape)
            elif done[j] <= n_steps and _is_settled(m[j], p[j], q[j], settled, motion, j):
                codes[i], steps[i] = CONVERGED, done[j]
            else:
                ended[j] = done[j] >= n_steps


@compiled
def _walk_lanes(balanced, mu, a, b, seen, motion, noting):
    """2 * WINDOW steps of all lanes, noting rises of the loss or not."""
    none = np.empty((0, BLOCK))
    for _ in range(2):
        if motion is not None:
            walk_varied_noting_rises(balanced, mu, a, b, seen, none, motion)
        elif noting:
            walk_noting_rises(balanced, mu, a, b, seen, none)
        else:
            walk_plain(balanced, mu, a, b, seen, none)


@compiled
def _escape_step(mu, first, n_done, variant):
    """First of 2 * WINDOW steps with an escape, after ``n_done``; inf = none.

    ``first`` holds the state (a, b) there, and of a variant the displacement that led to it.
    """
    if variant is None:
        return locate(mu, first[0], first[1], np.inf, n_done, 2 * WINDOW)[0]
    weight_decay, momentum, scales = variant
    a, b, change_a, change_b = first
    for i in range(n_done, n_done + 2 * WINDOW):
        scale = scales[min(i, scales.size - 1)]
        a, b, change_a, change_b, r = varied_step(mu, a, b, change_a, change_b, scale, weight_decay, momentum)
        if not abs(r) <= ESCAPED:
            return float(i)
    return np.inf


@compiled
def _find_ended(mu, a, b, n_steps, settled, orbit, done, ended, motion):
    """Mark the lanes whose orbit may have ended in the last 2 * WINDOW steps; returns how many."""
    for j in range(BLOCK):
        done[j] += 2 * WINDOW
        ended[j] = (is_far(a[j], b[j]) | (done[j] >= n_steps)) & (orbit[j] >= 0)
    if settled >= 0.0:
        for j in range(BLOCK):
            ended[j] |= _is_settled(mu[j], a[j], b[j], settled, motion, j) & (orbit[j] >= 0)
    return ended.sum()


@compiled
def _is_settled(mu, a, b, settled, motion, j):
    """Whether lane j has ended in a minimum: `converges` holds with |r| <= settled, or `_is_at_rest`."""
    if motion is None:
        return converges(mu, a, b) & (abs(step(mu, a, b)[2]) <= settled)
    return _is_at_rest(mu, a, b, settled, motion, j)


@compiled
def _is_at_rest(mu, a, b, settled, motion, j):
    """Whether lane j of a variant is as close as ``settled`` to a fixed point that attracts.

    Once the schedule is over: displacement and force are that small, and the heavy ball is stable there,
    0 < scale * curvature < 2 (1 + momentum), by a margin of 1e-3. With weight decay only fixed points with
    b = 0 attract, a^2 = mu - decay, or the origin if that is negative; |b| is then below 1e-3. The curvatures
    are 2 (a^2 + b^2), with decay 2 a^2 and 2 decay, at the origin decay + mu and decay - mu.
    """
    scale, decay = motion.scales[-1], mu * motion.weight_decay
    r = step(mu, a, b)[2]
    size = a * a + b * b
    at_origin = decay > mu
    off = size if at_origin else abs(r + decay)
    curvature = decay + mu if at_origin else 2.0 * max(size, decay)
    moved = abs(motion.velocity[0, j]) + abs(motion.velocity[1, j])
    return (
        (motion.done[j] >= motion.scales.size - 1)
        & (off <= settled)
        & (moved <= settled)
        & ((decay == 0.0) | (abs(b) <= _FLAT))
        & (scale > 0.0)
        & (scale * curvature <= 2.0 * (1.0 + motion.momentum) * (1.0 - _FLAT))
    )


@compiled
def _known_fates(mu, a, b, exit_bounded):
    """Codes before any step: BOUNDED where `is_inside` says that a start never escapes, if that is wanted."""
    codes = np.full(mu.size, UNDECIDED, np.uint8)
    if exit_bounded:
        for i in range(mu.size):
            codes[i] = BOUNDED if is_inside(mu[i], a[i], b[i]) else UNDECIDED
    return codes


@compiled
def _find_early_escapes(mu, a, b, n_steps, codes, steps, ends, variant):
    """Mark what escapes within WINDOW steps, most of what ever does: a block at a time, not one by one."""
    m, p, q, bounded = np.empty(BLOCK), np.empty(BLOCK), np.empty(BLOCK), np.empty(BLOCK)
    for start in range(0, mu.size if n_steps >= WINDOW else 0, BLOCK):
        for j in range(BLOCK):
            i = min(start + j, mu.size - 1)
            m[j], p[j], q[j], bounded[j] = mu[i], a[i], b[i], 0.0
        motion = at_rest(variant)
        for n_done in range(0, WINDOW, CHUNK_PLANE):
            _count_bounded(m, p, q, n_done, bounded, motion)
        for i in range(start, min(start + BLOCK, mu.size)):
            if bounded[i - start] < WINDOW and codes[i] == UNDECIDED:
                codes[i], steps[i] = DIVERGED, int(bounded[i - start])
                if ends.size > 0:
                    ends[i, 0], ends[i, 1], ends[i, 2] = np.nan, np.nan, 0.0


@inlined
def _count_bounded(mu, a, b, n_done, bounded, motion):
    """A few steps of a block, counting those before the first with |r| > ESCAPED; ``n_done`` are done."""
    for j in range(BLOCK):
        m, p, q, n = mu[j], a[j], b[j], bounded[j]
        counts = 1.0 if n == n_done else 0.0
        if motion is not None:
            x, y = motion.velocity[0, j], motion.velocity[1, j]
        for i in range(CHUNK_PLANE):
            if motion is None:
                p, q, r = step(m, p, q)
            else:
                scale = motion.scales[min(n_done + i, motion.scales.size - 1)]
                p, q, x, y, r = varied_step(m, p, q, x, y, scale, motion.weight_decay, motion.momentum)
            counts = counts if abs(r) <= ESCAPED else 0.0
            n += counts
        a[j], b[j], bounded[j] = p, q, n
        if motion is not None:
            motion.velocity[0, j], motion.velocity[1, j] = x, y


@compiled
def _refill(mu, a, b, codes, ended, n_next, orbit, done, m, p, q, seen, motion):
    """Put the next orbits into the lanes that have ended; what is left over rests on the saddle."""
    for j in np.flatnonzero(ended):
        if motion is not None:
            motion.velocity[:, j], motion.done[j] = 0.0, 0
        seen[LAST, j], seen[RISE, j] = np.inf, -np.inf
        while n_next < mu.size and codes[n_next] != UNDECIDED:
            n_next += 1
        if n_next < mu.size:
            orbit[j], m[j], p[j], q[j], done[j] = n_next, mu[n_next], a[n_next], b[n_next], 0
            n_next += 1
        else:
            orbit[j], m[j], p[j], q[j] = -1, 1.0, 0.0, 0.0
    return n_next
