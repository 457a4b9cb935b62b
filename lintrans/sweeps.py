"""Running a kernel over many independent cells: slices of the grid, threads, progress.

The kernels release the interpreter lock, so threads scale with the cores. A cell's result depends on
nothing but the cell: neither the number of threads nor the slicing changes a bit of it. A store that
takes finished slices, and resumes, belongs here and between here and `store`.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from concurrent.futures import FIRST_COMPLETED, ThreadPoolExecutor, wait

import numpy as np
from numpy.typing import ArrayLike, NDArray

from lintrans.errors import InputError, count, finite_array, increasing, positive
from lintrans.kernels import BLOCK
from lintrans.normal_form import probe_start

CELLS_PER_SLICE = 2048
STEPS_PER_SLICE = 2**26  # of all its cells: a fraction of a second, so that Ctrl-C and progress are prompt
MAX_BYTES = 2 * 1024**3


def run_cells(
    kernel: Callable[[slice], NDArray[np.float64]],
    n_cells: int,
    *,
    width: int,
    steps_per_cell: int,
    n_threads: int | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> NDArray[np.float64]:
    """Return ``kernel`` of every slice of ``range(n_cells)``, stacked to shape (n_cells, width).

    Slices hold whole blocks, and fewer of them the more steps a cell takes. ``progress`` is called from
    this thread with (cells done, n_cells). Ctrl-C stops after the slices being worked on.
    """
    check_memory("the grid", n_cells * width * 8)
    result = np.empty((n_cells, width))
    n_slice = min(CELLS_PER_SLICE, max(1, STEPS_PER_SLICE // steps_per_cell // BLOCK) * BLOCK)
    parts = [slice(i, min(i + n_slice, n_cells)) for i in range(0, n_cells, n_slice)]

    def work(part: slice) -> int:
        result[part] = kernel(part)
        return len(result[part])

    n_threads = os.cpu_count() or 1 if n_threads is None else count("n_threads", n_threads, maximum=1024)
    done = 0
    with ThreadPoolExecutor(n_threads) as pool:
        pending = {pool.submit(work, part) for part in parts}
        try:
            while pending:
                finished, pending = wait(pending, return_when=FIRST_COMPLETED)
                done += sum(future.result() for future in finished)
                if progress:
                    progress(done, n_cells)
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            raise
    return result


def mu_axis(
    mus: ArrayLike, start: tuple[float, float] | None
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """Check an axis of mu; return it with the start (u, v) of each, the probe start if None."""
    grid = increasing("mus", mus).copy()  # the caller may change or freeze theirs
    positive("mus[0]", grid[0])
    if start is None:
        return grid, *probe_start(grid)
    given = finite_array("start", start, 1)
    if given.size != 2:
        raise InputError(f"start must be the two numbers (u, v), got {given.size}; pass start=(0.4, 0.4)")
    u, v = given
    return grid, np.full_like(grid, u), np.full_like(grid, v)


def step_sizes(mus: NDArray[np.float64], unit_step_size: float | None) -> NDArray[np.float64] | None:
    """Learning rates on an axis of mu; None where there is no prompt to say them."""
    return None if unit_step_size is None else mus * positive("unit_step_size", unit_step_size)


def check_memory(what: str, n_bytes: int) -> None:
    """Refuse a result too large to hold, before any of it is computed."""
    if n_bytes > MAX_BYTES:
        raise InputError(
            f"{what} must fit in {MAX_BYTES / 1024**3:.0f} GiB, got {n_bytes / 1024**3:.3g} GiB; "
            "choose smaller counts"
        )
