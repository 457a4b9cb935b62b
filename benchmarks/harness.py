"""Fair times on a busy machine: candidates take turns, and ratios are formed within each turn."""

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np

CELLS_PER_SLICE = 1024


@dataclass(frozen=True)
class Spread:
    """Median, lowest and highest of some rounds."""

    median: float
    low: float
    high: float
    rounds: int

    @classmethod
    def of(cls, values):
        return cls(float(np.median(values)), float(np.min(values)), float(np.max(values)), len(values))


def timed(work: Callable[[], object], at_least: float = 0.0) -> Callable[[], float]:
    """Return a candidate: call it to do the work and get the seconds it took.

    With ``at_least`` seconds the work is repeated until they have passed, for the mean of all: what a core
    that has waited for another process needs to get going does not count much then.
    """

    def seconds():
        began, n_done, passed = time.perf_counter(), 0, 0.0
        while not n_done or passed < at_least:
            work()
            n_done, passed = n_done + 1, time.perf_counter() - began
        return passed / n_done

    return seconds


def interleave(rounds: int, **candidates: Callable[[], float]) -> dict[str, np.ndarray]:
    """Seconds of every candidate in every round, after one call each that does not count."""
    for candidate in candidates.values():
        candidate()
    table = [[candidate() for candidate in candidates.values()] for _ in range(rounds)]
    return dict(zip(candidates, np.array(table).T, strict=True))


def threaded(
    kernel: Callable[[slice], object], n_cells: int, n_threads: int, cells_per_slice: int = CELLS_PER_SLICE
) -> Callable[[], float]:
    """Return a candidate: the kernel over slices of all cells, on a pool of threads that waits for it."""
    slices = [slice(i, i + cells_per_slice) for i in range(0, n_cells, cells_per_slice)]
    pool = ThreadPoolExecutor(n_threads)
    return timed(lambda: list(pool.map(kernel, slices)))
