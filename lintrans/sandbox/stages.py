"""The two stages of learning: attention forms a circuit, and the network learns to read it.

The loss of a run soon stays near log 2. In runs that learn it leaves this plateau as the effects of all
positions snap to the pattern they keep: the circuit has **formed**. Accuracy then rises while the pattern
stays as it is: the feed-forward network learns to **read** it. How long both take is measured in
experiments/sandbox_success.

Formed is the first snapshot with the pattern of the end, within the thresholds of `lintrans.sandbox.labels`.
It is known no better than snapshots are apart. Read is the first epoch with an accuracy of at least 0.99 on
the population, or on the test set where the population is too large to be measured in every epoch. Either can
stay open: patterns are only looked for in runs that end with a clustering head, a signed head or an
even-weight circuit, and many even-weight circuits are never read.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from lintrans.errors import InputError
from lintrans.sandbox.labels import (
    LABELS,
    MAX_DEVIATION,
    MIN_NEAREST,
    MIN_SHARE,
    Circuit,
    classes,
    deviations,
    effects_of_many,
    share_between,
    share_nearest,
)
from lintrans.sandbox.model import Model, unflatten
from lintrans.sandbox.task import Task
from lintrans.sandbox.xi import sequence_grid, xi_and_mass

PATTERNS = LABELS[:3]
MIN_READ = 0.99  # accuracy from which a circuit is read


class Stages(NamedTuple):
    """Epochs at which the stages end; None for a stage that does not.

    Attributes
    ----------
    formed : int or None
        Epoch of the first snapshot with the pattern of the end.
    not_before : int or None
        Epoch of the snapshot before it, without the pattern; None if there is none.
    read : int or None
        First epoch with an accuracy of at least 0.99.
    """

    formed: int | None
    not_before: int | None
    read: int | None


def find_stages(
    task: Task, model: Model, found: Circuit, epochs: ArrayLike, weights: ArrayLike, accuracy: ArrayLike
) -> Stages:
    """Find when a run formed its circuit, and when it read it.

    Parameters
    ----------
    task, model
        Of the run.
    found
        Circuit of the weights at its end.
    epochs : (snapshots,)
        Epochs done at each snapshot, increasing.
    weights : (snapshots, n_weights)
        Weights at each.
    accuracy : (n_epochs,)
        On the population after epochs 1, 2, ...

    Examples
    --------
    A run at chance has no stage:

    >>> from lintrans.sandbox.labels import circuit
    >>> from lintrans.sandbox.model import initial_weights
    >>> weights = initial_weights(Task(), Model())
    >>> found = circuit(Task(), Model(), weights)
    >>> find_stages(Task(), Model(), found, [0], weights.flat[None], [0.5, 0.5])
    Stages(formed=None, not_before=None, read=None)
    """
    at, flat = np.asarray(epochs), np.asarray(weights, dtype=np.float64)
    if len(at) != len(flat):
        raise InputError(
            f"epochs must be one of each snapshot, got {len(at)} of {len(flat)}; pass them together"
        )
    read = first_epoch(np.asarray(accuracy) >= MIN_READ)
    first = _first_with_pattern(task, model, found, flat)
    if first is None:
        return Stages(None, None, read)
    return Stages(int(at[first]), int(at[first - 1]) if first else None, read)


def first_epoch(is_there: NDArray[np.bool_]) -> int | None:
    """First epoch, from 1, at which something is there."""
    return int(np.argmax(is_there)) + 1 if is_there.any() else None


def _first_with_pattern(task: Task, model: Model, found: Circuit, flat: NDArray[np.float64]) -> int | None:
    if found.label not in PATTERNS or found.pattern is None:
        return None
    pattern = np.array(found.pattern)
    sequences = sequence_grid(task).sequences
    labels = task.labels(sequences)
    group = classes(task, pattern, sequences)
    is_near = deviations(task, effects_of_many(task, model, flat), pattern) <= MAX_DEVIATION
    for i in np.flatnonzero(is_near).tolist():
        xi = xi_and_mass(task, model, unflatten(task, model, flat[i]), sequences)[0]
        if share_between(xi, group) >= MIN_SHARE and share_nearest(xi, group, labels) >= MIN_NEAREST:
            return int(i)
    return None
