"""Basin maps: at one step size, where training from every start of a window of the plane ends.

A window of (u, v), or of the modes (a, b), at any zoom that float64 resolves. Of every start: the regime,
when it escaped or settled, the minimum it settled in, and on which of the two mirror-image sides.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass, field
from typing import Any, ClassVar, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from lintrans.errors import InputError, count, increasing, positive, settle, short
from lintrans.sweeps.executors import Threads
from lintrans.sweeps.grid import Arrays, Progress, Sweep, compute, takes
from lintrans.sweeps.results import Result, axis, categories, on
from lintrans.two_factor import kernels, normal_form, variants
from lintrans.two_factor.balanced_slice import landmarks
from lintrans.two_factor.defaults import BASIN_STEPS
from lintrans.two_factor.regimes import Regime, count_regimes, regime, shares
from lintrans.two_factor.variants import Variant

FloatArray = NDArray[np.float64]

COORDINATES = ("uv", "ab")
SETTLED = 1e-6  # |r| at which an orbit has settled; the sharpness it tends to is then known to 1e-12
CELLS_PER_TILE = 2**16
SPACING_ULPS = 4  # least distance of two starts: closer, rounding of the start would show


class Coordinates(NamedTuple):
    """Axes of a window, one of the two pairs."""

    name: str
    x: FloatArray
    y: FloatArray

    @classmethod
    def checked(
        cls, u: ArrayLike | None, v: ArrayLike | None, a: ArrayLike | None, b: ArrayLike | None
    ) -> Coordinates:
        """Check that one pair is given, and that float64 resolves it."""
        given = {
            name: values for name, values in zip("uvab", (u, v, a, b), strict=True) if values is not None
        }
        pair = "".join(given)
        if pair not in COORDINATES:
            raise InputError(f"the axes must be u and v, or a and b, got {pair or 'none'}; pass one pair")
        x, y = (_resolved(name, values) for name, values in given.items())
        return cls(pair, x, y)


@dataclass(frozen=True, eq=False, kw_only=True)
class BasinMap(Result):
    """Where training ends, over a window of starts.

    ``sharpness`` is u^2 + v^2 at the minimum that was selected, the largest eigenvalue of the Hessian in
    normalised units: times mu it is at most 2. NaN where training does not converge. ``branch`` is the sign
    of a: which branch of the hyperbola uv = 1, or of two mirror-image attractors which one, after the last
    step if training has not settled. 0 where it diverged, and everywhere from the landmark crisis on, where
    there is one attractor for both.
    """

    kind: ClassVar[str] = "basin_map"

    x: FloatArray = axis("u, or the mean mode a, of the start; see settings")
    y: FloatArray = axis("v, or the imbalance mode b, of the start; see settings")
    regime: NDArray[np.uint8] = categories("x", "y", name="regime", labels=[r.label for r in Regime])
    steps: NDArray[np.int32] = on("x", "y", text="steps until it escaped or settled; else the last step")
    sharpness: FloatArray = on("x", "y", text="sharpness u^2 + v^2 of the minimum selected; else NaN")
    branch: NDArray[np.int8] = on("x", "y", text="sign of the mean mode a at the end; 0 diverged")

    def check(self) -> None:
        """Refuse unknown coordinates, or a mu that is no step size."""
        positive("mu", self.settings.get("mu"))
        if self.settings.get("coordinates") not in COORDINATES:
            given = short(self.settings.get("coordinates"))
            raise InputError(
                f"coordinates must be one of {', '.join(COORDINATES)}, got {given}; upgrade lintrans"
            )

    @property
    def mu(self) -> float:
        """Effective step size."""
        return float(self.settings["mu"])

    def modes(self, rows: slice, columns: slice) -> tuple[FloatArray, FloatArray]:
        """Starts (a, b) in modes of a part of the window, each of its shape."""
        return _modes(self.mu, self.settings["coordinates"], self.x[rows], self.y[columns])

    def summary(self) -> dict[str, Any]:
        """Starts of every regime."""
        return {"counts": self.count()}

    def answer(self) -> dict[str, Any]:
        """Step size, and starts of every regime."""
        return {"mu": self.mu, "counts": self.count()}

    def lines(self) -> list[tuple[str, ...]]:
        """Starts of every regime."""
        return shares(self.count())

    def count(self) -> dict[str, int]:
        """Starts of every regime that occurs."""
        return count_regimes(self.regime)


@dataclass(frozen=True, eq=False, kw_only=True)
class BasinSweep(Sweep):
    """The starts of a basin map.

    Parameters
    ----------
    mu
        Effective step size.
    u, v
        Axes of the window, increasing; or instead
    a, b
        its axes in modes, a = sqrt(mu) (u + v) / 2 and b = sqrt(mu) (u - v) / 2.
    n_steps
        Steps of an orbit at most. Converged: `normal_form.converges` holds and |r| <= 1e-6, tested every 32
        steps. Divergent: |r| > 1e4. For 1 <= mu < 2 other starts inside the ellipse end on the attractor of
        the balanced slice (claim convergence.inside); its regime, the same for almost all since its two
        critical points mirror each other, is measured once. Others are unresolved: raise this number.
    variant
        Weight decay, momentum or a schedule (`lintrans.two_factor.Variant`). Then converged means:
        displacement and force below 1e-6 at a fixed point that attracts; what neither converges nor diverges
        is unresolved.

    Raises
    ------
    InputError
        If mu is not positive, the axes are no such pair, or closer than float64 resolves.
    """

    result = BasinMap

    mu: float = field(kw_only=False)
    u: ArrayLike | None = None
    v: ArrayLike | None = None
    a: ArrayLike | None = None
    b: ArrayLike | None = None
    n_steps: int = BASIN_STEPS
    variant: Variant | None = None

    def __post_init__(self) -> None:
        settle(self, mu=positive("mu", self.mu), n_steps=count("n_steps", self.n_steps))
        settle(self, variant=variants.checked(self.variant))
        window = Coordinates.checked(self.u, self.v, self.a, self.b)
        settle(self, **dict(zip(window.name, (window.x, window.y), strict=True)))

    @functools.cached_property
    def window(self) -> Coordinates:
        """Axes of the window."""
        return Coordinates.checked(self.u, self.v, self.a, self.b)

    @functools.cached_property
    def attractor(self) -> int:
        """Regime of what is neither divergent nor settled in a minimum."""
        return _attractor(self.mu) if self.variant is None else 0

    @property
    def shape(self) -> tuple[int, ...]:
        """Starts along both axes."""
        return self.window.x.size, self.window.y.size

    @property
    def steps_per_cell(self) -> int:
        """Steps of one orbit."""
        return self.n_steps

    def axes(self) -> Arrays:
        """Both axes of the window."""
        return {"x": self.window.x, "y": self.window.y}

    def settings(self) -> dict[str, Any]:
        """Return the arguments of `lintrans.basin_map`."""
        plain = {"mu": self.mu, "coordinates": self.window.name, "n_steps": self.n_steps}
        return plain | variants.settings(self.variant)

    def tally(self, arrays: Arrays) -> dict[str, int]:
        """Starts by regime."""
        return count_regimes(arrays["regime"])

    @property
    def cells_per_tile(self) -> int:
        """Starts of a tile at most: many, since most orbits end early."""
        return CELLS_PER_TILE

    def compute(self, *place: slice) -> Arrays:
        """Fates of a rectangle of the window."""
        rows, columns = place
        a, b = _modes(self.mu, self.window.name, self.window.x[rows], self.window.y[columns])
        shape, a, b = a.shape, a.ravel(), b.ravel()
        mu, ends = np.full(a.size, self.mu), np.empty((a.size, 3))
        variant = variants.for_kernels(self.variant)
        codes, steps = kernels.fates(mu, a, b, self.n_steps, SETTLED, False, ends, variant)
        diverged, settled = codes == kernels.DIVERGED, np.flatnonzero(codes == kernels.CONVERGED)
        open_ends = np.flatnonzero(codes == kernels.UNDECIDED)
        regime = np.where(diverged, np.uint8(Regime.DIVERGENT), np.uint8(Regime.UNRESOLVED))
        regime[settled] = np.where(ends[settled, 2] > 0, Regime.CATAPULT, Regime.MONOTONE)
        sharpness = np.full(a.size, np.nan)
        if variant is None:
            regime[open_ends] = self._verdicts(a[open_ends], b[open_ends])
            sharpness[settled] = _sharpness(self.mu, *ends[settled, :2].T)
        else:  # which the theory does not tell of
            sharpness[settled] = 2 * np.square(ends[settled, :2]).sum(axis=1) / self.mu
        arrays: Arrays = {
            "regime": regime,
            "steps": steps.astype(np.int32),
            "sharpness": sharpness,
            "branch": self._branches(ends[:, 0], diverged),
        }
        return {name: x.reshape(shape) for name, x in arrays.items()}

    def _branches(self, end_a: FloatArray, diverged: NDArray[np.bool_]) -> NDArray[np.int8]:
        if self.mu >= landmarks()["crisis"].mu and self.variant is None:
            return np.zeros(end_a.size, np.int8)
        return np.where(diverged, 0, np.sign(end_a)).astype(np.int8)

    def _verdicts(self, a: FloatArray, b: FloatArray) -> NDArray[np.uint8]:
        """Verdicts on starts that neither diverged nor settled, from the theory."""
        if self.mu >= 2:
            return np.full(a.size, np.uint8(Regime.UNRESOLVED))
        inside = normal_form.ellipse_level(self.mu, a, b) < 0
        on_attractor = inside & (normal_form.residual(self.mu, a, b) != 0)  # not on a minimum from the start
        found = np.where(on_attractor, np.uint8(self.attractor), np.uint8(Regime.UNRESOLVED))
        return np.where((a == 0) & inside, np.uint8(Regime.SADDLE), found)


@takes(BasinSweep)
def basin_map(
    *args: Any, n_threads: int | None = None, progress: Progress | None = None, **options: Any
) -> BasinMap:
    """Where training at ``mu`` ends from every start of a window.

    Arguments are those of `lintrans.two_factor.BasinSweep`, and n_threads and progress as in
    `lintrans.two_factor.gather_evidence`.

    Raises
    ------
    InputError
        If an argument is out of range, or the map does not fit in memory.

    Examples
    --------
    >>> found = basin_map(0.9, u=[-3.0, -0.5, 0.5, 3.0], v=[0.4, 1.0])
    >>> found.count()
    {'monotone': 3, 'catapult': 1, 'divergent': 4}
    >>> found.branch.tolist()
    [[0, 0], [-1, 1], [1, 1], [0, 0]]
    """
    sweep = BasinSweep(*args, **options)
    result: BasinMap = compute(sweep, executor=Threads(n_threads), progress=progress)
    return result


def _attractor(mu: float) -> int:
    """Regime of almost every balanced start, where minima are unstable: 1 <= mu < 2."""
    return int(regime(mu, *map(float, normal_form.probe_start(mu))).regime) if 1 <= mu < 2 else 0


def _modes(mu: float, coordinates: str, x: FloatArray, y: FloatArray) -> tuple[FloatArray, FloatArray]:
    first, second = np.meshgrid(x, y, indexing="ij")
    return (first, second) if coordinates == "ab" else normal_form.to_modes(mu, first, second)


def _sharpness(mu: float, a: FloatArray, b: FloatArray) -> FloatArray:
    """Sharpness u^2 + v^2 = 2 (a^2 + b^2) / mu of the minimum that a settled orbit tends to.

    The product ab changes by the factor 1 - r^2 a step, and r by 1 - 2 s with s = a^2 + b^2 up to order r^2:
    the limit of ab, and from it that of s = sqrt(mu^2 + 4 (ab)^2), are known up to order r^3. Claims
    modes.step and modes.residual_recursion.
    """
    r, s = normal_form.residual(mu, a, b), np.square(a) + np.square(b)
    product = a * b * (1 - r * r / (1 - np.square(1 - 2 * s)))
    return np.asarray(2 * np.hypot(mu, 2 * product) / mu)


def _resolved(name: str, values: ArrayLike) -> FloatArray:
    """Check an axis, and that float64 tells its entries apart."""
    checked = increasing(name, values).copy()
    least = SPACING_ULPS * np.spacing(np.abs(checked).max())
    if checked.size > 1 and np.diff(checked).min() < least:
        raise InputError(
            f"{name} must be spaced by {least:.1g} or more, got {np.diff(checked).min():.1g}; "
            "zoom less, or take fewer cells"
        )
    return checked
