"""Where full-batch training leaves the ellipse, for prompts that share no mode.

The full batch knows the prompts by three means, of y^2, of y M and of M (x) M: with W as a vector its step is

    w' = w - eta (w <W, H W> - <g, W>),    W' = W - eta w (w H W - g),    g = mean y M,  H = mean M (x) M.

Many step sizes are trained at once, then as many between the two that enclose the answer. On a shared mode it
is `lintrans.two_factor.critical_mu` over |C|. Without one, the sharpest direction of H matters too, and
training leaves at smaller step sizes.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

from lintrans.errors import InputError, count, finite_array
from lintrans.minibatch import defaults
from lintrans.minibatch.population import Population, PromptMoments
from lintrans.minibatch.sampling import check_schedule
from lintrans.prompts.prompt import Prompt
from lintrans.two_factor import normal_form

FloatArray = NDArray[np.float64]

N_SIDE_BY_SIDE = 256
LOWEST = 1e-3  # of the step size at mu = 2, to begin with
MAX_WEIGHTS = 1024  # numbers of W: H has their square


def full_batch_step_size(
    prompts: Sequence[Prompt] | PromptMoments,
    *,
    value: float,
    key_query: ArrayLike,
    n_steps: int = defaults.N_STEPS,
    schedule: ArrayLike | None = None,
) -> float:
    """Largest learning rate with which full-batch training stays in the ellipse.

    Measured at 256 step sizes 2.7 % apart, and at as many between the two that enclose the answer. Off a
    shared mode training near it can be chaotic, and single step sizes below it may leave too.

    Parameters
    ----------
    prompts
        All of them; at most 32 features.
    value, key_query
        Initial weights w and W.
    n_steps
        Steps it has to stay.
    schedule
        As in `lintrans.minibatch.Batches`.

    Returns
    -------
    step_size : float
        Up to which none that was tried leaves; NaN if the smallest does.

    Raises
    ------
    InputError
        If an argument is out of range, or there are more features.
    NoNormalFormError
        If mean y_i M_i is zero.

    Examples
    --------
    On a shared mode it is the critical step size of the map:

    >>> prompts = [Prompt.from_arrays([[x]], [1.0], [2.0], 2 * x) for x in (0.5, 1.0)]
    >>> population = Population.from_prompts(prompts)
    >>> u, v = population.project_weights(1.2, [[0.5]])
    >>> critical = float(normal_form.critical_mu(u, v)) * population.unit_step_size
    >>> 0.998 <= full_batch_step_size(prompts, value=1.2, key_query=[[0.5]]) / critical <= 1
    True
    """
    seen = PromptMoments.of(prompts)
    population = seen.population
    population.project_weights(value, key_query)  # its checks
    n_steps, relative = count("n_steps", n_steps), check_schedule(schedule)
    W = finite_array("key_query", key_query, 2)
    if W.size > MAX_WEIGHTS:
        raise InputError(
            f"prompts must have at most 32 features here, got {len(W)}; choose some, or use the mode"
        )
    M = seen.matrices.reshape(-1, W.size)
    g, H = population.labels @ M / len(M), M.T @ M / len(M)
    low, high = 0.0, 2 * population.unit_step_size  # from mu = 2 on there is no ellipse
    for lowest in (LOWEST * high, None):
        step_sizes = np.geomspace(lowest or low, high, N_SIDE_BY_SIDE)
        mu = step_sizes / population.unit_step_size
        stays = _stay(population, g, H, value, W.ravel(), mu, n_steps, relative)
        if not stays[0]:
            return math.nan
        first = stays.size if stays.all() else int(np.argmin(stays))
        low, high = step_sizes[first - 1], step_sizes[min(first, stays.size - 1)]
    return float(low)


def _stay(
    population: Population,
    g: FloatArray,
    H: FloatArray,
    value: float,
    start: FloatArray,
    mu: FloatArray,
    n_steps: int,
    relative: FloatArray | None,
) -> NDArray[np.bool_]:
    """Whether training with each of some step sizes stays in its ellipse."""
    assert population.direction is not None  # it was made of prompts
    unit, direction = population.weight_unit, population.direction.ravel()
    eta, sign = mu * population.unit_step_size, math.copysign(1.0, population.mean_product)
    w, W, stays = np.full(mu.size, value), np.tile(start, (mu.size, 1)), mu < 2

    def inside(w: FloatArray, W: FloatArray) -> NDArray[np.bool_]:
        modes = normal_form.to_modes(mu, w / unit, sign * (W @ direction) / unit)
        return normal_form.ellipse_level(mu, *modes) <= 0

    with np.errstate(all="ignore"):
        for t in range(n_steps):
            stays &= inside(w, W)
            if not stays.any():
                break
            step = eta if relative is None else eta * relative[min(t, relative.size - 1)]
            curved, pull = W @ H, W @ g
            w, W = (
                w - step * (w * np.sum(W * curved, axis=1) - pull),
                W - (step * w)[:, None] * (w[:, None] * curved - g),
            )
        return stays & inside(w, W)
