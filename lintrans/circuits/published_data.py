"""Tables of published numbers on three models of 1B parameters, and what is read from them.

The tables lie in the folder ``data``, whose README says where each number comes from: arXiv 2606.02378 and
the files behind it.
"""

from __future__ import annotations

import csv
import functools
import math
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lintrans.circuits.heads import KINDS, HeadTable
from lintrans.counting.transitions import Transition, fit_transition
from lintrans.errors import InputError, short

DATA = Path(__file__).parent / "data"
MODELS = ("pythia-1b", "OLMo-1B-0724-hf", "OLMoE-1B-7B-0924")
COLUMNS = ("induction", "previous-token", "duplicate-token", "first-token", "self", "local")
TOKENS_PER_STEP = 2_097_152  # of Pythia

Table = Mapping[str, NDArray[Any]]
Tables = Mapping[str, Table]


@functools.cache
def published_tables() -> Tables:
    """All tables of the folder ``data`` by name: columns by name, read-only.

    Columns of numbers are float64, with NaN where an entry is empty; other columns are text.

    Examples
    --------
    >>> totals = published_tables()["head_counts_total"]
    >>> len(totals["revision"]), int(totals["first_token_heads"][9])
    (30, 74)
    """
    return MappingProxyType({path.stem: _read(path) for path in sorted(DATA.glob("*.csv"))})


def _read(path: Path) -> Table:
    with path.open(newline="", encoding="utf-8") as stream:
        names, *rows = csv.reader(stream, strict=True)
    found: dict[str, NDArray[Any]] = {}
    for name, entries in zip(names, zip(*rows, strict=True), strict=True):
        try:
            found[name] = np.array([float(entry) if entry else math.nan for entry in entries])
        except ValueError:
            found[name] = np.array(entries)
        found[name].setflags(write=False)
    return MappingProxyType(found)


def rows_of(table: Table, model: str, **where: Any) -> dict[str, NDArray[Any]]:
    """Rows of one model; some tables name it with its owner."""
    chosen = np.array([name.rpartition("/")[2] == model for name in table["model"].tolist()])
    for name, value in where.items():
        chosen &= table[name] == value
    return {name: column[chosen] for name, column in table.items()}


def _check_model(model: str) -> str:
    if model not in MODELS:
        raise InputError(f"model must be one of {', '.join(MODELS)}, got {short(model)}; choose one")
    return model


def pythia_heads(tables: Tables | None = None) -> HeadTable:
    """Ratios of the 128 heads of Pythia 1B at its last checkpoint: one revision, 16 layers, 8 heads, 6 kinds.

    Examples
    --------
    >>> from lintrans.circuits.findings import by_any_class, by_best_class
    >>> heads = pythia_heads()
    >>> first = heads.kinds.index("first token")
    >>> by_best_class(heads).counts[0, first].item(), by_any_class(heads).counts[0, first].item()
    (69, 74)
    """
    table = (tables or published_tables())["pythia1b_step143000_head_selectivity"]
    shape = tuple(int(table[name].max()) + 1 for name in ("layer", "head"))
    ratio = np.full((1, *shape, len(KINDS)), np.nan)
    at = table["layer"].astype(int), table["head"].astype(int)
    for i, name in enumerate(COLUMNS):
        ratio[0, at[0], at[1], i] = table[name]
    tokens = np.array([143_000 * TOKENS_PER_STEP], dtype=np.float64)
    return HeadTable(ratio=ratio, tokens=tokens, revision=np.array(["step143000"]), model="pythia-1b", n=2000)


def sink_transition(
    model: str, *, tables: Tables | None = None, n_bootstrap: int = 1000, seed: int = 0
) -> Transition:
    """Fit the share of first-token heads of a published model over log2 of billions of tokens.

    The share is that of all heads with a first-token ratio of 30 or more, whatever their best class. All ten
    revisions count alike, those without such a head too; the lower asymptote is at least 0 and the upper one
    is free. Intervals are by resampling layers, since heads of a layer form together.

    Parameters
    ----------
    model
        One of `MODELS`.
    tables
        By default those of the package.
    n_bootstrap, seed
        As `lintrans.counting.fit_transition`.

    Examples
    --------
    >>> [round(sink_transition(model, n_bootstrap=0).width.value, 2) for model in MODELS]
    [5.66, 1.21, 6.28]
    """
    rows = rows_of((tables or published_tables())["head_counts_by_layer"], _check_model(model))
    layers = np.unique(rows["layer"]).size
    share = (rows["first_token_heads"] / rows["heads_in_layer"]).reshape(-1, layers)
    x = np.log2(rows["tokens_billion"].reshape(-1, layers)[:, 0])
    return fit_transition(x, share.T, n_bootstrap=n_bootstrap, seed=seed)


def heads_below(t: Tables, model: str) -> float:
    """First-token heads in layers 0 and 1, summed over the revisions of a model."""
    rows = rows_of(t["head_counts_by_layer"], model)
    return float(rows["first_token_heads"][rows["layer"] < 2].sum())


def milestone(t: Tables, name: str, model: str) -> float:
    """Billions of tokens of a published milestone, NaN if there is none."""
    table = t["published_milestones"]
    entry = str(table[model][table["milestone"] == name][0])
    return float(entry.removesuffix("B")) if entry else math.nan


def gap(t: Tables, model: str) -> float:
    """Tokens at the midpoint of first-token heads over those at the third induction head."""
    return float(
        2 ** sink_transition(model, tables=t, n_bootstrap=0).midpoint.value / induction_tokens(t, model)
    )


def induction_tokens(t: Tables, model: str) -> float:
    """Billions of tokens at the published milestone of three induction heads at 50x."""
    published = milestone(t, "induction>=3 heads at 50x", model)
    totals = rows_of(t["head_counts_total"], model)["tokens_billion"]
    return float(totals[np.abs(totals - published).argmin()])
