"""When trajectories of mini-batch training leave the safe region, and when they diverge.

The safe region is the invariant ellipse of full-batch training: no full-batch orbit leaves it, and out of
it full-batch training diverges. Mini-batch training may leave it and come back; it has diverged once |r| >
1e4. A batch by itself keeps an ellipse of its own. Claims minibatch.drift, minibatch.crossing and
minibatch.ellipse.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from numpy.typing import ArrayLike, NDArray

from lintrans.counting.proportions import CONFIDENCE, Proportion, intervals, proportion
from lintrans.errors import InputError, check_seed, count, finite, positive
from lintrans.minibatch import kernels
from lintrans.minibatch.population import Population
from lintrans.minibatch.sampling import (
    SAMPLINGS,
    check_batch_size,
    check_schedule,
    schedule_settings,
)
from lintrans.sweeps.executors import Threads
from lintrans.sweeps.grid import Arrays, Progress, Sweep, check_memory, compute
from lintrans.sweeps.results import Result, axis, on
from lintrans.two_factor import normal_form

FloatArray = NDArray[np.float64]
StepArray = NDArray[np.int32]

EVENTS = ("left", "diverged")
N_STEPS = 1000
N_TRAJECTORIES = 10_000
DRAWS_PER_TILE = 2**25
NEVER = kernels.NEVER


@dataclass(frozen=True, eq=False, kw_only=True)
class EscapeTimes(Result):
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
        """Refuse steps that no computation gives."""
        n_steps = count("n_steps", self.settings.get("n_steps"), minimum=0)
        positive("mu", self.settings.get("mu"))
        for event in EVENTS:
            steps = getattr(self, event)
            if not ((steps >= NEVER) & (steps <= n_steps)).all():
                raise InputError(f"{event} must lie between -1 and {n_steps}, got others; compute it again")

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

        The interval treats steps of the window as alike; the value is events over steps at risk, NaN if none.
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


def escape_times(
    population: Population,
    mu: float,
    u: float,
    v: float,
    *,
    batch_size: int,
    sampling: str = "with-replacement",
    n_steps: int = N_STEPS,
    n_trajectories: int = N_TRAJECTORIES,
    seed: int = 0,
    schedule: ArrayLike | None = None,
    n_threads: int | None = None,
    progress: Progress | None = None,
) -> EscapeTimes:
    """Train many times from one start with different batches.

    Parameters
    ----------
    population
        Prompts that batches are drawn from.
    mu
        Effective step size; `lintrans.minibatch.population.Population.mu` gives that of a learning rate.
    u, v
        Start; `lintrans.minibatch.population.Population.project` gives that of weights.
    batch_size
        Prompts in a batch.
    sampling
        "with-replacement", "without-replacement" or "epochs" (`lintrans.minibatch.sampling`).
    n_steps
        Steps of a trajectory.
    n_trajectories
        Errors fall like its inverse root: 10,000 tell a probability of 1 % to 0.2 %.
    seed
        Of the batches. Trajectory i is the same in a run of any size, on any number of threads.
    schedule
        Step sizes over mu, by step, from 0 to 1; the last goes on. The ellipse stays that of mu: full-batch
        training does not leave it under any schedule (claim schedules.certificate).
    n_threads, progress
        As in `lintrans.two_factor.gather_evidence`.

    Raises
    ------
    InputError
        If an argument is out of range.

    Examples
    --------
    Equal prompts are the full batch: inside the ellipse nothing ever leaves.

    >>> equal = Population([1.0, 1.0], [1.0, 1.0])
    >>> escape_times(equal, 0.9, 1.2, 0.8, batch_size=1, n_trajectories=100).probability("left").value
    0.0

    Noisy labels push them out:

    >>> noisy = Population([1.0, 1.0], [0.2, 1.8])
    >>> escape_times(noisy, 0.9, 1.2, 0.8, batch_size=1, n_trajectories=100).probability("left").value
    1.0
    """
    sweep = escape_sweep(
        population,
        mu,
        u,
        v,
        batch_size=batch_size,
        sampling=sampling,
        n_steps=n_steps,
        n_trajectories=n_trajectories,
        seed=seed,
        schedule=schedule,
    )
    check_memory("the trajectories", sweep.n_bytes)
    result: EscapeTimes = compute(sweep, executor=Threads(n_threads), progress=progress)
    return result


def escape_sweep(
    population: Population,
    mu: float,
    u: float,
    v: float,
    *,
    batch_size: int,
    sampling: str = "with-replacement",
    n_steps: int = N_STEPS,
    n_trajectories: int = N_TRAJECTORIES,
    seed: int = 0,
    schedule: ArrayLike | None = None,
) -> EscapeSweep:
    """Check the arguments of `escape_times`, and leave the work for `lintrans.sweeps.grid`."""
    return EscapeSweep(
        moments=population.moments,
        labels=population.labels,
        leaks=population.leaks,
        mu=positive("mu", mu),
        u=finite("u", u),
        v=finite("v", v),
        batch_size=check_batch_size(batch_size, population.n_prompts, sampling),
        sampling=sampling,
        n_steps=count("n_steps", n_steps, maximum=2**31 - 1),
        n_trajectories=count("n_trajectories", n_trajectories),
        seed=check_seed(seed),
        schedule=check_schedule(schedule),
    )


@dataclass(frozen=True, eq=False, kw_only=True)
class TrajectorySweep(Sweep):
    """What sweeps over many trainings from one start have in common, of the map and of the transformer.

    Attributes
    ----------
    moments, labels : (N,) arrays
        Of the population.
    batch_size, sampling, n_steps, n_trajectories, seed, schedule
        As in `escape_times`.
    """

    moments: FloatArray
    labels: FloatArray
    batch_size: int
    sampling: str
    n_steps: int
    n_trajectories: int
    seed: int
    schedule: FloatArray | None

    @property
    def shape(self) -> tuple[int, ...]:
        """Trajectories."""
        return (self.n_trajectories,)

    @property
    def steps_per_cell(self) -> int:
        """Steps of a trajectory."""
        return self.n_steps

    def axes(self) -> Arrays:
        """Numbers of trajectories and prompts, and the prompts."""
        return {
            "trajectory": np.arange(self.n_trajectories),
            "prompt": np.arange(self.moments.size),
            "moment": self.moments,
            "label": self.labels,
        }

    def settings(self) -> dict[str, Any]:
        """How trajectories are drawn; the prompts are arrays of the result."""
        names = ("batch_size", "sampling", "n_steps", "n_trajectories", "seed")
        return {name: getattr(self, name) for name in names} | schedule_settings(self.schedule)

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
class EscapeSweep(TrajectorySweep):
    """The trajectories of `escape_times`; built by `escape_sweep`."""

    result = EscapeTimes

    leaks: bool
    mu: float
    u: float
    v: float

    @property
    def cells_per_tile(self) -> int:
        """Trajectories of a tile: whole blocks, fewer the more prompts they draw."""
        blocks = DRAWS_PER_TILE // (self.n_steps * self.batch_size * kernels.BLOCK)
        return max(4, min(blocks, 1024)) * kernels.BLOCK

    def settings(self) -> dict[str, Any]:
        """Return the arguments of `escape_times`."""
        start = {"mu": self.mu, "u": self.u, "v": self.v}
        return start | super().settings() | leakage_settings(self.leaks)

    def compute(self, *place: slice) -> Arrays:
        """Events and ends of a part of the trajectories."""
        part = place[0]
        n = part.stop - part.start
        prompts = Population(self.moments, self.labels).for_kernels()
        a, b = normal_form.to_modes([self.mu], [self.u], [self.v])
        return self.found(
            *walk(
                prompts,
                np.full(n, self.mu),
                np.full(n, a[0]),
                np.full(n, b[0]),
                batch_size=self.batch_size,
                sampling=self.sampling,
                seed=self.seed,
                first=part.start,
                n_steps=self.n_steps,
                schedule=self.schedule,
            )
        )


def walk(
    prompts: FloatArray,
    mu: FloatArray,
    a: FloatArray,
    b: FloatArray,
    *,
    batch_size: int,
    sampling: str,
    seed: int,
    first: int,
    n_steps: int,
    schedule: FloatArray | None = None,
) -> tuple[NDArray[np.int64], FloatArray]:
    """Call `kernels.walk` with the ellipse of mu; from mu = 2 on only the slice |a| <= 2 at 2 is safe."""
    with np.errstate(divide="ignore"):
        across = np.where(b == 0, 0.0, np.where(mu < 2, 1 / np.abs(2 - mu), np.inf))
    inverses = np.array([np.where(mu <= 2, 1 / (2 + mu), np.inf), across])
    code, key, start = SAMPLINGS[sampling], np.uint64(seed), np.uint64(first)
    found: tuple[NDArray[np.int64], FloatArray] = kernels.walk(
        prompts, batch_size, code, key, start, mu, a, b, inverses, n_steps, schedule
    )
    return found


def leakage_settings(leaks: bool) -> dict[str, bool]:
    """Return as a setting that prompts were projected onto a mode they do not share; none if they do."""
    return {"by_mode": True} if leaks else {}


def check_event(event: str) -> str:
    """Check the name of an event."""
    if event not in EVENTS:
        raise InputError(f"event must be one of {', '.join(EVENTS)}, got {event!r}; choose one")
    return event
