"""The largest step size and the smallest batch size of a risk: by the random map, and by trainings.

Each is looked for by counting at a few step sizes or batch sizes (`lintrans.counting.limits`), all of them
with the same batches.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from numpy.typing import ArrayLike

from lintrans.counting.limits import RATIO, Limit, bisect_step_size, search_batch_size, successive
from lintrans.errors import increasing
from lintrans.minibatch.escapes import N_STEPS, check_event, escape_times
from lintrans.minibatch.population import Population
from lintrans.minibatch.risk import RiskMap
from lintrans.minibatch.sampling import check_batch_size
from lintrans.minibatch.trainings import N_TRAININGS, run_trainings, training_sweep
from lintrans.prompts.prompt import Prompt
from lintrans.sweeps.grid import Progress

N_TRAJECTORIES = 10_000


def refine_step_size(
    coarse: RiskMap,
    batch_size: int,
    risk: float,
    event: str = "left",
    *,
    n_trajectories: int = N_TRAJECTORIES,
    ratio: float = RATIO,
    n_threads: int | None = None,
    progress: Progress | None = None,
) -> Limit:
    """Largest step size for a batch size, by more trajectories at step sizes that a map leads to.

    Beyond the map too; the other arguments are those of `largest_step_size`.
    """
    low, high = coarse.bracket(batch_size, risk, event)
    names = ("u", "v", "sampling", "n_steps", "seed")
    return largest_step_size(
        Population(coarse.moment, coarse.label),
        low,
        high,
        **{name: coarse.settings[name] for name in names},
        schedule=coarse.settings.get("schedule"),
        batch_size=batch_size,
        risk=risk,
        event=event,
        n_trajectories=n_trajectories,
        ratio=ratio,
        n_threads=n_threads,
        progress=progress,
    )


def largest_step_size(
    population: Population,
    low: float,
    high: float,
    u: float,
    v: float,
    *,
    batch_size: int,
    risk: float,
    event: str = "left",
    sampling: str = "with-replacement",
    n_steps: int = N_STEPS,
    n_trajectories: int = N_TRAJECTORIES,
    seed: int = 0,
    schedule: ArrayLike | None = None,
    ratio: float = RATIO,
    n_threads: int | None = None,
    progress: Progress | None = None,
) -> Limit:
    """Largest step size for a batch size, measured on trajectories of the random map.

    Trajectories at all step sizes see the same batches. The risk is taken to grow with the step size.

    Parameters
    ----------
    low, high
        Step sizes to begin with; see `lintrans.counting.bisect_step_size`.
    risk
        Accepted probability of the event within n_steps.
    event
        "left" or "diverged".
    n_trajectories
        At each of about 10 step sizes.
    ratio
        The answer is found up to this factor.
    progress
        Called as by `lintrans.minibatch.escapes.escape_times`, with the trajectories of all step sizes so
        far.
    population, u, v, batch_size, sampling, n_steps, seed, schedule, n_threads
        As in `lintrans.minibatch.escapes.escape_times`.

    Raises
    ------
    InputError
        If an argument is out of range.

    Examples
    --------
    Equal prompts are the full batch, here with a critical step size of 2:

    >>> equal = Population([1.0, 1.0], [1.0, 1.0])
    >>> found = largest_step_size(equal, 1.0, 3.0, 1.0, 1.0, batch_size=1, risk=0.1, n_trajectories=64)
    >>> 1.98 <= found.value <= 2 < found.high
    True
    """
    check_event(event)
    reports = successive(progress, n_trajectories)

    def count_events(step_size: float) -> int:
        return escape_times(
            population,
            population.mu(step_size),
            u,
            v,
            batch_size=batch_size,
            sampling=sampling,
            n_steps=n_steps,
            n_trajectories=n_trajectories,
            seed=seed,
            schedule=schedule,
            n_threads=n_threads,
            progress=next(reports),
        ).count(event)

    return bisect_step_size(count_events, n_trajectories, risk, low, high, ratio=ratio)


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
        Learning rates to begin with; see `lintrans.counting.bisect_step_size`.
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
        As `trained_escapes` and `lintrans.counting.bisect_step_size`.

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
        return run_trainings(replace(sweep, step_size=step_size), n_threads, next(reports)).count(event)

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
        Batch sizes, increasing; a few of them are tried, by `lintrans.counting.search_batch_size`.
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
        As `trained_escapes` and `lintrans.counting.search_batch_size`.

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
        return run_trainings(replace(sweep, batch_size=batch_size), n_threads, next(reports)).count(event)

    return search_batch_size(count_events, sweep.n_trajectories, risk, batch_sizes)
