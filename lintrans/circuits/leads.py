"""Whether the participation ratio of a head rises before its selectivity, beside heads without any."""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np

from lintrans.circuits.findings import THRESHOLD, members
from lintrans.circuits.heads import FloatArray, Heads, HeadTable, IntArray, head_table
from lintrans.errors import InputError

MIN_GROWTH = 2.0  # of the participation ratio of a head that rises


class Leads(NamedTuple):
    """How long the participation ratio of heads rises before their ratio of attention does, in doublings.

    Attributes
    ----------
    layer, head : (n,)
        Heads of the kind at the last revision.
    rose, crossed : (n,)
        Numbers of the revisions at which the participation ratio rose, and the ratio of attention crossed the
        threshold; -1 if the former did not rise.
    lead : (n,)
        Doublings of tokens (or steps) from one to the other; positive if participation was first.
    low, high : (n,)
        What the revisions allow: both events lie in the interval before the revision that shows them.
    never : (m,)
        For heads that reach the threshold for no kind at any revision: doublings from the rise of their
        participation ratio to the median crossing of the others.
    unit : str
        ``tokens`` or ``steps``.
    """

    layer: IntArray
    head: IntArray
    rose: IntArray
    crossed: IntArray
    lead: FloatArray
    low: FloatArray
    high: FloatArray
    never: FloatArray
    unit: str

    def summary(self) -> dict[str, Any]:
        """Medians, and how many heads rise in both groups; None where there is none."""

        def median(values: FloatArray) -> float | None:
            known = values[np.isfinite(values)]
            return float(np.median(known)) if known.size else None

        return {
            "heads": int(self.layer.size),
            "rising": int(np.isfinite(self.lead).sum()),
            "surely_before": int((self.low > 0).sum()),
            "median_lead": median(self.lead),
            "never_specialised": int(self.never.size),
            "never_rising": int(np.isfinite(self.never).sum()),
            "median_lead_of_never": median(self.never),
            "unit": self.unit,
        }


def participation_lead(heads: Heads, kind: str = "induction", threshold: float = THRESHOLD) -> Leads:
    """How long before its selectivity the participation ratio of a head rises, and whether others rise too.

    The participation ratio of a head **rises** at the first revision at which it is half-way from its value
    at the first revision to its largest one. It must grow twofold at least; else it does not rise, and the
    lead is NaN. Selectivity has no part in this, so that it means the same for every head. A head **crosses**
    at the first revision at which its ratio of attention reaches the threshold. The lead is the distance of
    both in doublings. A rise that heads without any specialisation show at the same time foretells nothing:
    their distances to the median crossing are beside it.

    Parameters
    ----------
    heads
        A table or a tracking with participation ratios, and tokens or steps. Revisions without are left out.
    kind, threshold
        As `members`.

    Raises
    ------
    InputError
        If participation ratios are missing, or fewer than two revisions have tokens or steps.

    Examples
    --------
    Participation rises two doublings before induction:

    >>> ratio, participation = np.ones((5, 1, 1, 6)), np.ones((5, 1, 1))
    >>> ratio[3:, 0, 0, 0] = 90
    >>> participation[1:] = 8
    >>> table = HeadTable(ratio=ratio, participation=participation, tokens=[1, 2, 4, 8, 16])
    >>> found = participation_lead(table)
    >>> found.lead.tolist(), found.low.tolist(), found.high.tolist()
    ([2.0], [1.0], [3.0])
    """
    table = head_table(heads)
    if table.participation is None:
        raise InputError("a table must have participation, got none; pass participation ratios")
    x, unit = table.doublings()
    known = np.flatnonzero(~np.isnan(x))
    if known.size < 2:
        raise InputError(f"{unit} must be known at 2 revisions or more, got {known.size}; pass them")
    if (np.diff(x[known]) <= 0).any():
        raise InputError(f"{unit} must increase over the revisions, got other values; order them")
    ratio, pr = table.counted[known], table.participation[known]
    at = np.concatenate([x[known], [np.nan]])  # the last entry is for what never happens
    rose = _first_rise(pr)
    is_of_kind = members(HeadTable(ratio=ratio, kind=table.kind), kind, threshold)
    chosen = is_of_kind[-1]
    crossed = is_of_kind.argmax(axis=0)
    place = np.nonzero(chosen)
    lead, low, high = _distances(at, crossed[place], rose[place])
    never = table.is_head & ~(ratio >= threshold).any(axis=(0, 3))
    middle = float(np.median(at[crossed[place]])) if place[0].size else math.nan
    never_rose = at[rose[never]]
    return Leads(
        layer=table.layers[place[0]],
        head=table.heads[place[1]],
        rose=np.where(rose[place] < 0, -1, known[rose[place]]),
        crossed=known[crossed[place]],
        lead=lead,
        low=low,
        high=high,
        never=middle - never_rose,
        unit=unit,
    )


def _first_rise(pr: FloatArray) -> IntArray:
    """First revision with participation ratios (revision, layer, head) half-way to the largest, or -1."""
    first = pr[0]
    largest = np.where(np.isnan(pr), -np.inf, pr).max(axis=0)
    with np.errstate(invalid="ignore"):
        rises = (largest >= MIN_GROWTH * first) & (largest > first)
        half = (pr >= (first + largest) / 2).argmax(axis=0)
    return np.where(rises, half, -1)


def _distances(
    at: FloatArray, crossed: IntArray, rose: IntArray
) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Doublings from rise to crossing, and the least and the most that the revisions allow.

    A crossing at the first revision may lie any time before it.
    """
    before = np.where(crossed > 0, at[crossed - 1], -np.inf)
    with np.errstate(invalid="ignore"):
        return (
            at[crossed] - at[rose],
            before - at[rose],
            at[crossed] - np.where(rose > 0, at[rose - 1], np.where(rose < 0, np.nan, -np.inf)),
        )
