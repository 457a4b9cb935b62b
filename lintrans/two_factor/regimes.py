"""How training ends: evidence measured on orbits, and the verdict based on it.

The two are separate. `gather_evidence` iterates and measures; `classify` reads the measurements and can be
run again on saved ones. If the evidence does not support a verdict, it is UNRESOLVED, never a guess.
"""

from __future__ import annotations

from dataclasses import dataclass, field, fields
from enum import IntEnum
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from lintrans.errors import InputError, count, finite_array, positive
from lintrans.sweeps.executors import Threads
from lintrans.sweeps.grid import Arrays, Grid, Progress, collect
from lintrans.two_factor import kernels, normal_form
from lintrans.two_factor.defaults import MAX_PERIOD, N_STEPS, N_TRANSIENT

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]

PERIOD_TOL = 1e-8  # a return this close in r, over the whole tail, counts as periodic
SEPARATION = 1e-4  # and no shorter lag may come this close: else a slow approach looks like doubling
SIGMAS = 4.0  # standard errors by which an exponent must exceed 0 to count as chaos
MIN_GROWTH = 40.0  # and e^40 > 1/eps: growth that no departure from one unstable cycle can sustain


class Regime(IntEnum):
    """How training ends; the number is the code stored in result files."""

    UNRESOLVED = 0  #: the evidence does not decide; more steps, or a look at the evidence, may
    MONOTONE = 1  #: converges, the loss never rises
    CATAPULT = 2  #: converges after the loss rose at least once
    PERIODIC = 3  #: settles on a cycle; its period in uv (the loss) is part of the evidence
    CHAOTIC = 4  #: bounded, with a positive exponent along the loss
    DIVERGENT = 5  #: leaves every bound
    SADDLE = 6  #: runs into the saddle at the origin (anti-balanced starts only)

    @property
    def label(self) -> str:
        """Lower-case name, as printed and stored."""
        return self.name.lower()

    @classmethod
    def from_label(cls, label: str) -> Regime:
        """Regime with this name; an InputError lists the known names."""
        try:
            return cls[label.upper()]
        except KeyError:
            names = ", ".join(r.label for r in cls)
            raise InputError(f"regime must be one of {names}; got {label!r}; pass one of these") from None


def measured(text: str) -> Any:
    """Field of `Evidence`, with its meaning, which result files repeat."""
    return field(metadata={"text": text})


@dataclass(frozen=True, eq=False)
class Evidence:
    """What was measured of each orbit. All fields are arrays of one common shape.

    ``along`` and ``transverse`` are mean logarithmic factors per step, in the plane of the two modes:
    ``transverse`` is the growth rate of the imbalance b, and ``along`` the rest of the Jacobian
    determinant. On and near the balanced slice these are the exponents along the slice and across it;
    at a minimum ``along`` is the exponent of the loss, ln|1 - 2 (a^2 + b^2)|, and ``transverse`` is 0,
    the direction of the curve of minima. NaN after an escape; -inf if a factor was exactly 0. Claims
    modes.along, transverse.factor and transverse.fixed_points.
    """

    start_a: FloatArray = measured("mean mode of the start")
    start_b: FloatArray = measured("imbalance mode of the start")
    escape_step: IntArray = measured("first step with |r| > 1e4; -1 = never")
    rise_step: IntArray = measured("first step whose loss exceeds the one before; -1 = never")
    along: FloatArray = measured("exponent along the slice, or of the loss")
    along_error: FloatArray = measured("standard error of along, from 16 batches")
    transverse: FloatArray = measured("exponent transverse to the slice")
    transverse_error: FloatArray = measured("standard error of transverse, from 16 batches")
    n_measured: IntArray = measured("steps over which the exponents were averaged")
    final_a: FloatArray = measured("mean mode after the last measured step")
    final_b: FloatArray = measured("imbalance mode after the last measured step")
    residual: FloatArray = measured("uv - 1 at that state")
    period_uv: IntArray = measured("period of the prediction uv; 0 = none found")
    period_a: IntArray = measured("period with the sign of a; period_uv or twice that")
    return_error: FloatArray = measured("largest |r(n + p) - r(n)| over the tail; NaN without a period")
    separation: FloatArray = measured("smallest such number at the lags before, if below 1e-4; else inf")
    cycle_along: FloatArray = measured("exponent along one turn of the cycle found; NaN without one")
    loss_low: FloatArray = measured("least normalised loss (uv - 1)^2 / 2 of the tail")
    loss_mean: FloatArray = measured("mean normalised loss of the tail")
    loss_high: FloatArray = measured("greatest normalised loss of the tail")

    def reshape(self, *shape: int) -> Evidence:
        """Return the same evidence on a grid."""
        return Evidence(*(getattr(self, f.name).reshape(shape) for f in fields(self)))


class Verdict(NamedTuple):
    """Regime of one orbit, its period in uv (0 unless periodic), and the evidence for it."""

    regime: Regime
    period: int
    evidence: Evidence

    @classmethod
    def of(cls, mu: float, evidence: Evidence) -> Verdict:
        """Verdict on the evidence of a single orbit."""
        verdict = Regime(int(classify(mu, evidence)))
        return cls(verdict, int(evidence.period_uv) if verdict is Regime.PERIODIC else 0, evidence)

    def __str__(self) -> str:
        if self.regime is Regime.PERIODIC:
            return f"periodic, period {self.period}"
        return self.regime.label


def gather_evidence(
    mu: ArrayLike,
    u: ArrayLike,
    v: ArrayLike,
    *,
    n_transient: int = N_TRANSIENT,
    n_steps: int = N_STEPS,
    max_period: int = MAX_PERIOD,
    n_threads: int | None = None,
    progress: Progress | None = None,
) -> Evidence:
    """Iterate the map from each start and measure what decides its regime.

    Parameters
    ----------
    mu, u, v
        Effective step sizes (positive) and starts in normal form; they broadcast to one shape.
    n_transient
        Number of steps before exponents are measured. Raise it near a bifurcation, where orbits settle
        slowly.
    n_steps
        Number of steps over which exponents are averaged; their errors fall like ``n_steps**-0.5``. Both
        counts are rounded up to a multiple of 256.
    max_period
        Longest period to detect.
    n_threads
        Number of threads, by default one per core. Results do not depend on it.
    progress
        Called with (cells done, number of cells, counts by regime if verdicts are computed).

    Raises
    ------
    InputError
        If an entry is not finite, a mu not positive or a count out of range.

    Examples
    --------
    The Chebyshev map has the exponent ln 3. Claim slice.chebyshev.

    >>> e = gather_evidence(2.0, 0.5, 0.5)
    >>> bool(abs(e.along - np.log(3)) < 5 * e.along_error)
    True
    """
    grid = np.broadcast_arrays(*(np.asarray(x, dtype=np.float64) for x in (mu, u, v)))
    # Copies: a read-only view would be another type for Numba, and compile everything again.
    mus, us, vs = (finite_array(n, x.flatten(), 1) for n, x in zip(("mu", "u", "v"), grid, strict=True))
    if (mus <= 0).any():
        positive("mu", mus[mus <= 0][0])
    a, b = normal_form.to_modes(mus, us, vs)
    cells = _Cells(mus, a, b, Counts.checked(n_transient, n_steps, max_period))
    columns = collect(cells, executor=Threads(n_threads), progress=progress)
    return Evidence(**columns).reshape(*grid[0].shape)


@dataclass(frozen=True)
class Counts:
    """How long orbits are followed and searched; the first two are multiples of 256."""

    n_transient: int
    n_steps: int
    max_period: int

    @classmethod
    def checked(cls, n_transient: int, n_steps: int, max_period: int) -> Counts:
        """Check counts, and round them up."""
        return cls(
            _round_up("n_transient", n_transient),
            _round_up("n_steps", n_steps),
            count("max_period", max_period, maximum=4096),
        )

    @property
    def total(self) -> int:
        """Steps of one orbit."""
        return self.n_transient + self.n_steps


@dataclass(frozen=True, eq=False)
class _Cells(Grid):
    """Orbits in a row, to be measured."""

    block = kernels.BLOCK

    mu: FloatArray
    a: FloatArray
    b: FloatArray
    counts: Counts

    @property
    def shape(self) -> tuple[int, ...]:
        return (self.mu.size,)

    @property
    def steps_per_cell(self) -> int:
        return self.counts.total

    def compute(self, *place: slice) -> Arrays:
        (part,) = place
        return vars(measure(self.mu[part], self.a[part], self.b[part], self.counts))


def measure(mus: FloatArray, a: FloatArray, b: FloatArray, counts: Counts) -> Evidence:
    """Evidence of orbits from the states (a, b) in modes, vectors of the same length, on this thread only."""
    search = counts.max_period, PERIOD_TOL, SEPARATION
    table = kernels.evidence(mus, a, b, counts.n_transient, counts.n_steps, *search)
    columns = dict(zip(kernels.EVIDENCE_FIELDS, np.ascontiguousarray(table.T), strict=True))
    for name, missing in (("escape_step", -1), ("rise_step", -1), ("period_uv", 0), ("period_a", 0)):
        values = columns[name]
        columns[name] = np.where(np.isfinite(values), values, missing).astype(np.int64)
    return Evidence(
        start_a=a,
        start_b=b,
        n_measured=np.full(mus.size, counts.n_steps),
        residual=normal_form.residual(mus, columns["final_a"], columns["final_b"]) / mus,
        **columns,
    )


def classify(mu: ArrayLike, evidence: Evidence) -> NDArray[np.uint8]:
    """Verdict on each orbit at ``mu`` as `Regime` codes, in order of precedence:

    divergent (an escape was seen); saddle (on the stable set of the origin: a = 0 and b^2 < 2 - mu);
    monotone or catapult (`lintrans.two_factor.normal_form.converges` holds at the final state); periodic (the
    tail returns within ``PERIOD_TOL`` at one lag, misses by ``SEPARATION`` at all shorter ones, and the cycle
    attracts); chaotic (no return, exponent positive by ``SIGMAS`` standard errors and for so long that
    perturbations grew by ``MIN_GROWTH``, mu <= 2, above which bounded chaos is only transient); else
    unresolved. Claims modes.saddle, modes.imbalance, convergence.sufficient and slice.bounded.
    """
    e, mu = evidence, np.asarray(mu, dtype=np.float64)
    on_stable_set = (e.final_a == 0) & (np.abs(e.final_b) < np.sqrt(np.maximum(2 - mu, 0)))
    converged = normal_form.converges(mu, e.final_a, e.final_b)
    periodic = (e.period_uv > 1) & (e.separation > SEPARATION) & (e.cycle_along < 0)
    grown = (e.along > SIGMAS * e.along_error) & (e.along * e.n_measured > MIN_GROWTH)
    chaotic = (e.period_uv == 0) & grown & (mu <= 2)
    conditions = [
        e.escape_step >= 0,
        on_stable_set,
        converged & (e.rise_step < 0),
        converged,
        periodic,
        chaotic,
    ]
    verdicts = [
        Regime.DIVERGENT,
        Regime.SADDLE,
        Regime.MONOTONE,
        Regime.CATAPULT,
        Regime.PERIODIC,
        Regime.CHAOTIC,
    ]
    return np.asarray(np.select(conditions, [int(v) for v in verdicts], Regime.UNRESOLVED), dtype=np.uint8)


def count_regimes(codes: NDArray[np.uint8]) -> dict[str, int]:
    """Cells of every regime that occurs, by label."""
    numbers = np.bincount(codes.ravel(), minlength=len(Regime))
    return {r.label: int(numbers[r]) for r in Regime if numbers[r]}


def shares(counts: dict[str, int]) -> list[tuple[str, ...]]:
    """Return rows of a table: name, number of cells, and their share."""
    n = sum(counts.values())
    return [(label, f"{k} cells", f"{k / n:.1%}") for label, k in counts.items()]


def regime(mu: float, u: float, v: float, **options: int) -> Verdict:
    """Regime of training at effective step size ``mu`` from the start ``(u, v)``.

    ``options`` are those of `gather_evidence`.

    Examples
    --------
    >>> print(regime(0.5, 0.4, 0.4)), print(regime(1.1, 0.4, 0.4)), print(regime(2.1, 0.4, 0.4))
    monotone
    periodic, period 2
    divergent
    (None, None, None)
    """
    return Verdict.of(mu, gather_evidence(mu, u, v, **options))  # type: ignore[arg-type]


def _round_up(name: str, value: int) -> int:
    """Check a step count and round it up to whole windows in every batch."""
    unit = kernels.WINDOW * kernels.N_BATCHES
    return -(-count(name, value) // unit) * unit
