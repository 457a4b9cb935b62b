"""The random map compared with training: mini-batch descent of the transformer, batch by batch.

At every step the trained weights are projected, the map steps once with the same batch, and the result is
compared with the weights after the step: on a shared mode this commutes up to rounding. Prompts that only
nearly share a mode are projected onto one (`lintrans.minibatch.Population.from_prompts`). Then the
error, and the part of W that has moved outside the mode, show what the projection leaves out. Claim
minibatch.reduction.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from numpy.typing import ArrayLike, NDArray

from lintrans.attention.batch_training import Problems, train_on_batches
from lintrans.attention.transformer import TwoFactorWeights
from lintrans.counting.proportions import Proportion, proportion
from lintrans.errors import InputError, count, positive
from lintrans.minibatch import kernels
from lintrans.minibatch.escapes import escape_times
from lintrans.minibatch.population import Population
from lintrans.minibatch.sampling import Batches, draw_batches
from lintrans.minibatch.trainings import trained_escapes
from lintrans.minibatch.walks import EVENTS
from lintrans.prompts.prompt import Prompt
from lintrans.sweeps.grid import Progress
from lintrans.sweeps.results import Result, axis, on
from lintrans.two_factor import normal_form

FloatArray = NDArray[np.float64]

ROUNDING = 1e-12  # as for the full batch: sums over B n d terms of rounding 1e-16 each
FAR = 1e60  # of u and v; beyond, training has left every bound


@dataclass(frozen=True, eq=False, kw_only=True)
class BatchVerification(Result):
    """Outcome of `verify_batches`; errors are relative to the size of the state, in modes."""

    kind: ClassVar[str] = "batch_verification"

    step: NDArray[np.int64] = axis("gradient descent step")
    curvature: FloatArray = on("step", text="a_B of the batch of this step; NaN after the last")
    target: FloatArray = on("step", text="c_B of the batch of this step; NaN after the last")
    commutation_error: FloatArray = on("step", text="relative error of one map step from the weights before")
    orbit_difference: FloatArray = on(
        "step", text="relative distance of the whole trajectories of map and training"
    )
    beside: FloatArray = on("step", text="part of the way of W from its start that lies beside the mode")
    u: FloatArray = on("step", text="weight w of the trained transformer, in units of the weight unit")
    v: FloatArray = on("step", text="<W, D> of the trained transformer, in the same units, signed as C")

    @classmethod
    def updated(cls, settings: dict[str, Any]) -> dict[str, Any]:
        """Version 0.1 left out the schedule of a constant step size."""
        return {"schedule": None} | settings

    def check(self) -> None:
        """Refuse a mu that is not a step size."""
        positive("mu", self.settings.get("mu"))

    @property
    def batches(self) -> Batches:
        """How training went in batches."""
        return Batches.of(self.settings)

    def summary(self) -> dict[str, Any]:
        """Largest errors."""
        return {
            "max_commutation_error": self.max_commutation_error,
            "max_orbit_difference": float(np.max(self.orbit_difference)),
            "max_beside": float(np.max(self.beside)),
            "agrees": self.agrees,
        }

    @property
    def max_commutation_error(self) -> float:
        """Largest relative error of a single step."""
        return float(np.max(self.commutation_error))

    @property
    def agrees(self) -> bool:
        """True if every step commutes within ``ROUNDING``."""
        return self.max_commutation_error <= ROUNDING


def verify_batches(
    prompts: Sequence[Prompt],
    *,
    step_size: float,
    value: float,
    key_query: ArrayLike,
    batches: Batches,
    trajectory: int = 0,
) -> BatchVerification:
    """Train the transformer on the batches that the random map draws, and compare the two.

    Parameters
    ----------
    prompts
        The population.
    step_size
        Learning rate.
    value, key_query
        Initial weights w and W.
    batches, trajectory
        As in `lintrans.minibatch.draw_batches`. Training stops early if it overflows.

    Raises
    ------
    InputError, NoNormalFormError
        As `lintrans.minibatch.Population.from_prompts` and
        `lintrans.attention.train_on_batches`.

    Examples
    --------
    >>> prompts = [Prompt.from_arrays([[x]], [1.0], [2.0], 3.0) for x in (1.0, 1.5)]
    >>> asked = {"value": 1.0, "key_query": [[0.5]], "batches": Batches(1)}
    >>> found = verify_batches(prompts, step_size=0.05, **asked)
    >>> found.agrees, found.beside.max().item()
    (True, 0.0)
    """
    weights = TwoFactorWeights(value, np.asarray(key_query, dtype=np.float64))
    both = Population.from_prompts(prompts), Problems(prompts, weights)
    return _verify(*both, weights, step_size, batches, trajectory)


def _verify(
    population: Population,
    problems: Problems,
    weights: TwoFactorWeights,
    step_size: float,
    batches: Batches,
    trajectory: int,
) -> BatchVerification:
    """`verify_batches` with what many trainings on the same prompts share."""
    u, v = population.project_weights(weights.value, weights.key_query)
    drawn, relative = draw_batches(population.n_prompts, batches, trajectory), batches.relative
    run = train_on_batches(problems, weights, drawn, step_size=step_size, schedule=relative)
    all_u, all_v, beside = _project(population, run.weights)
    n = _first_beyond(np.maximum(np.abs(all_u), np.abs(all_v)))
    if n < 2:
        raise InputError(f"step_size must leave a step to compare, got {step_size:g}; lower it")
    mu, drawn = population.mu(step_size), drawn[: n - 1]
    curvature = 1 + (population.curvatures - 1)[drawn].mean(axis=1)
    mismatch = population.mismatches[drawn].mean(axis=1)
    part = np.ones(1) if relative is None else relative
    part = part[np.minimum(np.arange(n - 1), part.size - 1)]
    modes = normal_form.to_modes(mu, all_u[:n], all_v[:n])
    once = kernels.step_each(mu, modes[0][:-1], modes[1][:-1], part * curvature, part * mismatch)
    whole = kernels.follow(mu, modes[0][0], modes[1][0], part * curvature, part * mismatch)[:2]
    return BatchVerification(
        step=np.arange(n),
        curvature=np.append(curvature, np.nan),
        target=np.append(curvature - mismatch, np.nan),
        commutation_error=np.append(0.0, _distance(modes, once, shift=1)),
        orbit_difference=_distance(modes, whole),
        beside=beside[:n],
        u=all_u[:n],
        v=all_v[:n],
        settings={
            "mu": mu,
            "u": u,
            "v": v,
            "step_size": step_size,
            **batches.settings(),
            "trajectory": trajectory,
            "overflowed": run.overflowed or n <= run.n_steps,
            "leakage": population.summary()["leakage"],
        },
    )


def _project(population: Population, weights: FloatArray) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Projected states (u, v), and the part of the way of W that lies outside the mode."""
    assert population.direction is not None  # it was made of prompts
    d = len(population.direction)
    sign = math.copysign(1.0, population.mean_product)
    with np.errstate(all="ignore"):
        along = weights[:, 1:] @ population.direction.ravel()
        way = weights[:, 1:] - weights[0, 1:]
        way_along = along - along[0]
        length = np.linalg.norm(way, axis=1)
        rest = np.linalg.norm(way - np.outer(way_along, population.direction.reshape(d * d)), axis=1)
        part = np.divide(rest, length, out=np.zeros_like(rest), where=length > 0)
        unit = population.weight_unit
        return weights[:, 0] / unit, sign * along / unit, np.where(part > 1e-14, part, 0.0)


def _first_beyond(size: FloatArray) -> int:
    """Number of states before the first that is out of all bounds."""
    beyond = np.flatnonzero(~(size <= FAR))
    return int(beyond[0]) if beyond.size else size.size


def _distance(
    trained: tuple[FloatArray, FloatArray], found: tuple[FloatArray, FloatArray], shift: int = 0
) -> FloatArray:
    """Distance of states (a, b), relative to the larger of the trained one before and after the step."""
    with np.errstate(all="ignore"):
        size = np.maximum(np.abs(trained[0]), np.abs(trained[1]))
        scale = np.maximum(size[shift:], size[: size.size - shift]) if shift else size
        error = np.maximum(np.abs(trained[0][shift:] - found[0]), np.abs(trained[1][shift:] - found[1]))
        relative = np.divide(error, scale, out=np.zeros_like(error), where=scale > 0)
    return np.asarray(np.nan_to_num(relative, nan=np.inf))


@dataclass(frozen=True)
class TrainedRisk:
    """Outcome of trainings of the transformer on the batches of the first trajectories of the random map.

    Attributes
    ----------
    left, diverged : Proportion
        Of the trainings, by their projected weights.
    n_alike : int
        Number of trainings that left and diverged at exactly the predicted steps: those of the trajectory of
        the map or, for prompts that share no mode, of the compiled training.
    max_commutation_error : float
        Over all steps of all trainings.
    """

    left: Proportion
    diverged: Proportion
    n_alike: int
    max_commutation_error: float


def trained_risk(
    prompts: Sequence[Prompt],
    *,
    step_size: float,
    value: float,
    key_query: ArrayLike,
    batches: Batches,
    n_trainings: int = 100,
    progress: Progress | None = None,
) -> TrainedRisk:
    """Train the transformer many times, count the events, and compare with the prediction for the same
    batches.

    Training follows the definition of attention; `lintrans.minibatch.trained_escapes` is the
    compiled counterpart.

    Parameters
    ----------
    n_trainings
        Number of trainings; training i sees the batches of trajectory i.
    progress
        Called with the trainings done, their total number, and counts of what was found.
    prompts, step_size, value, key_query, batches
        As in `verify_batches`.

    Raises
    ------
    InputError, NoNormalFormError
        As `verify_batches`.
    """
    n_trainings = count("n_trainings", n_trainings)
    weights = TwoFactorWeights(value, np.asarray(key_query, dtype=np.float64))
    both = population, _ = Population.from_prompts(prompts), Problems(prompts, weights)
    if population.leaks:
        start: dict[str, Any] = {"step_size": step_size, "value": value, "key_query": key_query}
        predicted = trained_escapes(prompts, **start, batches=batches, n_trainings=n_trainings)
    else:
        state = population.mu(step_size), *population.project_weights(weights.value, weights.key_query)
        predicted = escape_times(population, *state, batches=batches, n_trajectories=n_trainings)
    trained, error = np.full((n_trainings, 2), kernels.NEVER), 0.0
    for i in range(n_trainings):
        run = _verify(*both, weights, step_size, batches, trajectory=i)
        trained[i] = _events(run)
        error = max(error, run.max_commutation_error)
        if progress:
            found = dict(zip(EVENTS, (trained[: i + 1] >= 0).sum(axis=0).tolist(), strict=True))
            progress(i + 1, n_trainings, found)
    left, diverged = (proportion(int(n), n_trainings) for n in (trained >= 0).sum(axis=0))
    alike = (trained == np.stack([predicted.left, predicted.diverged], axis=1)).all(axis=1)
    return TrainedRisk(left, diverged, int(alike.sum()), error)


def _events(run: BatchVerification) -> tuple[int, int]:
    """First state of a training outside the ellipse and first with |r| > 1e4; -1 for none."""
    mu = float(run.settings["mu"])
    with np.errstate(all="ignore"):
        a, b = normal_form.to_modes(mu, run.u, run.v)
        outside = normal_form.ellipse_level(mu, a, b) > 0 if mu < 2 else np.ones(a.size, bool)
        escaped = ~(np.abs(normal_form.residual(mu, a, b)) <= kernels.ESCAPED)
    left, diverged = (int(np.argmax(x)) if x.any() else kernels.NEVER for x in (outside, escaped))
    if diverged == kernels.NEVER and run.settings["overflowed"]:
        diverged = len(run.step)
    return left, diverged
