"""The page of the sandbox: recorded runs, written for the browser.

Python writes weights over training and what was measured of them. Layers, answers and further training are
computed in the browser, from the same definitions.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from lintrans.errors import InputError, short
from lintrans.pages import Page
from lintrans.sandbox.blocks import SETS
from lintrans.sandbox.model import Model
from lintrans.sandbox.task import MAX_SHOWN, Task, shown_sequences
from lintrans.sandbox.training import Training
from lintrans.sweeps.results import versions

FOLDER = Path(__file__).parent
TITLE = "Sandbox: clustering heads on sparse modular addition"
MAX_RUNS = 6
MAX_BYTES = 6_000_000  # of the HTML file
SHELL = 450_000  # bytes kept free for scripts, styles and small numbers
MAX_STRIDE = 256
TEXT_OF_BYTES = 4 / 3  # base64


class PageRun(NamedTuple):
    """One recorded run, as the page takes it.

    Attributes
    ----------
    seed : int
        Of data, initial weights and batches.
    label : str
        Of the circuit at the end.
    steps : (n_snapshots,) int array
        Steps of the snapshots, increasing.
    weights : (n_snapshots, n_weights) array
        Weights after those steps; the page keeps float32.
    marks : (n_marks,) int array
        Steps of full states, from which training goes on in the browser; increasing.
    states : (n_marks, 3, n_weights) array
        Weights and both moments after those steps, in float64.
    loss, accuracy : (n_epochs + 1, 4) array
        Of training set, test set, population and unseen sequences after each epoch. Row 0 is before training.
        NaN is not measured.
    batch_loss : (n_epochs + 1,) array
        Mean over the batches of each epoch; NaN in row 0.
    spikes : sequence of int
        Epochs at which a spike begins.
    stages : mapping of str to int or None
        Epoch at which each stage ends; None if it does not.
    """

    seed: int
    label: str
    steps: NDArray[Any]
    weights: NDArray[Any]
    marks: NDArray[Any]
    states: NDArray[np.float64]
    loss: NDArray[np.float64]
    accuracy: NDArray[np.float64]
    batch_loss: NDArray[np.float64]
    spikes: Sequence[int] = ()
    stages: Mapping[str, int | None] = {}


def sandbox_page(
    runs: Sequence[PageRun],
    *,
    task: Task,
    model: Model,
    training: Training,
    epoch: int | None = None,
    beside: bool = False,
) -> Page:
    """Return recorded runs as a page that shows every layer at every snapshot, and trains on.

    The file has at most 6 MB. The first two runs keep all their snapshots if they fit, and the others as many
    as there is space for: every second, every fourth, and so on.

    Parameters
    ----------
    runs
        One to six. The first is shown first.
    task, model, training
        What was learned, by what, and how; the same for all runs. The model must have d = 2.
    epoch
        Epoch at which the page begins; the last by default.
    beside
        Whether the page begins with the second run beside the first.

    Returns
    -------
    Page
        Its ``data`` are

        - ``version``: of this package;
        - ``task``: ``p``, ``length``, ``positions``, ``nTokens``, ``nTrain``;
        - ``model``: ``d``, ``width``, ``norms``, and ``constants`` of norms by name;
        - ``training``: the options of a step as the browser takes them;
        - ``epochs``: ``n``, and ``steps`` of each;
        - ``sequences``: (n, L) array of the sequences that are shown, or None for all p^L in their order;
        - ``sets``: names of the columns of ``loss`` and ``accuracy``;
        - ``runs``: a list of the fields of `PageRun`, with ``train``, the training set, and ``isWhole``:
          whether no snapshot was left out;
        - ``start``: ``epoch`` at which the page begins, and ``other``: number of the run beside the first, or
          -1.

    Raises
    ------
    InputError
        If there are no runs or too many, arrays do not fit each other, d is not 2, or the page would be too
        large with every 256th snapshot.

    Examples
    --------
    >>> start = {"steps": np.array([0]), "weights": np.zeros((1, 198))}
    >>> full = {"marks": np.array([0]), "states": np.zeros((1, 3, 198))}
    >>> measured = {"loss": np.zeros((2, 4)), "accuracy": np.zeros((2, 4)), "batch_loss": np.zeros(2)}
    >>> run = PageRun(seed=0, label="none", **start, **full, **measured)
    >>> sandbox_page([run], task=Task(), model=Model(), training=Training(n_epochs=1)).data["epochs"]
    {'n': 1, 'steps': 64}
    """
    check_plane(model)
    if not 1 <= len(runs) <= MAX_RUNS:
        raise InputError(f"runs must be 1 to {MAX_RUNS} on a page, got {len(runs)}; choose some of them")
    for run in runs:
        _check_run(run, model.n_weights(task), training)
    data: dict[str, Any] = {
        "version": versions(())["lintrans"],
        "task": _task(task, model),
        "model": _model(model),
        "training": _training(task, training, model),
        "epochs": {"n": training.n_epochs, "steps": training.per_epoch(task)},
        "sequences": _sequences(task),
        "sets": list(SETS),
    }
    data["runs"] = _fitting(runs, task, _n_bytes(data))
    data["start"] = _start(training.n_epochs if epoch is None else epoch, training.n_epochs)
    data["start"]["other"] = 1 if beside and len(runs) > 1 else -1
    modules = FOLDER / "modules"
    files = modules / "sandbox.js", (FOLDER / "sandbox.css",), modules / "kernels/worker.js"
    return Page(TITLE, *files, data=data)


def check_plane(model: Model) -> None:
    """Refuse a model that a page cannot draw: embeddings that are not of two numbers."""
    if model.d != 2:
        raise InputError(f"d must be 2 on a page, which draws planes, got {model.d}; train with d = 2")


def _check_run(run: PageRun, n_weights: int, training: Training) -> None:
    n_epochs = training.n_epochs + 1
    shapes = {
        "steps": (len(run.steps),),
        "weights": (len(run.steps), n_weights),
        "states": (len(run.marks), 3, n_weights),
        "loss": (n_epochs, len(SETS)),
        "accuracy": (n_epochs, len(SETS)),
        "batch_loss": (n_epochs,),
    }
    for name, shape in shapes.items():
        found = np.shape(getattr(run, name))
        if found != shape:
            raise InputError(f"{name} of seed {run.seed} must have shape {shape}, got {found}; check the run")
    largest = np.abs(np.nan_to_num(run.weights, posinf=0, neginf=0)).max(initial=0)
    if largest > np.finfo(np.float32).max:
        raise InputError(
            f"weights of seed {run.seed} must be below 3e38 on a page, got {largest:.3g}; choose another run"
        )
    for name in ("steps", "marks"):
        values = np.asarray(getattr(run, name))
        if len(values) == 0 or values[0] < 0 or (np.diff(values) <= 0).any():
            raise InputError(
                f"{name} of seed {run.seed} must be increasing from 0 or more, got {values[:3]}...; sort them"
            )
    epochs = [*run.spikes, *(epoch for epoch in run.stages.values() if epoch is not None)]
    if any(not 0 <= epoch <= training.n_epochs for epoch in epochs):
        raise InputError(
            f"spikes of seed {run.seed} must be epochs from 0 to {training.n_epochs}, and so must stages, "
            f"got {short(epochs)}; check the run"
        )


def _task(task: Task, model: Model) -> dict[str, Any]:
    return {
        "p": task.p,
        "length": task.length,
        "positions": list(task.summed),
        "nTokens": model.n_tokens(task),
        "nTrain": task.n_train,
    }


def _model(model: Model) -> dict[str, Any]:
    norms = {
        "attention": model.attention_norm,
        "feedForward": model.feed_forward_norm,
        "attentionConstant": model.norm_constant(model.attention_norm),
        "feedForwardConstant": model.norm_constant(model.feed_forward_norm),
    }
    constants = {name: model.norm_constant(name) for name in ("rms", "smooth", "none")}
    return {"d": model.d, "width": model.width, "norms": norms, "constants": constants}


def _training(task: Task, training: Training, model: Model) -> dict[str, Any]:
    return {
        "rate": training.rate,
        "batchSize": training.batch_size,
        "optimizer": training.optimizer,
        "momentum": training.momentum,
        "beta2": training.beta2,
        "epsilon": training.epsilon,
        "schedule": None if training.schedule == "constant" else training.factors(task),
        "feedForwardRate": training.feed_forward_rate,
        "frozen": list(training.frozen),
        "weightDecay": training.weight_decay,
        "clip": training.clip,
        "dropout": training.dropout,
        "bias": model.bias,
    }


def _sequences(task: Task) -> NDArray[np.uint8] | None:
    """Sequences that the page shows; None for the whole population, which it counts up itself."""
    whole = task.n_sequences <= MAX_SHOWN
    return None if whole else shown_sequences(task).astype(np.uint8)


def _fitting(runs: Sequence[PageRun], task: Task, used: int) -> list[dict[str, Any]]:
    """Runs as data, with as many snapshots as the page has space for."""
    for strides in _strides(len(runs)):
        found = [_run(run, task, stride) for run, stride in zip(runs, strides, strict=True)]
        if (used + _n_bytes(found)) * TEXT_OF_BYTES + SHELL <= MAX_BYTES:
            return found
    raise InputError(
        f"runs must fit into a page of {MAX_BYTES // 10**6} MB, got {len(runs)} that do not; "
        "choose fewer runs, marks or epochs"
    )


def _strides(n: int) -> Iterator[list[int]]:
    """Strides of snapshots by run, from all of them on: the first two keep theirs as long as possible."""
    powers = [2**i for i in range(MAX_STRIDE.bit_length())]
    first = min(n, 2)
    if n > first:
        yield from ([1] * first + [stride] * (n - first) for stride in powers)
    yield from ([stride] * first + [max(stride, MAX_STRIDE)] * (n - first) for stride in powers)


def _run(run: PageRun, task: Task, stride: int) -> dict[str, Any]:
    last = len(run.steps) - 1
    kept = sorted({*range(0, last + 1, stride), last})
    return {
        "seed": str(run.seed),
        "label": run.label,
        "isWhole": stride == 1,
        "steps": np.asarray(run.steps)[kept].astype(np.int32),
        "weights": np.asarray(run.weights)[kept].astype(np.float32),
        "marks": np.asarray(run.marks).astype(np.int32),
        "states": np.asarray(run.states, dtype=np.float64),
        "loss": np.asarray(run.loss).astype(np.float32),
        "accuracy": np.asarray(run.accuracy).astype(np.float32),
        "batchLoss": np.asarray(run.batch_loss).astype(np.float32),
        "spikes": [int(epoch) for epoch in run.spikes],
        "stages": [{"name": name, "epoch": epoch} for name, epoch in run.stages.items()],
        "train": task.data(run.seed).train.astype(np.uint8),
    }


def _start(epoch: int, n_epochs: int) -> dict[str, int]:
    if not 0 <= epoch <= n_epochs:
        raise InputError(f"epoch must be 0 to {n_epochs}, got {epoch}; choose one of the run")
    return {"epoch": int(epoch)}


def _n_bytes(value: Any) -> int:
    """Bytes of all arrays in a value, at any depth."""
    if isinstance(value, np.ndarray):
        return value.nbytes
    if isinstance(value, Mapping):
        return sum(map(_n_bytes, value.values()))
    return sum(map(_n_bytes, value)) if isinstance(value, list) else 0
