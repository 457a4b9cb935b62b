"""Heads over the checkpoints of a model, as plain arrays: what findings are made from."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import Any, Protocol

import numpy as np
from numpy.typing import ArrayLike, NDArray

from lintrans.errors import InputError, settle, short

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]
BoolArray = NDArray[np.bool_]

KINDS = ("induction", "previous token", "duplicate", "first token", "self", "local")
INDUCTION, SINK = "induction", "first token"
TYPES: dict[str, Any] = {"step": np.int64, "layer": np.int64, "head": np.int64, "revision": np.str_}
TYPES |= {"kind": np.str_, "has_fixed_offset": np.bool_}


class Tracked(Protocol):
    """What findings read of a result of tracking.

    Further arrays, with the names and shapes of `HeadTable`, are read if they are there. The last axis of
    ``ratio`` holds the names of the kinds, under any name.
    """

    @property
    def settings(self) -> dict[str, Any]:
        """Settings, of which ``model`` and ``n_sequences`` are read."""
        ...

    @property
    def revision(self) -> NDArray[np.str_]:
        """Names of the revisions (n_revisions,)."""
        ...

    @property
    def ratio(self) -> FloatArray:
        """Ratios (revision, layer, head, kind)."""
        ...


@dataclass(frozen=True, eq=False, kw_only=True)
class HeadTable:
    """Heads over revisions as plain arrays; only the ratios are needed.

    Attributes
    ----------
    ratio : (revision, layer, head, kind)
        Mean attention to the target over mean attention to random positions.
    mass : (revision, layer, head, kind), optional
        Mean attention to the target.
    participation : (revision, layer, head), optional
        Participation ratio of the output of a head.
    has_fixed_offset : (revision, layer, head), optional
        Where the attention of a head looks back a fixed number of tokens, whatever the lag of the probe.
        Findings do not count such a head as induction.
    tokens, step : (revision,), optional
        Tokens and steps of training, increasing where they are known. Unknown are NaN of tokens and -1 of
        steps.
    revision : (revision,), optional
        Different names; by default "0", "1", ...
    layer, head : (layer,), (head,), optional
        Numbers; by default from 0.
    kind : (kind,), optional
        Names of the kinds; by default `KINDS`.
    model : str
        Name of the model.
    n : int or None
        Sequences behind each number.

    Raises
    ------
    InputError
        If shapes do not agree.
    """

    ratio: FloatArray
    mass: FloatArray | None = None
    participation: FloatArray | None = None
    has_fixed_offset: BoolArray | None = None
    tokens: FloatArray | None = None
    step: IntArray | None = None
    revision: NDArray[np.str_] | None = None
    layer: IntArray | None = None
    head: IntArray | None = None
    kind: NDArray[np.str_] | None = None
    model: str = ""
    n: int | None = None

    def __post_init__(self) -> None:
        shape = np.shape(self.ratio)
        if len(shape) != 4 or not all(shape):
            raise InputError(
                f"ratio must have axes (revision, layer, head, kind), got shape {shape}; reshape it"
            )
        n, layers, heads, kinds = shape
        if self.kind is None and kinds != len(KINDS):
            raise InputError(f"kind must name the {kinds} kinds of ratio, got none; pass their names")
        shapes = {
            "ratio": shape,
            "mass": shape,
            "participation": shape[:3],
            "has_fixed_offset": shape[:3],
            "tokens": (n,),
            "step": (n,),
            "revision": (n,),
            "layer": (layers,),
            "head": (heads,),
            "kind": (kinds,),
        }
        defaults = {
            "revision": [str(i) for i in range(n)],
            "layer": range(layers),
            "head": range(heads),
            "kind": KINDS,
        }
        for name, wanted in shapes.items():
            given = getattr(self, name)
            given = defaults.get(name) if given is None else given
            if given is None:
                continue
            array: NDArray[Any] = np.asarray(given, dtype=TYPES.get(name, np.float64))
            if array.shape != wanted:
                raise InputError(f"{name} must have shape {wanted}, got {array.shape}; pass it as ratio is")
            settle(self, **{name: array})

    @property
    def revisions(self) -> list[str]:
        """Names of the revisions."""
        return [] if self.revision is None else [str(name) for name in self.revision]

    @property
    def kinds(self) -> tuple[str, ...]:
        """Names of the kinds."""
        return KINDS if self.kind is None else tuple(str(name) for name in self.kind)

    @property
    def layers(self) -> IntArray:
        """Numbers of the layers."""
        return np.arange(self.ratio.shape[1]) if self.layer is None else self.layer

    @property
    def heads(self) -> IntArray:
        """Numbers of the heads of a layer."""
        return np.arange(self.ratio.shape[2]) if self.head is None else self.head

    @property
    def is_head(self) -> BoolArray:
        """Where there is a head (layer, head)."""
        return np.asarray(~np.isnan(self.ratio).all(axis=(0, 3)))

    @property
    def counted(self) -> FloatArray:
        """Ratios that findings count: those of induction are NaN for heads at a fixed offset."""
        if self.has_fixed_offset is None or INDUCTION not in self.kinds:
            return self.ratio
        ratio = self.ratio.copy()
        ratio[self.has_fixed_offset, self.number(INDUCTION)] = np.nan
        return ratio

    @property
    def n_heads(self) -> int:
        """Number of heads."""
        return int(self.is_head.sum())

    def number(self, kind: str) -> int:
        """Place of a kind along its axis.

        Raises
        ------
        InputError
            If there is no such kind.
        """
        if kind not in self.kinds:
            raise InputError(f"kind must be one of {', '.join(self.kinds)}, got {short(kind)}; choose one")
        return self.kinds.index(kind)

    def doublings(self) -> tuple[FloatArray, str]:
        """log2 of tokens, or of steps where no tokens are known, and which of both it is.

        -inf at 0, NaN where it is unknown.
        """
        known = self.tokens is not None and np.isfinite(self.tokens).any()
        values = self.tokens if known else self.step
        if values is None:
            raise InputError("a table must know tokens or step, got neither; pass one of them")
        number = np.where(np.asarray(values) < 0, np.nan, np.asarray(values, dtype=np.float64))
        with np.errstate(divide="ignore"):
            return np.log2(number), "tokens" if known else "steps"


Heads = HeadTable | Tracked | ArrayLike


def head_table(heads: Heads) -> HeadTable:
    """Return heads as a `HeadTable`: one itself, a tracking, or ratios (revision, layer, head, kind).

    Examples
    --------
    >>> table = head_table(np.ones((2, 3, 4, 6)))
    >>> table.n_heads, table.revisions
    (12, ['0', '1'])
    """
    if isinstance(heads, HeadTable):
        return heads
    if not hasattr(heads, "ratio"):
        return HeadTable(ratio=np.asarray(heads, dtype=np.float64))
    arrays: dict[str, Any] = {
        f.name: getattr(heads, f.name, None) for f in fields(HeadTable) if f.name not in ("model", "n")
    }
    for slot in getattr(heads, "slots", list)():
        if slot.name == "ratio":  # a result has an attribute ``kind`` of another meaning
            arrays["kind"] = getattr(heads, slot.dims[-1])
    settings = getattr(heads, "settings", {})
    return HeadTable(**arrays, model=str(settings.get("model", "")), n=settings.get("n_sequences"))


def names(layers: Sequence[int] | IntArray, heads: Sequence[int] | IntArray) -> list[str]:
    """Names of heads.

    Examples
    --------
    >>> names([4, 7], [4, 0])
    ['L4H4', 'L7H0']
    """
    return [f"L{layer}H{head}" for layer, head in zip(layers, heads, strict=True)]
