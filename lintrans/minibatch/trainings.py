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
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from lintrans.errors import check_seed, count, finite, positive
from lintrans.minibatch import kernels
from lintrans.minibatch.escapes import N_STEPS, EscapeTimes, TrajectorySweep
from lintrans.minibatch.population import ROUNDING, Population
from lintrans.minibatch.sampling import (
    SAMPLINGS,
    check_batch_size,
    check_schedule,
)
from lintrans.prompts.prompt import Prompt
from lintrans.sweeps.executors import Threads
from lintrans.sweeps.grid import Arrays, Progress, Sweep, check_memory, compute

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
        As in `lintrans.two_factor.gather_evidence`.

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
    return run_trainings(sweep, n_threads, progress)


def run_trainings(sweep: TrainingSweep, n_threads: int | None, progress: Progress | None) -> EscapeTimes:
    """Compute a sweep in memory."""
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
    """Check the arguments of `trained_escapes`, and leave the work for `lintrans.sweeps.grid`."""
    trained = trained_fields(
        prompts,
        value=value,
        key_query=key_query,
        batch_sizes=[batch_size],
        sampling=sampling,
        n_steps=n_steps,
        n_trainings=n_trainings,
        seed=seed,
        schedule=schedule,
    )
    size = check_batch_size(batch_size, len(prompts), sampling)
    return TrainingSweep(**trained, step_size=positive("step_size", step_size), batch_size=size)


def trained_fields(
    prompts: Sequence[Prompt],
    *,
    value: float,
    key_query: ArrayLike,
    batch_sizes: Sequence[int],
    sampling: str,
    n_steps: int,
    n_trainings: int,
    seed: int,
    schedule: ArrayLike | None,
) -> dict[str, Any]:
    """Check what `Trainings` are built of, for batches up to the last of some sizes."""
    population = Population.from_prompts(prompts)
    population.project_weights(value, key_query)  # its checks
    assert population.direction is not None  # it was made of prompts
    weights = np.asarray(key_query, dtype=np.float64)
    contexts, of_contexts = _in_span(np.array([prompt.context_moment for prompt in prompts]))
    queries, of_queries = _in_span(np.array([prompt.query for prompt in prompts]))
    largest = check_batch_size(batch_sizes[-1], population.n_prompts, sampling)
    lane = kernels.DRAWN_STEPS * largest + 2 * weights.size
    check_memory("the batches and weights of a block", 8 * kernels.BLOCK * lane)
    return {
        "contexts": contexts,
        "queries": queries,
        "moments": population.moments,
        "labels": population.labels,
        "value": finite("value", value),
        "along": float(np.sum(weights * population.direction)),
        "key_query": of_contexts.T @ weights @ of_queries,
        "sampling": sampling,
        "n_steps": count("n_steps", n_steps, maximum=2**31 - 1),
        "n_trajectories": count("n_trainings", n_trainings),
        "seed": check_seed(seed),
        "schedule": check_schedule(schedule),
    }


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
class Trainings(Sweep):
    """Sweeps of trainings from one start.

    Attributes
    ----------
    contexts, queries : (N, rows) and (N, columns) arrays
        Context moments and queries, in coordinates of their spans.
    moments, labels : (N,) arrays
        Of the population.
    value, along : float
        Initial w and <W, D>.
    key_query : (rows, columns) array
        Initial W in the same coordinates.
    sampling, n_steps, n_trajectories, seed, schedule
        As in `lintrans.minibatch.escapes.escape_times`.
    """

    contexts: FloatArray
    queries: FloatArray
    moments: FloatArray
    labels: FloatArray
    value: float
    along: float
    key_query: FloatArray
    sampling: str
    n_steps: int
    n_trajectories: int
    seed: int
    schedule: FloatArray | None

    @property
    def population(self) -> Population:
        """The prompts by their projections."""
        return Population(self.moments, self.labels)

    def start(self) -> dict[str, Any]:
        """Settings that say that these are trainings, and their start by its projection."""
        u, v = self.population.project(self.value, self.along)
        return {"u": u, "v": v, "trained": True}

    def train(self, step_size: float, batch_size: int, part: slice) -> tuple[NDArray[np.int64], FloatArray]:
        """Events and ends of a part of the trainings with a learning rate, as `kernels.train` has them."""
        relative: FloatArray = np.ones(1) if self.schedule is None else self.schedule
        ellipse = self._ellipse(step_size)
        events, ends = kernels.train(
            np.column_stack([self.contexts, self.queries, self.moments, self.labels]),
            batch_size,
            SAMPLINGS[self.sampling],
            np.uint64(self.seed),
            np.uint64(part.start),
            part.stop - part.start,
            self.value,
            self.along,
            np.array(self.key_query, order="C"),
            ellipse,
            step_size / batch_size * relative,
            self.n_steps,
        )
        if ellipse[0] >= 2:
            events[:, kernels.LEFT] = 0
        return events, ends

    def _ellipse(self, step_size: float) -> tuple[float, float, float, float, float]:
        """Ellipse of mu, and what takes w and <W, D> to the modes; from mu = 2 on there is none."""
        mu = self.population.mu(step_size)
        of_value = math.sqrt(mu) / 2 / self.population.weight_unit
        of_along = math.copysign(of_value, self.population.mean_product)
        return mu, of_value, of_along, 1 / (2 + mu), 1 / (2 - mu) if mu < 2 else 0.0


@dataclass(frozen=True, eq=False, kw_only=True)
class TrainingSweep(Trainings, TrajectorySweep):
    """The trainings of `trained_escapes`; built by `training_sweep`."""

    result = EscapeTimes

    step_size: float

    @property
    def cells_per_tile(self) -> int:
        """Trainings of a tile: whole blocks, fewer the more work there is in a step."""
        work = self.n_steps * self.batch_size * (self.key_query.size + WORK_BESIDE)
        return max(1, min(WORK_PER_TILE // (work * kernels.BLOCK), 64)) * kernels.BLOCK

    def settings(self) -> dict[str, Any]:
        """Settings as those of `lintrans.minibatch.escapes.escape_times`, and the learning rate."""
        step = {"mu": self.population.mu(self.step_size), "step_size": self.step_size}
        return step | self.start() | super().settings()

    def compute(self, *place: slice) -> Arrays:
        """Events and ends of a part of the trainings."""
        return self.found(*self.train(self.step_size, self.batch_size, place[0]))
