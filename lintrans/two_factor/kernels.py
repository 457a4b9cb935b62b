"""Compiled loops: blocks of independent orbits of the two-factor map in mode coordinates.

One step of the map is `step` below,

    r = a^2 - b^2 - mu,    a' = (1 - r) a,    b' = (1 + r) b,

four fused multiply-adds, and two on the slice b = 0. An orbit is a chain of them, so one orbit alone waits
for the latency of the adder; the loops here carry ``BLOCK`` orbits side by side, a few steps at a time,
in an inner loop of constant length that the compiler turns into vector instructions. Blocks hold orbits
either all on the slice or all off it.

Nothing is tested inside the loops. They keep the largest rise of |r| and the sum of r^2; after ``WINDOW``
steps these tell whether a lane rose or escaped in between, and only then `_locate` walks the window once
more to find the step. The sum keeps every NaN, so no escape is missed.

Every product of `step` feeds exactly one sum: contraction to fused multiply-adds is then unambiguous, and an
orbit depends neither on the block it was computed in nor on what was measured on the way. Of the fast-math
flags only ``contract`` is set: the full set deletes the tests for NaN by which an escape is seen.

Arrays in, arrays out; checks of arguments and the meaning of the numbers live in the callers. All loops are
in this one file because compiled code is cached by the file it comes from: a loop in another file would be
out of date, unnoticed, after a change here.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]

BLOCK = 128  # orbits side by side: a multiple of every vector width that still fits the first cache
CHUNK_PLANE, CHUNK_SLICE = 4, 8  # steps fused; with more, one chain fills the scheduler and others wait
WINDOW = 16  # steps between two looks at what happened; a product of 16 factors cannot overflow
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
    "separation",  # smallest such number over all shorter lags, those above the ceiling left out; else inf
    "cycle_along",  # exponent along one turn of the cycle found; NaN without one
    "loss_low",  # least, mean and greatest normalised loss (uv - 1)^2 / 2 of the tail
    "loss_mean",
    "loss_high",
)
UNDECIDED, CONVERGED, DIVERGED, BOUNDED = 0, 1, 2, 3  # codes of `fates`
_FLAT = 1e-3  # of a variant at rest: margin of its stability, and |b| left to decay


class Variant(NamedTuple):
    """Gradient descent with more than a constant step; None in its place is the plain map, compiled without.

    Attributes
    ----------
    weight_decay : float
        lambda / (h |y_q|): a step shrinks the weights by mu times this.
    momentum : float
        Polyak's: this part of the last displacement is added to the next.
    scales : (n,) array
        Step sizes over mu, by step; the last goes on for ever.
    """

    weight_decay: float
    momentum: float
    scales: FloatArray


class _Motion(NamedTuple):
    """A `Variant`, and what a block has to remember for it."""

    weight_decay: float
    momentum: float
    scales: FloatArray
    velocity: FloatArray  # (2, BLOCK): last displacement
    done: NDArray[np.int64]  # (BLOCK,): steps done


_EXPONENT_MASK = np.int64(0x7FF)
_MANTISSA_MASK = np.int64(0x000FFFFFFFFFFFFF)
_ONE_BITS = np.int64(0x3FF0000000000000)
_WITHOUT_SIGN = np.int64(0x7FFFFFFFFFFFFFFF)
_SMALL = np.int64((1023 - 150) << 52)  # bits of 2^-150; 16 factors, none below 2^-53, fit in what is left
_RANGE = np.uint64((400 + 150) << 52)  # from there to 2^400; 16 factors below 2^30 fit above
_ZERO_PRODUCT = np.int64(-(2**40))  # added to an exponent count, it marks a product that became zero

_compile = njit(nogil=True, error_model="numpy", fastmath={"contract"})
_inline = njit(nogil=True, error_model="numpy", fastmath={"contract"}, forceinline=True)
_entry = njit(cache=True, nogil=True, error_model="numpy", fastmath={"contract"})

# Rows of arrays (rows, BLOCK).
_LAST, _RISE, _SQUARES = 0, 1, 2  # what a walk notes: last |r|, largest rise of it, sum of r^2
_ALONG, _TRANSVERSE, _TANGENT = 0, 1, 2  # products of Jacobian factors, a tangent in the row given and next
_ESCAPE_STEP, _RISE_STEP = 0, 1  # events


@_compile
def step(mu, a, b):
    """One step of the map: a', b' and the residual r = mu (uv - 1) before the step."""
    r = a * a - (b * b + mu)
    return a - r * a, b + r * b, r


@_compile
def varied_step(mu, a, b, change_a, change_b, scale, weight_decay, momentum):
    """One step with weight decay, momentum and a scaled step size: new state and displacement, residual."""
    r = a * a - (b * b + mu)
    decay = mu * weight_decay
    change_a = momentum * change_a - (scale * (r + decay)) * a
    change_b = momentum * change_b + (scale * (r - decay)) * b
    return a + change_a, b + change_b, change_a, change_b, r


@_compile
def slope(mu, r):
    """da'/da on the slice b = 0, where a^2 = mu + r."""
    return (1.0 - 2.0 * mu) - 3.0 * r


@_compile
def determinant(slope, double, r):
    """Determinant of the Jacobian of `step`, from `slope`, double = 2 b and the residual r.

    Not from b^2: the compiler would use that product in `step` too, rounded and no longer fused.
    """
    return (slope + r * slope) - double * double


@_compile
def converges(mu, a, b):
    """`normal_form.converges` for one state: a certificate that the loss only falls from here."""
    r = step(mu, a, b)[2]
    rho, s = abs(r), a * a + b * b
    size = abs(1.0 - 2.0 * s)
    gamma = (1.0 + size) / 2.0
    delta = rho * (3.0 * rho + 2.0 * mu) / (1.0 - gamma)
    return (size < 1.0) & (size + 2.0 * delta + rho * (rho + mu) <= gamma) & (s + delta <= 1.0)


@_compile
def is_inside(mu, a, b):
    """Whether a state lies in the invariant ellipse of 0 < mu < 2, which no orbit leaves."""
    return (mu < 2.0) & (a * a / (2.0 + mu) + b * b / (2.0 - mu) <= 1.0)


def _walker(*, balanced, escapes, rises, factors, transverse, varied=False, tangent=False):  # noqa: PLR0915
    """Compile the loop of a few steps of a block, with what is to be noted on the way; see `_walk`."""
    chunk = CHUNK_SLICE if balanced else CHUNK_PLANE

    @_inline
    def walk(mu, a, b, seen, products, motion):  # noqa: PLR0912, PLR0915  branches the compiler removes
        for j in range(BLOCK):
            m, p, q = mu[j], a[j], 0.0 if balanced else b[j]
            if varied:
                dp, dq, n = motion.velocity[0, j], motion.velocity[1, j], motion.done[j]
            if escapes:
                squares = seen[_SQUARES, j]
            if rises:
                last, rise = seen[_LAST, j], seen[_RISE, j]
            if factors:
                x = products[_ALONG, j]
            if transverse:
                y = products[_TRANSVERSE, j]
            if tangent:
                v, w = products[_TANGENT, j], products[_TANGENT + 1, j]
            for i in range(chunk):
                double = q + q
                if tangent:
                    old_p, old_q, twice = p, q, p + p
                if varied:
                    scale = motion.scales[min(n + i, motion.scales.size - 1)]
                    p, q, dp, dq, r = varied_step(
                        m, p, q, dp, dq, scale, motion.weight_decay, motion.momentum
                    )
                elif balanced:
                    p, _q, r = step(m, p, 0.0)
                else:
                    p, q, r = step(m, p, q)
                if escapes:
                    squares += r * r
                if rises:
                    jump = abs(r) - last
                    rise = jump if jump > rise else rise
                    last = abs(r)
                if factors:
                    along = slope(m, r)
                    x *= along if balanced else determinant(along, double, r)
                if transverse:
                    y += r * y
                if tangent:
                    mixed = twice * old_q
                    v, w = (
                        ((1.0 - r) - twice * old_p) * v + mixed * w,
                        mixed * v + ((1.0 + r) - double * old_q) * w,
                    )
            a[j] = p
            if not balanced:
                b[j] = q
            if varied:
                motion.velocity[0, j], motion.velocity[1, j], motion.done[j] = dp, dq, n + chunk
            if escapes:
                seen[_SQUARES, j] = squares
            if rises:
                seen[_LAST, j], seen[_RISE, j] = last, rise
            if factors:
                products[_ALONG, j] = x
            if transverse:
                products[_TRANSVERSE, j] = y
            if tangent:
                products[_TANGENT, j], products[_TANGENT + 1, j] = v, w

    return walk


def _walk(*, escapes=False, rises=False, factors=False, transverse=True, varied=False, tangent=False):
    """Compile WINDOW steps of a block, on the slice and off it.

    ``escapes`` adds up r^2; ``rises`` keeps |r| and its largest rise; ``factors`` multiplies the factors of
    the Jacobian: along (off the slice the determinant, which is both directions) and, unless left out on
    the slice, ``transverse``; ``tangent`` applies it to a vector.
    """
    noted = {"escapes": escapes, "rises": rises, "factors": factors, "varied": varied, "tangent": tangent}
    on_slice = _walker(balanced=True, **noted, transverse=factors and transverse)
    off_slice = _walker(balanced=False, **noted, transverse=factors)

    @_inline
    def walk(balanced, mu, a, b, seen, products, motion=None):
        if balanced:
            for _ in range(WINDOW // CHUNK_SLICE):
                on_slice(mu, a, b, seen, products, motion)
        else:
            for _ in range(WINDOW // CHUNK_PLANE):
                off_slice(mu, a, b, seen, products, motion)

    return walk


_advance = _walk()
_guard = _walk(escapes=True)
_note_rises = _walk(rises=True)
_watch = _walk(escapes=True, rises=True)
_measure = _walk(factors=True)
_measure_along = _walk(factors=True, transverse=False)
_measure_spectrum = _walk(factors=True, tangent=True)
_guard_and_measure = _walk(escapes=True, factors=True)
_watch_and_measure = _walk(escapes=True, rises=True, factors=True)
_advance_varied = _walk(varied=True)
_note_rises_varied = _walk(rises=True, varied=True)


@_compile
def _locate(mu, a, b, last, n_done, n_steps):
    """First step with an escape and first with a rise of the loss, of ``n_steps`` from (a, b); inf = none."""
    rise = np.inf
    for i in range(n_steps):
        a, b, r = step(mu, a, b)
        if rise == np.inf and abs(r) - last > RISE_FLOOR:
            rise = n_done + i
        if not abs(r) <= ESCAPED:
            return n_done + i, rise
        last = abs(r)
    return np.inf, rise


@_inline
def _has_event(seen, events, j):
    """Whether a window shows that orbit j of a block escaped, or rose for the first time."""
    escapes = not seen[_SQUARES, j] <= ESCAPED * ESCAPED
    rises = (seen[_RISE, j] > RISE_FLOOR) & (events[_RISE_STEP, j] == np.inf)
    return (escapes | rises) & (events[_ESCAPE_STEP, j] == np.inf)


@_compile
def _observe(balanced, measuring, watching, mu, a, b, seen, products, before, events, n_done):
    """WINDOW steps of a block; writes the steps of first escapes and rises into ``events``."""
    for j in range(BLOCK):
        before[0, j], before[1, j], before[2, j] = a[j], b[j], seen[_LAST, j]
        seen[_RISE, j], seen[_SQUARES, j] = -np.inf, 0.0
    if watching and measuring:
        _watch_and_measure(balanced, mu, a, b, seen, products)
    elif watching:
        _watch(balanced, mu, a, b, seen, products)
    elif measuring:
        _guard_and_measure(balanced, mu, a, b, seen, products)
    else:
        _guard(balanced, mu, a, b, seen, products)
    n_events = 0
    for j in range(BLOCK):
        n_events += _has_event(seen, events, j)
    if n_events > 0:
        for j in range(BLOCK):
            if _has_event(seen, events, j):
                escape, rise = _locate(mu[j], before[0, j], before[1, j], before[2, j], n_done, WINDOW)
                events[_ESCAPE_STEP, j] = escape
                events[_RISE_STEP, j] = min(events[_RISE_STEP, j], rise)


@_compile
def _is_open(mu, a, b, events):
    """Whether some orbit of the block may still see its first rise: not yet risen, escaped or settling."""
    for j in range(BLOCK):
        seen = min(events[_ESCAPE_STEP, j], events[_RISE_STEP, j]) < np.inf
        if not seen and not converges(mu[j], a[j], b[j]):
            return True
    return False


@_compile
def _normalize(products, exponents):
    """Move binary exponents out of the products where these leave the range in which a window is safe.

    Summing exponents costs an integer addition where logarithms would cost more than the steps do, and is
    exact: when it is done changes nothing.
    """
    bits = products.view(np.int64)
    for i in range(len(products)):
        n_out = 0
        for j in range(BLOCK):
            n_out += np.uint64((bits[i, j] & _WITHOUT_SIGN) - _SMALL) > _RANGE
        if n_out > 0:
            _take_exponents(products[i], exponents[i])


@_compile
def _take_exponents(product, exponents):
    """Move the binary exponents of ``product`` into ``exponents``, leaving mantissas in [1, 2).

    A product that became zero (or denormal) marks its count for good.
    """
    bits = product.view(np.int64)
    for j in range(BLOCK):
        field = (bits[j] >> 52) & _EXPONENT_MASK
        exponents[j] += field - 1023 if field > 0 else _ZERO_PRODUCT
        bits[j] = (bits[j] & _MANTISSA_MASK) | _ONE_BITS


@_compile
def _take_means(balanced, products, exponents, n_steps, means):
    """Mean logarithm per step of both products, which start again; -inf where a factor was exactly 0."""
    for i in range(len(products)):
        _take_exponents(products[i], exponents[i])
        for j in range(BLOCK):
            total = exponents[i, j] * np.log(2.0) + np.log(products[i, j])
            means[i, j] = -np.inf if exponents[i, j] < _ZERO_PRODUCT // 2 else total / n_steps
            products[i, j], exponents[i, j] = 1.0, 0
    if not balanced:
        for j in range(BLOCK):
            means[_ALONG, j] -= means[_TRANSVERSE, j]


@_compile
def _mean_and_error(batches):
    """Mean and standard error over batches; the error of a mean of -inf is NaN."""
    mean = np.mean(batches)
    variance = np.sum((batches - mean) ** 2) / (batches.size - 1)
    return mean, np.sqrt(variance / batches.size)


@_compile
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


@_compile
def _has_same_sign(a, period):
    """Whether ``a`` comes back with its sign after one period of r."""
    return abs(a[period] - a[0]) <= abs(a[period] + a[0])


@_entry
def find_period(r, a, tol, ceiling):
    """Period of the tails r and a: (period in r, period in a, return error, separation)."""
    periods, errors, separations = np.empty(1, np.int64), np.empty(1), np.empty(1)
    _search_periods(r.copy().reshape(-1, 1), tol, ceiling, periods, errors, separations)
    period = periods[0]
    doubled = period > 0 and not _has_same_sign(a, period)
    return period, 2 * period if doubled else period, errors[0], separations[0]


@_compile
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


@_compile
def _judge_tails(mu, a, b, n_tail, tol, ceiling, rows, index):
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


@_compile
def _load(values, index):
    """Copy the entries ``index`` of ``values`` into a block, repeating the last to fill it."""
    block = np.empty(BLOCK)
    for j in range(BLOCK):
        block[j] = values[index[min(j, index.size - 1)]]
    return block


@_compile
def _blocks(b):
    """Orbits in the order they are put into blocks, those on the slice first, and how many these are."""
    on_slice, off_slice = np.flatnonzero(b == 0.0), np.flatnonzero(b != 0.0)
    return np.concatenate((on_slice, off_slice)), on_slice.size


@_compile
def _end_of_block(start, n_on_slice, n):
    """End of the block that starts at ``start``: it does not mix orbits on the slice with others."""
    return min(start + BLOCK, n_on_slice if start < n_on_slice else n)


@_compile
def _at_rest(variant):
    """What a block has to remember for a variant, at its first step; None for the plain map."""
    if variant is None:
        return None
    velocity, done = np.zeros((2, BLOCK)), np.zeros(BLOCK, np.int64)
    return _Motion(variant.weight_decay, variant.momentum, variant.scales, velocity, done)


@_compile
def _step_block(balanced, mu, a, b, motion):
    """One step of a block; on the slice b stays 0, after an overflow of a too."""
    if motion is not None:
        velocity = motion.velocity
        for j in range(BLOCK):
            scale = motion.scales[min(motion.done[j], motion.scales.size - 1)]
            a[j], end_b, velocity[0, j], velocity[1, j], _r = varied_step(
                mu[j],
                a[j],
                b[j],
                velocity[0, j],
                velocity[1, j],
                scale,
                motion.weight_decay,
                motion.momentum,
            )
            b[j] = 0.0 if balanced else end_b
            motion.done[j] += 1
    elif balanced:
        for j in range(BLOCK):
            a[j], _b, _r = step(mu[j], a[j], 0.0)
    else:
        for j in range(BLOCK):
            a[j], b[j], _r = step(mu[j], a[j], b[j])


@_entry
def advance(mu, a, b, n_steps):
    """State after ``n_steps`` steps of each orbit: two arrays (n,)."""
    end_a, end_b = np.empty(mu.size), np.empty(mu.size)
    order, n_on_slice = _blocks(b)
    none = np.empty((0, BLOCK))
    start = 0
    while start < mu.size:
        end = _end_of_block(start, n_on_slice, mu.size)
        index = order[start:end]
        m, p, q = _load(mu, index), _load(a, index), _load(b, index)
        for _ in range(n_steps // WINDOW):
            _advance(end <= n_on_slice, m, p, q, none, none)
        for _ in range(n_steps % WINDOW):
            _step_block(end <= n_on_slice, m, p, q, None)
        for j in range(index.size):
            end_a[index[j]], end_b[index[j]] = p[j], q[j]
        start = end
    return end_a, end_b


def orbits(
    mu: FloatArray,
    a: FloatArray,
    b: FloatArray,
    n_transient: int,
    n_samples: int,
    variant: Variant | None = None,
) -> tuple[FloatArray, FloatArray]:
    """States n_transient .. n_transient + n_samples - 1 of each orbit: two arrays (n, n_samples)."""
    shape = mu.size, n_samples
    all_a, all_b = np.empty(shape), np.zeros(shape if b.any() else (0, 0))
    if variant is None:
        record(mu, *advance(mu, a, b, n_transient), all_a, all_b, 0, None)
    else:
        record(mu, a, b, all_a, all_b, n_transient, variant)
    return all_a, all_b if b.any() else np.broadcast_to(0.0, shape)


@_compile
def _put(part, index, first, rows):
    """Write WINDOW states of a block, ``part``, into the rows ``index``, from column ``first`` on."""
    n = rows.shape[1] - first
    for j in range(index.size):
        row = rows[index[j], first:]
        if n >= WINDOW:  # a constant length: three times as fast
            for i in range(WINDOW):
                row[i] = part[i, j]
        else:
            for i in range(n):
                row[i] = part[i, j]


@_entry
def record(mu, a, b, all_a, all_b, n_transient, variant):
    """Write the orbits that start at (a, b) into two arrays (n, n_samples); on the slice b is left out.

    There it is 0, and memory that is not touched costs nothing: most of the time would go into it. The first
    ``n_transient`` states are skipped.
    """
    n_samples = all_a.shape[1]
    part_a, part_b = np.empty((WINDOW, BLOCK)), np.empty((WINDOW, BLOCK))
    order, n_on_slice = _blocks(b)
    start = 0
    while start < mu.size:
        end = _end_of_block(start, n_on_slice, mu.size)
        index, balanced = order[start:end], end <= n_on_slice
        m, p, q = _load(mu, index), _load(a, index), _load(b, index)
        motion = _at_rest(variant)
        for _ in range(n_transient):
            _step_block(balanced, m, p, q, motion)
        for first in range(0, n_samples, WINDOW):
            for i in range(WINDOW):
                for j in range(BLOCK):
                    part_a[i, j] = p[j]
                if not balanced:
                    for j in range(BLOCK):
                        part_b[i, j] = q[j]
                _step_block(balanced, m, p, q, motion)
            _put(part_a, index, first, all_a)
            if not balanced:
                _put(part_b, index, first, all_b)
        start = end


@_entry
def exponents(mu, a, b, n_transient, n_steps, transverse):
    """Both exponents of each orbit with their errors: (n, 4), NaN where the orbit has escaped.

    ``n_steps`` is a multiple of WINDOW * N_BATCHES. The last state tells whether there was an escape. Without
    ``transverse`` those columns are NaN; on the slice that saves a third of the time.
    """
    result = np.full((mu.size, 4), np.nan)
    first_a, first_b = advance(mu, a, b, n_transient)
    order, n_on_slice = _blocks(b)
    seen, products, counts = np.empty((0, BLOCK)), np.ones((2, BLOCK)), np.zeros((2, BLOCK), np.int64)
    means = np.empty((N_BATCHES, 2, BLOCK))
    n_batch = n_steps // N_BATCHES
    start = 0
    while start < mu.size:
        end = _end_of_block(start, n_on_slice, mu.size)
        index, balanced = order[start:end], end <= n_on_slice
        m, p, q = _load(mu, index), _load(first_a, index), _load(first_b, index)
        n_rows = 2 if transverse or not balanced else 1
        for k in range(N_BATCHES):
            for _ in range(n_batch // WINDOW):
                if n_rows == 2:
                    _measure(balanced, m, p, q, seen, products)
                else:
                    _measure_along(balanced, m, p, q, seen, products)
                _normalize(products[:n_rows], counts)
            _take_means(balanced, products[:n_rows], counts, n_batch, means[k])
        for j in range(index.size):
            if not _is_far(p[j], q[j]):
                row = result[index[j]]
                row[0], row[1] = _mean_and_error(means[:, _ALONG, j])
                if transverse:
                    row[2], row[3] = _mean_and_error(means[:, _TRANSVERSE, j])
        start = end
    return result


@_entry
def exponent_windows(mu, a, b, n_transient, n_window, n_windows):
    """Exponents of each orbit over windows of time, one after another: (n, n_windows, 3).

    Along, transverse, and the growth of a tangent vector, which tends to the largest; each the mean logarithm
    per step, -inf where a factor was exactly 0. ``n_window`` is a multiple of WINDOW; the windows begin after
    ``n_transient`` + ``n_window`` steps. NaN if the orbit has escaped at the end.
    """
    result = np.full((mu.size, n_windows, 3), np.nan)
    first_a, first_b = advance(mu, a, b, n_transient)
    order, n_on_slice = _blocks(b)
    seen, products, counts = np.empty((0, BLOCK)), np.ones((4, BLOCK)), np.zeros((2, BLOCK), np.int64)
    means, growth = np.empty((2, BLOCK)), np.empty(BLOCK)
    start = 0
    while start < mu.size:
        end = _end_of_block(start, n_on_slice, mu.size)
        index, balanced = order[start:end], end <= n_on_slice
        m, p, q = _load(mu, index), _load(first_a, index), _load(first_b, index)
        products[_TANGENT:] = np.sqrt(0.5)
        for k in range(-1, n_windows):  # in one window more, the first, the tangent finds its direction
            growth[:] = 0.0
            for _ in range(n_window // WINDOW):
                _measure_spectrum(balanced, m, p, q, seen, products)
                _normalize(products[:2], counts)
                _take_growth(products[_TANGENT], products[_TANGENT + 1], growth)
            _take_means(balanced, products[:2], counts, n_window, means)
            for j in range(index.size if k >= 0 else 0):
                row = result[index[j], k]
                row[0], row[1], row[2] = means[_ALONG, j], means[_TRANSVERSE, j], growth[j] / n_window
        for j in range(index.size):
            if _is_far(p[j], q[j]):
                result[index[j]] = np.nan
        start = end
    return result


@_compile
def _take_growth(v, w, growth):
    """Normalize tangents (v, w) and add the logarithms of their lengths; one that vanished stays so."""
    for j in range(BLOCK):
        length = np.hypot(v[j], w[j])
        growth[j] += np.log(length)
        if length > 0.0:
            v[j], w[j] = v[j] / length, w[j] / length


@_entry
def evidence(mu, a, b, n_transient, n_steps, max_period, tol, ceiling):
    """Evidence for the regime of each orbit; see `EVIDENCE_FIELDS`.

    ``mu``, ``a``, ``b`` are vectors of one length n; the result has shape (n, fields). ``n_transient`` is a
    multiple of WINDOW, ``n_steps`` of WINDOW * N_BATCHES. A block is left early once all its orbits have
    escaped; of those only the first two fields are known.
    """
    result = np.full((mu.size, len(EVIDENCE_FIELDS)), np.nan)
    order, n_on_slice = _blocks(b)
    start = 0
    while start < mu.size:
        end = _end_of_block(start, n_on_slice, mu.size)
        index = order[start:end]
        m, p, q = _load(mu, index), _load(a, index), _load(b, index)
        _block_evidence(end <= n_on_slice, m, p, q, n_transient, n_steps, result, index)
        _judge_tails(m, p, q, 2 * max_period, tol, ceiling, result, index)
        start = end
    return result


@_compile
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
            _normalize(products, counts)
            batch, within = divmod(k - n_first + 1, per_batch)
            if within == 0:
                _take_means(balanced, products, counts, per_batch * WINDOW, means[batch - 1])
        if np.all(events[_ESCAPE_STEP] < np.inf):
            break
    for j in range(index.size):
        row = result[index[j]]
        row[0], row[1] = events[_ESCAPE_STEP, j], events[_RISE_STEP, j]
        if row[0] == np.inf:
            row[2], row[3] = _mean_and_error(means[:, _ALONG, j])
            row[4], row[5] = _mean_and_error(means[:, _TRANSVERSE, j])
            row[6], row[7] = a[j], b[j]


@_entry
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
    motion = _at_rest(variant)
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
            if _is_far(p[j], q[j]):
                escape = _escape_step(m[j], first[:, j], done[j] - 2 * WINDOW, variant)
            if ends.size > 0:
                ends[i, 0], ends[i, 1], ends[i, 2] = p[j], q[j], seen[_RISE, j] > RISE_FLOOR
            if escape < n_steps:
                codes[i], steps[i] = DIVERGED, int(escape)
            elif done[j] <= n_steps and _is_settled(m[j], p[j], q[j], settled, motion, j):
                codes[i], steps[i] = CONVERGED, done[j]
            else:
                ended[j] = done[j] >= n_steps


@_compile
def _walk_lanes(balanced, mu, a, b, seen, motion, noting):
    """2 * WINDOW steps of all lanes, noting rises of the loss or not."""
    none = np.empty((0, BLOCK))
    for _ in range(2):
        if motion is not None:
            _note_rises_varied(balanced, mu, a, b, seen, none, motion)
        elif noting:
            _note_rises(balanced, mu, a, b, seen, none)
        else:
            _advance(balanced, mu, a, b, seen, none)


@_compile
def _escape_step(mu, first, n_done, variant):
    """First of 2 * WINDOW steps with an escape, after ``n_done``; inf = none.

    ``first`` holds the state (a, b) there, and of a variant the displacement that led to it.
    """
    if variant is None:
        return _locate(mu, first[0], first[1], np.inf, n_done, 2 * WINDOW)[0]
    a, b, change_a, change_b = first
    for i in range(n_done, n_done + 2 * WINDOW):
        scale = variant.scales[min(i, variant.scales.size - 1)]
        a, b, change_a, change_b, r = varied_step(
            mu, a, b, change_a, change_b, scale, variant.weight_decay, variant.momentum
        )
        if not abs(r) <= ESCAPED:
            return float(i)
    return np.inf


@_compile
def _find_ended(mu, a, b, n_steps, settled, orbit, done, ended, motion):
    """Mark the lanes whose orbit may have ended in the last 2 * WINDOW steps; returns how many."""
    for j in range(BLOCK):
        done[j] += 2 * WINDOW
        ended[j] = (_is_far(a[j], b[j]) | (done[j] >= n_steps)) & (orbit[j] >= 0)
    if settled >= 0.0:
        for j in range(BLOCK):
            ended[j] |= _is_settled(mu[j], a[j], b[j], settled, motion, j) & (orbit[j] >= 0)
    return ended.sum()


@_compile
def _is_settled(mu, a, b, settled, motion, j):
    """Whether lane j has ended in a minimum: `converges` holds with |r| <= settled, or `_is_at_rest`."""
    if motion is None:
        return converges(mu, a, b) & (abs(step(mu, a, b)[2]) <= settled)
    return _is_at_rest(mu, a, b, settled, motion, j)


@_compile
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


@_compile
def _known_fates(mu, a, b, exit_bounded):
    """Codes before any step: BOUNDED where `is_inside` says that a start never escapes, if that is wanted."""
    codes = np.full(mu.size, UNDECIDED, np.uint8)
    if exit_bounded:
        for i in range(mu.size):
            codes[i] = BOUNDED if is_inside(mu[i], a[i], b[i]) else UNDECIDED
    return codes


@_compile
def _find_early_escapes(mu, a, b, n_steps, codes, steps, ends, variant):
    """Mark what escapes within WINDOW steps, most of what ever does: a block at a time, not one by one."""
    m, p, q, bounded = np.empty(BLOCK), np.empty(BLOCK), np.empty(BLOCK), np.empty(BLOCK)
    for start in range(0, mu.size if n_steps >= WINDOW else 0, BLOCK):
        for j in range(BLOCK):
            i = min(start + j, mu.size - 1)
            m[j], p[j], q[j], bounded[j] = mu[i], a[i], b[i], 0.0
        motion = _at_rest(variant)
        for n_done in range(0, WINDOW, CHUNK_PLANE):
            _count_bounded(m, p, q, n_done, bounded, motion)
        for i in range(start, min(start + BLOCK, mu.size)):
            if bounded[i - start] < WINDOW and codes[i] == UNDECIDED:
                codes[i], steps[i] = DIVERGED, int(bounded[i - start])
                if ends.size > 0:
                    ends[i, 0], ends[i, 1], ends[i, 2] = np.nan, np.nan, 0.0


@_inline
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


@_compile
def _refill(mu, a, b, codes, ended, n_next, orbit, done, m, p, q, seen, motion):
    """Put the next orbits into the lanes that have ended; what is left over rests on the saddle."""
    for j in np.flatnonzero(ended):
        if motion is not None:
            motion.velocity[:, j], motion.done[j] = 0.0, 0
        seen[_LAST, j], seen[_RISE, j] = np.inf, -np.inf
        while n_next < mu.size and codes[n_next] != UNDECIDED:
            n_next += 1
        if n_next < mu.size:
            orbit[j], m[j], p[j], q[j], done[j] = n_next, mu[n_next], a[n_next], b[n_next], 0
            n_next += 1
        else:
            orbit[j], m[j], p[j], q[j] = -1, 1.0, 0.0, 0.0
    return n_next


@_compile
def _is_far(a, b):
    """Whether the orbit is so far out, or NaN, that it escapes, or has escaped and cannot be back.

    Where |r| exceeds ESCAPED, a^2 + b^2 does, within mu. One of |1 - r| and |1 + r| is at least 1, so that
    |a| and |b| cannot both shrink; and far out they are nearly equal, unless |r| is large and both grow.
    """
    return not a * a + b * b <= ESCAPED / 2.0
