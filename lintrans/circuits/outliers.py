"""Tensors that do not lie where their neighbours in training say.

The rule needs no scale and no spacing of steps, so it holds for logarithmic grids too. Let a and c be the
same tensor at the checkpoints before and after, and b the one between. The **distance** of b to the segment
from a to c, divided by the length of that segment, is 0 on a straight path, at most 0.5 on a random walk, and
0.87 if all three are independent draws around one point. The **norm** of b is compared with the range between
those of a and c.

A tensor is reported if its value is large by itself and also large against both neighbours. Training that
jumps back and forth has large values everywhere; a broken checkpoint has one between two small ones, since it
is then an end of the segments beside it. The first and the last checkpoint have one neighbour only: there the
step to it, divided by the next step, is compared among all tensors.

Small and slow tensors are left out: below 64 entries chance alone gives large values, and a distance below
5 % of the norm may be the rounding of stored numbers.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import NamedTuple

import numpy as np

MAX_DISTANCE = 2.0  # of the segment
MAX_NORM = 3.0  # times the larger or the smaller norm beside it
AGAINST_NEIGHBOURS = 3.0
MIN_ENTRIES = 64
MIN_MOVED = 0.05  # of the norm
MIN_TENSORS = 8  # for comparison at the ends
MAX_END_STEP = 10.0  # times the step of the median tensor
N_SPREADS = 8.0  # standard deviations, by the median deviation, of the logarithm of that step
TO_SIGMA = 1.4826  # a standard deviation in units of the median deviation, of a normal distribution


class Track(NamedTuple):
    """A tensor over checkpoints in the order of training.

    Attributes
    ----------
    size : int
        Entries.
    norm : sequence of float
        Euclidean norms.
    step : sequence of float
        Distances to the checkpoint before; the first is NaN.
    two_steps : sequence of float
        Distances to the one before that; the first two are NaN.
    """

    size: int
    norm: Sequence[float]
    step: Sequence[float]
    two_steps: Sequence[float]


class Outlier(NamedTuple):
    """A tensor that stands out.

    Attributes
    ----------
    at : int
        Which checkpoint.
    tensor : str
        Its name.
    kind : str
        ``distance``, ``norm`` or ``end``.
    value : float
        Distance in lengths of the segment between its neighbours; norm by the nearer of theirs; step in steps
        of the median tensor.
    """

    at: int
    tensor: str
    kind: str
    value: float


def find_outliers(tracks: Mapping[str, Track]) -> list[Outlier]:
    """Tensors that stand out, by checkpoint and the largest first; the rule is that of this module.

    Parameters
    ----------
    tracks
        Tensors by name, all over the same checkpoints.

    Examples
    --------
    A path along a line, and one that leaves it once:

    >>> straight = Track(100, [1.0, 2, 3, 4], [math.nan, 1, 1, 1], [math.nan, math.nan, 2, 2])
    >>> bent = Track(100, [1.0, 2, 40, 4], [math.nan, 1, 38, 36], [math.nan, math.nan, 39, 2])
    >>> find_outliers({"w": straight})
    []
    >>> [(found.at, found.kind) for found in find_outliers({"w": bent})]
    [(2, 'distance'), (2, 'norm')]
    """
    usable = {name: track for name, track in tracks.items() if track.size >= MIN_ENTRIES}
    found = [
        Outlier(at, name, kind, value)
        for name, track in usable.items()
        for kind, values, limit in (
            ("distance", _distances(track), MAX_DISTANCE),
            ("norm", _norm_ratios(track), MAX_NORM),
        )
        for at, value in _peaks(values, limit)
    ]
    found += [*_at_the_end(usable, first=True), *_at_the_end(usable, first=False)]
    return sorted(found, key=lambda one: (one.at, -one.value, one.tensor))


def segment_distance(a: float, b: float, c: float) -> float:
    """Distance of a point to a segment, from the distances a and b to its ends and its length c.

    Examples
    --------
    >>> segment_distance(5.0, 5.0, 8.0), segment_distance(1.0, 3.0, 2.0), segment_distance(2.0, 2.0, 0.0)
    (3.0, 1.0, 2.0)
    """
    if c == 0 or a * a + c * c <= b * b:
        return a
    if b * b + c * c <= a * a:
        return b
    along = (a * a + c * c - b * b) / (2 * c)
    return math.sqrt(max(a * a - along * along, 0.0))


def _distances(track: Track) -> list[float]:
    """Distance of each checkpoint to the segment between its neighbours, in lengths of it; 0 at the ends."""
    n = len(track.norm)
    values = [0.0] * n
    for t in range(1, n - 1):
        apart = track.two_steps[t + 1]
        distance = segment_distance(track.step[t], track.step[t + 1], apart)
        if distance >= MIN_MOVED * max(track.norm[t - 1], track.norm[t + 1]) and distance > 0:
            values[t] = distance / apart if apart > 0 else math.inf
    return values


def _norm_ratios(track: Track) -> list[float]:
    """By what factor each norm leaves the range between those beside it; 1 within it and at the ends."""
    n = len(track.norm)
    values = [1.0] * n
    for t in range(1, n - 1):
        low, high = sorted((track.norm[t - 1], track.norm[t + 1]))
        if track.norm[t] > high:
            values[t] = track.norm[t] / high if high > 0 else math.inf
        elif track.norm[t] < low:
            values[t] = low / track.norm[t] if track.norm[t] > 0 else math.inf
    return values


def _peaks(values: Sequence[float], limit: float) -> list[tuple[int, float]]:
    """Values above a limit that are also three times as large as both beside them."""
    return [
        (t, here)
        for t, ((before, here), (_, after)) in enumerate(pairwise(pairwise(values)), start=1)
        if here > limit and here >= AGAINST_NEIGHBOURS * max(before, after)
    ]


def _at_the_end(tracks: Mapping[str, Track], *, first: bool) -> list[Outlier]:
    """Tensors whose step at one end is far larger, by the next step, than that of most tensors."""
    names, values = [], []
    for name, track in tracks.items():
        n = len(track.norm)
        if n < 3:
            continue
        end, beside, there = (1, 2, 0) if first else (n - 1, n - 2, n - 1)
        moved, usual = track.step[end], track.step[beside]
        inner = track.norm[1] if first else track.norm[n - 2]
        if moved > 0 and usual > 0 and math.isfinite(moved) and math.isfinite(usual):
            names.append((name, there, moved >= MIN_MOVED * inner))
            values.append(math.log(moved / usual))
    if len(values) < MIN_TENSORS:
        return []
    above = np.array(values) - np.median(values)
    spread = TO_SIGMA * float(np.median(np.abs(above)))
    limit = max(math.log(MAX_END_STEP), N_SPREADS * spread)
    return [
        Outlier(at, name, "end", math.exp(excess))
        for (name, at, is_fast), excess in zip(names, above.tolist(), strict=True)
        if is_fast and excess > limit
    ]
