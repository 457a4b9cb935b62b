"""Attention as a look-up: only p L normed vectors exist, each with one weight e^score.

Positions are taken in groups; for every combination of tokens in a group a table holds the sum of the
weights and of the weighted vectors. A sequence then needs one entry per group, and its gradient goes back the
same way. Tables and vectors are flat: (d + 1, entries * LANES) and (d, p L * LANES), the entry of token x at
position t being t p + x.
"""

from __future__ import annotations

import math

import numpy as np

from lintrans.compiled import compiled, product
from lintrans.sandbox.kernels.functions import exponential
from lintrans.sandbox.kernels.layout import COLUMNS, LANES, rows_of
from lintrans.sandbox.kernels.norms import norm, norm_backward


@compiled
def n_entries(sizes):
    """Entries of the tables of all groups."""
    total = 0
    for first in range(0, sizes.length, sizes.group):
        total += sizes.p ** min(sizes.group, sizes.length - first)
    return total


@compiled
def vectors_of(sizes, weights, z):
    """Token plus position, for all p L pairs."""
    p, d, positions = sizes.p, sizes.d, rows_of(sizes).positions
    for t in range(sizes.length):
        for x in range(p):
            for i in range(d):
                for j in range(LANES):
                    z[i, (t * p + x) * LANES + j] = weights[x * d + i, j] + weights[positions + t * d + i, j]


@compiled
def attend(sizes, weights, kind, constant, z, scale, bend, normed, weight):
    """Norm all vectors and weigh them: e^(z.q / sqrt d), over the largest of each lane."""
    d, query, n = sizes.d, rows_of(sizes).query, sizes.p * sizes.length
    vectors_of(sizes, weights, z)
    norm(kind, constant, z, scale, bend, normed)
    factor, largest = 1.0 / math.sqrt(d), np.full(LANES, -np.inf)
    for k in range(n):
        for j in range(LANES):
            c = k * LANES + j
            score = 0.0
            for i in range(d):
                score += normed[i, c] * weights[query + i, j]
            weight[c] = score * factor
            largest[j] = weight[c] if weight[c] > largest[j] else largest[j]
    for k in range(n):
        for j in range(LANES):
            weight[k * LANES + j] -= largest[j]
    for c in range(n * LANES):
        weight[c] = exponential(weight[c])


@compiled
def fill_tables(sizes, weight, normed, table):
    """Sums over each group: row i < d of the weighted vectors, row d of the weights."""
    p, d, first = sizes.p, sizes.d, 0
    for start in range(0, sizes.length, sizes.group):
        for i in range(d + 1):
            sums = table[i]
            for j in range(LANES):
                sums[first * LANES + j] = 0.0
            n = 1
            for t in range(start, min(start + sizes.group, sizes.length)):
                for x in range(p - 1, -1, -1):  # token 0 last: it takes the place of what it is added to
                    for k in range(n):
                        for j in range(LANES):
                            e = (t * p + x) * LANES + j
                            term = product(weight[e], normed[i, e]) if i < d else weight[e]
                            sums[(first + x * n + k) * LANES + j] = sums[(first + k) * LANES + j] + term
                n *= p
        first += p ** min(sizes.group, sizes.length - start)


@compiled
def look_up(table, places, found, means):
    """Sum of weights in row d of ``found``, and the mean vector, for one row of columns."""
    d = means.shape[0]
    for i in range(d + 1):
        sums, entries = found[i], table[i]
        for c in range(COLUMNS):
            sums[c] = 0.0
        for g in range(places.shape[0]):
            place = places[g]
            for c in range(COLUMNS):
                sums[c] += entries[place[c]]
    total = found[d]
    for i in range(d):
        mean, sums = means[i], found[i]
        for c in range(COLUMNS):
            mean[c] = sums[c] / total[c]


@compiled
def put_back(table, places, total, means, gradient, work):
    """Add the gradient by the mean vectors of one row of columns to the tables it came from."""
    d = means.shape[0]
    last = work[d]
    for c in range(COLUMNS):
        last[c] = 0.0
    for i in range(d):
        row, mean, slope = work[i], means[i], gradient[i]
        for c in range(COLUMNS):
            row[c] = slope[c] / total[c]
        for c in range(COLUMNS):
            last[c] -= row[c] * mean[c]
    for i in range(d + 1):
        row, entries = work[i], table[i]
        for g in range(places.shape[0]):
            place = places[g]
            for c in range(COLUMNS):
                entries[place[c]] += row[c]


@compiled
def unfold_tables(sizes, table, slopes):
    """Gradient (d + 1, p L * LANES) by the terms of `fill_tables`, from that by the tables: used up."""
    p, d, first = sizes.p, sizes.d, 0
    for start in range(0, sizes.length, sizes.group):
        end = min(start + sizes.group, sizes.length)
        n = p ** (end - start)
        for i in range(d + 1):
            sums, size = table[i], n
            for t in range(end - 1, start - 1, -1):
                size //= p
                for x in range(p):
                    for j in range(LANES):
                        slopes[i, (t * p + x) * LANES + j] = 0.0
                    for k in range(size):
                        for j in range(LANES):
                            slopes[i, (t * p + x) * LANES + j] += sums[(first + x * size + k) * LANES + j]
                for x in range(1, p):
                    for k in range(size):
                        for j in range(LANES):
                            sums[(first + k) * LANES + j] += sums[(first + x * size + k) * LANES + j]
        first += n


@compiled
def attend_backward(sizes, weights, table, z, scale, bend, normed, weight, slopes, by_vector, gradient):
    """Take the gradient by the tables back to tokens, positions and query; the tables are used up."""
    p, d, rows, factor = sizes.p, sizes.d, rows_of(sizes), 1.0 / math.sqrt(sizes.d)
    unfold_tables(sizes, table, slopes)
    for k in range(p * sizes.length):
        for j in range(LANES):
            c = k * LANES + j
            by_weight = slopes[d, c]
            for i in range(d):
                by_weight += normed[i, c] * slopes[i, c]
            by_score = by_weight * weight[c] * factor
            for i in range(d):
                gradient[rows.query + i, j] += by_score * normed[i, c]
                by_query = product(by_score, weights[rows.query + i, j])
                slopes[i, c] = slopes[i, c] * weight[c] + by_query
                by_vector[i, c] = 0.0
    norm_backward(z, scale, bend, slopes[:d], by_vector, slopes[d])
    for t in range(sizes.length):
        for x in range(p):
            for i in range(d):
                for j in range(LANES):
                    slope = by_vector[i, (t * p + x) * LANES + j]
                    gradient[x * d + i, j] += slope
                    gradient[rows.positions + t * d + i, j] += slope
