"""Labels of circuits: what kind attention has formed, from the effect of each position on xi.

The **effect** of token a at position t is how far xi moves when that position is set from 0 to a, as a mean
over the population. A circuit is a **pattern** of whole numbers n_t: the effects of position t are n_t
times those of one unit, so that xi lies in classes by sum_t n_t x_t. With p = 2 the sum tells the label if
n_t is odd at the summed positions and even elsewhere, and three kinds are told apart:

=================  ================================================  =======================
label              n_t at the summed positions                       n_t elsewhere
=================  ================================================  =======================
clustering head    all +1 or all -1                                  0
signed head        +1 and -1, both; -1 = 1 modulo 2                  0
even-weight        odd, and neither of the above; 2 = 0, 3 = 1       even
=================  ================================================  =======================

These labels say what attention computes and nothing of accuracy: a run with a perfect pattern may still
fail to read it. Without such a pattern a run is "irregular" if the network is better than chance, with an
accuracy of at least 1/p + 0.1 (1 - 1/p) on the population (0.55 for p = 2), and "none" if it is not, or has
diverged. Numbers that fit and do not tell the label, as those of a position too many, are no circuit
either.

The smallest effect at a summed position is 1 unit, or 3 or 5 if only these make a circuit; the unit is then
fitted by least squares, from starts within a quarter of it. Labels do not change if the value matrix is
scaled, turned or mirrored.

With p > 2 only the clustering head has a pattern here: each token has the same effect at every summed
position, and none elsewhere. There is no signed head, as -1 is not 1 modulo p. A line of effects n_t x_t
with n_t = 1 modulo p at the summed positions and 0 elsewhere would be right as well (-2 and 4 for p = 3),
and so are other lattices of effects; they are "irregular" where the network uses them.

**Thresholds.** A deviation of 1/3 is half as far from a whole number as from the next. They were set by
looking at runs with seeds below 200. On 200 other default runs at most 2 labels change if one of them is
moved far (experiments/sandbox_labels). With d = 8 effects need not be whole numbers, and labels are less
sure.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from lintrans.sandbox.model import Model, Weights, check_shapes, unflatten
from lintrans.sandbox.network import is_right, layers
from lintrans.sandbox.task import Task
from lintrans.sandbox.xi import CHUNK, FloatArray, attention_tables, one_hot, sequence_grid, xi_and_mass

IntArray = NDArray[np.int64]

CLUSTERING, SIGNED, EVEN, IRREGULAR, NONE = LABELS = (
    "clustering head",
    "signed head",
    "even-weight",
    "irregular",
    "none",
)
MAX_DEVIATION = 1 / 3  # of an effect from its whole number, in units: half as far as from the next
MIN_SHARE = 0.85  # of the variance of xi, between classes
MIN_NEAREST = 0.9  # share of sequences nearest to a class with their label
MIN_SKILL = 0.1  # (accuracy - chance) / (1 - chance) of what is better than chance
MIN_SPREAD = 1e-9  # of xi, over its largest entry
FACTORS = np.linspace(0.75, 1.25, 21)  # of a unit that is tried
LEAST_NUMBERS = (1, 3, 5)  # that the smallest effect at a summed position may be
REFITS = 10  # least squares and rounding in turn; two are enough as a rule


class Margins(NamedTuple):
    """Distance of each quantity to its threshold: positive on the side of a pattern, or of skill.

    Attributes
    ----------
    deviation : float
        1/3 minus the largest deviation.
    share : float
        Share of the variance minus 0.85.
    nearest : float
        Share of sequences nearest to a class with their label minus 0.9.
    skill : float
        (accuracy - 1/p) / (1 - 1/p) minus 0.1.
    """

    deviation: float
    share: float
    nearest: float
    skill: float


@dataclass(frozen=True)
class Circuit:
    """A label, and all it was decided by.

    Attributes
    ----------
    label : str
        One of `LABELS`.
    reason : str
        A sentence.
    pattern : tuple of int or None
        n_t of each position, whether or not it is a circuit; the sum over the summed positions is not
        negative. None if no numbers fit.
    unit : (p - 1, d) array
        Effect on xi of each token, in place of 0, where n_t = 1; NaN without a pattern.
    effects : (L, p - 1, d) array
        As of `effects`.
    in_units : (L, p - 1) array
        Effects along their unit, over its square: near n_t if there is a pattern.
    deviation : float
        Largest distance of an effect from n_t units, over the least distance of two tokens in the unit.
    share : float
        Share of the variance of xi that lies between the classes of the pattern.
    nearest : float
        Share of the sequences that lie nearest to the mean of a class with their label.
    accuracy : float
        On the population.
    margins : Margins
    """

    label: str
    reason: str
    pattern: tuple[int, ...] | None
    unit: FloatArray
    effects: FloatArray
    in_units: FloatArray
    deviation: float
    share: float
    nearest: float
    accuracy: float
    margins: Margins


def effects(task: Task, model: Model, weights: Weights) -> FloatArray:
    """Mean change of xi when a position is set from token 0 to token a, (L, p - 1, d).

    The mean is over the population, or over a fixed sample of 16,384 if that has more than 65,536
    sequences. The token is replaced in each sequence, so that the sample adds no noise of the other
    positions.

    Examples
    --------
    >>> from lintrans.sandbox.model import initial_weights
    >>> task, model = Task(), Model()
    >>> weights = initial_weights(task, model)
    >>> found = effects(task, model, weights)
    >>> xi = xi_and_mass(task, model, weights, task.population())[0]
    >>> at_3 = task.population()[:, 3]
    >>> bool(np.allclose(found[3, 0], xi[at_3 == 1].mean(axis=0) - xi[at_3 == 0].mean(axis=0), atol=1e-12))
    True
    """
    values, factors = attention_tables(task, model, weights)
    columns = np.concatenate([values, factors[..., None]], axis=-1)
    terms = columns[np.arange(task.length), sequence_grid(task).sequences]
    others = np.zeros_like(terms)  # added and never subtracted: one term may outweigh all others by far
    others[:, 1:] += np.cumsum(terms[:, :-1], axis=1)
    others[:, :-1] += np.cumsum(terms[:, :0:-1], axis=1)[:, ::-1]
    found = np.empty((task.length, task.p, model.d))
    for t in range(task.length):
        sums = others[:, t, None] + columns[t]
        found[t] = (sums[..., :-1] / sums[..., -1:]).mean(axis=0)
    return found[:, 1:] - found[:, :1]


def effects_of_many(task: Task, model: Model, flat: FloatArray) -> FloatArray:
    """Effects (n, L, p - 1, d) of many weights (n, n_weights), as of snapshots."""
    grid = sequence_grid(task)
    if not grid.is_whole:
        return np.stack([effects(task, model, unflatten(task, model, one)) for one in flat])
    of_token = one_hot(grid.sequences, task.p).T * (task.p / len(grid.sequences))
    step, found = max(1, CHUNK // (len(grid.sequences) * (model.d + 2))), []
    for i in range(0, len(flat), step):
        xi = xi_and_mass(task, model, unflatten(task, model, flat[i : i + step]), grid.sequences)[0]
        found.append((of_token @ xi).reshape(-1, task.length, task.p, model.d))
    means = np.concatenate(found)
    return means[:, :, 1:] - means[:, :, :1]


def circuit(task: Task, model: Model, weights: Weights, *, accuracy: float | None = None) -> Circuit:
    """Label the circuit of weights by the rule at the head of this file.

    Parameters
    ----------
    task, model, weights
        One set of weights.
    accuracy
        On the population, if it is known already.

    Raises
    ------
    InputError
        If the weights are not of the model.

    Examples
    --------
    Without training there is no circuit:

    >>> from lintrans.sandbox.model import initial_weights
    >>> circuit(Task(), Model(), initial_weights(Task(), Model())).label
    'none'
    """
    check_shapes(task, model, weights)
    with np.errstate(all="ignore"):
        xi = xi_and_mass(task, model, weights, sequence_grid(task).sequences)[0]
        if not (np.isfinite(xi).all() and np.isfinite(weights.flat).all()):
            return _without(task, model, "the weights are not finite: the run has diverged", np.nan)
    known = population_accuracy(task, model, weights) if accuracy is None else float(accuracy)
    if np.ptp(xi, axis=0).max() <= MIN_SPREAD * abs(xi).max():
        return _without(task, model, "xi is the same for all sequences", known)
    with np.errstate(all="ignore"):
        found = effects(task, model, weights)
        if not np.isfinite(found).all():
            return _without(task, model, "effects are too large for float64", known)
        return _decide(task, found, xi, known)


def population_accuracy(task: Task, model: Model, weights: Weights) -> float:
    """Accuracy on the population, or on the sample that stands for it."""
    sequences = sequence_grid(task).sequences
    with np.errstate(over="ignore"):  # of the slope of the norm where xi is 0
        return float(is_right(layers(task, model, weights, sequences), task.labels(sequences)).mean())


def deviations(task: Task, found: FloatArray, pattern: IntArray | FloatArray) -> FloatArray:
    """Largest deviation of effects (..., L, p - 1, d) from a pattern (L,), in units; inf without one."""
    unit = units(found, pattern)
    away = found - pattern[:, None, None] * unit[..., None, :, :]
    largest = np.sqrt((away**2).sum(axis=-1)).max(axis=(-2, -1))
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.asarray(np.nan_to_num(largest / _separation(unit), nan=np.inf, posinf=np.inf))


def units(found: FloatArray, pattern: IntArray | FloatArray) -> FloatArray:
    """Unit (..., p - 1, d) that fits effects best, by least squares."""
    return np.asarray(np.einsum("t,...txd->...xd", pattern, found) / (pattern @ pattern))


def classes(task: Task, pattern: IntArray, sequences: NDArray[Any]) -> IntArray:
    """Class (n,) of each sequence: those of a class have the same sum of n_t over each of their tokens."""
    tokens = np.asarray(sequences)
    sums = np.stack([(tokens == a) @ pattern for a in range(1, task.p)], axis=1)
    return np.asarray(np.unique(sums, axis=0, return_inverse=True)[1]).reshape(-1)


def share_between(xi: FloatArray, group: IntArray) -> FloatArray:
    """Share (...) of the variance of xi (..., n, d) that lies between groups (n,); NaN without variance."""
    by_sequence = np.moveaxis(xi - xi.mean(axis=-2, keepdims=True), -2, 0)
    order = np.argsort(group, kind="stable")
    counts = np.bincount(group)
    sums = np.add.reduceat(by_sequence[order], np.cumsum(counts) - counts, axis=0)
    between = np.einsum("g...d,g->...", sums**2, 1 / counts)
    with np.errstate(invalid="ignore"):
        return np.asarray(between / (by_sequence**2).sum(axis=(0, -1)))


def share_nearest(xi: FloatArray, group: IntArray, labels: IntArray) -> float:
    """Share of sequences, with xi (n, d), nearest to the mean of a group (n,) that has their label (n,)."""
    counts = np.bincount(group)
    centres = np.stack([np.bincount(group, weights=column) for column in xi.T], axis=1) / counts[:, None]
    of_class = np.zeros(len(counts), dtype=np.int64)
    of_class[group] = labels
    return float((of_class[cKDTree(centres).query(xi)[1]] == labels).mean())


def kind(task: Task, pattern: IntArray) -> str | None:
    """Label of a pattern of whole numbers; None if it does not tell the label."""
    summed = list(task.summed)
    on, off = pattern[summed], np.delete(pattern, summed)
    if not off.any() and (abs(on) == 1).all():
        if abs(on.sum()) == task.k:
            return CLUSTERING
        return SIGNED if task.p == 2 else None
    is_valid = task.p == 2 and (on % 2 == 1).all() and (off % 2 == 0).all()
    return EVEN if is_valid else None


def _decide(task: Task, found: FloatArray, xi: FloatArray, accuracy: float) -> Circuit:
    pattern = fit_pattern(task, found)
    skill = (accuracy - 1 / task.p) / (1 - 1 / task.p)
    label = kind(task, pattern)
    deviation = float(deviations(task, found, pattern))
    share = nearest = np.nan
    if np.isfinite(deviation) and abs(pattern).sum() <= len(xi):
        sequences = sequence_grid(task).sequences
        group = classes(task, pattern, sequences)
        share = float(share_between(xi, group))
        nearest = share_nearest(xi, group, task.labels(sequences))
    margins = Margins(MAX_DEVIATION - deviation, share - MIN_SHARE, nearest - MIN_NEAREST, skill - MIN_SKILL)
    is_pattern = label is not None and all(margin >= 0 for margin in margins[:3])
    reason = _reason(task, label, deviation, share, nearest)
    if not is_pattern:
        label = IRREGULAR if margins.skill >= 0 else NONE
        reason += f"; accuracy {accuracy:.3f} is {'' if label == IRREGULAR else 'not '}better than chance"
    assert label is not None
    unit = units(found, pattern)
    with np.errstate(divide="ignore", invalid="ignore"):
        in_units = np.einsum("txd,xd->tx", found, unit) / (unit**2).sum(axis=-1)
    numbers = tuple(pattern.tolist()) if deviation <= MAX_DEVIATION else None
    return Circuit(
        label, reason, numbers, unit, found, in_units, deviation, share, nearest, accuracy, margins
    )


def fit_pattern(task: Task, found: FloatArray) -> IntArray:
    """Whole numbers (L,) that effects are nearest to; for p > 2 those of the clustering head.

    With p = 2 the smallest effect at a summed position, along the axis of largest effects, is taken as 1
    unit, or as 3 or 5 of them: the first of these that makes a circuit, else 1.
    """
    head = np.zeros(task.length, dtype=np.int64)
    head[list(task.summed)] = 1
    if task.p > 2:
        return head
    along = found[:, 0] @ np.linalg.svd(found[:, 0])[2][0]
    least = abs(along[list(task.summed)]).min()
    if least <= MIN_SPREAD * abs(along).max():
        return head
    patterns = [_nearest_numbers(task, found, along, least / number) for number in LEAST_NUMBERS]
    limits = (MAX_DEVIATION, MAX_DEVIATION / 2, MAX_DEVIATION / 2)  # smaller units fit more effects by chance
    for pattern, limit in zip(patterns, limits, strict=True):
        if kind(task, pattern) is not None and deviations(task, found, pattern) <= limit:
            return pattern
    return patterns[0]


def _nearest_numbers(task: Task, found: FloatArray, along: FloatArray, unit: float) -> IntArray:
    """Whole numbers with the least deviation, of units near to one: an effect may be off by a quarter."""
    candidates = {tuple(_refitted(along, unit * factor).tolist()) for factor in FACTORS}
    numbers = np.array(min(candidates, key=lambda one: _key(task, found, np.array(one))))
    sign = 1 if numbers[list(task.summed)].sum() >= 0 else -1
    return np.asarray((sign * numbers).astype(np.int64))


def _refitted(along: FloatArray, unit: float) -> FloatArray:
    """Whole numbers of a unit, which is then fitted by least squares, and they again, until they stay."""
    numbers = np.rint(along / unit)
    for _ in range(REFITS):
        fitted = np.rint(along / (numbers @ along / (numbers @ numbers)))
        if not fitted.any() or (fitted == numbers).all():
            break
        numbers = fitted
    return np.asarray(numbers)


def _key(task: Task, found: FloatArray, numbers: FloatArray) -> tuple[bool, float, float]:
    """Order of candidates: those with a number at every summed position, by deviation, then by size."""
    is_zero = not numbers[list(task.summed)].all()
    deviation = float(deviations(task, found, numbers)) if numbers.any() else np.inf
    return is_zero, deviation, float(abs(numbers).sum())


def _reason(task: Task, label: str | None, deviation: float, share: float, nearest: float) -> str:
    goal = "whole numbers" if task.p == 2 else f"those of a {CLUSTERING}"
    if not deviation <= MAX_DEVIATION:
        return f"effects are up to {deviation:.3g} units from {goal}, above {MAX_DEVIATION:.2f}"
    if label is None:
        return f"effects are within {deviation:.2f} units of {goal}, but their sum does not tell the label"
    fits = f"effects are within {deviation:.2f} units of {goal}"
    for value, least, what in (
        (share, MIN_SHARE, "of the variance of xi lies between their classes"),
        (nearest, MIN_NEAREST, "of the sequences lie nearest to a class with their label"),
    ):
        if not value >= least:
            return f"{fits}, but only {value:.2f} {what}, below {least}"
    if task.p > 2:
        return fits
    return f"{fits}, which make {'an even-weight circuit' if label == EVEN else f'a {label}'}"


def _separation(unit: FloatArray) -> FloatArray:
    """Least distance between the effects of two tokens, 0 among them, (...)."""
    tokens = np.concatenate([np.zeros_like(unit[..., :1, :]), unit], axis=-2)
    i, j = np.triu_indices(tokens.shape[-2], k=1)
    gaps = tokens[..., i, :] - tokens[..., j, :]
    return np.asarray(np.sqrt((gaps**2).sum(axis=-1)).min(axis=-1))


def _without(task: Task, model: Model, reason: str, accuracy: float) -> Circuit:
    blank = np.full((task.length, task.p - 1, model.d), np.nan)
    margins = Margins(*[np.nan] * 4)
    return Circuit(
        NONE, reason, None, blank[0], blank, blank[..., 0], np.nan, np.nan, np.nan, accuracy, margins
    )
