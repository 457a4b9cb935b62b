"""The risk of a step size and a batch size, and the largest step size that keeps it low.

Every cell of a map is measured by its own trajectories of the random two-factor map. Cells of one batch
size see the same batches, so that the risk along the step sizes is smooth. The answers come with the
intervals that counting allows; where the map does not reach far enough they are NaN.
"""

from __future__ import annotations

import math
from abc import abstractmethod
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from numpy.typing import ArrayLike, NDArray

from lintrans.counting.limits import Limit
from lintrans.counting.proportions import intervals
from lintrans.errors import InputError, check_seed, count, finite, increasing, positive
from lintrans.minibatch import kernels
from lintrans.minibatch.escapes import EVENTS, N_STEPS, check_event, leakage_settings, walk
from lintrans.minibatch.population import Population
from lintrans.minibatch.sampling import check_batch_size, check_schedule, schedule_settings
from lintrans.sweeps.executors import Threads
from lintrans.sweeps.grid import Arrays, Progress, Sweep, check_memory, compute
from lintrans.sweeps.results import Result, axis, on
from lintrans.two_factor import normal_form

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]
Bound = NDArray[np.bool_]

N_TRAJECTORIES = 1000
N_STEP_SIZES, RANGE = 49, (0.01, 1.2)  # of a map by default, over the full batch's critical step size
SUMMARY_RISK = 0.01
LARGEST_BATCH = 256  # of a map by default


@dataclass(frozen=True, eq=False, kw_only=True)
class RiskMap(Result):
    """Trajectories of each step size and batch size that left the ellipse, and that diverged."""

    kind: ClassVar[str] = "risk_map"

    step_size: FloatArray = axis("learning rate eta")
    batch_size: IntArray = axis("prompts in a batch")
    prompt: IntArray = axis("number of the prompt")
    moment: FloatArray = on("prompt", text="moment h of the prompt along the mode")
    label: FloatArray = on("prompt", text="label y of the prompt")
    left: IntArray = on("step_size", "batch_size", text="trajectories that left the full-batch ellipse")
    diverged: IntArray = on("step_size", "batch_size", text="trajectories that diverged, |r| > 1e4")

    def check(self) -> None:
        """Refuse counts that no computation gives."""
        n = count("n_trajectories", self.settings.get("n_trajectories"))
        for event in EVENTS:
            counts = getattr(self, event)
            if not ((counts >= 0) & (counts <= n)).all():
                raise InputError(f"{event} must lie between 0 and {n}, got others; compute it again")

    @property
    def n_trajectories(self) -> int:
        """Trajectories of each cell."""
        return int(self.settings["n_trajectories"])

    @property
    def mu(self) -> FloatArray:
        """Effective step sizes of the axis."""
        return self.step_size * float(self.settings["mu_per_step_size"])

    @property
    def critical_step_size(self) -> float:
        """Largest learning rate that keeps full-batch training in the ellipse; of the mode if `by_mode`."""
        if "critical_step_size" in self.settings:
            return float(self.settings["critical_step_size"])
        start = self.settings["u"], self.settings["v"]
        return float(normal_form.critical_mu(*start)) / float(self.settings["mu_per_step_size"])

    @property
    def by_mode(self) -> bool:
        """Whether `critical_step_size` is of prompts projected onto a mode that they do not share."""
        measured = "critical_step_size" in self.settings
        return "by_mode" in self.settings or ("trained" in self.settings and not measured)

    def risk(self, event: str = "left") -> tuple[FloatArray, FloatArray, FloatArray]:
        """Probability of an event and its 95 % interval, each on (step size, batch size)."""
        counts = self._counts(event)
        return counts / self.n_trajectories, *intervals(counts, self.n_trajectories)

    def summary(self) -> dict[str, Any]:
        """Critical step size of the full batch, and the largest of every batch size with a risk of 1 %."""
        largest = {
            str(size): self.largest_step_size(int(size), SUMMARY_RISK).value for size in self.batch_size
        }
        limit = {"risk": SUMMARY_RISK, "largest_step_size": largest}
        return {"critical_step_size": self.critical_step_size} | limit

    def largest_step_size(self, batch_size: int, risk: float, event: str = "left") -> Limit:
        """Largest step size of the map up to which a batch size keeps the risk at most ``risk``.

        ``low``: with confidence it does; ``high``: the first step size at which with confidence it does not.
        """
        estimate, low, high = (part[:, self._column(batch_size)] for part in self.risk(event))
        return Limit(
            _last(self.step_size, estimate <= risk),
            _last(self.step_size, high <= risk),
            _first(self.step_size, low > risk),
        )

    def bracket(self, batch_size: int, risk: float, event: str = "left") -> tuple[float, float]:
        """Step sizes around the largest one of a risk, to look for it; of the map, where that holds it."""
        found = self.largest_step_size(batch_size, risk, event)
        low = found.low if math.isfinite(found.low) else float(self.step_size[0])
        return low, found.high if found.high > low else 2 * low

    def smallest_batch_size(self, step_size: float, risk: float, event: str = "left") -> Limit:
        """Smallest batch size of the map from which on the risk of a step size is at most ``risk``.

        ``low``: from there on it cannot be excluded that it is; ``high``: with confidence it is.
        """
        row = int(np.argmin(np.abs(self.step_size - step_size)))
        estimate, low, high = (part[row] for part in self.risk(event))
        sizes = self.batch_size.astype(np.float64)
        return Limit(*(_last(sizes[::-1], part[::-1] <= risk) for part in (estimate, low, high)))

    def _column(self, batch_size: int) -> int:
        found = np.flatnonzero(self.batch_size == batch_size)
        if not found.size:
            sizes = ", ".join(map(str, self.batch_size))
            raise InputError(f"batch_size must be one of the map, got {batch_size}; choose of {sizes}")
        return int(found[0])

    def _counts(self, event: str) -> IntArray:
        counts: IntArray = getattr(self, check_event(event))
        return counts


def risk_map(
    population: Population,
    step_sizes: ArrayLike,
    batch_sizes: ArrayLike,
    u: float,
    v: float,
    *,
    sampling: str = "with-replacement",
    n_steps: int = N_STEPS,
    n_trajectories: int = N_TRAJECTORIES,
    seed: int = 0,
    schedule: ArrayLike | None = None,
    n_threads: int | None = None,
    progress: Progress | None = None,
) -> RiskMap:
    """Measure how often training with a step size and a batch size leaves the safe region.

    Parameters
    ----------
    population
        Prompts that batches are drawn from.
    step_sizes
        Learning rates, increasing.
    batch_sizes
        Batch sizes, increasing.
    u, v
        Start; `lintrans.minibatch.population.Population.project` gives that of weights.
    n_trajectories
        Of each cell: 1000 tell a risk of 1 % to 0.6 %.
    sampling, n_steps, seed, schedule, n_threads, progress
        As in `lintrans.minibatch.escapes.escape_times`.

    Raises
    ------
    InputError
        If an argument is out of range.

    Examples
    --------
    >>> noisy = Population([1.0, 1.0], [0.5, 1.5])
    >>> found = risk_map(noisy, [0.5, 1.2], [1, 64], 1.3, 0.7, n_trajectories=100)
    >>> found.left.tolist()
    [[0, 0], [100, 0]]
    """
    sweep = risk_sweep(
        population,
        step_sizes,
        batch_sizes,
        u,
        v,
        sampling=sampling,
        n_steps=n_steps,
        n_trajectories=n_trajectories,
        seed=seed,
        schedule=schedule,
    )
    check_memory("the map", sweep.n_bytes)
    result: RiskMap = compute(sweep, executor=Threads(n_threads), progress=progress)
    return result


def risk_sweep(
    population: Population,
    step_sizes: ArrayLike,
    batch_sizes: ArrayLike,
    u: float,
    v: float,
    *,
    sampling: str = "with-replacement",
    n_steps: int = N_STEPS,
    n_trajectories: int = N_TRAJECTORIES,
    seed: int = 0,
    schedule: ArrayLike | None = None,
) -> RiskSweep:
    """Check the arguments of `risk_map`, and leave the work for `lintrans.sweeps.grid`."""
    etas, sizes = check_axes(step_sizes, batch_sizes, population.n_prompts, sampling)
    return RiskSweep(
        moments=population.moments,
        labels=population.labels,
        leaks=population.leaks,
        step_size=etas,
        batch_size=sizes,
        u=finite("u", u),
        v=finite("v", v),
        sampling=sampling,
        n_steps=count("n_steps", n_steps, maximum=2**31 - 1),
        n_trajectories=count("n_trajectories", n_trajectories, maximum=10**7),
        seed=check_seed(seed),
        schedule=check_schedule(schedule),
    )


def check_axes(
    step_sizes: ArrayLike, batch_sizes: ArrayLike, n_prompts: int, sampling: str
) -> tuple[FloatArray, IntArray]:
    """Check the axes of a map, both increasing."""
    etas = increasing("step_sizes", step_sizes).copy()
    positive("step_sizes[0]", etas[0])
    sizes = increasing("batch_sizes", batch_sizes)
    return etas, np.array([check_batch_size(size, n_prompts, sampling) for size in sizes], dtype=np.int64)


@dataclass(frozen=True, eq=False, kw_only=True)
class RiskGrid(Sweep):
    """What sweeps over step sizes and batch sizes have in common, of the map and of the transformer.

    Attributes
    ----------
    moments, labels : (N,) arrays
        Of the population.
    step_size, batch_size : arrays
        Both axes.
    sampling, n_steps, n_trajectories, seed, schedule
        As in `risk_map`.
    """

    moments: FloatArray
    labels: FloatArray
    step_size: FloatArray
    batch_size: IntArray
    sampling: str
    n_steps: int
    n_trajectories: int
    seed: int
    schedule: FloatArray | None

    @abstractmethod
    def events(self, step_size: float, batch_size: int) -> IntArray:
        """First steps of both events of all trajectories of a cell, (n_trajectories, 2); -1 is never."""

    @property
    def shape(self) -> tuple[int, ...]:
        """Step sizes and batch sizes."""
        return self.step_size.size, self.batch_size.size

    @property
    def steps_per_cell(self) -> int:
        """Steps of all trajectories of a cell."""
        return self.n_steps * self.n_trajectories

    @property
    def cells_per_tile(self) -> int:
        """One cell, which is many trajectories."""
        return 1

    def axes(self) -> Arrays:
        """Both axes, and the prompts."""
        return {
            "step_size": self.step_size,
            "batch_size": self.batch_size,
            "prompt": np.arange(self.moments.size),
            "moment": self.moments,
            "label": self.labels,
        }

    def settings(self) -> dict[str, Any]:
        """How trajectories are drawn; the prompts and axes are arrays of the result."""
        names = ("sampling", "n_steps", "n_trajectories", "seed")
        unit = {"mu_per_step_size": 1 / Population(self.moments, self.labels).unit_step_size}
        return {name: getattr(self, name) for name in names} | unit | schedule_settings(self.schedule)

    def compute(self, *place: slice) -> Arrays:
        """Counts of one cell, as the only one of a tile."""
        rows, columns = place
        events = self.events(float(self.step_size[rows][0]), int(self.batch_size[columns][0]))
        counts = (events != kernels.NEVER).sum(axis=0)
        return {event: counts[i].reshape(1, 1) for i, event in enumerate(EVENTS)}


@dataclass(frozen=True, eq=False, kw_only=True)
class RiskSweep(RiskGrid):
    """The cells of a `RiskMap`; built by `risk_sweep`."""

    result = RiskMap

    leaks: bool
    u: float
    v: float

    def settings(self) -> dict[str, Any]:
        """Return the arguments of `risk_map`."""
        return {"u": self.u, "v": self.v} | super().settings() | leakage_settings(self.leaks)

    def events(self, step_size: float, batch_size: int) -> IntArray:
        """Walk the trajectories of a cell."""
        population = Population(self.moments, self.labels)
        mu = np.full(self.n_trajectories, population.mu(step_size))
        a, b = normal_form.to_modes(mu, np.full_like(mu, self.u), np.full_like(mu, self.v))
        events, _ = walk(
            population.for_kernels(),
            mu,
            a,
            b,
            batch_size=batch_size,
            sampling=self.sampling,
            seed=self.seed,
            first=0,
            n_steps=self.n_steps,
            schedule=self.schedule,
        )
        return events


def critical_step_size(population: Population, u: float, v: float) -> float:
    """Largest learning rate that keeps a start in the ellipse of full-batch training, by the mode."""
    critical = float(normal_form.critical_mu(finite("u", u), finite("v", v)))
    if critical == 0:
        raise InputError(f"the start must leave a step size, got u = {u:g}, v = {v:g}; lower the weights")
    return critical * population.unit_step_size


def default_step_sizes(critical: float, n: int = N_STEP_SIZES) -> FloatArray:
    """Learning rates for a map: from a hundredth of the full batch's critical one to a little above it."""
    low, high = RANGE
    return np.geomspace(low, high, n) * critical


def default_batch_sizes(population: Population) -> list[int]:
    """Batch sizes for a map: powers of 2, up to 256 or half of the prompts."""
    return [2**i for i in range(LARGEST_BATCH.bit_length()) if i == 0 or 2**i <= population.n_prompts // 2]


def _last(values: FloatArray, holds: Bound) -> float:
    """Last of the values up to which a condition holds without a gap; NaN if not at the first."""
    n = holds.size if holds.all() else int(np.argmin(holds))
    return float(values[n - 1]) if n else math.nan


def _first(values: FloatArray, holds: Bound) -> float:
    """First of the values at which a condition holds; NaN if nowhere."""
    return float(values[np.argmax(holds)]) if holds.any() else math.nan
