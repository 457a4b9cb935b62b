"""Dimension of the boundary between starts that stay bounded and starts that diverge.

Two measurements, each made at every scale separately, from random probes in a square of starts:

- boxes: squares of that side, judged by a grid of starts in them. The share that contains both fates gives
the number of boxes of a partition that meet the boundary, N(scale) ~ scale^-dimension; - pairs: two starts at
that distance. The share with different fates, f(scale) ~ scale^exponent, is the probability that an error of
that size changes the outcome. The dimension is 2 minus this uncertainty exponent.

At all scales a box is judged by the same number of starts, so that what they miss cancels from the slope.
Probes far from the boundary are left out: a coarse cover of the boundary, with a margin, shows where they
would find nothing.
"""

from __future__ import annotations

import functools
import itertools
import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, ClassVar, NamedTuple

import numpy as np
from numpy.typing import NDArray

from lintrans.errors import InputError, count, positive
from lintrans.sweeps.executors import Threads
from lintrans.sweeps.grid import Progress
from lintrans.sweeps.results import Result, axis, on
from lintrans.two_factor import kernels, normal_form, variants
from lintrans.two_factor.defaults import COARSEST, DIMENSION_STEPS, FINEST, HALF_WIDTH, N_EVENTS
from lintrans.two_factor.kernels.states import Variation
from lintrans.two_factor.variants import Variant

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]

PUBLISHED: tuple[float, Variant | None] = (0.5, Variant(weight_decay=0.4))  # of arXiv:2509.25351
LARGEST_OCTAVE = 30
SIDE = 8  # starts along the side of a box
COVER = 256  # cells along the side of the window at most; a cell is judged by COVER_SIDE^2 starts
COVER_SIDE = 16
_SETTLED = 1e-6  # as in basin maps: orbits are left once they have settled
_STARTS_PER_BATCH = 2**17
_MAX_BATCHES = 4096  # of one scale: where the boundary is not met, this many find too little


class Fit(NamedTuple):
    """Slope of a straight line through logarithms.

    Attributes
    ----------
    slope, standard_error : float
        The error includes the scatter about the line, if that exceeds what counting explains.
    """

    slope: float
    standard_error: float


@dataclass(frozen=True, eq=False, kw_only=True)
class BoundaryDimension(Result):
    """Counts at every scale; dimensions and their errors follow from them."""

    kind: ClassVar[str] = "boundary_dimension"

    scale: FloatArray = axis("side of the box, or distance of the pair, in units of u")
    mixed: IntArray = on("scale", text="boxes that hold both fates")
    boxes: IntArray = on("scale", text="boxes thrown")
    different: IntArray = on("scale", text="pairs with different fates")
    pairs: IntArray = on("scale", text="pairs thrown")
    area: FloatArray = on("scale", text="area they were thrown into, in units of u^2")

    def check(self) -> None:
        """Refuse counts that no computation can give."""
        for part, whole in ((self.mixed, self.boxes), (self.different, self.pairs)):
            if not ((part >= 0) & (part <= whole) & (whole > 0)).all():
                raise InputError(
                    "counts must not exceed the number of probes, got larger ones; compute them again"
                )

    def summary(self) -> dict[str, Any]:
        """Dimension and uncertainty exponent, with their errors."""
        pairs = self.fit_pairs()
        return {
            "dimension": self.dimension,
            "standard_error": self.standard_error,
            "uncertainty_exponent": pairs.slope,
            "uncertainty_exponent_error": pairs.standard_error,
        }

    @property
    def n_boxes(self) -> FloatArray:
        """Number of boxes of a partition that meet the boundary, at every scale."""
        return np.asarray(self.mixed / self.boxes * self.area / self.scale**2)

    @property
    def uncertain(self) -> FloatArray:
        """Share of the square whose fate an error of that size changes, at every scale."""
        side = 2 * float(self.settings["half_width"])
        return np.asarray(self.different / self.pairs * self.area / side**2)

    @property
    def dimension(self) -> float:
        """Box-counting dimension over these scales."""
        return -self.fit_boxes().slope

    @property
    def standard_error(self) -> float:
        """Standard error of the box-counting dimension."""
        return self.fit_boxes().standard_error

    def fit_boxes(self) -> Fit:
        """Line through ln N over ln scale; the dimension is minus its slope."""
        return _fit(self.scale, self.n_boxes, self.mixed)

    def fit_pairs(self) -> Fit:
        """Line through ln f over ln scale; its slope is the uncertainty exponent."""
        return _fit(self.scale, self.uncertain, self.different)

    def local_dimensions(self) -> FloatArray:
        """Box-counting dimension between neighbouring scales, shape (scales - 1,)."""
        return np.asarray(-np.diff(np.log(self.n_boxes)) / np.diff(np.log(self.scale)))


def boundary_dimension(
    mu: float = PUBLISHED[0],
    *,
    variant: Variant | None = PUBLISHED[1],
    half_width: float = HALF_WIDTH,
    coarsest: int = COARSEST,
    finest: int = FINEST,
    n_events: int = N_EVENTS,
    n_steps: int = DIMENSION_STEPS,
    seed: int = 0,
    n_threads: int | None = None,
    progress: Progress | None = None,
) -> BoundaryDimension:
    """Measure the dimension of the boundary of the bounded starts, in a square about the origin.

    The defaults are the setting for which arXiv:2509.25351 reports 1.249: scalar factorisation with label
    0.5, step size 1 and weight decay 0.2, read as a loss (uv - y)^2 / 2 + (0.2 / 2)(u^2 + v^2), over weights
    up to 4 in size. Without weight decay the boundary is the smooth ellipse, with the dimension 1.

    Parameters
    ----------
    mu
        Effective step size.
    variant
        Weight decay, momentum or a schedule (`lintrans.two_factor.Variant`).
    half_width
        Half the side of the square, in units of u.
    coarsest, finest
        Scales: the side of the square divided by 2^coarsest, ..., 2^finest; at most 2^30.
    n_events
        Number of boundary hits, with both fates, to collect at every scale; errors fall like its inverse
        root.
    n_steps
        Number of steps after which a start counts as bounded. At fine scales orbits stay near the boundary
        for long: raise it with ``finest``.
    seed
        Random seed of the probes; the result does not depend on the number of threads.
    n_threads, progress
        As in `lintrans.two_factor.gather_evidence`; progress counts scales.

    Raises
    ------
    InputError
        If an argument is out of range, or no boundary is found in the square.

    Examples
    --------
    >>> smooth = boundary_dimension(0.5, variant=None, finest=9, n_events=2000)
    >>> abs(smooth.dimension - 1) < 0.05
    True
    """
    mu, variant = positive("mu", mu), variants.checked(variant)
    half_width = positive("half_width", half_width)
    coarsest = count("coarsest", coarsest, minimum=3, maximum=LARGEST_OCTAVE - 2)
    finest = count("finest", finest, minimum=coarsest + 2, maximum=LARGEST_OCTAVE)
    n_events, n_steps = count("n_events", n_events, minimum=100), count("n_steps", n_steps, minimum=32)
    seed = count("seed", seed, minimum=0)
    plane = _Plane(mu, variants.for_kernels(variant), half_width, n_steps)
    rows, threads = [], Threads(n_threads)
    octaves = range(finest, coarsest - 1, -1)
    for done, octave in enumerate(octaves):
        if progress:
            progress(done, len(octaves), {})
        scale = 2 * half_width / 2**octave
        cover = _Cover.of(plane, scale)
        throws = [
            _throw(functools.partial(probe, plane, cover, scale), (seed, octave, i), n_events, threads)
            for i, probe in enumerate((_boxes, _pairs))
        ]
        rows.append((scale, *throws[0], *throws[1], cover.area))
    if progress:
        progress(len(octaves), len(octaves), {})
    scale, mixed, boxes, different, pairs, area = zip(*rows, strict=True)
    settings = {
        "mu": mu,
        "half_width": half_width,
        "n_events": n_events,
        "n_steps": n_steps,
        "seed": seed,
        **variants.settings(variant),
    }
    return BoundaryDimension(
        scale=np.array(scale),
        mixed=np.array(mixed),
        boxes=np.array(boxes),
        different=np.array(different),
        pairs=np.array(pairs),
        area=np.array(area),
        settings=settings,
    )


@dataclass(frozen=True)
class _Plane:
    """The map, and which starts of the window it keeps bounded."""

    mu: float
    variant: Variation | None
    half_width: float
    n_steps: int

    def keeps(self, u: FloatArray, v: FloatArray) -> NDArray[np.bool_]:
        """Whether starts (u, v) stay bounded, of their shape."""
        a, b = normal_form.to_modes(self.mu, u.ravel(), v.ravel())
        mus, none = np.full(a.size, self.mu), np.empty((0, 3))
        codes, _ = kernels.fates(mus, a, b, self.n_steps, _SETTLED, False, none, self.variant)
        return np.asarray(codes != kernels.DIVERGED).reshape(u.shape)

    def mixed(self, x: FloatArray, y: FloatArray, side: float, n: int) -> NDArray[np.bool_]:
        """Whether squares with lower corners (x, y) hold both fates, by n x n starts each."""
        grid = (np.arange(n) + 0.5) / n * side
        u, v = np.broadcast_arrays(x[:, None, None] + grid[:, None], y[:, None, None] + grid)
        kept = self.keeps(u, v).reshape(x.size, -1)
        return np.asarray(kept.any(axis=1) & ~kept.all(axis=1))


@dataclass(frozen=True, eq=False)
class _Cover:
    """Cells of the window that probes of one size may meet the boundary from, by their lower corners."""

    x: FloatArray
    y: FloatArray
    side: float

    @classmethod
    def of(cls, plane: _Plane, scale: float) -> _Cover:
        """Cells with both fates and their neighbours; a cell is as wide as the probe, or wider."""
        n = min(COVER, int(2 * plane.half_width / scale))
        side = 2 * plane.half_width / n
        corners = np.arange(n, dtype=np.float64) * side - plane.half_width
        met = np.zeros((n + 2, n + 2), dtype=bool)
        for i, x in enumerate(corners):
            met[i + 1, 1:-1] = plane.mixed(np.full(n, x), corners, side, COVER_SIDE)
        wide = np.zeros((n, n), bool)
        for i, j in itertools.product(range(3), range(3)):
            wide |= met[i : i + n, j : j + n]
        if not wide.any():
            raise InputError(
                f"half_width must include a boundary between bounded and divergent starts, got "
                f"{plane.half_width:g} and only one fate; pass another half_width or mu"
            )
        rows, columns = np.nonzero(wide)
        return cls(corners[rows], corners[columns], side)

    @property
    def area(self) -> float:
        """Area of all cells."""
        return self.x.size * self.side**2

    def points(self, rng: np.random.Generator, n: int) -> tuple[FloatArray, FloatArray]:
        """Random points of the cover, uniform."""
        cell = rng.integers(self.x.size, size=n)
        return self.x[cell] + rng.random(n) * self.side, self.y[cell] + rng.random(n) * self.side


def _boxes(plane: _Plane, cover: _Cover, scale: float, rng: np.random.Generator) -> tuple[int, int]:
    """Boxes with both fates, and boxes thrown, in one batch."""
    n = _STARTS_PER_BATCH // SIDE**2
    return int(plane.mixed(*cover.points(rng, n), scale, SIDE).sum()), n


def _pairs(plane: _Plane, cover: _Cover, scale: float, rng: np.random.Generator) -> tuple[int, int]:
    """Pairs with different fates, and pairs thrown, in one batch."""
    n = _STARTS_PER_BATCH // 2
    u, v = cover.points(rng, n)
    angle = rng.random(n) * 2 * np.pi
    moved = plane.keeps(u + scale * np.cos(angle), v + scale * np.sin(angle))
    return int((plane.keeps(u, v) != moved).sum()), n


def _throw(
    batch: Callable[[np.random.Generator], tuple[int, int]],
    seed: tuple[int, ...],
    n_events: int,
    threads: Threads,
) -> tuple[int, int]:
    """Throw batches, one, then two, four ... more, until enough events are found: events and probes.

    Every batch has a number, and random numbers of its own: how many run side by side does not matter.
    """
    counts: list[tuple[int, int]] = []
    while sum(events for events, _ in counts) < n_events:
        numbers = range(len(counts), 2 * len(counts) + 1)
        if numbers.stop > _MAX_BATCHES:
            raise InputError(
                f"finest must be a scale at which probes still meet the boundary, got octave {seed[1]}, "
                f"where {_MAX_BATCHES} batches found too few; lower it, or n_events"
            )
        found = dict(threads.map(lambda i: batch(np.random.default_rng((*seed, i))), numbers))
        counts += [found[i] for i in numbers]
    events, thrown = zip(*counts, strict=True)
    return sum(events), sum(thrown)


def _fit(scale: FloatArray, values: FloatArray, events: IntArray) -> Fit:
    """Weighted least squares of ln values over ln scale; counts of events give the weights."""
    x, y, weight = np.log(scale), np.log(values), events.astype(float)
    centre = np.average(x, weights=weight)
    spread = np.sum(weight * (x - centre) ** 2)
    slope = np.sum(weight * (x - centre) * y) / spread
    left = y - np.average(y, weights=weight) - slope * (x - centre)
    excess = np.sum(weight * left**2) / max(scale.size - 2, 1)
    return Fit(float(slope), float(math.sqrt(max(excess, 1.0) / spread)))
