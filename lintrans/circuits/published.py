"""Published numbers on three models of 1B parameters, line by line beside what their tables give."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np

from lintrans.circuits.findings import THRESHOLD, UNCLASSIFIED, best_class, by_any_class, by_best_class
from lintrans.circuits.heads import KINDS, FloatArray, HeadTable
from lintrans.circuits.leads import participation_lead
from lintrans.circuits.published_data import (
    MODELS,
    Table,
    Tables,
    gap,
    heads_below,
    milestone,
    published_tables,
    pythia_heads,
    rows_of,
    sink_transition,
)
from lintrans.errors import InputError, short

HALF_PRECISION = 1e-3  # relative, of sums of numbers with 11 bits
AGREES, DISAGREES, BOUNDED, NO_DATA, FOUND = "agrees", "disagrees", "bounded", "no data", "found"


class Line(NamedTuple):
    """One number, published and re-derived.

    Attributes
    ----------
    quantity, model, revision : str
        What it is about; "" where a number is about no single model or revision.
    published : float or None
        None if only we give it.
    rederived : float or None
        None if the tables do not tell.
    status : str
        ``agrees`` or ``disagrees``; ``bounded`` if the tables only say that it can be so; ``no data``;
        ``found`` if nothing was published to compare with.
    note : str
    """

    quantity: str
    model: str
    revision: str
    published: float | None
    rederived: float | None
    status: str
    note: str = ""


def rederive(tables: Tables | None = None) -> list[Line]:
    """Every published number of the tables beside what the tables give again.

    Parameters
    ----------
    tables
        By default those of the package. Tests pass altered ones.

    Examples
    --------
    >>> lines = rederive()
    >>> [line.rederived for line in lines if line.quantity == "any class first token"]
    [74.0]
    """
    t = tables or published_tables()
    parts = (
        _totals,
        _claims,
        _shallowest,
        _milestones,
        _recalls,
        _nulls,
        _ablations,
        _one_head,
        _correlations,
    )
    return [line for part in parts for line in part(t)]


def _compared(
    quantity: str,
    model: str,
    revision: str,
    published: float,
    rederived: float,
    note: str = "",
    *,
    tol: float = 0,
) -> Line:
    """Line that agrees if both numbers differ by ``tol`` of the published one at most."""
    same = abs(published - rederived) <= tol * abs(published) + 1e-9  # rounding of sums of decimals
    status = AGREES if same else DISAGREES
    return Line(quantity, model, revision, float(published), float(rederived), status, note)


def _totals(t: Tables) -> Iterator[Line]:
    """Whether counts by layer add up to the totals, and the totals to the fractions."""
    for model in MODELS:
        layers, totals = rows_of(t["head_counts_by_layer"], model), rows_of(t["head_counts_total"], model)
        for name in ("first_token_heads", "induction_heads"):
            sums = [layers[name][layers["revision"] == one].sum() for one in totals["revision"]]
            yield _compared(
                f"revisions whose layers add up to the total of {name.replace('_', ' ')}",
                model,
                "",
                len(sums),
                int((np.array(sums) == totals[name]).sum()),
            )
        share = totals["first_token_heads"] / totals["heads"]
        close = np.abs(share - totals["first_token_fraction"]) <= 5.1e-7  # written with six decimals
        name = "revisions whose fraction is count over heads"
        yield _compared(name, model, "", share.size, int(close.sum()))


def _claims(t: Tables) -> Iterator[Line]:
    """Numbers of the text, one function for each quantity."""
    claims = t["claims"]
    rows = zip(*(claims[name].tolist() for name in claims), strict=True)
    for quantity, model, revision, published, decimals, _ in rows:
        find = _CLAIMS.get(quantity)
        if find is None:
            raise InputError(f"quantity must have a rule, got {short(quantity)}; add one to published.py")
        found = find(t, model, revision)
        same = abs(found - published) <= 0.5 * 10.0**-decimals + 1e-9
        yield Line(quantity, model, revision, published, found, AGREES if same else DISAGREES)


def _sink_percent(t: Tables, model: str, revision: str) -> float:
    row = rows_of(t["head_counts_total"], model, revision=revision)
    return float(100 * row["first_token_heads"][0] / row["heads"][0])


def _width(t: Tables, model: str, _: str) -> float:
    return sink_transition(model, tables=t, n_bootstrap=0).width.value


def _grid_step(t: Tables, model: str, _: str) -> float:
    return sink_transition(model, tables=t, n_bootstrap=0).grid_step


def _best(kind: str) -> Any:
    def count(t: Tables, _: str, __: str) -> float:
        heads = pythia_heads(t)
        if kind == "none":
            return float((best_class(heads) == UNCLASSIFIED).sum())
        return float(by_best_class(heads).counts[0, heads.number(kind)])

    return count


def _any(kind: str, threshold: float = THRESHOLD) -> Any:
    def count(t: Tables, _: str, __: str) -> float:
        heads = pythia_heads(t)
        return float(by_any_class(heads, threshold).counts[0, heads.number(kind)])

    return count


def _best_percent(t: Tables, model: str, revision: str) -> float:
    return 100 * float(_best("first token")(t, model, revision)) / pythia_heads(t).n_heads


def _edge(t: Tables, _: str, __: str) -> float:
    return float(pythia_heads(t).ratio[0, 8, 5, KINDS.index("first token")])


def _any_rounded(t: Tables, _: str, __: str) -> float:
    return float((np.round(pythia_heads(t).ratio[0, ..., KINDS.index("first token")], 1) >= THRESHOLD).sum())


_CLAIMS: dict[str, Any] = {
    "first-token heads in percent": _sink_percent,
    "first-token heads in layers 0 and 1, all revisions": lambda t, model, _: heads_below(t, model),
    "10-90 % width in doublings": _width,
    "grid step at the midpoint in doublings": _grid_step,
    "midpoint of first-token heads over 3 induction heads in tokens": lambda t, model, _: gap(t, model),
    **{f"best class {kind}": _best(kind) for kind in (*KINDS, "none")},
    **{f"any class {kind}": _any(kind) for kind in KINDS},
    "first-token ratio of L8H5": _edge,
    "any class first token with L8H5 rounded to 30": _any_rounded,
    "first-token heads in percent by the stated class rule": _best_percent,
}


def _shallowest(t: Tables) -> Iterator[Line]:
    """Shallowest layer with a first-token head: where one is first seen, and at the end."""
    for model in MODELS:
        rows = rows_of(t["head_counts_by_layer"], model)
        there = rows["first_token_heads"] > 0
        revisions = [
            one for one in dict.fromkeys(rows["revision"].tolist()) if there[rows["revision"] == one].any()
        ]
        for name, one in (("first seen", revisions[0]), ("at the end", rows["revision"][-1])):
            layer = rows["layer"][there & (rows["revision"] == one)].min()
            yield Line(
                f"shallowest layer with a first-token head, {name}",
                model,
                str(one),
                None,
                float(layer),
                FOUND,
            )


def _milestones(t: Tables) -> Iterator[Line]:
    """Those of first-token heads follow from the counts; counts at 30x bound those of induction at 50x."""
    for name in t["published_milestones"]["milestone"].tolist():
        kind, _, amount = name.partition(">=")
        for model in MODELS if amount else ():
            published, totals = milestone(t, name, model), rows_of(t["head_counts_total"], model)
            if kind == "first-token":
                yield _share_milestone(name, model, published, totals, float(amount.rstrip("%")) / 100)
            elif kind == "induction":
                yield _bounded_milestone(name, model, published, totals, int(amount.split()[0]))
            else:
                note = "counts of this kind by revision are not in the tables"
                yield Line(f"{name} in billions of tokens", model, "", published, None, NO_DATA, note)


def _share_milestone(name: str, model: str, published: float, totals: Table, share: float) -> Line:
    reached = np.flatnonzero(totals["first_token_heads"] >= share * totals["heads"])
    found = float(totals["tokens_billion"][reached[0]]) if reached.size else None
    revision = str(totals["revision"][reached[0]]) if reached.size else ""
    same = round(found) == published if found is not None else math.isnan(published)
    given = None if math.isnan(published) else published
    note = "" if found is not None else "never reached"
    status = AGREES if same else DISAGREES
    return Line(f"{name} in billions of tokens", model, revision, given, found, status, note)


def _bounded_milestone(name: str, model: str, published: float, totals: Table, needed: int) -> Line:
    """Heads at 50x are among those at 30x: the milestone cannot come before as many are there."""
    enough = np.flatnonzero(totals["induction_heads"] >= needed)
    earliest = float(totals["tokens_billion"][enough[0]]) if enough.size else None
    given = None if math.isnan(published) else published
    possible = given is None or (earliest is not None and round(earliest) <= given)
    note = f"{needed} heads at 30x" + (
        " are never there" if earliest is None else " are there from here on at the earliest"
    )
    status = BOUNDED if possible else DISAGREES
    if given is None and earliest is None:
        status = AGREES
    return Line(f"{name} in billions of tokens", model, "", given, earliest, status, note)


def _recalls(t: Tables) -> Iterator[Line]:
    """Recall of the final heads at 50x is at most the number of heads at 30x over the size of that set."""
    table, nulls = t["published_milestones"], t["null_calibration"]
    for name in table["milestone"].tolist():
        if not name.startswith("recall"):
            continue
        percent = float(name.split()[1].rstrip("%"))
        for model in MODELS:
            revision = str(table[model][table["milestone"] == name][0])
            size = float(rows_of(nulls, model)["n_ge_50x"][0])
            there = float(rows_of(t["head_counts_total"], model, revision=revision)["induction_heads"][0])
            most = 100 * min(there / size, 1.0)
            status = BOUNDED if most >= percent - 1 else DISAGREES  # 33 and 67 % stand for thirds
            note = f"at most: {there:.0f} heads at 30x, final set of {size:.0f} at 50x"
            yield Line(
                "recall of the final induction heads in percent", model, revision, percent, most, status, note
            )


def _nulls(t: Tables) -> Iterator[Line]:
    """Counts of the calibration against the ratios of heads, and against counts over revisions."""
    table = t["null_calibration"]
    row = {name: column[0] for name, column in rows_of(table, "pythia-1b").items()}
    ratio = pythia_heads(t).ratio[0, ..., KINDS.index("induction")]
    where, half = ("pythia-1b", "step143000"), "published in fp16, the ratios in fp32"
    for limit in ("2x", "null_p99", "10x", "30x", "50x", "100x"):
        value = float(row["null_p99"] if limit == "null_p99" else limit.rstrip("x"))
        found = float((ratio >= value).sum())
        note = half if found != row[f"n_ge_{limit}"] else ""
        yield _compared(
            f"induction heads with a ratio >= {value:g}", *where, row[f"n_ge_{limit}"], found, note
        )
    for name, found in (("real_max", ratio.max()), ("real_median", np.median(ratio))):
        quantity = f"{name.removeprefix('real_')} of induction ratios"
        yield _compared(quantity, *where, row[name], float(found), half, tol=HALF_PRECISION)
    for model in MODELS[1:]:
        totals = rows_of(t["head_counts_total"], model)
        known = float(rows_of(table, model)["n_ge_30x"][0])
        revision, found = str(totals["revision"][-1]), float(totals["induction_heads"][-1])
        yield _compared("induction heads with a ratio >= 30", model, revision, known, found)
    n = table["model"].size
    limits = np.stack([np.full(n, 2.0), table["null_p99"], *(np.full(n, v) for v in (10.0, 30, 50, 100))])
    names = ("2x", "null_p99", "10x", "30x", "50x", "100x")
    counts = np.stack([table[f"n_ge_{name}"] for name in names])
    order = np.argsort(limits, axis=0)
    falls = (np.diff(np.take_along_axis(counts, order, axis=0), axis=0) <= 0).all(axis=0)
    yield _compared("models whose counts fall with the threshold", "", "", n, int(falls.sum()))
    product = table["layers"] * table["heads_per_layer"] == table["heads"]
    yield _compared("models with layers times heads a layer", "", "", n, int(product.sum()))
    above = int((table["null_max_of_500_draws"] > table["real_max"]).sum())
    note = "the largest of 500 ratios at random positions"
    yield Line(
        "models whose largest null ratio exceeds the largest real one", "", "", None, above, FOUND, note
    )


def _ablations(t: Tables) -> Iterator[Line]:
    """Sizes of ablated sets against the calibration, and what ablation does."""
    table = t["ablation_sweep"]
    lower, total = 0, 0
    for model in MODELS:
        rows, null = rows_of(table, model), rows_of(t["null_calibration"], model)
        screens, random = (
            rows_of(table, model, condition=name) for name in ("induction-screen", "matched-random")
        )
        for i, limit in enumerate(screens["threshold_x"].tolist()):
            known = float(null[f"n_ge_{limit:g}x"][0])
            ablated, matched = float(screens["heads_ablated"][i]), float(random["heads_ablated"][i])
            yield _compared(f"heads ablated at >= {limit:g}", model, "", ablated, known)
            yield _compared(f"matched random heads at >= {limit:g}", model, "", matched, ablated)
            lower += int(screens["mean_target_logit"][i] < random["mean_target_logit"][i])
            total += 1
        intact = float(rows["top1"][rows["condition"] == "none"][0])
        yield Line("top-1 accuracy in percent, all heads intact", model, "", None, 100 * intact, FOUND)
        above = int((random["top1"] > intact).sum())
        note = f"of {random['top1'].size}; top-1 is no measure"
        yield Line("matched random sets that raise top-1", model, "", None, float(above), FOUND, note)
    note = f"of {total}, by the mean logit of the target"
    yield Line(
        "thresholds at which the screened heads matter more than random ones",
        "",
        "",
        None,
        lower,
        FOUND,
        note,
    )


def _one_head(t: Tables) -> Iterator[Line]:
    """The trajectory of L4H4 of Pythia 1B: its end, its tokens, and the lead of participation."""
    track = t["pythia1b_L4H4_trajectory"]
    induction = float(pythia_heads(t).ratio[0, 4, 4, KINDS.index("induction")])
    end, where = float(track["induction_selectivity"][-1]), ("pythia-1b", "step143000")
    yield _compared("induction ratio of L4H4", *where, end, induction, tol=5e-4)  # one decimal of 181.6
    tokens = rows_of(t["head_counts_total"], "pythia-1b")["tokens_billion"]
    same = int((np.abs(track["tokens_billion"] - tokens) < 1e-3).sum())  # cut after three decimals
    yield _compared("revisions of L4H4 with the tokens of the counts", "pythia-1b", "", tokens.size, same)
    ratio = np.ones((tokens.size, 1, 1, len(KINDS)))
    ratio[:, 0, 0, KINDS.index("induction")] = track["induction_selectivity"]
    pr: FloatArray = track["participation_ratio"].reshape(-1, 1, 1)
    lead = participation_lead(HeadTable(ratio=ratio, participation=pr, tokens=tokens))
    note = f"at the grid of revisions between {lead.low[0]:.2f} and {lead.high[0]:.2f}; one head, no control"
    yield Line(
        "doublings from participation to induction, L4H4",
        "pythia-1b",
        "",
        None,
        float(lead.lead[0]),
        FOUND,
        note,
    )


def _correlations(t: Tables) -> Iterator[Line]:
    """Rank correlations of ten points are multiples of 1/165, and shares of heads multiples of 1/heads."""
    table = t["weight_vs_activation_correlation"]
    heads = {model: float(rows_of(t["head_counts_total"], model)["heads"][0]) for model in MODELS}
    scaled = 165 * table["median_rank_corr"]
    n, near = scaled.size, 165 * 5.1e-6  # written with five decimals or more
    found = int((np.abs(scaled - scaled.round()) <= near).sum())
    yield _compared("medians that are rank correlations of ten points", "", "", n, found)
    counts = table["fraction_positive"] * np.array([heads[model] for model in table["model"].tolist()])
    found = int((np.abs(counts - counts.round()) <= 256 * 5.1e-7).sum())
    yield _compared("shares of positive correlations that are whole heads", "", "", n, found)
