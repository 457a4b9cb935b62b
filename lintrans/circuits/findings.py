"""What a table of heads over checkpoints says: pure functions, without a model.

Every function takes a `HeadTable`, a tracking (or whatever has its arrays under the same names), or the
ratios alone as an array (revision, layer, head, kind). The ratio of a head is its mean attention to the
target of a kind over its mean attention to random positions. There are two ways to count heads of a kind:

- by **best class**: the class of a head is the kind with its largest ratio, if that reaches the threshold;
- by **any class**: every kind whose ratio reaches the threshold counts, so that a head can count twice.

They differ: at the last checkpoint of Pythia 1B 69 and 74 of 128 heads are first-token heads
(`lintrans.circuits.published`). A ratio that is NaN reaches no threshold. A head whose ratios are NaN at
every revision is no head: it fills up the layers of models that have fewer heads in some. A head that looks
back a fixed number of tokens, whatever the lag of the probe, does not count as induction.
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np

from lintrans.circuits.heads import SINK, BoolArray, FloatArray, Heads, IntArray, head_table
from lintrans.counting.transitions import Transition, fit_transition
from lintrans.errors import InputError, count, positive, short

THRESHOLD = 30.0
MARGIN = 0.01  # of the threshold, for the counts beside it
UNCLASSIFIED = -1


def reaches(heads: Heads, threshold: float = THRESHOLD) -> BoolArray:
    """Where a ratio reaches the threshold: (revision, layer, head, kind).

    Examples
    --------
    >>> ratio = np.array([1.0, 30.0, 2.0, 29.998, 0.5, np.nan]).reshape(1, 1, 1, 6)
    >>> reaches(ratio).ravel().tolist()
    [False, True, False, False, False, False]
    """
    with np.errstate(invalid="ignore"):
        return np.asarray(head_table(heads).counted >= positive("threshold", threshold))


def best_class(heads: Heads, threshold: float = THRESHOLD) -> IntArray:
    """Class of every head: (revision, layer, head), the number of a kind, or -1 if unclassified.

    Of equal ratios the first kind is taken.

    Examples
    --------
    >>> ratio = np.array([[1.0, 40, 2, 50, 1, 1], [9, 8, 7, 6, 5, 4]]).reshape(1, 1, 2, 6)
    >>> best_class(ratio).ravel().tolist()
    [3, -1]
    """
    ratio = head_table(heads).counted
    ratio = np.where(np.isnan(ratio), -np.inf, ratio)
    best = ratio.argmax(axis=-1)
    return np.where(ratio.max(axis=-1) >= positive("threshold", threshold), best, UNCLASSIFIED)


def members(heads: Heads, kind: str, threshold: float = THRESHOLD, *, best: bool = False) -> BoolArray:
    """Where a head is of a kind: (revision, layer, head).

    Parameters
    ----------
    heads
        Of all functions here: a `HeadTable`, a tracking, or ratios (revision, layer, head, kind).
    kind
        One of the kinds of the table, such as ``first token``.
    threshold
        Smallest ratio that counts.
    best
        Count a head by its best class, and not by any.
    """
    table = head_table(heads)
    number = table.number(kind)
    if best:
        return np.asarray(best_class(table, threshold) == number)
    return reaches(table, threshold)[..., number]


class ClassCounts(NamedTuple):
    """Heads of each kind at each revision.

    Attributes
    ----------
    kinds : tuple of str
    counts : (revision, kind)
        Heads at the threshold.
    stricter, looser : (revision, kind)
        Heads at a threshold 1 % higher and 1 % lower. If they differ, some heads lie at the threshold.
    unclassified : (revision,)
        Heads of no kind.
    n_heads : int
        All heads.
    """

    kinds: tuple[str, ...]
    counts: IntArray
    stricter: IntArray
    looser: IntArray
    unclassified: IntArray
    n_heads: int


def by_best_class(heads: Heads, threshold: float = THRESHOLD) -> ClassCounts:
    """Count heads by the kind with their largest ratio; every head counts once.

    Examples
    --------
    A head with ratios of 50 and 40 is of the first kind only:

    >>> ratio = np.array([50.0, 40, 1, 1, 1, 1]).reshape(1, 1, 1, 6)
    >>> by_best_class(ratio).counts.tolist(), by_any_class(ratio).counts.tolist()
    ([[1, 0, 0, 0, 0, 0]], [[1, 1, 0, 0, 0, 0]])
    """
    return _counts(heads, threshold, best=True)


def by_any_class(heads: Heads, threshold: float = THRESHOLD) -> ClassCounts:
    """Count heads by every kind whose ratio reaches the threshold; a head can count several times."""
    return _counts(heads, threshold, best=False)


def _counts(heads: Heads, threshold: float, *, best: bool) -> ClassCounts:
    table = head_table(heads)

    def at(limit: float) -> IntArray:
        found = [members(table, kind, limit, best=best).sum(axis=(1, 2)) for kind in table.kinds]
        return np.stack(found, axis=-1)

    classified = reaches(table, threshold).any(axis=-1).sum(axis=(1, 2))
    return ClassCounts(
        table.kinds,
        at(threshold),
        at(threshold * (1 + MARGIN)),
        at(threshold * (1 - MARGIN)),
        np.asarray(table.n_heads - classified),
        table.n_heads,
    )


def layer_counts(
    heads: Heads, kind: str = SINK, threshold: float = THRESHOLD, *, best: bool = False
) -> IntArray:
    """Heads of a kind in each layer: (revision, layer). Arguments as `members`."""
    return np.asarray(members(heads, kind, threshold, best=best).sum(axis=2))


def fraction(
    heads: Heads, kind: str = SINK, threshold: float = THRESHOLD, *, best: bool = False
) -> FloatArray:
    """Share of all heads that are of a kind, by default attention sinks: (revision,). Arguments as `members`.

    Examples
    --------
    >>> ratio = np.ones((1, 2, 4, 6))
    >>> ratio[0, 1, :3, 3] = 99
    >>> fraction(ratio).tolist()
    [0.375]
    """
    table = head_table(heads)
    return np.asarray(layer_counts(table, kind, threshold, best=best).sum(axis=1) / max(table.n_heads, 1))


def shallowest_layer(
    heads: Heads, kind: str = SINK, threshold: float = THRESHOLD, *, n_heads: int = 1, best: bool = False
) -> IntArray:
    """Number of the first layer with at least ``n_heads`` heads of a kind: (revision,); -1 if there is none.

    What it finds depends on the probe: a layer that cannot tell the first token from others has no
    first-token heads. Arguments as `members`.

    Examples
    --------
    >>> ratio = np.ones((2, 3, 1, 6))
    >>> ratio[1, 2, 0, 3] = 99
    >>> shallowest_layer(ratio).tolist()
    [-1, 2]
    """
    table = head_table(heads)
    enough = layer_counts(table, kind, threshold, best=best) >= count("n_heads", n_heads)
    return np.where(enough.any(axis=1), table.layers[enough.argmax(axis=1)], -1)


class Milestone(NamedTuple):
    """When something was first reached.

    Attributes
    ----------
    name : str
    place : int or None
        Number of the first revision at which it holds; None if it never does.
    revision : str or None
    tokens : float or None
        Tokens at that revision, if they are known.
    """

    name: str
    place: int | None
    revision: str | None
    tokens: float | None


def milestone(
    heads: Heads,
    kind: str,
    *,
    n_heads: int = 1,
    share: float | None = None,
    threshold: float = THRESHOLD,
    best: bool = False,
) -> Milestone:
    """First revision with enough heads of a kind.

    Parameters
    ----------
    heads, kind, threshold, best
        As `members`.
    n_heads
        Smallest number of heads.
    share
        Smallest share of all heads, from 0 to 1; it replaces ``n_heads``.

    Examples
    --------
    >>> ratio = np.ones((3, 1, 4, 6))
    >>> ratio[1:, 0, 0, 0] = 60
    >>> ratio[2, 0, :2, 0] = 60
    >>> milestone(ratio, "induction", n_heads=2, threshold=50)[:3]
    ('induction >= 2 heads at 50x', 2, '2')
    >>> milestone(ratio, "induction", share=0.75).place is None
    True
    """
    table = head_table(heads)
    found = members(table, kind, threshold, best=best).sum(axis=(1, 2))
    if share is None:
        needed, amount = float(count("n_heads", n_heads)), f"{n_heads} head{'s' * (n_heads != 1)}"
    else:
        if not 0 < share <= 1:
            raise InputError(f"share must lie above 0 and up to 1, got {short(share)}; pass e.g. 0.5")
        needed, amount = share * table.n_heads, f"{100 * share:g} %"
    name = f"{kind} >= {amount} at {threshold:g}x"
    reached = np.flatnonzero(found >= needed - 1e-9)  # 0.7 * 10 is 7.000000000000001
    if not reached.size:
        return Milestone(name, None, None, None)
    i = int(reached[0])
    tokens = math.nan if table.tokens is None else float(table.tokens[i])
    return Milestone(name, i, table.revisions[i], None if math.isnan(tokens) else tokens)


def milestones(heads: Heads, threshold: float = THRESHOLD, *, best: bool = False) -> list[Milestone]:
    """Milestones of a table, as published ones: of heads for induction, of shares for first-token heads.

    Induction: 1, 3 and 5 heads. First token: 10, 30, 50 and 70 % of all heads. Previous token and self: 1
    head. Kinds that the table lacks are left out. Arguments as `members`.
    """
    table = head_table(heads)
    wanted: list[dict[str, Any]] = [{"kind": "induction", "n_heads": n} for n in (1, 3, 5)]
    wanted += [{"kind": SINK, "share": share} for share in (0.1, 0.3, 0.5, 0.7)]
    wanted += [{"kind": kind} for kind in ("previous token", "self")]
    return [
        milestone(table, **one, threshold=threshold, best=best)
        for one in wanted
        if one["kind"] in table.kinds
    ]


def recall(
    heads: Heads, kind: str = "induction", threshold: float = THRESHOLD, *, best: bool = False
) -> FloatArray:
    """Share of the heads of the last revision that are of the kind already: (revision,).

    0 where no head qualifies. NaN if none does at the last revision: there is no set to be recalled.
    Arguments as `members`.

    Examples
    --------
    >>> ratio = np.ones((3, 1, 2, 6))
    >>> ratio[1:, 0, 0, 0] = 40
    >>> ratio[2, 0, 1, 0] = 40
    >>> recall(ratio).tolist()
    [0.0, 0.5, 1.0]
    """
    is_member = members(heads, kind, threshold, best=best)
    final = is_member[-1]
    if not final.any():
        return np.full(len(is_member), np.nan)
    return np.asarray((is_member & final).sum(axis=(1, 2)) / final.sum())


def formation(
    heads: Heads,
    kind: str = SINK,
    threshold: float = THRESHOLD,
    *,
    best: bool = False,
    n_bootstrap: int = 1000,
    seed: int = 0,
) -> Transition:
    """Fit a sigmoid to the share of heads of a kind over log2 of tokens (or steps).

    Heads are resampled for the intervals, each with its whole history. Heads of a layer are treated as
    independent; where a layer changes as one, the intervals are too narrow. Revisions at 0, and those whose
    tokens or steps are unknown, are left out.

    Parameters
    ----------
    heads, kind, threshold, best
        As `members`.
    n_bootstrap, seed
        As `lintrans.counting.fit_transition`.

    Raises
    ------
    InputError
        If fewer than 5 revisions are left, or they are out of order.
    """
    table = head_table(heads)
    x, _ = table.doublings()
    is_member = members(table, kind, threshold, best=best)[:, table.is_head]
    known = np.isfinite(x)
    units = is_member[known].T.astype(np.float64)
    return fit_transition(x[known], units, n_bootstrap=n_bootstrap, seed=seed)


def classes_present(heads: Heads, threshold: float = THRESHOLD) -> list[str]:
    """Kinds of which a head is at some revision, by any class."""
    table = head_table(heads)
    there = reaches(table, threshold).any(axis=(0, 1, 2))
    return [table.kinds[i] for i in np.flatnonzero(there)]
