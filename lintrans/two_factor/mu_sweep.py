"""Sweeps over mu: the axis that most diagrams of the two-factor map share."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from lintrans.errors import InputError, finite_array, increasing, positive
from lintrans.sweeps.grid import Arrays, Sweep
from lintrans.two_factor.kernels import BLOCK
from lintrans.two_factor.normal_form import probe_start, to_modes

FloatArray = NDArray[np.float64]


@dataclass(frozen=True, eq=False, kw_only=True)
class MuSweep(Sweep):
    """A sweep with mu as its first axis and a start (u, v) at every mu.

    Attributes
    ----------
    mu, u, v : numpy.ndarray
        Effective step sizes, increasing and positive, and the start at each; shape (n_mu,).
    start : tuple of float or None
        The start, if it is the same at every mu; else it is `normal_form.probe_start`.
    unit_step_size : float or None
        Learning rate at mu = 1, if there is a prompt to say it.
    """

    block = BLOCK

    mu: FloatArray
    u: FloatArray
    v: FloatArray
    start: tuple[float, float] | None
    unit_step_size: float | None

    @staticmethod
    def checked(
        mus: ArrayLike, start: tuple[float, float] | None, unit_step_size: float | None
    ) -> dict[str, Any]:
        """Fields of this class, from arguments that are checked."""
        mu, u, v = mu_axis(mus, start)
        unit = None if unit_step_size is None else positive("unit_step_size", unit_step_size)
        return {"mu": mu, "u": u, "v": v, "start": start, "unit_step_size": unit}

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

    def modes(self, part: slice) -> tuple[FloatArray, FloatArray, FloatArray]:
        """Values of mu and starts (a, b) in modes, of a part of the axis."""
        mu = self.mu[part]
        return mu, *to_modes(mu, self.u[part], self.v[part])


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
