"""Growth of perturbations: products of Jacobian factors, exponents over all time and over windows."""

from __future__ import annotations

import numpy as np

from lintrans.compiled import compiled, entry
from lintrans.two_factor.kernels.blocks import BLOCK, end_of_block, in_blocks, load
from lintrans.two_factor.kernels.map import is_far
from lintrans.two_factor.kernels.states import advance
from lintrans.two_factor.kernels.walks import (
    ALONG,
    TANGENT,
    TRANSVERSE,
    WINDOW,
    walk_measuring,
    walk_measuring_along,
    walk_measuring_spectrum,
)

N_BATCHES = 16  # batches of the measuring phase, for the standard errors of the exponents
_EXPONENT_MASK = np.int64(0x7FF)
_MANTISSA_MASK = np.int64(0x000FFFFFFFFFFFFF)
_ONE_BITS = np.int64(0x3FF0000000000000)
_WITHOUT_SIGN = np.int64(0x7FFFFFFFFFFFFFFF)
_SMALL = np.int64((1023 - 150) << 52)  # bits of 2^-150; 16 factors, none below 2^-53, fit in what is left
_RANGE = np.uint64((400 + 150) << 52)  # from there to 2^400; 16 factors below 2^30 fit above
_ZERO_PRODUCT = np.int64(-(2**40))  # added to an exponent count, it marks a product that became zero


@compiled
def normalize(products, exponents):
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


@compiled
def _take_exponents(product, exponents):
    """Move the binary exponents of ``product`` into ``exponents``, leaving mantissas in [1, 2).

    A product that became zero (or denormal) marks its count for good.
    """
    bits = product.view(np.int64)
    for j in range(BLOCK):
        field = (bits[j] >> 52) & _EXPONENT_MASK
        exponents[j] += field - 1023 if field > 0 else _ZERO_PRODUCT
        bits[j] = (bits[j] & _MANTISSA_MASK) | _ONE_BITS


@compiled
def take_means(balanced, products, exponents, n_steps, means):
    """Mean logarithm per step of both products, which start again; -inf where a factor was exactly 0."""
    for i in range(len(products)):
        _take_exponents(products[i], exponents[i])
        for j in range(BLOCK):
            total = exponents[i, j] * np.log(2.0) + np.log(products[i, j])
            means[i, j] = -np.inf if exponents[i, j] < _ZERO_PRODUCT // 2 else total / n_steps
            products[i, j], exponents[i, j] = 1.0, 0
    if not balanced:
        for j in range(BLOCK):
            means[ALONG, j] -= means[TRANSVERSE, j]


@compiled
def mean_and_error(batches):
    """Mean and standard error over batches; the error of a mean of -inf is NaN."""
    mean = np.mean(batches)
    variance = np.sum((batches - mean) ** 2) / (batches.size - 1)
    return mean, np.sqrt(variance / batches.size)


@entry
def exponents(mu, a, b, n_transient, n_steps, transverse):
    """Both exponents of each orbit with their errors: (n, 4), NaN where the orbit has escaped.

    ``n_steps`` is a multiple of WINDOW * N_BATCHES. The last state tells whether there was an escape. Without
    ``transverse`` those columns are NaN; on the slice that saves a third of the time.
    """
    result = np.full((mu.size, 4), np.nan)
    first_a, first_b = advance(mu, a, b, n_transient)
    order, n_on_slice = in_blocks(b)
    seen, products, counts = np.empty((0, BLOCK)), np.ones((2, BLOCK)), np.zeros((2, BLOCK), np.int64)
    means = np.empty((N_BATCHES, 2, BLOCK))
    n_batch = n_steps // N_BATCHES
    start = 0
    while start < mu.size:
        end = end_of_block(start, n_on_slice, mu.size)
        index, balanced = order[start:end], end <= n_on_slice
        m, p, q = load(mu, index), load(first_a, index), load(first_b, index)
        n_rows = 2 if transverse or not balanced else 1
        for k in range(N_BATCHES):
            for _ in range(n_batch // WINDOW):
                if n_rows == 2:
                    walk_measuring(balanced, m, p, q, seen, products)
                else:
                    walk_measuring_along(balanced, m, p, q, seen, products)
                normalize(products[:n_rows], counts)
            take_means(balanced, products[:n_rows], counts, n_batch, means[k])
        for j in range(index.size):
            if not is_far(p[j], q[j]):
                row = result[index[j]]
                row[0], row[1] = mean_and_error(means[:, ALONG, j])
                if transverse:
                    row[2], row[3] = mean_and_error(means[:, TRANSVERSE, j])
        start = end
    return result


@entry
def exponent_windows(mu, a, b, n_transient, n_window, n_windows):
    """Exponents of each orbit over windows of time, one after another: (n, n_windows, 3).

    Along, transverse, and the growth of a tangent vector, which tends to the largest; each the mean logarithm
    per step, -inf where a factor was exactly 0. ``n_window`` is a multiple of WINDOW; the windows begin after
    ``n_transient`` + ``n_window`` steps. NaN if the orbit has escaped at the end.
    """
    result = np.full((mu.size, n_windows, 3), np.nan)
    first_a, first_b = advance(mu, a, b, n_transient)
    order, n_on_slice = in_blocks(b)
    seen, products, counts = np.empty((0, BLOCK)), np.ones((4, BLOCK)), np.zeros((2, BLOCK), np.int64)
    means, growth = np.empty((2, BLOCK)), np.empty(BLOCK)
    start = 0
    while start < mu.size:
        end = end_of_block(start, n_on_slice, mu.size)
        index, balanced = order[start:end], end <= n_on_slice
        m, p, q = load(mu, index), load(first_a, index), load(first_b, index)
        products[TANGENT:] = np.sqrt(0.5)
        for k in range(-1, n_windows):  # in one window more, the first, the tangent finds its direction
            growth[:] = 0.0
            for _ in range(n_window // WINDOW):
                walk_measuring_spectrum(balanced, m, p, q, seen, products)
                normalize(products[:2], counts)
                _take_growth(products[TANGENT], products[TANGENT + 1], growth)
            take_means(balanced, products[:2], counts, n_window, means)
            for j in range(index.size if k >= 0 else 0):
                row = result[index[j], k]
                row[0], row[1], row[2] = means[ALONG, j], means[TRANSVERSE, j], growth[j] / n_window
        for j in range(index.size):
            if is_far(p[j], q[j]):
                result[index[j]] = np.nan
        start = end
    return result


@compiled
def _take_growth(v, w, growth):
    """Normalize tangents (v, w) and add the logarithms of their lengths; one that vanished stays so."""
    for j in range(BLOCK):
        length = np.hypot(v[j], w[j])
        growth[j] += np.log(length)
        if length > 0.0:
            v[j], w[j] = v[j] / length, w[j] / length
