"""Prompt: one in-context regression problem, from arrays, a CSV file or an NPZ file."""

from __future__ import annotations

import csv
import os
import zipfile
import zlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from lintrans.errors import InputError, count, finite, finite_array

FloatArray = NDArray[np.float64]
NPZ_KEYS = ("context", "labels", "query", "query_label")
# Everything `numpy.load` is known to raise on a file that is damaged or not an NPZ archive.
_NPZ_ERRORS = (
    zipfile.BadZipFile, zlib.error, ValueError, EOFError, KeyError, MemoryError, NotImplementedError,
    RuntimeError,
)  # fmt: skip


@dataclass(frozen=True, eq=False)
class Preprocessing:
    """What was done to the raw numbers: ``x = (raw - feature_means) / feature_scales``.

    Attributes
    ----------
    feature_names : tuple of str, length d
        Column names of a CSV file, else ``x0, x1, ...``.
    feature_means, feature_scales : (d,) arrays
        Mean and standard deviation (divisor n) of the context rows, in raw units; 0 and 1 when
        ``standardize`` is false.
    label_mean : float
        Subtracted from the labels and the query label; 0 when ``center`` is false.
    standardize, center : bool
        The settings asked for.
    """

    feature_names: tuple[str, ...]
    feature_means: FloatArray
    feature_scales: FloatArray
    label_mean: float
    standardize: bool
    center: bool


@dataclass(frozen=True, eq=False)
class Prompt:
    """Context ``(x_i, y_i)``, ``i = 1..n``, and a query ``(x_q, y_q)``: arrays are copied and read-only.

    Attributes
    ----------
    context : (n, d) array
        The rows ``x_i``.
    labels : (n,) array
        The labels ``y_i``.
    query : (d,) array
        The row ``x_q``, whose label the transformer must predict.
    query_label : float
        The label ``y_q``.
    preprocessing : Preprocessing or None
        How the numbers above follow from the raw ones; None when built directly.
    source : str
        Where the numbers came from: ``"arrays"`` or a file name without its folder.

    Raises
    ------
    InputError
        If an entry is not a finite real number or the shapes do not match.

    Examples
    --------
    >>> prompt = Prompt.from_arrays([[1.0, 0.0], [0.0, 2.0]], [3.0, 5.0], [1.0, 1.0], 4.0)
    >>> prompt.n, prompt.d, prompt.context_moment.tolist()
    (2, 2, [1.5, 5.0])
    """

    context: FloatArray
    labels: FloatArray
    query: FloatArray
    query_label: float
    preprocessing: Preprocessing | None = None
    source: str = "arrays"

    def __post_init__(self) -> None:
        for name, ndim in (("context", 2), ("labels", 1), ("query", 1)):
            object.__setattr__(self, name, _frozen_array(name, getattr(self, name), ndim))
        object.__setattr__(self, "query_label", finite("query_label", self.query_label))
        n, d = self.context.shape
        if n < 1 or d < 1:
            raise InputError(f"context must have a row and a column, got shape {(n, d)}; pass n, d >= 1")
        if self.labels.size != n:
            raise InputError(
                f"labels must match the {n} rows of context, got {self.labels.size} labels; "
                "pass one label per row"
            )
        if self.query.size != d:
            raise InputError(
                f"query must match the {d} columns of context, got {self.query.size} entries; "
                "pass one entry per column"
            )

    @property
    def n(self) -> int:
        """Number of context rows (the prompt length)."""
        return len(self.context)

    @property
    def d(self) -> int:
        """Number of features."""
        return len(self.query)

    @property
    def context_moment(self) -> FloatArray:
        """Mean of ``y_i x_i`` over the context, shape (d,), in label times feature units.

        Mantissas and exponents are kept apart, so no product overflows or underflows on the way to a
        mean that float64 can hold.

        Raises
        ------
        InputError
            If an entry of the mean itself is too large for float64.
        """
        x_mantissa, x_exponent = np.frexp(self.context)
        y_mantissa, y_exponent = np.frexp(self.labels[:, None])
        products, exponents = x_mantissa * y_mantissa, x_exponent + y_exponent
        top = np.where(products != 0, exponents, -5000).max(axis=0)
        with np.errstate(over="ignore"):
            moment: FloatArray = np.ldexp(np.ldexp(products, exponents - top).mean(axis=0), top)
        if not np.isfinite(moment).all():
            raise InputError(
                f"context_moment must be below 1.8e308, got an overflow in column "
                f"{np.flatnonzero(~np.isfinite(moment))[0]}; rescale the features or the labels"
            )
        return moment

    @classmethod
    def from_arrays(
        cls,
        context: ArrayLike,
        labels: ArrayLike,
        query: ArrayLike,
        query_label: float,
        *,
        standardize: bool = False,
        center: bool = False,
    ) -> Prompt:
        """Build a prompt from numbers in memory.

        Parameters
        ----------
        context, labels, query, query_label
            Shapes (n, d), (n,), (d,) and a number.
        standardize : bool
            Subtract the mean and divide by the standard deviation of each context column, in the query
            too. The statistics never see the query. Use it when features have different units.
        center : bool
            Subtract the mean context label from all labels. The model has no intercept: use it when
            labels are far from 0.

        Raises
        ------
        InputError
            If the data are not finite, shapes differ, or a column to standardise is constant.

        Examples
        --------
        >>> Prompt.from_arrays([[1.0], [3.0]], [0.0, 2.0], [6.0], 5.0, standardize=True).query.item()
        4.0
        """
        raw = cls(_real("context", context), _real("labels", labels), _real("query", query), query_label)
        names = tuple(f"x{j}" for j in range(raw.d))
        return _preprocess(raw, names, standardize=standardize, center=center, source="arrays")

    @classmethod
    def from_csv(
        cls,
        path: str | os.PathLike[str],
        *,
        target: str,
        context: slice | Sequence[int],
        query: int,
        features: Sequence[str] | None = None,
        standardize: bool = False,
        center: bool = False,
    ) -> Prompt:
        """Build a prompt from a comma-separated file with one header line, in UTF-8.

        Parameters
        ----------
        path : path
            The file. Blank lines are skipped; blanks around column names are dropped.
        target : str
            Column of the labels.
        context : slice or sequence of int
            Data rows of the context, counted from 0 below the header. Rows must exist: a slice is not
            clipped, and negative rows are refused.
        query : int
            Data row of the query, outside the context.
        features : sequence of str, optional
            Feature columns, in this order; all columns but the target when omitted. Cells outside the
            chosen columns and rows may hold anything.
        standardize, center
            As in `from_arrays`.

        Raises
        ------
        InputError
            If the file cannot be read or used; the line names the file, and the row and column if any.

        Examples
        --------
        >>> prompt = Prompt.from_csv(example_data(), target="progression", context=slice(0, 64), query=64)
        >>> prompt.n, prompt.d, prompt.query_label
        (64, 10, 71.0)
        """
        file = _as_path(path)
        try:
            table = _read_table(file)
            rows = _context_rows(context, table.n_rows)
            query_row = _query_row(query, rows, table.n_rows)
            names = _feature_names(table.names, target, features)
            x, y = table.numbers([*rows, query_row], names), table.numbers([*rows, query_row], [target])
            raw = cls(x[:-1], y[:-1, 0], x[-1], y[-1, 0])
            return _preprocess(raw, names, standardize=standardize, center=center, source=file.name)
        except InputError as error:
            raise InputError(f"{file}: {error}") from None

    @classmethod
    def from_npz(
        cls, path: str | os.PathLike[str], *, standardize: bool = False, center: bool = False
    ) -> Prompt:
        """Build a prompt from an NPZ file with the keys context, labels, query, query_label.

        Parameters
        ----------
        path : path
            A file written by ``numpy.savez``. Pickled objects in it are refused, never loaded.
        standardize, center
            As in `from_arrays`.

        Raises
        ------
        InputError
            If the file cannot be read, is not an NPZ file, lacks a key, or its numbers are refused.
        """
        file = _as_path(path)
        try:
            prompt = cls.from_arrays(**_read_npz(file), standardize=standardize, center=center)
        except InputError as error:
            raise InputError(f"{file}: {error}") from None
        return replace(prompt, source=file.name)


def example_data() -> Path:
    """Return the path of the shipped ``diabetes.csv``: 442 rows, 10 features, target ``progression``.

    Raw units; source and column meanings are in ``lintrans/data/README.md``.

    Examples
    --------
    >>> example_data().name
    'diabetes.csv'
    """
    return Path(__file__).with_name("data") / "diabetes.csv"


def _real(name: str, value: Any) -> Any:
    """Refuse complex numbers, whose imaginary part float64 conversion would drop."""
    if np.iscomplexobj(value):
        raise InputError(f"{name} must be real, got complex numbers; pass {name}.real if that is meant")
    return value


def _frozen_array(name: str, value: Any, ndim: int) -> FloatArray:
    array = np.array(finite_array(name, _real(name, value), ndim), order="C", copy=True)
    array.setflags(write=False)
    return array


def _preprocess(
    raw: Prompt, names: tuple[str, ...], *, standardize: bool, center: bool, source: str
) -> Prompt:
    means, scales, label_mean = np.zeros(raw.d), np.ones(raw.d), 0.0
    if standardize:
        constant = np.flatnonzero((raw.context == raw.context[0]).all(axis=0))
        if constant.size:
            raise InputError(
                f"standardize needs columns that vary within the context, got {names[constant[0]]!r} "
                f"constant over {raw.n} rows; drop that feature, take more rows, or pass standardize=False"
            )
        means, scales = _mean_and_deviation(raw.context)
    if center:
        label_mean = float(_mean_and_deviation(raw.labels)[0])
    for array in (means, scales):
        array.setflags(write=False)
    record = Preprocessing(names, means, scales, label_mean, bool(standardize), bool(center))
    with np.errstate(over="ignore"):  # an overflow is reported by the validation of the result
        context, query = (raw.context - means) / scales, (raw.query - means) / scales
        labels = raw.labels - label_mean
    return Prompt(context, labels, query, raw.query_label - label_mean, record, source)


def _mean_and_deviation(array: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Mean and standard deviation over axis 0, scaled by powers of two so that squares stay in range."""
    exponent = np.frexp(np.abs(array).max(axis=0))[1]
    scaled = np.ldexp(array, -exponent)
    return np.ldexp(scaled.mean(axis=0), exponent), np.ldexp(scaled.std(axis=0), exponent)


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
                f"column {self.names[column]!r} must hold finite numbers, got {_short(cell)} in data "
                f"row {row} (line {self.lines[row]}); correct the cell, or choose other rows or features"
            )
        return number


def _as_path(path: Any) -> Path:
    if not isinstance(path, str | os.PathLike) or "\0" in os.fspath(path):
        raise InputError(f"path must be a file name, got {_short(path)}; pass a str or a Path")
    return Path(path)


def _unreadable(error: OSError) -> InputError:
    return InputError(f"path must name a readable file, got: {error.strerror or error}; check the name")


def _read_table(file: Path) -> _Table:
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
        raise InputError(f"column names must differ, got {_short(duplicates[0])} twice; rename one of them")
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
    listing = ", ".join(map(_short, names[:20])) + (", ..." if len(names) > 20 else "")
    if target not in names:
        raise InputError(f"target must be a column, got {_short(target)}; choose one of {listing}")
    if features is None:
        chosen = tuple(name for name in names if name != target)
    elif isinstance(features, str) or not np.iterable(features):
        raise InputError(f"features must be a sequence of names, got {_short(features)}; pass a list")
    else:
        chosen = tuple(features)
    if not chosen:
        raise InputError("features must name a column besides the target, got none; add one")
    for index, name in enumerate(chosen):
        if name not in names:
            raise InputError(f"features must be columns, got {_short(name)}; choose from {listing}")
        if name == target or name in chosen[:index]:
            what = "is the target" if name == target else "is named twice"
            raise InputError(f"features must be distinct inputs, got {_short(name)}, which {what}; drop it")
    # A nameless column is the row index a data frame writes; as a feature it would be noise.
    if features is None and "" in chosen:
        raise InputError("every feature column must have a name, got an empty one; name it or pass features")
    return chosen


def _context_rows(context: slice | Sequence[int], n_rows: int) -> list[int]:
    if isinstance(context, slice):
        return _slice_rows(context, n_rows)
    if isinstance(context, str) or not np.iterable(context) or not list(context):
        raise InputError(
            f"context must be a slice or a non-empty sequence of rows, got {_short(context)}; "
            "pass slice(0, 64), for example"
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


def _read_npz(file: Path) -> dict[str, Any]:
    try:
        # Opened here, so that the stream is closed when NumPy gives up half way.
        with file.open("rb") as stream:
            archive = np.load(stream, allow_pickle=False)
            keys = list(archive) if isinstance(archive, np.lib.npyio.NpzFile) else []
            arrays = {key: archive[key] for key in NPZ_KEYS if key in keys}
    except OSError as error:
        raise _unreadable(error) from None
    except _NPZ_ERRORS:
        raise InputError(
            "a prompt must be an NPZ archive of plain numbers, got another or a damaged file; "
            "write it with numpy.savez"
        ) from None
    missing = [key for key in NPZ_KEYS if key not in arrays]
    if missing:
        raise InputError(
            f"a prompt must be an NPZ archive with the keys {', '.join(NPZ_KEYS)}, got no {missing[0]!r}; "
            "write them with numpy.savez"
        )
    return arrays


def _short(value: Any) -> str:
    """``repr`` on one line and of bounded length: cells and names come from foreign files."""
    text = " ".join(repr(value).split())
    return text if len(text) <= 60 else text[:57] + "..."
