"""Where the text of arXiv 2606.02378 and its own data say different things: ten points."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from lintrans.circuits.findings import by_any_class, by_best_class
from lintrans.circuits.heads import KINDS
from lintrans.circuits.published_data import (
    MODELS,
    TOKENS_PER_STEP,
    Tables,
    gap,
    heads_below,
    induction_tokens,
    milestone,
    published_tables,
    pythia_heads,
    rows_of,
    sink_transition,
)

LARGEST_UNIFORM = 255  # of a ratio to uniform attention over the 255 positions before the query


class Disagreement(NamedTuple):
    """A point where the text of the paper and its data differ.

    Attributes
    ----------
    number : int
    topic, text, data : str
        What the text says, and what the data say.
    computed : str
        What the tables here give; "" if nothing.
    """

    number: int
    topic: str
    text: str
    data: str
    computed: str


def disagreements(tables: Tables | None = None) -> list[Disagreement]:
    """Ten points at which the text of the paper and its data differ, each with what the tables give.

    Examples
    --------
    >>> point = disagreements()[6]
    >>> point.number, point.computed
    (7, '74 of 128 heads (57.8 %) by any class, 69 (53.9 %) by best class')
    """
    t = tables or published_tables()
    table = t["disagreements"]
    words = zip(*(table[name].tolist() for name in ("topic", "text", "data")), strict=True)
    numbers = (int(number) for number in table["number"].tolist())
    return [
        Disagreement(number, topic, text, data, _COMPUTED[number](t))
        for number, (topic, text, data) in zip(numbers, words, strict=True)
    ]


def _heads_at(t: Tables, model: str, revision: str, column: str = "first_token_heads") -> int:
    return int(rows_of(t["head_counts_total"], model, revision=revision)[column][0])


def _point_ratio(t: Tables) -> str:
    ratio = pythia_heads(t).ratio[0, ..., KINDS.index("first token")]
    above = int((ratio > LARGEST_UNIFORM).sum())
    return f"{above} of {ratio.size} heads of Pythia 1B have a first-token ratio above 255 at its end"


def _point_recall(t: Tables) -> str:
    pythia, olmo = (
        _heads_at(t, *where, column="induction_heads")
        for where in (("pythia-1b", "step256"), ("OLMo-1B-0724-hf", "step1000-tokens2B"))
    )
    return f"{pythia} heads at step256 of Pythia 1B, {olmo} at 2B tokens of OLMo-1B"


def _point_revisions(t: Tables) -> str:
    sizes = [rows_of(t["head_counts_total"], model)["revision"].size for model in MODELS]
    return f"{', '.join(map(str, sizes))} revisions; 64 steps are {64 * TOKENS_PER_STEP:.3g} tokens"


def _point_early(t: Tables) -> str:
    olmo = _heads_at(t, "OLMo-1B-0724-hf", "step5000-tokens10B")
    pythia = _heads_at(t, "pythia-1b", "step10000")
    return f"{olmo} of 256 heads of OLMo-1B at 10B tokens; {pythia} of 128 of Pythia 1B at 21B"


def _point_classes(t: Tables) -> str:
    heads = pythia_heads(t)
    number, n = heads.number("first token"), heads.n_heads
    of_any, of_best = (int(rule(heads).counts[0, number]) for rule in (by_any_class, by_best_class))
    return (
        f"{of_any} of {n} heads ({100 * of_any / n:.1f} %) by any class, "
        f"{of_best} ({100 * of_best / n:.1f} %) by best class"
    )


def _point_layers(t: Tables) -> str:
    published = sum(heads_below(t, model) for model in MODELS)
    here = t["smollm2_135m_first_token_heads"]
    random, text = (here[name][:2].sum() for name in ("random_first", "endoftext_id0_first"))
    return (
        f"{published:.0f} heads in layers 0 and 1 of the three models at any revision; of SmolLM2-135M, "
        f"measured here, {random:.0f} with a random token first and {text:.0f} with the end-of-text token"
    )


def _point_gap(t: Tables) -> str:
    said = []
    for model in MODELS:
        half = milestone(t, "first-token>=50%", model)
        totals = rows_of(t["head_counts_total"], model)["tokens_billion"]
        at = float(totals[np.abs(totals - half).argmin()])
        said.append(f"{at / induction_tokens(t, model):.0f} and {gap(t, model):.1f} ({model})")
    return f"factors at half of all heads and at the midpoint: {', '.join(said)}"


def _point_shapes(t: Tables) -> str:
    fits = {model: sink_transition(model, tables=t, n_bootstrap=0) for model in MODELS}
    return "; ".join(
        f"{model}: {fit.width.value:.2f} doublings, {fit.verdict}" for model, fit in fits.items()
    )


_COMPUTED: dict[int, Any] = {
    1: _point_ratio,
    2: lambda _: f"3.86 / 4.07 = {3.86 / 4.07:.0%} of the mix of OLMoE",
    3: _point_recall,
    4: _point_revisions,
    5: _point_early,
    6: lambda _: "",
    7: _point_classes,
    8: _point_layers,
    9: _point_gap,
    10: _point_shapes,
}
