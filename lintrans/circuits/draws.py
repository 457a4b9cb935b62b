"""What is random in a probe: ids, lags, places, each from a seed.

The numbers are words of NumPy's Philox generator, the same in all versions of it. More sequences of a seed
begin with those of fewer.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from lintrans.errors import InputError, check_seed, count, listed, short

IntArray = NDArray[np.int64]

LOW, HIGH = 100, 10_000  # ids of the published probe
EARLIEST, OF_LENGTH = 20, 256  # first position of A
LEAST_LAG = 8  # so that the targets of different kinds are different positions
LAST = 6  # positions at the end that no random one is among
LEAST_IDS = 4
IDS, FILLER, PLACES, RANDOM = range(4)  # streams of random numbers of a seed


def id_range(vocabulary: int, low: int = LOW, high: int = HIGH) -> tuple[int, int]:
    """Ids [low, high) of random tokens, scaled to a vocabulary that is smaller than ``high``.

    The rule: if the vocabulary has V < high ids, those from floor(low V / high) to V - 1.

    Examples
    --------
    >>> id_range(50_304), id_range(257)
    ((100, 10000), (2, 257))
    """
    size = count("vocabulary", vocabulary, minimum=2)
    low, high = count("low", low, minimum=0), count("high", high, minimum=1)
    if low >= high:
        raise InputError(f"low must lie below high, got {low} and {high}; swap them")
    return (low, high) if size >= high else (low * size // high, size)


def default_lags(length: int) -> tuple[int, int, int]:
    """Three lags for sequences of T tokens: T/5, T/4 and T/3, at least 8.

    Examples
    --------
    >>> default_lags(256)
    (51, 64, 85)
    """
    first = max(LEAST_LAG, length // 5)
    second = max(first + 1, length // 4)
    return first, second, max(second + 1, length // 3)


def check_lags(lags: Sequence[int], length: int) -> tuple[int, ...]:
    """Lags as whole numbers, at least two.

    Raises
    ------
    InputError
        If there are fewer, or one is too short or too long for T tokens.
    """
    found = tuple(count("a lag", lag, minimum=LEAST_LAG, maximum=length - 2) for lag in listed("lags", lags))
    if len(found) < 2 or len(set(found)) < len(found):
        raise InputError(
            f"lags must be at least two different ones, got {short(list(found))}; at one lag a head that "
            "looks a fixed number of tokens back cannot be told from induction"
        )
    return found


def allowed_ids(
    vocabulary: int, low: int, high: int, given: Sequence[int] | None, bos: int | None
) -> IntArray:
    """Ids that random tokens are drawn from: those given or of a range, without that of position 0."""
    size = count("vocabulary", vocabulary, minimum=2)
    ids = np.arange(*id_range(size, low, high))
    if given is not None:
        ids = np.array([count("an id", one, minimum=0) for one in listed("ids", given)], dtype=np.int64)
        if np.unique(ids).size < ids.size:
            raise InputError(f"ids must be different, got {short(list(given))}; list each once")
    if bos is not None:
        ids = ids[ids != count("bos", bos, minimum=0)]
    largest = max(int(ids.max(initial=0)), bos or 0)
    if largest >= size:
        raise InputError(f"ids must lie below the vocabulary, {size}, got {largest}; choose smaller ids")
    if ids.size < LEAST_IDS:
        raise InputError(
            f"ids must be at least {LEAST_IDS}, got {ids.size}; widen the range from low to high"
        )
    return ids


def first_places(seed: int, n: int, length: int, lags: Sequence[int] | None) -> IntArray:
    """Positions (n,) of the first A: from 20 to T/2 - 1, scaled below T = 256, or at one of the lags."""
    random = words(seed, PLACES, n)
    if lags is None:
        earliest = min(EARLIEST, EARLIEST * length // OF_LENGTH)
        return earliest + below(random, length // 2 - earliest)
    chosen = np.array(check_lags(lags, length), dtype=np.int64)
    return length - 1 - chosen[below(random, chosen.size)]


def lags_in_turn(n: int, length: int, lags: Sequence[int] | None) -> tuple[IntArray, IntArray]:
    """Lag of each sequence, and how many tokens are repeated: as many as the lag, if they fit."""
    chosen = default_lags(length) if lags is None else lags
    chosen = check_lags(chosen, length)
    if n < len(chosen):
        raise InputError(f"n must be at least the number of lags, {len(chosen)}, got {n}; raise it")
    lag = np.resize(np.array(chosen, dtype=np.int64), n)
    return lag, np.minimum(lag, length - 1 - lag)


def pairs_and_filler(seed: int, n: int, length: int, n_ids: int) -> tuple[IntArray, IntArray, IntArray]:
    """Numbers of two different ids (n,) and (n,), and of a filler (n, length) that holds neither."""
    pair = words(seed, IDS, 2 * n).reshape(n, 2)
    a, b = below(pair[:, 0], n_ids), below(pair[:, 1], n_ids - 1)
    b += b >= a
    filler = below(words(seed, FILLER, n * length), n_ids - 2).reshape(n, length)
    for taken in (np.minimum(a, b), np.maximum(a, b)):
        filler += filler >= taken[:, None]
    return a, b, filler


def passages(seed: int, n_ids: int, length: int, begin: IntArray, lag: IntArray) -> IntArray:
    """Numbers of ids (n, length): a passage of different ones at ``begin``, as long as the lag, and others.

    A row is a permutation of all ids: the passage has its first, the rest has the others, again and again if
    there are fewer than places.
    """
    at, rows = np.arange(length), []
    for i, (start, size) in enumerate(zip(begin.tolist(), lag.tolist(), strict=True)):
        order = np.argsort(words(seed, IDS, n_ids, part=i), kind="stable")
        inside = (at >= start) & (at < start + size)
        rows.append(order[np.where(inside, at - start, size + at % (n_ids - size))])
    return np.array(rows, dtype=np.int64)


def text_starts(seed: int, n: int, n_starts: int) -> IntArray:
    """Where in a text each sequence begins (n,)."""
    return below(words(seed, FILLER, n), n_starts)


def random_positions(seed: int, length: int, n_random: int, taken: IntArray) -> IntArray:
    """Positions (n, m) outside 0, the last six and those ``taken`` in the row; equal rows for equal ones.

    All that there are if they are fewer than wanted.
    """
    wanted = count("n_random", n_random)
    order = np.argsort(words(seed, RANDOM, length), kind="stable")
    order = order[(order > 0) & (order < length - LAST)]
    free = (order[None, :, None] != taken[:, None, :]).all(axis=2)
    m = min(wanted, int(free.sum(axis=1).min()))
    if not m:
        raise InputError(f"length must leave positions beside the targets, got {length}; use more tokens")
    first = np.argsort(~free, axis=1, kind="stable")[:, :m]
    return np.sort(order[first], axis=1)


def words(seed: int, stream: int, n: int, *, part: int = 0) -> NDArray[np.uint64]:
    """Random numbers (n,) of 32 bits from a seed; its streams, and the parts of each, are independent."""
    key = np.array([check_seed(seed), stream], dtype=np.uint64)
    generator = np.random.Philox(key=key, counter=[0, 0, part, 0])
    found: NDArray[np.uint64] = generator.random_raw(n) >> np.uint64(32)
    return found


def below(random: NDArray[np.uint64], limit: int) -> IntArray:
    """Whole numbers from 0 to limit - 1, from words of 32 bits."""
    return (random * np.uint64(limit) >> np.uint64(32)).astype(np.int64)
