"""Measures of the heads of one model: mass, selectivity, participation ratio, and the usual scores.

A probe passes through the model batch by batch, and only sums over sequences are kept.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from lintrans.circuits import scores
from lintrans.circuits.families import Loaded, ModelShape
from lintrans.circuits.heads import KINDS
from lintrans.circuits.probes import WITH_LAG, Probe
from lintrans.circuits.rows import Rows, passes

Arrays = dict[str, NDArray[Any]]
FloatArray = NDArray[np.float64]


def measure_heads(loaded: Loaded, probe: Probe, standard: Probe, *, batch: int | None = None) -> Arrays:
    """Measures of all heads of a model.

    Parameters
    ----------
    loaded
        The model.
    probe
        For mass, selectivity and participation ratio: attention of its last tokens.
    standard
        For the usual scores: attention of all tokens to those before them, and of a passage to its copy. From
        `repeated_probe` or `text_probe`.
    batch
        Sequences at once; by default as many as memory allows, 16 at most.

    Returns
    -------
    dict of arrays
        ``mass`` and ``ratio`` (layer, head, kind), ``participation`` (layer, head), ``scores`` (layer, head,
        score) and ``in_context`` ().

    Raises
    ------
    InputError
        If a probe does not fit the model, or memory is too little.

    Notes
    -----
    Where a probe has few lags, mass and ratio of kinds whose target moves with the lag are the least over
    its lags, so that a head at a fixed offset does not pass for induction. With many lags, as in the
    published probe, they are means over all sequences: such a head meets its lag in one of a hundred. The
    score "induction, least over lags" is the least over lags, or over four groups of them.
    """
    sums = _Sums(loaded.shape, probe)
    for part, seen in passes(loaded, probe.tokens, batch=batch):
        sums.add(part, seen)
    usual, in_context = _standard_scores(loaded, standard, batch)
    usual[..., scores.SCORES.index(scores.INDUCTION_LEAST)] = sums.least_induction()
    return {
        "mass": sums.mass(),
        "ratio": sums.ratio(),
        "participation": scores.participation_of_gram(sums.gram),
        "scores": usual,
        "in_context": np.array(in_context),
    }


class _Sums:
    """Sums over sequences, by group of lags, of what measures are made of."""

    def __init__(self, shape: ModelShape, probe: Probe) -> None:
        self.probe, self.groups, self.targets = probe, probe.groups, probe.targets
        self.sizes = np.bincount(self.groups).reshape(-1, 1, 1)
        heads = len(self.sizes), shape.n_layers, shape.n_heads
        self.target = np.zeros((*heads, len(KINDS)))
        self.random = np.zeros(heads)
        self.gram = np.zeros((*heads[1:], shape.d_head, shape.d_head))

    def add(self, part: slice, seen: Rows) -> None:
        """Add some sequences."""
        group = self.groups[part]
        for i, kind in enumerate(KINDS):
            _add_by_group(
                self.target[..., i], scores.attention_to(seen.rows, self.targets[kind][part]), group
            )
        _add_by_group(self.random, scores.attention_to(seen.rows, self.probe.random[part]), group)
        outputs = seen.outputs.astype(np.float64)
        self.gram += outputs.transpose(0, 2, 3, 1) @ outputs.transpose(0, 2, 1, 3)

    def mass(self) -> FloatArray:
        """Mass (layer, head, kind)."""
        return self._over_lags(
            self.target.sum(axis=0) / self.sizes.sum(), self.target / self.sizes[..., None]
        )

    def ratio(self) -> FloatArray:
        """Selectivity (layer, head, kind)."""
        return self._over_lags(
            scores.over(self.target.sum(axis=0), self.random.sum(axis=0)[..., None]),
            scores.over(self.target, self.random[..., None]),
        )

    def least_induction(self) -> FloatArray:
        """Least mass of induction (layer, head) over groups of lags."""
        found: FloatArray = (self.target[..., KINDS.index("induction")] / self.sizes).min(axis=0)
        return found

    def _over_lags(self, together: FloatArray, by_group: FloatArray) -> FloatArray:
        """Values of all sequences; of kinds that move with the lag the least, if lags are few."""
        moves = [kind in WITH_LAG and self.probe.has_few_lags for kind in KINDS]
        return np.where(moves, by_group.min(axis=0), together)


def _add_by_group(sums: FloatArray, values: FloatArray, group: NDArray[np.int64]) -> None:
    """Add values (layers, n, heads) to sums (groups, layers, heads)."""
    for g in np.unique(group):
        sums[g] += values[:, group == g].sum(axis=1)


def _standard_scores(loaded: Loaded, probe: Probe, batch: int | None) -> tuple[FloatArray, float]:
    """Usual scores (layer, head, score), one of which is still missing, and the in-context-learning score."""
    early, late = scores.in_context_positions(probe.length)
    at = np.tile(np.concatenate([early, late]), (probe.n, 1))

    def reduce(attention: NDArray[Any], part: slice) -> FloatArray:
        lags, passage = probe.lags[part], probe.passage[part]
        found = (
            scores.previous_token(attention),
            scores.on_copies(attention, lags, passage, 0),
            scores.on_copies(attention, lags, passage, 1),
            scores.first_token_importance(attention),
        )
        return np.stack(found, axis=-1)

    parts = [seen for _, seen in passes(loaded, probe.tokens, batch=batch, loss_at=at, reduce=reduce)]
    each = np.concatenate([seen.reduced for seen in parts], axis=1)  # layers, n, heads, scores
    losses = np.concatenate([seen.losses for seen in parts])
    previous, duplicate, prefix, first = np.moveaxis(each.mean(axis=1), -1, 0)
    by_name = {
        scores.PREVIOUS: previous,
        scores.DUPLICATE: duplicate,
        scores.PREFIX: prefix,
        scores.PREFIX_LEAST: scores.by_group(each[..., 2], probe.groups).min(axis=0),
        scores.SINK: first,
    }
    missing = np.full_like(previous, np.nan)
    usual = np.stack([by_name.get(name, missing) for name in scores.SCORES], axis=-1)
    return usual, scores.in_context_score(losses[:, : early.size], losses[:, early.size :])
