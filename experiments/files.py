"""Files of an experiment: tables as plain HDF5, one group each, readable with h5py alone.

A column is an array on the axis ``row`` of its group, a dimension scale, with a checksum. The root has the
name of the experiment, and as JSON ``settings`` and ``versions``. No timestamps.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from experiments.tables import Table
from lintrans.errors import InputError
from lintrans.sweeps.results import versions
from lintrans.sweeps.store import LIBVER, replacing


def write(
    path: Path, experiment: str, tables: dict[str, Table], settings: dict[str, Any], *, force: bool
) -> None:
    """Write the file whole or not at all; an existing one is replaced only with ``force``."""
    with replacing(path, force=force) as part, h5py.File(part, "w", libver=LIBVER, track_order=True) as file:
        file.attrs["experiment"] = np.bytes_(experiment)
        file.attrs["settings"] = np.bytes_(json.dumps(settings, sort_keys=True, default=str))
        file.attrs["versions"] = np.bytes_(json.dumps(versions(), sort_keys=True))
        for name, table in tables.items():
            group = file.create_group(name, track_order=True)
            rows = group.create_dataset("row", data=np.arange(len(table)))
            rows.make_scale("row")
            for column in table.columns:
                _column(group, column, table[column]).dims[0].attach_scale(rows)


def _column(group: h5py.Group, name: str, values: np.ndarray) -> h5py.Dataset:
    how: dict[str, Any] = {"fletcher32": True} if values.size else {}
    if values.dtype.kind == "U":
        encoded = np.char.encode(values, "utf-8")
        length = max(encoded.dtype.itemsize, 1)  # a column of empty texts has none
        values = encoded.astype(h5py.string_dtype("utf-8", length))
    elif values.dtype.kind == "b":
        values = values.astype(np.int8)
    return group.create_dataset(name, data=values, **how)


def read(path: Path) -> dict[str, dict[str, np.ndarray]]:
    """The columns of every table of a file."""
    try:
        with h5py.File(path, "r") as file:
            return {name: {key: _values(data) for key, data in group.items()} for name, group in file.items()}
    except OSError as error:
        raise InputError(
            f"file must hold the tables of an experiment, got {path} ({error}); run it again with --output"
        ) from None


def _values(data: h5py.Dataset) -> np.ndarray:
    return data.asstr()[()].astype(np.str_) if data.dtype.kind == "S" else data[()]
