"""How batches are drawn, and which prompts they hold.

- ``with-replacement``: every place of a batch is any prompt, independently;
- ``without-replacement``: every batch is a random subset, independent of other batches;
- ``epochs``: all prompts are shuffled and cut into batches, then shuffled again. What is left at the end of
  an epoch and too small for a batch is dropped, as training loops usually do.

Over batches of the first kind a mean has variance V / B, with V that of one prompt; in the others each
batch by itself has V (N - B) / (B (N - 1)), and batches of one epoch make up for each other.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from lintrans.errors import InputError, check_seed, count, short, step_schedule
from lintrans.minibatch import kernels
from lintrans.minibatch.population import MAX_PROMPTS
from lintrans.sweeps.grid import check_memory

FloatArray = NDArray[np.float64]

SAMPLINGS = {
    "with-replacement": kernels.REPLACEMENT,
    "without-replacement": kernels.FRESH,
    "epochs": kernels.EPOCHS,
}


def draw_batches(
    n_prompts: int,
    batch_size: int,
    n_steps: int,
    *,
    sampling: str = "with-replacement",
    seed: int = 0,
    trajectory: int = 0,
) -> NDArray[np.int64]:
    """Return the prompts of the first batches of one trajectory, exactly those that the random map draws.

    Parameters
    ----------
    n_prompts, batch_size, n_steps
        Size of the population, of a batch, and number of batches.
    sampling
        One of the three kinds named above.
    seed, trajectory
        Trajectories of one seed are independent of each other.

    Returns
    -------
    batches : (n_steps, batch_size) array of int
        Numbers of prompts, from 0.

    Raises
    ------
    InputError
        If an argument is out of range.

    Examples
    --------
    >>> epochs = draw_batches(6, 2, 6, sampling="epochs")
    >>> sorted(epochs[:3].ravel().tolist()), sorted(epochs[3:].ravel().tolist())
    ([0, 1, 2, 3, 4, 5], [0, 1, 2, 3, 4, 5])
    """
    n_prompts = count("n_prompts", n_prompts, maximum=MAX_PROMPTS)
    batch_size = check_batch_size(batch_size, n_prompts, sampling)
    n_steps = count("n_steps", n_steps, minimum=0)
    seed, trajectory = check_seed(seed), count("trajectory", trajectory, minimum=0)
    check_memory("the batches", 8 * n_steps * batch_size)
    found: NDArray[np.int64] = kernels.draw_prompts(
        n_prompts, batch_size, SAMPLINGS[sampling], np.uint64(seed), np.uint64(trajectory), n_steps
    )
    return found


def check_batch_size(batch_size: Any, n_prompts: int, sampling: str) -> int:
    """Check a kind of sampling, and a batch size for it."""
    if sampling not in SAMPLINGS:
        raise InputError(f"sampling must be one of {', '.join(SAMPLINGS)}, got {short(sampling)}; choose one")
    size = count("batch_size", batch_size, maximum=MAX_PROMPTS)
    if sampling != "with-replacement" and size > n_prompts:
        raise InputError(
            f"batch_size must be at most the {n_prompts} prompts, got {size}; "
            "lower it, or draw with-replacement"
        )
    return size


def check_schedule(schedule: ArrayLike | None) -> FloatArray | None:
    """Check relative step sizes, from 0 to 1; None if all are 1."""
    if schedule is None:
        return None
    relative = step_schedule(schedule, largest=1)
    return None if (relative == 1).all() else relative


def schedule_settings(schedule: FloatArray | None) -> dict[str, list[float]]:
    """Return a schedule as settings of a result; none for a constant step size."""
    return {} if schedule is None else {"schedule": schedule.tolist()}


def variance_factor(batch_size: int, n_prompts: int, sampling: str) -> float:
    """Variance of the mean over a batch, over the variance of one prompt."""
    if sampling == "with-replacement":
        return 1 / batch_size
    return (n_prompts - batch_size) / (batch_size * (n_prompts - 1)) if n_prompts > 1 else 0.0
