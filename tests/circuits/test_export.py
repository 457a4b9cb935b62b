"""The raw table as rows: every number comes back from CSV and Parquet."""

from __future__ import annotations

import csv
import importlib.util

import numpy as np
import pytest
from standin_tracking import N, history, plain, tracking

from lintrans.circuits.export import COLUMNS, raw_columns, to_csv, to_parquet
from lintrans.circuits.heads import KINDS, HeadTable
from lintrans.errors import InputError, MissingExtraError

NUMBERS = {"tokens": float, "layer": int, "head": int, "mass": float, "ratio": float, "PR": float, "n": int}


def awkward():
    """A tracking with numbers that are hard to write, and names with commas, quotes and other letters."""
    arrays = history()
    arrays["ratio"][0, 0, 0, 0] = np.nan
    arrays["ratio"][0, 0, 0, 1] = np.inf
    arrays["ratio"][0, 0, 0, 2] = 0.1 + 0.2
    arrays["mass"][1, 0, 0, 0] = 5e-324
    names = ["main", 'a,"b"', "stufe-ü", *map(str, range(3, N))]
    return tracking(**arrays, revision=np.array(names), tokens=np.r_[np.nan, np.arange(1.0, N)])


def read(path):
    with path.open(newline="", encoding="utf-8") as stream:
        rows = list(csv.DictReader(stream))
    for row in rows:
        row |= {name: kind(row[name]) if row[name] else None for name, kind in NUMBERS.items()}
    return rows


def test_columns_are_those_of_the_table():
    columns = raw_columns(tracking())
    assert tuple(columns) == COLUMNS
    assert {len(column) for column in columns.values()} == {N * 3 * 4 * len(KINDS)}
    i = np.ravel_multi_index((5, 2, 1, 3), (N, 3, 4, 6))
    got = {name: columns[name][i].item() for name in COLUMNS}
    assert got == {
        "model": "toy/model",
        "revision": "step8000",
        "tokens": 16e9,
        "layer": 2,
        "head": 1,
        "class": "first token",
        "mass": 0.1,
        "ratio": 50,
        "PR": 1,
        "n": 48,
    }


def test_what_is_missing_is_nan():
    columns = raw_columns(HeadTable(ratio=np.ones((2, 1, 1, 6))))
    assert all(np.isnan(columns[name]).all() for name in ("tokens", "mass", "PR"))
    assert (columns["n"] == -1).all()
    assert columns["revision"].tolist() == ["0"] * 6 + ["1"] * 6


def test_places_without_a_head_have_no_rows():
    ratio = history()["ratio"]
    ratio[:, 1, 3] = np.nan
    columns = raw_columns(ratio)
    assert columns["layer"].size == N * 11 * 6
    assert not ((columns["layer"] == 1) & (columns["head"] == 3)).any()


def test_csv_gives_every_number_back(folder):
    path = to_csv(awkward(), folder / "raw.csv")
    rows, columns = read(path), raw_columns(awkward())
    assert list(rows[0]) == list(COLUMNS)
    assert len(rows) == columns["ratio"].size
    for name in COLUMNS:
        wanted = columns[name].tolist()
        missing = [None if isinstance(v, float) and np.isnan(v) else v for v in wanted]
        assert [row[name] for row in rows] == missing, name


def test_a_plain_table_has_empty_entries(folder):
    first = read(to_csv(plain(tokens=None, mass=None), folder / "raw.csv"))[0]
    assert (first["tokens"], first["mass"], first["n"], first["model"]) == (None, None, None, "")


def test_parquet_gives_every_number_back(folder):
    parquet = pytest.importorskip("pyarrow.parquet")
    path = to_parquet(awkward(), folder / "raw.parquet")
    table, columns = parquet.read_table(path), raw_columns(awkward())
    assert tuple(table.column_names) == COLUMNS
    for name in COLUMNS:
        wanted = columns[name].tolist()
        missing = [None if isinstance(v, float) and np.isnan(v) else v for v in wanted]
        assert table[name].to_pylist() == missing, name
    empty = parquet.read_table(to_parquet(plain(), folder / "other.parquet"))
    assert empty["n"].null_count == len(empty["n"])


def test_without_pyarrow_it_says_what_to_install(folder, monkeypatch):
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(MissingExtraError, match=r"pyarrow.*; pip install 'lintrans\[tables\]'"):
        to_parquet(plain(), folder / "raw.parquet")
    assert list(folder.iterdir()) == []


def test_files_are_replaced_only_if_asked(folder):
    path = to_csv(plain(), folder / "raw.csv")
    before = path.read_bytes()
    with pytest.raises(InputError, match="output must not exist"):
        to_csv(tracking(), path)
    assert path.read_bytes() == before
    to_csv(tracking(), path, force=True)
    assert path.read_bytes() != before


@pytest.mark.parametrize("name", ["raw.txt", "raw", "missing/raw.csv"])
def test_names_that_cannot_be_written_are_refused(folder, name):
    with pytest.raises(InputError, match=r"must end in .csv|existing folder"):
        to_csv(plain(), folder / name)
