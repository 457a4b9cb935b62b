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


def timed(work: Callable[[], object], repeats: int = 1) -> Callable[[], float]:
    """Return a candidate: call it to do the work and get the seconds it took, the mean of ``repeats``."""

    def seconds():
        began = time.perf_counter()
        for _ in range(repeats):
            work()
        return (time.perf_counter() - began) / repeats

    return seconds


def interleave(rounds: int, **candidates: Callable[[], float]) -> dict[str, np.ndarray]:
    """Seconds of every candidate in every round, after one call each that does not count."""
    for candidate in candidates.values():
        candidate()
    table = [[candidate() for candidate in candidates.values()] for _ in range(rounds)]
    return dict(zip(candidates, np.array(table).T, strict=True))


def threaded(kernel: Callable[[slice], object], n_cells: int, n_threads: int) -> Callable[[], float]:
    """Return a candidate: the kernel over slices of all cells, on a pool of threads that waits for it."""
    slices = [slice(i, i + CELLS_PER_SLICE) for i in range(0, n_cells, CELLS_PER_SLICE)]
    pool = ThreadPoolExecutor(n_threads)
    return timed(lambda: list(pool.map(kernel, slices)))
