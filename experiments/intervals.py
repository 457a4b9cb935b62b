"""Intervals and tests of small samples that several experiments share."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike
from scipy.stats import binom, fisher_exact
from scipy.stats.contingency import odds_ratio

CONFIDENCE = 0.95
N_RESAMPLES = 10_000


class Estimate(NamedTuple):
    """A number with the ends of its 95 % interval; NaN where a sample is too small for one."""

    value: float
    low: float
    high: float


class Comparison(NamedTuple):
    """Two counts of successes: p of Fisher's exact test, two-sided, and the conditional odds ratio."""

    p: float
    odds: Estimate


def median(values: ArrayLike) -> Estimate:
    """Median of the values that are not NaN, between order statistics: at least 95 % whatever the law."""
    found = np.sort(np.asarray(values, dtype=np.float64))
    found = found[~np.isnan(found)]
    n = len(found)
    if n == 0:
        return Estimate(np.nan, np.nan, np.nan)
    rank = int(binom.ppf((1 - CONFIDENCE) / 2, n, 0.5))  # largest with P(fewer below the median) <= 2.5 %
    if binom.cdf(rank - 1, n, 0.5) > (1 - CONFIDENCE) / 2 or rank == 0:
        return Estimate(float(np.median(found)), np.nan, np.nan)
    return Estimate(float(np.median(found)), float(found[rank - 1]), float(found[n - rank]))


def mean(values: ArrayLike, seed: int = 0) -> Estimate:
    """Mean, with the percentiles of bootstrap resamples."""
    found = np.asarray(values, dtype=np.float64)
    if len(found) < 2:
        return Estimate(float(found.mean()) if len(found) else np.nan, np.nan, np.nan)
    resampled = np.random.default_rng(seed).choice(found, (N_RESAMPLES, len(found))).mean(axis=1)
    tail = 50 * (1 - CONFIDENCE)
    return Estimate(float(found.mean()), *np.percentile(resampled, [tail, 100 - tail]).tolist())


def compare(first: tuple[int, int], second: tuple[int, int]) -> Comparison:
    """Hold successes out of trials against others."""
    table = [[first[0], first[1] - first[0]], [second[0], second[1] - second[0]]]
    if not (np.sum(table, axis=0) > 0).all():  # no success, or no failure: nothing to tell
        return Comparison(1.0, Estimate(np.nan, 0.0, np.inf))
    ratio = odds_ratio(table)
    return Comparison(
        float(fisher_exact(table).pvalue), Estimate(float(ratio.statistic), *ratio.confidence_interval())
    )


def power(n: int, shares: tuple[float, float], level: float = 0.05) -> float:
    """Probability that Fisher's exact test of n trials each tells two shares apart."""
    found = 0.0
    weights = [binom.pmf(np.arange(n + 1), n, share) for share in shares]
    for i in range(n + 1):
        for j in range(n + 1):
            if weights[0][i] * weights[1][j] > 1e-12 and compare((i, n), (j, n)).p <= level:
                found += weights[0][i] * weights[1][j]
    return float(found)
