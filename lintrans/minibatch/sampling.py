"""How training goes in batches: how large they are, how they are drawn, for how long, with which step sizes.

- ``with-replacement``: every place of a batch is any prompt, independently;
- ``without-replacement``: every batch is a random subset, independent of other batches;
- ``epochs``: all prompts are shuffled and cut into batches, then shuffled again. What is left at the end of
  an epoch and too small for a batch is dropped, as training loops usually do.

Over batches of the first kind a mean has variance V / B, with V that of one prompt; in the others each
batch by itself has V (N - B) / (B (N - 1)), and batches of one epoch make up for each other.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import KW_ONLY, dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from lintrans.errors import InputError, check_seed, count, settle, short, step_schedule
from lintrans.minibatch import defaults, kernels
from lintrans.minibatch.population import MAX_PROMPTS
from lintrans.sweeps.grid import check_memory

FloatArray = NDArray[np.float64]

SAMPLINGS = {
    "with-replacement": kernels.REPLACEMENT,
    "without-replacement": kernels.FRESH,
    "epochs": kernels.EPOCHS,
}
MAX_STEPS = 2**31 - 1  # steps of events are stored as int32


@dataclass(frozen=True)
class Batches:
    """How training goes in batches; ``dataclasses.replace`` gives the same with another size, seed or length.

    Parameters
    ----------
    size : int
        Prompts B in a batch. Larger batches have less noise, about as 1 / sqrt(B), and cost as much more.
    sampling : str
        "with-replacement", "without-replacement" or "epochs", as above. Take the one of your training loop:
        it is "epochs" for most data loaders. The closed forms are about "with-replacement".
    n_steps : int
        Gradient steps of a training. Risks grow with it: take the length of the training that is asked about.
    seed : int
        Of the batches. Trajectory i of a seed sees the same batches at every step size, in a run of any size
        and on any number of threads. Another seed gives an independent repetition.
    schedule : sequence of float, optional
        Step sizes over the largest, by step, from 0 to 1; the last goes on. Give it for a warm-up or a decay.
        None is a constant step size, and a schedule of ones becomes None. The ellipse stays that of the
        largest: full-batch training does not leave it under any schedule (claim schedules.certificate).

    Raises
    ------
    InputError
        If a field is out of range.

    Examples
    --------
    >>> batches = Batches(32, sampling="epochs", schedule=[0.1, 0.5, 1.0])
    >>> batches.size, batches.n_steps, batches.schedule
    (32, 1000, (0.1, 0.5, 1.0))
    >>> from dataclasses import replace
    >>> replace(batches, size=64, schedule=[1, 1])
    Batches(size=64, sampling='epochs', n_steps=1000, seed=0, schedule=None)
    """

    size: int
    _: KW_ONLY
    sampling: str = defaults.SAMPLING
    n_steps: int = defaults.N_STEPS
    seed: int = 0
    schedule: ArrayLike | None = None

    def __post_init__(self) -> None:
        if self.sampling not in list(SAMPLINGS):  # it may be of any type
            kinds = ", ".join(SAMPLINGS)
            raise InputError(f"sampling must be one of {kinds}, got {short(self.sampling)}; choose one")
        relative = check_schedule(self.schedule)
        settle(
            self,
            size=count("the batch size", self.size, maximum=MAX_PROMPTS),
            n_steps=count("n_steps", self.n_steps, maximum=MAX_STEPS),
            seed=check_seed(self.seed),
            schedule=None if relative is None else tuple(relative.tolist()),
        )

    @classmethod
    def of(cls, settings: Mapping[str, Any], **changed: Any) -> Batches:
        """Batches from the settings of a result, but for what is ``changed``."""
        names = ("sampling", "n_steps", "seed", "schedule")
        found = {name: settings[name] for name in names} | {"size": settings.get("batch_size")}
        return cls(**(found | changed))

    @property
    def relative(self) -> FloatArray | None:
        """The schedule as an array; None for a constant step size."""
        return None if self.schedule is None else np.array(self.schedule, dtype=np.float64)

    def settings(self) -> dict[str, Any]:
        """All fields as settings of a result."""
        fields = dict(vars(self))
        return {"batch_size": fields.pop("size"), **fields}

    def fit(self, n_prompts: int) -> Batches:
        """Return these batches, once it is sure that so many prompts fill one.

        Raises
        ------
        InputError
            If prompts are not put back and a batch is larger than the population.
        """
        if self.sampling != "with-replacement" and self.size > n_prompts:
            raise InputError(
                f"the batch size must be at most the {n_prompts} prompts, got {self.size}; "
                "lower it, or draw with-replacement"
            )
        return self

    def variance_factor(self, n_prompts: int) -> float:
        """Variance of the mean over a batch, over the variance of one of so many prompts.

        Examples
        --------
        >>> Batches(4).variance_factor(10), Batches(4, sampling="epochs").variance_factor(4)
        (0.25, 0.0)
        """
        if self.sampling == "with-replacement":
            return 1 / self.size
        return (n_prompts - self.size) / (self.size * (n_prompts - 1)) if n_prompts > 1 else 0.0

    def for_kernels(self) -> tuple[int, int, np.uint64]:
        """Size, kind of sampling and seed, as the compiled loops take them one after the other."""
        return self.size, SAMPLINGS[self.sampling], np.uint64(self.seed)


def draw_batches(n_prompts: int, batches: Batches, trajectory: int = 0) -> NDArray[np.int64]:
    """Return the prompts of all batches of one trajectory, exactly those that the random map draws.

    Parameters
    ----------
    n_prompts
        Size of the population.
    batches
        How many are drawn, and how; a schedule changes nothing here.
    trajectory
        Trajectories of one seed are independent of each other.

    Returns
    -------
    drawn : (n_steps, size) array of int
        Numbers of prompts, from 0.

    Raises
    ------
    InputError
        If an argument is out of range.

    Examples
    --------
    >>> epochs = draw_batches(6, Batches(2, sampling="epochs", n_steps=6))
    >>> sorted(epochs[:3].ravel().tolist()), sorted(epochs[3:].ravel().tolist())
    ([0, 1, 2, 3, 4, 5], [0, 1, 2, 3, 4, 5])
    """
    n_prompts = count("n_prompts", n_prompts, maximum=MAX_PROMPTS)
    trajectory = count("trajectory", trajectory, minimum=0)
    drawing = batches.fit(n_prompts).for_kernels()
    check_memory("the batches", 8 * batches.n_steps * batches.size)
    found: NDArray[np.int64] = kernels.draw_prompts(
        n_prompts, *drawing, np.uint64(trajectory), batches.n_steps
    )
    return found


def check_schedule(schedule: ArrayLike | None) -> FloatArray | None:
    """Check relative step sizes, from 0 to 1; None if all are 1."""
    if schedule is None:
        return None
    relative = step_schedule(schedule, largest=1)
    return None if (relative == 1).all() else relative


DEFAULT_BATCHES = Batches(1)  # where sizes have an axis of their own
