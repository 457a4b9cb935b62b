"""All findings of a table of heads in one answer: counts, kinds, milestones."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from lintrans.circuits.findings import (
    THRESHOLD,
    ClassCounts,
    Milestone,
    by_any_class,
    by_best_class,
    classes_present,
    formation,
    fraction,
    layer_counts,
    milestones,
    recall,
    shallowest_layer,
)
from lintrans.circuits.heads import FloatArray, Heads, HeadTable, IntArray, head_table
from lintrans.circuits.leads import Leads, participation_lead
from lintrans.counting.transitions import MIN_STEPS, Transition
from lintrans.errors import InputError, check_seed, count, positive

BILLION = 1e9


@dataclass(frozen=True)
class KindReport:
    """What is found of one kind of heads.

    Attributes
    ----------
    kind : str
    layers : (revision, layer)
        Heads in each layer.
    fraction, recall : (revision,)
        Share of all heads; share of the heads of the last revision that are of the kind already.
    shallowest : (revision,)
        First layer with such a head; -1 if there is none.
    transition : Transition or None
        Shape of the fraction over log2 of tokens or steps.
    lead : Leads or None
        Whether participation ratios rise before.
    missing : tuple of str
        Why there is no transition, or no lead.
    """

    kind: str
    layers: IntArray
    fraction: FloatArray
    recall: FloatArray
    shallowest: IntArray
    transition: Transition | None
    lead: Leads | None
    missing: tuple[str, ...]

    def answer(self) -> dict[str, Any]:
        """All of it, for JSON."""
        return {
            "layers": self.layers,
            "fraction": self.fraction,
            "recall": self.recall,
            "shallowest_layer": self.shallowest,
            "transition": None if self.transition is None else self.transition.answer(),
            "lead": None if self.lead is None else self.lead.summary(),
            "missing": list(self.missing),
        }


@dataclass(frozen=True)
class Report:
    """Findings of a table of heads at one threshold.

    Attributes
    ----------
    table : HeadTable
    threshold : float
    best, any : ClassCounts
        Heads of each kind at each revision, by best class and by any.
    kinds : tuple of KindReport
    milestones : tuple of Milestone
    counted : str
        How heads of ``kinds`` and ``milestones`` were counted: by ``any`` class, or by ``best``.
    fixed_offset : (revision,)
        Heads with an induction ratio that do not count, since they look back a fixed number of tokens.
    """

    table: HeadTable
    threshold: float
    best: ClassCounts
    any: ClassCounts
    kinds: tuple[KindReport, ...]
    milestones: tuple[Milestone, ...]
    counted: str
    fixed_offset: IntArray

    def answer(self) -> dict[str, Any]:
        """All of it, for JSON."""
        return {
            "model": self.table.model,
            "heads": self.table.n_heads,
            "threshold": self.threshold,
            "sequences": self.table.n,
            "counted": self.counted,
            "revisions": [self._revision(i) for i in range(len(self.table.revisions))],
            "kinds": {one.kind: one.answer() for one in self.kinds},
            "milestones": [one._asdict() for one in self.milestones],
        }

    def _revision(self, i: int) -> dict[str, Any]:
        t = self.table

        def named(counts: IntArray) -> dict[str, int]:
            return dict(zip(t.kinds, counts[i].tolist(), strict=True))

        return {
            "revision": t.revisions[i],
            "step": None if t.step is None or t.step[i] < 0 else int(t.step[i]),
            "tokens": None if t.tokens is None else float(t.tokens[i]),
            "best": named(self.best.counts),
            "any": named(self.any.counts),
            "any_stricter": named(self.any.stricter),
            "any_looser": named(self.any.looser),
            "unclassified": int(self.best.unclassified[i]),
            "fixed_offset": int(self.fixed_offset[i]),
        }

    def count_lines(self) -> list[tuple[str, ...]]:
        """Heads by revision as rows of a table: by best class, and in brackets by any if that differs."""
        rows: list[tuple[str, ...]] = [("revision", "tokens", *self.table.kinds, "none")]
        for i, name in enumerate(self.table.revisions):
            pairs = zip(self.best.counts[i].tolist(), self.any.counts[i].tolist(), strict=True)
            cells = [f"{best}" if best == every else f"{best} ({every})" for best, every in pairs]
            tokens = math.nan if self.table.tokens is None else float(self.table.tokens[i])
            rows.append((name, amount(tokens), *cells, str(int(self.best.unclassified[i]))))
        return rows

    def kind_lines(self) -> list[tuple[str, ...]]:
        """Each kind as a row of a table: heads at the end, and at thresholds 1 % away; layers; shape."""
        head = (
            "kind",
            "at the end",
            "at +1 %",
            "at -1 %",
            "layers",
            "midpoint",
            "width in doublings",
            "shape",
        )
        rows: list[tuple[str, ...]] = [head]
        counts = self.best if self.counted == "best" else self.any
        for one in self.kinds:
            at = counts.kinds.index(one.kind)
            ends = (str(int(side[-1, at])) for side in (counts.counts, counts.stricter, counts.looser))
            there = self.table.layers[one.layers[-1] > 0]
            layers = f"{there[0]} to {there[-1]}" if there.size else "-"
            rows.append((one.kind, *ends, layers, *_shape(one.transition)))
        return rows

    def milestone_lines(self) -> list[tuple[str, ...]]:
        """Milestones as rows of a table."""
        rows: list[tuple[str, ...]] = [("milestone", "revision", "tokens")]
        for one in self.milestones:
            tokens = math.nan if one.tokens is None else one.tokens
            rows.append((one.name, one.revision or "never", amount(tokens)))
        return rows

    def sentences(self) -> list[str]:
        """One sentence a kind on participation ratios, and one on heads at a fixed offset, if any."""
        said = []
        if self.fixed_offset[-1]:
            said.append(
                f"induction: of the heads that reach {self.threshold:g} at the end, {self.fixed_offset[-1]} "
                "look back a fixed number of tokens and do not count"
            )
        for one in self.kinds:
            if one.lead is None or not one.lead.layer.size:
                continue
            found = one.lead.summary()
            heads = f"{one.kind}: participation rises in {found['rising']} of {found['heads']} heads"
            if not found["rising"]:
                said.append(heads)
                continue
            others = f"in {found['never_rising']} of {found['never_specialised']} heads that never specialise"
            if found["never_rising"]:
                others += f", {found['median_lead_of_never']:.2f} before the same time"
            lead = f"in the median {found['median_lead']:.2f} doublings before the ratio crosses"
            said.append(f"{heads}, {lead}; {others}")
        return said


def report(
    heads: Heads,
    threshold: float = THRESHOLD,
    *,
    kinds: Sequence[str] | None = None,
    best: bool = False,
    n_bootstrap: int = 1000,
    seed: int = 0,
) -> Report:
    """Put all findings of a table of heads together.

    Parameters
    ----------
    heads
        A `HeadTable`, a tracking, or ratios (revision, layer, head, kind).
    threshold
        Smallest ratio of a head of a kind.
    kinds
        Kinds to report on; by default all that some head is of at some revision.
    best
        Count a head of these kinds by its best class, and not by any.
    n_bootstrap, seed
        Of the intervals of transitions, as `lintrans.counting.fit_transition`.

    Raises
    ------
    InputError
        If the table, the threshold or a kind is wrong.

    Examples
    --------
    >>> from lintrans.circuits.published_data import pythia_heads
    >>> found = report(pythia_heads(), kinds=["first token"])
    >>> found.kind_lines()[1][:5]
    ('first token', '74', '74', '75', '4 to 15')
    """
    table, threshold = head_table(heads), positive("threshold", threshold)
    chosen = classes_present(table, threshold) if kinds is None else list(kinds)
    n_bootstrap, seed = count("n_bootstrap", n_bootstrap, minimum=0), check_seed(seed)
    options = {"best": best, "n_bootstrap": n_bootstrap, "seed": seed}
    return Report(
        table,
        threshold,
        by_best_class(table, threshold),
        by_any_class(table, threshold),
        tuple(_of_kind(table, kind, threshold, options) for kind in chosen),
        tuple(milestones(table, threshold, best=best)),
        "best" if best else "any",
        _fixed_offset(table, threshold),
    )


def _fixed_offset(table: HeadTable, threshold: float) -> IntArray:
    """Heads at a fixed offset whose induction ratio reaches the threshold: (revision,)."""
    left_out = np.isnan(table.counted) & (np.nan_to_num(table.ratio, nan=-1.0) >= threshold)
    return np.asarray(left_out.sum(axis=(1, 2, 3)))


def _of_kind(table: HeadTable, kind: str, threshold: float, options: dict[str, Any]) -> KindReport:
    where: dict[str, Any] = {"best": options["best"]}
    transition, lead, missing = None, None, []
    try:
        transition = formation(table, kind, threshold, **options)
    except InputError as why:
        missing.append(f"no transition: {why}")
    try:
        lead = participation_lead(table, kind, threshold)
    except InputError as why:
        missing.append(f"no lead: {why}")
    return KindReport(
        kind,
        layer_counts(table, kind, threshold, **where),
        fraction(table, kind, threshold, **where),
        recall(table, kind, threshold, **where),
        shallowest_layer(table, kind, threshold, **where),
        transition,
        lead,
        tuple(missing),
    )


def amount(tokens: float) -> str:
    """Tokens or steps in a few characters.

    Examples
    --------
    >>> amount(299892736000.0), amount(2097152.0), amount(512.0), amount(float("nan"))
    ('300B', '2.1M', '512', '-')
    """
    if not math.isfinite(tokens):
        return "-"
    for size, unit in ((BILLION, "B"), (1e6, "M")):
        if tokens >= size:
            value = tokens / size
            return f"{value:.0f}{unit}" if value >= 10 else f"{value:.1f}{unit}"
    return f"{tokens:.0f}"


def _shape(transition: Transition | None) -> tuple[str, str, str]:
    """Midpoint, width, and verdict."""
    if transition is None:
        return "-", "-", "-"
    width, verdict = transition.width, transition.verdict
    if verdict == "none":
        return "-", "-", verdict
    middle = amount(2.0**transition.midpoint.value)
    said = f"{verdict}, not sure" if transition.is_sure is False else verdict
    if verdict == "unresolved":
        return middle, f"below {MIN_STEPS * transition.grid_step:.2f}", said
    interval = "" if math.isnan(width.low) else f" ({width.low:.2f} to {width.high:.2f})"
    return middle, f"{width.value:.2f}{interval}", said
