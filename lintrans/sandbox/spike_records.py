"""Spikes of a run, explained one by one and kept in a file."""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lintrans.errors import InputError
from lintrans.sandbox.model import GROUPS
from lintrans.sandbox.runs import Runs
from lintrans.sandbox.spikes import Spike, explain_spike
from lintrans.sandbox.task import Task
from lintrans.sandbox.xi import sequence_grid
from lintrans.sweeps.executors import Threads
from lintrans.sweeps.grid import Progress
from lintrans.sweeps.results import categories, on

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]

LEADERS = (*GROUPS, "none")
DIGITS = 10  # tokens that are written as one digit


@dataclass(frozen=True)
class SpikeRecords:
    """What happened in the spikes of a run, as `lintrans.sandbox.Spike` says of one.

    Attributes
    ----------
    onset, peak : (n,) int array
        Steps done.
    usual_loss, peak_loss : (n,) array
        Training loss, in nats.
    xi_rank : (n,) array
        Mean share of the population with a smaller |xi| than the sequences that were lost; NaN if none were.
    leader : (n,) int array
        Number of the group of weights whose curvature rose first, in `LEADERS`.
    """

    onset: IntArray = on(text="last step with a loss near the usual one")
    peak: IntArray = on(text="step of the largest loss")
    usual_loss: FloatArray = on(text="median training loss before, in nats")
    peak_loss: FloatArray = on(text="largest training loss, in nats")
    xi_rank: FloatArray = on(text="mean rank by |xi| of the sequences that were lost, from 0 to 1")
    leader: NDArray[np.int8] = categories(name="weights whose curvature rose first", labels=LEADERS)

    def rows(self) -> list[dict[str, Any]]:
        """Each spike in plain numbers and a string."""
        columns = {f.name: getattr(self, f.name).tolist() for f in fields(self)}
        rows = (dict(zip(columns, values, strict=True)) for values in zip(*columns.values(), strict=True))
        return [row | {"leader": LEADERS[row["leader"]]} for row in rows]


def spikes_of_run(
    runs: Runs, seed: int, *, n_threads: int | None = None, progress: Progress | None = None
) -> list[Spike]:
    """Explain every spike of a run; each takes a second or two.

    One whose loss is above that of neither epoch before it, when these are run again step by step, is left
    out.

    Parameters
    ----------
    runs, seed
        Which run.
    n_threads, progress
        As in `lintrans.sweeps.run`.

    Raises
    ------
    InputError
        If there is no such run.
    """
    states, epochs = runs.state[runs.row(seed)], runs.spikes(seed)
    setting = runs.task, runs.model, runs.training, int(seed), runs.step, states

    def explain(epoch: int) -> Spike | None:
        with contextlib.suppress(InputError):
            return explain_spike(*setting, epoch)
        return None

    found: dict[int, Spike | None] = {}
    for i, (epoch, spike) in enumerate(Threads(n_threads).map(explain, epochs)):
        found[epoch] = spike
        if progress:
            progress(i + 1, len(epochs), {})
    return [spike for spike in (found[epoch] for epoch in epochs) if spike is not None]


def records(spikes: Sequence[Spike]) -> SpikeRecords:
    """Explained spikes as arrays."""
    numbers = [f.name for f in fields(SpikeRecords) if f.name != "leader"]
    columns = {name: np.array([getattr(one, name) for one in spikes]) for name in numbers}
    leaders = [LEADERS.index(one.leader or "none") for one in spikes]
    return SpikeRecords(**columns, leader=np.array(leaders, dtype=np.int8))


def lost_sequences(task: Task, spikes: Sequence[Spike]) -> NDArray[np.uint8]:
    """Which sequences each spike lost: (n, n_sequences) of 0 and 1, in the order of the names."""
    places = {name: i for i, name in enumerate(sequence_names(task).tolist())}
    lost = np.zeros((len(spikes), len(places)), dtype=np.uint8)
    for row, one in zip(lost, spikes, strict=True):
        row[[places[name] for name in names(task, one.crossed)]] = 1
    return lost


def sequence_names(task: Task) -> NDArray[np.str_]:
    """Names of the sequences that stand for the population, in the order of `sequence_grid`."""
    return np.array(names(task, sequence_grid(task).sequences))


def names(task: Task, sequences: NDArray[Any]) -> list[str]:
    """Tokens of each sequence: as digits, or as numbers with points between them if p is above 10."""
    return [("" if task.p <= DIGITS else ".").join(map(str, one)) for one in sequences.tolist()]
