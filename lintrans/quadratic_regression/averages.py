"""The time-averaged predictor of quadratic regression, and the errors of iterates and average.

If training oscillates, no iterate is special, but the mean of their predictions over time settles. It is a
fixed quadratic function of the input, given by the means of sum_j gamma_j w_j w_j^T and of sum_j w_j.
Averaging over the trajectory is an idea of arXiv:2310.01687, understood here as the mean of predictions; the
map determines how large its error is. Derived in theory/09_quadratic_regression.py. Claims quadratic.average,
quadratic.bias, quadratic.two_cycle_average and quadratic.chebyshev_average.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from lintrans.errors import InputError, check_history, count, finite_array
from lintrans.quadratic_regression.descent import QuadraticRun, checked_inputs, predict

FloatArray = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class AveragedPredictor:
    """The mean over iterates of the predictions g(W_t; x), as a function of x.

        mean g(x) = x . S x / 2 + slope m . x,   S = mean sum_j gamma_j w_j w_j^T,   m = mean sum_j w_j

    It is not the prediction of the mean weights. At any inputs its squared error is the mean squared error of
    the iterates minus their variance, so it is never larger. Claim quadratic.average.

    Attributes
    ----------
    second_moment : (d, d) array
        S; NaN if the run overflowed.
    mean_weight : (d,) array
        m; NaN if the run overflowed.
    slope : float
        Coefficient of the linear term.
    n_iterates : int
        Number of iterates averaged; 0 if the run overflowed.
    """

    second_moment: FloatArray
    mean_weight: FloatArray
    slope: float
    n_iterates: int

    def predictions(self, inputs: ArrayLike) -> FloatArray:
        """Averaged predictions (k,) at inputs (k, d); NaN if the run overflowed."""
        X = checked_inputs(inputs, self.mean_weight.size)
        quadratic = np.einsum("kd,de,ke->k", X, self.second_moment, X) / 2
        return np.asarray(quadratic + self.slope * (X @ self.mean_weight))


@dataclass(frozen=True, eq=False)
class ErrorCurves:
    """Errors of the iterates and of their running average; squared errors halved, as in the loss.

    Attributes
    ----------
    steps : (k,) array
        Steps n_discard .. T.
    last : (k,) array
        Error of the iterate at that step.
    averaged : (k,) array
        Error of the average of the predictions from step n_discard to that step; NaN if the run overflowed.
    """

    steps: NDArray[np.int64]
    last: FloatArray
    averaged: FloatArray


def time_average(run: QuadraticRun, *, n_discard: int) -> AveragedPredictor:
    """Average the predictor over the iterates of a run, the first ``n_discard`` left out.

    Parameters
    ----------
    run : QuadraticRun
        Made with ``keep_weights=True``.
    n_discard : int
        Number of iterates to leave out, at most ``run.n_steps``; raise it if training settles slowly.

    Raises
    ------
    InputError
        If the iterates were not kept, or none would remain.

    Examples
    --------
    Steps 1 and 2 of the run have w = 1/2 and 19/32:

    >>> from lintrans.quadratic_regression import OrthogonalData, QuadraticModel, train
    >>> data, model = OrthogonalData([[1.0]], [1.0]), QuadraticModel([2.0])
    >>> run = train(data, model, [[2.0]], step_size=0.125, n_steps=2, keep_weights=True)
    >>> time_average(run, n_discard=1).predictions(data.inputs).item() == (0.5**2 + 0.59375**2) / 2
    True
    """
    W = _kept(run, n_discard)
    d = W.shape[2]
    if run.overflowed:
        return AveragedPredictor(np.full((d, d), np.nan), np.full(d, np.nan), run.model.slope, 0)
    moment = np.einsum("j,tjd,tje->de", run.model.gammas, W, W, optimize=True) / len(W)
    return AveragedPredictor(moment, W.sum(axis=1).mean(axis=0), run.model.slope, len(W))


def error_curves(run: QuadraticRun, inputs: ArrayLike, labels: ArrayLike, *, n_discard: int) -> ErrorCurves:
    """Return the error of every iterate, and of the running average of the predictions, on any samples.

    Pass the training samples for training errors, others for test errors. If training oscillates, the error
    of the iterates never settles; that of the average does, at a value that need not be small. Claims
    quadratic.average, quadratic.two_cycle_average and quadratic.chebyshev_average.

    Parameters
    ----------
    run : QuadraticRun
        Made with ``keep_weights=True``.
    inputs, labels : (k, d) and (k,) arrays
        The samples.
    n_discard : int
        Number of iterates to leave out of the average and of the curves; at most ``run.n_steps``.

    Raises
    ------
    InputError
        If the iterates were not kept, none would remain, or the shapes do not match.

    Examples
    --------
    >>> from lintrans.quadratic_regression import OrthogonalData, QuadraticModel, train
    >>> data, model = OrthogonalData([[1.0]], [1.0]), QuadraticModel([2.0])
    >>> run = train(data, model, [[2.0]], step_size=0.125, n_steps=1, keep_weights=True)
    >>> curves = error_curves(run, data.inputs, data.labels, n_discard=0)
    >>> curves.last.tolist(), curves.averaged.tolist()  # predictions 4 and 1/4, mean 2.125
    ([4.5, 0.28125], [4.5, 0.6328125])
    """
    W, targets = _kept(run, n_discard), finite_array("labels", labels, 1)
    X = checked_inputs(inputs, W.shape[2])
    if len(X) != targets.size or targets.size == 0:
        raise InputError(
            f"labels must match the rows of inputs, got {targets.size} labels and {len(X)} rows; "
            "pass one label per row"
        )
    check_history(len(W), 2 * targets.size)
    with np.errstate(over="ignore", invalid="ignore"):
        series = np.array([predict(X @ iterate.T, run.model) for iterate in W]).reshape(len(W), len(X))
        last = np.square(series - targets).mean(axis=1) / 2
        means = np.cumsum(series, axis=0) / np.arange(1, len(series) + 1)[:, None]
        averaged = np.square(means - targets).mean(axis=1) / 2
    steps = np.arange(run.n_steps + 1 - len(W), run.n_steps + 1)
    return ErrorCurves(steps, last, np.full(len(W), np.nan) if run.overflowed else averaged)


def _kept(run: QuadraticRun, n_discard: int) -> FloatArray:
    """Return the iterates to average; none if the run overflowed before ``n_discard``."""
    if run.weights is None:
        raise InputError("run must hold its iterates, got weights=None; train with keep_weights=True")
    n_discard = count("n_discard", n_discard, minimum=0)
    if n_discard > run.n_steps and not run.overflowed:
        raise InputError(
            f"n_discard must be at most the {run.n_steps} steps of the run, got {n_discard}; "
            "lower it or train longer"
        )
    return run.weights[n_discard:]
