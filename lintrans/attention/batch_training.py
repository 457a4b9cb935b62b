"""Mini-batch gradient descent of the transformer on many prompts, literally from the definition.

    theta' = theta - eta mean over the batch of grad loss_i(theta)

Like ``lintrans.attention.training`` this is the reference for the maps and contains no reduction. Which
prompts are in which batch is an argument. The prompts of a batch go through attention together; a test checks
that this is the attention of ``lintrans.attention.transformer``.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from lintrans.attention.transformer import AnyWeights, Array, Problem, embedding
from lintrans.errors import MAX_HISTORY_BYTES, InputError, check_history, positive, step_schedule
from lintrans.prompts.prompt import Prompt

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class BatchRun:
    """Mini-batch gradient descent, step 0 (the start) to step T = ``n_steps``.

    Attributes
    ----------
    weights : (T+1, ...) array
        Trainable numbers before the step of the same index, as `TwoFactorWeights.to_vector` orders them.
    losses : (T,) array
        Mean loss over the batch of each step, before the step.
    n_steps : int
        Number of steps done; fewer than the batches if training overflowed.
    overflowed : bool
        True if the next weights would not be finite.
    step_size : float
        The learning rate eta.
    """

    weights: FloatArray
    losses: FloatArray
    n_steps: int
    overflowed: bool
    step_size: float


class Problems:
    """Many prompts with one kind of weights: losses and gradients of any of them at a weight vector.

    Raises
    ------
    InputError
        If there is no prompt, or the weights do not fit them all.
    """

    def __init__(self, prompts: Sequence[Prompt], weights: AnyWeights) -> None:
        if not prompts:
            raise InputError("prompts must not be empty, got none; pass at least one")
        for prompt in prompts:
            Problem(prompt, weights)  # its checks
        self.kind, self.d = type(weights), weights.d
        self.labels = np.array([prompt.query_label for prompt in prompts])
        self.n = np.array([prompt.n for prompt in prompts])
        longest = int(self.n.max())
        shape = len(prompts), self.d + 1, longest + 1
        if 8 * math.prod(shape) > MAX_HISTORY_BYTES:
            raise InputError(
                f"prompts must fit in {MAX_HISTORY_BYTES / 2**30:g} GiB, got "
                f"{8 * math.prod(shape) / 2**30:.3g} GiB; pass fewer or shorter ones"
            )
        self.E = np.zeros(shape)  # the query last, tokens of zeros before it
        for E, prompt in zip(self.E, prompts, strict=True):
            literal = embedding(prompt)
            E[:, : prompt.n], E[:, -1] = literal[:, :-1], literal[:, -1]

    def evaluate(self, theta: Array, chosen: IntArray) -> tuple[Array, Array]:
        """Return predictions of the chosen prompts, and the mean gradient of their losses.

        The formulas are those of ``lintrans.attention.transformer.differentiate``, with the prompts along a
        first axis.
        """
        P, K = self.kind.matrices(theta, self.d)
        E, n, labels = self.E[chosen], self.n[chosen], self.labels[chosen]
        with np.errstate(all="ignore"):
            query = E[:, :, -1]
            projected = P[-1] @ E  # (B, tokens)
            scores = (np.swapaxes(E, 1, 2) @ (query @ K.T)[:, :, None])[:, :, 0]
            predicted = query[:, -1] + (projected * scores).sum(axis=1) / n
            factor = ((predicted - labels) / n / len(chosen))[:, None]
            dP = np.zeros_like(P)
            dP[-1] = (factor * (E @ scores[:, :, None])[:, :, 0]).sum(axis=0)
            dK = (factor * (E @ projected[:, :, None])[:, :, 0]).T @ query
        return predicted, self.kind.restrict(dP, dK)

    def losses(self, theta: Array, chosen: IntArray) -> Array:
        """Return the losses of the chosen prompts."""
        with np.errstate(all="ignore"):
            half_squares: Array = (self.evaluate(theta, chosen)[0] - self.labels[chosen]) ** 2 / 2
        return half_squares


def train_on_batches(
    prompts: Sequence[Prompt] | Problems,
    weights: AnyWeights,
    batches: ArrayLike,
    *,
    step_size: float,
    schedule: ArrayLike | None = None,
) -> BatchRun:
    """Run mini-batch gradient descent on given batches.

    Divergence is a result, not an error: training stops before the first weight that is not finite, and
    ``overflowed`` is set.

    Parameters
    ----------
    prompts : sequence of Prompt, or Problems
        The population; lengths may differ. For many trainings on the same prompts build ``Problems`` once.
    weights : TwoFactorWeights or FullWeights
        The start; its class decides which weights are trained.
    batches : (n_steps, batch_size) array of int
        Prompts of each batch, by their numbers from 0.
    step_size : float
        The learning rate eta > 0 of the loss with the 1/2.
    schedule : (S,) array, optional
        Factors >= 0: step t has the learning rate ``step_size * schedule[t]``. The last factor is kept.

    Raises
    ------
    InputError
        If an argument is out of range, or the history too large.

    Examples
    --------
    One exact step, ``theta' = theta - 0.125 (wW - 1) (W, w)``:

    >>> from lintrans.attention.transformer import TwoFactorWeights
    >>> prompt = Prompt.from_arrays([[1.0]], [1.0], [1.0], 1.0)
    >>> run = train_on_batches([prompt], TwoFactorWeights(2.0, [[3.0]]), [[0]], step_size=0.125)
    >>> run.weights.tolist(), run.losses.tolist()
    ([[2.0, 3.0], [0.125, 1.75]], [12.5])
    """
    problems = prompts if isinstance(prompts, Problems) else Problems(prompts, weights)
    eta, chosen = positive("step_size", step_size), _batches(batches, problems.labels.size)
    relative = np.ones(1) if schedule is None else step_schedule(schedule)
    theta = weights.to_vector()
    check_history(len(chosen), theta.size)
    history, losses = np.empty((len(chosen) + 1, theta.size)), np.empty(len(chosen))
    history[0] = theta
    for t, batch in enumerate(chosen):
        predicted, slope = problems.evaluate(theta, batch)
        with np.errstate(all="ignore"):
            losses[t] = np.mean((predicted - problems.labels[batch]) ** 2) / 2
            theta = theta - eta * relative[min(t, relative.size - 1)] * slope
        if not np.isfinite(theta).all():
            return BatchRun(history[: t + 1].copy(), losses[:t].copy(), t, True, eta)
        history[t + 1] = theta
    return BatchRun(history, losses, len(chosen), False, eta)


def _batches(batches: ArrayLike, n_prompts: int) -> IntArray:
    """Check numbers of prompts."""
    chosen = np.asarray(batches)
    if chosen.ndim != 2 or chosen.shape[1] == 0 or not np.issubdtype(chosen.dtype, np.integer):
        raise InputError(
            f"batches must be (n_steps, batch_size) whole numbers, got {chosen.dtype} of shape "
            f"{chosen.shape}; pass one row of prompt numbers per step"
        )
    if chosen.size and not (chosen.min() >= 0 and chosen.max() < n_prompts):
        worst = chosen.min() if chosen.min() < 0 else chosen.max()
        raise InputError(f"batches must name prompts 0 to {n_prompts - 1}, got {worst}; count from 0")
    return chosen.astype(np.int64)
