"""Periods of the tails of orbits, and the cycles found there."""

from __future__ import annotations

import numpy as np

from lintrans.compiled import compiled, entry
from lintrans.two_factor.kernels.blocks import BLOCK
from lintrans.two_factor.kernels.map import determinant, slope, step


@compiled
def _search_periods(r, tol, ceiling, periods, errors, separations):
    """Period of every column of ``r``: the first lag at which it returns within ``tol``; 0 = none.

    ``separations`` receives the least mismatch of the lags before, of those up to ``ceiling``; else inf.
    A lag is given up once all columns exceed the ceiling there, or have their period.
    """
    n_tail, n = r.shape
    periods[:], errors[:], separations[:] = 0, np.nan, np.inf
    worst = np.empty(n)
    for lag in range(1, n_tail // 2 + 1):
        for j in range(n):
            worst[j] = 0.0 if periods[j] == 0 else np.inf
        for first in range(0, n_tail - lag, 8):
            for i in range(first, min(first + 8, n_tail - lag)):
                for j in range(n):
                    change = abs(r[i + lag, j] - r[i, j])
                    change = change if change <= ceiling else np.inf
                    worst[j] = change if change > worst[j] else worst[j]
            if worst.min() == np.inf:
                break
        n_open = 0
        for j in range(n):
            if periods[j] == 0 and worst[j] <= tol:
                periods[j], errors[j] = lag, worst[j]
            elif periods[j] == 0:
                separations[j] = min(separations[j], worst[j])
                n_open += 1
        if n_open == 0:
            break


@compiled
def _has_same_sign(a, period):
    """Whether ``a`` comes back with its sign after one period of r."""
    return abs(a[period] - a[0]) <= abs(a[period] + a[0])


@entry
def find_period(r, a, tol, ceiling):
    """Period of the tails r and a: (period in r, period in a, return error, separation)."""
    periods, errors, separations = np.empty(1, np.int64), np.empty(1), np.empty(1)
    _search_periods(r.copy().reshape(-1, 1), tol, ceiling, periods, errors, separations)
    period = periods[0]
    doubled = period > 0 and not _has_same_sign(a, period)
    return period, 2 * period if doubled else period, errors[0], separations[0]


@compiled
def _cycle_exponent(mu, a, b, period):
    """Exponent along one turn of the cycle through (a, b), from its factors one by one."""
    total = 0.0
    balanced = b == 0.0
    for _ in range(period):
        double = b + b
        a, b, r = step(mu, a, b)
        if balanced:
            total += np.log(abs(slope(mu, r)))
        else:
            total += np.log(abs(determinant(slope(mu, r), double, r))) - np.log(abs(1.0 + r))
    return total / period


@compiled
def judge_tails(mu, a, b, n_tail, tol, ceiling, rows, index):
    """Walk the tails of a block; fill in periods, exponents of cycles and losses of the orbits ``index``."""
    r_tail, a_tail = np.empty((n_tail, BLOCK)), np.empty((n_tail, BLOCK))
    p, q = a.copy(), b.copy()
    low, total, high = np.full(BLOCK, np.inf), np.zeros(BLOCK), np.zeros(BLOCK)
    for i in range(n_tail):
        for j in range(BLOCK):
            a_tail[i, j] = p[j]
            p[j], q[j], r_tail[i, j] = step(mu[j], p[j], q[j])
            loss = (r_tail[i, j] / mu[j]) ** 2 / 2.0
            low[j] = loss if loss < low[j] else low[j]
            high[j] = loss if loss > high[j] else high[j]
            total[j] += loss
    periods, errors, separations = np.empty(BLOCK, np.int64), np.empty(BLOCK), np.empty(BLOCK)
    _search_periods(r_tail, tol, ceiling, periods, errors, separations)
    for j in range(index.size):
        row, period = rows[index[j]], periods[j]
        if row[0] == np.inf:
            row[8] = period
            row[9] = period if period == 0 or _has_same_sign(a_tail[:, j], period) else 2 * period
            row[10], row[11] = errors[j], separations[j]
            row[12] = _cycle_exponent(mu[j], a[j], b[j], period) if period > 0 else np.nan
            row[13], row[14], row[15] = low[j], total[j] / n_tail, high[j]
