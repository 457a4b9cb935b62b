"""When mini-batch training of the two-factor transformer leaves the ellipse and diverges, many times over.

What `lintrans.minibatch.escapes` asks of the random map on one mode, asked of training itself. Prompts need
not share a mode: each acts by its own M_i = m_i q_i^T. Training i sees the batches of trajectory i. Weights
are looked at through their projection onto the mode that
`lintrans.minibatch.population.Population.from_prompts` finds, and the ellipse is that of the map there; where
the mode is shared, the two are one.

Training moves W only in the span of the contexts m_i on one side and of the queries q_i on the other. Where
these do not fill the space, as with one query for all prompts, W is kept in coordinates of the spans: exactly
the same training with fewer numbers.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from lintrans.errors import count, finite, increasing, positive
from lintrans.executors import Threads
from lintrans.minibatch import kernels
from lintrans.minibatch.escapes import N_STEPS, EscapeTimes, TrajectorySweep, check_event
from lintrans.minibatch.limits import RATIO, Limit, bisect_step_size, search_batch_size, successive
from lintrans.minibatch.population import ROUNDING, Population
from lintrans.minibatch.sampling import (
    SAMPLINGS,
    check_batch_size,
    check_schedule,
    check_seed,
)
from lintrans.prompt import Prompt
from lintrans.sweeps import Arrays, Progress, check_memory, compute

FloatArray = NDArray[np.float64]

N_TRAININGS = 1000
WORK_PER_TILE = 2**30  # numbers of W that prompts meet: a fraction of a second
WORK_BESIDE = 20  # of drawing and copying a prompt, in the same unit


def trained_escapes(
    prompts: Sequence[Prompt],
    *,
    step_size: float,
    value: float,
    key_query: ArrayLike,
    batch_size: int,
    sampling: str = "with-replacement",
    n_steps: int = N_STEPS,
    n_trainings: int = N_TRAININGS,
    seed: int = 0,
    schedule: ArrayLike | None = None,
    n_threads: int | None = None,
    progress: Progress | None = None,
) -> EscapeTimes:
    """Train the two-factor transformer many times from one start with different batches.

    Exact for prompts that do not share a mode, where the random map is only near; about d^2 times its work.

    Parameters
    ----------
    prompts
        The population that batches are drawn from; lengths may differ.
    step_size
        Learning rate eta; the ellipse is that of mu = eta |C|. From mu = 2 on every state is outside.
    value, key_query
        Initial weights w and W, a number and a (d, d) array.
    batch_size
        Prompts in a batch.
    sampling
        "with-replacement", "without-replacement" or "epochs" (`lintrans.minibatch.sampling`).
    n_steps
        Steps of a training.
    n_trainings
        Errors fall like its inverse root: 1,000 tell a probability of 1 % to 0.6 %.
    seed
        Of the batches. Training i is the same in a run of any size, on any number of threads.
    schedule
        As in `lintrans.minibatch.escapes.escape_times`.
    n_threads, progress
        As in `lintrans.regimes.gather_evidence`.

    Returns
    -------
    escapes : EscapeTimes
        Its trajectories are the trainings, by their projections; ``settings["trained"]`` is True.

    Raises
    ------
    InputError
        If an argument is out of range, or the weights do not fit the prompts.
    NoNormalFormError
        If mean y_i M_i is zero.

    Examples
    --------
    Equal prompts are the full batch, which does not leave the ellipse:

    >>> equal = [Prompt.from_arrays([[1.0]], [1.0], [1.0], 1.0)] * 2
    >>> weights = {"value": 1.2, "key_query": [[0.8]]}
    >>> found = trained_escapes(equal, step_size=0.9, **weights, batch_size=1, n_trainings=100)
    >>> found.probability("left").value
    0.0

    Noisy labels push it out:

    >>> noisy = [Prompt.from_arrays([[1.0]], [1.0], [1.0], y) for y in (0.2, 1.8)]
    >>> found = trained_escapes(noisy, step_size=0.9, **weights, batch_size=1, n_trainings=100)
    >>> found.probability("left").value
    1.0
    """
    sweep = training_sweep(
        prompts,
        step_size=step_size,
        value=value,
        key_query=key_query,
        batch_size=batch_size,
        sampling=sampling,
        n_steps=n_steps,
        n_trainings=n_trainings,
        seed=seed,
        schedule=schedule,
    )
    return _compute(sweep, n_threads, progress)


def trained_step_size(
    prompts: Sequence[Prompt],
    low: float,
    high: float,
    *,
    value: float,
    key_query: ArrayLike,
    batch_size: int,
    risk: float,
    event: str = "left",
    sampling: str = "with-replacement",
    n_steps: int = N_STEPS,
    n_trainings: int = N_TRAININGS,
    seed: int = 0,
    schedule: ArrayLike | None = None,
    ratio: float = RATIO,
    n_threads: int | None = None,
    progress: Progress | None = None,
) -> Limit:
    """Largest learning rate up to which training keeps a risk, measured on trainings.

    Trainings at all learning rates see the same batches. The risk is taken to grow with the learning rate.

    Parameters
    ----------
    low, high
        Learning rates to begin with; see `lintrans.minibatch.limits.bisect_step_size`.
    risk
        Accepted probability of the event within n_steps.
    event
        "left" or "diverged".
    n_trainings
        At each of about 20 learning rates.
    ratio
        The answer is found up to this factor.
    progress
        Called as by `trained_escapes`, with the trainings of all learning rates so far.
    prompts, value, key_query, batch_size, sampling, n_steps, seed, schedule, n_threads
        As in `trained_escapes`.

    Returns
    -------
    limit : Limit
        In learning rates.

    Raises
    ------
    InputError, NoNormalFormError
        As `trained_escapes` and `lintrans.minibatch.limits.bisect_step_size`.

    Examples
    --------
    Full-batch training from (1, 1) stays in the ellipse up to mu = 2, here the learning rate 2:

    >>> prompt = Prompt.from_arrays([[1.0]], [1.0], [1.0], 1.0)
    >>> asked = {"batch_size": 1, "risk": 0.1, "n_steps": 100, "n_trainings": 64}
    >>> found = trained_step_size([prompt], 1.0, 3.0, value=1.0, key_query=[[1.0]], **asked)
    >>> 1.98 <= found.value <= 2 < found.high
    True
    """
    check_event(event)
    sweep = training_sweep(
        prompts,
        step_size=low,
        value=value,
        key_query=key_query,
        batch_size=batch_size,
        sampling=sampling,
        n_steps=n_steps,
        n_trainings=n_trainings,
        seed=seed,
        schedule=schedule,
    )

    reports = successive(progress, sweep.n_trajectories)

    def count_events(step_size: float) -> int:
        return _compute(replace(sweep, step_size=step_size), n_threads, next(reports)).count(event)

    return bisect_step_size(count_events, sweep.n_trajectories, risk, low, high, ratio=ratio)


def trained_batch_size(
    prompts: Sequence[Prompt],
    sizes: Sequence[int],
    *,
    step_size: float,
    value: float,
    key_query: ArrayLike,
    risk: float,
    event: str = "left",
    sampling: str = "with-replacement",
    n_steps: int = N_STEPS,
    n_trainings: int = N_TRAININGS,
    seed: int = 0,
    schedule: ArrayLike | None = None,
    n_threads: int | None = None,
    progress: Progress | None = None,
) -> Limit:
    """Smallest of some batch sizes from which on training keeps a risk, measured on trainings.

    Parameters
    ----------
    sizes
        Batch sizes, increasing; a few of them are tried, by `lintrans.minibatch.limits.search_batch_size`.
    risk, event, n_trainings, progress
        As in `trained_step_size`.
    prompts, step_size, value, key_query, sampling, n_steps, seed, schedule, n_threads
        As in `trained_escapes`.

    Returns
    -------
    limit : Limit
        In prompts.

    Raises
    ------
    InputError, NoNormalFormError
        As `trained_escapes` and `lintrans.minibatch.limits.search_batch_size`.

    Examples
    --------
    >>> noisy = [Prompt.from_arrays([[1.0]], [1.0], [1.0], y) for y in (0.2, 1.8)]
    >>> start = {"value": 1.0, "key_query": [[1.0]]}
    >>> asked = {"step_size": 0.9, "risk": 0.1, "n_steps": 100, "n_trainings": 256}
    >>> trained_batch_size(noisy, [1, 4, 16, 64], **start, **asked).value
    16.0
    """
    check_event(event)
    batch_sizes = [check_batch_size(size, len(prompts), sampling) for size in increasing("sizes", sizes)]
    sweep = training_sweep(
        prompts,
        step_size=step_size,
        value=value,
        key_query=key_query,
        batch_size=batch_sizes[-1],
        sampling=sampling,
        n_steps=n_steps,
        n_trainings=n_trainings,
        seed=seed,
        schedule=schedule,
    )

    reports = successive(progress, sweep.n_trajectories)

    def count_events(batch_size: int) -> int:
        return _compute(replace(sweep, batch_size=batch_size), n_threads, next(reports)).count(event)

    return search_batch_size(count_events, sweep.n_trajectories, risk, batch_sizes)


def _compute(sweep: TrainingSweep, n_threads: int | None, progress: Progress | None) -> EscapeTimes:
    check_memory("the trainings", sweep.n_bytes)
    result: EscapeTimes = compute(sweep, executor=Threads(n_threads), progress=progress)
    return result


def training_sweep(
    prompts: Sequence[Prompt],
    *,
    step_size: float,
    value: float,
    key_query: ArrayLike,
    batch_size: int,
    sampling: str = "with-replacement",
    n_steps: int = N_STEPS,
    n_trainings: int = N_TRAININGS,
    seed: int = 0,
    schedule: ArrayLike | None = None,
) -> TrainingSweep:
    """Check the arguments of `trained_escapes`, and leave the work for `lintrans.sweeps`."""
    population = Population.from_prompts(prompts)
    population.project_weights(value, key_query)  # its checks
    assert population.direction is not None  # it was made of prompts
    weights = np.asarray(key_query, dtype=np.float64)
    contexts, of_contexts = _in_span(np.array([prompt.context_moment for prompt in prompts]))
    queries, of_queries = _in_span(np.array([prompt.query for prompt in prompts]))
    batch_size = check_batch_size(batch_size, population.n_prompts, sampling)
    lane = kernels.DRAWN_STEPS * batch_size + 2 * weights.size
    check_memory("the batches and weights of a block", 8 * kernels.BLOCK * lane)
    return TrainingSweep(
        contexts=contexts,
        queries=queries,
        moments=population.moments,
        labels=population.labels,
        step_size=positive("step_size", step_size),
        value=finite("value", value),
        along=float(np.sum(weights * population.direction)),
        key_query=of_contexts.T @ weights @ of_queries,
        batch_size=batch_size,
        sampling=sampling,
        n_steps=count("n_steps", n_steps, maximum=2**31 - 1),
        n_trajectories=count("n_trainings", n_trainings),
        seed=check_seed(seed),
        schedule=check_schedule(schedule),
    )


def _in_span(vectors: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Coordinates of vectors in an orthonormal basis of their span, (N, r), and the basis, (d, r).

    What fills the space is left as it is.
    """
    _, sizes, basis = np.linalg.svd(vectors, full_matrices=False)
    rank = int((sizes > ROUNDING * sizes[0]).sum())
    if rank == vectors.shape[1]:
        return vectors, np.eye(rank)
    return vectors @ basis[:rank].T, basis[:rank].T


@dataclass(frozen=True, eq=False, kw_only=True)
class TrainingSweep(TrajectorySweep):
    """The trainings of `trained_escapes`; built by `training_sweep`.

    Attributes
    ----------
    contexts, queries : (N, rows) and (N, columns) arrays
        Context moments and queries, in coordinates of their spans.
    step_size : float
        Learning rate.
    value, along : float
        Initial w and <W, D>.
    key_query : (rows, columns) array
        Initial W in the same coordinates.
    """

    result = EscapeTimes

    contexts: FloatArray
    queries: FloatArray
    step_size: float
    value: float
    along: float
    key_query: FloatArray

    @property
    def cells_per_tile(self) -> int:
        """Trainings of a tile: whole blocks, fewer the more work there is in a step."""
        work = self.n_steps * self.batch_size * (self.key_query.size + WORK_BESIDE)
        return max(1, min(WORK_PER_TILE // (work * kernels.BLOCK), 64)) * kernels.BLOCK

    def settings(self) -> dict[str, Any]:
        """Settings as those of `lintrans.minibatch.escapes.escape_times`, and the learning rate."""
        population = Population(self.moments, self.labels)
        u, v = population.project(self.value, self.along)
        projected = {"mu": population.mu(self.step_size), "u": u, "v": v, "step_size": self.step_size}
        return projected | super().settings() | {"trained": True}

    def compute(self, *place: slice) -> Arrays:
        """Events and ends of a part of the trainings."""
        part, schedule = place[0], self.schedule
        relative: FloatArray = np.ones(1) if schedule is None else schedule
        ellipse = self._ellipse()
        events, ends = kernels.train(
            np.column_stack([self.contexts, self.queries, self.moments, self.labels]),
            self.batch_size,
            SAMPLINGS[self.sampling],
            np.uint64(self.seed),
            np.uint64(part.start),
            part.stop - part.start,
            self.value,
            self.along,
            np.array(self.key_query, order="C"),
            ellipse,
            self.step_size / self.batch_size * relative,
            self.n_steps,
        )
        if ellipse[0] >= 2:
            events[:, kernels.LEFT] = 0
        return self.found(events, ends)

    def _ellipse(self) -> tuple[float, float, float, float, float]:
        """Ellipse of mu, and what takes w and <W, D> to the modes; from mu = 2 on there is none."""
        population = Population(self.moments, self.labels)
        mu = population.mu(self.step_size)
        of_value = math.sqrt(mu) / 2 / population.weight_unit
        of_along = math.copysign(of_value, population.mean_product)
        return mu, of_value, of_along, 1 / (2 + mu), 1 / (2 - mu) if mu < 2 else 0.0
