"""When mini-batch training of the two-factor transformer leaves the ellipse and diverges, many times over.

What `lintrans.minibatch.escapes` asks of the random map on one mode, asked of training itself. Prompts need
not share a mode: each acts by its own M_i = m_i q_i^T. Training i sees the batches of trajectory i. Weights
are looked at through their projection onto the mode that
`lintrans.minibatch.Population.from_prompts` finds, and the ellipse is that of the map there; where
the mode is shared, the two are one.

Training moves W only in the span of the contexts m_i on one side and of the queries q_i on the other. Where
these do not fill the space, as with one query for all prompts, W is kept in coordinates of the spans: exactly
the same training with fewer numbers.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from lintrans.errors import count, finite, finite_array, positive, settle
from lintrans.minibatch import defaults, kernels
from lintrans.minibatch.escapes import EscapeTimes, TrajectorySweep
from lintrans.minibatch.population import Population, PromptMoments
from lintrans.minibatch.sampling import Batches
from lintrans.minibatch.walks import BatchSweep, Found
from lintrans.prompts.prompt import Prompt
from lintrans.sweeps.executors import Threads
from lintrans.sweeps.grid import Arrays, Progress, check_memory, compute, takes

FloatArray = NDArray[np.float64]

WORK_PER_TILE = 2**30  # numbers of W that prompts meet: a fraction of a second
WORK_BESIDE = 20  # of drawing and copying a prompt, in the same unit


@dataclass(frozen=True, eq=False, kw_only=True)
class Trainings(BatchSweep):
    """Sweeps over trainings of the transformer.

    Parameters
    ----------
    prompts
        The population that batches are drawn from; lengths may differ. The sweep keeps of them what training
        sees (`lintrans.minibatch.PromptMoments`).
    value, key_query
        Initial weights w and W, a number and a (d, d) array.
    """

    is_trained = True

    prompts: Sequence[Prompt] | PromptMoments = field(kw_only=False)
    value: float
    key_query: ArrayLike

    def __post_init__(self) -> None:
        super().__post_init__()
        settle(self, prompts=PromptMoments.of(self.prompts), value=finite("value", self.value))
        settle(self, key_query=finite_array("key_query", self.key_query, 2).copy())
        _ = self.start  # checks that the weights fit the prompts
        _ = self.table, self.initial  # once and here, not by every worker

    @property
    def seen(self) -> PromptMoments:
        """What training sees of the prompts."""
        return PromptMoments.of(self.prompts)

    @property
    def drawn_from(self) -> Population:
        """The prompts by their projections."""
        return self.seen.population

    @functools.cached_property
    def start(self) -> tuple[float, float]:
        """Start (u, v), by the projection."""
        return self.drawn_from.project_weights(self.value, self.key_query)

    @functools.cached_property
    def table(self) -> FloatArray:
        """Prompts as the compiled loops take them: contexts and queries in their spans, moments, labels."""
        contexts, _, queries, _ = self.seen.spans
        return np.column_stack([contexts, queries, self.drawn_from.moments, self.drawn_from.labels])

    @functools.cached_property
    def initial(self) -> tuple[float, FloatArray]:
        """Initial <W, D>, and initial W in the same coordinates as the table."""
        weights, direction = np.asarray(self.key_query, dtype=np.float64), self.drawn_from.direction
        assert direction is not None  # it was made of prompts
        _, of_contexts, _, of_queries = self.seen.spans
        return float(np.sum(weights * direction)), np.array(of_contexts.T @ weights @ of_queries, order="C")

    def check_block(self, size: int) -> None:
        """Check that the batches of a size and the weights of a block fit in memory."""
        lane = kernels.DRAWN_STEPS * size + 2 * np.size(self.key_query)
        check_memory("the batches and weights of a block", 8 * kernels.BLOCK * lane)

    def follow(self, step_size: float, batches: Batches, part: slice) -> Found:
        """Events and ends of a part of the trainings at a learning rate, as `kernels.train` has them."""
        relative: FloatArray = np.ones(1) if batches.relative is None else batches.relative
        ellipse, (along, weights) = self._ellipse(step_size), self.initial
        events, ends = kernels.train(
            self.table,
            *batches.for_kernels(),
            np.uint64(part.start),
            part.stop - part.start,
            self.value,
            along,
            weights,
            ellipse,
            step_size / batches.size * relative,
            batches.n_steps,
        )
        if ellipse[0] >= 2:
            events[:, kernels.LEFT] = 0
        return events, ends

    def _ellipse(self, step_size: float) -> tuple[float, float, float, float, float]:
        """Ellipse of mu, and what takes w and <W, D> to the modes; from mu = 2 on there is none."""
        mu = self.drawn_from.mu(step_size)
        of_value = math.sqrt(mu) / 2 / self.drawn_from.weight_unit
        of_along = math.copysign(of_value, self.drawn_from.mean_product)
        return mu, of_value, of_along, 1 / (2 + mu), 1 / (2 - mu) if mu < 2 else 0.0


@dataclass(frozen=True, eq=False, kw_only=True)
class TrainingSweep(TrajectorySweep, Trainings):
    """Trainings of the transformer from one start.

    Parameters
    ----------
    prompts
        The population that batches are drawn from; lengths may differ.
    step_size
        Learning rate eta; the ellipse is that of mu = eta |C|. From mu = 2 on every state is outside.
    value, key_query
        Initial weights w and W, a number and a (d, d) array.
    batches
        How training goes in batches (`lintrans.minibatch.Batches`).
    n_trainings
        Errors fall like its inverse root: 1,000 tell a probability of 1 % to 0.6 %. Training i is the same
        in a run of any size, and sees the batches of trajectory i of the map.

    Raises
    ------
    InputError
        If an argument is out of range, or the weights do not fit the prompts.
    NoNormalFormError
        If mean y_i M_i is zero.
    """

    step_size: float
    n_trainings: int = defaults.N_TRAININGS

    def __post_init__(self) -> None:
        super().__post_init__()
        settle(self, step_size=positive("step_size", self.step_size))
        settle(self, n_trainings=count("n_trainings", self.n_trainings))
        self.check_block(self.batches.size)

    @property
    def n_repeats(self) -> int:
        """Trainings."""
        return self.n_trainings

    @property
    def cells_per_tile(self) -> int:
        """Trainings of a tile: whole blocks, fewer the more work there is in a step."""
        work = self.batches.n_steps * self.batches.size * (self.initial[1].size + WORK_BESIDE)
        return max(1, min(WORK_PER_TILE // (work * kernels.BLOCK), 64)) * kernels.BLOCK

    def settings(self) -> dict[str, Any]:
        """Settings as those of `lintrans.minibatch.escape_times`, and the learning rate."""
        step = {"mu": self.drawn_from.mu(self.step_size), "step_size": self.step_size}
        return step | super().settings()

    def compute(self, *place: slice) -> Arrays:
        """Events and ends of a part of the trainings."""
        return self.found(*self.follow(self.step_size, self.batches, place[0]))


@takes(TrainingSweep)
def trained_escapes(
    *args: Any, n_threads: int | None = None, progress: Progress | None = None, **options: Any
) -> EscapeTimes:
    """Train the two-factor transformer many times from one start with different batches.

    Exact also for prompts that share no mode, for which the random map is only close. It takes about d^2
    times as long. Arguments are those of `lintrans.minibatch.TrainingSweep`, and n_threads and
    progress as in `lintrans.two_factor.gather_evidence`.

    Returns
    -------
    escapes : EscapeTimes
        Its trajectories are the trainings, by their projections; ``trained`` is True.

    Raises
    ------
    InputError
        If an argument is out of range, the weights do not fit the prompts, or the trainings not in memory.
    NoNormalFormError
        If mean y_i M_i is zero.

    Examples
    --------
    Equal prompts are the full batch, which does not leave the ellipse:

    >>> equal = [Prompt.from_arrays([[1.0]], [1.0], [1.0], 1.0)] * 2
    >>> asked = {"value": 1.2, "key_query": [[0.8]], "batches": Batches(1), "n_trainings": 100}
    >>> found = trained_escapes(equal, step_size=0.9, **asked)
    >>> found.probability("left").value
    0.0

    Noisy labels push it out:

    >>> noisy = [Prompt.from_arrays([[1.0]], [1.0], [1.0], y) for y in (0.2, 1.8)]
    >>> found = trained_escapes(noisy, step_size=0.9, **asked)
    >>> found.probability("left").value
    1.0
    """
    sweep = TrainingSweep(*args, **options)
    result: EscapeTimes = compute(sweep, executor=Threads(n_threads), progress=progress)
    return result
