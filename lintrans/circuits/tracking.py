"""Heads of a model over its checkpoints: a sweep whose cells are checkpoints, into one file."""

from __future__ import annotations

import gc
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from lintrans.circuits import scores
from lintrans.circuits.families import ModelShape, load, read_config, shape_of
from lintrans.circuits.files import chosen
from lintrans.circuits.heads import KINDS
from lintrans.circuits.measures import measure_heads
from lintrans.circuits.names import Revision
from lintrans.circuits.probes import LENGTH, N_REPEATED, Probe, published_probe, repeated_probe
from lintrans.circuits.rows import fitting_batch
from lintrans.circuits.sources import Source, open_source
from lintrans.circuits.trackings import UNKNOWN_STEP, Tracking
from lintrans.errors import InputError, count, instance, listed, settle
from lintrans.sweeps.executors import Threads
from lintrans.sweeps.grid import Arrays, Progress, Sweep, compute

__all__ = ["HeadSweep", "Tracking", "head_sweep", "measure", "shape_at", "standard_probe"]

_ONE_MODEL = threading.Lock()  # however many threads there are, memory holds one model
SAME = ("family", "n_layers", "n_heads", "d_head", "vocabulary")


@dataclass(frozen=True, eq=False, kw_only=True)
class HeadSweep(Sweep):
    """Heads of a model over its checkpoints: one cell is one checkpoint.

    Each checkpoint is loaded, measured, and given up before the next; what comes from the Hub is downloaded
    for that time only. `head_sweep` makes one with all arguments; `lintrans.run_to_file` computes it into a
    file, and goes on where it was stopped.

    Parameters
    ----------
    source
        As of `lintrans.circuits.sources.open_source`.
    revisions
        Checkpoints of it, in the order of training.
    model
        Sizes of the model, the same at all of them.
    probe, standard
        As of `lintrans.circuits.measures.measure_heads`.
    batch
        Sequences at once. It is an argument, so that a sweep that goes on later has the same rounding.
    device
        As of `lintrans.circuits.families.load`; "" for a GPU if there is one.

    Raises
    ------
    InputError
        If a probe does not fit the model, or there are no checkpoints.
    """

    result = Tracking

    source: str
    revisions: Sequence[Revision]
    model: ModelShape
    probe: Probe
    standard: Probe
    batch: int
    device: str = ""

    def __post_init__(self) -> None:
        revisions = tuple(Revision(*one) for one in listed("revisions", self.revisions))
        if not revisions or len({one.label for one in revisions}) < len(revisions):
            raise InputError(
                f"revisions must be at least one and have different labels, got {len(revisions)}; take them "
                "from a source"
            )
        for name in ("probe", "standard"):
            given = instance(name, getattr(self, name), Probe)
            self.model.check_tokens(int(given.tokens.max()), given.length)
        settle(self, revisions=revisions, batch=count("batch", self.batch))

    @property
    def opened(self) -> Source:
        """The source, opened once."""
        if "_opened" not in vars(self):
            settle(self, _opened=open_source(self.source))
        source: Source = vars(self)["_opened"]
        return source

    @property
    def shape(self) -> tuple[int, ...]:
        """Checkpoints."""
        return (len(self.revisions),)

    @property
    def steps_per_cell(self) -> int:
        """Tokens that pass through a checkpoint."""
        return int(self.probe.tokens.size + self.standard.tokens.size)

    @property
    def cells_per_tile(self) -> int:
        """One checkpoint, so that each is kept once it is finished."""
        return 1

    def axes(self) -> Arrays:
        """Checkpoints with their steps and tokens, layers, heads, kinds, scores."""
        steps = [UNKNOWN_STEP if one.step is None else one.step for one in self.revisions]
        return {
            "revision": np.array([one.label for one in self.revisions]),
            "layer": np.arange(self.model.n_layers),
            "head": np.arange(self.model.n_heads),
            "target": np.array(KINDS),
            "score": np.array(scores.SCORES),
            "step": np.array(steps, dtype=np.int64),
            "tokens": np.array([np.nan if one.tokens is None else one.tokens for one in self.revisions]),
        }

    def settings(self) -> dict[str, Any]:
        """Model, checkpoints, probes, and how they were measured."""
        return {
            "model": self.opened.name,
            "shape": self.model.settings(),
            "revisions": [one._asdict() for one in self.revisions],
            "probe": self.probe.settings(),
            "standard": self.standard.settings(),
            "n_sequences": self.probe.n,
            "participation_bound": scores.participation_bound(self.probe.n, self.model.d_head),
            "batch": self.batch,
            "dtype": "float32",
        }

    def compute(self, *place: slice) -> Arrays:
        """Measure the checkpoints of a part, one after the other."""
        with _ONE_MODEL:
            found = [self._of_one(revision) for revision in self.revisions[place[0]]]
        return {name: np.stack([one[name] for one in found]) for name in found[0]}

    def _of_one(self, revision: Revision) -> Arrays:
        with self.opened.folder(revision) as folder:
            found = self._measured(folder, revision)
        gc.collect()  # the weights, before the next are read
        return found

    def _measured(self, folder: Path, revision: Revision) -> Arrays:
        gguf, device = self.opened.gguf_file, self.device or None
        loaded = load(folder, gguf_file=gguf, device=device, name=revision.name)
        for name in SAME:
            before, here = getattr(self.model, name), getattr(loaded.shape, name)
            if before != here:
                raise InputError(
                    f"checkpoints must be of one model, got {name} {here} in {revision.name} after {before}; "
                    "leave it out"
                )
        return measure_heads(loaded, self.probe, self.standard, batch=self.batch)


def head_sweep(
    source: str | Source,
    *,
    revisions: Sequence[str] | None = None,
    probe: Probe | None = None,
    standard: Probe | None = None,
    batch: int | None = None,
    device: str | None = None,
    model: ModelShape | None = None,
) -> HeadSweep:
    """Sweep over the checkpoints of a source.

    Parameters
    ----------
    source
        A folder, a ``.gguf`` file, ``owner/name`` on the Hub, or a source of `lintrans.circuits.sources`.
    revisions
        Names of the checkpoints to measure; all by default.
    probe
        By default the published one, for the vocabulary of the model; with shorter sequences if its positions
        are fewer.
    standard
        By default `standard_probe`.
    batch
        By default as many as memory allows, 16 at most.
    device
        As of `lintrans.circuits.families.load`.
    model
        Sizes of the model, if they are known; by default `shape_at` the first checkpoint.

    Raises
    ------
    InputError
        If the source cannot be used, or a probe does not fit the model.
    """
    opened = open_source(source) if isinstance(source, str) else source
    found = chosen(opened.revisions(), revisions)
    model = shape_at(opened, found[0]) if model is None else model
    if probe is None:
        probe = published_probe(model.vocabulary, length=min(LENGTH, model.n_positions))
    instance("probe", probe, Probe)
    standard = standard_probe(probe, model.vocabulary) if standard is None else standard
    longest = max(probe.length, instance("standard", standard, Probe).length)
    sweep = HeadSweep(
        source=_reopened(opened, found),
        revisions=found,
        model=model,
        probe=probe,
        standard=standard,
        batch=fitting_batch(model, longest) if batch is None else batch,
        device=device or "",
    )
    settle(sweep, _opened=opened)
    return sweep


def measure(
    source: str | Source,
    *,
    revisions: Sequence[str] | None = None,
    probe: Probe | None = None,
    standard: Probe | None = None,
    batch: int | None = None,
    device: str | None = None,
    progress: Progress | None = None,
) -> Tracking:
    """Measure the heads of a model at its checkpoints.

    Arguments are those of `head_sweep`. To compute into a file, which can be interrupted and resumed, pass
    the sweep of `head_sweep` to `lintrans.run_to_file`, with ``executor=Threads(1)``: PyTorch has threads of
    its own, and memory one model.
    """
    sweep = head_sweep(
        source, revisions=revisions, probe=probe, standard=standard, batch=batch, device=device
    )
    result: Tracking = compute(sweep, executor=Threads(1), progress=progress)
    return result


def shape_at(source: Source, revision: Revision) -> ModelShape:
    """Sizes of the model of a checkpoint, from its configuration.

    Raises
    ------
    InputError
        If it cannot be read, or its family is not known.
    """
    with source.folder(revision) as folder:
        return shape_of(read_config(folder, gguf_file=source.gguf_file, name=revision.name))


def standard_probe(probe: Probe, vocabulary: int) -> Probe:
    """Probe for the usual scores that goes with another: a repeated passage, the same length and first token.

    That of a text or of repeated tokens goes with itself, 64 sequences of it.

    Examples
    --------
    >>> found = standard_probe(published_probe(50_000, n=2, bos=0), 50_000)
    >>> found.name, found.n, found.length, found.bos
    ('repeated', 64, 256, 0)
    """
    if probe.passage.min() > 1:
        return probe.first(N_REPEATED)
    return repeated_probe(vocabulary, length=probe.length, seed=probe.seed, bos=probe.bos)


def _reopened(source: Source, revisions: Sequence[Revision]) -> str:
    """Text by which a source is opened again, also from another folder."""
    path: Path | None = getattr(source, "path", None)
    if path is not None:
        return str(path.resolve())
    return f"{source.name}@{','.join(one.name for one in revisions)}"
