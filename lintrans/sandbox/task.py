"""Sparse modular addition: the label of a sequence is the sum of some of its tokens modulo p.

Tokens 0, ..., p - 1 are uniform. All other positions are noise; where the label looks at them anyway, the
network has learned the training set and not the task.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from lintrans.errors import InputError, check_seed, count, settle, short

IntArray = NDArray[np.int64]

MAX_POPULATION = 10**6  # sequences that are looked at one by one; beyond it, a sample
MAX_LENGTH, MAX_P = 64, 64
MAX_SHOWN, N_SHOWN = 10_000, 4096  # sequences in a picture: all of them, or a sample
TRAINING, TEST, POPULATION = 0, 1, 2  # streams of random numbers of a seed
SHOWN = 4  # another; 3 is that of initial weights
N_SEQUENCES = 2048  # of each of the two sets, by default


@dataclass(frozen=True)
class Task:
    """Sparse modular addition: label = sum of the tokens at ``positions`` modulo p.

    Parameters
    ----------
    p : int
        Tokens that occur, and the modulus. 2 is parity.
    length : int
        Length L of a sequence.
    positions : int or sequence of int
        Positions that are summed; a number k is the first k. From 0.
    n_train, n_test : int
        Sequences of both sets, drawn with replacement.

    Raises
    ------
    InputError
        If a field is out of range.

    Notes
    -----
    A test set drawn as the training set shares sequences with it. A sequence of the test set is in the
    training set with probability 1 - (1 - p^-L)^n_train: 39.4 % for p = 2, L = 12 and 2,048 sequences. Its
    accuracy is therefore between that of the training set and that of the sequences never seen, which are
    measured too.

    Examples
    --------
    >>> task = Task()
    >>> task.labels([[1, 0, 1, 1, 0, 1, 1, 1, 1, 1, 1, 1]]).tolist()
    [1]
    >>> task.k, task.n_sequences, round(task.overlap, 3)
    (5, 4096, 0.394)
    >>> Task(p=3, length=4, positions=(1, 3)).labels([[0, 2, 0, 2]]).tolist()
    [1]
    """

    p: int = 2
    length: int = 12
    positions: int | Sequence[int] = 5
    n_train: int = N_SEQUENCES
    n_test: int = N_SEQUENCES

    def __post_init__(self) -> None:
        settle(
            self,
            p=count("p", self.p, minimum=2, maximum=MAX_P),
            length=count("length", self.length, maximum=MAX_LENGTH),
            n_train=count("n_train", self.n_train, maximum=MAX_POPULATION),
            n_test=count("n_test", self.n_test, maximum=MAX_POPULATION),
        )
        settle(self, positions=_positions(self.positions, self.length))

    @property
    def summed(self) -> tuple[int, ...]:
        """Positions that are summed."""
        assert isinstance(self.positions, tuple)
        return self.positions

    @property
    def k(self) -> int:
        """How many positions are summed."""
        return len(self.summed)

    @property
    def n_sequences(self) -> int:
        """Sequences in all, p^L."""
        return int(self.p**self.length)

    @property
    def n_classes(self) -> int:
        """Ways in which the k summed tokens can be counted, C(k + p - 1, p - 1): the clusters of a head."""
        return math.comb(self.k + self.p - 1, self.p - 1)

    @property
    def is_enumerable(self) -> bool:
        """Whether the population is looked at whole; beyond 10^6 sequences a sample stands for it."""
        return self.n_sequences <= MAX_POPULATION

    @property
    def overlap(self) -> float:
        """Share of a test set that is expected in the training set."""
        return -math.expm1(self.n_train * math.log1p(-1 / self.n_sequences))

    def labels(self, sequences: ArrayLike) -> IntArray:
        """Labels (n,) of sequences (n, L)."""
        tokens = check_sequences(self, sequences)
        found: IntArray = tokens[:, list(self.summed)].sum(axis=1) % self.p
        return found

    def counts(self, sequences: ArrayLike) -> IntArray:
        """How often each token stands at the summed positions: (n, p)."""
        tokens = check_sequences(self, sequences)[:, list(self.summed)]
        return np.stack([(tokens == x).sum(axis=1) for x in range(self.p)], axis=1)

    def population(self) -> NDArray[np.int8]:
        """All sequences (p^L, L), position 0 changing fastest; a sample of 10^6 if there are more.

        The sample is the same in every call.
        """
        if not self.is_enumerable:
            return self._draw(MAX_POPULATION, 0, POPULATION)
        digits = np.arange(self.n_sequences)[:, None] // self.p ** np.arange(self.length) % self.p
        return digits.astype(np.int8)

    def number(self, sequences: ArrayLike) -> IntArray:
        """Number of each sequence in the population of all."""
        if not self.is_enumerable:
            raise InputError(
                f"sequences must be at most {MAX_POPULATION} to have numbers, got {self.p}^{self.length}; "
                "use a smaller task"
            )
        numbers: IntArray = check_sequences(self, sequences) @ self.p ** np.arange(self.length)
        return numbers

    def data(self, seed: int) -> Data:
        """Draw training and test set of a seed."""
        return Data(
            *(self._draw(n, seed, which) for n, which in ((self.n_train, TRAINING), (self.n_test, TEST)))
        )

    def _draw(self, n: int, seed: int, stream: int) -> NDArray[np.int8]:
        tokens = random_words(seed, stream, n * self.length) * np.uint64(self.p) >> np.uint64(32)
        return tokens.astype(np.int8).reshape(n, self.length)

    def settings(self) -> dict[str, Any]:
        """All fields, as settings of a result."""
        return {**vars(self), "positions": list(self.summed)}


class Data(NamedTuple):
    """The sequences of one seed: (n_train, L) and (n_test, L) arrays of tokens."""

    train: NDArray[np.int8]
    test: NDArray[np.int8]


def distinct(sequences: ArrayLike) -> tuple[NDArray[Any], NDArray[np.float64]]:
    """Sequences that differ, and the share of each: the same mean from fewer sequences.

    Examples
    --------
    >>> found, shares = distinct([[0, 1], [1, 1], [0, 1], [0, 1]])
    >>> found.tolist(), shares.tolist()
    ([[0, 1], [1, 1]], [0.75, 0.25])
    """
    found, times = np.unique(np.asarray(sequences), axis=0, return_counts=True)
    return found, times / times.sum()


def check_sequences(task: Task, sequences: ArrayLike) -> NDArray[np.int64]:
    """Sequences (n, L) of a task, once shape and tokens are right.

    Raises
    ------
    InputError
        If they have another length, or a token that does not occur.
    """
    given: Any = np.ma.asarray(sequences)
    if given.dtype.kind not in "biuf":
        raise InputError(f"sequences must hold whole numbers, got {short(sequences)}; pass an array of ints")
    if given.ndim != 2 or given.shape[1] != task.length:
        raise InputError(
            f"sequences must have shape (n, {task.length}), got {given.shape}; put one sequence in a row"
        )
    with np.errstate(invalid="ignore"):
        tokens = np.asarray(given.data).astype(np.int64)
    is_bad = (tokens != given.data) | (tokens < 0) | (tokens >= task.p)
    if np.ma.is_masked(given) or is_bad.any():
        raise InputError(f"sequences must hold tokens from 0 to {task.p - 1}, got others; check p")
    return tokens


def shown_sequences(task: Task) -> NDArray[np.int8]:
    """Sequences that a picture shows: all up to 10,000, else 4,096 that are drawn; the same in every call."""
    if task.n_sequences <= MAX_SHOWN:
        return task.population()
    words = random_words(0, SHOWN, N_SHOWN * task.length) * np.uint64(task.p) >> np.uint64(32)
    return words.astype(np.int8).reshape(N_SHOWN, task.length)


def random_words(seed: int, stream: int, n: int) -> NDArray[np.uint64]:
    """Random numbers of 32 bits from a seed; streams of a seed are independent.

    They are the high halves of the words of NumPy's Philox generator, the same in all versions of it.
    """
    generator = np.random.Philox(key=np.array([check_seed(seed), stream], dtype=np.uint64))
    words: NDArray[np.uint64] = generator.random_raw(n) >> np.uint64(32)
    return words


def _positions(given: int | Sequence[int], length: int) -> tuple[int, ...]:
    if not isinstance(given, Iterable):
        k = count("k", given)
        if k > length:
            raise InputError(f"k must be at most the length {length}, got {k}; sum fewer positions")
        return tuple(range(k))
    places = tuple(count("a position", t, minimum=0, maximum=length - 1) for t in given)
    if not places or len(set(places)) < len(places):
        raise InputError(f"positions must be different and at least one, got {short(given)}; list each once")
    return tuple(sorted(places))
