"""The risk of a step size and a batch size, and the largest step size that keeps it low.

Every cell of a map is measured by its own trajectories of the random two-factor map. Cells of one batch
size see the same batches, so that the risk is smooth along the step sizes. The answers come with
confidence intervals; they are NaN if the map does not reach far enough.
"""

from __future__ import annotations

import math
from abc import abstractmethod
from dataclasses import dataclass, field, replace
from typing import Any, ClassVar

import numpy as np
from numpy.typing import ArrayLike, NDArray

from lintrans.counting.limits import Limit
from lintrans.counting.proportions import intervals
from lintrans.errors import InputError, count, finite, increasing, positive, settle
from lintrans.minibatch import defaults
from lintrans.minibatch.population import Population
from lintrans.minibatch.sampling import DEFAULT_BATCHES, Batches
from lintrans.minibatch.walks import EVENTS, NEVER, BatchResult, BatchSweep, MapSweep, check_event
from lintrans.sweeps.executors import Threads
from lintrans.sweeps.grid import Arrays, Progress, compute, takes
from lintrans.sweeps.results import axis, on
from lintrans.two_factor import normal_form

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]
Bound = NDArray[np.bool_]

MAX_TRAJECTORIES = 10**7  # of a cell
RANGE = (0.01, 1.2)  # of a map by default, over the full batch's critical step size
LARGEST_BATCH = 256  # of a map by default


@dataclass(frozen=True, eq=False, kw_only=True)
class RiskMap(BatchResult):
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
        """Refuse counts that are out of range."""
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

    @classmethod
    def updated(cls, settings: dict[str, Any]) -> dict[str, Any]:
        """Add what version 0.1 left out: it wrote a critical step size only if it was measured."""
        return {"critical_step_size": None} | super().updated(settings)

    @property
    def critical_step_size(self) -> float:
        """Largest learning rate that keeps full-batch training in the ellipse.

        Measured for trainings of prompts with at most 32 features; otherwise that of the mode.
        """
        measured = self.settings["critical_step_size"]
        if measured is not None:
            return float(measured)
        start = self.settings["u"], self.settings["v"]
        return float(normal_form.critical_mu(*start)) / float(self.settings["mu_per_step_size"])

    @property
    def critical_by_mode(self) -> bool:
        """Whether `critical_step_size` is of prompts projected onto a mode that they do not share."""
        return self.by_mode or (self.trained and self.settings["critical_step_size"] is None)

    def batches(self, size: int) -> Batches:
        """How training went in the batches of one size."""
        return Batches.of(self.settings, size=size)

    def risk(self, event: str = "left") -> tuple[FloatArray, FloatArray, FloatArray]:
        """Probability of an event and its 95 % interval, each on (step size, batch size)."""
        counts = self._counts(event)
        return counts / self.n_trajectories, *intervals(counts, self.n_trajectories)

    def summary(self) -> dict[str, Any]:
        """Critical step size of the full batch, and the largest of every batch size with a risk of 1 %."""
        largest = {
            str(size): self.largest_step_size(int(size), defaults.RISK).value for size in self.batch_size
        }
        limit = {"risk": defaults.RISK, "largest_step_size": largest}
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
        """Return two step sizes to begin a search with; they enclose the answer if the map contains it."""
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


@dataclass(frozen=True, eq=False, kw_only=True)
class RiskGrid(BatchSweep):
    """Step sizes and batch sizes; each cell is many trainings from the start.

    Parameters
    ----------
    step_sizes
        Learning rates, increasing.
    batch_sizes
        Batch sizes, increasing.
    batches
        How training goes in batches. Its size does not matter: sizes are those of the axis.
    """

    result = RiskMap

    step_sizes: ArrayLike = field(kw_only=False)
    batch_sizes: ArrayLike = field(kw_only=False)
    batches: Batches = DEFAULT_BATCHES

    def __post_init__(self) -> None:
        super().__post_init__()
        etas = increasing("step_sizes", self.step_sizes).copy()
        positive("step_sizes[0]", etas[0])
        n, given = self.drawn_from.n_prompts, increasing("batch_sizes", self.batch_sizes)
        sizes = [replace(self.batches, size=size).fit(n).size for size in given]
        settle(self, step_sizes=etas, batch_sizes=np.array(sizes, dtype=np.int64))

    @abstractmethod
    def events(self, step_size: float, batches: Batches) -> IntArray:
        """First steps of both events of all trajectories of a cell, (n_repeats, 2); -1 is never."""

    @property
    def etas(self) -> FloatArray:
        """Step sizes."""
        return np.asarray(self.step_sizes, dtype=np.float64)

    @property
    def sizes(self) -> IntArray:
        """Batch sizes."""
        return np.asarray(self.batch_sizes, dtype=np.int64)

    @property
    def shape(self) -> tuple[int, ...]:
        """Step sizes and batch sizes."""
        return self.etas.size, self.sizes.size

    @property
    def steps_per_cell(self) -> int:
        """Steps of all trajectories of a cell."""
        return self.batches.n_steps * self.n_repeats

    @property
    def cells_per_tile(self) -> int:
        """One cell, which is many trajectories."""
        return 1

    def axes(self) -> Arrays:
        """Both axes, and the prompts."""
        return {"step_size": self.etas, "batch_size": self.sizes, **super().axes()}

    def settings(self) -> dict[str, Any]:
        """How the trainings go, and what is trained; the prompts and axes are arrays of the result."""
        unit = {"mu_per_step_size": 1 / self.drawn_from.unit_step_size, "critical_step_size": None}
        named = super().settings() | unit
        del named["batch_size"]
        return named

    def compute(self, *place: slice) -> Arrays:
        """Counts of one cell, as the only one of a tile."""
        rows, columns = place
        batches = replace(self.batches, size=int(self.sizes[columns][0]))
        events = self.events(float(self.etas[rows][0]), batches)
        counts = (events != NEVER).sum(axis=0)
        return {event: counts[i].reshape(1, 1) for i, event in enumerate(EVENTS)}


@dataclass(frozen=True, eq=False, kw_only=True)
class RiskSweep(RiskGrid, MapSweep):
    """Trajectories of the random map at every step size and batch size.

    Parameters
    ----------
    population
        Prompts that batches are drawn from.
    step_sizes
        Learning rates, increasing.
    batch_sizes
        Batch sizes, increasing.
    u, v
        Start; `lintrans.minibatch.Population.project` gives that of weights.
    batches
        How training goes in batches (`lintrans.minibatch.Batches`). Its size does not matter:
        sizes are those of the axis.
    n_trajectories
        Of each cell: 1000 tell a risk of 1 % to 0.6 %.

    Raises
    ------
    InputError
        If an argument is out of range.
    """

    u: float = field(kw_only=False)
    v: float = field(kw_only=False)
    n_trajectories: int = defaults.MAP_TRAJECTORIES

    def __post_init__(self) -> None:
        super().__post_init__()
        n = count("n_trajectories", self.n_trajectories, maximum=MAX_TRAJECTORIES)
        settle(self, u=finite("u", self.u), v=finite("v", self.v), n_trajectories=n)

    @property
    def start(self) -> tuple[float, float]:
        """Start (u, v)."""
        return self.u, self.v

    @property
    def n_repeats(self) -> int:
        """Trajectories of a cell."""
        return self.n_trajectories

    def events(self, step_size: float, batches: Batches) -> IntArray:
        """Walk the trajectories of a cell."""
        events, _ = self.follow(self.population.mu(step_size), batches, slice(0, self.n_trajectories))
        return events


@takes(RiskSweep)
def risk_map(
    *args: Any, n_threads: int | None = None, progress: Progress | None = None, **options: Any
) -> RiskMap:
    """Measure how often training with a step size and a batch size leaves the safe region.

    Arguments are those of `lintrans.minibatch.RiskSweep`, and n_threads and progress as in
    `lintrans.two_factor.gather_evidence`.

    Raises
    ------
    InputError
        If an argument is out of range, or the map does not fit in memory.

    Examples
    --------
    >>> noisy = Population([1.0, 1.0], [0.5, 1.5])
    >>> found = risk_map(noisy, [0.5, 1.2], [1, 64], 1.3, 0.7, n_trajectories=100)
    >>> found.left.tolist()
    [[0, 0], [100, 0]]
    """
    sweep = RiskSweep(*args, **options)
    result: RiskMap = compute(sweep, executor=Threads(n_threads), progress=progress)
    return result


def critical_step_size(population: Population, u: float, v: float) -> float:
    """Largest learning rate that keeps a start in the ellipse of full-batch training, by the mode."""
    critical = float(normal_form.critical_mu(finite("u", u), finite("v", v)))
    if critical == 0:
        raise InputError(f"the start must leave a step size, got u = {u:g}, v = {v:g}; lower the weights")
    return critical * population.unit_step_size


def default_step_sizes(critical: float, n: int = defaults.MAP_STEP_SIZES) -> FloatArray:
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
