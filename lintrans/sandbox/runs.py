"""Many runs of one setting, each with its own seed: what they found, and how, in one file."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from lintrans.errors import InputError, check_seed, count, listed, settle
from lintrans.sandbox.blocks import STATE, Block, states_at
from lintrans.sandbox.fates import Fates, fates, label_counts
from lintrans.sandbox.kernels import LANES
from lintrans.sandbox.labels import LABELS
from lintrans.sandbox.model import Model
from lintrans.sandbox.spikes import find_spikes
from lintrans.sandbox.task import Task
from lintrans.sandbox.training import Training
from lintrans.sweeps.executors import Threads
from lintrans.sweeps.grid import Arrays, Progress, Sweep, compute, takes
from lintrans.sweeps.results import Result, axis, on

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]

N_SNAPSHOTS = 101


@dataclass(frozen=True, eq=False, kw_only=True)
class Runs(Result):
    """Runs of one setting by seed: losses, snapshots, and what became of each.

    Snapshots hold weights and both moments of the optimiser in full: training goes on from any of them
    (`Runs.replay`), to the same states as without the interruption.
    """

    kind: ClassVar[str] = "sandbox_runs"

    seed: IntArray = axis("seed of data, initial weights and batches")
    epoch: IntArray = axis("epochs done")
    measured: NDArray[np.str_] = axis("sequences that are measured in every epoch")
    step: IntArray = axis("steps done at a snapshot")
    part: NDArray[np.str_] = axis("weights, and both moments of the optimiser")
    weight: NDArray[np.str_] = axis("name of a weight")
    loss: FloatArray = on("seed", "epoch", "measured", text="cross entropy, in nats")
    accuracy: FloatArray = on("seed", "epoch", "measured", text="share of right answers")
    batch_loss: FloatArray = on("seed", "epoch", text="mean loss over the batches of an epoch; NaN at 0")
    batch_accuracy: FloatArray = on("seed", "epoch", text="share of right answers in these batches; NaN at 0")
    state: FloatArray = on("seed", "step", "part", "weight", text="state of training at a snapshot")
    fates: Fates = on("seed", parts=Fates)

    @property
    def task(self) -> Task:
        """What was learned."""
        return Task(**self.settings["task"])

    @property
    def model(self) -> Model:
        """What learned it."""
        return Model(**self.settings["model"])

    @property
    def training(self) -> Training:
        """How."""
        return Training(**self.settings["training"])

    def row(self, seed: int) -> int:
        """Place of a seed along its axis.

        Raises
        ------
        InputError
            If there is no run with this seed.
        """
        found = np.flatnonzero(self.seed == seed)
        if not found.size:
            seeds = f"{self.seed[0]} to {self.seed[-1]}" if self.seed.size > 1 else self.seed[0]
            raise InputError(
                f"seed must be one of the {self.seed.size} runs ({seeds}), got {seed}; choose one"
            )
        return int(found[0])

    def replay(self, seed: int, steps: Sequence[int] | IntArray) -> FloatArray:
        """States (steps, 3, n_weights) of a run after any steps, trained on from the snapshots before them.

        They are those of the run itself, to the bit on a machine of the same kind.

        Parameters
        ----------
        seed
            Of a run.
        steps
            Increasing, from 0 to the last snapshot.
        """
        row, block = self.row(seed), Block(self.task, self.model, self.training, (int(seed),))
        return states_at(block, self.step, self.state[row], steps, last=int(self.step[-1]))

    def label(self, seed: int) -> str:
        """Circuit of a run at its end."""
        return LABELS[self.fates.label[self.row(seed)]]

    def spikes(self, seed: int) -> list[int]:
        """Epochs at which a spike of the training loss begins."""
        return find_spikes(self.loss[self.row(seed), 1:, 0])

    def best(self, label: str = "") -> int:
        """Seed of the run to be shown: those that solve the task first, then by label, then by time to read.

        The order of labels is that of `LABELS`; the time to read is the epoch at which accuracy reached 99 %.

        Parameters
        ----------
        label
            Only runs with this label.

        Raises
        ------
        InputError
            If the label is unknown, or no run has it.
        """
        if label and label not in LABELS:
            raise InputError(f"label must be one of {', '.join(LABELS)}, got {label!r}; choose one")
        chosen = (
            np.flatnonzero(self.fates.label == LABELS.index(label)) if label else np.arange(self.seed.size)
        )
        if not chosen.size:
            found = sorted({LABELS[i] for i in self.fates.label.tolist()})
            raise InputError(
                f"a run must have the label {label!r}, got {', '.join(found)}; choose one of these"
            )
        f = self.fates
        keys = [
            (not f.solved[i], int(f.label[i]), float(np.nan_to_num(f.read_epoch[i], nan=np.inf)), i)
            for i in chosen
        ]
        return int(self.seed[min(keys)[-1]])

    def gallery(self) -> dict[str, int]:
        """Seed of one run of each label that occurs, the best of its kind."""
        return {name: self.best(name) for i, name in enumerate(LABELS) if (self.fates.label == i).any()}

    def summary(self) -> dict[str, Any]:
        """Shares of success and of each label, with their 95 % intervals."""
        shares = {name: share._asdict() for name, share in self.fates.shares().items()}
        return {"n_runs": self.seed.size, "solved": self.fates.success()._asdict(), "labels": shares}

    def answer(self) -> dict[str, Any]:
        """Summary, and the fate of each run."""
        return self.summary() | {"runs": self.table()}

    def table(self) -> list[dict[str, Any]]:
        """Fate of each run by seed, in plain numbers and strings."""
        return [
            {"seed": seed, **row} for seed, row in zip(self.seed.tolist(), self.fates.rows(), strict=True)
        ]

    def lines(self) -> list[tuple[str, ...]]:
        """Fate of each run, and counts of fates."""
        return [*table_lines(self.table()), *share_lines(self.fates)]


def table_lines(rows: list[dict[str, Any]]) -> list[tuple[str, ...]]:
    """Fates of runs as rows of a table."""
    head = ("seed", "train", "test", "unseen", "all", "circuit", "formed at", "read at", "spikes")
    names = ("train", "test", "unseen", "population")
    return [
        head,
        *(
            (
                str(row["seed"]),
                *(_share(row[name]) for name in names),
                row["label"],
                *(_epoch(row[name]) for name in ("formed_epoch", "read_epoch")),
                str(row["spikes"]),
            )
            for row in rows
        ),
    ]


def share_lines(found: Fates) -> list[tuple[str, ...]]:
    """Counts of fates with their intervals, as rows of a table."""
    n, shares = found.label.size, {"solved": found.success(), **found.shares()}
    return [
        (name, f"{round(share.value * n)} of {n}", f"{share.low:.0%} to {share.high:.0%}")
        for name, share in shares.items()
    ]


def _share(value: float) -> str:
    return "-" if np.isnan(value) else f"{value:.1%}"


def _epoch(value: float) -> str:
    return "-" if np.isnan(value) else f"{value:.0f}"


@dataclass(frozen=True, eq=False, kw_only=True)
class RunSweep(Sweep):
    """Runs of one setting, one a seed.

    Parameters
    ----------
    task, model, training
        What is learned, by what, and how.
    seeds
        Increasing. Runs with the same seed and other settings see the same sequences.
    n_snapshots
        States that are kept, first and last among them, evenly spaced over the epochs. Training goes on from
        each to any other step, so that few are enough; 1,001 are one an epoch by default.

    Raises
    ------
    InputError
        If an argument is out of range.
    """

    result = Runs
    block = LANES

    task: Task = field(default_factory=Task)
    model: Model = field(default_factory=Model)
    training: Training = field(default_factory=Training)
    seeds: Sequence[int] = tuple(range(32))
    n_snapshots: int = N_SNAPSHOTS

    def __post_init__(self) -> None:
        seeds = check_seeds(self.seeds)
        n = count("n_snapshots", self.n_snapshots, minimum=2)
        _ = Block(self.task, self.model, self.training, seeds[:1])  # checks these, and that a batch fits
        settle(self, seeds=seeds, n_snapshots=min(n, self.training.n_epochs + 1))

    @property
    def shape(self) -> tuple[int, ...]:
        """Runs."""
        return (len(self.seeds),)

    @property
    def steps_per_cell(self) -> int:
        """Steps of a run."""
        return self.training.n_steps(self.task)

    @property
    def cells_per_tile(self) -> int:
        """Runs that train side by side."""
        return LANES

    @property
    def steps(self) -> IntArray:
        """Steps of the snapshots: ends of epochs."""
        return snapshot_steps(self.task, self.training, self.n_snapshots)

    def axes(self) -> Arrays:
        """Seeds, epochs, sets, snapshots, names of weights."""
        return {
            "seed": np.array(self.seeds, dtype=np.int64),
            "epoch": np.arange(self.training.n_epochs + 1),
            "measured": np.array(self._block(slice(1)).sets),
            "step": self.steps,
            "part": np.array(STATE),
            "weight": np.array(self.model.weight_names(self.task)),
        }

    def settings(self) -> dict[str, Any]:
        """Task, model and training."""
        return {name: getattr(self, name).settings() for name in ("task", "model", "training")}

    def compute(self, *place: slice) -> Arrays:
        """Train the runs of a part."""
        block, steps = self._block(place[0]), self.steps
        state = block.begin()
        progress = block.advance(state, (0, self.steps_per_cell), marks=steps.tolist())
        loss, accuracy = (x[:, None] for x in block.measure_sets(state[:, 0]))
        unknown = np.full((len(state), 1), np.nan)  # no batch before the first
        return {
            "loss": np.hstack([loss, progress.loss]),
            "accuracy": np.hstack([accuracy, progress.accuracy]),
            "batch_loss": np.hstack([unknown, progress.batch_loss]),
            "batch_accuracy": np.hstack([unknown, progress.batch_accuracy]),
            "state": progress.kept,
            **fates(block, progress, steps),
        }

    def tally(self, arrays: Arrays) -> dict[str, int]:
        """Runs by label."""
        return {name: n for name, n in label_counts(arrays["label"]).items() if n}

    def _block(self, part: slice) -> Block:
        return Block(self.task, self.model, self.training, tuple(self.seeds[part]))


def snapshot_steps(task: Task, training: Training, n_snapshots: int) -> IntArray:
    """Steps of so many snapshots, fewer if there are not as many epochs: first and last, evenly spaced."""
    n = min(n_snapshots, training.n_epochs + 1)
    epochs = np.linspace(0, training.n_epochs, n).round().astype(np.int64)
    return np.asarray(epochs * training.per_epoch(task))


def check_seeds(seeds: Sequence[int]) -> tuple[int, ...]:
    """Seeds as increasing whole numbers, at least one."""
    found = tuple(check_seed(seed) for seed in listed("seeds", seeds))
    if not found or any(b <= a for a, b in pairwise(found)):
        raise InputError(
            f"seeds must be increasing and at least one, got {len(found)}; pass sorted(set(seeds))"
        )
    return found


@takes(RunSweep)
def train(*args: Any, n_threads: int | None = None, progress: Progress | None = None, **options: Any) -> Runs:
    """Train runs of one setting, one a seed.

    Arguments are those of `lintrans.sandbox.RunSweep`. To compute into a file, which can be interrupted and
    resumed, pass the sweep to `lintrans.run_to_file`.

    Examples
    --------
    One epoch teaches nothing:

    >>> runs = train(seeds=[0, 1], training=Training(n_epochs=1))
    >>> runs.table()[0]["label"], runs.fates.success().value
    ('none', 0.0)
    """
    sweep = RunSweep(*args, **options)
    result: Runs = compute(sweep, executor=Threads(n_threads), progress=progress)
    return result
