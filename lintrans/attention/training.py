"""Full-batch gradient descent of the transformer, and the growth of a tangent along it.

    theta' = theta - eta grad loss(theta),   v' = v - eta Hess loss(theta) v

`train` can add weight decay, momentum and a schedule of step sizes to the first of the two.

With `lintrans.attention.transformer` this is the reference for all maps: the reduction appears nowhere in it.
Divergence is a result, not an error: a run ends with its last finite state, and an exponent is NaN.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import NamedTuple, overload

import numpy as np
from numpy.typing import ArrayLike, NDArray

from lintrans.attention.transformer import AnyWeights, Array, FullWeights, Problem, TwoFactorWeights, Weights
from lintrans.errors import InputError, check_history, count, finite, positive, step_schedule
from lintrans.prompts.prompt import Prompt

FloatArray = NDArray[np.float64]
N_BATCHES = 20  # batches of steps, for the standard error of an exponent


@dataclass(frozen=True, eq=False)
class TrainingRun:
    """Full-batch gradient descent, step 0 (the start) to step T = ``n_steps``.

    Attributes
    ----------
    predictions, losses : (T+1,) arrays
        Before the step of the same index; predictions are finite. In units of the label and of its square.
    n_steps : int
        Number of steps done; fewer than requested if training overflowed.
    overflowed : bool
        True if the next weights or the next prediction would not be finite.
    step_size, weight_decay, momentum : float
        The learning rate eta, the decay lambda and the momentum beta.
    schedule : (S,) array or None
        Relative step sizes as given to `train`.
    """

    predictions: FloatArray
    losses: FloatArray
    n_steps: int
    overflowed: bool
    step_size: float
    weight_decay: float
    momentum: float
    schedule: FloatArray | None


@dataclass(frozen=True, eq=False)
class TwoFactorRun(TrainingRun):
    """A training run with the histories ``value`` (T+1,) and ``key_query`` (T+1, d, d)."""

    value: FloatArray
    key_query: FloatArray


@dataclass(frozen=True, eq=False)
class FullRun(TrainingRun):
    """A training run with the histories ``P`` and ``K``, both (T+1, d+1, d+1)."""

    P: FloatArray
    K: FloatArray


@dataclass(frozen=True, eq=False)
class TangentGrowth:
    """Largest Lyapunov exponent of gradient descent seen from one tangent direction.

    Attributes
    ----------
    exponent : float
        Mean logarithmic growth per step; -inf if the tangent vanished exactly, NaN after an overflow.
    standard_error : float
        From the means of 20 consecutive batches of steps; NaN where ``exponent`` is not finite.
    n_steps, n_discard : int
        Number of steps, and how many of the first steps the mean leaves out.
    step_size : float
        The learning rate eta.
    """

    exponent: float
    standard_error: float
    n_steps: int
    n_discard: int
    step_size: float


@overload
def train(
    prompt: Prompt,
    weights: TwoFactorWeights,
    *,
    step_size: float,
    n_steps: int,
    weight_decay: float = ...,
    momentum: float = ...,
    schedule: ArrayLike | None = ...,
) -> TwoFactorRun: ...
@overload
def train(
    prompt: Prompt,
    weights: FullWeights,
    *,
    step_size: float,
    n_steps: int,
    weight_decay: float = ...,
    momentum: float = ...,
    schedule: ArrayLike | None = ...,
) -> FullRun: ...
def train(
    prompt: Prompt,
    weights: AnyWeights,
    *,
    step_size: float,
    n_steps: int,
    weight_decay: float = 0.0,
    momentum: float = 0.0,
    schedule: ArrayLike | None = None,
) -> TrainingRun:
    """Run full-batch gradient descent, plain or with weight decay, momentum and a schedule.

        theta_{t+1} = theta_t - eta s_t (grad loss(theta_t) + lambda theta_t) + beta (theta_t - theta_{t-1})

    from rest, ``theta_{-1} = theta_0``: Polyak's heavy ball, with L2 decay in the gradient. With constant s_t
    this is SGD of the usual libraries, without dampening and Nesterov's correction. Under a schedule they
    differ: here momentum keeps the last displacement unchanged; in PyTorch, where the step size multiplies
    the velocity, a new s_t also rescales the displacement, by s_t / s_{t-1}.

    Divergence is a result, not an error: training stops before the first weight or prediction that is not
    finite, and ``overflowed`` is set.

    Parameters
    ----------
    prompt : Prompt
        The problem.
    weights : TwoFactorWeights or FullWeights
        The start; its class decides which weights are trained.
    step_size : float
        The learning rate eta > 0 of the loss with the 1/2.
    n_steps : int
        Number of steps. Every state is kept, in at most 1 GiB; lower it if that is exceeded.
    weight_decay : float
        Decay lambda >= 0 of all trainable weights, in units of the Hessian. Raise it to pull the weights to
        0.
    momentum : float
        beta in [0, 1). A minimum is stable up to ``eta * sharpness = 2 (1 + beta)`` without decay.
    schedule : (S,) array, optional
        Relative step sizes s_t >= 0 for t = 0 .. S-1, then s_{S-1} forever: a warm-up, or a decay to a
        constant. Default: 1 at every step.

    Raises
    ------
    InputError
        If an argument is out of range, the history too large, or the start not finite.

    Examples
    --------
    One exact step, ``theta' = theta - 0.125 (wW - 1) (W, w)``:

    >>> prompt = Prompt.from_arrays([[1.0]], [1.0], [1.0], 1.0)
    >>> run = train(prompt, TwoFactorWeights(2.0, [[3.0]]), step_size=0.125, n_steps=1)
    >>> run.value.tolist(), run.key_query[:, 0, 0].tolist(), run.losses[0].item()
    ([2.0, 0.125], [3.0, 1.75], 12.5)

    From a minimum decay takes a quarter; then half of that is carried on while the gradient pulls back,
    ``0.75 - 0.125 (0.75 - 0.4375 * 0.75) - 0.5 * 0.25``:

    >>> options = {"weight_decay": 1.0, "momentum": 0.5, "schedule": [1.0, 0.5]}
    >>> run = train(prompt, TwoFactorWeights(1.0, [[1.0]]), step_size=0.25, n_steps=2, **options)
    >>> run.value.tolist()
    [1.0, 0.75, 0.572265625]
    """
    problem = Problem(prompt, weights)
    return train_problem(
        problem,
        weights,
        step_size=step_size,
        n_steps=n_steps,
        weight_decay=weight_decay,
        momentum=momentum,
        schedule=schedule,
    )


def train_problem(
    problem: Problem,
    weights: AnyWeights,
    *,
    step_size: float,
    n_steps: int,
    weight_decay: float = 0.0,
    momentum: float = 0.0,
    schedule: ArrayLike | None = None,
) -> TrainingRun:
    """Run `train` for any kind of attention."""
    rule = _Rule.of(step_size, weight_decay, momentum, schedule)
    n_steps = count("n_steps", n_steps)
    history, predictions, overflowed = _descend(problem, weights.to_vector(), rule, n_steps)
    with np.errstate(over="ignore"):
        losses = (predictions - problem.label) ** 2 / 2
    settings = (predictions, losses, predictions.size - 1, overflowed, *rule)
    d, states = problem.d, predictions.size
    if isinstance(weights, TwoFactorWeights):
        return TwoFactorRun(*settings, history[:, 0], history[:, 1:].reshape(states, d, d))
    pairs = history.reshape(states, 2, d + 1, d + 1)
    return FullRun(*settings, pairs[:, 0], pairs[:, 1])


def tangent_growth(
    prompt: Prompt,
    weights: Weights,
    *,
    step_size: float,
    n_steps: int,
    n_discard: int = 0,
    direction: Weights | None = None,
) -> TangentGrowth:
    """Measure the largest Lyapunov exponent of gradient descent by a tangent vector.

    The tangent ``v`` obeys ``v' = v - eta Hess v``; the product with the Hessian is the complex step
    ``Im grad(theta + i h v) / h``, exact to rounding. ``v`` is normalised after every step.

    Parameters
    ----------
    prompt, weights, step_size
        As in `lintrans.train`.
    n_steps, n_discard : int
        Number of steps, and how many of the first to leave out (raise it if convergence is slow); at least 20
        must remain.
    direction : weights of the same kind, optional
        The first tangent. Default: the gradient at the start, or equal entries if that is 0. The default
        stays in the directions in which training moves. So weights that never move, each with exponent 0, do
        not hide a negative exponent.

    Returns
    -------
    TangentGrowth
        Exponent in natural logarithms per step, and its standard error.

    Raises
    ------
    InputError
        If an argument is out of range, ``direction`` is 0, or the start is not finite.

    Examples
    --------
    At the saddle ``w = W = 0`` the largest multiplier is ``1 + eta``:

    >>> prompt = Prompt.from_arrays([[1.0]], [1.0], [1.0], 1.0)
    >>> growth = tangent_growth(prompt, TwoFactorWeights(0.0, [[0.0]]), step_size=1.0, n_steps=40)
    >>> abs(growth.exponent - math.log(2)) < 1e-14
    True
    """
    eta = positive("step_size", step_size)
    n_steps = count("n_steps", n_steps, minimum=N_BATCHES)
    n_discard = count("n_discard", n_discard, minimum=0, maximum=n_steps - N_BATCHES)
    problem = Problem(prompt, weights)
    theta = weights.to_vector()
    tangent = _first_tangent(problem, theta, direction)
    logs = _propagate(problem, theta, tangent, eta, n_steps)[n_discard:]
    with np.errstate(invalid="ignore"):
        exponent = float(logs.mean())
    error = math.nan
    if math.isfinite(exponent):
        means = [batch.mean() for batch in np.array_split(logs, N_BATCHES)]
        error = float(np.std(means, ddof=1) / math.sqrt(N_BATCHES))
    return TangentGrowth(exponent, error, n_steps, n_discard, eta)


def _first_tangent(problem: Problem, theta: Array, direction: AnyWeights | None) -> Array:
    """Return a unit vector: ``direction``, else the gradient, else equal entries."""
    if direction is not None:
        if type(direction) is not problem.kind or direction.d != problem.d:
            raise InputError(
                f"direction must be {problem.kind.__name__} for {problem.d} features, got "
                f"{type(direction).__name__}; build it like weights"
            )
        tangent = direction.to_vector()
        if not tangent.any():
            raise InputError("direction must not be 0, got 0 in every entry; change one, or omit it")
    else:
        tangent = problem.evaluate(theta)[1]
        if not tangent.any() or not np.isfinite(tangent).all():
            tangent = np.ones_like(theta)
    # Divided twice: the norm alone would overflow for entries above 1e154.
    tangent = tangent / np.abs(tangent).max()
    unit: Array = tangent / np.linalg.norm(tangent)
    return unit


class _Rule(NamedTuple):
    """The update of the weights: the options of `train`."""

    step_size: float
    weight_decay: float
    momentum: float
    schedule: FloatArray | None

    @staticmethod
    def of(step_size: float, weight_decay: float, momentum: float, schedule: ArrayLike | None) -> _Rule:
        """Check the options."""
        eta, decay = positive("step_size", step_size), finite("weight_decay", weight_decay)
        if decay < 0:
            raise InputError(f"weight_decay must be at least 0, got {decay}; pass 0 for none")
        beta = finite("momentum", momentum)
        if not 0 <= beta < 1:
            raise InputError(f"momentum must be at least 0 and below 1, got {beta}; pass 0 for none, or 0.9")
        return _Rule(eta, decay, beta, None if schedule is None else step_schedule(schedule))

    def next(self, t: int, theta: Array, previous: Array, slope: Array) -> Array:
        """Return the weights after step t. An option at 0 is left out: to add 0 may turn -0 into 0."""
        eta = self.step_size
        if self.schedule is not None:
            eta *= self.schedule[min(t, self.schedule.size - 1)]
        if self.weight_decay:
            slope = slope + self.weight_decay * theta
        stepped = theta - eta * slope
        return stepped + self.momentum * (theta - previous) if self.momentum else stepped


def _descend(
    problem: Problem, theta: Array, rule: _Rule, n_steps: int
) -> tuple[FloatArray, FloatArray, bool]:
    """Return weight history, predictions and whether the run was cut short; finite states only."""
    check_history(n_steps, theta.size + 2)
    _require_real(theta)
    history, predictions = np.empty((n_steps + 1, theta.size)), np.empty(n_steps + 1)
    predicted, slope = problem.evaluate(theta)
    if not math.isfinite(predicted):
        raise InputError(f"weights must give a finite prediction, got {predicted}; pass smaller weights")
    history[0], predictions[0] = theta, predicted
    previous = theta
    with np.errstate(all="ignore"):
        for step in range(1, n_steps + 1):
            theta, previous = rule.next(step - 1, theta, previous, slope), theta
            predicted, slope = problem.evaluate(theta)
            if not (math.isfinite(predicted) and np.isfinite(theta).all()):
                return history[:step].copy(), predictions[:step].copy(), True
            history[step], predictions[step] = theta, predicted
    return history, predictions, False


def _propagate(problem: Problem, theta: Array, tangent: Array, eta: float, n_steps: int) -> FloatArray:
    """Return the logarithmic growth of the tangent in every step; NaN from an overflow on."""
    check_history(n_steps, 1)
    _require_real(theta)
    _require_real(tangent)
    logs = np.full(n_steps, np.nan)
    # No difference is taken, so h may be so small that h^2 is lost against the weights.
    h = 1e-50 * (np.abs(theta).max() or 1.0)
    with np.errstate(all="ignore"):
        for step in range(n_steps):
            slope = problem.evaluate(theta + 1j * (h * tangent))[1]
            theta = theta - eta * slope.real
            tangent = tangent - eta * (slope.imag / h)
            growth = float(np.linalg.norm(tangent))
            if not (math.isfinite(growth) and np.isfinite(theta).all()):
                break
            if growth == 0.0:
                logs[step:] = -np.inf
                break
            logs[step] = math.log(growth)
            tangent /= growth
    return logs


def _require_real(theta: Array) -> None:
    if np.iscomplexobj(theta):
        raise InputError("weights must be real in training, got complex ones; pass their real part")
