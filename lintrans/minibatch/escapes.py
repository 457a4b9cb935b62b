"""When trajectories of mini-batch training leave the safe region, and when they diverge.

The safe region is the invariant ellipse of full-batch training: no full-batch orbit leaves it, and outside it
full-batch training diverges. Mini-batch training may leave it and come back. It has diverged once |r| > 1e4.
Each batch alone has an ellipse of its own. Claims minibatch.drift, minibatch.crossing and
minibatch.ellipse.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from lintrans.counting.proportions import CONFIDENCE, Proportion, intervals, proportion
from lintrans.errors import InputError, count, finite, positive, settle
from lintrans.minibatch import defaults, kernels
from lintrans.minibatch.sampling import Batches
from lintrans.minibatch.walks import EVENTS, NEVER, BatchResult, BatchSweep, MapSweep, check_event
from lintrans.sweeps.executors import Threads
from lintrans.sweeps.grid import Arrays, Progress, compute, takes
from lintrans.sweeps.results import axis, on

FloatArray = NDArray[np.float64]
StepArray = NDArray[np.int32]

DRAWS_PER_TILE = 2**25


@dataclass(frozen=True, eq=False, kw_only=True)
class EscapeTimes(BatchResult):
    """When each of many trajectories from one start left the ellipse, and when it diverged; -1 is never."""

    kind: ClassVar[str] = "escape_times"

    trajectory: NDArray[np.int64] = axis("number of the trajectory: of its random numbers")
    prompt: NDArray[np.int64] = axis("number of the prompt")
    moment: FloatArray = on("prompt", text="moment h of the prompt along the mode")
    label: FloatArray = on("prompt", text="label y of the prompt")
    left: StepArray = on("trajectory", text="first step outside the full-batch ellipse; -1 never")
    diverged: StepArray = on("trajectory", text="first step with |r| > 1e4; -1 never")
    end_a: FloatArray = on("trajectory", text="mean mode a after the last step, or after it diverged")
    end_b: FloatArray = on("trajectory", text="imbalance mode b after the last step, or after it diverged")

    def check(self) -> None:
        """Refuse steps that are out of range."""
        n_steps = count("n_steps", self.settings.get("n_steps"), minimum=0)
        positive("mu", self.settings.get("mu"))
        for event in EVENTS:
            steps = getattr(self, event)
            if not ((steps >= NEVER) & (steps <= n_steps)).all():
                raise InputError(f"{event} must lie between -1 and {n_steps}, got others; compute it again")

    @property
    def batches(self) -> Batches:
        """How the trainings went in batches."""
        return Batches.of(self.settings)

    def summary(self) -> dict[str, Any]:
        """Probabilities of both events within all steps, with their intervals."""
        return {event: self.probability(event)._asdict() for event in EVENTS}

    def probability(self, event: str, n_steps: int | None = None) -> Proportion:
        """Probability that an event happens within some steps, all by default.

        Parameters
        ----------
        event
            "left" or "diverged".
        n_steps
            Up to this step.
        """
        steps = self._steps(event)
        last = self.settings["n_steps"] if n_steps is None else n_steps
        return proportion(int(((steps >= 0) & (steps <= last)).sum()), steps.size)

    def survival(self, event: str) -> tuple[StepArray, FloatArray, FloatArray, FloatArray]:
        """Survival curve: steps 0 .. n_steps, the part to which the event has not happened, and its interval.

        Returns
        -------
        steps : (n_steps + 1,) array of int
        survival, low, high : (n_steps + 1,) arrays
            The interval has 95 % confidence at every step by itself.
        """
        steps, n_steps = self._steps(event), int(self.settings["n_steps"])
        happened = np.cumsum(np.bincount(steps[steps >= 0], minlength=n_steps + 1)[: n_steps + 1])
        alive = steps.size - happened
        low, high = intervals(alive, steps.size, CONFIDENCE)
        return np.arange(n_steps + 1, dtype=np.int32), alive / steps.size, low, high

    def hazard(self, event: str, first: int, last: int) -> Proportion:
        """Probability per step of the event between two steps, of those to which it has not happened before.

        The value is the number of events over the number of steps at risk, NaN if there are none. The
        interval treats all steps of the window alike.
        """
        steps = self._steps(event)
        alive = (steps < 0) | (steps > first)
        within = (steps > first) & (steps <= last)
        at_risk = int(np.where(within, steps - first, last - first)[alive].sum())
        if at_risk <= 0:
            return Proportion(math.nan, 0.0, 1.0)
        return proportion(int(within.sum()), at_risk)

    def count(self, event: str) -> int:
        """Number of trajectories to which an event happens."""
        return int((self._steps(event) >= 0).sum())

    def _steps(self, event: str) -> StepArray:
        steps: StepArray = getattr(self, check_event(event))
        return steps


@dataclass(frozen=True, eq=False, kw_only=True)
class TrajectorySweep(BatchSweep):
    """Trainings at one step size, each followed to its events."""

    result = EscapeTimes

    def __post_init__(self) -> None:
        super().__post_init__()
        self.batches.fit(self.drawn_from.n_prompts)

    @property
    def shape(self) -> tuple[int, ...]:
        """Trajectories."""
        return (self.n_repeats,)

    @property
    def steps_per_cell(self) -> int:
        """Steps of a trajectory."""
        return self.batches.n_steps

    def axes(self) -> Arrays:
        """Numbers of trajectories, and the prompts."""
        return {"trajectory": np.arange(self.n_repeats), **super().axes()}

    def tally(self, arrays: Arrays) -> dict[str, int]:
        """Trajectories that have left, and that have diverged."""
        return {event: int((arrays[event] >= 0).sum()) for event in EVENTS}

    @staticmethod
    def found(events: NDArray[np.int64], ends: FloatArray) -> Arrays:
        """Arrays of the result, from what the compiled loops give."""
        return {
            "left": events[:, kernels.LEFT].astype(np.int32),
            "diverged": events[:, kernels.DIVERGED].astype(np.int32),
            "end_a": ends[0],
            "end_b": ends[1],
        }


@dataclass(frozen=True, eq=False, kw_only=True)
class EscapeSweep(TrajectorySweep, MapSweep):
    """Trajectories of the random map from one start.

    Parameters
    ----------
    population
        Prompts that batches are drawn from.
    mu
        Effective step size; `lintrans.minibatch.Population.mu` gives that of a learning rate.
    u, v
        Start; `lintrans.minibatch.Population.project` gives that of weights.
    batches
        How training goes in batches (`lintrans.minibatch.Batches`).
    n_trajectories
        Errors fall like its inverse root: 10,000 tell a probability of 1 % to 0.2 %. Trajectory i is the
        same in a run of any size.

    Raises
    ------
    InputError
        If an argument is out of range.
    """

    mu: float = field(kw_only=False)
    u: float = field(kw_only=False)
    v: float = field(kw_only=False)
    n_trajectories: int = defaults.N_TRAJECTORIES

    def __post_init__(self) -> None:
        super().__post_init__()
        settle(self, mu=positive("mu", self.mu), u=finite("u", self.u), v=finite("v", self.v))
        settle(self, n_trajectories=count("n_trajectories", self.n_trajectories))

    @property
    def start(self) -> tuple[float, float]:
        """Start (u, v)."""
        return self.u, self.v

    @property
    def n_repeats(self) -> int:
        """Trajectories."""
        return self.n_trajectories

    @property
    def cells_per_tile(self) -> int:
        """Trajectories of a tile: whole blocks, fewer the more prompts they draw."""
        blocks = DRAWS_PER_TILE // (self.batches.n_steps * self.batches.size * kernels.BLOCK)
        return max(4, min(blocks, 1024)) * kernels.BLOCK

    def settings(self) -> dict[str, Any]:
        """Return the arguments of `escape_times`."""
        return {"mu": self.mu, **super().settings()}

    def compute(self, *place: slice) -> Arrays:
        """Events and ends of a part of the trajectories."""
        return self.found(*self.follow(self.mu, self.batches, place[0]))


@takes(EscapeSweep)
def escape_times(
    *args: Any, n_threads: int | None = None, progress: Progress | None = None, **options: Any
) -> EscapeTimes:
    """Train many times from one start with different batches.

    Arguments are those of `lintrans.minibatch.EscapeSweep`, and n_threads and progress as in
    `lintrans.two_factor.gather_evidence`.

    Raises
    ------
    InputError
        If an argument is out of range, or the trajectories do not fit in memory.

    Examples
    --------
    Equal prompts are the full batch: inside the ellipse nothing ever leaves.

    >>> from lintrans.minibatch import Population
    >>> equal, one = Population([1.0, 1.0], [1.0, 1.0]), Batches(1)
    >>> escape_times(equal, 0.9, 1.2, 0.8, batches=one, n_trajectories=100).probability("left").value
    0.0

    Noisy labels push them out:

    >>> noisy = Population([1.0, 1.0], [0.2, 1.8])
    >>> escape_times(noisy, 0.9, 1.2, 0.8, batches=one, n_trajectories=100).probability("left").value
    1.0
    """
    sweep = EscapeSweep(*args, **options)
    result: EscapeTimes = compute(sweep, executor=Threads(n_threads), progress=progress)
    return result
