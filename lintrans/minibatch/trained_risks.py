"""The risk of a step size and a batch size, measured on trainings of the transformer itself.

What `lintrans.minibatch.risk` asks of the random map, for prompts that share no mode.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lintrans.errors import count, settle
from lintrans.minibatch import defaults
from lintrans.minibatch.full_batch import MAX_WEIGHTS, full_batch_step_size
from lintrans.minibatch.risk import RiskGrid, RiskMap
from lintrans.minibatch.sampling import Batches
from lintrans.minibatch.trainings import Trainings
from lintrans.sweeps.executors import Threads
from lintrans.sweeps.grid import Progress, compute, takes


@dataclass(frozen=True, eq=False, kw_only=True)
class TrainedRiskSweep(RiskGrid, Trainings):
    """Trainings of the transformer at every step size and batch size.

    Parameters
    ----------
    prompts
        The population that batches are drawn from; lengths may differ.
    step_sizes, batch_sizes
        Learning rates and batch sizes, increasing.
    value, key_query
        Initial weights w and W, a number and a (d, d) array.
    batches
        How training goes in batches (`lintrans.minibatch.Batches`). Its size does not matter:
        sizes are those of the axis.
    n_trainings
        Of each cell: 200 tell a risk of 10 % to 4 %.
    critical_step_size
        Largest learning rate with which full-batch training stays in the ellipse, if it is known. By default
        it is measured (`lintrans.minibatch.full_batch_step_size`); above 32 features, or if
        training leaves at the smallest step size too, it is NaN.

    Raises
    ------
    InputError
        If an argument is out of range, or the weights do not fit the prompts.
    NoNormalFormError
        If mean y_i M_i is zero.
    """

    n_trainings: int = defaults.MAP_TRAININGS
    critical_step_size: float | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        self.check_block(int(self.sizes[-1]))
        settle(self, n_trainings=count("n_trainings", self.n_trainings))
        if self.critical_step_size is None:
            settle(self, critical_step_size=self._measured())

    def _measured(self) -> float:
        """Critical step size of the full batch; NaN where it is not known."""
        if np.size(self.key_query) > MAX_WEIGHTS:
            return math.nan
        return full_batch_step_size(
            self.prompts,
            value=self.value,
            key_query=self.key_query,
            n_steps=self.batches.n_steps,
            schedule=self.batches.schedule,
        )

    @property
    def n_repeats(self) -> int:
        """Trainings of a cell."""
        return self.n_trainings

    def events(self, step_size: float, batches: Batches) -> NDArray[np.int64]:
        """Train a cell."""
        events, _ = self.follow(step_size, batches, slice(0, self.n_trainings))
        return events

    def settings(self) -> dict[str, Any]:
        """Settings as those of `lintrans.minibatch.risk_map`."""
        critical = self.critical_step_size
        known = critical is not None and critical > 0
        return super().settings() | {"critical_step_size": critical if known else None}


@takes(TrainedRiskSweep)
def trained_risk_map(
    *args: Any, n_threads: int | None = None, progress: Progress | None = None, **options: Any
) -> RiskMap:
    """Measure on trainings how often a step size and a batch size leave the safe region.

    Arguments are those of `lintrans.minibatch.TrainedRiskSweep`, and n_threads and progress as
    in `lintrans.two_factor.gather_evidence`.

    Returns
    -------
    risks : RiskMap
        Its trajectories are the trainings; ``trained`` is True.

    Raises
    ------
    InputError, NoNormalFormError
        As `lintrans.minibatch.trained_escapes`.

    Examples
    --------
    >>> from lintrans import Prompt
    >>> noisy = [Prompt.from_arrays([[1.0]], [1.0], [1.0], y) for y in (0.5, 1.5)]
    >>> start = {"value": 1.3, "key_query": [[0.7]]}
    >>> trained_risk_map(noisy, [0.5, 1.2], [1, 64], **start, n_trainings=100).left.tolist()
    [[0, 0], [100, 0]]
    """
    sweep = TrainedRiskSweep(*args, **options)
    result: RiskMap = compute(sweep, executor=Threads(n_threads), progress=progress)
    return result
