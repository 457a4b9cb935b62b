"""Exponents of one orbit over time windows: their means with errors, the spectrum, and their spread.

They are given by direction, along the loss and transverse to the slice, as in `lintrans.two_factor.Evidence`,
and as the two exponents of the Lyapunov spectrum, from the growth of a tangent vector and the determinant.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, ClassVar, NamedTuple

import numpy as np
from numpy.typing import NDArray

from lintrans.errors import count, finite, positive
from lintrans.sweeps.grid import check_memory
from lintrans.sweeps.results import Result, axis, on
from lintrans.two_factor import kernels, normal_form
from lintrans.two_factor.defaults import N_TRANSIENT, N_WINDOW, N_WINDOWS

FloatArray = NDArray[np.float64]

N_BATCHES = 16


class Exponent(NamedTuple):
    """A mean over all windows, in nats per step.

    Attributes
    ----------
    value : float
        -inf if a factor was exactly 0, i.e. the orbit met a critical point; NaN if the orbit escaped.
    standard_error : float
        From the means of 16 consecutive batches of windows; NaN where the value is not finite.
    """

    value: float
    standard_error: float


@dataclass(frozen=True, eq=False, kw_only=True)
class ExponentWindows(Result):
    """Exponents of one orbit, window by window; NaN throughout if the orbit escaped.

    At a minimum ``along`` is ln|1 - 2 (a^2 + b^2)| and ``transverse`` 0, the direction of the curve of
    minima; the spectrum is the two in descending order. On the slice the same holds for every orbit.
    """

    kind: ClassVar[str] = "exponent_windows"

    window: NDArray[np.int64] = axis("number of the window")
    along: FloatArray = on("window", text="exponent along the slice, or of the loss, nats per step")
    transverse: FloatArray = on("window", text="exponent transverse to the slice, nats per step")
    largest: FloatArray = on("window", text="growth of a tangent vector, nats per step")
    smallest: FloatArray = on("window", text="of an area by the map, less that, nats per step")

    def check(self) -> None:
        """Refuse a mu that is not a step size."""
        positive("mu", self.settings.get("mu"))

    @property
    def mu(self) -> float:
        """Effective step size."""
        return float(self.settings["mu"])

    def summary(self) -> dict[str, Any]:
        """Means and standard errors of the exponents."""
        return {name: found._asdict() for name, found in self.exponents().items()}

    def exponents(self) -> dict[str, Exponent]:
        """Mean of each with its standard error: along, transverse, largest and smallest."""
        return {name: _mean(getattr(self, name)) for name in ("along", "transverse", "largest", "smallest")}


def orbit_exponents(
    mu: float,
    u: float,
    v: float,
    *,
    n_transient: int = N_TRANSIENT,
    n_window: int = N_WINDOW,
    n_windows: int = N_WINDOWS,
) -> ExponentWindows:
    """Measure the exponents of the orbit of one start over consecutive time windows.

    Parameters
    ----------
    mu, u, v
        Effective step size and start in normal form.
    n_transient
        Number of steps before the first window. One more window is left out, in which the tangent finds its
        direction.
    n_window
        Number of steps of a window, rounded up to a multiple of 16. The spread of finite-time exponents falls
        like its inverse root, or faster if they telescope (at mu = 2 like its inverse).
    n_windows
        Number of windows, at least 16.

    Raises
    ------
    InputError
        If an argument is out of range, or the windows do not fit in memory.

    Examples
    --------
    The Chebyshev map on the slice: ln 3 along, 0 across. Claims slice.chebyshev and transverse.chebyshev.

    >>> found = orbit_exponents(2 - 1e-9, 0.4, 0.4).exponents()
    >>> [round(found[name].value, 2) for name in ("along", "transverse", "largest", "smallest")]
    [1.1, -0.0, 1.1, -0.0]
    """
    mu, u, v = positive("mu", mu), finite("u", u), finite("v", v)
    n_transient = count("n_transient", n_transient, minimum=0)
    n_window = -(-count("n_window", n_window) // kernels.WINDOW) * kernels.WINDOW
    n_windows = count("n_windows", n_windows, minimum=N_BATCHES)
    check_memory("the windows", 5 * 8 * n_windows)
    a, b = normal_form.to_modes([mu], [u], [v])
    along, transverse, largest = kernels.exponent_windows(
        np.array([mu]), a, b, n_transient, n_window, n_windows
    )[0].T.copy()
    with np.errstate(invalid="ignore"):  # -inf less -inf, where the tangent vanished too
        smallest = np.where(np.isneginf(along), -np.inf, along + transverse - largest)
    settings = {
        "mu": mu,
        "u": u,
        "v": v,
        "n_transient": n_transient,
        "n_window": n_window,
        "n_windows": n_windows,
    }
    return ExponentWindows(
        window=np.arange(n_windows),
        along=along,
        transverse=transverse,
        largest=largest,
        smallest=smallest,
        settings=settings,
    )


def _mean(values: FloatArray) -> Exponent:
    """Mean and standard error from batch means; see `Exponent`."""
    mean = float(values.mean())
    if not math.isfinite(mean):
        return Exponent(mean, math.nan)
    batches = [float(part.mean()) for part in np.array_split(values, N_BATCHES)]
    return Exponent(mean, float(np.std(batches, ddof=1) / math.sqrt(N_BATCHES)))
