"""From a prompt, a step size and weights to the normal form (mu, u, v), and back.

The trained weights are P = diag(0, w) and K = diag(W, 0), the two-factor model. It predicts w <W, M> with M =
(1/n) sum_i y_i x_i x_q^T, a matrix of rank one and norm h. Gradient descent moves w, and W only along M. With
k = <W, M> / h and s = sqrt(|y_q| / h),

    u = w / s,   v = sign(y_q) k / s,   mu = eta h |y_q|

is the normal form for the loss (prediction - y_q)^2 / 2; derived in theory/01_reduction.py. Claims
reduction.any_size, reduction.prediction, reduction.direction and reduction.normal_form.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from lintrans.errors import InputError, NoNormalFormError, count, finite, finite_array, positive
from lintrans.prompts.prompt import Prompt
from lintrans.two_factor.balanced_slice import landmarks

FloatArray = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Mode:
    """The one direction of W in which training on a prompt moves, and the units along it.

    Claims reduction.direction and reduction.normal_form.

    Attributes
    ----------
    context_direction, query_direction : (d,) arrays
        Unit vectors whose outer product is M / h.
    weight_unit : float
        s = sqrt(|y_q| / h): w and k in units of s are u and (up to sign) v.
    label_sign : float
        Sign of y_q.
    unit_step_size : float
        The learning rate 1 / (h |y_q|) at which mu is 1.
    """

    context_direction: FloatArray
    query_direction: FloatArray
    weight_unit: float
    label_sign: float
    unit_step_size: float

    @classmethod
    def of(cls, prompt: Prompt) -> Mode:
        """Mode of a prompt.

        Raises
        ------
        NoNormalFormError
            If the query label or the context moment is zero; the message says which.
        """
        moment, query = prompt.context_moment, prompt.query
        _require_normal_form(prompt.query_label, moment, query)
        sizes = (_norm(moment), _norm(query), abs(prompt.query_label))
        weight_unit = math.sqrt(_product(sizes[2], 1 / sizes[0], 1 / sizes[1]))
        unit_step_size = _product(*(1 / size for size in sizes))
        if not (0 < unit_step_size < math.inf and 0 < weight_unit < math.inf):
            raise InputError(
                f"prompt must have h |y_q| in the range of float64, got 1/(h |y_q|) = {unit_step_size:g}; "
                "rescale the features or the labels"
            )
        return cls(
            context_direction=moment / sizes[0],
            query_direction=query / sizes[1],
            weight_unit=weight_unit,
            label_sign=math.copysign(1.0, prompt.query_label),
            unit_step_size=unit_step_size,
        )

    def project(self, value: ArrayLike, key_query: ArrayLike) -> tuple[FloatArray, FloatArray]:
        """State (u, v) of weights w (...) and W (..., d, d)."""
        along = (self.context_direction @ np.asarray(key_query)) @ self.query_direction
        u = np.asarray(value, dtype=np.float64) / self.weight_unit
        return u, np.asarray(self.label_sign * along / self.weight_unit + 0.0)  # no negative zero

    def frozen_part(self, key_query: ArrayLike) -> FloatArray:
        """W without its component along M, the part that training never changes; shape (..., d, d).

        Claim reduction.direction.
        """
        weights = np.asarray(key_query, dtype=np.float64)
        along = (self.context_direction @ weights) @ self.query_direction
        return np.asarray(weights - np.multiply.outer(along, self._direction))

    def weights(self, u: ArrayLike, v: ArrayLike, frozen: ArrayLike) -> tuple[FloatArray, FloatArray]:
        """Weights w (...) and W (..., d, d) of a state (u, v) and a frozen part; inverse of `project`."""
        along = self.label_sign * self.weight_unit * np.asarray(v, dtype=np.float64)
        value = self.weight_unit * np.asarray(u, dtype=np.float64)
        return value, np.asarray(frozen + np.multiply.outer(along, self._direction))

    @property
    def _direction(self) -> FloatArray:
        return np.outer(self.context_direction, self.query_direction)


@dataclass(frozen=True, eq=False)
class NormalForm:
    """A training problem in normal form: effective step size mu, state (u, v), and the way back.

    Claim reduction.normal_form.

    Attributes
    ----------
    mu : float
        Effective step size eta h |y_q|, dimensionless.
    u, v : float
        Start of training; the prediction is uv in units of y_q.
    step_size : float
        The learning rate eta itself, in units of 1 / (label^2 * feature^2).
    mode : Mode
        Direction and units.
    frozen : (d, d) array
        The part of W that training never changes.
    """

    mu: float
    u: float
    v: float
    step_size: float
    mode: Mode
    frozen: FloatArray

    def weights(self, u: ArrayLike, v: ArrayLike) -> tuple[FloatArray, FloatArray]:
        """Weights (w, W) of the transformer at the state (u, v)."""
        return self.mode.weights(u, v, self.frozen)


def reduce(prompt: Prompt, *, step_size: float, value: float, key_query: ArrayLike) -> NormalForm:
    """Reduce training of P = diag(0, w), K = diag(W, 0), the two-factor model, to its normal form.

    Without the 1/2 in the loss mu doubles. Claims reduction.normal_form and reduction.half.

    Parameters
    ----------
    prompt
        The regression problem, with d features.
    step_size
        Learning rate eta for the loss (prediction - y_q)^2 / 2; positive.
    value
        Initial w.
    key_query
        Initial W, shape (d, d).

    Raises
    ------
    NoNormalFormError
        If y_q or the context moment is zero; use `iterate_unnormalized` then.
    InputError
        If the step size is not positive or the shapes do not match.

    Examples
    --------
    >>> prompt = Prompt.from_arrays([[2.0]], [3.0], [1.0], -1.5)  # M = 6, h |y_q| = 9
    >>> nf = reduce(prompt, step_size=0.1, value=0.5, key_query=[[-0.5]])
    >>> round(nf.mu, 12), nf.u, nf.v
    (0.9, 1.0, 1.0)
    """
    step_size = positive("step_size", step_size)
    mode = Mode.of(prompt)
    weights = finite_array("key_query", key_query, 2)
    if weights.shape != (prompt.d, prompt.d):
        raise InputError(
            f"key_query must have shape {(prompt.d, prompt.d)} for this prompt, got {weights.shape}; "
            "one row and one column per feature"
        )
    mu = _product(step_size, 1 / mode.unit_step_size)
    if not 0 < mu < math.inf:
        raise InputError(f"step_size must give a finite mu > 0, got mu = {mu:g}; change its power of ten")
    u, v = mode.project(finite("value", value), weights)
    return NormalForm(mu, float(u), float(v), step_size, mode, mode.frozen_part(weights))


def critical_step_sizes(prompt: Prompt) -> dict[str, float]:
    """Learning rate at every landmark of mu, by name, in ascending order.

    It is for the two-factor model, in which P = diag(0, w) and K = diag(W, 0) are trained. Claim
    reduction.normal_form.

    Raises
    ------
    NoNormalFormError
        If y_q or the context moment is zero.

    Examples
    --------
    >>> prompt = Prompt.from_arrays([[2.0]], [3.0], [1.0], -1.5)  # h |y_q| = 9
    >>> critical_step_sizes(prompt)["stable"] * 9
    1.0
    """
    unit = Mode.of(prompt).unit_step_size
    return {name: mark.mu * unit for name, mark in landmarks().items()}


def iterate_unnormalized(
    prompt: Prompt, *, step_size: float, value: float, key_query: ArrayLike, n_steps: int
) -> tuple[FloatArray, FloatArray]:
    """Iterate the pair (w, k) itself; this also works for a zero label or a zero context moment.

        w' = w - eta h k (h w k - y_q),   k' = k - eta h w (h w k - y_q)

    With h > 0 it is the map of the normal form with the signed mu = eta h y_q. Claims reduction.closed,
    reduction.degenerate and reduction.signed.

    Returns
    -------
    w, k : (n_steps + 1,) arrays
        NaN or inf after an overflow. With h = 0 nothing moves, and k is 0 by convention.
    """
    step_size, n_steps = positive("step_size", step_size), count("n_steps", n_steps, minimum=0)
    moment, query = prompt.context_moment, prompt.query
    h = _norm(moment) * _norm(query)
    weights = finite_array("key_query", key_query, 2)
    w, k = np.empty(n_steps + 1), np.empty(n_steps + 1)
    w[0] = finite("value", value)
    k[0] = (moment / _norm(moment)) @ weights @ (query / _norm(query)) if h > 0 else 0.0
    with np.errstate(over="ignore", invalid="ignore"):
        for i in range(n_steps):
            push = step_size * h * (h * w[i] * k[i] - prompt.query_label)
            w[i + 1], k[i + 1] = w[i] - push * k[i], k[i] - push * w[i]
    return w, k


def _require_normal_form(label: float, moment: FloatArray, query: FloatArray) -> None:
    missing = []
    if label == 0:
        missing.append("the query label y_q is 0 (no target)")
    if not moment.any():
        missing.append("the context moment mean(y_i x_i) is 0")
    if not query.any():
        missing.append("the query x_q is 0, and with it the context moment M")
    if missing:
        raise NoNormalFormError(
            f"prompt must have a nonzero label and context moment, but {' and '.join(missing)}; "
            "use another prompt, or iterate_unnormalized"
        )


def _norm(vector: FloatArray) -> float:
    """Euclidean norm without overflow or underflow of the squares."""
    top = float(np.abs(vector).max())
    return top * float(np.linalg.norm(vector / top)) if top > 0 else 0.0


def _product(*factors: float) -> float:
    """Product whose partial products may leave the range of float64; inf if the whole does."""
    mantissa, exponent = 1.0, 0
    for factor in factors:
        part, shift = math.frexp(factor)
        mantissa, exponent = mantissa * part, exponent + shift
    try:
        return math.ldexp(mantissa, exponent)
    except OverflowError:
        return math.inf
