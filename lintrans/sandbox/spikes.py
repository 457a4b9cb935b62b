"""Spikes of the loss: where they are, which answers they cost, and which layer's curvature led.

A **spike** begins at an epoch whose loss is above twice the median of the 20 epochs before it, if the epoch
before was not above twice its own median. `find_spikes` looks for these rising edges in recorded losses.
`explain_spike` runs the epochs round one again from a snapshot, step by step, and looks at them with three
questions:

1. **When?** Three epochs are run again, of which the last is the spike's. The usual loss is the median of the
   first. The peak is the step of largest training loss in the other two, as a loss may be high between the
   ends of epochs. The onset is the last step before it with a loss of at most twice the usual one, and at
   most the geometric mean of that and the peak.
2. **Which answers?** Sequences of the population that were right at the onset and are wrong at the peak.
   Those with the least |xi| come first, since the norm before the feed-forward network bends most there.
3. **Which layer?** The curvature of a group of weights is that of the training loss along their gradient,
   g' H g / g' g. It has risen where it is above twice its median over the first epoch, and stays so until
   the peak. The group whose curvature rose first leads; among those that rose at the same step, the one that
   rose most.

What was found of the spikes of solved runs is in experiments/sandbox_spikes: sequences that are lost have a
**long** xi as a rule, which speaks against the bend of the norm at short ones, and no group of weights leads
in most spikes.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from lintrans.errors import InputError, check_seed, count
from lintrans.sandbox.blocks import Block, states_at
from lintrans.sandbox.hessian_products import products
from lintrans.sandbox.model import GROUPS, Model, Weights, unflatten
from lintrans.sandbox.network import gradient, is_right, layers, loss
from lintrans.sandbox.task import Task, distinct
from lintrans.sandbox.training import Training
from lintrans.sandbox.xi import FloatArray, sequence_grid

WINDOW = 20  # epochs whose median is the usual loss
FACTOR = 2.0  # above it
FLOOR = 1e-12  # nats; a loss is a difference of numbers near 1, and rounded to about 1e-16
STRIDE = 4  # steps between curvatures in the first epoch
CLOSE = 16  # steps before the onset from which curvatures are looked at in every step

Curvature = Callable[[Task, Model, Weights, NDArray[Any], FloatArray], Mapping[str, float]]


class Spike(NamedTuple):
    """What happened in one spike.

    Attributes
    ----------
    epoch : int
        At whose end the loss was above twice its median.
    onset, peak : int
        Steps done.
    usual_loss, peak_loss : float
        Median training loss of the first of the three epochs, and largest loss.
    crossed : (n, L) array
        Sequences right at the onset and wrong at the peak, those with the least |xi| first.
    crossed_xi : (n,) array
        |xi| of these at the onset.
    xi_rank : float
        Mean share of the population with a smaller |xi| at the onset: 0.5 if |xi| had nothing to do with
        it, NaN if none crossed.
    steps : (m,) array
        Steps done at which curvatures were looked at.
    curvatures : dict of str to (m,) array
        Of each group.
    risen : dict of str to int or None
        Step from which each curvature stays above twice its median until the peak.
    leader : str or None
        Group that rose first; None if none did.
    """

    epoch: int
    onset: int
    peak: int
    usual_loss: float
    peak_loss: float
    crossed: NDArray[np.int8]
    crossed_xi: FloatArray
    xi_rank: float
    steps: NDArray[np.int64]
    curvatures: dict[str, FloatArray]
    risen: dict[str, int | None]
    leader: str | None


def find_spikes(losses: ArrayLike) -> list[int]:
    """Epochs, counted from 1, at which a spike of the losses (n_epochs,) begins.

    There is no spike within the first 20 epochs, and none at a loss that is not finite, nor within 20
    epochs after it, nor at one below 1e-12 nats, where losses are rounded. Only ends of epochs are looked
    at: what rises and falls within one is not counted.

    Examples
    --------
    >>> losses = np.ones(60)
    >>> losses[30:33] = 3.0
    >>> losses[50] = 1.9
    >>> find_spikes(losses)
    [31]
    """
    series = np.asarray(losses, dtype=np.float64)
    if series.ndim != 1:
        raise InputError(f"losses must be of one run, (n_epochs,), got shape {series.shape}; pass one run")
    return (np.flatnonzero(rising_edges(series)) + 1).tolist()


def rising_edges(losses: ArrayLike) -> NDArray[np.bool_]:
    """Whether a spike begins at each epoch, for losses (..., n_epochs) of any number of runs."""
    series = np.asarray(losses, dtype=np.float64)
    high = np.zeros(series.shape, dtype=np.bool_)
    if series.shape[-1] > WINDOW:
        before = np.lib.stride_tricks.sliding_window_view(series[..., :-1], WINDOW, axis=-1)
        usual = np.median(np.where(np.isfinite(before).all(axis=-1, keepdims=True), before, np.inf), axis=-1)
        limit = np.maximum(FACTOR * usual, FLOOR)
        high[..., WINDOW:] = np.isfinite(series[..., WINDOW:]) & (series[..., WINDOW:] > limit)
    edges = high.copy()
    edges[..., 1:] &= ~high[..., :-1]
    return edges


def explain_spike(
    task: Task,
    model: Model,
    training: Training,
    seed: int,
    steps: ArrayLike,
    states: ArrayLike,
    epoch: int,
    *,
    curvature: Curvature | None = None,
) -> Spike:
    """Run the three epochs up to the end of a spike's first one again, and say what happened.

    Parameters
    ----------
    task, model, training, seed
        Of the run.
    steps : (snapshots,)
        Steps done at each snapshot, increasing.
    states : (snapshots, 3, n_weights)
        Weights and moments at each.
    epoch
        As of `find_spikes`, at least 3.
    curvature
        Function of task, model, weights, sequences and their shares that gives numbers by name, in place of
        `curvature_along_gradient`.

    Raises
    ------
    InputError
        If no snapshot is early enough, or the loss does not rise in that epoch.
    """
    per_epoch = training.per_epoch(task)
    start = per_epoch * (count("epoch", epoch, minimum=3) - 3)
    block, span = Block(task, model, training, (seed,)), np.arange(start, start + 3 * per_epoch + 1)
    path = states_at(block, np.asarray(steps), np.asarray(states, dtype=np.float64), span)[:, 0]
    sequences, shares = distinct(task.data(check_seed(seed)).train)
    each = [unflatten(task, model, flat) for flat in path]
    losses = np.array([loss(task, model, one, sequences, shares) for one in each])
    onset, peak, usual = _when(losses, per_epoch)
    before = np.arange(0, per_epoch + 1, STRIDE)
    looked = np.append(before, np.arange(max(before[-1] + 1, onset - CLOSE + 1), peak + 1))
    trained = training.rates(task, model) > 0
    measure = curvature or functools.partial(curvature_along_gradient, trained=trained)
    found = [measure(task, model, each[i], sequences, shares) for i in looked]
    curvatures = {name: np.array([one[name] for one in found]) for name in found[0]}
    risen, leader = _first_to_rise(curvatures, len(before), start + looked)
    crossed = _crossed(task, model, each[onset], each[peak])
    when = (start + onset, start + peak, usual, float(losses[peak]))
    return Spike(epoch, *when, *crossed, start + looked, curvatures, risen, leader)


def curvature_along_gradient(
    task: Task,
    model: Model,
    weights: Weights,
    sequences: NDArray[Any],
    shares: FloatArray,
    *,
    trained: NDArray[np.bool_] | None = None,
) -> dict[str, float]:
    """Curvature g' H g / g' g of the loss along the gradient of each group of weights; 0 where that is 0.

    Parameters
    ----------
    task, model, weights
        One set of weights.
    sequences, shares
        As in `lintrans.sandbox.loss`.
    trained : (n_weights,)
        Whether each weight is trained; the gradient counts as 0 where it is not. All are by default.

    Examples
    --------
    Weights that are not used have no gradient, and no curvature along it:

    >>> from lintrans.sandbox.model import initial_weights
    >>> task, model = Task(), Model()
    >>> weights = initial_weights(task, model, scales={"value": 0.0, "embeddings": 0.0})
    >>> sequences, shares = task.population()[:1], np.ones(1)
    >>> curvature_along_gradient(task, model, weights, sequences, shares)["attention"]
    0.0
    """
    slope = gradient(task, model, weights, sequences, shares)
    if trained is not None:
        slope = unflatten(task, model, np.where(trained, slope.flat, 0.0))
    of_group = [
        Weights(*(part if name in parts else 0 * part for name, part in slope._asdict().items())).flat
        for parts in GROUPS.values()
    ]
    lengths = np.linalg.norm(of_group, axis=1, keepdims=True)
    units = np.divide(of_group, lengths, out=np.zeros_like(np.array(of_group)), where=lengths > 0)
    along = (units * products(task, model, weights, units, sequences, shares)).sum(axis=1)
    return dict(zip(GROUPS, along.tolist(), strict=True))


def _when(losses: FloatArray, per_epoch: int) -> tuple[int, int, float]:
    """Onset, peak and usual loss of losses after 0, ..., 3 per_epoch steps."""
    first, second = losses[: per_epoch + 1], losses[per_epoch : 2 * per_epoch + 1]
    usual = float(min(np.median(first), np.median(second)))  # one of them may hold another spike
    peak = per_epoch + 1 + int(np.argmax(losses[per_epoch + 1 :]))
    if not losses[peak] > usual:
        raise InputError(
            f"epoch must be one in which the loss rises, got at most {losses[peak]:.3g} after {usual:.3g}; "
            "pass an epoch of find_spikes"
        )
    level = min(FACTOR * usual, float(np.sqrt(usual * losses[peak])))
    return int(np.flatnonzero(losses[:peak] <= level)[-1]), peak, usual


def _crossed(
    task: Task, model: Model, before: Weights, after: Weights
) -> tuple[NDArray[np.int8], FloatArray, float]:
    sequences = sequence_grid(task).sequences
    labels = task.labels(sequences)
    first, last = (layers(task, model, weights, sequences) for weights in (before, after))
    lengths = np.sqrt((first.xi**2).sum(axis=1))
    which = np.flatnonzero(is_right(first, labels) & ~is_right(last, labels))
    which = which[np.argsort(lengths[which], kind="stable")]
    below = np.searchsorted(np.sort(lengths), lengths[which]) / len(lengths)
    return sequences[which], lengths[which], float(below.mean()) if len(which) else np.nan


def _first_to_rise(
    curvatures: dict[str, FloatArray], n_usual: int, at: NDArray[np.int64]
) -> tuple[dict[str, int | None], str | None]:
    """Step from which each curvature stays above its limit until the last, and which rose first."""
    ratios, begun = {}, {}
    for name, values in curvatures.items():
        ratios[name] = values / max(FACTOR * float(np.median(np.abs(values[:n_usual]))), 1e-300)
        below = np.flatnonzero(~(ratios[name] > 1))
        begun[name] = int(below[-1]) + 1 if len(below) else 0
    risen = {name: int(at[i]) if i < len(at) else None for name, i in begun.items()}
    first = min(begun.values())
    if first == len(at):
        return risen, None
    leaders = [name for name, i in begun.items() if i == first]
    return risen, max(leaders, key=lambda name: float(ratios[name][first]))
