"""Many trainings from one start: what sweeps over them share, and the walk of the random map.

A sweep draws batches from prompts, and repeats training with different batches. It follows the random map of
the prompts' mode (`MapSweep`) or the transformer itself (`lintrans.minibatch.trainings.Trainings`). Of each
training it records two events: it leaves the ellipse of the full batch, and it diverges.
"""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass, field
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from lintrans.errors import InputError, instance
from lintrans.minibatch import kernels
from lintrans.minibatch.population import Population
from lintrans.minibatch.sampling import Batches
from lintrans.sweeps.grid import Arrays, Sweep
from lintrans.sweeps.results import Result
from lintrans.two_factor import normal_form

FloatArray = NDArray[np.float64]
Found = tuple[NDArray[np.int64], FloatArray]  # first steps of both events, -1 is never, and ends (a, b)

EVENTS = ("left", "diverged")
NEVER = kernels.NEVER


def check_event(event: str) -> str:
    """Check the name of an event."""
    if event not in EVENTS:
        raise InputError(f"event must be one of {', '.join(EVENTS)}, got {event!r}; choose one")
    return event


@dataclass(frozen=True, eq=False, kw_only=True)
class BatchResult(Result):
    """What was found of many mini-batch trainings."""

    @classmethod
    def updated(cls, settings: dict[str, Any]) -> dict[str, Any]:
        """Add what version 0.1 left out: it wrote these settings only if they differ from the usual ones."""
        return {"schedule": None, "trained": False, "by_mode": False} | settings

    @property
    def trained(self) -> bool:
        """Whether the trajectories are trainings of the transformer, and not of the random map."""
        return bool(self.settings["trained"])

    @property
    def by_mode(self) -> bool:
        """Whether the prompts of the random map were projected onto a mode that they do not share."""
        return bool(self.settings["by_mode"])

    @property
    def schedule(self) -> tuple[float, ...] | None:
        """Step sizes over the largest, by step; None for a constant step size."""
        given = self.settings["schedule"]
        return None if given is None else tuple(given)


@dataclass(frozen=True, eq=False, kw_only=True)
class BatchSweep(Sweep):
    """What sweeps over mini-batch trainings from one start have in common, of the map and of the transformer.

    Parameters
    ----------
    batches
        How training goes in batches.
    """

    is_trained: ClassVar[bool]

    batches: Batches

    def __post_init__(self) -> None:
        instance("batches", self.batches, Batches)

    @property
    @abstractmethod
    def drawn_from(self) -> Population:
        """The prompts, by their projections onto one mode."""

    @property
    @abstractmethod
    def start(self) -> tuple[float, float]:
        """Start (u, v)."""

    @property
    @abstractmethod
    def n_repeats(self) -> int:
        """Trainings from the start, each with batches of its own."""

    def axes(self) -> Arrays:
        """Return the prompts."""
        prompts = self.drawn_from
        return {
            "prompt": np.arange(prompts.n_prompts),
            "moment": prompts.moments,
            "label": prompts.labels,
        }

    def settings(self) -> dict[str, Any]:
        """How the trainings go, and what is trained; the prompts are arrays of the result."""
        u, v = self.start
        of = {"trained": self.is_trained, "by_mode": not self.is_trained and self.drawn_from.leaks}
        return {"u": u, "v": v, **self.batches.settings(), "n_trajectories": self.n_repeats, **of}


@dataclass(frozen=True, eq=False, kw_only=True)
class MapSweep(BatchSweep):
    """Sweeps over trajectories of the random map.

    Parameters
    ----------
    population
        Prompts that batches are drawn from.
    """

    is_trained = False

    population: Population = field(kw_only=False)

    @property
    def drawn_from(self) -> Population:
        """The population."""
        return self.population

    def follow(self, mu: float, batches: Batches, part: slice) -> Found:
        """Events and ends of some of the trajectories, at one step size."""
        n, (u, v) = part.stop - part.start, self.start
        a, b = normal_form.to_modes([mu], [u], [v])
        states = (np.full(n, x) for x in (mu, a[0], b[0]))
        return walk(self.population.for_kernels(), *states, batches=batches, first=part.start)


def walk(
    prompts: FloatArray, mu: FloatArray, a: FloatArray, b: FloatArray, *, batches: Batches, first: int = 0
) -> Found:
    """Call `kernels.walk` with the ellipse of mu; at mu = 2 only the slice |a| <= 2 is safe, above nothing.

    Parameters
    ----------
    prompts : (2, N) array
        `lintrans.minibatch.Population.for_kernels`.
    mu, a, b : (n,) arrays
        Step sizes and starts in modes.
    batches
        How training goes in batches.
    first
        Number of the first trajectory.

    Returns
    -------
    events : (n, 2) array of int
        First steps at which a trajectory has left and has diverged; -1 is never.
    ends : (2, n) array
        Modes a, b after the last step, or after it diverged.
    """
    with np.errstate(divide="ignore"):
        across = np.where(b == 0, 0.0, np.where(mu < 2, 1 / np.abs(2 - mu), np.inf))
    inverses = np.array([np.where(mu <= 2, 1 / (2 + mu), np.inf), across])
    found: Found = kernels.walk(
        prompts,
        *batches.for_kernels(),
        np.uint64(first),
        mu,
        a,
        b,
        inverses,
        batches.n_steps,
        batches.relative,
    )
    return found
