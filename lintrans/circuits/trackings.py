"""The result of tracking: what each head looks at, at every checkpoint."""

from __future__ import annotations

import importlib.util
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from lintrans import registry
from lintrans.circuits.families import ModelShape
from lintrans.circuits.heads import KINDS, HeadTable
from lintrans.circuits.scores import (
    PREFIX,
    PREFIX_LEAST,
    SINK,
    SINK_EPSILON,
    is_fixed_offset,
    sink_share,
)
from lintrans.errors import InputError, settle
from lintrans.sweeps.results import Result, axis, on, versions

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]

UNKNOWN_STEP = -1
N_LEADERS = 3
SHOWN = KINDS[:4]  # in tables


@dataclass(frozen=True, eq=False, kw_only=True)
class HeadResult(Result):
    """Base of results about heads: one that is put together by hand or read needs no PyTorch."""

    def __post_init__(self) -> None:
        if not self.versions:
            packages = filter(importlib.util.find_spec, registry.packages_of(self.kind))
            settle(self, versions=versions(packages))
        super().__post_init__()


@dataclass(frozen=True, eq=False, kw_only=True)
class Tracking(HeadResult):
    """Heads of a model over its checkpoints.

    The axis of kinds of heads is called ``target``, since ``kind`` is that of a result.

    NaN means undefined: the tokens of a checkpoint that does not say them, the participation ratio of a head
    that puts out nothing.
    """

    kind: ClassVar[str] = "circuit_tracking"

    revision: NDArray[np.str_] = axis("checkpoint, in the order of training")
    layer: IntArray = axis("layer, from 0")
    head: IntArray = axis("query head, from 0")
    target: NDArray[np.str_] = axis("kind of head, by what it looks at")
    score: NDArray[np.str_] = axis("usual scores of heads")
    step: IntArray = on("revision", text="training step; -1 if it is not known")
    tokens: FloatArray = on("revision", text="tokens of training; NaN if they are not known")
    mass: FloatArray = on("revision", "layer", "head", "target", text="mean attention on the target")
    ratio: FloatArray = on(
        "revision", "layer", "head", "target", text="mass over mean attention on random positions"
    )
    participation: FloatArray = on("revision", "layer", "head", text="participation ratio of the outputs")
    scores: FloatArray = on("revision", "layer", "head", "score", text="usual scores")
    in_context: FloatArray = on("revision", text="in-context-learning score, in nats")

    @property
    def shape(self) -> ModelShape:
        """Sizes of the model."""
        found = self.settings["shape"]
        return ModelShape(**found | {"windows": tuple(found["windows"])})

    @property
    def table(self) -> HeadTable:
        """The arrays that findings are made from."""
        return HeadTable(
            ratio=self.ratio,
            mass=self.mass,
            participation=self.participation,
            tokens=self.tokens,
            step=self.step,
            revision=self.revision,
            layer=self.layer,
            head=self.head,
            kind=self.target,
            model=self.settings["model"],
            n=self.settings["n_sequences"],
        )

    @property
    def participation_share(self) -> FloatArray:
        """Participation ratio over its bound min(N, d_head): (revision, layer, head)."""
        return self.participation / float(self.settings["participation_bound"])

    @property
    def windowed(self) -> list[int]:
        """Layers whose sliding window is shorter than a sequence of the probe."""
        return self.shape.windowed(self.settings["probe"]["length"])

    @property
    def has_fixed_offset(self) -> NDArray[np.bool_]:
        """Where prefix matching does not follow the lag: (revision, layer, head).

        See `lintrans.circuits.scores.is_fixed_offset`.
        """
        return is_fixed_offset(self.score_of(PREFIX), self.score_of(PREFIX_LEAST))

    def score_of(self, name: str) -> FloatArray:
        """One of the usual scores (revision, layer, head).

        Raises
        ------
        InputError
            If there is none of this name.
        """
        found = np.flatnonzero(self.score == name)
        if not found.size:
            raise InputError(f"score must be one of {', '.join(self.score)}, got {name!r}; choose one")
        return self.scores[..., int(found[0])]

    def mass_of(self, kind: str) -> FloatArray:
        """Mass of one kind (revision, layer, head).

        Raises
        ------
        InputError
            If there is no such kind.
        """
        return self.mass[..., self.table.number(kind)]

    def sink_shares(self, epsilon: float = SINK_EPSILON) -> FloatArray:
        """Share of heads whose importance of the first token is above epsilon: (revision,)."""
        return np.array([sink_share(one, epsilon) for one in self.score_of(SINK)])

    def leaders(self, kind: str, revision: int = -1, n: int = N_LEADERS) -> list[dict[str, Any]]:
        """Heads with the largest mass of a kind at a checkpoint, given by its place: name, mass, ratio."""
        mass, number = self.mass_of(kind)[revision], self.table.number(kind)
        best = np.argsort(-np.nan_to_num(mass, nan=-1).ravel(), kind="stable")[:n]
        places = zip(*np.unravel_index(best, mass.shape), strict=True)
        return [
            {
                "head": f"L{self.layer[i]}H{self.head[j]}",
                "mass": float(mass[i, j]),
                "ratio": float(self.ratio[revision, i, j, number]),
            }
            for i, j in places
        ]

    def summary(self) -> dict[str, Any]:
        """Leading heads of each kind at the last checkpoint, and what holds for all."""
        return {
            "model": self.settings["model"],
            "n_revisions": self.revision.size,
            "last": str(self.revision[-1]),
            "n_layers": self.layer.size,
            "n_heads": self.head.size,
            "windowed_layers": self.windowed,
            "leaders": {kind: self.leaders(kind) for kind in KINDS},
            "sink_share": float(self.sink_shares()[-1]),
            "in_context": float(self.in_context[-1]),
        }

    def answer(self) -> dict[str, Any]:
        """Summary, and one row a checkpoint."""
        return self.summary() | {"revisions": self.rows()}

    def rows(self) -> list[dict[str, Any]]:
        """Each checkpoint in plain numbers and strings."""
        sinks = self.sink_shares()
        return [
            {
                "revision": str(self.revision[i]),
                "step": None if self.step[i] == UNKNOWN_STEP else int(self.step[i]),
                "tokens": float(self.tokens[i]),
                **{kind: self.leaders(kind, i, 1)[0] for kind in SHOWN},
                "sink_share": float(sinks[i]),
                "participation": float(np.nanmedian(self.participation_share[i])),
                "in_context": float(self.in_context[i]),
            }
            for i in range(self.revision.size)
        ]

    def lines(self) -> list[tuple[str, ...]]:
        """Each checkpoint, as rows of a table."""
        head = ("checkpoint", "tokens", *SHOWN, "sinks", "PR / bound", "in context")
        return [head, *map(_line, self.rows())]

    def check(self) -> None:
        """Refuse settings that no measurement gives."""
        for name in ("model", "shape", "probe", "n_sequences", "participation_bound"):
            if name not in self.settings:
                raise InputError(f"settings must say {name}, got none; measure again")


def _line(row: dict[str, Any]) -> tuple[str, ...]:
    known = np.isfinite(row["tokens"])
    return (
        row["revision"],
        f"{row['tokens'] / 1e9:.4g}B" if known else "-",
        *(f"{row[kind]['head']} {row[kind]['mass']:.2f}" for kind in SHOWN),
        f"{row['sink_share']:.0%}",
        f"{row['participation']:.2f}",
        f"{row['in_context']:+.2f}",
    )
