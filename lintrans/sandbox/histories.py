"""Everything that is measured of one run over its training: circuit, gradient, curvature."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from lintrans.errors import InputError, count
from lintrans.sandbox.curvature import edge, preconditioner, sharpness
from lintrans.sandbox.labels import LABELS, circuit
from lintrans.sandbox.measures import gradient_norms, measure_circuit
from lintrans.sandbox.model import PARTS, Model, unflatten
from lintrans.sandbox.network import loss
from lintrans.sandbox.runs import Runs
from lintrans.sandbox.spike_records import SpikeRecords, lost_sequences, records, sequence_names
from lintrans.sandbox.spikes import Spike
from lintrans.sandbox.task import Task, distinct
from lintrans.sandbox.training import Training
from lintrans.sweeps.executors import Threads
from lintrans.sweeps.grid import Progress
from lintrans.sweeps.results import Result, axis, categories, on

FloatArray = NDArray[np.float64]
N_EIGENVALUES = 3  # of the Hessian
HEAD = (
    *("steps", "loss", "accuracy", "counts", "order", "suffix", "mass", "clusters", "least |xi|"),
    *("sharpness", "preconditioned", "circuit"),
)


@dataclass(frozen=True, eq=False, kw_only=True)
class History(Result):
    """Measures of one run over its training.

    Sharpness are the largest eigenvalues of the Hessian of the training loss over the weights that are
    trained, in units of the learning rate of each; with Adam the preconditioned one is held against the edge
    of stability, and is NaN before the first step. The edge is that of full-batch training with moments that
    stand still: batches can be unstable below it.
    """

    kind: ClassVar[str] = "sandbox_measures"

    step: NDArray[np.int64] = axis("steps done")
    weights: NDArray[np.str_] = axis("part of the weights")
    eigenvalue: NDArray[np.int64] = axis("number of an eigenvalue, the largest first")
    spike: NDArray[np.int64] | None = axis("epoch at which a spike of the loss begins", optional=True)
    sequence: NDArray[np.str_] | None = axis("tokens of a sequence", optional=True)
    loss: FloatArray = on("step", text="cross entropy of the training set, in nats")
    accuracy: FloatArray = on("step", text="share of right answers on the population, or a sample of it")
    between_counts: FloatArray = on(
        "step", text="share of the variance of xi between counts of summed tokens"
    )
    order: FloatArray = on("step", text="share between orders of the same summed tokens")
    suffix: FloatArray = on("step", text="share of all positions that are not summed")
    mass: FloatArray = on("step", text="mean attention on the summed positions")
    clusters: NDArray[np.int64] = on("step", text="clusters of xi")
    least_xi: FloatArray = on("step", text="least length of xi over the population")
    mean_xi: FloatArray = on("step", text="mean length of xi over the population")
    label: NDArray[np.int8] = categories("step", name="circuit label", labels=LABELS)
    gradient: FloatArray = on("step", "weights", text="norm of the gradient of the training loss")
    edge: FloatArray = on("step", text="curvature above which the optimiser is unstable; inf at rate 0")
    sharpness: FloatArray | None = on(
        "step", "eigenvalue", text="largest eigenvalues of the Hessian", optional=True
    )
    preconditioned: FloatArray | None = on(
        "step",
        "eigenvalue",
        text="largest eigenvalues of the Hessian over Adam's root of the second moment",
        optional=True,
    )
    spikes: SpikeRecords | None = on("spike", parts=SpikeRecords, optional=True)
    lost: NDArray[np.uint8] | None = on(
        "spike", "sequence", text="1 if right at the onset of a spike and wrong at its peak", optional=True
    )

    def summary(self) -> dict[str, Any]:
        """Measures at the end."""
        columns = {v.name: v.values[-1] for v in self.variables() if v.dims == ("step",)}
        return (
            {"seed": self.settings["seed"], "edge": self.edge} | columns | {"label": LABELS[self.label[-1]]}
        )

    def answer(self) -> dict[str, Any]:
        """All arrays by name, labels as words, and spikes as `spike_rows` if they were explained."""
        arrays = {v.name: v.values for v in self.variables() if not {"spike", "sequence"} & set(v.dims)}
        spikes = {"spikes": self.spike_rows()} if self.settings.get("spikes") else {}
        return {"seed": self.settings["seed"]} | arrays | {"label": self.labels} | spikes

    def spike_rows(self) -> list[dict[str, Any]]:
        """Explained spikes in plain numbers and strings, with the sequences whose right answer was lost."""
        if self.spike is None or self.spikes is None or self.lost is None or self.sequence is None:
            return []
        rows = zip(self.spike.tolist(), self.spikes.rows(), self.lost == 1, strict=True)
        return [
            {"epoch": epoch} | row | {"lost": int(lost.sum()), "lost_sequences": self.sequence[lost].tolist()}
            for epoch, row, lost in rows
        ]

    @property
    def labels(self) -> list[str]:
        """Circuit label at each step."""
        return [LABELS[i] for i in self.label.tolist()]

    def lines(self) -> list[tuple[str, ...]]:
        """Measures at about ten steps, as rows of a table."""
        chosen = np.unique(np.linspace(0, self.step.size - 1, 11).round().astype(int)).tolist()
        clusters = f"clusters of {Task(**self.settings['task']).n_classes}"
        head = tuple(clusters if name == "clusters" else name for name in HEAD)
        return [head, *(self._line(i) for i in chosen)]

    def _line(self, i: int) -> tuple[str, ...]:
        shares = (x[i] for x in (self.accuracy, self.between_counts, self.order, self.suffix, self.mass))
        curved = (x[i, 0] if x is not None else np.nan for x in (self.sharpness, self.preconditioned))
        return (
            str(self.step[i]),
            f"{self.loss[i]:.3g}",
            *(f"{x:.1%}" for x in shares),
            str(self.clusters[i]),
            f"{self.least_xi[i]:.3g}",
            *("-" if np.isnan(x) else f"{x:.4g}" for x in curved),
            self.labels[i],
        )


def measure_run(
    runs: Runs,
    seed: int,
    *,
    steps: Sequence[int] | None = None,
    curvature: bool = True,
    spikes: Sequence[Spike] | None = None,
    n_threads: int | None = None,
    progress: Progress | None = None,
) -> History:
    """Measure one run at its snapshots, or at any steps, for which it is run again from the snapshots.

    Parameters
    ----------
    runs, seed
        Which run.
    steps
        Increasing; all snapshots by default.
    curvature
        Whether to compute sharpness: most of the time.
    spikes
        Explained spikes of the run (`spikes_of_run`), to be kept with the measures.
    n_threads, progress
        As in `lintrans.sweeps.run`.

    Raises
    ------
    InputError
        If there is no such run, or a step lies outside of it.

    Examples
    --------
    >>> from lintrans.sandbox.runs import train
    >>> runs = train(seeds=[0], training=Training(n_epochs=1))
    >>> measure_run(runs, 0, curvature=False).labels
    ['none', 'none']
    """
    chosen = runs.step if steps is None else np.asarray([count("a step", s, minimum=0) for s in steps])
    if chosen.size == 0 or (np.diff(chosen) <= 0).any():
        raise InputError(
            f"steps must be increasing and at least one, got {chosen.size}; pass sorted(set(steps))"
        )
    task, model, training = runs.task, runs.model, runs.training
    states = runs.state[runs.row(seed)] if steps is None else runs.replay(seed, chosen)
    data = distinct(task.data(seed).train)
    points = [
        _Point(task, model, training, *data, int(s), x, curvature)
        for s, x in zip(chosen, states, strict=True)
    ]
    measured: list[Any] = [None] * len(points)
    for i, (_, found) in enumerate(Threads(n_threads).map(_measure, list(enumerate(points)))):
        measured[found[0]] = found[1]
        if progress:
            progress(i + 1, len(points), {})
    whole = measure_circuit(task, model, states[:, 0])
    columns: dict[str, Any] = {name: np.array([one[name] for one in measured]) for name in measured[0]}
    columns["edge"] = np.array([_edge(task, training, step) for step in chosen.tolist()])
    if spikes:  # a file has no empty axes
        columns["spike"] = np.array([one.epoch for one in spikes])
        columns["sequence"] = sequence_names(task)
        columns["spikes"] = records(spikes)
        columns["lost"] = lost_sequences(task, spikes)
    asked = {"seed": int(seed), "curvature": curvature, "spikes": spikes is not None}
    return History(
        step=chosen,
        weights=np.array(PARTS),
        eigenvalue=np.arange(1, N_EIGENVALUES + 1),
        **vars(whole),
        **columns,
        settings=runs.settings | asked,
    )


def _edge(task: Task, training: Training, step: int) -> float:
    """Edge of stability at a step of the schedule."""
    factors = training.factors(task)
    relative = float(factors[min(step, factors.size - 1)])
    return edge(training, relative=relative) if relative > 0 else np.inf


@dataclass(frozen=True)
class _Point:
    """One state of a run."""

    task: Task
    model: Model
    training: Training
    sequences: NDArray[Any]
    shares: FloatArray
    step: int
    state: FloatArray
    curvature: bool


def _measure(item: tuple[int, _Point]) -> tuple[int, dict[str, Any]]:
    """Loss, label, gradient and curvature of one state."""
    number, at = item
    weights = unflatten(at.task, at.model, at.state[0])
    found = circuit(at.task, at.model, weights)
    norms = gradient_norms(at.task, at.model, weights, at.sequences, at.shares)
    measured: dict[str, Any] = {
        "loss": float(loss(at.task, at.model, weights, at.sequences, at.shares)),
        "accuracy": found.accuracy,
        "label": np.int8(LABELS.index(found.label)),
        "gradient": [norms[part] for part in PARTS],
    }
    return number, measured | (_curvature(at) if at.curvature else {})


def _curvature(at: _Point) -> dict[str, FloatArray]:
    weights = unflatten(at.task, at.model, at.state[0])
    where = at.task, at.model, weights, at.sequences, at.shares
    plain = preconditioned = np.full(N_EIGENVALUES, np.nan)
    if np.isfinite(at.state).all():
        plain = sharpness(*where, factors=at.training.rates(at.task, at.model), n=N_EIGENVALUES)
        if at.training.optimizer == "adam" and at.step > 0:
            factors = preconditioner(at.task, at.model, at.training, at.state[2], at.step)
            preconditioned = sharpness(*where, factors=factors, n=N_EIGENVALUES)
    found = {"sharpness": plain}
    return found | ({"preconditioned": preconditioned} if at.training.optimizer == "adam" else {})
