"""What mini-batch training does in the long run: exponents, and the density of the residual.

Averages are taken over independent trajectories, so that their errors need no correlation time.
Trajectories that diverge leave the average: what is measured is the state of those that have stayed, and
how many these are.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from lintrans.errors import InputError, count, finite, positive
from lintrans.minibatch import kernels
from lintrans.minibatch.escapes import escape_times
from lintrans.minibatch.population import Population
from lintrans.minibatch.sampling import Batches
from lintrans.sweeps.executors import Threads
from lintrans.two_factor import normal_form
from lintrans.two_factor.defaults import N_BINS
from lintrans.two_factor.densities import InvariantDensity
from lintrans.two_factor.spectra import Exponent

FloatArray = NDArray[np.float64]

N_TRAJECTORIES = 4096
N_TRANSIENT = 1024
DENSITY_TRAJECTORIES = 10**6
_PER_TASK = 4 * kernels.BLOCK


@dataclass(frozen=True)
class BatchExponents:
    """Lyapunov exponents of the random map: mean logarithmic growth per step, with standard errors.

    Attributes
    ----------
    along, transverse : Exponent
        Growth of the imbalance b, mean ln |1 + sigma|, and the rest of ln |det J|. At a minimum ``along`` is
        mean ln |1 - 2 a_B (a^2 + b^2)| (claim sampling.exponent), and with noise ``transverse`` is the rate
        at which the imbalance dies out (claim minibatch.imbalance). NaN if fewer than two have stayed.
    n_stayed, n_trajectories : int
        Trajectories that the averages are taken over, and all: the others diverged.
    """

    along: Exponent
    transverse: Exponent
    n_stayed: int
    n_trajectories: int


class _Task(NamedTuple):
    first: int
    last: int


def batch_exponents(
    population: Population,
    mu: float,
    u: float,
    v: float,
    *,
    batches: Batches,
    n_transient: int = N_TRANSIENT,
    n_trajectories: int = N_TRAJECTORIES,
    n_threads: int | None = None,
) -> BatchExponents:
    """Lyapunov exponents of mini-batch training, along the loss and transverse to the slice.

    Parameters
    ----------
    population, mu, u, v, n_threads
        As in `lintrans.minibatch.escape_times`.
    batches
        How training goes in batches, with a constant step size. Its n_steps are the steps measured.
    n_transient
        Steps left out before them. Both are rounded up to multiples of 16.
    n_trajectories
        Independent trajectories; the error falls like the inverse root.

    Raises
    ------
    InputError
        If an argument is out of range, or there is a schedule.

    Examples
    --------
    Two kinds of prompts with one minimum, at which a^2 + b^2 = mu: mean of ln |1 - 2 a_i mu|.

    >>> import numpy as np
    >>> two = Population(np.sqrt([0.5, 1.5]), np.sqrt([0.5, 1.5]))
    >>> found = batch_exponents(two, 0.3, 1.0, 1.0, batches=Batches(1, n_steps=4096), n_trajectories=256)
    >>> expected = np.log(np.abs(1 - 2 * 0.3 * np.array([0.5, 1.5]))).mean()
    >>> bool(abs(found.along.value - expected) < 4 * found.along.standard_error)
    True
    """
    mu, u, v = positive("mu", mu), finite("u", u), finite("v", v)
    if batches.schedule is not None:
        raise InputError(
            "batches must have a constant step size for exponents, got a schedule; leave it out, and pass "
            "the mu of the step size it ends with"
        )
    n_transient = count("n_transient", n_transient, minimum=0)
    transient, measured = (-(-n // kernels.WINDOW) * kernels.WINDOW for n in (n_transient, batches.n_steps))
    n_trajectories = count("n_trajectories", n_trajectories, minimum=2, maximum=10**7)
    drawing, prompts = batches.fit(population.n_prompts).for_kernels(), population.for_kernels()
    start = np.concatenate(normal_form.to_modes([mu], [u], [v]))

    def work(task: _Task) -> FloatArray:
        m, a, b = (np.full(task.last - task.first, value) for value in (mu, *start))
        first = np.uint64(task.first)
        found: FloatArray = kernels.exponents(prompts, *drawing, first, m, a, b, transient, measured)
        return found

    tasks = [_Task(i, min(i + _PER_TASK, n_trajectories)) for i in range(0, n_trajectories, _PER_TASK)]
    parts = dict(Threads(n_threads).map(work, tasks))
    rows = np.concatenate([parts[task] for task in tasks])
    stayed = rows[~np.isnan(rows[:, 1])]
    along, transverse = (_mean(column) for column in stayed.T)
    return BatchExponents(along, transverse, len(stayed), n_trajectories)


def stationary_density(
    population: Population,
    mu: float,
    u: float,
    v: float,
    *,
    batches: Batches,
    n_trajectories: int = DENSITY_TRAJECTORIES,
    n_bins: int = N_BINS,
    low: float = -2.0,
    high: float = 2.0,
    n_threads: int | None = None,
) -> InvariantDensity:
    """Density of the full-batch residual r after some steps, of the trajectories that have not diverged.

    Raise ``batches.n_steps`` until the density no longer changes: it is then the stationary one, if there is
    one.

    Parameters
    ----------
    population, mu, u, v, batches, n_trajectories, n_threads
        As in `lintrans.minibatch.escape_times`.
    n_bins, low, high
        Bins of r; trajectories beyond them are left out of the integral.

    Raises
    ------
    InputError
        If an argument is out of range, or no trajectory ends between ``low`` and ``high``.

    Examples
    --------
    >>> noisy = Population([1.0, 1.0], [0.9, 1.1])
    >>> asked = {"batches": Batches(1, n_steps=1024), "n_trajectories": 10_000, "n_bins": 4}
    >>> found = stationary_density(noisy, 0.3, 1.0, 1.0, **asked)
    >>> bool(found.density[1:3].sum() > 0.99 * found.density.sum())
    True
    """
    n_bins = count("n_bins", n_bins, minimum=2, maximum=10**6)
    low, high = finite("low", low), finite("high", high)
    if not low < high:
        raise InputError(f"low must be below high, got {low:g} and {high:g}; widen the range")
    ends = escape_times(
        population, mu, u, v, batches=batches, n_trajectories=n_trajectories, n_threads=n_threads
    )
    stayed = ends.diverged < 0
    r = normal_form.residual(mu, ends.end_a[stayed], ends.end_b[stayed])
    edges = np.linspace(low, high, n_bins + 1)
    counts, _ = np.histogram(r, edges)
    n, width = int(counts.sum()), (high - low) / n_bins
    if n == 0:
        raise InputError(
            f"low and high must hold trajectories, got none in [{low:g}, {high:g}]; widen the range"
        )
    share = counts / n
    return InvariantDensity(
        residual=(edges[1:] + edges[:-1]) / 2,
        density=share / width,
        density_error=np.sqrt(share * (1 - share) / n) / width,
        expected=None,
        settings=ends.settings | {"on_ellipse": False, "n_counted": n, "n_stayed": int(stayed.sum())},
    )


def _mean(values: FloatArray) -> Exponent:
    """Mean over trajectories, with its standard error."""
    if values.size < 2:
        return Exponent(math.nan, math.nan)
    mean = float(values.mean())
    error = float(values.std(ddof=1) / math.sqrt(values.size)) if math.isfinite(mean) else math.nan
    return Exponent(mean, error)
