"""Orbits of the map: one orbit step by step, and the orbit (bifurcation) diagram over mu."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import ArrayLike, NDArray

from lintrans import kernels, normal_form
from lintrans.errors import count, finite, positive
from lintrans.results import Result, axis, on
from lintrans.sweeps import check_memory, mu_axis, run_cells, step_sizes

FloatArray = NDArray[np.float64]


@dataclass(frozen=True, eq=False, kw_only=True)
class Orbit(Result):
    """Training as the map sees it, step by step; inf and NaN after an overflow."""

    kind: ClassVar[str] = "orbit"

    step: NDArray[np.int64] = axis("gradient descent step")
    a: FloatArray = on("step", text="mean mode sqrt(mu) (u + v) / 2")
    b: FloatArray = on("step", text="imbalance mode sqrt(mu) (u - v) / 2")

    def check(self) -> None:
        """Refuse a mu that is no step size."""
        positive("mu", self.settings.get("mu"))

    @property
    def mu(self) -> float:
        """Effective step size."""
        return float(self.settings["mu"])

    @property
    def u(self) -> FloatArray:
        """Factor u at every step; ``v`` likewise."""
        return normal_form.from_modes(self.mu, self.a, self.b)[0]

    @property
    def v(self) -> FloatArray:
        """Factor v at every step."""
        return normal_form.from_modes(self.mu, self.a, self.b)[1]

    @property
    def loss(self) -> FloatArray:
        """Normalised loss (uv - 1)^2 / 2, in units of y_q^2."""
        with np.errstate(over="ignore", invalid="ignore"):
            return np.asarray(np.square(normal_form.residual(self.mu, self.a, self.b) / self.mu) / 2)


@dataclass(frozen=True, eq=False, kw_only=True)
class BifurcationDiagram(Result):
    """Where orbits go: samples of the state after a transient, for every mu."""

    kind: ClassVar[str] = "bifurcation_diagram"

    mu: FloatArray = axis("effective step size")
    sample: NDArray[np.int64] = axis("step after the transient")
    a: FloatArray = on("mu", "sample", text="mean mode sqrt(mu) (u + v) / 2; NaN after an escape")
    b: FloatArray = on("mu", "sample", text="imbalance mode sqrt(mu) (u - v) / 2; NaN after an escape")
    step_size: FloatArray | None = on("mu", text="learning rate", optional=True)

    @property
    def uv(self) -> FloatArray:
        """Prediction in units of y_q."""
        mu = self.mu[:, None]
        return np.asarray(1 + normal_form.residual(mu, self.a, self.b) / mu)


def orbit(mu: float, u: float, v: float, *, n_steps: int) -> Orbit:
    """Iterate the map ``n_steps`` times from the start ``(u, v)``.

    Examples
    --------
    >>> orbit(0.25, 1.0, 1.0, n_steps=2).loss.tolist()  # a minimum
    [0.0, 0.0, 0.0]
    """
    mu, u, v = positive("mu", mu), finite("u", u), finite("v", v)
    n_steps = count("n_steps", n_steps, minimum=0)
    check_memory("the orbit", 3 * 8 * (n_steps + 1))
    a, b = normal_form.to_modes([mu], [u], [v])
    all_a, all_b = kernels.orbits(np.array([mu]), a, b, 0, n_steps + 1)
    settings = {"mu": mu, "u": u, "v": v, "n_steps": n_steps}
    return Orbit(step=np.arange(n_steps + 1), a=all_a[0], b=all_b[0], settings=settings)


def bifurcation_diagram(
    mus: ArrayLike,
    *,
    start: tuple[float, float] | None = None,
    n_transient: int = 4096,
    n_samples: int = 512,
    unit_step_size: float | None = None,
    n_threads: int | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> BifurcationDiagram:
    """Sample orbits after a transient, for every mu (an orbit diagram, often called bifurcation diagram).

    Parameters
    ----------
    mus
        Effective step sizes, shape (n_mu,), increasing and positive.
    start
        (u, v) for all mu; `normal_form.probe_start` of each mu by default.
    n_transient
        Steps thrown away first. Raise it where branches look smeared: near bifurcations.
    n_samples
        States kept for each mu.
    unit_step_size
        Learning rate at mu = 1, to carry an axis of learning rates along (`NormalForm.mode`).

    Raises
    ------
    InputError
        If mus are not increasing and positive, or the samples do not fit in memory.

    Examples
    --------
    >>> diagram = bifurcation_diagram([0.5, 1.1], n_samples=4)
    >>> diagram.uv[0].round(6).tolist()
    [1.0, 1.0, 1.0, 1.0]
    >>> bool(np.ptp(diagram.uv[1]) > 0.4), bool(np.ptp(diagram.uv[1, ::2]) < 1e-12)  # period 2
    (True, True)
    """
    grid, u, v = mu_axis(mus, start)
    n_transient, n_samples = count("n_transient", n_transient, minimum=0), count("n_samples", n_samples)
    rates = step_sizes(grid, unit_step_size)
    a, b = normal_form.to_modes(grid, u, v)

    def kernel(part: slice) -> FloatArray:
        return _bounded(grid[part], *kernels.orbits(grid[part], a[part], b[part], n_transient, n_samples))

    table = run_cells(
        kernel,
        grid.size,
        width=2 * n_samples,
        steps_per_cell=n_transient + n_samples,
        n_threads=n_threads,
        progress=progress,
    )
    return BifurcationDiagram(
        mu=grid,
        sample=np.arange(n_samples),
        a=table[:, :n_samples],
        b=table[:, n_samples:],
        step_size=rates,
        settings={"start": start, "n_transient": n_transient, "n_samples": n_samples},
    )


def _bounded(mu: FloatArray, a: FloatArray, b: FloatArray) -> FloatArray:
    """Samples of a and b side by side; NaN throughout a row in which the orbit has escaped."""
    outside = ~(np.abs(normal_form.residual(mu[:, None], a, b)) <= kernels.ESCAPED)
    table = np.hstack((a, b))
    table[outside.any(axis=1)] = np.nan
    return table
