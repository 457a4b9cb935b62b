"""Orbits of the map: one orbit step by step, and the orbit (bifurcation) diagram over mu."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from lintrans.errors import count, finite, positive, settle
from lintrans.sweeps.executors import Threads
from lintrans.sweeps.grid import Arrays, Progress, check_memory, compute, takes
from lintrans.sweeps.results import Result, axis, on
from lintrans.two_factor import kernels, normal_form, variants
from lintrans.two_factor.defaults import N_SAMPLES, N_TRANSIENT
from lintrans.two_factor.mu_sweep import MuSweep
from lintrans.two_factor.variants import Variant

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

    def answer(self) -> dict[str, Any]:
        """Size of the diagram."""
        return {"n_mu": self.mu.size, "n_samples": self.sample.size}

    def lines(self) -> list[tuple[str, ...]]:
        """Size of the diagram, in words."""
        return [(f"{self.mu.size} values of mu, {self.sample.size} samples of each",)]

    @property
    def uv(self) -> FloatArray:
        """Prediction in units of y_q."""
        mu = self.mu[:, None]
        return np.asarray(1 + normal_form.residual(mu, self.a, self.b) / mu)


def orbit(mu: float, u: float, v: float, *, n_steps: int, variant: Variant | None = None) -> Orbit:
    """Iterate the map ``n_steps`` times from the start ``(u, v)``, or a `lintrans.two_factor.Variant` of it.

    Examples
    --------
    >>> orbit(0.25, 1.0, 1.0, n_steps=2).loss.tolist()  # a minimum
    [0.0, 0.0, 0.0]
    >>> decayed = orbit(0.25, 1.0, 1.0, n_steps=1, variant=Variant(weight_decay=0.5))
    >>> decayed.u.tolist()  # shrunk by mu times that
    [1.0, 0.875]
    """
    mu, u, v = positive("mu", mu), finite("u", u), finite("v", v)
    n_steps, variant = count("n_steps", n_steps, minimum=0), variants.checked(variant)
    check_memory("the orbit", 3 * 8 * (n_steps + 1))
    a, b = normal_form.to_modes([mu], [u], [v])
    all_a, all_b = kernels.orbits(np.array([mu]), a, b, 0, n_steps + 1, variants.for_kernels(variant))
    settings = {"mu": mu, "u": u, "v": v, "n_steps": n_steps, **variants.settings(variant)}
    return Orbit(step=np.arange(n_steps + 1), a=all_a[0], b=all_b[0], settings=settings)


@dataclass(frozen=True, eq=False, kw_only=True)
class BifurcationSweep(MuSweep):
    """Orbits that are sampled.

    Parameters
    ----------
    mus, start, unit_step_size
        As in `MuSweep`.
    n_transient
        Steps thrown away first. Raise it where branches look smeared: near bifurcations.
    n_samples
        States kept for each mu.
    variant
        Weight decay, momentum or a schedule (`lintrans.two_factor.Variant`).
    """

    result = BifurcationDiagram

    n_transient: int = N_TRANSIENT
    n_samples: int = N_SAMPLES
    variant: Variant | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        settle(
            self,
            n_transient=count("n_transient", self.n_transient, minimum=0),
            n_samples=count("n_samples", self.n_samples),
            variant=variants.checked(self.variant),
        )

    @property
    def steps_per_cell(self) -> int:
        """Steps of one orbit."""
        return self.n_transient + self.n_samples

    def axes(self) -> Arrays:
        """Values of mu, numbers of the samples, and learning rates if there is a prompt."""
        return super().axes() | {"sample": np.arange(self.n_samples)}

    def settings(self) -> dict[str, Any]:
        """Return the arguments of `lintrans.bifurcation_diagram`."""
        names = ("start", "n_transient", "n_samples")
        return {name: getattr(self, name) for name in names} | variants.settings(self.variant)

    def compute(self, *place: slice) -> Arrays:
        """Samples of both modes on a part of the axis; NaN throughout an orbit that has escaped."""
        (part,) = place
        mu, a, b = self.modes(part)
        variant = variants.for_kernels(self.variant)
        samples = kernels.orbits(mu, a, b, self.n_transient, self.n_samples, variant)
        r = normal_form.residual(mu[:, None], *samples)
        bounded = np.all(np.abs(r) <= kernels.ESCAPED, axis=1, keepdims=True)
        return {name: np.where(bounded, x, np.nan) for name, x in zip("ab", samples, strict=True)}


@takes(BifurcationSweep)
def bifurcation_diagram(
    *args: Any, n_threads: int | None = None, progress: Progress | None = None, **options: Any
) -> BifurcationDiagram:
    """Sample orbits after a transient, for every mu (an orbit diagram, often called bifurcation diagram).

    Arguments are those of `lintrans.two_factor.BifurcationSweep`, and n_threads and progress as in
    `lintrans.two_factor.gather_evidence`.

    Raises
    ------
    InputError
        If an argument is out of range, or the samples do not fit in memory.

    Examples
    --------
    >>> diagram = bifurcation_diagram([0.5, 1.1], n_samples=4)
    >>> diagram.uv[0].round(6).tolist()
    [1.0, 1.0, 1.0, 1.0]
    >>> bool(np.ptp(diagram.uv[1]) > 0.4), bool(np.ptp(diagram.uv[1, ::2]) < 1e-12)  # period 2
    (True, True)
    """
    sweep = BifurcationSweep(*args, **options)
    result: BifurcationDiagram = compute(sweep, executor=Threads(n_threads), progress=progress)
    return result
