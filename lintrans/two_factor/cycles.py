"""Cycles: every periodic orbit of the plane up to a period, with its multipliers, stable or not.

They are searched only where they can be: every cycle is a minimum, lies on the balanced slice, or, for mu <
2, on the ellipse (claims cycles.below_two, cycles.at_two, cycles.above_two). On the ellipse they are known in
closed form. On the slice the iterates of the cubic are cut at their turning points, the preimages of the two
critical points; on each piece (lap) a decreasing iterate has at most one fixed point and an increasing one at
most three, which its steepest point separates (claim cycles.laps). So none is missed, and bisection finds
each to the last digits.
"""

from __future__ import annotations

import itertools
import math
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import IntEnum
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from lintrans.errors import InputError, count, positive
from lintrans.sweeps.results import Result, axis, on
from lintrans.two_factor import normal_form

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]

MAX_PERIOD = 12  # 3^12 laps; each period more takes three times as long
_BISECTIONS = 60  # halvings of an interval below 2 that leave an ulp or less


class Place(IntEnum):
    """Where a cycle lies; the number is the code stored in result files."""

    SLICE = 0  #: on the balanced slice b = 0
    ELLIPSE = 1  #: on the invariant ellipse, off the slice

    @property
    def label(self) -> str:
        """Lower-case name, as printed."""
        return self.name.lower()


@dataclass(frozen=True, eq=False)
class Cycle:
    """One periodic orbit.

    Attributes
    ----------
    mu : float
        Effective step size.
    period, period_uv : int
        Number of steps after which the weights return, and after which the prediction uv returns. A cycle
        that is its own mirror image, with the sign of one or both modes changed, has twice the period of its
        prediction.
    place : Place
        The slice or the ellipse.
    points : (period, 2) array
        States (u, v) in the order in which they are visited.
    multipliers : (float, float)
        Over one period, along the slice (or the ellipse) and across it.
    """

    mu: float
    period: int
    period_uv: int
    place: Place
    points: FloatArray
    multipliers: tuple[float, float]

    @property
    def stable(self) -> bool:
        """True if no multiplier exceeds 1 in size.

        For mu != 2, only a minimum has the multiplier 1, along the curve of minima.
        """
        return max(map(abs, self.multipliers)) <= 1

    @property
    def type(self) -> str:
        """One of "stable", "saddle" (unstable in one of the two directions) and "unstable" (in both)."""
        n_unstable = sum(abs(m) > 1 for m in self.multipliers)
        return ("stable", "saddle", "unstable")[n_unstable]


@dataclass(frozen=True, eq=False, kw_only=True)
class CycleTable(Result):
    """Cycles of one mu, by place and period; iterating gives each as a `Cycle`."""

    kind: ClassVar[str] = "cycles"

    cycle: IntArray = axis("number of the cycle")
    period: IntArray = on("cycle", text="steps after which the weights return")
    period_uv: IntArray = on("cycle", text="steps after which the prediction returns")
    place: NDArray[np.uint8] = on("cycle", text="place: " + ", ".join(f"{p.value} {p.label}" for p in Place))
    along: FloatArray = on("cycle", text="multiplier along the slice or the ellipse, over one period")
    across: FloatArray = on("cycle", text="multiplier across it, over one period")
    point: IntArray = axis("number of the point, cycle by cycle")
    member: IntArray = on("point", text="number of the cycle the point belongs to")
    a: FloatArray = on("point", text="mean mode sqrt(mu) (u + v) / 2")
    b: FloatArray = on("point", text="imbalance mode sqrt(mu) (u - v) / 2")

    def check(self) -> None:
        """Refuse cycles whose points are inconsistent."""
        positive("mu", self.settings.get("mu"))
        if not np.array_equal(np.repeat(self.cycle, np.maximum(self.period, 0)), self.member):
            raise InputError(
                "member must list each cycle once per point, got other numbers; compute it again"
            )
        if self.place.max() >= len(Place):
            raise InputError(f"place must be below {len(Place)}, got {self.place.max()}; upgrade lintrans")

    @property
    def mu(self) -> float:
        """Effective step size."""
        return float(self.settings["mu"])

    def __len__(self) -> int:
        return self.cycle.size

    def __iter__(self) -> Iterator[Cycle]:
        points = np.stack(normal_form.from_modes(self.mu, self.a, self.b), axis=1)
        for i, part in enumerate(np.split(points, np.cumsum(self.period)[:-1])):
            yield Cycle(
                self.mu,
                int(self.period[i]),
                int(self.period_uv[i]),
                Place(self.place[i]),
                part,
                (float(self.along[i]), float(self.across[i])),
            )

    def summary(self) -> dict[str, Any]:
        """Cycles by place and period."""
        return {"counts": self.count()}

    def count(self) -> dict[str, dict[int, int]]:
        """Cycles by place and period."""
        pairs = Counter(zip(self.place.tolist(), self.period.tolist(), strict=True))
        return {
            place.label: {period: n for (code, period), n in sorted(pairs.items()) if code == place}
            for place in Place
        }


def find_cycles(mu: float, max_period: int) -> CycleTable:
    """Find every periodic orbit of the plane up to a period.

    The minima are a curve of fixed points; only those on the slice and on the ellipse are listed. The mirror
    image of a cycle is listed as another cycle, unless it is the same.

    Parameters
    ----------
    mu
        Effective step size.
    max_period
        Longest period of the weights, 1 to 12.

    Raises
    ------
    InputError
        If mu is not positive, the period out of range, or mu so close to a bifurcation that two cycles
        cannot be told apart.

    Examples
    --------
    At mu = 1.1 only the 2-cycle and its mirror image attract; its multipliers are 9 - 2 (1 + mu)^2 and
    3 - 2 mu. Claim transverse.two_cycle.

    >>> found = find_cycles(1.1, 4)
    >>> found.count()
    {'slice': {1: 3, 2: 3}, 'ellipse': {1: 4, 2: 1, 3: 8, 4: 18}}
    >>> [[round(m, 9) for m in cycle.multipliers] for cycle in found if cycle.stable]
    [[0.18, 0.8], [0.18, 0.8]]
    """
    mu = positive("mu", mu)
    max_period = count("max_period", max_period, maximum=MAX_PERIOD)
    cycles = [*_slice_cycles(mu, max_period), *(_ellipse_cycles(mu, max_period) if mu < 2 else ())]
    periods = np.array([a.size for _, a, _ in cycles])
    a, b = (np.concatenate([cycle[i] for cycle in cycles]) for i in (1, 2))
    first = np.cumsum(periods) - periods
    places = np.array([place for place, _, _ in cycles], dtype=np.uint8)
    along, across = _multipliers(mu, a, b, places, periods, first)
    number = np.arange(periods.size)
    return CycleTable(
        cycle=number,
        period=periods,
        period_uv=np.array([_period_uv(p, q) for _, p, q in cycles]),
        place=places,
        along=along,
        across=across,
        point=np.arange(a.size),
        member=np.repeat(number, periods),
        a=a,
        b=b,
        settings={"mu": mu, "max_period": max_period},
    )


def expected_counts(mu: float, max_period: int) -> dict[str, dict[int, int | None]]:
    """Numbers of cycles by place and period according to the theory; None if it has no formula.

    On the ellipse n steps fix 3^n - (-1)^n angles; on the slice, from mu = 2 on, where the cubic covers its
    interval three times, 3^n points. Cycles of exact period follow by inclusion and exclusion. The 2-cycle
    at the vertices of the ellipse is counted on the slice. Claims cycles.ellipse and slice.chebyshev.

    Examples
    --------
    >>> expected_counts(2.0, 4)["slice"]
    {1: 3, 2: 3, 3: 8, 4: 18}
    """
    mu, periods = positive("mu", mu), range(1, count("max_period", max_period) + 1)
    on_ellipse = {n: _exact(n, lambda k: 3**k - (-1) ** k) // n - (n == 2) for n in periods}
    full = {n: _exact(n, lambda k: 3**k) // n for n in periods}
    return {
        Place.SLICE.label: {n: full[n] if mu >= 2 else None for n in periods},
        Place.ELLIPSE.label: {n: on_ellipse[n] if mu < 2 else 0 for n in periods},
    }


def _exact(n: int, fixed: Callable[[int], int]) -> int:
    """Points of exact period n, from the numbers of points that k steps fix."""
    return fixed(n) - sum(_exact(k, fixed) for k in range(1, n) if n % k == 0)


def _multipliers(
    mu: float, a: FloatArray, b: FloatArray, places: NDArray[np.uint8], periods: IntArray, first: IntArray
) -> tuple[FloatArray, FloatArray]:
    """Multipliers along and across, of factors of each point. Claims transverse.factor, cycles.ellipse."""
    r = normal_form.residual(mu, a, b)
    on_ellipse = np.repeat(places == Place.ELLIPSE, periods)
    along = np.where(on_ellipse, -3.0, 1 + mu - 3 * a * a)
    across = np.where(on_ellipse, 1 + mu * r + r * r, 1 + r)
    return np.multiply.reduceat(along, first), np.multiply.reduceat(across, first)


def _period_uv(a: FloatArray, b: FloatArray) -> int:
    """Period of the prediction: half that of the weights if the cycle is its own mirror image."""
    half = a.size // 2
    is_mirrored = a.size % 2 == 0 and abs(a[half]) == abs(a[0]) and abs(b[half]) == abs(b[0])  # to the bit
    return half if is_mirrored else a.size


def _ellipse_cycles(mu: float, max_period: int) -> Iterator[tuple[Place, FloatArray, FloatArray]]:
    """Cycles of angle tripling, in whole numbers: t = pi/4 + 2 pi k / m is mapped to -3 k modulo m."""
    for period in range(1, max_period + 1):
        m = abs((-3) ** period - 1)
        left = np.ones(m, bool)
        for k in range(m):
            if not left[k]:
                continue
            orbit = [(-3) ** i * k % m for i in range(period)]
            left[orbit] = False
            eighths = np.array([8 * j + m for j in orbit])  # t = 2 pi eighths / (8 m)
            if len(set(orbit)) == period and (eighths % (4 * m)).all():  # else of a shorter period, or b = 0
                sine, cosine = _of_turn(eighths, 8 * m), _of_turn(eighths + 2 * m, 8 * m)
                yield Place.ELLIPSE, math.sqrt(2 + mu) * cosine, math.sqrt(2 - mu) * sine


def _of_turn(numerator: IntArray, denominator: int) -> FloatArray:
    """Sine of a fraction of a turn, exactly 0 and symmetric where it should be."""
    quarter = denominator // 4
    n = numerator % denominator
    folded = np.minimum(n % (2 * quarter), 2 * quarter - n % (2 * quarter))  # into the first quarter
    return np.where(n < 2 * quarter, 1.0, -1.0) * np.sin(2 * np.pi * folded / denominator)


def _slice_cycles(mu: float, max_period: int) -> Iterator[tuple[Place, FloatArray, FloatArray]]:
    """Cycles of the cubic, shorter ones first."""
    end = math.sqrt(2 + mu)
    shorter: dict[int, FloatArray] = {}  # points a > 0 of exact period
    for period in range(1, max_period + 1):
        fixed = _fixed_points(mu, period) if period > 1 else np.array([math.sqrt(mu)])
        for known in (shorter[n] for n in range(1, period) if period % n == 0):
            fixed = _without(fixed, known)
        if period == 1:
            yield Place.SLICE, np.zeros(1), np.zeros(1)
        if period == 2:
            yield Place.SLICE, np.array([end, -end]), np.zeros(2)
        shorter[period] = fixed
        for cycle in _group(mu, fixed, period):
            yield Place.SLICE, cycle, np.zeros(period)


def _without(points: FloatArray, known: FloatArray) -> FloatArray:
    """Leave out of ``points`` those nearest to the ``known`` ones, one for each."""
    return np.delete(points, _nearest(points, known))


def _nearest(points: FloatArray, values: FloatArray) -> IntArray:
    """Index of the point nearest to each value; ``points`` ascend."""
    right = np.clip(np.searchsorted(points, values), 1, max(points.size - 1, 1))
    left = right - 1
    right = np.minimum(right, points.size - 1)
    return np.where(values - points[left] <= points[right] - values, left, right)


def _group(mu: float, points: FloatArray, period: int) -> Iterator[FloatArray]:
    """Put the points a > 0 of a period, and their mirror images, into cycles.

    Every point was found by itself; here each is only mapped once, to the nearest of the others.
    """
    if points.size == 0:
        return
    images = _iterated(mu, points, 1)[0]
    follower, flips = _nearest(points, np.abs(images)), images < 0
    left = np.ones((points.size, 2), bool)  # with either sign
    for i, side in itertools.product(range(points.size), (0, 1)):
        if not left[i, side]:
            continue
        cycle, j, negative = [], i, side
        while left[j, negative]:
            left[j, negative] = False
            cycle.append(-points[j] if negative else points[j])
            j, negative = follower[j], negative ^ int(flips[j])
        if len(cycle) != period:
            raise InputError(
                f"cycles of period {period} must be distinct in float64, got some that are not at mu = "
                f"{mu!r}; move mu away from a bifurcation, or lower the period"
            )
        yield np.array(cycle)


def _fixed_points(mu: float, period: int) -> FloatArray:
    """Points 0 < a < sqrt(2 + mu) fixed by so many steps, ascending. See the head of this file."""
    ends = np.concatenate([[0.0], _turning_points(mu, period), [math.sqrt(2 + mu)]])
    low, high = ends[:-1].copy(), ends[1:].copy()
    rises = _iterated(mu, (low + high) / 2, period)[1] > 0
    # At most one root is left on the lap through 0, which is steepest there, and on the outermost, steepest
    # at the end, which is fixed itself. From mu = 2 on every lap covers the interval: one root on each.
    rises[[0, -1]] = False
    rises &= mu < 2
    low_bends, high_bends = low[rises], high[rises]
    steepest = _bisect(lambda x: _iterated(mu, x, period)[2] > 0, low_bends, high_bends)
    steep = _iterated(mu, steepest, period)[1] > 1
    low_bends, steepest, high_bends = low_bends[steep], steepest[steep], high_bends[steep]
    first = _bisect(lambda x: _iterated(mu, x, period)[1] < 1, low_bends, steepest)
    last = _bisect(lambda x: _iterated(mu, x, period)[1] > 1, steepest, high_bends)
    cuts = np.sort(np.concatenate([ends, first, last]))
    # Beside 0 an iterate is above the diagonal, and below it beside the outer end, which are left out.
    above = _iterated(mu, cuts, period)[0] > cuts
    above[0], above[-1] = True, False
    change = np.flatnonzero(above[1:] != above[:-1])
    falling = above[change]
    return _bisect(lambda x: (_iterated(mu, x, period)[0] > x) == falling, cuts[change], cuts[change + 1])


def _iterated(mu: float, a: FloatArray, n: int) -> tuple[FloatArray, FloatArray, FloatArray]:
    """The n-th iterate of the cubic, its slope and its second derivative; from mu = 2 on they may be inf."""
    slope, bend = np.ones_like(a), np.zeros_like(a)
    with np.errstate(over="ignore", invalid="ignore"):
        for _ in range(n):
            factor = 1 + mu - 3 * a * a
            bend = factor * bend - 6 * a * slope * slope
            slope = factor * slope
            a = (1 + mu - a * a) * a
    return a, slope, bend


def _bisect(is_left: Callable[[FloatArray], Any], low: FloatArray, high: FloatArray) -> FloatArray:
    """Halve the intervals until they are empty; ``is_left`` tells which points lie left of the root."""
    low, high = low.copy(), high.copy()
    for _ in range(_BISECTIONS):
        middle = (low + high) / 2
        left = is_left(middle)
        low, high = np.where(left, middle, low), np.where(left, high, middle)
    return (low + high) / 2


def _turning_points(mu: float, n: int) -> FloatArray:
    """Where the n-th iterate turns, a > 0, ascending: what reaches a critical point within n - 1 steps."""
    level = np.array([math.sqrt((1 + mu) / 3)])
    found = [level]
    for _ in range(n - 1):
        level = _preimages(mu, level)
        found.append(level)
    return np.unique(np.concatenate(found))


def _preimages(mu: float, a: FloatArray) -> FloatArray:
    """Sizes of the points that are mapped to a or -a: of the real roots of x^3 - (1 + mu) x + a, a > 0."""
    unit = math.sqrt((1 + mu) / 3)
    ratio = a / (2 * unit**3)  # by the value at the critical point
    thirds = np.arange(3)[:, None] * (2 * math.pi / 3)
    three = 2 * unit * np.cos(np.arccos(-ratio[ratio <= 1]) / 3 + thirds)
    one = 2 * unit * np.cosh(np.arccosh(ratio[ratio > 1]) / 3)
    return np.asarray(np.abs(np.concatenate([three.ravel(), one])))
