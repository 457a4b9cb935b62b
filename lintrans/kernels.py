"""All compiled loops: blocks of independent orbits of the two-factor map in mode coordinates.

One step of the map is `step` below,

    r = a^2 - b^2 - mu,    a' = (1 - r) a,    b' = (1 + r) b,

four fused multiply-adds. An orbit is a chain of them, so one orbit alone waits for the latency of the
adder; the loops here carry ``BLOCK`` orbits side by side, ``CHUNK`` steps at a time, in an inner loop of
constant length that the compiler turns into vector instructions. Every product of `step` feeds exactly
one sum: contraction to fused multiply-adds is then unambiguous, and an orbit does not depend on the
block it was computed in. Of the fast-math flags only ``contract`` is set: the full set deletes the
tests for NaN by which an escape is seen.

Arrays in, arrays out; checks of arguments and the meaning of the numbers live in the callers.
"""

from __future__ import annotations

import numpy as np
from numba import njit

BLOCK = 64  # orbits side by side: a multiple of every vector width that still fits the first cache
CHUNK = 8  # steps fused in the inner loop; with 16 the compiler no longer unrolls it, nor uses vectors
N_BATCHES = 16  # batches of the measuring phase, for the standard errors of the exponents
ESCAPED = 1.0e4  # |r| <= max(2, mu) on bounded orbits: inside the ellipse, theory/02_modes.py
RISE_FLOOR = 2.0**-44  # r is a difference of numbers below 16, each rounded at 2^-49 or less

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
    "separation",  # smallest such number over all shorter lags; inf for period 1
    "cycle_along",  # exponent along one turn of the cycle found; NaN without one
    "loss_low",  # least, mean and greatest normalised loss (uv - 1)^2 / 2 of the tail
    "loss_mean",
    "loss_high",
)

_EXPONENT_MASK = np.int64(0x7FF)
_MANTISSA_MASK = np.int64(0x000FFFFFFFFFFFFF)
_ONE_BITS = np.int64(0x3FF0000000000000)
_ZERO_PRODUCT = np.int64(-(2**40))  # added to an exponent count, it marks a product that became zero

_compile = njit(nogil=True, error_model="numpy", fastmath={"contract"})
_entry = njit(cache=True, nogil=True, error_model="numpy", fastmath={"contract"})


@_compile
def step(mu, a, b):
    """One step of the map: a', b' and the residual r = mu (uv - 1) before the step."""
    r = a * a - (b * b + mu)
    return a - r * a, b + r * b, r


@_compile
def jacobian_factor(mu, square, r, off_slice):
    """Factor of the Jacobian of `step` at a state with b^2 = square and residual r.

    With ``off_slice`` 0 it is da'/da on the slice b = 0, where a^2 = mu + r; with 1 the determinant.
    """
    slope = 1.0 - (3.0 * r + 2.0 * mu)
    return slope + off_slice * (r * slope - 4.0 * square)


@_compile
def _watch(mu, a, b, last, rise, escape, n_done):
    """CHUNK steps of a block, noting the first rise of the loss and the first escape."""
    for j in range(BLOCK):
        m, p, q = mu[j], a[j], b[j]
        before, first_rise, first_escape = last[j], rise[j], escape[j]
        for i in range(CHUNK):
            p, q, r = step(m, p, q)
            size = abs(r)
            rises = n_done + i if size - before > RISE_FLOOR else np.inf
            escapes = np.inf if size <= ESCAPED else n_done + i
            first_rise = rises if rises < first_rise else first_rise
            first_escape = escapes if escapes < first_escape else first_escape
            before = size
        a[j], b[j] = p, q
        last[j], rise[j], escape[j] = before, first_rise, first_escape


@_compile
def _multiply(mu, a, b, along, transverse):
    """Multiply the Jacobian factors of the next CHUNK steps into the two products.

    On the slice ``along`` receives the derivative along it, elsewhere the determinant, which is the
    product of both directions. The state itself is left where it is.
    """
    for j in range(BLOCK):
        m, p, q = mu[j], a[j], b[j]
        x, y = along[j], transverse[j]
        off_slice = 0.0 if q == 0.0 else 1.0
        for _ in range(CHUNK):
            square = q * q
            p, q, r = step(m, p, q)
            x *= jacobian_factor(m, square, r, off_slice)
            y *= 1.0 + r
        along[j], transverse[j] = x, y


@_compile
def _take_exponents(product, exponents):
    """Move the binary exponents of ``product`` into ``exponents``, leaving mantissas in [1, 2).

    Summing exponents costs an integer addition where logarithms would cost more than the steps do.
    A product that became zero (or denormal) marks its count for good.
    """
    bits = product.view(np.int64)
    for j in range(BLOCK):
        field = (bits[j] >> 52) & _EXPONENT_MASK
        exponents[j] += field - 1023 if field > 0 else _ZERO_PRODUCT
        bits[j] = (bits[j] & _MANTISSA_MASK) | _ONE_BITS


@_compile
def _mean_log(product, exponents, n_steps):
    """Mean logarithm per step of a block of products; -inf where a factor was exactly zero."""
    mean = np.empty(BLOCK)
    for j in range(BLOCK):
        total = exponents[j] * np.log(2.0) + np.log(product[j])
        mean[j] = -np.inf if exponents[j] < _ZERO_PRODUCT // 2 else total / n_steps
    return mean


@_compile
def _measure(mu, a, b, last, rise, escape, n_done, n_steps):
    """``n_steps`` steps of a block; returns the mean log factors along and transverse."""
    x, y = np.ones(BLOCK), np.ones(BLOCK)
    x_exponents, y_exponents = np.zeros(BLOCK, np.int64), np.zeros(BLOCK, np.int64)
    balanced = b == 0.0
    for i in range(0, n_steps, CHUNK):
        _multiply(mu, a, b, x, y)
        _take_exponents(x, x_exponents)
        _take_exponents(y, y_exponents)
        _watch(mu, a, b, last, rise, escape, float(n_done + i))
    along = _mean_log(x, x_exponents, n_steps)
    transverse = _mean_log(y, y_exponents, n_steps)
    for j in range(BLOCK):
        if not balanced[j]:
            along[j] -= transverse[j]
    return along, transverse


@_compile
def _mismatch(tail, lag, ceiling):
    """Largest change of ``tail`` over ``lag`` steps; stops looking once it exceeds ``ceiling``."""
    worst = 0.0
    for i in range(tail.size - lag):
        change = abs(tail[i + lag] - tail[i])
        if not change <= worst:
            worst = change
            if not worst <= ceiling:
                break
    return worst


@_entry
def find_period(r, a, tol, ceiling):
    """Period of the tails r and a: (period in r, period in a, return error, separation)."""
    separation = np.inf
    for lag in range(1, r.size // 2 + 1):
        error = _mismatch(r, lag, ceiling)
        if error <= tol:
            same_sign = abs(a[lag] - a[0]) <= abs(a[lag] + a[0])
            return lag, lag if same_sign else 2 * lag, error, separation
        separation = min(separation, error)
    return 0, 0, np.nan, separation


@_compile
def _cycle_exponent(mu, a, b, period):
    """Exponent along one turn of the cycle through (a, b), from its factors one by one."""
    total = 0.0
    off_slice = 0.0 if b == 0.0 else 1.0
    for _ in range(period):
        square = b * b
        a, b, r = step(mu, a, b)
        total += np.log(abs(jacobian_factor(mu, square, r, off_slice)))
        if off_slice > 0.0:  # on the slice r = -1 would subtract 0 times -inf
            total -= np.log(abs(1.0 + r))
    return total / period


@_compile
def _judge_tail(mu, a, b, n_tail, tol, ceiling, row):
    """Walk the tail of one orbit; fill in its period, its cycle's exponent and its loss."""
    r_tail, a_tail = np.empty(n_tail), np.empty(n_tail)
    p, q = a, b
    for i in range(n_tail):
        a_tail[i] = p
        p, q, r_tail[i] = step(mu, p, q)
    row[8], row[9], row[10], row[11] = find_period(r_tail, a_tail, tol, ceiling)
    row[12] = _cycle_exponent(mu, a, b, int(row[8])) if row[8] > 0 else np.nan
    loss = (r_tail / mu) ** 2 / 2.0
    row[13], row[14], row[15] = loss.min(), loss.mean(), loss.max()


@_entry
def evidence(mu, a, b, n_transient, n_steps, max_period, tol, ceiling):
    """Evidence for the regime of each orbit; see `EVIDENCE_FIELDS`.

    ``mu``, ``a``, ``b`` are vectors of one length n; the result has shape (n, fields). The transient
    and each of the ``N_BATCHES`` batches of the measuring phase are multiples of ``CHUNK`` steps. A
    block is left early once all its orbits have escaped; of those only the first two fields are known.
    """
    result = np.full((mu.size, len(EVIDENCE_FIELDS)), np.nan)
    for start in range(0, mu.size, BLOCK):
        _block_evidence(mu, a, b, start, n_transient, n_steps, max_period, tol, ceiling, result)
    return result


@_compile
def _block_evidence(mu, a, b, start, n_transient, n_steps, max_period, tol, ceiling, result):
    m, p, q = _load(mu, start), _load(a, start), _load(b, start)
    last, rise, escape = np.full(BLOCK, np.inf), np.full(BLOCK, np.inf), np.full(BLOCK, np.inf)
    for i in range(0, n_transient, CHUNK):
        _watch(m, p, q, last, rise, escape, float(i))
        if np.all(escape < np.inf):
            break
    along, transverse = np.empty((N_BATCHES, BLOCK)), np.empty((N_BATCHES, BLOCK))
    n_batch = n_steps // N_BATCHES
    for k in range(N_BATCHES):
        if np.all(escape < np.inf):
            break
        along[k], transverse[k] = _measure(m, p, q, last, rise, escape, n_transient + k * n_batch, n_batch)
    for j in range(min(BLOCK, mu.size - start)):
        row = result[start + j]
        row[0], row[1] = escape[j], rise[j]
        if escape[j] == np.inf:
            row[6], row[7] = p[j], q[j]
            row[2], row[3] = _mean_and_error(along[:, j])
            row[4], row[5] = _mean_and_error(transverse[:, j])
            _judge_tail(m[j], p[j], q[j], 2 * max_period, tol, ceiling, row)


@_compile
def _load(values, start):
    """Copy a block out of ``values``, repeating the last entry where the array has ended."""
    block = np.empty(BLOCK)
    for j in range(BLOCK):
        block[j] = values[min(start + j, values.size - 1)]
    return block


@_compile
def _mean_and_error(batches):
    """Mean and standard error over batches; the error of a mean of -inf is NaN."""
    mean = np.mean(batches)
    variance = np.sum((batches - mean) ** 2) / (batches.size - 1)
    return mean, np.sqrt(variance / batches.size)


@_entry
def orbits(mu, a, b, n_transient, n_samples):
    """States n_transient .. n_transient + n_samples - 1 of each orbit: two arrays (n, n_samples)."""
    all_a, all_b = np.empty((mu.size, n_samples)), np.empty((mu.size, n_samples))
    for start in range(0, mu.size, BLOCK):
        m, p, q = _load(mu, start), _load(a, start), _load(b, start)
        width = min(BLOCK, mu.size - start)
        for _ in range(n_transient // CHUNK):
            _advance(m, p, q)
        for i in range(-(n_transient % CHUNK), n_samples):
            for j in range(BLOCK):
                if i >= 0 and j < width:
                    all_a[start + j, i], all_b[start + j, i] = p[j], q[j]
                p[j], q[j], _ = step(m[j], p[j], q[j])
    return all_a, all_b


@_compile
def _advance(mu, a, b):
    """CHUNK steps of a block, nothing recorded."""
    for j in range(BLOCK):
        m, p, q = mu[j], a[j], b[j]
        for _ in range(CHUNK):
            p, q, _ = step(m, p, q)
        a[j], b[j] = p, q
