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

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from lintrans.errors import (
    InputError,
    check_history,
    count,
    finite,
    finite_array,
    frozen_array,
    positive,
    settle,
    short,
)

Array = NDArray[Any]
FloatArray = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class OrthogonalData:
    """Training samples ``(x_i, y_i)``, i = 1..n, with orthogonal inputs: arrays are copied and read-only.

    Attributes
    ----------
    inputs : (n, d) array
        The rows x_i, none of them 0; n <= d.
    labels : (n,) array
        The labels y_i, of any sign.

    Raises
    ------
    InputError
        If the shapes do not match, an entry is not finite, a row is 0, or two rows have a cosine above
        4 max(n, d) eps, i.e. are not orthogonal up to rounding.

    Examples
    --------
    >>> data = OrthogonalData([[3.0, 4.0], [-4.0, 3.0]], [1.0, 2.0])
    >>> data.n, data.d, data.squared_norms.tolist()
    (2, 2, [25.0, 25.0])
    """

    inputs: FloatArray
    labels: FloatArray

    def __post_init__(self) -> None:
        for name, ndim in (("inputs", 2), ("labels", 1)):
            settle(self, **{name: frozen_array(name, getattr(self, name), ndim)})
        if self.inputs.size == 0:
            raise InputError(
                f"inputs must have a row and a column, got shape {self.inputs.shape}; pass n, d >= 1"
            )
        if self.labels.size != self.n:
            raise InputError(
                f"labels must match the {self.n} rows of inputs, got {self.labels.size} labels; "
                "pass one label per row"
            )
        _check_orthogonal(self.inputs)

    @property
    def n(self) -> int:
        """Number of samples."""
        return len(self.inputs)

    @property
    def d(self) -> int:
        """Number of features."""
        return int(self.inputs.shape[1])

    @property
    def squared_norms(self) -> FloatArray:
        """Squares |x_i|^2, shape (n,)."""
        return np.asarray(np.square(self.inputs).sum(axis=1))

    @classmethod
    def random(
        cls, n: int, d: int, *, seed: int, norms: ArrayLike = 1.0, labels: ArrayLike = 1.0
    ) -> OrthogonalData:
        """Draw n orthogonal directions in R^d, uniformly (rows of a Haar-distributed rotation).

        Parameters
        ----------
        n, d : int
            Samples and features, n <= d <= 10000.
        seed : int
            Seed of ``numpy.random.default_rng``, at least 0.
        norms, labels : float or (n,) array
            Lengths |x_i| and labels y_i; `with_labels` sets labels that depend on the inputs.

        Raises
        ------
        InputError
            If n exceeds d, a norm is not positive, or an argument is out of range.

        Examples
        --------
        >>> data = OrthogonalData.random(2, 5, seed=1, norms=[1.0, 2.0])
        >>> (data.inputs @ data.inputs.T).round(12).tolist() == [[1.0, 0.0], [0.0, 4.0]]
        True
        """
        d = count("d", d, maximum=10_000)
        if count("n", n) > d:
            raise InputError(
                f"n must be at most d for orthogonal inputs, got n={n}, d={d}; raise d or lower n"
            )
        lengths, values = _one_per_sample("norms", norms, n), _one_per_sample("labels", labels, n)
        if (lengths <= 0).any():
            positive("norms", lengths[lengths <= 0][0])
        normal = np.random.default_rng(count("seed", seed, minimum=0)).standard_normal((d, n))
        columns, triangle = np.linalg.qr(normal)
        # Signs of the triangle's diagonal make the factorisation unique, and the directions uniform.
        return cls(lengths[:, None] * (columns * np.sign(np.diag(triangle))).T, values)

    def with_labels(self, labels: ArrayLike) -> OrthogonalData:
        """Return the same inputs with other labels, shape (n,), e.g. predictions of a teacher."""
        return replace(self, labels=finite_array("labels", labels, 1))


@dataclass(frozen=True, eq=False)
class QuadraticModel:
    """The function ``g(W; x) = sum_j [ (gamma_j / 2) (w_j . x)^2 + slope w_j . x ]`` of weights W (m, d).

    Attributes
    ----------
    gammas : (m,) array
        One nonzero coefficient per unit, twice its fixed outer weight: ``[gamma]`` is phase retrieval,
        ``[2 / sqrt(m)] * m`` a network with outer weights 1 / sqrt(m).
    slope : float
        Coefficient of the linear term; 0 for phase retrieval and quadratic activation.

    Raises
    ------
    InputError
        If a coefficient is 0 or not finite, or there is no unit.

    Examples
    --------
    >>> predictions([[2.0]], QuadraticModel([1.0, -1.0], slope=0.5), [[3.0], [1.0]]).item()  # 18 - 2 + 4
    20.0
    """

    gammas: FloatArray
    slope: float = 0.0

    def __post_init__(self) -> None:
        gammas = frozen_array("gammas", self.gammas, 1)
        settle(self, gammas=gammas, slope=finite("slope", self.slope))
        if gammas.size == 0 or (gammas == 0).any():
            raise InputError(
                f"gammas must hold one nonzero number per unit, got {short(gammas.tolist())}; "
                "leave out units of weight 0"
            )

    @property
    def n_units(self) -> int:
        """Number m of hidden units."""
        return self.gammas.size


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
        Keep the iterates; `lintrans.quadratic_regression.averages` needs them.

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


def _check_orthogonal(inputs: FloatArray) -> None:
    exponent = np.frexp(np.abs(inputs).max(axis=1))[1]
    scaled = np.ldexp(inputs, -exponent[:, None])  # squares stay in range
    lengths = np.linalg.norm(scaled, axis=1)
    if (lengths == 0).any():
        i = int(np.argmin(lengths))
        raise InputError(f"inputs must have no row of zeros, got one at inputs[{i}]; drop that sample")
    directions = scaled / lengths[:, None]
    cosines = np.abs(directions @ directions.T)
    np.fill_diagonal(cosines, 0.0)
    i, k = divmod(int(np.argmax(cosines)), len(inputs))
    if cosines[i, k] > 4 * max(inputs.shape) * np.finfo(np.float64).eps:
        raise InputError(
            f"inputs must be orthogonal to rounding, got a cosine of {cosines[i, k]:.3g} between rows {i} "
            f"and {k}; orthogonalise them, e.g. with np.linalg.qr"
        )


def _one_per_sample(name: str, value: ArrayLike, n: int) -> FloatArray:
    array = finite_array(name, value, np.ndim(value))
    if array.shape not in ((), (n,)):
        raise InputError(f"{name} must be a number or have shape ({n},), got shape {array.shape}; reshape it")
    return np.array(np.broadcast_to(array, (n,)))


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
