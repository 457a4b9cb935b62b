"""Blocks of runs, side by side in the compiled loops, each with its own seed.

A `Block` brings task, model and training into the form of `lintrans.sandbox.kernels`, and goes from any state
to any step. What a run does depends on nothing but its seed and its state: not on the block it is in, nor on
where it was interrupted.
"""

from __future__ import annotations

import functools
import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from lintrans.errors import MAX_COUNT, InputError, check_seed, count, instance, settle, short
from lintrans.sandbox import kernels
from lintrans.sandbox.kernels import COLUMNS, LANES, SAMPLES, Batch, Norms, Sizes
from lintrans.sandbox.model import Model, initial_weights
from lintrans.sandbox.task import Data, Task, check_sequences
from lintrans.sandbox.training import Training
from lintrans.sweeps.executors import stop_if_asked

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]

SETS = ("train", "test", "population", "unseen")
MAX_EVERY_EPOCH = 10_000  # sequences of a population that is measured in every epoch
WORK_AT_ONCE = 2**22  # samples of a run times hidden units: a quarter of a second
TABLE_ENTRIES = 16  # of a group of positions, at most, if it has more than one
NORM_KINDS = {"none": kernels.NO_NORM, "rms": kernels.RMS_NORM, "smooth": kernels.SMOOTH_NORM}
STATE = ("weights", "first", "second")  # weights and moments of the optimiser


class Advance(NamedTuple):
    """What a block did between two steps; runs come first.

    Attributes
    ----------
    batch_loss, batch_accuracy : (n, n_epochs) array
        Means over the batches of each epoch that ended, as training saw them.
    loss, accuracy : (n, n_measures, sets) array
        Of the sets of `Block.sets`, after each measured epoch.
    kept : (n, marks, 3, n_weights) array
        State after each of the steps that were marked.
    state : (n, 3, n_weights) array
        State at the end.
    """

    batch_loss: FloatArray
    batch_accuracy: FloatArray
    loss: FloatArray
    accuracy: FloatArray
    kept: FloatArray
    state: FloatArray


@dataclass(frozen=True)
class Block:
    """Runs of one task, model and training, up to eight side by side.

    Parameters
    ----------
    task, model, training
        What is learned, by what, and how.
    seeds
        One of each run: of its data, its initial weights and its batches.
    """

    task: Task
    model: Model
    training: Training
    seeds: tuple[int, ...]

    def __post_init__(self) -> None:
        if not 1 <= len(self.seeds) <= LANES:
            raise InputError(f"a block must have 1 to {LANES} seeds, got {len(self.seeds)}; use several")
        instance("task", self.task, Task)
        instance("model", self.model, Model)
        instance("training", self.training, Training)
        settle(self, seeds=tuple(check_seed(seed) for seed in self.seeds))
        self.training.n_steps(self.task)  # a batch must fit

    @property
    def sets(self) -> tuple[str, ...]:
        """Sets of sequences that are measured in every epoch: of a large population only what is drawn."""
        return SETS if self.task.n_sequences <= MAX_EVERY_EPOCH else SETS[:2]

    def begin(self) -> FloatArray:
        """State before the first step: initial weights, and moments of 0; (n, 3, n_weights)."""
        scales = dict(self.training.scales)
        flat = [initial_weights(self.task, self.model, seed, scales=scales).flat for seed in self.seeds]
        weights = np.array(flat)
        return np.stack([weights, np.zeros_like(weights), np.zeros_like(weights)], axis=1)

    def advance(
        self, state: FloatArray, span: tuple[int, int], *, every: int = 1, marks: Sequence[int] = ()
    ) -> Advance:
        """Go on from a state after ``span[0]`` steps to that after ``span[1]``.

        Parameters
        ----------
        state
            Weights and moments of each run, (n, 3, n_weights); it is not changed.
        span
            Steps done before and after.
        every
            Epochs between measures of the sets; 0 for none.
        marks
            Steps after which states are kept, increasing.

        Notes
        -----
        An epoch that began before the span has batch losses of NaN.

        Raises
        ------
        InputError
            If the state has another shape, or the span does not increase.
        """
        begin, end = count("span", span[0], minimum=0), count("span", span[1], minimum=0)
        every = count("every", every, minimum=0)
        shape = (len(self.seeds), len(STATE), self.model.n_weights(self.task))
        if begin > end or np.shape(state) != shape:
            raise InputError(
                f"state must have shape {shape} and the span increase, got {np.shape(state)} and {begin} to "
                f"{end}; pass Block.begin() and (0, n_steps), for example"
            )
        lanes, wanted = _in_lanes(np.asarray(state, dtype=np.float64)), np.asarray(marks, dtype=np.int64)
        if wanted.size and (wanted[0] < begin or wanted[-1] > end or (np.diff(wanted) <= 0).any()):
            raise InputError(
                f"marks must increase from {begin} to {end} at most, got {short(list(marks))}; "
                "pass sorted(set(marks)) within the span"
            )
        found: list[tuple[FloatArray, ...]] = []
        for first, last in itertools.pairwise([begin, *self._pauses(begin, end), end]):
            stop_if_asked()
            after = first if found else first - 1
            chosen = wanted[(wanted > after) & (wanted <= last)]
            found.append(self._train(lanes, (first, last), every, chosen))
        epochs, measured, kept = (_of_runs(parts, len(self.seeds)) for parts in zip(*found, strict=True))
        epochs, measured = _known(epochs), self._means(measured)
        return Advance(
            epochs[..., 0],
            epochs[..., 1],
            measured[..., 0],
            measured[..., 1],
            kept,
            _of_runs([lanes[None]], len(self.seeds))[:, 0],
        )

    def _pauses(self, begin: int, end: int) -> range:
        """Ends of epochs at which training pauses, a fraction of a second apart, to be stopped."""
        per_epoch = self.training.per_epoch(self.task)
        work = per_epoch * self.training.batch_size * self.model.width
        stride = max(1, WORK_AT_ONCE // work) * per_epoch
        return range((begin // stride + 1) * stride, end, stride)

    def _train(
        self, lanes: FloatArray, span: tuple[int, int], every: int, marks: NDArray[np.int64]
    ) -> tuple[FloatArray, ...]:
        found: tuple[FloatArray, ...] = kernels.train(
            self.sizes,
            self.norms,
            self.training.steps,
            self.training.rates(self.task, self.model),
            self.training.factors(self.task),
            lanes,
            np.array(self._of_lanes(list(self.seeds)), dtype=np.uint64),
            *self._training_sequences,
            self.training.batch_size,
            span,
            self._measured,
            every,
            marks,
        )
        return found

    def measure(
        self, weights: FloatArray, sequences: NDArray[Any], counts: FloatArray
    ) -> tuple[FloatArray, FloatArray]:
        """Sums (n, sets) of loss and of right answers of each run's weights (n, n_weights) on sequences.

        ``counts`` (sets, sequences) say how often each sequence counts; those of each run, (n, sets,
        sequences).
        """
        tokens = check_sequences(self.task, sequences)
        each = [self._places(tokens, lane) for lane in range(LANES)]
        labels = np.repeat(self.task.labels(tokens)[:, None], LANES, axis=1)
        of_runs = np.broadcast_to(counts, (len(weights), *np.shape(counts)[-2:]))
        batch = _batch(np.stack(each, axis=-1), labels, _in_lanes(np.asarray(of_runs, dtype=np.float64)))
        sums = np.moveaxis(kernels.evaluate(self.sizes, self.norms, _in_lanes(weights), batch), -1, 0)
        return sums[: len(weights), :, 0], sums[: len(weights), :, 1]

    def measure_sets(self, weights: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Loss and accuracy (n, sets) of each run's weights (n, n_weights) on its `Block.sets`."""
        sums = kernels.evaluate(self.sizes, self.norms, _in_lanes(weights), self._measured)
        found = self._means(np.moveaxis(sums, -1, 0)[: len(weights)])
        return found[..., 0], found[..., 1]

    @functools.cached_property
    def sizes(self) -> Sizes:
        """Sizes as the compiled loops take them."""
        task, model, group = self.task, self.model, 1
        while task.p ** (group + 1) <= TABLE_ENTRIES and group < task.length:
            group += 1
        return Sizes(task.p, task.length, model.n_tokens(task), model.d, model.width, group)

    @property
    def norms(self) -> Norms:
        """Norms as the compiled loops take them."""
        first, second = self.model.attention_norm, self.model.feed_forward_norm
        constants = self.model.norm_constant(first), self.model.norm_constant(second)
        return Norms(NORM_KINDS[first], NORM_KINDS[second], *constants)

    @functools.cached_property
    def _data(self) -> list[Any]:
        return self._of_lanes([self.task.data(seed) for seed in self.seeds])

    @functools.cached_property
    def _training_sequences(self) -> tuple[NDArray[np.int32], NDArray[np.int64]]:
        places = [self._places(data.train, lane) for lane, data in enumerate(self._data)]
        labels = [self.task.labels(data.train) for data in self._data]
        return np.stack(places, axis=-1), np.stack(labels, axis=-1)

    @functools.cached_property
    def _measured(self) -> Batch:
        """Sequences that are measured, with counts by set: the whole population, or what is drawn."""
        task, whole = self.task, len(self.sets) == len(SETS)
        places, labels, counts = [], [], []
        for lane, data in enumerate(self._data):
            sequences = task.population() if whole else np.concatenate(data)
            halves = np.repeat(np.eye(2), [task.n_train, task.n_test], axis=1)
            counts.append(population_counts(task, data) if whole else halves)
            places.append(self._places(sequences, lane))
            labels.append(task.labels(sequences))
        return _batch(np.stack(places, axis=-1), np.stack(labels, axis=-1), np.stack(counts, axis=-1))

    def _means(self, sums: FloatArray) -> FloatArray:
        """Means of sums (n, ..., sets, 2) over the sequences of each set; NaN of an empty set."""
        totals = self._measured.factors.reshape(len(self.sets), -1, LANES).sum(axis=1).T[: len(sums)]
        shape = (len(sums), *[1] * (sums.ndim - 3), len(self.sets), 1)
        with np.errstate(invalid="ignore"):
            means = np.asarray(sums / totals.reshape(shape))
        return _known(means)

    def _places(self, sequences: NDArray[Any], lane: int) -> NDArray[np.int32]:
        """Where sequences (n, L) find their groups in the tables of a lane: (n, groups)."""
        p, group, first, found = self.task.p, self.sizes.group, 0, []
        for start in range(0, self.task.length, group):
            tokens = np.asarray(sequences[:, start : start + group], dtype=np.int64)
            size = tokens.shape[1]
            found.append((first + tokens @ p ** np.arange(size)) * LANES + lane)
            first += p**size
        return np.stack(found, axis=1).astype(np.int32)

    def _of_lanes(self, items: list[Any]) -> list[Any]:
        """Items of the runs, the last repeated for idle lanes."""
        return items + [items[-1]] * (LANES - len(items))


def states_at(
    block: Block,
    steps: IntArray,
    states: FloatArray,
    wanted: Sequence[int] | IntArray,
    *,
    last: int = MAX_COUNT,
) -> FloatArray:
    """States (n, 3, n_weights) of a run after any steps, trained on from the snapshots before them.

    They are those of the run itself, to the bit on a machine of the same kind.

    Parameters
    ----------
    block
        Of the run alone.
    steps, states
        Its snapshots: steps done, (snapshots,), and states, (snapshots, 3, n_weights).
    wanted
        Steps, increasing, from the first snapshot on.
    last
        Largest that is accepted.

    Raises
    ------
    InputError
        If they are out of range.
    """
    first = int(steps[0])
    found = np.array([count("a step", step, minimum=first, maximum=last) for step in wanted], dtype=np.int64)
    if (np.diff(found) <= 0).any():
        raise InputError(f"steps must be increasing, got {short(found.tolist())}; pass sorted(set(steps))")
    out, before = np.empty((found.size, *states.shape[1:])), steps.searchsorted(found, "right") - 1
    for i in np.unique(before):
        chosen = found[before == i]
        span = int(steps[i]), int(chosen[-1])
        out[before == i] = block.advance(states[i][None], span, every=0, marks=chosen.tolist()).kept[0]
    return out


def population_counts(task: Task, data: Data) -> FloatArray:
    """How often each sequence of the population counts in each of `SETS`: (sets, p^L)."""
    n = task.n_sequences
    train, test = (np.bincount(task.number(sequences), minlength=n) for sequences in data)
    return np.array([train, test, np.ones(n), train == 0], dtype=np.float64)


def _in_lanes(arrays: FloatArray) -> FloatArray:
    """Put runs into the last axis, the last of them repeated for idle lanes; a copy."""
    full = np.concatenate([arrays, np.repeat(arrays[-1:], LANES - len(arrays), axis=0)])
    return np.ascontiguousarray(np.moveaxis(full, 0, -1))


def _known(means: FloatArray) -> FloatArray:
    """Means (..., 2) of loss and right answers, with NaN for both where a run has diverged."""
    means[..., 1][np.isnan(means[..., 0])] = np.nan
    return means


def _of_runs(parts: Sequence[FloatArray], n: int) -> FloatArray:
    """Put the lanes of n runs, in the last axis of arrays that follow each other, into the first."""
    return np.ascontiguousarray(np.moveaxis(np.concatenate(parts), -1, 0)[:n])


def _batch(places: NDArray[Any], labels: NDArray[Any], factors: FloatArray) -> Batch:
    """Sequences (n, groups, LANES), labels (n, LANES) and factors (sets, n, LANES) in rows of columns."""
    return Batch(_in_rows(places), _in_rows(labels), np.stack([_in_rows(one) for one in factors]))


def _in_rows(array: NDArray[Any]) -> NDArray[Any]:
    """(n, ..., LANES) as (rows, ..., COLUMNS); the last row is filled with zeros."""
    n_rows = -(-len(array) // SAMPLES)
    filled = np.zeros((n_rows * SAMPLES, *array.shape[1:]), array.dtype)
    filled[: len(array)] = array
    parts = filled.reshape(n_rows, SAMPLES, *array.shape[1:])
    return np.ascontiguousarray(np.moveaxis(parts, 1, -2)).reshape(n_rows, *array.shape[1:-1], COLUMNS)
