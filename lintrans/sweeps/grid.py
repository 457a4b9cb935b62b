"""Sweeps: a grid of cells, cut into tiles, computed by an executor, collected tile by tile.

A `Grid` says what the cells are and computes any rectangle of them, a `Sweep` also what result they make;
`run` hands the tiles to an executor (`lintrans.sweeps.executors`) and every finished tile to a collector;
`compute` collects them in memory.
A cell's result depends on nothing but the cell: neither where it is computed nor the tiling changes a bit
of it. Only the tiles being worked on exist at any time, so that memory does not grow with the grid.
"""

from __future__ import annotations

import contextlib
import inspect
import itertools
import math
from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Callable, Container, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, NamedTuple, TypeVar

import numpy as np
from numpy.typing import NDArray

from lintrans import registry
from lintrans.errors import InputError
from lintrans.sweeps.executors import Executor, Threads
from lintrans.sweeps.results import Result

Arrays = dict[str, NDArray[Any]]
Function = TypeVar("Function", bound=Callable[..., Any])
Progress = Callable[[int, int, Mapping[str, int]], None]  # cells done, cells in all, what was found
CELLS_PER_TILE = 4096
STEPS_PER_TILE = 2**26  # of all its cells: a fraction of a second, so that Ctrl-C and progress are prompt
MAX_BYTES = 2 * 1024**3


class Tile(NamedTuple):
    """A rectangle of the grid, small enough to be computed in a fraction of a second."""

    number: int
    place: tuple[slice, ...]  # where its arrays belong in those of the grid

    @property
    def n_cells(self) -> int:
        """Number of its cells."""
        return math.prod(part.stop - part.start for part in self.place)


class Grid(ABC):
    """A grid of cells, and what is computed of each.

    Attributes
    ----------
    block : int
        Cells that are computed side by side: a tile holds whole blocks of them.
    packages : tuple of str
        Distributions that the arrays depend on.
    """

    block: ClassVar[int] = 1
    packages: ClassVar[tuple[str, ...]] = ()

    @property
    @abstractmethod
    def shape(self) -> tuple[int, ...]:
        """Cells along the one or two axes of the grid."""

    @property
    @abstractmethod
    def steps_per_cell(self) -> int:
        """Steps, or other units of work, that a cell takes at most."""

    @property
    def cells_per_tile(self) -> int:
        """Cells of a tile at most: whole blocks, fewer of them the more steps a cell takes."""
        n_blocks = max(1, STEPS_PER_TILE // self.steps_per_cell // self.block)
        return min(CELLS_PER_TILE, n_blocks * self.block)

    @property
    def tile_shape(self) -> tuple[int, ...]:
        """Sides of a tile: several whole rows, or a part of one."""
        n_columns = math.prod(self.shape[1:])
        rows = max(1, self.cells_per_tile // n_columns)
        return rows, *(min(n, self.cells_per_tile) for n in self.shape[1:])

    @abstractmethod
    def compute(self, *place: slice) -> Arrays:
        """Arrays on a rectangle of the grid; the axes of the grid come first."""

    def compute_tile(self, tile: Tile) -> Arrays:
        """Arrays on a tile."""
        return self.compute(*tile.place)

    def tally(self, arrays: Arrays) -> dict[str, int]:
        """Count what was found on a tile, by name, to be shown while the sweep runs."""
        del arrays
        return {}

    def tiles(self) -> Iterator[Tile]:
        """Tiles in the order of the grid."""
        first, *others = (_pieces(n, side) for n, side in zip(self.shape, self.tile_shape, strict=True))
        columns = list(itertools.product(*others))
        places = ((rows, *rest) for rows in first for rest in columns)
        return itertools.starmap(Tile, enumerate(places))


@dataclass(frozen=True, eq=False, kw_only=True)
class Sweep(Grid):
    """A grid whose arrays become a result.

    A subclass is a dataclass whose fields are its arguments: they are checked when it is made, kept in the
    journal of the sweep, and shown in the signature of the function that computes it (`takes`). Fields are
    arrays, numbers, texts, None, tuples of these, and frozen dataclasses of these that the registry names.

    Attributes
    ----------
    result : type
        Kind of result the sweep gives.
    """

    result: ClassVar[type[Result]]

    def __init_subclass__(cls) -> None:
        if "result" in vars(cls):  # not a base of several
            cls.packages = registry.packages_of(cls.result.kind)

    @abstractmethod
    def axes(self) -> Arrays:
        """Arrays of the result that are known beforehand; `compute` gives all others."""

    def left_out(self) -> set[str]:
        """Names of optional arrays of the result that this sweep does not compute."""
        return set()

    @abstractmethod
    def settings(self) -> dict[str, Any]:
        """Settings of the result."""

    @property
    def n_bytes(self) -> int:
        """Bytes of all arrays of the result."""
        sizes = {name: values.size for name, values in self.axes().items()}
        slots = [slot for slot in self.result.slots() if slot.field not in self.left_out()]
        return sum(slot.dtype.itemsize * math.prod(sizes[name] for name in slot.dims) for slot in slots)

    def finish(self, arrays: Arrays) -> Result:
        """Result from all computed arrays."""
        every = self.axes() | arrays
        found = {
            slot.name: slot.holding(every[slot.name]) for slot in self.result.slots() if slot.name in every
        }
        return self.result.from_variables(found, self.settings())


def run(
    grid: Grid,
    collect: Callable[[Tile, Arrays], None],
    *,
    done: Container[int] = (),
    executor: Executor | None = None,
    progress: Progress | None = None,
) -> None:
    """Compute every tile that is not ``done`` and give it to ``collect``, from this thread, in any order.

    ``progress`` is called from this thread with (cells done, cells in all, what this run found so far by
    name), the first time before any work. Ctrl-C, or an exception of either callback, stops after the tiles
    being worked on. Without an ``executor`` the tiles are computed by threads, one per core.
    """
    total, found = math.prod(grid.shape), Counter[str]()
    todo = (tile for tile in grid.tiles() if tile.number not in done)
    n_done = sum(tile.n_cells for tile in grid.tiles() if tile.number in done) if done else 0
    if progress:
        progress(n_done, total, found)
    work = (executor or Threads()).map(grid.compute_tile, todo, packages=grid.packages)
    with contextlib.closing(work) as computed:
        for tile, arrays in computed:
            collect(tile, arrays)
            n_done += tile.n_cells
            found.update(grid.tally(arrays))
            if progress:
                progress(n_done, total, found)


def collect(grid: Grid, *, executor: Executor | None = None, progress: Progress | None = None) -> Arrays:
    """All arrays of a grid, in memory."""
    arrays: Arrays = {}

    def place(tile: Tile, part: Arrays) -> None:
        for name, values in part.items():
            if name not in arrays:
                shape = grid.shape + values.shape[len(grid.shape) :]
                check_memory("the arrays", math.prod(shape) * values.itemsize)
                arrays[name] = np.empty(shape, values.dtype)
            arrays[name][tile.place] = values

    run(grid, place, executor=executor, progress=progress)
    return arrays


def compute(sweep: Sweep, *, executor: Executor | None = None, progress: Progress | None = None) -> Any:
    """Result of a sweep, in memory."""
    check_memory("the result", sweep.n_bytes)
    return sweep.finish(collect(sweep, executor=executor, progress=progress))


def takes(sweep: type[Sweep]) -> Callable[[Function], Function]:
    """Show, in the signature of a function, the arguments of a sweep in the place of ``*args, **options``."""

    def decorate(function: Function) -> Function:
        own = inspect.signature(function)
        last = [p for p in own.parameters.values() if p.kind is p.KEYWORD_ONLY]
        arguments = [*inspect.signature(sweep).parameters.values(), *last]
        function.__signature__ = own.replace(parameters=arguments)  # type: ignore[attr-defined]
        return function

    return decorate


def _pieces(n: int, size: int) -> Iterator[slice]:
    """``range(n)`` in slices of a size; the last may be shorter."""
    return (slice(i, min(i + size, n)) for i in range(0, n, size))


def check_memory(what: str, n_bytes: int) -> None:
    """Refuse a result too large to hold, before any of it is computed."""
    if n_bytes > MAX_BYTES:
        raise InputError(
            f"{what} must fit in {MAX_BYTES / 1024**3:.0f} GiB, got {n_bytes / 1024**3:.3g} GiB; "
            "choose smaller counts"
        )
