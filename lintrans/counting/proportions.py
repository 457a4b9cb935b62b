"""Probabilities measured by counting, with their confidence intervals."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

FloatArray = NDArray[np.float64]
CONFIDENCE = 0.95


class Proportion(NamedTuple):
    """A share of trials with its Clopper-Pearson interval: exact, two-sided, never too narrow.

    Attributes
    ----------
    value, low, high : float
    """

    value: float
    low: float
    high: float


def intervals(
    counts: ArrayLike, n_trials: int, confidence: float = CONFIDENCE
) -> tuple[FloatArray, FloatArray]:
    """Ends of the Clopper-Pearson intervals of counts out of n_trials.

    Examples
    --------
    The rule of three: no event in 300 trials bounds the probability by about 3 / 300 on one side.

    >>> low, high = intervals([0, 300], 300, confidence=0.90)
    >>> low.round(4).tolist(), high.round(4).tolist()
    ([0.0, 0.9901], [0.0099, 1.0])
    """
    from scipy.special import betaincinv

    k, tail = np.asarray(counts, dtype=np.float64), (1 - confidence) / 2
    low = np.where(k > 0, betaincinv(np.maximum(k, 1), n_trials - k + 1, tail), 0.0)
    high = np.where(k < n_trials, betaincinv(k + 1, np.maximum(n_trials - k, 1), 1 - tail), 1.0)
    return np.asarray(low), np.asarray(high)


def proportion(count: int, n_trials: int, confidence: float = CONFIDENCE) -> Proportion:
    """Share of trials, with its interval.

    Examples
    --------
    >>> proportion(5, 10).value
    0.5
    """
    low, high = intervals(count, n_trials, confidence)
    return Proportion(count / n_trials, float(low), float(high))
