"""The largest step size and the smallest batch size of a risk: by the random map, and by trainings.

Each is found by counting events at a few step sizes or batch sizes (`lintrans.counting.limits`), all of them
with the same batches.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from numpy.typing import ArrayLike

from lintrans.counting.limits import RATIO, Limit, bisect_step_size, search_batch_size, successive
from lintrans.errors import increasing
from lintrans.minibatch import defaults
from lintrans.minibatch.escapes import EscapeSweep, TrajectorySweep
from lintrans.minibatch.population import Population
from lintrans.minibatch.risk import RiskMap
from lintrans.minibatch.sampling import DEFAULT_BATCHES, Batches
from lintrans.minibatch.trainings import TrainingSweep
from lintrans.minibatch.walks import check_event
from lintrans.prompts.prompt import Prompt
from lintrans.sweeps.executors import Threads
from lintrans.sweeps.grid import Progress, compute


def refine_step_size(
    coarse: RiskMap,
    batch_size: int,
    risk: float,
    event: str = defaults.EVENT,
    *,
    n_trajectories: int = defaults.N_TRAJECTORIES,
    ratio: float = RATIO,
    n_threads: int | None = None,
    progress: Progress | None = None,
) -> Limit:
    """Largest step size for a batch size, by more trajectories at step sizes close to the answer of a map.

    The answer may lie outside the map. The other arguments are those of `largest_step_size`.
    """
    low, high = coarse.bracket(batch_size, risk, event)
    return largest_step_size(
        Population(coarse.moment, coarse.label),
        low,
        high,
        coarse.settings["u"],
        coarse.settings["v"],
        batches=coarse.batches(batch_size),
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
    batches: Batches,
    risk: float,
    event: str = defaults.EVENT,
    n_trajectories: int = defaults.N_TRAJECTORIES,
    ratio: float = RATIO,
    n_threads: int | None = None,
    progress: Progress | None = None,
) -> Limit:
    """Largest step size for a batch size, measured on trajectories of the random map.

    Trajectories at all step sizes see the same batches. The risk is assumed to grow with the step size.

    Parameters
    ----------
    low, high
        Step sizes to begin with; see `lintrans.counting.bisect_step_size`.
    risk
        Accepted probability of the event within all steps.
    event
        "left" or "diverged".
    n_trajectories
        At each of about 10 step sizes.
    ratio
        The answer is found up to this factor.
    progress
        Called as by `lintrans.minibatch.escape_times`, with the trajectories of all step sizes so
        far.
    population, u, v, batches, n_threads
        As in `lintrans.minibatch.escape_times`.

    Raises
    ------
    InputError
        If an argument is out of range.

    Examples
    --------
    Equal prompts are the full batch, here with a critical step size of 2:

    >>> equal = Population([1.0, 1.0], [1.0, 1.0])
    >>> asked = {"batches": Batches(1), "risk": 0.1, "n_trajectories": 64}
    >>> found = largest_step_size(equal, 1.0, 3.0, 1.0, 1.0, **asked)
    >>> 1.98 <= found.value <= 2 < found.high
    True
    """
    check_event(event)
    reports = successive(progress, n_trajectories)

    def count_events(step_size: float) -> int:
        mu = population.mu(step_size)
        sweep = EscapeSweep(population, mu, u, v, batches=batches, n_trajectories=n_trajectories)
        return _count(sweep, event, n_threads, next(reports))

    return bisect_step_size(count_events, n_trajectories, risk, low, high, ratio=ratio)


def trained_step_size(
    prompts: Sequence[Prompt],
    low: float,
    high: float,
    *,
    value: float,
    key_query: ArrayLike,
    batches: Batches,
    risk: float,
    event: str = defaults.EVENT,
    n_trainings: int = defaults.N_TRAININGS,
    ratio: float = RATIO,
    n_threads: int | None = None,
    progress: Progress | None = None,
) -> Limit:
    """Largest learning rate up to which training keeps a risk, measured on trainings.

    Trainings at all learning rates see the same batches. The risk is assumed to grow with the learning rate.

    Parameters
    ----------
    low, high
        Learning rates to begin with; see `lintrans.counting.bisect_step_size`.
    risk
        Accepted probability of the event within all steps.
    event
        "left" or "diverged".
    n_trainings
        At each of about 20 learning rates.
    ratio
        The answer is found up to this factor.
    progress
        Called as by `trained_escapes`, with the trainings of all learning rates so far.
    prompts, value, key_query, batches, n_threads
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
    >>> asked = {"batches": Batches(1, n_steps=100), "risk": 0.1, "n_trainings": 64}
    >>> found = trained_step_size([prompt], 1.0, 3.0, value=1.0, key_query=[[1.0]], **asked)
    >>> 1.98 <= found.value <= 2 < found.high
    True
    """
    check_event(event)
    sweep = TrainingSweep(
        prompts,
        step_size=low,
        value=value,
        key_query=key_query,
        batches=batches,
        n_trainings=n_trainings,
    )
    reports = successive(progress, sweep.n_trainings)

    def count_events(step_size: float) -> int:
        return _count(replace(sweep, step_size=step_size), event, n_threads, next(reports))

    return bisect_step_size(count_events, sweep.n_trainings, risk, low, high, ratio=ratio)


def trained_batch_size(
    prompts: Sequence[Prompt],
    sizes: Sequence[int],
    *,
    step_size: float,
    value: float,
    key_query: ArrayLike,
    risk: float,
    batches: Batches = DEFAULT_BATCHES,
    event: str = defaults.EVENT,
    n_trainings: int = defaults.N_TRAININGS,
    n_threads: int | None = None,
    progress: Progress | None = None,
) -> Limit:
    """Smallest of some batch sizes from which on training keeps a risk, measured on trainings.

    Parameters
    ----------
    sizes
        Batch sizes, increasing; a few of them are tried, by `lintrans.counting.search_batch_size`.
    batches
        How training goes in batches. Its size does not matter: sizes are those of ``sizes``.
    risk, event, n_trainings, progress
        As in `trained_step_size`.
    prompts, step_size, value, key_query, n_threads
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
    >>> start = {"step_size": 0.9, "value": 1.0, "key_query": [[1.0]]}
    >>> asked = {"batches": Batches(1, n_steps=100), "risk": 0.1, "n_trainings": 256}
    >>> trained_batch_size(noisy, [1, 4, 16, 64], **start, **asked).value
    16.0
    """
    check_event(event)
    many = [replace(batches, size=size).fit(len(prompts)) for size in increasing("sizes", sizes)]
    sweep = TrainingSweep(
        prompts,
        step_size=step_size,
        value=value,
        key_query=key_query,
        batches=many[-1],
        n_trainings=n_trainings,
    )
    reports = successive(progress, sweep.n_trainings)

    def count_events(size: int) -> int:
        of_size = replace(sweep, batches=replace(batches, size=size))
        return _count(of_size, event, n_threads, next(reports))

    return search_batch_size(count_events, sweep.n_trainings, risk, [one.size for one in many])


def _count(sweep: TrajectorySweep, event: str, n_threads: int | None, progress: Progress | None) -> int:
    """Trainings of a sweep to which an event happens."""
    found: int = compute(sweep, executor=Threads(n_threads), progress=progress).count(event)
    return found
