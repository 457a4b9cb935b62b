"""A few steps of a block at a time, each walk with what is noted on the way."""

from __future__ import annotations

import numpy as np

from lintrans.compiled import compiled, inlined
from lintrans.two_factor.kernels.blocks import BLOCK
from lintrans.two_factor.kernels.map import ESCAPED, RISE_FLOOR, determinant, slope, step, varied_step

CHUNK_PLANE, CHUNK_SLICE = 4, 8  # steps fused; with more, one chain fills the scheduler and others wait
WINDOW = 16  # steps between two looks at what happened; a product of 16 factors cannot overflow

# Rows of arrays (rows, BLOCK).
LAST, RISE, SQUARES = 0, 1, 2  # what a walk notes: last |r|, largest rise of it, sum of r^2
ALONG, TRANSVERSE, TANGENT = 0, 1, 2  # products of Jacobian factors, a tangent in the row given and next


def _walker(*, balanced, escapes, rises, factors, transverse, varied=False, tangent=False):  # noqa: PLR0915
    """Compile the loop of a few steps of a block, with what is to be noted on the way; see `_walk`."""
    chunk = CHUNK_SLICE if balanced else CHUNK_PLANE

    @inlined
    def walk(mu, a, b, seen, products, motion):  # noqa: PLR0912, PLR0915  branches the compiler removes
        for j in range(BLOCK):
            m, p, q = mu[j], a[j], 0.0 if balanced else b[j]
            if varied:
                dp, dq, n = motion.velocity[0, j], motion.velocity[1, j], motion.done[j]
            if escapes:
                squares = seen[SQUARES, j]
            if rises:
                last, rise = seen[LAST, j], seen[RISE, j]
            if factors:
                x = products[ALONG, j]
            if transverse:
                y = products[TRANSVERSE, j]
            if tangent:
                v, w = products[TANGENT, j], products[TANGENT + 1, j]
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
                seen[SQUARES, j] = squares
            if rises:
                seen[LAST, j], seen[RISE, j] = last, rise
            if factors:
                products[ALONG, j] = x
            if transverse:
                products[TRANSVERSE, j] = y
            if tangent:
                products[TANGENT, j], products[TANGENT + 1, j] = v, w

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

    @inlined
    def walk(balanced, mu, a, b, seen, products, motion=None):
        if balanced:
            for _ in range(WINDOW // CHUNK_SLICE):
                on_slice(mu, a, b, seen, products, motion)
        else:
            for _ in range(WINDOW // CHUNK_PLANE):
                off_slice(mu, a, b, seen, products, motion)

    return walk


walk_plain = _walk()
walk_guarded = _walk(escapes=True)
walk_noting_rises = _walk(rises=True)
walk_watching = _walk(escapes=True, rises=True)
walk_measuring = _walk(factors=True)
walk_measuring_along = _walk(factors=True, transverse=False)
walk_measuring_spectrum = _walk(factors=True, tangent=True)
walk_guarded_measuring = _walk(escapes=True, factors=True)
walk_watching_measuring = _walk(escapes=True, rises=True, factors=True)
walk_varied = _walk(varied=True)
walk_varied_noting_rises = _walk(rises=True, varied=True)


@compiled
def locate(mu, a, b, last, n_done, n_steps):
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
