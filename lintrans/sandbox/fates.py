"""What becomes of runs: accuracies at the end, the circuit, when it formed and when it was read, spikes."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, fields
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lintrans.counting.proportions import Proportion, proportion
from lintrans.sandbox.blocks import SETS, Advance, Block
from lintrans.sandbox.labels import LABELS, circuit
from lintrans.sandbox.model import unflatten
from lintrans.sandbox.spikes import find_spikes
from lintrans.sandbox.stages import find_stages
from lintrans.sweeps.results import categories, on

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]

CHUNK = 2**16  # sequences that are measured at once


@dataclass(frozen=True)
class Fates:
    """What becomes of runs; arrays have one entry a run, on any axes.

    Attributes
    ----------
    train, test, population, unseen : array
        Accuracy at the end on the sequences of training and test, on all, and on those that are not in the
        training set; NaN if there are none, or if the run has diverged.
    train_loss : array
        Cross entropy of the training set at the end, in nats.
    label : array of int
        Circuit label: 0 clustering head, 1 signed head, 2 even-weight, 3 irregular, 4 none.
    formed_epoch, read_epoch : array
        Epochs at which the circuit was there, and at which the network read it
        (`lintrans.sandbox.find_stages`). NaN if never. The first is known no better than snapshots are apart,
        the second by the test set if the population is too large to be measured in every epoch.
    spikes : array of int
        Number of spikes of the training loss (`lintrans.sandbox.find_spikes`).
    """

    train: FloatArray = on(text="accuracy on the training set at the end")
    test: FloatArray = on(text="accuracy on the test set at the end")
    population: FloatArray = on(text="accuracy on all sequences at the end")
    unseen: FloatArray = on(text="accuracy at the end on sequences outside the training set; NaN if none")
    train_loss: FloatArray = on(text="cross entropy of the training set at the end, in nats")
    label: NDArray[np.int8] = categories(name="circuit label", labels=LABELS)
    formed_epoch: FloatArray = on(text="epoch at which the circuit was there; NaN never")
    read_epoch: FloatArray = on(text="epoch at which accuracy reached 99 %; NaN never")
    spikes: IntArray = on(text="number of spikes of the training loss")

    @property
    def solved(self) -> NDArray[np.bool_]:
        """Where the task is solved at the end: every answer right, on all sequences."""
        return np.asarray(self.population == 1)

    def at(self, *index: Any) -> Fates:
        """Fates of some of the runs."""
        return Fates(**{f.name: np.asarray(getattr(self, f.name))[index] for f in fields(self)})

    def rows(self) -> Iterator[dict[str, Any]]:
        """Fate of each run, in plain numbers and a string."""
        for i in range(self.label.size):
            values = {f.name: np.ravel(getattr(self, f.name))[i].item() for f in fields(self)}
            yield values | {"label": LABELS[values["label"]]}

    def success(self) -> Proportion:
        """Share of runs that solve the task, with its 95 % interval."""
        return proportion(int(self.solved.sum()), self.label.size)

    def shares(self) -> dict[str, Proportion]:
        """Share of each label, with its 95 % interval."""
        return {name: proportion(n, self.label.size) for name, n in label_counts(self.label).items()}


def label_counts(label: NDArray[np.integer[Any]]) -> dict[str, int]:
    """Runs with each label, by name, from their numbers in `LABELS`."""
    return dict(zip(LABELS, np.bincount(label.ravel(), minlength=len(LABELS)).tolist(), strict=True))


def fates(block: Block, progress: Advance, steps: NDArray[np.int64]) -> dict[str, NDArray[Any]]:
    """Fate of each run of a block that went from its beginning to its end: arrays of `Fates` by name.

    ``progress`` has measures of every epoch, and ``steps`` are those after which it kept states. Where the
    population is too large to be measured in every epoch, the test set stands for it in the stages.
    """
    loss, accuracy = final_measures(block, progress)
    each = [_fate(block, progress, steps, i, float(accuracy[i, 2])) for i in range(len(block.seeds))]
    columns = {name: np.array([one[name] for one in each]) for name in each[0]}
    by_set = dict(zip(SETS, accuracy.T, strict=True))
    return {**by_set, "train_loss": loss[:, 0], **columns}


def _fate(
    block: Block, progress: Advance, steps: NDArray[np.int64], i: int, accuracy: float
) -> dict[str, Any]:
    """Circuit, stages and spikes of one run, whose accuracy on the population at the end is known."""
    task, model = block.task, block.model
    found = circuit(task, model, unflatten(task, model, progress.state[i, 0]), accuracy=accuracy)
    measured = "population" if "population" in block.sets else "test"
    by_epoch = progress.accuracy[i, :, block.sets.index(measured)]
    epochs = steps // block.training.per_epoch(task)
    stages = find_stages(task, model, found, epochs, progress.kept[i, :, 0], by_epoch)
    return {
        "label": np.int8(LABELS.index(found.label)),
        "formed_epoch": np.nan if stages.formed is None else float(stages.formed),
        "read_epoch": np.nan if stages.read is None else float(stages.read),
        "spikes": len(find_spikes(progress.loss[i, :, 0])),
    }


def final_measures(block: Block, progress: Advance) -> tuple[FloatArray, FloatArray]:
    """Loss and accuracy (n, sets) of each run at its end, on `SETS`."""
    loss, accuracy = progress.loss[:, -1], progress.accuracy[:, -1]
    if len(block.sets) == len(SETS):
        return loss, accuracy
    rest = whole_population(block, progress.state[:, 0])
    return np.hstack([loss, rest[0]]), np.hstack([accuracy, rest[1]])


def whole_population(block: Block, weights: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Loss and accuracy (n, 2) of weights (n, n_weights) on the population and on its unseen part.

    Of more than 10^6 sequences a sample is taken. NaN if no sequence is unseen.
    """
    population = block.task.population()
    rows = _as_words(population)
    unseen = [~np.isin(rows, _as_words(block.task.data(seed).train)) for seed in block.seeds]
    counts = np.stack([np.ones((len(unseen), len(rows))), np.array(unseen, dtype=np.float64)], axis=1)
    sums = np.zeros((2, len(unseen), 2))
    for i in range(0, len(rows), CHUNK):
        part = slice(i, i + CHUNK)
        sums += block.measure(weights, population[part], counts[:, :, part])
    with np.errstate(invalid="ignore"):
        loss, accuracy = sums / counts.sum(axis=2)
    return loss, np.where(np.isnan(loss), np.nan, accuracy)


def _as_words(sequences: NDArray[np.int8]) -> NDArray[Any]:
    """Each sequence as one entry."""
    return np.ascontiguousarray(sequences).view(f"V{sequences.shape[1]}")[:, 0]
