"""Probes: sequences in which a token occurs a second time, and the positions each kind of head would look at.

The published probe (arXiv 2606.02378) is ``[filler] A B [filler] A``: the query is the last A, and an
induction head looks at B. The variants repeat a whole passage at several lags, of random tokens or of a text
of the user. In all of them the lag differs between sequences, so that a head which looks a fixed number of
tokens back is not taken for induction.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from lintrans.circuits import draws
from lintrans.circuits.draws import HIGH, LEAST_LAG, LOW
from lintrans.circuits.heads import KINDS
from lintrans.errors import InputError, check_seed, count, read_only, settle

IntArray = NDArray[np.int64]

WITH_LAG = ("induction", "duplicate")  # kinds whose target moves with the lag

N_SEQUENCES, LENGTH, SEED = 2000, 256, 42
N_REPEATED = 64  # sequences with a repeated passage
N_RANDOM = 50
LEAST_LENGTH = 24
MAX_SEQUENCES, MAX_LENGTH = 10**6, 2**17
FEW_LAGS, N_QUARTERS = 8, 4


@dataclass(frozen=True, eq=False)
class Probe:
    """Sequences whose last token occurred before; the query is the last position, T - 1.

    Parameters
    ----------
    name : str
        "published", "repeated" or "text", or a name of your own.
    tokens : (n, T) int array
        One sequence a row.
    copy : (n,) int array
        Position of the earlier copy of the last token.
    passage : (n,) int array
        How many of the last tokens repeat those a lag before; 1 if the last only.
    random : (n, m) int array
        Positions whose mean attention is the denominator of selectivity.
    bos : int, optional
        Token at position 0, if it is the same in all sequences; None if it is drawn like the others.
    seed : int
        By which the sequences were drawn.

    Raises
    ------
    InputError
        If shapes do not fit, positions are outside the sequence, or the last tokens repeat nothing.

    Examples
    --------
    >>> probe = published_probe(50_000, n=3, length=64)
    >>> probe.query, probe.targets["induction"].tolist() == (probe.copy[:, None] + 1).tolist()
    (63, True)
    >>> probe.targets["local"][0].tolist()
    [58, 59, 60, 61]
    """

    name: str
    tokens: IntArray
    copy: IntArray
    passage: IntArray
    random: IntArray
    bos: int | None = None
    seed: int = SEED

    def __post_init__(self) -> None:
        arrays = {"tokens": 2, "copy": 1, "passage": 1, "random": 2}
        settle(self, **{name: _whole_array(name, getattr(self, name), ndim) for name, ndim in arrays.items()})
        bos = None if self.bos is None else count("bos", self.bos, minimum=0)
        settle(self, bos=bos, seed=check_seed(self.seed))
        _check(self)

    @property
    def n(self) -> int:
        """Sequences."""
        return int(self.tokens.shape[0])

    @property
    def length(self) -> int:
        """Tokens of a sequence, T."""
        return int(self.tokens.shape[1])

    @property
    def query(self) -> int:
        """Position whose attention is measured, T - 1."""
        return self.length - 1

    @property
    def lags(self) -> IntArray:
        """Tokens between the two copies (n,)."""
        return self.query - self.copy

    @property
    def targets(self) -> dict[str, IntArray]:
        """Positions (n, m) that each kind of head would look at; several of a row share its attention."""
        places = {
            "induction": self.copy[:, None] + 1,
            "previous token": self.query - 1,
            "duplicate": self.copy[:, None],
            "first token": 0,
            "self": self.query,
            "local": np.arange(self.length - 6, self.length - 2),
        }
        return {kind: _rows(places[kind], self.n) for kind in KINDS}

    @property
    def has_few_lags(self) -> bool:
        """Whether its lags are eight or fewer: then a head at one of them gets a sizeable mean."""
        return len(np.unique(self.lags)) <= FEW_LAGS

    @property
    def groups(self) -> IntArray:
        """Group (n,) of each sequence by its lag: one a lag, or four of like size where lags are many."""
        found = self.lags
        if not self.has_few_lags:
            quartiles = np.quantile(found, np.arange(1, N_QUARTERS) / N_QUARTERS)
            found = np.searchsorted(quartiles, found)
        return np.unique(found, return_inverse=True)[1].reshape(-1).astype(np.int64)

    def first(self, n: int) -> Probe:
        """Probe of its first n sequences, or of all if they are fewer."""
        arrays = {
            name: getattr(self, name)[: count("n", n)] for name in ("tokens", "copy", "passage", "random")
        }
        return replace(self, **arrays)

    def settings(self) -> dict[str, Any]:
        """What it is, as settings of a result; the digest tells its sequences from all others."""
        lags = np.unique(self.lags)
        return {
            "name": self.name,
            "n": self.n,
            "length": self.length,
            "seed": self.seed,
            "bos": self.bos,
            "lags": lags.tolist() if self.has_few_lags else [int(lags[0]), int(lags[-1])],
            "n_lags": len(lags),
            "n_random": int(self.random.shape[1]),
            "ids": [int(self.tokens.min()), int(self.tokens.max())],
            "digest": hashlib.sha256(self.tokens.astype("<i8").tobytes()).hexdigest()[:16],
        }


def published_probe(
    vocabulary: int,
    *,
    n: int = N_SEQUENCES,
    length: int = LENGTH,
    seed: int = SEED,
    low: int = LOW,
    high: int = HIGH,
    lags: Sequence[int] | None = None,
    bos: int | None = None,
    n_random: int = N_RANDOM,
    apart: bool = False,
) -> Probe:
    """``[filler] A B [filler] A``: the probe of arXiv 2606.02378.

    A and B differ, and the filler holds neither. The first A stands at a random position from 20 to T/2 - 1,
    or from 20 T / 256 where T is below 256. The sequences are drawn here: of the published kind, not the
    published ones.

    Parameters
    ----------
    vocabulary
        Number of ids of the model.
    n, length
        Number of sequences, and tokens of each, T.
    seed
        Of the sequences and of the random positions.
    low, high
        Range of ids; see `lintrans.circuits.draws.id_range`.
    lags
        Lags between the two A to draw from instead, at least two.
    bos
        Token for position 0. The published probe has a random one there, so that a layer which sees only
        tokens cannot know it from the others.
    n_random
        Number of random positions; all that there are if these are fewer.
    apart
        Keep the random positions of each sequence away from its A and B. The published ones are the same in
        all sequences and meet B by chance, which bounds the selectivity of a perfect induction head near T.

    Raises
    ------
    InputError
        If an argument is out of range.

    Examples
    --------
    >>> probe = published_probe(50_000, n=100)
    >>> bool((probe.tokens[:, -1] == probe.tokens[np.arange(100), probe.copy]).all())
    True
    >>> int(probe.lags.min()) >= 128, int(probe.lags.max()) <= 235
    (True, True)
    """
    n, length = _sizes(n, length)
    ids, rows = draws.allowed_ids(vocabulary, low, high, None, bos), np.arange(n)
    a, b, filler = draws.pairs_and_filler(seed, n, length, ids.size)
    copy = draws.first_places(seed, n, length, lags)
    tokens = ids[filler]
    tokens[rows, copy] = tokens[:, -1] = ids[a]
    tokens[rows, copy + 1] = ids[b]
    if bos is not None:
        tokens[:, 0] = bos
    taken = np.stack([copy, copy + 1], axis=1)[:, : 2 if apart else 0]
    random = draws.random_positions(seed, length, n_random, taken)
    return Probe("published", tokens, copy, np.ones(n, dtype=np.int64), random, bos, seed)


def repeated_probe(
    vocabulary: int,
    *,
    n: int = N_REPEATED,
    length: int = LENGTH,
    seed: int = SEED,
    lags: Sequence[int] | None = None,
    bos: int | None = None,
    low: int = LOW,
    high: int = HIGH,
    ids: Sequence[int] | None = None,
    n_random: int = N_RANDOM,
) -> Probe:
    """Random tokens that end with a passage and its repetition, at several lags.

    A sequence of lag l ends with l different tokens and the same l again, or as many of them as fit. What
    stands before them holds other tokens, different from each other if there are enough ids: every token of
    the passage occurs exactly twice. Sequences take the lags in turn. Random positions are none of the
    targets, so that selectivity has no bound here and is larger than on the published probe.

    Parameters
    ----------
    vocabulary
        Number of ids of the model.
    n, length, seed
        As of `published_probe`.
    lags
        At least two; by default `lintrans.circuits.draws.default_lags`.
    bos
        Token for position 0.
    low, high
        Range of ids; see `lintrans.circuits.draws.id_range`.
    ids
        Ids to draw from instead, as the letters for a model of bytes.
    n_random
        Number of random positions, outside the targets of all lags; all that there are if these are fewer.

    Raises
    ------
    InputError
        If an argument is out of range, there is one lag only, or a lag is longer than there are ids.

    Examples
    --------
    >>> probe = repeated_probe(50_000, n=2, length=32, lags=(8, 15))
    >>> probe.tokens[0, -16:-8].tolist() == probe.tokens[0, -8:].tolist(), probe.lags.tolist()
    (True, [8, 15])
    """
    n, length = _sizes(n, length)
    allowed = draws.allowed_ids(vocabulary, low, high, ids, bos)
    lag, passage = draws.lags_in_turn(n, length, lags)
    if lag.max() >= allowed.size:
        raise InputError(
            f"lags must lie below the number of ids, {allowed.size}, got {lag.max()}; choose shorter lags"
        )
    tokens = allowed[draws.passages(seed, allowed.size, length, length - passage - lag, lag)]
    return _repeating("repeated", tokens, lag, passage, bos, seed, n_random)


def text_probe(
    text: ArrayLike,
    *,
    n: int = N_REPEATED,
    length: int = LENGTH,
    seed: int = SEED,
    lags: Sequence[int] | None = None,
    bos: int | None = None,
    n_random: int = N_RANDOM,
) -> Probe:
    """Pieces of a text that end with the repetition of a passage.

    A sequence of lag l is a piece of the text from a random place, of which the last l tokens, or as many of
    them as fit, are followed by the same again. Tokens of a text occur more often than twice; the targets are
    those of the passage.

    Parameters
    ----------
    text
        Ids of the tokens of a text, in a row.
    n, length, seed, lags, bos, n_random
        As of `repeated_probe`.

    Raises
    ------
    InputError
        If an argument is out of range, or the text is no longer than a sequence.

    Examples
    --------
    >>> probe = text_probe(np.arange(500) % 90, n=4, length=64, lags=(12, 20))
    >>> probe.tokens[0, -24:-12].tolist() == probe.tokens[0, -12:].tolist()
    True
    """
    n, length = _sizes(n, length)
    ids = _whole_array("text", text, 1)
    if ids.size <= length:
        raise InputError(
            f"text must have more than {length} tokens, got {ids.size}; use a longer text or fewer tokens"
        )
    lag, passage = draws.lags_in_turn(n, length, lags)
    start = draws.text_starts(seed, n, ids.size - length + 1)
    return _repeating("text", ids[start[:, None] + np.arange(length)], lag, passage, bos, seed, n_random)


def _repeating(
    name: str, tokens: IntArray, lag: IntArray, passage: IntArray, bos: int | None, seed: int, n_random: int
) -> Probe:
    """Probe of sequences whose last tokens are replaced by those a lag before."""
    n, length = tokens.shape
    if bos is not None:
        tokens[:, 0] = bos
    copy = length - 1 - lag
    taken = _rows(np.unique([copy, copy + 1]), n)
    random = draws.random_positions(seed, length, n_random, taken)
    repeated = np.where(_is_repeat(length, passage), _earlier(tokens, lag), tokens)
    return Probe(name, repeated, copy, passage, random, bos, seed)


def _is_repeat(length: int, passage: IntArray) -> NDArray[np.bool_]:
    return np.arange(length) >= length - passage[:, None]


def _earlier(tokens: IntArray, lag: IntArray) -> IntArray:
    """Tokens a lag before each; anything at the beginning."""
    source = np.maximum(np.arange(tokens.shape[1]) - lag[:, None], 0)
    return np.take_along_axis(tokens, source, axis=1)


def _rows(places: Any, n: int) -> IntArray:
    """Positions in n equal rows, unless they are in rows already."""
    found = np.atleast_2d(np.asarray(places, dtype=np.int64))
    return np.ascontiguousarray(np.broadcast_to(found, (n, found.shape[1])))


def _sizes(n: int, length: int) -> tuple[int, int]:
    return (
        count("n", n, maximum=MAX_SEQUENCES),
        count("length", length, minimum=LEAST_LENGTH, maximum=MAX_LENGTH),
    )


def _whole_array(name: str, values: ArrayLike, ndim: int) -> IntArray:
    """Copy of an array of whole numbers, at least 0, that cannot be written to."""
    array = np.asarray(values)
    if array.dtype.kind not in "iu" or array.ndim != ndim or (array.size and array.min() < 0):
        raise InputError(
            f"{name} must hold whole numbers from 0 in {ndim} axes, got {array.dtype} of shape "
            f"{array.shape}; convert it first"
        )
    return read_only(array.astype(np.int64))


def _check(probe: Probe) -> None:
    n, length = probe.tokens.shape
    if not n or length < LEAST_LENGTH:
        raise InputError(
            f"tokens must have at least 1 row and {LEAST_LENGTH} columns, got shape {(n, length)}; "
            "use longer sequences"
        )
    shapes = probe.copy.shape, probe.passage.shape, probe.random.shape
    if shapes[:2] != ((n,), (n,)) or len(probe.random) != n or not probe.random.size:
        raise InputError(f"copy, passage and random must have {n} rows, got {shapes}; give one a sequence")
    for name, values, low, high in (
        ("copy", probe.copy, 1, length - 1 - LEAST_LAG),
        ("random", probe.random, 0, length - 1),
        ("passage", probe.passage, 1, np.minimum(probe.copy + 1, probe.lags)),
    ):
        if (values < low).any() or (values > high).any():
            raise InputError(
                f"{name} must lie between {low} and {np.min(high)}, got {values.min()} to {values.max()}; "
                "use longer sequences or other lags"
            )
    is_repeat = _is_repeat(length, probe.passage)
    if (probe.tokens != _earlier(probe.tokens, probe.lags))[is_repeat].any():
        raise InputError("tokens must end with those a lag before, got others; give the earlier copy's place")
