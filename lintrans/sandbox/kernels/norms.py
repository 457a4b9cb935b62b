"""The norm of vectors in columns, and its gradient: z s with s from the mean square of z."""

from __future__ import annotations

import math

from lintrans.compiled import compiled, product
from lintrans.sandbox.kernels.layout import RMS_NORM, SMOOTH_NORM

_SHORT = 1e-150  # a shorter vector turns nothing: with the constant, its direction does not matter


@compiled
def norm(kind, constant, z, scale, bend, normed):
    """Norm the columns of z (d, n): scale s, and the ``bend`` of its gradient, -ds/dz_i = bend * z_i.

    RMS: s = 1 / (r + constant) with r the root mean square. Smooth: s = 1 / sqrt(r^2 + constant^2).
    """
    d, n = z.shape
    square = product(constant, constant)
    for c in range(n):
        scale[c] = 0.0
    for i in range(d):
        row = z[i]
        for c in range(n):
            scale[c] += row[c] * row[c]
    if kind == RMS_NORM:
        for c in range(n):
            r = math.sqrt(scale[c] / d)
            s = 1.0 / (r + constant)
            scale[c] = s
            bend[c] = s * s / (r * d) if r > _SHORT else 0.0
    elif kind == SMOOTH_NORM:
        for c in range(n):
            s = 1.0 / math.sqrt(scale[c] / d + square)
            scale[c] = s
            bend[c] = s * s * s / d
    else:
        for c in range(n):
            scale[c] = 1.0
            bend[c] = 0.0
    for i in range(d):
        row, out = z[i], normed[i]
        for c in range(n):
            out[c] = scale[c] * row[c]


@compiled
def norm_backward(z, scale, bend, by_normed, by_z, work):
    """Add the gradient by z to ``by_z``, from that by the normed vectors."""
    d, n = z.shape
    for c in range(n):
        work[c] = 0.0
    for i in range(d):
        row, slope = z[i], by_normed[i]
        for c in range(n):
            work[c] += row[c] * slope[c]
    for c in range(n):
        work[c] *= bend[c]
    for i in range(d):
        row, slope, out = z[i], by_normed[i], by_z[i]
        for c in range(n):
            out[c] += scale[c] * slope[c] - product(work[c], row[c])
