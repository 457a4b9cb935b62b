"""The largest step size, or the smallest batch size, with a low risk, from counts of events at a few of them.

`bisect_step_size` counts events where the answer can still be: between the smallest step size known to exceed
the risk and the largest one known to be below it. It finds the three numbers of a `Limit` one after the
other, each from all counts so far. The risk is assumed to grow with the step size and to fall with the batch
size.
"""

from __future__ import annotations

import bisect
import functools
import itertools
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import NamedTuple

from lintrans.counting.proportions import proportion
from lintrans.errors import InputError, count, finite, positive
from lintrans.sweeps.grid import Progress

MAX_MOVES = 10  # doublings of either end of the bracket
RATIO = 1.01


class Limit(NamedTuple):
    """A largest step size, or a smallest batch size, with the interval in which it lies.

    Attributes
    ----------
    value : float
        From the estimates of the risk.
    low, high : float
        From the ends of their intervals; NaN if none was found.
    """

    value: float
    low: float
    high: float


def bisect_step_size(
    count_events: Callable[[float], int],
    n_trials: int,
    risk: float,
    low: float,
    high: float,
    *,
    ratio: float = RATIO,
) -> Limit:
    """Find the largest step size with a risk up to ``risk``, from counts at a few step sizes.

    The risk must grow with the step size; if it crosses ``risk`` at several step sizes, one of them is found.
    Use the same random numbers at every step size, and many trials, so that chance does not add crossings.

    Parameters
    ----------
    count_events
        Function that returns the number of trials with the event at a step size; called once for each.
    n_trials
        Number of trials at every step size.
    risk
        Accepted probability of the event, between 0 and 1.
    low, high
        Step sizes to begin with. If the answer is not between them, the search goes up to 2^10 times lower
        and higher.
    ratio
        Ratio of neighbouring step sizes at the end, above 1: each number is found up to this factor.

    Returns
    -------
    limit : Limit
        ``value``: the largest step size found whose estimate count / n_trials is at most the risk. ``low``:
        the largest whose 95 % interval (Clopper-Pearson) ends below the risk. ``high``: the smallest whose
        interval begins above it. NaN if there is none in reach, or if n_trials is too small to ever tell.

    Raises
    ------
    InputError
        If an argument is out of range.

    Examples
    --------
    A risk of step size / 10, counted exactly:

    >>> found = bisect_step_size(lambda eta: min(1000, round(100 * eta)), 1000, 0.2, 0.1, 1.0)
    >>> round(found.value, 1), found.low < found.value < found.high
    (2.0, True)
    """
    n, risk = count("n_trials", n_trials), check_risk(risk)
    if positive("low", low) >= finite("high", high):
        raise InputError(f"high must lie above low = {low:g}, got {high:g}; swap them")
    if finite("ratio", ratio) <= 1:
        raise InputError(f"ratio must lie above 1, got {ratio:g}; pass e.g. {RATIO}")
    counts: dict[float, int] = {}

    def enclose(keeps: Callable[[int], bool]) -> tuple[float, float]:
        """Neighbouring step sizes, the first with a count that keeps the risk."""
        if not keeps(0) or keeps(n):
            return math.nan, math.nan
        for eta in (low, high):
            if eta not in counts:
                counts[eta] = count_events(eta)
        while True:
            above = min((eta for eta, k in counts.items() if not keeps(k)), default=math.inf)
            below = max((eta for eta in counts if eta < above), default=0.0)
            if below == 0:
                eta = above / 2
            elif above == math.inf:
                eta = 2 * below
            elif above <= ratio * below:
                return below, above
            else:
                eta = math.sqrt(below) * math.sqrt(above)
            if not low / 2**MAX_MOVES <= eta <= high * 2**MAX_MOVES:
                return math.nan, math.nan
            counts[eta] = count_events(eta)

    return Limit(
        enclose(lambda k: k <= risk * n)[0],
        enclose(lambda k: proportion(k, n).high <= risk)[0],
        enclose(lambda k: proportion(k, n).low <= risk)[1],
    )


def search_batch_size(
    count_events: Callable[[int], int], n_trials: int, risk: float, sizes: Sequence[int]
) -> Limit:
    """Find the smallest of given batch sizes with a risk up to ``risk``, from counts at a few of them.

    Parameters
    ----------
    count_events
        Function that returns the number of trials with the event for a batch size; called once for each.
    n_trials
        Number of trials with every batch size.
    risk
        Accepted probability of the event, between 0 and 1. It must fall with the batch size.
    sizes
        Batch sizes, increasing.

    Returns
    -------
    limit : Limit
        ``value``: from the estimates. ``low``: from this size on it cannot be excluded that the risk is low
        enough. ``high``: from this size on it is, with 95 % confidence. NaN if no size qualifies.

    Raises
    ------
    InputError
        If the risk or the number of trials is out of range.

    Examples
    --------
    >>> search_batch_size(lambda size: 1000 // size, 1000, 0.26, [1, 2, 4, 8])
    Limit(value=4.0, low=4.0, high=8.0)
    """
    n, risk = count("n_trials", n_trials), check_risk(risk)
    asked = functools.cache(count_events)

    def smallest(keeps: Callable[[int], bool]) -> float:
        i = bisect.bisect_left(sizes, True, key=lambda size: keeps(asked(size)))
        return float(sizes[i]) if i < len(sizes) else math.nan

    return Limit(
        smallest(lambda k: k <= risk * n),
        smallest(lambda k: proportion(k, n).low <= risk),
        smallest(lambda k: proportion(k, n).high <= risk),
    )


def successive(progress: Progress | None, n_trials: int) -> Iterator[Progress | None]:
    """Yield a progress report for each count, of the trials in all counts so far."""
    for i in itertools.count():
        if progress is None:
            yield None
        else:
            yield functools.partial(_report, progress, i * n_trials)


def _report(progress: Progress, before: int, done: int, total: int, found: Mapping[str, int]) -> None:
    progress(before + done, before + total, found)


def check_risk(risk: float) -> float:
    """Check an accepted risk."""
    if not 0 < finite("risk", risk) < 1:
        raise InputError(f"risk must lie between 0 and 1, got {risk:g}; pass e.g. 0.01")
    return risk
