"""Linear self-attention in NumPy and its full gradient descent, literally from the definition.

    f(E) = E + P E (E^T K E) / n,   E = [[x_1 .. x_n, x_q], [y_1 .. y_n, 0]],
    prediction = f(E)[d, n],        loss = (prediction - y_q)^2 / 2.

The loss has the 1/2. This file is the oracle against which everything else is checked: it knows
nothing of the reduction, and all of it but `train` accepts complex weights, so that derivatives can be
taken by complex step. Overflow gives inf or NaN without a warning.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, TypeVar, overload

import numpy as np
from numpy.typing import ArrayLike, NDArray

from lintrans.errors import InputError, count, finite, finite_array, positive
from lintrans.prompt import Prompt

Array = NDArray[Any]
FloatArray = NDArray[np.float64]
MAX_HISTORY_BYTES = 2**30
N_BATCHES = 20


@dataclass(frozen=True, eq=False)
class TwoFactorWeights:
    """Weights ``P = diag(0, value)``, ``K = diag(key_query, 0)``: prediction = w <W, M>.

    Attributes
    ----------
    value : float
        The scalar w.
    key_query : (d, d) array
        The matrix W.

    Raises
    ------
    InputError
        If an entry is not finite or ``key_query`` is not square.
    """

    value: float
    key_query: Array

    def __post_init__(self) -> None:
        object.__setattr__(self, "value", _finite_scalar("value", self.value))
        object.__setattr__(self, "key_query", _square("key_query", self.key_query))

    @property
    def d(self) -> int:
        """Number of features the weights are for."""
        return len(self.key_query)

    def to_vector(self) -> Array:
        """Return all trainable numbers as one vector ``(w, W row by row)``."""
        return np.concatenate([[self.value], self.key_query.ravel()])

    @staticmethod
    def from_vector(vector: Array, d: int) -> TwoFactorWeights:
        """Invert `to_vector`."""
        return TwoFactorWeights(vector[0], vector[1:].reshape(d, d))

    @staticmethod
    def matrices(vector: Array, d: int) -> tuple[Array, Array]:
        """Return the (d+1, d+1) matrices P and K of a weight vector."""
        P = np.zeros((d + 1, d + 1), vector.dtype)
        K = np.zeros((d + 1, d + 1), vector.dtype)
        P[d, d] = vector[0]
        K[:d, :d] = vector[1:].reshape(d, d)
        return P, K

    @staticmethod
    def restrict(dP: Array, dK: Array) -> Array:
        """Return the entries of two gradient matrices that belong to trainable numbers."""
        return np.concatenate([dP[-1, -1:], dK[:-1, :-1].ravel()])


@dataclass(frozen=True, eq=False)
class FullWeights:
    """Unrestricted weights, all ``2 (d+1)^2`` numbers trainable.

    Attributes
    ----------
    P, K : (d+1, d+1) arrays
        Projection-value and key-query matrices.

    Raises
    ------
    InputError
        If an entry is not finite, or the two are not square of one size above 1.
    """

    P: Array
    K: Array

    def __post_init__(self) -> None:
        for name in ("P", "K"):
            object.__setattr__(self, name, _square(name, getattr(self, name)))
        if self.P.shape != self.K.shape or self.d < 1:
            raise InputError(
                f"P and K must both be (d+1, d+1) with d >= 1, got shapes {self.P.shape} and {self.K.shape}; "
                "pad the smaller one"
            )

    @property
    def d(self) -> int:
        """Number of features the weights are for."""
        return len(self.P) - 1

    def to_vector(self) -> Array:
        """Return all trainable numbers as one vector, P row by row and then K."""
        return np.concatenate([self.P.ravel(), self.K.ravel()])

    @staticmethod
    def from_vector(vector: Array, d: int) -> FullWeights:
        """Invert `to_vector`."""
        return FullWeights(*FullWeights.matrices(vector, d))

    @staticmethod
    def matrices(vector: Array, d: int) -> tuple[Array, Array]:
        """Return the (d+1, d+1) matrices P and K of a weight vector."""
        P, K = vector.reshape(2, d + 1, d + 1)
        return P, K

    @staticmethod
    def restrict(dP: Array, dK: Array) -> Array:
        """Return the entries of two gradient matrices that belong to trainable numbers: all."""
        return np.concatenate([dP.ravel(), dK.ravel()])


Weights = TypeVar("Weights", TwoFactorWeights, FullWeights)
AnyWeights = TwoFactorWeights | FullWeights


@dataclass(frozen=True, eq=False)
class TrainingRun:
    """Full-batch gradient descent, step 0 (the start) to step T = ``n_steps``.

    Attributes
    ----------
    predictions, losses : (T+1,) arrays
        In label units and their square, before the step of the same index; predictions are finite.
    n_steps : int
        Steps done: fewer than asked for when training overflowed.
    overflowed : bool
        True when the next weights or prediction would not have been finite.
    step_size : float
        The learning rate eta.
    """

    predictions: FloatArray
    losses: FloatArray
    n_steps: int
    overflowed: bool
    step_size: float


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
        Steps asked for, and how many of the first are left out of the mean.
    step_size : float
        The learning rate eta.
    """

    exponent: float
    standard_error: float
    n_steps: int
    n_discard: int
    step_size: float


def initial_weights(d: int, *, value: float, scale: float, seed: int) -> TwoFactorWeights:
    """Return two-factor weights ``w = value``, ``W = scale * N(0, 1) / sqrt(d)`` entry by entry.

    Parameters
    ----------
    d : int
        Number of features, at most 10000.
    value, scale : float
        Any finite numbers; with ``scale = 0`` only W moves in the first step.
    seed : int
        Of ``numpy.random.default_rng``, at least 0.

    Raises
    ------
    InputError
        If an argument is out of range.

    Examples
    --------
    >>> a, b = (initial_weights(2, value=0.5, scale=s, seed=1).key_query for s in (1.0, 2.0))
    >>> bool((b == 2 * a).all())
    True
    """
    d = count("d", d, maximum=10_000)
    scale = finite("scale", scale)
    normal = np.random.default_rng(count("seed", seed, minimum=0)).standard_normal((d, d))
    return TwoFactorWeights(finite("value", value), scale * normal / math.sqrt(d))


def embedding(prompt: Prompt) -> FloatArray:
    """Return E of shape (d+1, n+1): one token per column, the query last with label 0.

    Examples
    --------
    >>> embedding(Prompt.from_arrays([[1.0], [2.0]], [3.0, 4.0], [5.0], 6.0)).tolist()
    [[1.0, 2.0, 5.0], [3.0, 4.0, 0.0]]
    """
    E = np.zeros((prompt.d + 1, prompt.n + 1))
    E[:-1, :-1] = prompt.context.T
    E[-1, :-1] = prompt.labels
    E[:-1, -1] = prompt.query
    return E


def attention(E: ArrayLike, P: ArrayLike, K: ArrayLike, n: int) -> Array:
    """Return linear self-attention ``f(E) = E + P E (E^T K E) / n``, all (d+1, n+1) entries.

    Parameters
    ----------
    E : (d+1, m) array
        Tokens in columns; m = n + 1 for a prompt.
    P, K : (d+1, d+1) arrays
        Weights, real or complex.
    n : int
        The prompt length that divides.

    Raises
    ------
    InputError
        If the shapes do not match.

    Examples
    --------
    >>> attention([[1.0, 2.0], [3.0, 0.0]], [[0, 0], [0, 1]], [[1, 0], [0, 0]], 1)[1, 1].item()
    6.0
    """
    E, P, K = np.asarray(E), np.asarray(P), np.asarray(K)
    n = count("n", n)
    rows = E.shape[0] if E.ndim == 2 else 0
    if P.shape != (rows, rows) or K.shape != (rows, rows) or rows == 0:
        raise InputError(
            f"P and K must be square and match the rows of E, got shapes {P.shape}, {K.shape} and {E.shape}; "
            "pass (d+1, d+1) matrices and a (d+1, n+1) embedding"
        )
    with np.errstate(all="ignore"):
        result: Array = E + P @ E @ (E.T @ K @ E) / n
    return result


def prediction(prompt: Prompt, weights: AnyWeights) -> float:
    """Return the predicted query label ``f(E)[d, n]``; complex for complex weights.

    Only column n of f(E) is formed, so memory stays linear in n.

    Raises
    ------
    InputError
        If the weights are of another kind or for another number of features.

    Examples
    --------
    With one token ``x = y = 1`` and query 1 the prediction is ``w W``:

    >>> prompt = Prompt.from_arrays([[1.0]], [1.0], [1.0], 1.0)
    >>> prediction(prompt, TwoFactorWeights(2.0, [[3.0]]))
    6.0
    """
    predicted: float = _Problem(prompt, weights).evaluate(weights.to_vector())[0]
    return predicted


def loss(prompt: Prompt, weights: AnyWeights) -> float:
    """Return ``(prediction - y_q)^2 / 2``, in squared label units; complex for complex weights.

    Examples
    --------
    >>> prompt = Prompt.from_arrays([[1.0]], [1.0], [1.0], 1.0)
    >>> loss(prompt, TwoFactorWeights(2.0, [[3.0]]))
    12.5
    """
    residual = prediction(prompt, weights) - prompt.query_label
    with np.errstate(all="ignore"):
        half_square: float = (np.multiply(residual, residual) / 2).item()
    return half_square


def gradient(prompt: Prompt, weights: Weights) -> Weights:
    """Return the gradient of the loss, as weights of the same kind.

    Raises
    ------
    InputError
        If the gradient overflows, or the weights do not fit the prompt.

    Examples
    --------
    >>> prompt = Prompt.from_arrays([[1.0]], [1.0], [1.0], 1.0)
    >>> slope = gradient(prompt, TwoFactorWeights(2.0, [[3.0]]))  # (wW - 1) (W, w)
    >>> slope.value, slope.key_query.item()
    (15.0, 10.0)
    """
    slope = _Problem(prompt, weights).evaluate(weights.to_vector())[1]
    if not np.isfinite(slope).all():
        raise InputError("weights must give a finite gradient, got an overflow; pass smaller weights")
    return weights.from_vector(slope, prompt.d)


@overload
def train(prompt: Prompt, weights: TwoFactorWeights, *, step_size: float, n_steps: int) -> TwoFactorRun: ...
@overload
def train(prompt: Prompt, weights: FullWeights, *, step_size: float, n_steps: int) -> FullRun: ...
def train(prompt: Prompt, weights: AnyWeights, *, step_size: float, n_steps: int) -> TrainingRun:
    """Run full-batch gradient descent ``theta' = theta - eta grad loss(theta)``.

    Divergence is data: training stops before the first weight or prediction that is not finite, and
    the run says so.

    Parameters
    ----------
    prompt : Prompt
        The problem.
    weights : TwoFactorWeights or FullWeights
        The start; its kind decides which weights are trained.
    step_size : float
        The learning rate eta > 0 of the loss with the 1/2.
    n_steps : int
        Steps. Every state is kept: at most 1 GiB (``MAX_HISTORY_BYTES``), else lower it.

    Raises
    ------
    InputError
        If an argument is out of range, the history too large, or the start not finite.

    Examples
    --------
    One exact step, ``theta' = theta - 0.1 (wW - 1) (W, w)``:

    >>> prompt = Prompt.from_arrays([[1.0]], [1.0], [1.0], 1.0)
    >>> run = train(prompt, TwoFactorWeights(2.0, [[3.0]]), step_size=0.125, n_steps=1)
    >>> run.value.tolist(), run.key_query[:, 0, 0].tolist(), run.losses[0].item()
    ([2.0, 0.125], [3.0, 1.75], 12.5)
    """
    eta = positive("step_size", step_size)
    n_steps = count("n_steps", n_steps)
    problem = _Problem(prompt, weights)
    history, predictions, overflowed = _descend(problem, weights.to_vector(), eta, n_steps)
    with np.errstate(over="ignore"):
        losses = (predictions - prompt.query_label) ** 2 / 2
    settings = (predictions, losses, predictions.size - 1, overflowed, eta)
    d, states = prompt.d, predictions.size
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
        As in `train`.
    n_steps, n_discard : int
        Steps in all, and how many of the first to leave out (raise it where convergence is slow); at
        least 20 must remain.
    direction : weights of the same kind, optional
        The first tangent. Default: the gradient at the start or, where that is 0, equal entries. The
        default stays in the directions training moves in, so weights that never move, each with
        exponent 0, do not hide a negative exponent.

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
    problem = _Problem(prompt, weights)
    theta = weights.to_vector()
    tangent = problem.first_tangent(theta, direction)
    logs = _propagate(problem, theta, tangent, eta, n_steps)[n_discard:]
    with np.errstate(invalid="ignore"):
        exponent = float(logs.mean())
    error = math.nan
    if math.isfinite(exponent):
        means = [batch.mean() for batch in np.array_split(logs, N_BATCHES)]
        error = float(np.std(means, ddof=1) / math.sqrt(N_BATCHES))
    return TangentGrowth(exponent, error, n_steps, n_discard, eta)


class _Problem:
    """A prompt with one kind of weights: the loss as a function of a weight vector."""

    def __init__(self, prompt: Prompt, weights: AnyWeights) -> None:
        if not isinstance(prompt, Prompt):
            raise InputError(f"prompt must be a Prompt, got {type(prompt).__name__}; see Prompt.from_arrays")
        if not isinstance(weights, TwoFactorWeights | FullWeights):
            raise InputError(
                f"weights must be TwoFactorWeights or FullWeights, got {type(weights).__name__}; "
                "build them first"
            )
        if weights.d != prompt.d:
            raise InputError(
                f"weights must be for the {prompt.d} features of the prompt, got {weights.d}; "
                "pass matrices of that size"
            )
        self.kind = type(weights)
        self.E, self.n, self.d, self.label = embedding(prompt), prompt.n, prompt.d, prompt.query_label

    def evaluate(self, theta: Array) -> tuple[Any, Array]:
        """Return prediction and gradient of the loss."""
        P, K = self.kind.matrices(theta, self.d)
        with np.errstate(all="ignore"):
            predicted, dP, dK = _differentiate(self.E, P, K, self.n, self.label)
        return predicted, self.kind.restrict(dP, dK)

    def first_tangent(self, theta: Array, direction: AnyWeights | None) -> Array:
        """Return a unit vector: ``direction``, else the gradient, else equal entries."""
        if direction is not None:
            if type(direction) is not self.kind or direction.d != self.d:
                raise InputError(
                    f"direction must be {self.kind.__name__} for {self.d} features, got "
                    f"{type(direction).__name__}; build it like weights"
                )
            tangent = direction.to_vector()
            if not tangent.any():
                raise InputError("direction must not be 0, got 0 in every entry; change one, or omit it")
        else:
            tangent = self.evaluate(theta)[1]
            if not tangent.any() or not np.isfinite(tangent).all():
                tangent = np.ones_like(theta)
        # Divided twice: the norm alone would overflow for entries above 1e154.
        tangent = tangent / np.abs(tangent).max()
        unit: Array = tangent / np.linalg.norm(tangent)
        return unit


def _differentiate(E: Array, P: Array, K: Array, n: int, label: float) -> tuple[Any, Array, Array]:
    """Return the prediction f(E)[d, n] and the gradients of the loss with respect to P and K.

    With A = E^T K E, q = E[:, n] and the unit vector u of row d,

        prediction = u^T q + u^T P E A[:, n] / n,    A[:, n] = E^T K q,
        d prediction = u^T dP (E A[:, n]) / n + (E E^T P^T u)^T dK q / n.
    """
    query = E[:, n]
    projected = P[-1] @ E  # u^T P E
    scores = E.T @ (K @ query)  # A[:, n]
    predicted = (query[-1] + projected @ scores / n).item()
    factor = (predicted - label) / n
    dP = np.zeros_like(P)
    dP[-1] = factor * (E @ scores)
    dK = np.outer(factor * (E @ projected), query)
    return predicted, dP, dK


def _descend(
    problem: _Problem, theta: Array, eta: float, n_steps: int
) -> tuple[FloatArray, FloatArray, bool]:
    """Return weight history, predictions and whether the run was cut short; finite states only."""
    _check_history(n_steps, theta.size + 2)
    history, predictions = np.empty((n_steps + 1, theta.size)), np.empty(n_steps + 1)
    predicted, slope = problem.evaluate(_real_start(theta))
    if not math.isfinite(predicted):
        raise InputError(f"weights must give a finite prediction, got {predicted}; pass smaller weights")
    history[0], predictions[0] = theta, predicted
    with np.errstate(all="ignore"):
        for step in range(1, n_steps + 1):
            theta = theta - eta * slope
            predicted, slope = problem.evaluate(theta)
            if not (math.isfinite(predicted) and np.isfinite(theta).all()):
                return history[:step].copy(), predictions[:step].copy(), True
            history[step], predictions[step] = theta, predicted
    return history, predictions, False


def _propagate(problem: _Problem, theta: Array, tangent: Array, eta: float, n_steps: int) -> FloatArray:
    """Return the logarithmic growth of the tangent in every step; NaN from an overflow on."""
    _check_history(n_steps, 1)
    _real_start(theta), _real_start(tangent)
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


def _check_history(n_steps: int, numbers: int) -> None:
    size = 8 * (n_steps + 1) * numbers
    if size > MAX_HISTORY_BYTES:
        raise InputError(
            f"n_steps must keep the history below {MAX_HISTORY_BYTES / 2**30:g} GiB, got {n_steps} "
            f"({size / 2**30:.3g} GiB); lower n_steps to {MAX_HISTORY_BYTES // (8 * numbers) - 1} or less"
        )


def _real_start(theta: Array) -> Array:
    if np.iscomplexobj(theta):
        raise InputError("weights must be real in training, got complex ones; pass their real part")
    return theta


def _finite_scalar(name: str, value: Any) -> complex:
    """Return a finite float, or a complex number for a complex weight (complex step)."""
    if np.iscomplexobj(value):
        return complex(finite(name, value.real), finite(name, value.imag))
    return finite(name, value)


def _square(name: str, value: Any) -> Array:
    if np.iscomplexobj(value):
        array: Array = np.asarray(value)
        array = finite_array(name, array.real, 2) + 1j * finite_array(name, array.imag, 2)
    else:
        array = finite_array(name, value, 2).copy()
    if array.shape[0] != array.shape[1] or array.size == 0:
        raise InputError(f"{name} must be a square matrix, got shape {array.shape}; pass (rows, rows)")
    array.setflags(write=False)
    return array
