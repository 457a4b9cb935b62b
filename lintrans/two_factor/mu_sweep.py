"""Sweeps over mu: the axis that most diagrams of the two-factor map share."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import ArrayLike, NDArray

from lintrans.errors import InputError, finite_array, increasing, positive, settle
from lintrans.sweeps.grid import Arrays, Sweep
from lintrans.two_factor.kernels import BLOCK
from lintrans.two_factor.normal_form import probe_start, to_modes

FloatArray = NDArray[np.float64]


@dataclass(frozen=True, eq=False, kw_only=True)
class MuSweep(Sweep):
    """A sweep with mu as its first axis and a start (u, v) at every mu.

    Parameters
    ----------
    mus
        Effective step sizes, shape (n_mu,), increasing and positive.
    start
        (u, v) at every mu; `normal_form.probe_start` of each mu by default.
    unit_step_size
        Learning rate at mu = 1 (`reduce(...).mode.unit_step_size`), to carry an axis of learning rates along.

    Raises
    ------
    InputError
        If mus are not increasing and positive, or another argument is out of range.
    """

    block = BLOCK

    mus: ArrayLike = field(kw_only=False)
    start: tuple[float, float] | None = None
    unit_step_size: float | None = None

    def __post_init__(self) -> None:
        mus, u, v = mu_axis(self.mus, self.start)
        start = None if self.start is None else (float(u[0]), float(v[0]))
        unit = None if self.unit_step_size is None else positive("unit_step_size", self.unit_step_size)
        settle(self, mus=mus, start=start, unit_step_size=unit)

    @property
    def mu(self) -> FloatArray:
        """Effective step sizes."""
        return np.asarray(self.mus, dtype=np.float64)

    @property
    def shape(self) -> tuple[int, ...]:
        """Values of mu."""
        return (self.mu.size,)

    def axes(self) -> Arrays:
        """Values of mu, and learning rates if there is a prompt."""
        unit = self.unit_step_size
        return {"mu": self.mu} | ({} if unit is None else {"step_size": self.mu * unit})

    def left_out(self) -> set[str]:
        """Learning rates, if there is no prompt."""
        return {"step_size"} if self.unit_step_size is None else set()

    def starts(self, part: slice) -> tuple[FloatArray, FloatArray, FloatArray]:
        """Values of mu and starts (u, v) of a part of the axis."""
        return mu_axis(self.mu[part], self.start)

    def modes(self, part: slice) -> tuple[FloatArray, FloatArray, FloatArray]:
        """Values of mu and starts (a, b) in modes, of a part of the axis."""
        mu, u, v = self.starts(part)
        return mu, *to_modes(mu, u, v)


def mu_axis(mus: ArrayLike, start: tuple[float, float] | None) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Check an axis of mu; return it with the start (u, v) of each, the probe start if None."""
    grid = increasing("mus", mus).copy()  # the caller may change or freeze theirs
    positive("mus[0]", grid[0])
    if start is None:
        return grid, *probe_start(grid)
    given = finite_array("start", start, 1)
    if given.size != 2:
        raise InputError(f"start must be the two numbers (u, v), got {given.size}; pass start=(0.4, 0.4)")
    u, v = given
    return grid, np.full_like(grid, u), np.full_like(grid, v)
