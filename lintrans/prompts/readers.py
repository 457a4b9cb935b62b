"""Numbers of one regression problem from a CSV or an NPZ file, or one line on why they cannot be read.

Both readers return the four arrays by the names in ``KEYS``; they do not interpret the numbers.
"""

from __future__ import annotations

import csv
import os
import zipfile
import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lintrans.errors import InputError, count, short

FloatArray = NDArray[np.float64]
KEYS = ("context", "labels", "query", "query_label")
# Everything `numpy.load` is known to raise on a file that is damaged or not an NPZ archive.
_NPZ_ERRORS = (
    zipfile.BadZipFile, zlib.error, ValueError, EOFError, KeyError, MemoryError, NotImplementedError,
    RuntimeError,
)  # fmt: skip


@contextmanager
def naming_file(path: str | os.PathLike[str]) -> Iterator[Path]:
    """Yield ``path`` as a `Path`; put its name in front of an `InputError` raised inside.

    Raises
    ------
    InputError
        If ``path`` cannot be the name of a file.
    """
    if not isinstance(path, str | os.PathLike) or "\0" in os.fspath(path):
        raise InputError(f"path must be a file name, got {short(path)}; pass a str or a Path")
    file = Path(path)
    try:
        yield file
    except InputError as error:
        raise InputError(f"{file}: {error}") from None


def read_csv(
    file: Path, *, target: str, context: slice | Sequence[int], query: int, features: Sequence[str] | None
) -> tuple[tuple[str, ...], dict[str, Any]]:
    """Read chosen rows and columns of a comma-separated UTF-8 file with one header line.

    Parameters
    ----------
    file : Path
        The file. Blank lines are skipped; blanks around column names are dropped.
    target : str
        Column of the labels.
    context, query
        Data rows counted from 0 below the header; the query row lies outside the context.
    features : sequence of str or None
        Feature columns, in this order; None for all columns but the target.

    Returns
    -------
    names : tuple of str, length d
        The feature columns.
    numbers : dict
        Finite ``context`` (n, d), ``labels`` (n,), ``query`` (d,) and the number ``query_label``.

    Raises
    ------
    InputError
        If the file cannot be read or used; with the row, the column and the line, if any.
    """
    table = _parse(file)
    rows = _context_rows(context, table.n_rows)
    rows = [*rows, _query_row(query, rows, table.n_rows)]
    names = _feature_names(table.names, target, features)
    x, y = table.numbers(rows, names), table.numbers(rows, [target])[:, 0]
    return names, dict(zip(KEYS, (x[:-1], y[:-1], x[-1], y[-1]), strict=True))


def read_table(
    file: Path, *, target: str, features: Sequence[str] | None
) -> tuple[tuple[str, ...], FloatArray, FloatArray]:
    """Read all rows of a comma-separated UTF-8 file with one header line.

    Parameters
    ----------
    file, target, features
        As in `read_csv`.

    Returns
    -------
    names : tuple of str, length d
        The feature columns.
    x, y : (rows, d) and (rows,) arrays
        Features and labels, finite.

    Raises
    ------
    InputError
        If the file cannot be read or used; with the row, the column and the line, if any.
    """
    table = _parse(file)
    names, rows = _feature_names(table.names, target, features), range(table.n_rows)
    return names, table.numbers(rows, names), table.numbers(rows, [target])[:, 0]


def read_npz(file: Path, wanted: Sequence[str] = KEYS) -> dict[str, Any]:
    """Read arrays from an archive of ``numpy.savez`` by their keys, in any shape and type.

    Raises
    ------
    InputError
        If the file cannot be read, is not an NPZ archive, holds Python objects, or lacks a key.
    """
    try:
        # Opened here, so that the stream is closed when NumPy gives up half way.
        with file.open("rb") as stream:
            archive = np.load(stream, allow_pickle=False)
            keys = list(archive) if isinstance(archive, np.lib.npyio.NpzFile) else []
            arrays = {key: archive[key] for key in wanted if key in keys}
    except OSError as error:
        raise _unreadable(error) from None
    except _NPZ_ERRORS:
        raise InputError(
            "data must be an NPZ archive of plain numbers, got a different or damaged file; "
            "write it with numpy.savez"
        ) from None
    missing = [key for key in wanted if key not in arrays]
    if missing:
        raise InputError(
            f"data must be an NPZ archive with the keys {', '.join(wanted)}, got no {missing[0]!r}; "
            "write them with numpy.savez"
        )
    return arrays


@dataclass(frozen=True)
class _Table:
    """Cells of a CSV file as text; ``lines`` are the line numbers of ``rows`` in the file."""

    names: list[str]
    rows: list[list[str]]
    lines: list[int]

    @property
    def n_rows(self) -> int:
        return len(self.rows)

    def numbers(self, rows: Sequence[int], names: Sequence[str]) -> FloatArray:
        """Return the chosen cells as a (len(rows), len(names)) array."""
        columns = [self.names.index(name) for name in names]
        return np.array([[self._number(row, column) for column in columns] for row in rows])

    def _number(self, row: int, column: int) -> float:
        cell = self.rows[row][column]
        try:
            # float() also reads "1_000", which in a data file is a typing error.
            number = float(cell) if "_" not in cell else np.nan
        except ValueError:
            number = np.nan
        if not np.isfinite(number):
            raise InputError(
                f"column {short(self.names[column])} must hold finite numbers, got {short(cell)} in data "
                f"row {row} (line {self.lines[row]}); correct the cell, or choose other rows or features"
            )
        return number


def _parse(file: Path) -> _Table:
    try:
        # utf-8-sig: spreadsheets begin their files with a byte order mark.
        with file.open(encoding="utf-8-sig", newline="") as stream:
            reader = csv.reader(stream, strict=True)
            records = [(reader.line_num, row) for row in reader if row]
    except OSError as error:
        raise _unreadable(error) from None
    except UnicodeDecodeError as error:
        byte = error.object[error.start]
        raise InputError(f"a CSV file must be UTF-8 text, got byte 0x{byte:02x}; save it as UTF-8") from None
    except csv.Error as error:
        raise InputError(f"a CSV file must be well formed, got: {error}; check its quotes") from None
    if not records:
        raise InputError("a CSV file must have a header and rows, got an empty file; check its name")
    names = [name.strip() for name in records[0][1]]
    _check_shape(names, records[1:])
    return _Table(names, [row for _, row in records[1:]], [line for line, _ in records[1:]])


def _check_shape(names: list[str], records: list[tuple[int, list[str]]]) -> None:
    duplicates = sorted({name for name in names if names.count(name) > 1})
    if duplicates:
        raise InputError(f"column names must differ, got {short(duplicates[0])} twice; rename one of them")
    for index, (line, row) in enumerate(records):
        if len(row) != len(names):
            raise InputError(
                f"every row must have {len(names)} cells like the header, got {len(row)} in data row {index} "
                f"(line {line}); correct that line"
            )
    if len(records) < 2:
        raise InputError(
            f"a CSV file must have at least 2 data rows, got {len(records)} below the header; "
            "add rows: one for the context, one for the query"
        )


def _feature_names(names: list[str], target: str, features: Sequence[str] | None) -> tuple[str, ...]:
    listing = ", ".join(map(short, names[:20])) + (", ..." if len(names) > 20 else "")
    if target not in names:
        raise InputError(f"target must be a column, got {short(target)}; choose one of {listing}")
    if features is None:
        chosen = tuple(name for name in names if name != target)
    elif isinstance(features, str) or not np.iterable(features):
        raise InputError(f"features must be a sequence of names, got {short(features)}; pass a list")
    else:
        chosen = tuple(features)
    if not chosen:
        raise InputError("features must name a column besides the target, got none; add one")
    for index, name in enumerate(chosen):
        if name not in names:
            raise InputError(f"features must be columns, got {short(name)}; choose from {listing}")
        if name == target or name in chosen[:index]:
            what = "is the target" if name == target else "is named twice"
            raise InputError(f"features must be distinct inputs, got {short(name)}, which {what}; drop it")
    # A nameless column is the row index a data frame writes; as a feature it would be noise.
    if features is None and "" in chosen:
        raise InputError("every feature column must have a name, got an empty one; name it or pass features")
    return chosen


def _context_rows(context: slice | Sequence[int], n_rows: int) -> list[int]:
    if isinstance(context, slice):
        return _slice_rows(context, n_rows)
    if isinstance(context, str) or not np.iterable(context) or not list(context):
        raise InputError(
            f"context must be a slice or a non-empty sequence of rows, got {short(context)}; "
            "pass e.g. slice(0, 64)"
        )
    if any(isinstance(row, bool | np.bool_) for row in context):
        raise InputError("context must hold row numbers, got booleans; pass np.flatnonzero(context)")
    rows = [_row(f"context[{i}]", row, n_rows) for i, row in enumerate(context)]
    if len(set(rows)) < len(rows):
        twice = max(rows, key=rows.count)
        raise InputError(f"context must name a row once, got row {twice} twice; pass distinct rows")
    return rows


def _slice_rows(context: slice, n_rows: int) -> list[int]:
    start = 0 if context.start is None else _row("context start", context.start, n_rows)
    stop = n_rows if context.stop is None else count("context stop", context.stop, minimum=0, maximum=n_rows)
    step = 1 if context.step is None else count("context step", context.step)
    if start >= stop:
        raise InputError(f"context must not be empty, got rows {start}:{stop}; pass start < stop")
    return list(range(start, stop, step))


def _row(name: str, value: Any, n_rows: int) -> int:
    """Return ``value`` as a row number; rows count from 0 and negative ones are refused."""
    return count(name, value, minimum=0, maximum=n_rows - 1)


def _query_row(query: int, rows: list[int], n_rows: int) -> int:
    row = _row("query", query, n_rows)
    if row in rows:
        raise InputError(
            f"query must lie outside the context, got row {row}, which is in it; choose another row"
        )
    return row


def _unreadable(error: OSError) -> InputError:
    return InputError(f"path must name a readable file, got: {error.strerror or error}; check the name")
