"""The raw table of heads as rows, in CSV or Parquet: one row a revision, head and class."""

from __future__ import annotations

import csv
import math
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lintrans.circuits.heads import Heads, head_table
from lintrans.errors import InputError, require_extra
from lintrans.sweeps.store import check_output, replacing

COLUMNS = ("model", "revision", "tokens", "layer", "head", "class", "mass", "ratio", "PR", "n")
EXTRA = "tables"


def raw_columns(heads: Heads) -> dict[str, NDArray[Any]]:
    """Columns of the raw table by name, one entry a revision, layer, head and class, in this order.

    Parameters
    ----------
    heads
        A tracking, a `HeadTable`, or ratios (revision, layer, head, kind).

    Returns
    -------
    columns : dict
        ``model``, ``revision`` and ``class`` are text; ``layer``, ``head`` and ``n`` (sequences; -1 unknown)
        whole numbers; ``tokens``, ``mass`` (mean attention to the target), ``ratio`` (over that to random
        positions) and ``PR`` (participation ratio, the same for all classes of a head) numbers, with NaN
        where something was not measured.

    Examples
    --------
    >>> columns = raw_columns(np.ones((1, 1, 2, 6)))
    >>> columns["head"].tolist()
    [0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 1, 1]
    >>> columns["class"][3].item()
    'first token'
    """
    table = head_table(heads)
    shape = table.ratio.shape
    every = np.indices(shape).reshape(4, -1)
    is_head = np.broadcast_to(table.is_head[None, :, :, None], shape).ravel()
    revision, layer, head, kind = (places[is_head] for places in every)
    numbers = table.heads
    values: dict[str, Any] = {
        "model": np.full(revision.size, table.model),
        "revision": np.array(table.revisions)[revision],
        "tokens": np.full(shape[0], np.nan)[revision] if table.tokens is None else table.tokens[revision],
        "layer": table.layers[layer],
        "head": numbers[head],
        "class": np.array(table.kinds)[kind],
        "mass": _entries(table.mass, revision, layer, head, kind),
        "ratio": table.ratio[revision, layer, head, kind],
        "PR": _entries(table.participation, revision, layer, head),
        "n": np.full(revision.size, -1 if table.n is None else table.n),
    }
    return {name: np.asarray(values[name]) for name in COLUMNS}


def _entries(array: NDArray[Any] | None, *places: NDArray[np.intp]) -> NDArray[Any]:
    return np.full(places[0].size, np.nan) if array is None else np.asarray(array[places])


def to_csv(heads: Heads, path: str | os.PathLike[str], *, force: bool = False) -> Path:
    """Write the raw table as CSV in UTF-8; NaN and unknown counts are empty.

    Numbers are written so that reading them gives the same ones.

    Parameters
    ----------
    heads
        As `raw_columns`.
    path
        File to write; its name ends in .csv.
    force
        Replace a file that exists.

    Raises
    ------
    InputError
        If the name ends otherwise, or as `lintrans.sweeps.check_output`.
    """
    target = check_path(path, ".csv", force=force)
    with replacing(target, force=force) as part, part.open("w", newline="", encoding="utf-8") as stream:
        writer = csv.writer(stream, lineterminator="\n")
        writer.writerow(COLUMNS)
        writer.writerows(_rows(raw_columns(heads)))
    return target


def _rows(columns: dict[str, NDArray[Any]]) -> Iterator[tuple[Any, ...]]:
    lists = {name: column.tolist() for name, column in columns.items()}
    for name in ("tokens", "mass", "ratio", "PR"):
        lists[name] = ["" if math.isnan(value) else value for value in lists[name]]
    lists["n"] = ["" if value < 0 else value for value in lists["n"]]
    return zip(*(lists[name] for name in COLUMNS), strict=True)


def to_parquet(heads: Heads, path: str | os.PathLike[str], *, force: bool = False) -> Path:
    """Write the raw table as Parquet; NaN and unknown counts are null.

    Parameters
    ----------
    heads, force
        As `to_csv`.
    path
        File to write; its name ends in .parquet.

    Raises
    ------
    MissingExtraError
        If pyarrow is not installed.
    InputError
        As `to_csv`.
    """
    require_extra(EXTRA, "pyarrow", "a Parquet file")
    target = check_path(path, ".parquet", force=force)
    import pyarrow
    from pyarrow import parquet

    columns: dict[str, Any] = {}
    for name, column in raw_columns(heads).items():
        if column.dtype.kind == "U":
            columns[name] = pyarrow.array(column.tolist(), pyarrow.string()).dictionary_encode()
        else:
            missing = np.isnan(column) if column.dtype.kind == "f" else column < 0
            columns[name] = pyarrow.array(column, mask=missing if name not in ("layer", "head") else None)
    with replacing(target, force=force) as part:
        parquet.write_table(pyarrow.table(columns), part)
    return target


def check_path(path: str | os.PathLike[str], suffix: str, *, force: bool = False) -> Path:
    """Check, before any work, that a table can be written under this name.

    Raises
    ------
    InputError
        If it does not end in ``suffix``, or as `lintrans.sweeps.check_output`.
    """
    target = Path(path)
    if target.suffix.lower() != suffix:
        raise InputError(f"the name of this table must end in {suffix}, got {target}; rename it")
    return check_output(target, force=force)
