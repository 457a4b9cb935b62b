"""The risk of a step size and a batch size, measured on trainings of the transformer itself.

What `lintrans.minibatch.risk` asks of the random map, for prompts that share no mode.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from lintrans.minibatch.escapes import N_STEPS
from lintrans.minibatch.full_batch import MAX_WEIGHTS, full_batch_step_size
from lintrans.minibatch.risk import RiskGrid, RiskMap, check_axes
from lintrans.minibatch.trainings import Trainings, trained_fields
from lintrans.prompts.prompt import Prompt
from lintrans.sweeps.executors import Threads
from lintrans.sweeps.grid import Progress, check_memory, compute

MAP_TRAININGS = 200  # of a cell of a map


def trained_risk_map(
    prompts: Sequence[Prompt],
    step_sizes: ArrayLike,
    batch_sizes: ArrayLike,
    *,
    value: float,
    key_query: ArrayLike,
    sampling: str = "with-replacement",
    n_steps: int = N_STEPS,
    n_trainings: int = MAP_TRAININGS,
    seed: int = 0,
    schedule: ArrayLike | None = None,
    n_threads: int | None = None,
    progress: Progress | None = None,
) -> RiskMap:
    """Measure on trainings how often a step size and a batch size leave the safe region.

    Parameters
    ----------
    step_sizes, batch_sizes
        Learning rates and batch sizes, increasing.
    n_trainings
        Of each cell: 200 tell a risk of 10 % to 4 %.
    prompts, value, key_query, sampling, n_steps, seed, schedule, n_threads, progress
        As in `lintrans.minibatch.trainings.trained_escapes`.

    Returns
    -------
    risks : RiskMap
        Its trajectories are the trainings; ``settings["trained"]`` is True, and its critical step size is
        that of `lintrans.minibatch.full_batch.full_batch_step_size`, of the mode above 32 features.

    Raises
    ------
    InputError, NoNormalFormError
        As `lintrans.minibatch.trainings.trained_escapes`.

    Examples
    --------
    >>> noisy = [Prompt.from_arrays([[1.0]], [1.0], [1.0], y) for y in (0.5, 1.5)]
    >>> start = {"value": 1.3, "key_query": [[0.7]]}
    >>> trained_risk_map(noisy, [0.5, 1.2], [1, 64], **start, n_trainings=100).left.tolist()
    [[0, 0], [100, 0]]
    """
    sweep = trained_risk_sweep(
        prompts,
        step_sizes,
        batch_sizes,
        value=value,
        key_query=key_query,
        sampling=sampling,
        n_steps=n_steps,
        n_trainings=n_trainings,
        seed=seed,
        schedule=schedule,
    )
    check_memory("the map", sweep.n_bytes)
    result: RiskMap = compute(sweep, executor=Threads(n_threads), progress=progress)
    return result


def trained_risk_sweep(
    prompts: Sequence[Prompt],
    step_sizes: ArrayLike,
    batch_sizes: ArrayLike,
    *,
    value: float,
    key_query: ArrayLike,
    sampling: str = "with-replacement",
    n_steps: int = N_STEPS,
    n_trainings: int = MAP_TRAININGS,
    seed: int = 0,
    schedule: ArrayLike | None = None,
) -> TrainedRiskSweep:
    """Check the arguments of `trained_risk_map`, and leave the work for `lintrans.sweeps.grid`."""
    etas, sizes = check_axes(step_sizes, batch_sizes, len(prompts), sampling)
    trained = trained_fields(
        prompts,
        value=value,
        key_query=key_query,
        batch_sizes=sizes.tolist(),
        sampling=sampling,
        n_steps=n_steps,
        n_trainings=n_trainings,
        seed=seed,
        schedule=schedule,
    )
    critical = math.nan
    if np.size(key_query) <= MAX_WEIGHTS:
        critical = full_batch_step_size(
            prompts, value=value, key_query=key_query, n_steps=n_steps, schedule=schedule
        )
    return TrainedRiskSweep(**trained, step_size=etas, batch_size=sizes, critical_step_size=critical)


@dataclass(frozen=True, eq=False, kw_only=True)
class TrainedRiskSweep(Trainings, RiskGrid):
    """The cells of `trained_risk_map`; built by `trained_risk_sweep`.

    Attributes
    ----------
    critical_step_size : float
        Of full-batch training; NaN where it is not known.
    """

    result = RiskMap

    critical_step_size: float

    def events(self, step_size: float, batch_size: int) -> NDArray[np.int64]:
        """Train a cell."""
        events, _ = self.train(step_size, batch_size, slice(0, self.n_trajectories))
        return events

    def settings(self) -> dict[str, Any]:
        """Settings as those of `lintrans.minibatch.risk.risk_map`."""
        critical = {"critical_step_size": self.critical_step_size} if self.critical_step_size > 0 else {}
        return self.start() | super().settings() | critical
