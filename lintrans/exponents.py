"""Lyapunov exponents over mu, by direction: along the slice (or the loss), and transverse to it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import ArrayLike, NDArray

from lintrans.regimes import N_STEPS, N_TRANSIENT, gather_evidence
from lintrans.results import Result, axis, on
from lintrans.sweeps import mu_axis, step_sizes

FloatArray = NDArray[np.float64]


@dataclass(frozen=True, eq=False, kw_only=True)
class LyapunovExponents(Result):
    """Exponents per gradient step, in nats; NaN after an escape, -inf where a factor was exactly 0."""

    kind: ClassVar[str] = "lyapunov_exponents"

    mu: FloatArray = axis("effective step size")
    along: FloatArray = on("mu", text="exponent along the slice, or of the loss, per step")
    along_error: FloatArray = on("mu", text="standard error of along, from 16 batches")
    transverse: FloatArray = on("mu", text="exponent transverse to the slice, per step")
    transverse_error: FloatArray = on("mu", text="standard error of transverse, from 16 batches")
    step_size: FloatArray | None = on("mu", text="learning rate", optional=True)


def lyapunov_exponents(
    mus: ArrayLike,
    *,
    start: tuple[float, float] | None = None,
    n_transient: int = N_TRANSIENT,
    n_steps: int = N_STEPS,
    unit_step_size: float | None = None,
    n_threads: int | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> LyapunovExponents:
    """Measure both exponents at every mu; directions as in `lintrans.regimes.Evidence`.

    Arguments are those of `bifurcation_diagram` and `gather_evidence`.

    Examples
    --------
    At the balanced minimum it is ln|1 - 2 mu|, at mu = 2 ln 3. Claims slice.stability and slice.chebyshev.

    >>> x = lyapunov_exponents([0.3, 1.999999])
    >>> x.along.round(2).tolist()
    [-0.92, 1.1]
    """
    grid, u, v = mu_axis(mus, start)
    rates = step_sizes(grid, unit_step_size)
    evidence = gather_evidence(
        grid, u, v, n_transient=n_transient, n_steps=n_steps, n_threads=n_threads, progress=progress
    )
    return LyapunovExponents(
        mu=grid,
        along=evidence.along,
        along_error=evidence.along_error,
        transverse=evidence.transverse,
        transverse_error=evidence.transverse_error,
        step_size=rates,
        settings={"start": start, "n_transient": n_transient, "n_steps": n_steps},
    )
