"""Scores of attention heads, from arrays: where they look, and how many directions they write to.

Attention rows have shape (..., n, heads, T): of n sequences the row of the query, over T keys. Full attention
has shape (n, heads, T, T), queries before keys. Outputs of a head are those before the output projection.

The mass of a kind is the mean attention on its target, selectivity that over the mean attention on random
positions (arXiv 2606.02378): both means are taken over sequences first, then divided. Beside them stand the
usual scores of previous-token and duplicate-token heads, prefix matching (Olsson et al., 2022, arXiv
2209.11895) and the importance of the first token (Gu et al., ICLR 2025, arXiv 2410.10781).
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from lintrans.circuits.probes import IntArray
from lintrans.errors import InputError

FloatArray = NDArray[np.float64]

PREVIOUS, DUPLICATE, PREFIX, PREFIX_LEAST, INDUCTION_LEAST, SINK = SCORES = (
    "previous token",
    "duplicate token",
    "prefix matching",
    "prefix matching, least over lags",
    "induction, least over lags",
    "first-token importance",
)
SINK_EPSILON = 0.3
STEADY = 0.5  # share of its mean that a head which follows the lag keeps at each
LEAST_MASS = 0.05  # below which attention is not told from chance
FORMS = ("entropy", "moments")
EARLY, LATE, OF = 50, 500, 512  # tokens of the in-context-learning score
HALF_WINDOW = 64  # as a divisor of T


def attention_to(rows: ArrayLike, positions: IntArray) -> FloatArray:
    """Attention (..., n, heads) on positions (n, m) of each sequence, their mean.

    Examples
    --------
    >>> rows = np.array([[[0.7, 0.1, 0.2]]])
    >>> attention_to(rows, np.array([[1, 2]])).round(3).tolist()
    [[0.15]]
    """
    values = np.asarray(rows)
    if values.ndim < 3 or positions.ndim != 2 or values.shape[-3] != len(positions):
        raise InputError(
            f"rows must have shape (..., n, heads, T) with n = {len(positions)} rows of positions, got "
            f"{values.shape}; put one sequence in a row"
        )
    places = positions.reshape(*(1,) * (values.ndim - 3), len(positions), 1, positions.shape[1])
    found = np.take_along_axis(values, places, axis=-1)
    return np.asarray(found.mean(axis=-1, dtype=np.float64))


def mass(rows: ArrayLike, positions: IntArray) -> FloatArray:
    """Mean attention (..., heads) on the target, over sequences and the positions of the target.

    Examples
    --------
    >>> rows = np.array([[[0.7, 0.3, 0.0]], [[0.0, 0.5, 0.5]]])
    >>> mass(rows, np.array([[1], [2]])).tolist()
    [0.4]
    """
    return np.asarray(attention_to(rows, positions).mean(axis=-2))


def ratio(rows: ArrayLike, positions: IntArray, random: IntArray) -> FloatArray:
    """Selectivity (..., heads): mean attention on the target over that on random positions.

    Both means are over sequences. NaN where a head has no attention on either.

    Examples
    --------
    >>> rows = np.array([[[0.7, 0.2, 0.1]], [[0.5, 0.4, 0.1]]])
    >>> ratio(rows, np.array([[0], [0]]), np.array([[1, 2], [1, 2]])).round(6).tolist()
    [3.0]
    """
    return over(mass(rows, positions), mass(rows, random))


def over(target: ArrayLike, background: ArrayLike) -> FloatArray:
    """Quotient of two masses; infinite over nothing, NaN where both are 0."""
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.asarray(np.divide(target, background, dtype=np.float64))


def by_group(values: ArrayLike, groups: IntArray) -> FloatArray:
    """Means (groups, ..., heads) of values (..., n, heads) over the sequences of each group.

    Examples
    --------
    >>> by_group([[0.0], [1.0], [0.5]], np.array([0, 1, 1])).tolist()
    [[0.0], [0.75]]
    """
    given = np.asarray(values, dtype=np.float64)
    return np.stack([given[..., groups == g, :].mean(axis=-2) for g in range(int(groups.max()) + 1)])


def is_fixed_offset(mean: ArrayLike, least: ArrayLike) -> NDArray[np.bool_]:
    """Whether heads look back a fixed number of tokens, and not to where the lag says.

    Parameters
    ----------
    mean
        Attention on a target that moves with the lag.
    least
        The least of its means at single lags, or groups of lags.

    Notes
    -----
    The rule: the mean is at least 0.05, and at some lag less than half of it is left.

    Examples
    --------
    >>> is_fixed_offset([0.5, 0.5, 0.01], [0.4, 0.0, 0.0]).tolist()
    [False, True, False]
    """
    given = np.asarray(mean)
    return (given >= LEAST_MASS) & (np.asarray(least) < STEADY * given)


def previous_token(attention: ArrayLike) -> FloatArray:
    """Attention (n, heads) of every token but the first on the one before it, their mean.

    Examples
    --------
    >>> previous_token(np.eye(4, k=-1)[None, None]).tolist()
    [[1.0]]
    """
    values = _full(attention)
    return np.asarray(np.diagonal(values, -1, axis1=2, axis2=3).mean(axis=-1, dtype=np.float64))


def first_token_importance(attention: ArrayLike) -> FloatArray:
    """Attention (n, heads) on the first token, its mean over all queries, the first among them.

    This is the importance alpha_1 of Gu et al.; `sink_share` counts heads above 0.3.

    Examples
    --------
    >>> first_token_importance(np.eye(4)[None, None]).tolist()
    [[0.25]]
    """
    return np.asarray(_full(attention)[..., 0].mean(axis=-1, dtype=np.float64))


def sink_share(importance: ArrayLike, epsilon: float = SINK_EPSILON) -> float:
    """Share of heads whose importance of the first token is above epsilon: the sink metric of Gu et al.

    Gu et al. measure it with 64 tokens of text. It depends on the length, and on what stands first.

    Examples
    --------
    >>> sink_share([[0.1, 0.5], [0.3, 0.9]])
    0.5
    """
    return float((np.asarray(importance) > epsilon).mean())


def on_copies(attention: ArrayLike, lags: IntArray, passage: IntArray, shift: int) -> FloatArray:
    """Attention (n, heads) of the tokens of a repeated passage to those a lag before them, their mean.

    Parameters
    ----------
    attention
        Of n sequences.
    lags
        Of each sequence (n,).
    passage
        Tokens at its end that repeat those a lag before (n,).
    shift
        0 for the earlier copy itself, the score of duplicate-token heads; 1 for the token after it, which is
        prefix matching.

    Examples
    --------
    >>> uniform = np.tril(np.ones((24, 24))) / np.arange(1, 25)[:, None]
    >>> on_copies(uniform[None, None], np.array([8]), np.array([1]), 1).round(6).tolist()
    [[0.041667]]
    """
    values = _full(attention)
    n, heads, length, _ = values.shape
    found = np.empty((n, heads))
    for i, (lag, size) in enumerate(zip(lags.tolist(), passage.tolist(), strict=True)):
        queries = np.arange(length - size, length)
        found[i] = values[i][:, queries, queries - lag + shift].mean(axis=-1, dtype=np.float64)
    return found


def in_context_positions(length: int) -> tuple[IntArray, IntArray]:
    """Early and late tokens of the in-context-learning score, for sequences of T tokens.

    Tokens 50 and 500 of 512 (Olsson et al., 2022), scaled to T, each with T/64 neighbours on both sides.

    Examples
    --------
    >>> early, late = in_context_positions(256)
    >>> early[[0, -1]].tolist(), late[[0, -1]].tolist()
    ([21, 29], [246, 254])
    """
    around = np.arange(-(length // HALF_WINDOW), length // HALF_WINDOW + 1)
    early, late = (
        np.unique(np.clip(round(token * length / OF) + around, 1, length - 1)) for token in (EARLY, LATE)
    )
    return early.astype(np.int64), late.astype(np.int64)


def in_context_score(early: ArrayLike, late: ArrayLike) -> float:
    """Mean loss of late tokens minus that of early ones, in nats; the lower, the more the context helps."""
    return float(np.asarray(late).mean(dtype=np.float64) - np.asarray(early).mean(dtype=np.float64))


def participation_ratio(outputs: ArrayLike, form: str = "entropy") -> FloatArray:
    """Directions that a head writes to: participation ratio (...) of its outputs (..., N, d), not centred.

    With singular values s and p = s^2 / sum s^2 it is exp(-sum p ln p), or in the other common form
    (sum s^2)^2 / sum s^4. Both lie between 1 and `participation_bound`; NaN if all outputs are 0.

    Parameters
    ----------
    outputs
        Of N sequences, d numbers each.
    form
        "entropy", the published one, or "moments".

    Raises
    ------
    InputError
        If there is no such form.

    Examples
    --------
    Two directions of like size, and of unlike size:

    >>> participation_ratio([[1.0, 0, 0], [0, 1, 0]]).round(12).tolist()
    2.0
    >>> pairs = [[1.0, 0, 0], [0, 0.5, 0]]
    >>> participation_ratio(pairs).round(3).item(), participation_ratio(pairs, "moments").round(3).item()
    (1.649, 1.471)
    """
    values = np.asarray(outputs, dtype=np.float64)
    return participation_of_gram(np.swapaxes(values, -1, -2) @ values, form)


def participation_of_gram(gram: ArrayLike, form: str = "entropy") -> FloatArray:
    """Participation ratio (...) from the products X^T X (..., d, d) of outputs X."""
    if form not in FORMS:
        raise InputError(f"form must be one of {', '.join(FORMS)}, got {form!r}; choose one")
    given: NDArray[Any] = np.asarray(gram, dtype=np.float64)
    usable = np.isfinite(given).all(axis=(-1, -2)) & (np.trace(given, axis1=-2, axis2=-1) > 0)
    squares = np.maximum(
        np.linalg.eigvalsh(np.where(usable[..., None, None], given, np.eye(given.shape[-1]))), 0
    )
    p = squares / squares.sum(axis=-1, keepdims=True)
    if form == "entropy":
        found = np.exp(-(p * np.log(np.where(p > 0, p, 1.0))).sum(axis=-1))
    else:
        found = 1 / (p**2).sum(axis=-1)
    return np.where(usable, found, np.nan)


def participation_bound(n: int, d_head: int) -> int:
    """Largest participation ratio of N outputs with d numbers each.

    Examples
    --------
    >>> participation_bound(2000, 64)
    64
    """
    return min(n, d_head)


def _full(attention: ArrayLike) -> NDArray[Any]:
    values = np.asarray(attention)
    if values.ndim != 4 or values.shape[2] != values.shape[3]:
        raise InputError(f"attention must have shape (n, heads, T, T), got {values.shape}; reshape it")
    return values
