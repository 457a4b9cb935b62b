"""Studies: the fates of runs over seeds in several settings, side by side in one file."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from lintrans.errors import InputError, instance, listed, settle
from lintrans.sandbox.blocks import Block
from lintrans.sandbox.fates import Fates, fates, label_counts
from lintrans.sandbox.kernels import LANES
from lintrans.sandbox.labels import LABELS
from lintrans.sandbox.model import Model
from lintrans.sandbox.runs import N_SNAPSHOTS, check_seeds, snapshot_steps
from lintrans.sandbox.task import Task
from lintrans.sandbox.training import Training
from lintrans.sweeps.executors import Threads
from lintrans.sweeps.grid import Arrays, Progress, Sweep, compute, takes
from lintrans.sweeps.results import Result, axis, on

IntArray = NDArray[np.int64]


@dataclass(frozen=True)
class Case:
    """One setting of a study.

    Parameters
    ----------
    name : str
        What is special about it; different for every case of a study.
    model : Model
    training : Training
    """

    name: str
    model: Model = field(default_factory=Model)
    training: Training = field(default_factory=Training)

    def settings(self) -> dict[str, Any]:
        """All fields, as settings of a result."""
        return {"name": self.name, "model": self.model.settings(), "training": self.training.settings()}


def cases(
    model: Model | None = None,
    training: Training | None = None,
    *,
    rates: Iterable[float] = (),
    widths: Iterable[int] = (),
    batch_sizes: Iterable[int] = (),
) -> tuple[Case, ...]:
    """Every combination of learning rates, widths and batch sizes; what is not given is that of the setting.

    Examples
    --------
    >>> [case.name for case in cases(rates=[1e-3, 3e-3], widths=[8])]
    ['rate 0.001, width 8', 'rate 0.003, width 8']
    """
    model, training = model or Model(), training or Training()
    rates, widths, batch_sizes = tuple(rates), tuple(widths), tuple(batch_sizes)
    axes: dict[str, tuple[Any, ...]] = {
        "rate": rates or (training.rate,),
        "width": widths or (model.width,),
        "batch size": batch_sizes or (training.batch_size,),
    }
    given = [name for name, values in zip(axes, (rates, widths, batch_sizes), strict=True) if values]
    made = []
    for values in itertools.product(*axes.values()):
        chosen = dict(zip(axes, values, strict=True))
        name = ", ".join(f"{key} {chosen[key]:g}" for key in given) or "default"
        setting = replace(training, rate=chosen["rate"], batch_size=chosen["batch size"])
        made.append(Case(name, replace(model, width=chosen["width"]), setting))
    return tuple(made)


@dataclass(frozen=True, eq=False, kw_only=True)
class Study(Result):
    """Fates of runs by setting and seed."""

    kind: ClassVar[str] = "sandbox_study"

    case: NDArray[np.str_] = axis("setting")
    seed: IntArray = axis("seed of data, initial weights and batches")
    fates: Fates = on("case", "seed", parts=Fates)

    @property
    def task(self) -> Task:
        """What was learned."""
        return Task(**self.settings["task"])

    @property
    def cases(self) -> tuple[Case, ...]:
        """Settings."""
        return tuple(
            Case(one["name"], Model(**one["model"]), Training(**one["training"]))
            for one in self.settings["cases"]
        )

    def of(self, case: str) -> Fates:
        """Fates of the runs of one setting.

        Raises
        ------
        InputError
            If there is no such setting.
        """
        found = np.flatnonzero(self.case == case)
        if not found.size:
            raise InputError(f"case must be one of {', '.join(self.case)}, got {case!r}; choose one")
        return self.fates.at(int(found[0]))

    def table(self) -> list[dict[str, Any]]:
        """Counts by setting, in plain numbers and strings."""
        return [_counts(name, self.fates.at(i)) for i, name in enumerate(self.case.tolist())]

    def summary(self) -> dict[str, Any]:
        """Shares of success and of each label by setting, with their 95 % intervals."""
        return {
            name: {
                key: share._asdict() for key, share in (("solved", found.success()), *found.shares().items())
            }
            for name, found in ((name, self.of(name)) for name in self.case.tolist())
        }

    def answer(self) -> dict[str, Any]:
        """Counts by setting, with intervals of success."""
        return {"n_runs": self.seed.size, "cases": self.table()}

    def lines(self) -> list[tuple[str, ...]]:
        """Counts by setting, as rows of a table."""
        head = ("setting", "solved", "95 % interval", *LABELS, "read at", "spikes")
        return [head, *(_line(row, self.seed.size) for row in self.table())]


def _counts(name: str, found: Fates) -> dict[str, Any]:
    share, solved = found.success(), found.solved
    return {
        "case": name,
        "solved": int(solved.sum()),
        "low": share.low,
        "high": share.high,
        **label_counts(found.label),
        "median_read_epoch": float(np.median(found.read_epoch[solved])) if solved.any() else np.nan,
        "spikes_of_solved": float(found.spikes[solved].mean()) if solved.any() else np.nan,
    }


def _line(row: dict[str, Any], n: int) -> tuple[str, ...]:
    read, spikes = row["median_read_epoch"], row["spikes_of_solved"]
    return (
        row["case"],
        f"{row['solved']} of {n}",
        f"{row['low']:.0%} to {row['high']:.0%}",
        *(str(row[name]) for name in LABELS),
        "-" if np.isnan(read) else f"{read:.0f}",
        "-" if np.isnan(spikes) else f"{spikes:.1f}",
    )


@dataclass(frozen=True, eq=False, kw_only=True)
class StudySweep(Sweep):
    """Runs in several settings over the same seeds.

    Parameters
    ----------
    cases
        Settings (`lintrans.sandbox.Case`), with different names.
    task
        What is learned in all of them.
    seeds
        Increasing. The same seed sees the same sequences in every setting.

    Raises
    ------
    InputError
        If an argument is out of range, or two names are the same.
    """

    result = Study
    block = LANES

    cases: Sequence[Case] = field(kw_only=False)
    task: Task = field(default_factory=Task)
    seeds: Sequence[int] = tuple(range(32))

    def __post_init__(self) -> None:
        given = listed("cases", self.cases)
        names = [instance("a case", case, Case).name for case in given]
        if not names or "" in names or len(set(names)) < len(names):
            raise InputError(f"cases must have different names, got {', '.join(names) or 'none'}; name each")
        settle(self, cases=given, seeds=check_seeds(self.seeds))
        for case in given:
            _ = Block(self.task, case.model, case.training, tuple(self.seeds[:1]))  # checks that a batch fits

    @property
    def shape(self) -> tuple[int, ...]:
        """Settings and runs."""
        return len(self.cases), len(self.seeds)

    @property
    def steps_per_cell(self) -> int:
        """Steps of the longest run."""
        return max(case.training.n_steps(self.task) for case in self.cases)

    @property
    def cells_per_tile(self) -> int:
        """Runs that train side by side."""
        return LANES

    @property
    def tile_shape(self) -> tuple[int, ...]:
        """Runs of one setting."""
        return 1, min(LANES, len(self.seeds))

    def axes(self) -> Arrays:
        """Names of the settings, and seeds."""
        names = np.array([case.name for case in self.cases])
        return {"case": names, "seed": np.array(self.seeds, dtype=np.int64)}

    def settings(self) -> dict[str, Any]:
        """Task and settings."""
        return {"task": self.task.settings(), "cases": [case.settings() for case in self.cases]}

    def compute(self, *place: slice) -> Arrays:
        """Train the runs of a part."""
        rows = [self._of_case(case, place[1]) for case in self.cases[place[0]]]
        return {name: np.stack([row[name] for row in rows]) for name in rows[0]}

    def tally(self, arrays: Arrays) -> dict[str, int]:
        """Runs by label."""
        return {name: n for name, n in label_counts(arrays["label"]).items() if n}

    def _of_case(self, case: Case, part: slice) -> Arrays:
        block = Block(self.task, case.model, case.training, tuple(self.seeds[part]))
        steps = snapshot_steps(self.task, case.training, N_SNAPSHOTS)
        end = case.training.n_steps(self.task)
        return fates(block, block.advance(block.begin(), (0, end), marks=steps.tolist()), steps)


@takes(StudySweep)
def study(
    *args: Any, n_threads: int | None = None, progress: Progress | None = None, **options: Any
) -> Study:
    """Train runs in several settings over the same seeds, and count their fates.

    Arguments are those of `lintrans.sandbox.StudySweep`. To compute into a file, which can be interrupted and
    resumed, pass the sweep to `lintrans.run_to_file`.

    Examples
    --------
    >>> short = Training(n_epochs=1)
    >>> found = study(cases(training=short, widths=[8, 16]), seeds=[0, 1])
    >>> found.table()[1]["case"], found.table()[1]["none"]
    ('width 16', 2)
    """
    sweep = StudySweep(*args, **options)
    result: Study = compute(sweep, executor=Threads(n_threads), progress=progress)
    return result
