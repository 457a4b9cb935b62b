"""Curvature of the training loss, and the curvature above which an optimiser is unstable.

Descent with step size eta is stable along a direction of curvature c > 0 up to an edge: c < 2/eta, with
heavy-ball momentum beta below 2 (1 + beta)/eta (claim variants.heavy_ball). Adam divides the step of every
weight by D = sqrt(v) + epsilon. While D stands still, Adam is stable as long as the largest eigenvalue of
D^-1/2 H D^-1/2 is below 2 (1 + beta_1)/((1 - beta_1) eta), which is 38/eta for beta_1 = 0.9 (claims
sandbox.edge and sandbox.preconditioned; Cohen et al., arXiv 2207.14484).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.sparse.linalg import LinearOperator, eigsh

from lintrans.errors import InputError, count, finite_array, positive
from lintrans.sandbox.hessian_products import point, products, products_at
from lintrans.sandbox.model import Model, Weights
from lintrans.sandbox.task import Task
from lintrans.sandbox.training import Training

FloatArray = NDArray[np.float64]

MAX_WHOLE = 400  # weights of which the whole Hessian is made; beyond it, Lanczos
LANCZOS_SEED = 0


def hessian(
    task: Task, model: Model, weights: Weights, sequences: ArrayLike, shares: ArrayLike | None = None
) -> FloatArray:
    """Whole Hessian of the mean cross entropy, (n_weights, n_weights) in the order of `Weights.flat`.

    Parameters
    ----------
    task, model, weights
        Where it is taken.
    sequences
        (n, L) tokens, the training sequences for example.
    shares
        How much each counts; equally if left out. Pass ``*distinct(sequences)`` to save time.

    Examples
    --------
    >>> from lintrans.sandbox.model import initial_weights
    >>> from lintrans.sandbox.task import distinct
    >>> task, model = Task(), Model()
    >>> found = hessian(task, model, initial_weights(task, model), *distinct(task.data(0).train))
    >>> found.shape, bool(abs(found - found.T).max() < 1e-14)
    ((198, 198), True)
    """
    return products(task, model, weights, np.eye(model.n_weights(task)), sequences, shares)


def sharpness(
    task: Task,
    model: Model,
    weights: Weights,
    sequences: ArrayLike,
    shares: ArrayLike | None = None,
    *,
    factors: ArrayLike | None = None,
    n: int = 1,
) -> FloatArray:
    """Largest eigenvalues of the Hessian, the largest first.

    Parameters
    ----------
    task, model, weights, sequences, shares
        As in `hessian`.
    factors
        F of every weight, (n_weights,), at least 0: eigenvalues of F^1/2 H F^1/2. These are the curvatures
        for an optimiser with step size F eta of each weight. Pass ``training.rates(task, model)`` if rates
        differ.
    n
        How many.

    Returns
    -------
    array
        (n,). Beyond 400 weights from Lanczos' method, to about 1e-8 relative.

    Raises
    ------
    InputError
        If the weights are not finite, or n or the factors are out of range.
    """
    size = model.n_weights(task)
    count("n", n, maximum=size if size <= MAX_WHOLE else size - 1)
    finite_array("weights", weights.flat, 1)
    roots = np.ones(size) if factors is None else np.sqrt(_factors("factors", factors, size))
    if size <= MAX_WHOLE:
        whole = hessian(task, model, weights, sequences, shares)
        return _eigenvalues(roots[:, None] * whole * roots)[:n]

    at = point(task, model, weights, sequences, shares)

    def apply(x: FloatArray) -> FloatArray:
        return np.asarray(roots * products_at(task, model, at, (roots * x.ravel())[None])[0])

    start = np.random.default_rng(LANCZOS_SEED).standard_normal(size)
    operator = LinearOperator((size, size), matvec=apply, dtype=np.float64)
    found = eigsh(operator, k=n, which="LA", v0=start, tol=1e-8, return_eigenvectors=False)
    return np.sort(found)[::-1]


def preconditioner(
    task: Task, model: Model, training: Training, second_moment: ArrayLike, n_steps: int
) -> FloatArray:
    """Factors by which Adam multiplies the step size of each weight: rate / (sqrt(v) + epsilon).

    Parameters
    ----------
    task, model, training
        Give rates by part, beta_2 and epsilon.
    second_moment
        Of the state, (n_weights,), as it is kept: its bias is corrected here.
    n_steps
        Steps done, at least 1.

    Raises
    ------
    InputError
        If the optimiser is not Adam.
    """
    if training.optimizer != "adam":
        raise InputError(f"optimizer must be adam, got {training.optimizer!r}; use sharpness for descent")
    moment = _factors("second_moment", second_moment, model.n_weights(task))
    steps = count("n_steps", n_steps)
    root = np.sqrt(moment / (1 - training.beta2**steps))
    return np.asarray(training.rates(task, model) / (root + training.epsilon))


def preconditioned_sharpness(
    task: Task,
    model: Model,
    weights: Weights,
    sequences: ArrayLike,
    shares: ArrayLike | None = None,
    *,
    training: Training,
    second_moment: ArrayLike,
    n_steps: int,
    n: int = 1,
) -> FloatArray:
    """Largest eigenvalues of D^-1/2 H D^-1/2, to be held against `edge`.

    Arguments are those of `sharpness` and of `preconditioner`.
    """
    factors = preconditioner(task, model, training, second_moment, n_steps)
    return sharpness(task, model, weights, sequences, shares, factors=factors, n=n)


def curvature_by_part(
    task: Task,
    model: Model,
    weights: Weights,
    sequences: ArrayLike,
    shares: ArrayLike | None = None,
    *,
    factors: ArrayLike | None = None,
) -> dict[str, float]:
    """Largest eigenvalue of the diagonal block of each part of the weights; arguments of `sharpness`.

    None is larger than the largest of the whole Hessian (Cauchy).

    Examples
    --------
    Without second layer W2 the loss does not depend on the first, W1 and b1:

    >>> from lintrans.sandbox.model import initial_weights
    >>> task, model = Task(), Model()
    >>> weights = initial_weights(task, model, scales={"down": 0.0})
    >>> found = curvature_by_part(task, model, weights, task.data(0).train)
    >>> found["up"], found["up_bias"], found["query"] != 0
    (0.0, 0.0, True)
    """
    roots = (
        np.ones(model.n_weights(task))
        if factors is None
        else np.sqrt(_factors("factors", factors, model.n_weights(task)))
    )
    whole = roots[:, None] * hessian(task, model, weights, sequences, shares) * roots
    return {part: float(_eigenvalues(whole[place, place])[0]) for part, place in model.places(task).items()}


def edge(training: Training, *, relative: float = 1.0) -> float:
    """Sharpness above which a frozen optimiser is unstable: of `sharpness` for SGD, preconditioned for Adam.

    Parameters
    ----------
    training
        Optimiser, rate and momentum. Weight decay and clipping are left out of account.
    relative
        Factor of the schedule at the step.

    Examples
    --------
    >>> edge(Training(optimizer="sgd", rate=0.1)), edge(Training(optimizer="sgd", rate=0.1, momentum=0.5))
    (20.0, 30.0)
    >>> round(edge(Training(rate=1.0)), 12)
    38.0
    """
    beta = training.momentum
    assert beta is not None
    rate = training.rate * positive("relative", relative)
    heavy_ball = 2 * (1 + beta) / rate
    return heavy_ball / (1 - beta) if training.optimizer == "adam" else heavy_ball


def _factors(name: str, given: ArrayLike, size: int) -> FloatArray:
    found = finite_array(name, given, 1)
    if len(found) != size:
        raise InputError(f"{name} must be {size} numbers, got {len(found)}; pass one for each weight")
    if (found < 0).any():
        raise InputError(f"{name} must be at least 0, got {found.min():g}; check where they are from")
    return found


def _eigenvalues(matrix: FloatArray) -> FloatArray:
    """Eigenvalues of a matrix that is symmetric but for rounding, the largest first."""
    return np.asarray(np.linalg.eigvalsh((matrix + matrix.T) / 2)[::-1], dtype=np.float64)
