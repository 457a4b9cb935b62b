"""Lyapunov exponents over mu, by direction: along the slice (or the loss), and transverse to it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from lintrans.errors import settle
from lintrans.sweeps.executors import Threads
from lintrans.sweeps.grid import Arrays, Progress, compute, takes
from lintrans.sweeps.results import Result, axis, on
from lintrans.two_factor import kernels
from lintrans.two_factor.defaults import MAX_PERIOD, N_STEPS, N_TRANSIENT
from lintrans.two_factor.mu_sweep import MuSweep
from lintrans.two_factor.regimes import Counts

FloatArray = NDArray[np.float64]
TRANSVERSE = ("transverse", "transverse_error")


@dataclass(frozen=True, eq=False, kw_only=True)
class LyapunovExponents(Result):
    """Exponents per gradient step, in nats; NaN after an escape, -inf where a factor was exactly 0.

    For 1 < mu < 2 ``transverse`` is negative on the balanced attractor; near mu = 2 it is about
    -sqrt((2 - mu) / 3) where that is chaotic. Claims convergence.negative and cycles.approach.
    """

    kind: ClassVar[str] = "lyapunov_exponents"

    mu: FloatArray = axis("effective step size")
    along: FloatArray = on("mu", text="exponent along the slice, or of the loss, per step")
    along_error: FloatArray = on("mu", text="standard error of along, from 16 batches")
    transverse: FloatArray | None = on("mu", text="exponent transverse to the slice, per step", optional=True)
    transverse_error: FloatArray | None = on(
        "mu", text="standard error of transverse, from 16 batches", optional=True
    )
    step_size: FloatArray | None = on("mu", text="learning rate", optional=True)

    def answer(self) -> dict[str, Any]:
        """All arrays."""
        return {v.name: v.values for v in self.variables()}

    def lines(self) -> list[tuple[str, ...]]:
        """How many exponents are positive, in words."""
        positive = int((self.along > 0).sum())
        return [(f"{self.mu.size} values of mu, exponent along the loss positive at {positive}",)]


@dataclass(frozen=True, eq=False, kw_only=True)
class LyapunovSweep(MuSweep):
    """Orbits whose exponents are measured.

    Parameters
    ----------
    mus, start, unit_step_size
        As in `MuSweep`.
    n_transient, n_steps
        Steps thrown away first, and steps measured; both are rounded up to a multiple of 256.
    transverse
        Whether to measure the transverse exponent too; without it, balanced starts take a third less time.
    """

    result = LyapunovExponents

    n_transient: int = N_TRANSIENT
    n_steps: int = N_STEPS
    transverse: bool = True

    def __post_init__(self) -> None:
        super().__post_init__()
        settle(self, transverse=bool(self.transverse))
        _ = self.counts  # checks them

    @property
    def counts(self) -> Counts:
        """Steps of every orbit, rounded up."""
        return Counts.checked(self.n_transient, self.n_steps, MAX_PERIOD)

    @property
    def steps_per_cell(self) -> int:
        """Steps of one orbit."""
        return self.counts.total

    def settings(self) -> dict[str, Any]:
        """Return the arguments of `lintrans.lyapunov_exponents`."""
        return {name: getattr(self, name) for name in ("start", "n_transient", "n_steps", "transverse")}

    def compute(self, *place: slice) -> Arrays:
        """Both exponents and their errors on a part of the axis."""
        (part,) = place
        steps = self.counts.n_transient, self.counts.n_steps
        table = kernels.exponents(*self.modes(part), *steps, self.transverse)
        names = ("along", "along_error", *(TRANSVERSE if self.transverse else ()))
        return dict(zip(names, np.ascontiguousarray(table.T), strict=False))

    def left_out(self) -> set[str]:
        """The transverse exponent, if it is not wanted; learning rates, if there is no prompt."""
        return super().left_out() | set(() if self.transverse else TRANSVERSE)


@takes(LyapunovSweep)
def lyapunov_exponents(
    *args: Any, n_threads: int | None = None, progress: Progress | None = None, **options: Any
) -> LyapunovExponents:
    """Measure both exponents at every mu; directions as in `lintrans.two_factor.Evidence`.

    Arguments are those of `lintrans.two_factor.LyapunovSweep`, and n_threads and progress as in
    `lintrans.two_factor.gather_evidence`.

    Examples
    --------
    At the balanced minimum it is ln|1 - 2 mu|, at mu = 2 ln 3. Claims slice.stability and slice.chebyshev.

    >>> x = lyapunov_exponents([0.3, 1.999999])
    >>> x.along.round(2).tolist()
    [-0.92, 1.1]
    """
    sweep = LyapunovSweep(*args, **options)
    result: LyapunovExponents = compute(sweep, executor=Threads(n_threads), progress=progress)
    return result
