"""Softmax attention in NumPy, its loss, its gradient and gradient descent, literally from the definition.

    f(E) = E + P E S,   S[j, t] = exp(A[j, t] / T) / sum_i exp(A[i, t] / T),   A = E^T K E,
    prediction = f(E)[d, n],   loss = (prediction - y_q)^2 / 2.

The sum runs over the n context tokens, and the row of the query in S is 0: no token attends to the query. So
zero scores give the mean over the context, like the factor 1/n of linear attention.

Two relations to linear attention. With centred labels, small scores give linear attention with weights
W / T: the scores enter relative to their mean, and sum_i y_i = 0 removes the mean. And a temperature T is
the query x_q / T at temperature 1, for weights ``P = diag(0, w)``, ``K = diag(W, 0)``.

Like ``lintrans.attention.transformer`` this is a reference: it contains no reduction, accepts complex
weights, and overflows without a warning.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, overload

import numpy as np
from numpy.typing import ArrayLike

from lintrans.attention.training import FullRun, TrainingRun, TwoFactorRun, train_problem
from lintrans.attention.transformer import AnyWeights, Array, FullWeights, Problem, TwoFactorWeights, Weights
from lintrans.errors import InputError, count, positive
from lintrans.prompts.prompt import Prompt


@dataclass(frozen=True, eq=False)
class SoftmaxTwoFactorRun(TwoFactorRun):
    """A ``TwoFactorRun`` of softmax attention, with its ``temperature``."""

    temperature: float


@dataclass(frozen=True, eq=False)
class SoftmaxFullRun(FullRun):
    """A ``FullRun`` of softmax attention, with its ``temperature``."""

    temperature: float


def softmax(scores: ArrayLike) -> Array:
    """Return ``exp(scores) / sum(exp(scores))`` over axis 0.

    The largest real part is subtracted first, so scores may be large; they may be complex, for a complex
    step.

    Examples
    --------
    >>> softmax([1000.0, 1000.0]).tolist()
    [0.5, 0.5]
    """
    scores = np.asarray(scores)
    with np.errstate(all="ignore"):
        powers = np.exp(scores - scores.real.max(axis=0))
        shares: Array = powers / powers.sum(axis=0)
    return shares


def softmax_attention(E: ArrayLike, P: ArrayLike, K: ArrayLike, n: int, temperature: float) -> Array:
    """Return softmax attention ``f(E) = E + P E S``, all (d+1, m) entries.

    Parameters
    ----------
    E : (d+1, m) array
        Tokens in columns; m = n + 1 for a prompt.
    P, K : (d+1, d+1) arrays
        Weights, real or complex.
    n : int
        Number of tokens that are attended to, the first ones; at most m.
    temperature : float
        T > 0, in units of the scores. Lower it to concentrate attention on few tokens.

    Raises
    ------
    InputError
        If an argument is out of range or the shapes do not match.

    Examples
    --------
    Zero scores give the mean label of the two context tokens, 4:

    >>> E = [[1.0, 2.0, 5.0], [3.0, 5.0, 0.0]]
    >>> softmax_attention(E, [[0, 0], [0, 1]], [[0, 0], [0, 0]], 2, 1.0)[1].tolist()
    [7.0, 9.0, 4.0]
    """
    E, P, K = np.asarray(E), np.asarray(P), np.asarray(K)
    temperature, n = positive("temperature", temperature), count("n", n)
    rows, tokens = E.shape if E.ndim == 2 else (0, 0)
    if P.shape != (rows, rows) or K.shape != (rows, rows) or n > tokens or rows == 0:
        raise InputError(
            f"P and K must be square and match the rows of E, and n its columns, got shapes {P.shape}, "
            f"{K.shape}, {E.shape} and n = {n}; pass (d+1, d+1) matrices and a (d+1, n+1) embedding"
        )
    with np.errstate(all="ignore"):
        context = E[:, :n]
        result: Array = E + P @ context @ softmax(context.T @ K @ E / temperature)
    return result


def attention_weights(prompt: Prompt, weights: AnyWeights, *, temperature: float) -> Array:
    """Return how the query attends to the context: (n,) numbers that sum to 1, column n of S.

    Raises
    ------
    InputError
        If the temperature is not positive or the weights do not fit the prompt.

    Examples
    --------
    >>> prompt = Prompt.from_arrays([[1.0], [2.0]], [0.0, 1.0], [1.0], 1.0)
    >>> attention_weights(prompt, TwoFactorWeights(1.0, [[0.0]]), temperature=1.0).tolist()
    [0.5, 0.5]
    """
    problem = SoftmaxProblem(prompt, weights, temperature)
    _, K = problem.kind.matrices(weights.to_vector(), prompt.d)
    with np.errstate(all="ignore"):
        return softmax(_query_scores(problem.E, K, problem.n, problem.temperature))


def softmax_prediction(prompt: Prompt, weights: AnyWeights, *, temperature: float) -> float:
    """Return the predicted query label ``f(E)[d, n]``; complex for complex weights.

    Raises
    ------
    InputError
        If the temperature is not positive or the weights do not fit the prompt.

    Examples
    --------
    Scores 0 and ln 3 share 1 : 3, so the labels 0 and 1 average to 3/4:

    >>> prompt = Prompt.from_arrays([[0.0], [1.0]], [0.0, 1.0], [1.0], 1.0)
    >>> round(softmax_prediction(prompt, TwoFactorWeights(2.0, [[np.log(3)]]), temperature=1.0), 12)
    1.5
    """
    predicted: float = SoftmaxProblem(prompt, weights, temperature).evaluate(weights.to_vector())[0]
    return predicted


def softmax_loss(prompt: Prompt, weights: AnyWeights, *, temperature: float) -> float:
    """Return ``(prediction - y_q)^2 / 2``, in squared label units; complex for complex weights.

    Examples
    --------
    >>> prompt = Prompt.from_arrays([[1.0], [2.0]], [0.0, 1.0], [1.0], 3.0)
    >>> softmax_loss(prompt, TwoFactorWeights(2.0, [[0.0]]), temperature=1.0)
    2.0
    """
    residual = softmax_prediction(prompt, weights, temperature=temperature) - prompt.query_label
    with np.errstate(all="ignore"):
        half_square: float = (np.multiply(residual, residual) / 2).item()
    return half_square


def softmax_gradient(prompt: Prompt, weights: Weights, *, temperature: float) -> Weights:
    """Return the gradient of the loss, as weights of the same kind.

    Raises
    ------
    InputError
        If the gradient overflows, the temperature is not positive or the weights do not fit the prompt.

    Examples
    --------
    Equal shares p of the labels 0 and 1: with residual -1/2, dw = -1/2 * 1/2 and, the variance of the label
    being the covariance with x, dW = -1/2 * 1 * 1/4:

    >>> prompt = Prompt.from_arrays([[0.0], [1.0]], [0.0, 1.0], [1.0], 1.0)
    >>> slope = softmax_gradient(prompt, TwoFactorWeights(1.0, [[0.0]]), temperature=1.0)
    >>> slope.value, slope.key_query.item()
    (-0.25, -0.125)
    """
    slope = SoftmaxProblem(prompt, weights, temperature).evaluate(weights.to_vector())[1]
    if not np.isfinite(slope).all():
        raise InputError("weights must give a finite gradient, got an overflow; pass smaller weights")
    return weights.from_vector(slope, prompt.d)


@overload
def train_softmax(
    prompt: Prompt, weights: TwoFactorWeights, *, temperature: float, step_size: float, n_steps: int
) -> SoftmaxTwoFactorRun: ...
@overload
def train_softmax(
    prompt: Prompt, weights: FullWeights, *, temperature: float, step_size: float, n_steps: int
) -> SoftmaxFullRun: ...
def train_softmax(
    prompt: Prompt, weights: AnyWeights, *, temperature: float, step_size: float, n_steps: int
) -> TrainingRun:
    """Run plain full-batch gradient descent of softmax attention, ``theta' = theta - eta grad loss(theta)``.

    Divergence is a result, not an error: training stops before the first weight or prediction that is not
    finite, and ``overflowed`` is set.

    Parameters
    ----------
    prompt : Prompt
        The problem. With centred labels and small weights, training starts like that of linear attention.
    weights : TwoFactorWeights or FullWeights
        The start; its class decides which weights are trained.
    temperature : float
        T > 0, in units of the scores.
    step_size : float
        The learning rate eta > 0 of the loss with the 1/2. For small scores and centred labels
        ``mu = eta h |y_q| / T``.
    n_steps : int
        Number of steps. Every state is kept, in at most 1 GiB; lower it if that is exceeded.

    Raises
    ------
    InputError
        If an argument is out of range, the history too large, or the start not finite.

    Examples
    --------
    >>> prompt = Prompt.from_arrays([[0.0], [1.0]], [0.0, 1.0], [1.0], 1.0)
    >>> start = TwoFactorWeights(1.0, [[0.0]])
    >>> run = train_softmax(prompt, start, temperature=1.0, step_size=2.0, n_steps=1)
    >>> run.value.tolist(), run.key_query[:, 0, 0].tolist(), run.temperature
    ([1.0, 1.5], [0.0, 0.25], 1.0)
    """
    problem = SoftmaxProblem(prompt, weights, temperature)
    run = train_problem(problem, weights, step_size=step_size, n_steps=n_steps)
    if isinstance(run, TwoFactorRun):
        return SoftmaxTwoFactorRun(**vars(run), temperature=problem.temperature)
    assert isinstance(run, FullRun)
    return SoftmaxFullRun(**vars(run), temperature=problem.temperature)


class SoftmaxProblem(Problem):
    """The loss of softmax attention as a function of a weight vector.

    Raises
    ------
    InputError
        If the temperature is not positive or the weights do not fit the prompt.
    """

    def __init__(self, prompt: Prompt, weights: AnyWeights, temperature: float) -> None:
        super().__init__(prompt, weights)
        self.temperature = positive("temperature", temperature)

    def differentiate(self, P: Array, K: Array) -> tuple[Any, Array, Array]:
        """Return the prediction and the gradients of the loss with respect to P and K."""
        return differentiate(self.E, P, K, self.n, self.label, self.temperature)


def differentiate(
    E: Array, P: Array, K: Array, n: int, label: float, temperature: float
) -> tuple[Any, Array, Array]:
    """Return the prediction f(E)[d, n] and the gradients of the loss with respect to P and K.

    With the context columns C of E, q = E[:, n], the unit vector u of row d and p = softmax(C^T K q / T),

        prediction = u^T q + u^T P C p,   dp = (diag(p) - p p^T) C^T dK q / T,
        d prediction = u^T dP C p + (C (diag(p) - p p^T) C^T P^T u)^T dK q / T.
    """
    context, query = E[:, :n], E[:, n]
    projected = P[-1] @ context  # u^T P C
    shares = softmax(_query_scores(E, K, n, temperature))
    average = projected @ shares
    predicted = (query[-1] + average).item()
    residual = predicted - label
    dP = np.zeros_like(P)
    dP[-1] = residual * (context @ shares)
    # Differences to the average first: of two nearly equal sums only rounding would be left when p is
    # concentrated on one token.
    dK = np.outer(residual * (context @ (shares * (projected - average))), query / temperature)
    return predicted, dP, dK


def _query_scores(E: Array, K: Array, n: int, temperature: float) -> Array:
    """Return C^T K q / T, the scores of the query with the context."""
    scores: Array = E[:, :n].T @ (K @ E[:, n]) / temperature
    return scores
