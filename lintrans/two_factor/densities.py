"""Invariant densities: how often the residual r = mu (uv - 1) takes a value in the long run.

On the balanced slice it is the density of the attractor; on the ellipse it is the arcsine density 1 / (pi
sqrt(4 - r^2)) for every mu, equal to that of the slice at mu = 2 (claims ellipse.density and
transverse.chebyshev_averages). It is measured from many orbits at one step, not from one long orbit: the
ellipse repels, and at mu = 2 rounding errors make single orbits escape.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from lintrans.errors import InputError, count, positive
from lintrans.sweeps.grid import check_memory
from lintrans.sweeps.results import Result, axis, on
from lintrans.two_factor import kernels, normal_form
from lintrans.two_factor.defaults import N_BINS, N_ORBITS
from lintrans.two_factor.invariant_ellipse import ellipse_point

FloatArray = NDArray[np.float64]

N_STEPS = 1000
N_STEPS_ELLIPSE = 8  # errors of rounding grow by up to 3 + mu per step across the ellipse


@dataclass(frozen=True, eq=False, kw_only=True)
class InvariantDensity(Result):
    """Density of the residual in bins, with its standard error, and the closed form if there is one."""

    kind: ClassVar[str] = "invariant_density"

    residual: FloatArray = axis("residual r = mu (uv - 1), middle of the bin")
    density: FloatArray = on("residual", text="density of r, its integral is 1")
    density_error: FloatArray = on("residual", text="standard error, from the counts")
    expected: FloatArray | None = on(
        "residual", text="mean of 1 / (pi sqrt(4 - r^2)) over the bin", optional=True
    )

    @classmethod
    def updated(cls, settings: dict[str, Any]) -> dict[str, Any]:
        """Version 0.1 wrote a batch size only where there were batches."""
        return {"batch_size": None} | settings

    @property
    def batch_size(self) -> int | None:
        """Prompts in a batch of mini-batch training; None for full-batch training."""
        size = self.settings["batch_size"]
        return None if size is None else int(size)

    def check(self) -> None:
        """Refuse a mu that is not a step size."""
        positive("mu", self.settings.get("mu"))

    def summary(self) -> dict[str, Any]:
        """Mean squared deviation from the closed form, in units of its error."""
        return {"chi_square_per_bin": self.chi_square()}

    def chi_square(self) -> float:
        """Mean squared deviation from the closed form in units of its error; NaN without one."""
        if self.expected is None:
            return math.nan
        n, width = self.settings["n_counted"], self.residual[1] - self.residual[0]
        share = self.expected * width
        deviation = (self.density - self.expected) * width * math.sqrt(n)
        return float(np.mean(deviation**2 / (share * (1 - share))))


def invariant_density(
    mu: float,
    *,
    on_ellipse: bool = False,
    n_orbits: int = N_ORBITS,
    n_bins: int = N_BINS,
    n_steps: int | None = None,
    seed: int = 0,
) -> InvariantDensity:
    """Histogram of the residual over many orbits, after many steps.

    Parameters
    ----------
    mu
        Effective step size, below 2 on the ellipse, up to 2 on the slice.
    on_ellipse
        If true, starts are uniform in the angle on the ellipse; otherwise uniform in a on the slice, |a| <
        sqrt(2 + mu).
    n_orbits, n_bins
        Number of orbits, and of bins of r between -2 and 2; orbits that escaped by rounding are not counted.
    n_steps
        Number of steps before the histogram; by default 1000 on the slice and 8 on the ellipse.
    seed
        Random seed of the starts.

    Raises
    ------
    InputError
        If an argument is out of range.

    Examples
    --------
    >>> found = invariant_density(1.0, on_ellipse=True, n_orbits=100_000)
    >>> 0.6 < found.chi_square() < 1.5
    True
    """
    mu, n_orbits = positive("mu", mu), count("n_orbits", n_orbits, minimum=100)
    if on_ellipse and mu >= 2:
        raise InputError(f"mu must be below 2, got {mu:g}; the invariant ellipse exists for 0 < mu < 2")
    if mu > 2:
        raise InputError(f"mu must be at most 2, got {mu:g}; beyond, almost every orbit diverges")
    n_bins = count("n_bins", n_bins, minimum=2, maximum=10**6)
    default = N_STEPS_ELLIPSE if on_ellipse else N_STEPS
    n_steps = default if n_steps is None else count("n_steps", n_steps, minimum=0)
    check_memory("the orbits", 8 * 8 * n_orbits)
    rng = np.random.default_rng(count("seed", seed, minimum=0))
    mus = np.full(n_orbits, mu)
    if on_ellipse:
        a, b = ellipse_point(mu, rng.uniform(0, 2 * math.pi, n_orbits))
    else:
        a, b = rng.uniform(-1, 1, n_orbits) * math.sqrt(2 + mu), np.zeros(n_orbits)
    r = normal_form.residual(mu, *kernels.advance(mus, a, b, n_steps))
    edges = np.linspace(-2.0, 2.0, n_bins + 1)
    counts, _ = np.histogram(r[np.abs(r) <= 2], edges)
    n, width = int(counts.sum()), 4 / n_bins
    share = counts / n
    known = on_ellipse or mu == 2
    expected = np.diff(np.arcsin(edges / 2)) / math.pi / width
    return InvariantDensity(
        residual=(edges[1:] + edges[:-1]) / 2,
        density=share / width,
        density_error=np.sqrt(share * (1 - share) / n) / width,
        expected=expected if known else None,
        settings={
            "mu": mu,
            "on_ellipse": bool(on_ellipse),
            "n_orbits": n_orbits,
            "n_counted": n,
            "n_steps": n_steps,
            "seed": seed,
            "batch_size": None,
        },
    )
