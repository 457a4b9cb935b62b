"""The shape of a rise: a sigmoid in doublings, its width with an interval, and a verdict.

`fit_transition` takes shares over log2 of tokens, steps or epochs: the share of attention heads of a kind
over the checkpoints of a model, or the accuracy of a training run over its epochs. It fits

    lower + (upper - lower) / (1 + exp(-(x - midpoint) / s)),    0 <= lower <= upper <= ceiling

by least squares. The width is that of the rise from 10 to 90 %: 2 ln(9) s, in doublings. The verdict is the
first of these that holds:

- ``none``: the largest rise, from a point to a later one, is below 0.01 or within the noise;
- ``non-monotone``: the largest fall is above a fifth of the largest rise and beyond the noise. There is no
  single transition then;
- ``unresolved``: the width is below 1.5 grid steps at the midpoint. It could be anything below;
- ``sharp``: the width is below 2 doublings;
- ``ramp``: the width is above 3 doublings;
- ``intermediate``.

The noise is estimated from how far points lie outside the range of their two neighbours: the 75 % quantile of
these distances, over what it is for independent normal numbers. It is 0 for every series that only rises, so
that a jump is not taken for noise, and a single point that stands out does not change it. A move counts if it
is above 2 + 2 sqrt(2 ln n) of these standard deviations; the second term is about the range of n normal
numbers. Of noise at 10 points 85 % is called none, 11 % non-monotone and 4 % a transition.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from lintrans.counting.proportions import CONFIDENCE
from lintrans.errors import InputError, check_seed, count, finite_array, increasing, positive, short

FloatArray = NDArray[np.float64]

VERDICTS = ("none", "non-monotone", "unresolved", "sharp", "intermediate", "ramp")
SHARP, RAMP = 2.0, 3.0  # doublings
MIN_STEPS = 1.5  # grid steps in a width that is resolved
MIN_RISE = 0.01
MAX_FALL = 0.2  # of the rise
BEYOND_RANGE = 2.0  # standard deviations of the noise by which a move must exceed its range
MIN_POINTS = 5  # one more than the parameters of the curve
N_PARAMETERS = 4
WIDTH = 2 * math.log(9)  # from 10 to 90 %, in units of s
NOISE_QUANTILE, NOISE_SCALE = 0.75, 0.9293  # of distances of normal numbers from the range of two others
MIDPOINTS, WIDTHS = 33, 17  # of the first grid of the search
ZOOMS, SHRINK = 24, 0.6
TIE = 1e-10  # of the sum of squares: costs that differ by less are equal
CHUNK = 64  # curves searched at once


class Estimate(NamedTuple):
    """A fitted number with its 95 % interval.

    Attributes
    ----------
    value, low, high : float
        NaN if there is nothing to fit; the ends are also NaN without resamples.
    """

    value: float
    low: float
    high: float


@dataclass(frozen=True)
class Transition:
    """How something rises over log2 of tokens, steps or epochs.

    Attributes
    ----------
    midpoint : Estimate
        Where the curve is half-way, in units of x: log2 of tokens, steps or epochs.
    width : Estimate
        Of the rise from 10 to 90 %, in doublings. The smallest that is looked for is a tenth of the smallest
        grid step; such a value says no more than that the width is below the grid.
    largest_share : Estimate
        Largest rise between neighbouring points, over the range of all.
    lower, upper : float
        Asymptotes.
    rise, fall : float
        Largest rise from a point to a later one, and largest fall.
    noise : float
        Standard deviation of the noise.
    least_move : float
        Smallest rise or fall that counts beside this noise.
    residual : float
        Root mean square distance of the points from the curve.
    grid_step : float
        Distance, in doublings, of the two points between which the midpoint lies.
    is_complete : bool
        Whether the points reach from 10 to 90 % of the curve; else its asymptotes are extrapolated.
    resampled : str
        What the intervals are about: ``units``, ``residuals`` or ``nothing``.
    """

    midpoint: Estimate
    width: Estimate
    largest_share: Estimate
    lower: float
    upper: float
    rise: float
    fall: float
    noise: float
    least_move: float
    residual: float
    grid_step: float
    is_complete: bool
    resampled: str

    @property
    def verdict(self) -> str:
        """One of `VERDICTS`, from the numbers."""
        if not _is_rise(self.rise, self.least_move):
            return "none"
        if self.fall > max(MAX_FALL * self.rise, self.least_move):
            return "non-monotone"
        return self._shape(self.width.value)

    @property
    def is_sure(self) -> bool | None:
        """Whether both ends of the interval of the width give the same verdict; None without an interval."""
        if math.isnan(self.width.low):
            return None
        return self._shape(self.width.low) == self._shape(self.width.high)

    def _shape(self, width: float) -> str:
        if width < MIN_STEPS * self.grid_step:
            return "unresolved"
        if width < SHARP:
            return "sharp"
        return "ramp" if width > RAMP else "intermediate"

    @property
    def reason(self) -> str:
        """Why the verdict is what it is, in a few words."""
        width, limit = f"width {self.width.value:.3g} doublings", MIN_STEPS * self.grid_step
        reasons = {
            "none": f"largest rise {self.rise:.3g}, below {max(MIN_RISE, self.least_move):.3g}",
            "non-monotone": f"a fall of {self.fall:.3g} after a rise of {self.rise:.3g}",
            "unresolved": f"{width}, below {MIN_STEPS:g} grid steps of {self.grid_step:.3g}",
            "sharp": f"{width}, at least {limit:.3g} and below {SHARP:g}",
            "intermediate": f"{width}, from {SHARP:g} to {RAMP:g}",
            "ramp": f"{width}, above {RAMP:g}",
        }
        return reasons[self.verdict]

    def at(self, x: ArrayLike) -> FloatArray:
        """Values of the fitted curve; NaN if nothing was fitted."""
        s = self.width.value / WIDTH
        u = _logistic((np.asarray(x, dtype=np.float64) - self.midpoint.value) / s)
        return np.asarray(self.lower + (self.upper - self.lower) * u)

    def answer(self) -> dict[str, Any]:
        """All numbers and the verdict, for JSON."""
        found: dict[str, Any] = {"verdict": self.verdict, "reason": self.reason, "is_sure": self.is_sure}
        for name, value in vars(self).items():
            found[name] = value._asdict() if isinstance(value, Estimate) else value
        return found


def fit_transition(
    x: ArrayLike,
    y: ArrayLike,
    *,
    weights: ArrayLike | None = None,
    ceiling: float = 1.0,
    n_bootstrap: int = 1000,
    seed: int = 0,
) -> Transition:
    """Fit a sigmoid to shares over log2 of tokens, steps or epochs, and say what shape the rise has.

    The best curve on a grid of midpoints and widths, and seven fixed ones, are starts of a least-squares
    search; the best end is taken. For given midpoint and width the asymptotes follow in closed form.

    Intervals are from a bootstrap. If ``y`` has a row for every unit (head, layer, seed), units are resampled
    with their whole histories, since what a unit does at one point and at the next is not independent.
    Without units the residuals of the fit are resampled, scaled by sqrt(n / (n - 4)) for the four fitted
    numbers. This takes the scatter to be alike at all points, and is too narrow for a jump: a curve passes
    close to the few points that show its width. Pass units where there are any.

    Parameters
    ----------
    x : (n,)
        log2 of tokens, steps or epochs, increasing; at least 5 points. Leave out a point at 0.
    y : (n,) or (n_units, n)
        Shares between 0 and ``ceiling``. The mean over units is fitted.
    weights : (n,), optional
        Of squared residuals, positive; by default all 1. Give the number of heads, if it differs by point.
    ceiling
        Largest possible y. Raise it for quantities that can exceed 1.
    n_bootstrap
        Number of resamples; 0 leaves the intervals NaN.
    seed
        Of the resamples.

    Returns
    -------
    transition : Transition
        Its midpoint, width and asymptotes are NaN if there is no rise.

    Raises
    ------
    InputError
        If an argument has a wrong shape or range.

    Examples
    --------
    A logistic curve that rises from 10 to 90 % within 4 doublings:

    >>> x = np.arange(0.0, 21.0)
    >>> y = 0.8 / (1 + 9.0 ** ((10 - x) / 2))
    >>> found = fit_transition(x, y, n_bootstrap=0)
    >>> round(found.midpoint.value, 6), round(found.width.value, 6), found.verdict
    (10.0, 4.0, 'ramp')

    A jump between two points has a width below the grid:

    >>> fit_transition([1, 2, 3, 4, 5, 6], [0, 0, 0, 0.7, 0.7, 0.7], n_bootstrap=0).verdict
    'unresolved'
    """
    at, units, w = _checked(x, y, weights, ceiling)
    n_bootstrap, seed = count("n_bootstrap", n_bootstrap, minimum=0), check_seed(seed)
    mean = units.mean(axis=0)
    moves = _moves(mean)
    if not _is_rise(moves["rise"], moves["least_move"]):
        return _nothing(mean, moves)
    problem = _Problem(at, w, float(ceiling))
    midpoint, log_s = _fit(problem, mean)
    s, half = math.exp(log_s), WIDTH * math.exp(log_s) / 2
    lower, upper, curve = problem.curve(midpoint, log_s, mean)
    residuals = mean - curve
    drawn, kind = _resamples(units, curve, residuals * np.sqrt(w), w, n_bootstrap, seed)
    places = _search(problem, drawn)
    i = int(np.clip(np.searchsorted(at, midpoint) - 1, 0, at.size - 2))
    return Transition(
        midpoint=_estimate(midpoint, places[:, 0]),
        width=_estimate(WIDTH * s, WIDTH * np.exp(places[:, 1])),
        largest_share=_estimate(float(_largest_share(mean[None])[0]), _largest_share(drawn)),
        lower=lower,
        upper=upper,
        **moves,
        residual=float(np.sqrt(np.average(residuals**2, weights=w))),
        grid_step=float(at[i + 1] - at[i]),
        is_complete=bool(at[0] <= midpoint - half and midpoint + half <= at[-1]),
        resampled=kind,
    )


def _checked(
    x: ArrayLike, y: ArrayLike, weights: ArrayLike | None, ceiling: float
) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Points (n,), shares (n_units, n), and weights (n,)."""
    at = increasing("x", x)
    if at.size < MIN_POINTS:
        raise InputError(f"x must have at least {MIN_POINTS} points, got {at.size}; measure more of them")
    if ceiling != math.inf:
        positive("ceiling", ceiling)
    units = finite_array("y", y, max(1, min(np.ndim(y), 2)))
    units = units[None] if units.ndim == 1 else units
    if not units.shape[0] or units.shape[1] != at.size:
        raise InputError(
            f"y must have {at.size} points as x, got shape {np.shape(y)}; pass (n,) or (n_units, n)"
        )
    for is_bad, rule in ((units < 0, "at least 0"), (units > ceiling, f"at most {ceiling:g}")):
        if is_bad.any():
            worst = units[is_bad][0]
            raise InputError(f"y must be {rule}, got {worst:g}; pass shares, or another ceiling")
    w = np.ones(at.size) if weights is None else finite_array("weights", weights, 1)
    if w.shape != at.shape or (w <= 0).any():
        raise InputError(
            f"weights must be {at.size} positive numbers, got {short(weights)}; pass one for each point"
        )
    return at, units, w


def _moves(y: FloatArray) -> dict[str, float]:
    """Largest rise and fall of a series, its noise, and the smallest move that counts beside it."""
    low, high = np.minimum(y[:-2], y[2:]), np.maximum(y[:-2], y[2:])
    outside = np.maximum(np.maximum(low - y[1:-1], y[1:-1] - high), 0)
    noise = float(np.quantile(outside, NOISE_QUANTILE) / NOISE_SCALE)
    return {
        "rise": float((y - np.minimum.accumulate(y)).max()),
        "fall": float((np.maximum.accumulate(y) - y).max()),
        "noise": noise,
        "least_move": (BEYOND_RANGE + 2 * math.sqrt(2 * math.log(y.size))) * noise,
    }


def _is_rise(rise: float, least_move: float) -> bool:
    return rise >= MIN_RISE and rise > least_move


def _largest_share(y: FloatArray) -> FloatArray:
    """Largest step of each series (k, n) over its range; NaN for a constant one."""
    span = np.ptp(y, axis=1)
    steps = np.diff(y, axis=1).max(axis=1)
    return np.asarray(np.divide(steps, span, out=np.full(span.shape, np.nan), where=span > 0))


def _nothing(y: FloatArray, moves: dict[str, float]) -> Transition:
    nothing = Estimate(math.nan, math.nan, math.nan)
    return Transition(
        midpoint=nothing,
        width=nothing,
        largest_share=nothing._replace(value=float(_largest_share(y[None])[0])),
        lower=math.nan,
        upper=math.nan,
        **moves,
        residual=math.nan,
        grid_step=math.nan,
        is_complete=False,
        resampled="nothing",
    )


def _estimate(value: float, resampled: FloatArray) -> Estimate:
    found = resampled[np.isfinite(resampled)]
    if not found.size:
        return Estimate(value, math.nan, math.nan)
    low, high = np.quantile(found, [(1 - CONFIDENCE) / 2, (1 + CONFIDENCE) / 2])
    return Estimate(value, float(low), float(high))


def _resamples(
    units: FloatArray, curve: FloatArray, scaled: FloatArray, w: FloatArray, n: int, seed: int
) -> tuple[FloatArray, str]:
    """Series (n, points) of the bootstrap, and what was resampled; ``scaled`` residuals are alike."""
    if not n:
        return np.empty((0, curve.size)), "nothing"
    draws = np.random.Generator(np.random.Philox(seed))
    if len(units) > 1:
        counts = draws.multinomial(len(units), np.full(len(units), 1 / len(units)), size=n)
        return counts @ units / len(units), "units"
    pool = (scaled - scaled.mean()) * math.sqrt(curve.size / (curve.size - N_PARAMETERS))
    return curve + draws.choice(pool, size=(n, curve.size)) / np.sqrt(w), "residuals"


class _Problem:
    """Points, weights, and the region that is searched."""

    def __init__(self, x: FloatArray, w: FloatArray, ceiling: float) -> None:
        span = float(x[-1] - x[0])
        self.x, self.w, self.ceiling = x, w, ceiling
        self.midpoints = float(x[0] - span / 2), float(x[-1] + span / 2)
        self.log_s = math.log(0.1 * float(np.diff(x).min()) / WIDTH), math.log(4 * span / WIDTH)

    def preference(self, midpoint: FloatArray, log_s: FloatArray) -> FloatArray:
        """Decides between equal costs: the smallest width, then the middle of two points.

        A jump between two points is fitted exactly by every curve that is steep enough.
        """
        i: NDArray[np.intp] = np.clip(np.searchsorted(self.x, midpoint) - 1, 0, self.x.size - 2)
        off = (midpoint - (self.x[i] + self.x[i + 1]) / 2) / (self.x[-1] - self.x[0])
        return np.asarray(log_s - self.log_s[0] + off**2)

    def curve(self, midpoint: float, log_s: float, y: FloatArray) -> tuple[float, float, FloatArray]:
        """Best asymptotes of one midpoint and width for a series (n,), and the curve at the points."""
        _, lower, upper = self.asymptotes(np.array([midpoint]), np.array([log_s]), y[None])
        u = _logistic((self.x - midpoint) * math.exp(-log_s))
        return float(lower[0]), float(upper[0]), lower * (1 - u) + upper * u

    def asymptotes(
        self, midpoint: FloatArray, log_s: FloatArray, y: FloatArray
    ) -> tuple[FloatArray, FloatArray, FloatArray]:
        """Cost, lower and upper asymptote of the best curve for each midpoint and width.

        Arrays broadcast; ``y`` has a last axis of points. The cost is a convex quadratic in both asymptotes:
        if its minimum lies outside the triangle 0 <= lower <= upper <= ceiling, the best point lies on one of
        the three edges.
        """
        u = _logistic((self.x - midpoint[..., None]) * np.exp(-log_s)[..., None])
        v, c, square = 1 - u, self.ceiling, (y * y) @ self.w
        wu, wv = self.w * u, self.w * v
        a11, a12, a22 = ((wv * v).sum(-1), (wv * u).sum(-1), (wu * u).sum(-1))
        r1, r2 = np.einsum("...i,...i->...", wv, y), np.einsum("...i,...i->...", wu, y)
        with np.errstate(divide="ignore", invalid="ignore"):
            det = a11 * a22 - a12**2
            inner = (a22 * r1 - a12 * r2) / det, (a11 * r2 - a12 * r1) / det
            zero, flat = np.zeros_like(r1), np.clip((r1 + r2) / self.w.sum(), 0, c)
            ends = [(zero, np.clip(np.nan_to_num(r2 / a22), 0, c)), (flat, flat)]
            if math.isfinite(c):
                ends.append((np.clip(np.nan_to_num((r1 - a12 * c) / a11), 0, c), np.full_like(r1, c)))
        is_inner = (det > 1e-12 * a11 * a22) & (inner[0] >= 0) & (inner[0] <= inner[1]) & (inner[1] <= c)
        ends.append((np.where(is_inner, inner[0], 0.0), np.where(is_inner, inner[1], 0.0)))
        lower, upper = (np.stack(side) for side in zip(*ends, strict=True))
        cost = lower**2 * a11 + 2 * lower * upper * a12 + upper**2 * a22 - 2 * (lower * r1 + upper * r2)
        best = np.where(is_inner, len(ends) - 1, cost.argmin(axis=0))[None]
        cost, lower, upper = (np.take_along_axis(one, best, axis=0)[0] for one in (cost, lower, upper))
        return np.asarray(cost + square), lower, upper


def _fit(problem: _Problem, y: FloatArray) -> tuple[float, float]:
    """Midpoint and log s of the least-squares curve: the best end of several searches."""
    from scipy.optimize import least_squares

    root = np.sqrt(problem.w)

    def residuals(p: FloatArray) -> FloatArray:
        return np.asarray(root * (problem.curve(float(p[0]), float(p[1]), y)[2] - y))

    (low, high), (narrow, wide) = problem.midpoints, problem.log_s
    span = float(problem.x[-1] - problem.x[0])
    starts = [_search(problem, y[None])[0]]
    for where in (0.25, 0.5, 0.75):
        for width in (0.1, 0.5):
            starts.append(np.array([problem.x[0] + where * span, math.log(width * span / WIDTH)]))
    starts.append(np.array([problem.x[-1], math.log(span / WIDTH)]))
    ends = [
        least_squares(
            residuals,
            np.clip(start, [low, narrow], [high, wide]),
            bounds=([low, narrow], [high, wide]),
            x_scale=(span, 1.0),
            xtol=1e-12,
            ftol=1e-14,
            gtol=1e-14,
            max_nfev=100,
        )
        for start in starts
    ]
    least = min(float(end.cost) for end in ends) + TIE * float(problem.w @ y**2)
    equal = [end.x for end in ends if end.cost <= least]
    best = min(equal, key=lambda p: float(problem.preference(p[0], p[1])))
    return float(best[0]), float(best[1])


def _search(problem: _Problem, y: FloatArray) -> FloatArray:
    """Midpoint and log s (k, 2) of the best curve for each series (k, n), on a grid that is refined."""
    found = [_search_some(problem, y[i : i + CHUNK]) for i in range(0, len(y), CHUNK)]
    return np.concatenate(found) if found else np.empty((0, 2))


def _search_some(problem: _Problem, y: FloatArray) -> FloatArray:
    tie = TIE * (y**2 @ problem.w)[:, None]

    def best(places: FloatArray) -> NDArray[np.intp]:
        midpoint, log_s = places[..., 0], places[..., 1]
        cost = problem.asymptotes(midpoint, log_s, y[:, None])[0]
        return np.asarray(np.argmin(cost + tie * problem.preference(midpoint, log_s), axis=1))

    midpoints, widths = np.linspace(*problem.midpoints, MIDPOINTS), np.linspace(*problem.log_s, WIDTHS)
    grid = np.stack(np.meshgrid(midpoints, widths, indexing="ij"), axis=-1).reshape(-1, 2)
    place = grid[best(grid)]
    size = np.array([midpoints[1] - midpoints[0], widths[1] - widths[0]])
    steps = np.stack(np.meshgrid([0, -1, -0.5, 0.5, 1], [0, -1, -0.5, 0.5, 1]), axis=-1).reshape(-1, 2)
    low, high = (np.array([a, b]) for a, b in zip(problem.midpoints, problem.log_s, strict=True))
    for _ in range(ZOOMS):
        near = np.clip(place[:, None] + steps * size, low, high)
        place = near[np.arange(len(near)), best(near)]
        size = size * SHRINK
    return place


def _logistic(z: FloatArray) -> FloatArray:
    return np.asarray(0.5 * (1 + np.tanh(z / 2)))
