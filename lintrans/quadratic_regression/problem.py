"""Orthogonal data and the quadratic model that is trained on them."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from lintrans.errors import (
    InputError,
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
    >>> from lintrans.quadratic_regression import predictions
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
