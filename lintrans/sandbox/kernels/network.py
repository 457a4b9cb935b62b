"""The feed-forward network and the read-out, forward and backward, for a few rows of columns at a time.

Tokens, value matrix and the last bias come as `lintrans.sandbox.kernels.layout.widen` repeats them. Weights
of a hidden unit are repeated when it is its turn: it is finished for all rows before the next one begins, so
that they stay in the first cache, and so does their gradient.
"""

from __future__ import annotations

import numpy as np

from lintrans.compiled import compiled, inlined, product
from lintrans.sandbox.kernels.functions import exponential, gelu, gelu_and_slope, logarithm
from lintrans.sandbox.kernels.layout import COLUMNS, add_narrow, rows_of, widen


@inlined
def add_product(sums, a, b):
    """Add a * b, column by column."""
    for c in range(COLUMNS):
        sums[c] += a[c] * b[c]


@inlined
def add_two_products(sums, start, a, b, c_, d_):
    """Put start + a * b + c * d into sums, column by column."""
    for c in range(COLUMNS):
        sums[c] = start[c] + a[c] * b[c] + c_[c] * d_[c]


@inlined
def copy(a, b):
    """Copy b into a, column by column."""
    for c in range(COLUMNS):
        a[c] = b[c]


@compiled
def apply_value(sizes, wide, means, xi):
    """Value matrix on the mean vectors of one row of columns."""
    d, value = sizes.d, rows_of(sizes).value
    for i in range(d):
        row = xi[i]
        for c in range(COLUMNS):
            row[c] = 0.0
        for k in range(d):
            add_product(row, wide[value + i * d + k], means[k])


@compiled
def value_backward(sizes, wide, means, by_xi, gradient, by_mean):
    """Gradient by the value matrix, added, and by the mean vectors."""
    d, value = sizes.d, rows_of(sizes).value
    for k in range(d):
        row = by_mean[k]
        for c in range(COLUMNS):
            row[c] = 0.0
        for i in range(d):
            add_product(row, wide[value + i * d + k], by_xi[i])
            add_product(gradient[value + i * d + k], by_xi[i], means[k])


@inlined
def widen_unit(d, width, rows, weights, u, unit):
    """Repeat the weights of hidden unit u: d of W1, the bias, d of W2."""
    for i in range(d):
        widen(weights, rows.up + u * d + i, unit, i)
        widen(weights, rows.down + i * width + u, unit, d + 1 + i)
    widen(weights, rows.up_bias + u, unit, d)


@inlined
def before_unit(d, unit, normed, sums):
    """W1 normed + b1 of one hidden unit and one row of columns."""
    if d == 2:  # the same sum, without a detour through memory
        add_two_products(sums, unit[2], unit[0], normed[0], unit[1], normed[1])
    else:
        copy(sums, unit[d])
        for i in range(d):
            add_product(sums, unit[i], normed[i])


@inlined
def before_unit_backward(d, unit, by_out, bend, slope):
    """Gradient by `before_unit`, from that by the output."""
    if d == 2:
        first, second, a, b = unit[3], unit[4], by_out[0], by_out[1]
        for c in range(COLUMNS):
            slope[c] = (first[c] * a[c] + product(second[c], b[c])) * bend[c]
    else:
        for c in range(COLUMNS):
            slope[c] = 0.0
        for i in range(d):
            add_product(slope, unit[d + 1 + i], by_out[i])
        for c in range(COLUMNS):
            slope[c] *= bend[c]


@compiled
def activate(u, n_rows, hidden, bends, keep):
    """Gelu of a hidden unit, with its slope unless ``bends`` is empty, and dropout unless ``keep`` is."""
    n = n_rows * COLUMNS
    active = hidden[u, :n_rows].reshape(n)
    if bends.size == 0:
        for c in range(n):
            active[c] = gelu(active[c])
        return
    bend = bends[u, :n_rows].reshape(n)
    for c in range(n):
        active[c], bend[c] = gelu_and_slope(active[c])
    if keep.size > 0:
        kept = keep[u, :n_rows].reshape(n)
        for c in range(n):
            active[c] *= kept[c]
        for c in range(n):
            bend[c] *= kept[c]


@compiled
def feed_forward(sizes, weights, wide, n_rows, normed, xi, hidden, bends, keep, unit, out):
    """Put xi + W2 gelu(W1 normed + b1) + b2 into out.

    Arrays are (n_rows, d, COLUMNS), those of hidden units (width, n_rows, COLUMNS); ``bends`` takes the
    derivatives of gelu, unless it is empty. ``keep`` is what dropout multiplies hidden units with; empty for
    none. ``unit`` is space for the weights of one.
    """
    d, rows = sizes.d, rows_of(sizes)
    for r in range(n_rows):
        for i in range(d):
            copy(out[r, i], xi[r, i])
            row, bias = out[r, i], wide[rows.down_bias + i]
            for c in range(COLUMNS):
                row[c] += bias[c]
    for u in range(sizes.width):
        widen_unit(d, sizes.width, rows, weights, u, unit)
        for r in range(n_rows):
            before_unit(d, unit, normed[r], hidden[u, r])
        activate(u, n_rows, hidden, bends, keep)
        for r in range(n_rows):
            for i in range(d):
                add_product(out[r, i], unit[d + 1 + i], hidden[u, r])


@compiled
def feed_forward_backward(
    sizes, weights, n_rows, normed, hidden, bends, by_out, gradient, by_wide, by_normed, unit, by_unit, slope
):
    """Gradient by the weights, added, and by the normed xi; ``unit``, ``by_unit``, ``slope`` are space."""
    d, rows = sizes.d, rows_of(sizes)
    by_normed[:n_rows] = 0.0
    for r in range(n_rows):
        for i in range(d):
            bias, row = by_wide[rows.down_bias + i], by_out[r, i]
            for c in range(COLUMNS):
                bias[c] += row[c]
    for u in range(sizes.width):
        widen_unit(d, sizes.width, rows, weights, u, unit)
        by_unit[:] = 0.0
        by_bias = by_unit[d]
        for r in range(n_rows):
            before_unit_backward(d, unit, by_out[r], bends[u, r], slope)
            for i in range(d):
                add_product(by_unit[d + 1 + i], hidden[u, r], by_out[r, i])
            for c in range(COLUMNS):
                by_bias[c] += slope[c]
            for i in range(d):
                add_product(by_unit[i], slope, normed[r, i])
                add_product(by_normed[r, i], slope, unit[i])
        for i in range(d):
            add_narrow(by_unit, i, gradient, rows.up + u * d + i)
            add_narrow(by_unit, d + 1 + i, gradient, rows.down + i * sizes.width + u)
        add_narrow(by_unit, d, gradient, rows.up_bias + u)


@compiled
def read_out(sizes, wide, out, labels, shares, loss, right, own, total):
    """Probabilities of all tokens, loss, and 1 where the label has the largest logit; of one row."""
    n_tokens, largest = sizes.n_tokens, loss
    logits_of(sizes, wide, out, labels, shares, largest, own)
    for c in range(COLUMNS):
        right[c] = 1.0 if own[c] > largest[c] else 0.0  # so far of all other tokens
    for c in range(COLUMNS):
        largest[c] = own[c] if own[c] > largest[c] else largest[c]
    for c in range(COLUMNS):
        total[c] = 0.0
    for k in range(n_tokens):
        share = shares[k]
        for c in range(COLUMNS):
            share[c] = exponential(share[c] - largest[c])
        for c in range(COLUMNS):
            total[c] += share[c]
    for k in range(n_tokens):
        share = shares[k]
        for c in range(COLUMNS):
            share[c] /= total[c]
    for c in range(COLUMNS):
        own[c] -= largest[c]
    for c in range(COLUMNS):
        loss[c] = logarithm(total[c]) - own[c]


@compiled
def logits_of(sizes, wide, out, labels, shares, others, own):
    """Logits in place of shares, that of the label, and the largest of all others; of one row."""
    d, n_tokens = sizes.d, sizes.n_tokens
    for c in range(COLUMNS):
        others[c] = -np.inf
        own[c] = 0.0
    for k in range(n_tokens):
        logit = shares[k]
        for c in range(COLUMNS):
            logit[c] = 0.0
        for i in range(d):
            add_product(logit, wide[k * d + i], out[i])
        for c in range(COLUMNS):
            own[c] = logit[c] if labels[c] == k else own[c]
        for c in range(COLUMNS):
            others[c] = logit[c] if labels[c] != k and logit[c] > others[c] else others[c]


@compiled
def read_out_backward(sizes, wide, out, labels, factor, shares, gradient, by_out):
    """Gradient of ``factor`` times the loss, by the token table, added, and by the output; uses up shares."""
    d, n_tokens = sizes.d, sizes.n_tokens
    for i in range(d):
        row = by_out[i]
        for c in range(COLUMNS):
            row[c] = 0.0
    for k in range(n_tokens):
        share = shares[k]
        for c in range(COLUMNS):
            share[c] = factor[c] * (share[c] - (1.0 if labels[c] == k else 0.0))
        for i in range(d):
            add_product(by_out[i], wide[k * d + i], share)
            add_product(gradient[k * d + i], out[i], share)
