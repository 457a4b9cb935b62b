"""Evidence for the regime of every orbit: first events, exponents, the tail."""

from __future__ import annotations

import numpy as np

from lintrans.compiled import compiled, entry, inlined
from lintrans.two_factor.kernels.blocks import BLOCK, end_of_block, in_blocks, load
from lintrans.two_factor.kernels.growth import N_BATCHES, mean_and_error, normalize, take_means
from lintrans.two_factor.kernels.map import ESCAPED, RISE_FLOOR, converges
from lintrans.two_factor.kernels.periods import judge_tails
from lintrans.two_factor.kernels.walks import (
    ALONG,
    LAST,
    RISE,
    SQUARES,
    TRANSVERSE,
    WINDOW,
    locate,
    walk_guarded,
    walk_guarded_measuring,
    walk_watching,
    walk_watching_measuring,
)

# Results of `evidence`, in the order of its last axis.
EVIDENCE_FIELDS = (
    "escape_step",  # first step with |r| > ESCAPED; inf = never
    "rise_step",  # first step whose loss exceeds the one before; inf = never
    "along",
    "along_error",
    "transverse",
    "transverse_error",
    "final_a",
    "final_b",
    "period_uv",  # 0 = none found
    "period_a",
    "return_error",  # largest |r_{n+p} - r_n| of the tail at that period
    "separation",  # smallest such number over all shorter lags, those above the ceiling left out; else inf
    "cycle_along",  # exponent along one turn of the cycle found; NaN without one
    "loss_low",  # least, mean and greatest normalised loss (uv - 1)^2 / 2 of the tail
    "loss_mean",
    "loss_high",
)
_ESCAPE_STEP, _RISE_STEP = 0, 1  # events


@inlined
def _has_event(seen, events, j):
    """Whether a window shows that orbit j of a block escaped, or rose for the first time."""
    escapes = not seen[SQUARES, j] <= ESCAPED * ESCAPED
    rises = (seen[RISE, j] > RISE_FLOOR) & (events[_RISE_STEP, j] == np.inf)
    return (escapes | rises) & (events[_ESCAPE_STEP, j] == np.inf)


@compiled
def _observe(balanced, measuring, watching, mu, a, b, seen, products, before, events, n_done):
    """WINDOW steps of a block; writes the steps of first escapes and rises into ``events``."""
    for j in range(BLOCK):
        before[0, j], before[1, j], before[2, j] = a[j], b[j], seen[LAST, j]
        seen[RISE, j], seen[SQUARES, j] = -np.inf, 0.0
    if watching and measuring:
        walk_watching_measuring(balanced, mu, a, b, seen, products)
    elif watching:
        walk_watching(balanced, mu, a, b, seen, products)
    elif measuring:
        walk_guarded_measuring(balanced, mu, a, b, seen, products)
    else:
        walk_guarded(balanced, mu, a, b, seen, products)
    n_events = 0
    for j in range(BLOCK):
        n_events += _has_event(seen, events, j)
    if n_events > 0:
        for j in range(BLOCK):
            if _has_event(seen, events, j):
                escape, rise = locate(mu[j], before[0, j], before[1, j], before[2, j], n_done, WINDOW)
                events[_ESCAPE_STEP, j] = escape
                events[_RISE_STEP, j] = min(events[_RISE_STEP, j], rise)


@compiled
def _is_open(mu, a, b, events):
    """Whether some orbit of the block may still see its first rise: not yet risen, escaped or settling."""
    for j in range(BLOCK):
        seen = min(events[_ESCAPE_STEP, j], events[_RISE_STEP, j]) < np.inf
        if not seen and not converges(mu[j], a[j], b[j]):
            return True
    return False


@entry
def evidence(mu, a, b, n_transient, n_steps, max_period, tol, ceiling):
    """Evidence for the regime of each orbit; see `EVIDENCE_FIELDS`.

    ``mu``, ``a``, ``b`` are vectors of one length n; the result has shape (n, fields). ``n_transient`` is a
    multiple of WINDOW, ``n_steps`` of WINDOW * N_BATCHES. A block is left early once all its orbits have
    escaped; of those only the first two fields are known.
    """
    result = np.full((mu.size, len(EVIDENCE_FIELDS)), np.nan)
    order, n_on_slice = in_blocks(b)
    start = 0
    while start < mu.size:
        end = end_of_block(start, n_on_slice, mu.size)
        index = order[start:end]
        m, p, q = load(mu, index), load(a, index), load(b, index)
        _block_evidence(end <= n_on_slice, m, p, q, n_transient, n_steps, result, index)
        judge_tails(m, p, q, 2 * max_period, tol, ceiling, result, index)
        start = end
    return result


@compiled
def _block_evidence(balanced, mu, a, b, n_transient, n_steps, result, index):
    """Walk a block; fill in events, exponents and final states of the orbits ``index``."""
    events, before = np.full((2, BLOCK), np.inf), np.empty((3, BLOCK))
    seen, products, counts = np.full((3, BLOCK), np.inf), np.ones((2, BLOCK)), np.zeros((2, BLOCK), np.int64)
    means = np.empty((N_BATCHES, 2, BLOCK))
    n_windows, n_first = (n_transient + n_steps) // WINDOW, n_transient // WINDOW
    per_batch = n_steps // N_BATCHES // WINDOW
    watching = True
    for k in range(n_windows):
        measuring = k >= n_first
        _observe(balanced, measuring, watching, mu, a, b, seen, products, before, events, k * WINDOW)
        if k & (k - 1) == 0:
            watching = watching and _is_open(mu, a, b, events)
        if measuring:
            normalize(products, counts)
            batch, within = divmod(k - n_first + 1, per_batch)
            if within == 0:
                take_means(balanced, products, counts, per_batch * WINDOW, means[batch - 1])
        if np.all(events[_ESCAPE_STEP] < np.inf):
            break
    for j in range(index.size):
        row = result[index[j]]
        row[0], row[1] = events[_ESCAPE_STEP, j], events[_RISE_STEP, j]
        if row[0] == np.inf:
            row[2], row[3] = mean_and_error(means[:, ALONG, j])
            row[4], row[5] = mean_and_error(means[:, TRANSVERSE, j])
            row[6], row[7] = a[j], b[j]
