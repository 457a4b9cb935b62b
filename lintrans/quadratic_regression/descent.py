"""Quadratic regression on orthogonal inputs, literally: model, loss, gradient, full gradient descent.

    g(W; x) = sum_j [ (gamma_j / 2) (w_j . x)^2 + slope w_j . x ],
    loss = (1 / 2n) sum_i (g(W; x_i) - y_i)^2,   x_i . x_k = 0 for i != k.

One unit is phase retrieval, several are a two-layer network with quadratic activation and fixed outer weights
gamma_j / 2. The loss has the 1/2. This is the setting of arXiv:2310.01687. Only its abstract was known here;
the scaling of the outer weights and the linear term are our interpretation.

Like ``lintrans.attention.transformer`` this is a reference that does not use the map;
`lintrans.quadratic_regression.modes` leads to the map. Weights may be complex, so that derivatives can be
taken by complex step. Divergence is a result, not an error: a run ends with its last finite state.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from lintrans.errors import (
    InputError,
    check_history,
    count,
    finite_array,
    positive,
)
from lintrans.quadratic_regression.problem import OrthogonalData, QuadraticModel

Array = NDArray[Any]
FloatArray = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class QuadraticRun:
    """Full-batch gradient descent, step 0 (the start) to step T = ``n_steps``.

    Attributes
    ----------
    model : QuadraticModel
        What was trained.
    predictions : (T+1, n) array
        g(W_t; x_i) in label units, before the step of the same index; finite.
    losses : (T+1,) array
        (1 / 2n) sum_i (prediction - y_i)^2; inf where the squares overflow.
    weights : (T+1, m, d) array or None
        The iterates W_t; None unless ``keep_weights`` was set.
    final_weights : (m, d) array
        The last finite iterate.
    n_steps : int
        Number of steps done; fewer than requested if training overflowed.
    overflowed : bool
        True if the next weights or predictions would not be finite.
    step_size : float
        The learning rate eta.
    """

    model: QuadraticModel
    predictions: FloatArray
    losses: FloatArray
    weights: FloatArray | None
    final_weights: FloatArray
    n_steps: int
    overflowed: bool
    step_size: float


def predictions(inputs: ArrayLike, model: QuadraticModel, weights: ArrayLike) -> Array:
    """Return g(W; x) at each row of ``inputs``, shape (k,); complex for complex weights.

    Parameters
    ----------
    inputs : (k, d) array
        Any inputs, orthogonal or not.
    model : QuadraticModel
        With m units.
    weights : (m, d) array
        One row per unit, real or complex.

    Raises
    ------
    InputError
        If the shapes do not match or an entry is not finite.

    Examples
    --------
    >>> predictions([[1.0, 0.0], [1.0, 2.0]], QuadraticModel([2.0]), [[3.0, -1.0]]).tolist()
    [9.0, 1.0]
    """
    W = _weights(model, weights)
    X = checked_inputs(inputs, W.shape[1])
    with np.errstate(all="ignore"):
        return predict(X @ W.T, model)


def loss(data: OrthogonalData, model: QuadraticModel, weights: ArrayLike) -> Any:
    """Return ``(1 / 2n) sum_i (g(W; x_i) - y_i)^2``, in squared label units; complex for complex weights.

    Examples
    --------
    >>> data = OrthogonalData([[1.0, 0.0], [0.0, 1.0]], [3.0, 2.0])
    >>> loss(data, QuadraticModel([2.0]), [[2.0, 1.0]])  # residuals 1 and -1
    0.5
    """
    residuals = predictions(data.inputs, model, weights) - data.labels
    with np.errstate(all="ignore"):
        return ((residuals * residuals).mean() / 2).item()


def gradient(data: OrthogonalData, model: QuadraticModel, weights: ArrayLike) -> Array:
    """Return the gradient of the loss, shape (m, d); complex for complex weights.

    Row j is ``(1/n) sum_i (g(W; x_i) - y_i) (gamma_j w_j . x_i + slope) x_i``.

    Raises
    ------
    InputError
        If the gradient overflows, or the weights do not fit the model and the data.

    Examples
    --------
    >>> data = OrthogonalData([[1.0, 0.0], [0.0, 1.0]], [3.0, 2.0])
    >>> gradient(data, QuadraticModel([2.0]), [[2.0, 1.0]]).tolist()
    [[2.0, -1.0]]
    """
    slope = evaluate(data, model, _weights_for(data, model, weights))[1]
    if not np.isfinite(slope).all():
        raise InputError("weights must give a finite gradient, got an overflow; pass smaller weights")
    return slope


def evaluate(data: OrthogonalData, model: QuadraticModel, W: Array) -> tuple[Array, Array]:
    """Return predictions (n,) and gradient (m, d) at unchecked weights; not finite after an overflow."""
    with np.errstate(all="ignore"):
        projections = data.inputs @ W.T  # (n, m)
        predicted = predict(projections, model)
        pull = (predicted - data.labels)[:, None] * (projections * model.gammas + model.slope)
        return predicted, np.asarray(pull.T @ data.inputs / data.n)


def train(
    data: OrthogonalData,
    model: QuadraticModel,
    weights: ArrayLike,
    *,
    step_size: float,
    n_steps: int,
    keep_weights: bool = False,
) -> QuadraticRun:
    """Run full-batch gradient descent ``W' = W - eta grad loss(W)``.

    Divergence is a result, not an error: training stops before the first weight or prediction that is not
    finite, and ``overflowed`` is set.

    Parameters
    ----------
    data, model
        The problem.
    weights : (m, d) array
        The start. Its part orthogonal to all inputs never moves. Claim quadratic.decoupled.
    step_size : float
        The learning rate eta > 0 of the loss with the 1/(2n).
    n_steps : int
        Number of steps. What is kept must stay below 1 GiB; lower it if that is exceeded.
    keep_weights : bool
        Keep the iterates; `lintrans.quadratic_regression.time_average` needs them.

    Raises
    ------
    InputError
        If an argument is out of range, the history too large, or the start not finite.

    Examples
    --------
    One exact step, w' = w - eta (w^2 - 1) 2 w at w = 2 (gamma = 2, y = 1):

    >>> data, model = OrthogonalData([[1.0]], [1.0]), QuadraticModel([2.0])
    >>> run = train(data, model, [[2.0]], step_size=0.125, n_steps=1)
    >>> run.predictions[:, 0].tolist(), run.losses.tolist()
    ([4.0, 0.25], [4.5, 0.28125])
    """
    eta, n_steps = positive("step_size", step_size), count("n_steps", n_steps)
    W = _weights_for(data, model, weights)
    if np.iscomplexobj(W):
        raise InputError("weights must be real in training, got complex ones; pass their real part")
    check_history(n_steps, data.n + 1 + keep_weights * W.size)
    predicted = np.empty((n_steps + 1, data.n))
    iterates = np.empty((n_steps + 1, *W.shape)) if keep_weights else None
    done, W = _descend(data, model, W, eta, predicted, iterates)
    with np.errstate(over="ignore"):
        losses = np.square(predicted[:done] - data.labels).mean(axis=1) / 2
    kept = None if iterates is None else iterates[:done]
    return QuadraticRun(model, predicted[:done], losses, kept, W, done - 1, done <= n_steps, eta)


def predict(projections: Array, model: QuadraticModel) -> Array:
    """Return predictions (k,) from the projections w_j . x of shape (k, m), unchecked."""
    quadratic = (projections * projections) @ (model.gammas / 2)
    return np.asarray(quadratic + model.slope * projections.sum(axis=1))


def _descend(
    data: OrthogonalData,
    model: QuadraticModel,
    W: Array,
    eta: float,
    predicted: FloatArray,
    iterates: FloatArray | None,
) -> tuple[int, FloatArray]:
    """Fill the histories; return the number of finite states and the last of them."""
    new, last = W, W
    for step in range(len(predicted)):
        now, slope = evaluate(data, model, new)
        if not (np.isfinite(now).all() and np.isfinite(new).all()):
            if step == 0:
                raise InputError(
                    "weights must give finite predictions, got an overflow; pass smaller weights"
                )
            return step, last
        predicted[step], last = now, new
        if iterates is not None:
            iterates[step] = new
        with np.errstate(all="ignore"):
            new = new - eta * slope
    return len(predicted), last


def checked_inputs(inputs: ArrayLike, d: int) -> FloatArray:
    """Return ``inputs`` as an array with d columns."""
    X = finite_array("inputs", inputs, 2)
    if X.shape[1] != d:
        raise InputError(
            f"inputs must have the {d} columns of the weights, got {X.shape[1]}; pass one column per feature"
        )
    return X


def _weights(model: QuadraticModel, weights: ArrayLike) -> Array:
    given: Array = np.asarray(weights)
    if np.iscomplexobj(given):
        W: Array = finite_array("weights", given.real, 2) + 1j * finite_array("weights", given.imag, 2)
    else:
        W = finite_array("weights", weights, 2)
    if len(W) != model.n_units:
        raise InputError(
            f"weights must have one row for each of the {model.n_units} units, got shape {W.shape}; "
            "pass an (m, d) array, for one unit w[None, :]"
        )
    return W


def _weights_for(data: OrthogonalData, model: QuadraticModel, weights: ArrayLike) -> Array:
    W = _weights(model, weights)
    if W.shape[1] != data.d:
        raise InputError(
            f"weights must have the {data.d} columns of the inputs, got {W.shape[1]}; "
            "pass one column per feature"
        )
    return W
