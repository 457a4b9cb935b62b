"""Linear self-attention in NumPy, its loss and its gradient, literally from the definition.

    f(E) = E + P E (E^T K E) / n,   E = [[x_1 .. x_n, x_q], [y_1 .. y_n, 0]],
    prediction = f(E)[d, n],        loss = (prediction - y_q)^2 / 2.

The loss has the 1/2. With `lintrans.attention.training` this is the reference against which everything else
is checked: it contains no reduction. All functions accept complex weights, so that derivatives can be taken
by complex step. Overflow gives inf or NaN without a warning.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, TypeVar

import numpy as np
from numpy.typing import ArrayLike, NDArray

from lintrans.errors import InputError, count, finite, finite_array, read_only, settle
from lintrans.prompts.prompt import Prompt

Array = NDArray[Any]
FloatArray = NDArray[np.float64]


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
        settle(
            self, value=_finite_scalar("value", self.value), key_query=_square("key_query", self.key_query)
        )

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
    """Unrestricted weights: all ``2 (d+1)^2`` numbers are trained.

    Attributes
    ----------
    P, K : (d+1, d+1) arrays
        Projection-value and key-query matrices.

    Raises
    ------
    InputError
        If an entry is not finite, or the two are not square matrices of the same size above 1.
    """

    P: Array
    K: Array

    def __post_init__(self) -> None:
        for name in ("P", "K"):
            settle(self, **{name: _square(name, getattr(self, name))})
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


def initial_weights(d: int, *, value: float, scale: float, seed: int) -> TwoFactorWeights:
    """Return two-factor weights ``w = value``, ``W = scale * N(0, 1) / sqrt(d)`` entry by entry.

    Parameters
    ----------
    d : int
        Number of features, at most 10000.
    value, scale : float
        Any finite numbers; with ``scale = 0`` only W moves in the first step.
    seed : int
        Seed of ``numpy.random.default_rng``, at least 0.

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
        The prompt length, by which the sum is divided.

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
    predicted: float = Problem(prompt, weights).evaluate(weights.to_vector())[0]
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
    slope = Problem(prompt, weights).evaluate(weights.to_vector())[1]
    if not np.isfinite(slope).all():
        raise InputError("weights must give a finite gradient, got an overflow; pass smaller weights")
    return weights.from_vector(slope, prompt.d)


class Problem:
    """A prompt and a kind of weights: the loss as a function of a weight vector.

    Raises
    ------
    InputError
        If the weights are of another kind or for another number of features.
    """

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
        """Return prediction and gradient of the loss at a weight vector, real or complex."""
        P, K = self.kind.matrices(theta, self.d)
        with np.errstate(all="ignore"):
            predicted, dP, dK = self.differentiate(P, K)
        return predicted, self.kind.restrict(dP, dK)

    def differentiate(self, P: Array, K: Array) -> tuple[Any, Array, Array]:
        """Return the prediction and the gradients of the loss with respect to P and K."""
        return differentiate(self.E, P, K, self.n, self.label)


def differentiate(E: Array, P: Array, K: Array, n: int, label: float) -> tuple[Any, Array, Array]:
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
    return read_only(array)
