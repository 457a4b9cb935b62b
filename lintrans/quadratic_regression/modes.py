"""From quadratic regression on orthogonal inputs to one normal form per sample, and back.

With all ``|gamma_j| = gamma`` and targets t_i = y_i + slope^2 sum_j 1 / (2 gamma_j), the shifted
projections p_ij = w_j . x_i + slope / gamma_j of different samples decouple under gradient descent of
(1 / 2n) sum_i (g(W; x_i) - y_i)^2:

    mu_i = eta gamma |x_i|^2 |t_i| / n,   a_i^2, b_i^2 = (eta gamma^2 |x_i|^2 / 2n) sum p_ij^2

over the units whose gamma_j has the sign of t_i (a) and the others (b) obey a' = (1 - r) a, b' = (1 + r) b
with r = a^2 - b^2 - mu, up to signs: the two-factor map of the transformer. With gammas of one sign b = 0,
its balanced slice. Derived in theory/09_quadratic_regression.py. Claims quadratic.decoupled,
quadratic.residual and quadratic.plane.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from lintrans.errors import InputError, NoNormalFormError, finite_array, positive
from lintrans.quadratic_regression.problem import OrthogonalData, QuadraticModel
from lintrans.two_factor import normal_form
from lintrans.two_factor.balanced_slice import landmarks

FloatArray = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class SampleModes:
    """The two-factor map of every sample at one step size. Claims quadratic.residual and quadratic.plane.

    Attributes
    ----------
    data, model
        The problem.
    step_size : float
        Learning rate eta of the loss with the 1/(2n).
    mus : (n,) array
        Effective step size mu_i of every sample, positive.
    signs : (n,) array
        Signs of the targets t_i: the units with this sign form the mode a of the sample.

    Examples
    --------
    Phase retrieval, gamma = 2 and |x| = 1: mu_i = eta 2 y_i / n.

    >>> data = OrthogonalData([[1.0, 0.0], [0.0, 1.0]], [1.0, 3.0])
    >>> sample = SampleModes.of(data, QuadraticModel([2.0]), step_size=0.5)
    >>> sample.mus.tolist()
    [0.5, 1.5]
    >>> a, b = sample.project([[1.0, 0.0]])  # w . x_1 = 1 is a minimum, a^2 = mu
    >>> (a**2).round(12).tolist(), b.tolist()
    ([0.5, 0.0], [0.0, 0.0])
    """

    data: OrthogonalData
    model: QuadraticModel
    step_size: float
    mus: FloatArray
    signs: FloatArray

    @classmethod
    def of(cls, data: OrthogonalData, model: QuadraticModel, *, step_size: float) -> SampleModes:
        """Reduce a problem at learning rate ``step_size``; without the 1/2 in the loss mu doubles.

        Claim quadratic.half.

        Raises
        ------
        NoNormalFormError
            If a target t_i is 0 or no unit has its sign: with gamma_j > 0 and no slope labels must be
            positive.
        InputError
            If the gammas differ in size, the shapes do not match, or a mu leaves the range of float64.
        """
        eta = positive("step_size", step_size)
        units, signs = _unit_step_sizes(data, model)
        with np.errstate(over="ignore"):
            mus = eta / units
        if not ((mus > 0) & (mus < np.inf)).all():
            raise InputError(
                f"step_size must give finite mu > 0, got mu between {mus.min():g} and {mus.max():g}; "
                "change its power of ten"
            )
        return cls(data, model, eta, mus, signs)

    def project(self, weights: ArrayLike) -> tuple[FloatArray, FloatArray]:
        """Sizes a, b (..., n) of the two modes of every sample, from weights (..., m, d); never negative.

        The sign of a is lost, but neither the loss nor the regime depends on it. Claim quadratic.plane.
        """
        squares = np.square(self._shifted(weights))
        same = np.sign(self.model.gammas)[:, None] == self.signs
        return (
            self._scale * np.sqrt(np.where(same, squares, 0.0).sum(axis=-2)),
            self._scale * np.sqrt(np.where(same, 0.0, squares).sum(axis=-2)),
        )

    def normal_form(self, weights: ArrayLike) -> tuple[FloatArray, FloatArray]:
        """Start (u, v) of every sample, each (..., n): with ``mus`` the arguments of `lintrans.regime`.

        Claims quadratic.plane and modes.step.
        """
        return normal_form.from_modes(self.mus, *self.project(weights))

    def residual(self, predictions: ArrayLike) -> FloatArray:
        """Residual r_i = eta gamma |x_i|^2 sgn(t_i) (prediction_i - y_i) / n, from predictions (..., n).

        With gammas of one sign r' = r^3 + (mu - 2) r^2 + (1 - 2 mu) r. Claim quadratic.residual.
        """
        with np.errstate(over="ignore", invalid="ignore"):
            error = np.asarray(predictions, dtype=np.float64) - self.data.labels
            return np.asarray(self.mus * error / self._targets * self.signs)

    def weights(self, a: ArrayLike, b: ArrayLike = 0.0) -> FloatArray:
        """Weights (m, d) with given modes, shared equally among the units of each; the inverse of `project`.

        They lie in the span of the inputs.

        Parameters
        ----------
        a, b : float or (n,) array
            Modes of the samples; a is sqrt(1 + mu/2) at the start whose loss rises first.

        Raises
        ------
        InputError
            If a mode is not 0 that no unit carries.

        Examples
        --------
        >>> data = OrthogonalData([[1.0, 0.0], [0.0, 1.0]], [1.0, 3.0])
        >>> sample = SampleModes.of(data, QuadraticModel([2.0, 2.0]), step_size=0.5)
        >>> sample.project(sample.weights([0.25, 0.5]))[0].round(12).tolist()
        [0.25, 0.5]
        """
        same = np.sign(self.model.gammas)[:, None] == self.signs  # (m, n)
        projections = np.zeros(same.shape)
        for name, value, carried in (("a", a, same), ("b", b, ~same)):
            modes = np.broadcast_to(finite_array(name, value, np.ndim(value)), self.mus.shape)
            units = carried.sum(axis=0)
            if (modes[units == 0] != 0).any():
                raise InputError(
                    f"{name} must be 0 where no unit carries it, got up to {np.abs(modes).max():g}; "
                    "add a unit of the other sign"
                )
            projections += np.where(carried, modes / self._scale / np.sqrt(np.maximum(units, 1)), 0.0)
        offsets = self.model.slope / self.model.gammas[:, None]
        return np.asarray((projections - offsets) / self.data.squared_norms @ self.data.inputs)

    def _shifted(self, weights: ArrayLike) -> FloatArray:
        """Shifted projections p_ij, shape (..., m, n)."""
        W = np.asarray(weights, dtype=np.float64)
        if W.shape[-2:] != (self.model.n_units, self.data.d):
            raise InputError(
                f"weights must have shape (..., {self.model.n_units}, {self.data.d}), got {W.shape}; "
                "one row per unit, one column per feature"
            )
        return np.asarray(W @ self.data.inputs.T + self.model.slope / self.model.gammas[:, None])

    @property
    def _targets(self) -> FloatArray:
        return np.asarray(np.abs(_shifted_labels(self.data, self.model)))

    @property
    def _scale(self) -> FloatArray:
        """The factor gamma |x_i| sqrt(eta / 2n) from projections to modes, as sqrt(mu gamma / 2|t|)."""
        return np.asarray(np.sqrt(self.mus / self._targets * np.abs(self.model.gammas[0]) / 2))


def landmark_step_sizes(data: OrthogonalData, model: QuadraticModel) -> dict[str, FloatArray]:
    """Learning rate (n,) at every landmark of mu for every sample, by name, in ascending order of mu.

    The smallest over the samples is where training as a whole passes the landmark first: from starts with
    all a^2 <= 2 + mu the loss stays bounded up to ``landmark_step_sizes(...)["chebyshev"].min()``. Claims
    quadratic.residual and slice.bounded.

    Raises
    ------
    NoNormalFormError, InputError
        As `SampleModes.of`.

    Examples
    --------
    >>> data = OrthogonalData([[1.0, 0.0], [0.0, 1.0]], [1.0, 4.0])
    >>> landmark_step_sizes(data, QuadraticModel([2.0]))["chebyshev"].tolist()
    [2.0, 0.5]
    """
    units, _ = _unit_step_sizes(data, model)
    return {name: mark.mu * units for name, mark in landmarks().items()}


def _unit_step_sizes(data: OrthogonalData, model: QuadraticModel) -> tuple[FloatArray, FloatArray]:
    """Learning rate n / (gamma |x_i|^2 |t_i|) at which mu_i is 1, and the sign of t_i, each (n,)."""
    sizes = np.abs(model.gammas)
    if np.ptp(sizes) > 8 * np.finfo(np.float64).eps * sizes.max():
        raise InputError(
            f"gammas must have one size for the reduction, got {model.gammas.tolist()}; "
            "train with them as they are, or use gammas that differ in sign only"
        )
    targets = _shifted_labels(data, model)
    signs = np.sign(targets)
    stuck = np.flatnonzero(~np.isin(signs, np.sign(model.gammas)))
    if stuck.size:
        i = int(stuck[0])
        raise NoNormalFormError(
            "labels must have a target label + slope^2 sum_j 1/(2 gamma_j) with the sign of a gamma, got "
            f"{targets[i]:g} for labels[{i}]={data.labels[i]:g}; drop it, or add a unit of the other sign"
        )
    with np.errstate(over="ignore", divide="ignore"):
        units = data.n / (sizes[0] * data.squared_norms * np.abs(targets))
    if not ((units > 0) & (units < np.inf)).all():
        raise InputError(
            f"data must have gamma |x|^2 |label| in the range of float64, got step sizes of mu = 1 between "
            f"{units.min():g} and {units.max():g}; rescale inputs or labels"
        )
    return units, signs


def _shifted_labels(data: OrthogonalData, model: QuadraticModel) -> FloatArray:
    """Targets t_i = y_i + slope^2 sum_j 1/(2 gamma_j)."""
    return np.asarray(data.labels + model.slope**2 * (0.5 / model.gammas).sum())
