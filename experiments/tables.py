"""What an experiment finds: tables that are printed row by row, and checks of what is in them."""

from __future__ import annotations

import math
from argparse import Namespace
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np


class Table:
    """Rows that are printed as they come, and read back column by column.

    ``formats`` gives every column its format: of a text "<12", of a number "8.4f".
    """

    def __init__(self, formats: dict[str, str], columns: dict[str, Iterable[Any]] | None = None) -> None:
        self.formats = formats
        self.columns: dict[str, list[Any]] = {name: list((columns or {}).get(name, ())) for name in formats}
        self.widths = {
            name: max(len(label(name)), len(format("" if "<" in form else 0, form)))
            for name, form in formats.items()
        }

    def __getitem__(self, name: str) -> np.ndarray:
        return np.array(self.columns[name])

    def __len__(self) -> int:
        return len(next(iter(self.columns.values())))

    def at(self, **wanted: Any) -> Table:
        """The rows in which the columns named have these values."""
        chosen = np.ones(len(self), dtype=bool)
        for name, value in wanted.items():
            chosen &= self[name] == value
        return self.where(chosen)

    def where(self, chosen: np.ndarray) -> Table:
        """The rows of a mask."""
        return Table(self.formats, {name: self[name][chosen].tolist() for name in self.formats})

    def head(self) -> None:
        self._print({name: label(name) for name in self.formats})

    def row(self, **values: Any) -> None:
        """Keep one row, and print it; a number that is undefined is NaN, and printed as a dash."""
        if values.keys() != self.formats.keys():
            raise ValueError(f"a row has the columns {list(self.formats)}, got {list(values)}")
        for name, value in values.items():
            self.columns[name].append(value)
        self._print({name: self.text(name, values[name]) for name in self.formats})

    def text(self, name: str, value: Any) -> str:
        """What is printed of a value."""
        if isinstance(value, float) and math.isnan(value):
            return "-"
        return format(value, self.formats[name]).strip()

    def _print(self, cells: dict[str, str]) -> None:
        padded = [
            cell.ljust(self.widths[name]) if "<" in self.formats[name] else cell.rjust(self.widths[name])
            for name, cell in cells.items()
        ]
        print("  ".join(padded).rstrip(), flush=True)


def label(name: str) -> str:
    return name.replace("_", " ")


@dataclass(frozen=True)
class Check:
    """A claim with a number in it: what was measured, and between which bounds it must lie.

    ``reason`` says why the bounds are what they are, if the statement does not.
    """

    statement: str
    measured: float
    at_least: float
    at_most: float
    reason: str

    @property
    def holds(self) -> bool:
        return bool(self.at_least <= self.measured <= self.at_most)  # NaN does not hold

    @property
    def wanted(self) -> str:
        if self.at_least == self.at_most:
            return f"{self.at_least:.6g}"
        if math.isinf(self.at_least):
            return f"at most {self.at_most:.6g}"
        if math.isinf(self.at_most):
            return f"at least {self.at_least:.6g}"
        return f"{self.at_least:.6g} to {self.at_most:.6g}"


def check(
    statement: str,
    measured: float,
    *,
    equals: float | None = None,
    at_least: float = -math.inf,
    at_most: float = math.inf,
    reason: str = "",
) -> Check:
    """A check by one value, or by bounds."""
    if equals is not None:
        at_least = at_most = equals
    if math.isinf(at_least) and math.isinf(at_most):
        raise ValueError(f"a check needs a bound, or it cannot fail: {statement}")
    return Check(statement, float(measured), float(at_least), float(at_most), reason)


class Found:
    """All that one run of an experiment finds, by the name of the table.

    Attributes
    ----------
    config : dict
        The numbers of its ``config.toml``; those of a quick run if it is one.
    options : Namespace
        Of the command line.
    """

    def __init__(self, config: dict[str, Any], options: Namespace) -> None:
        self.config, self.options = config, options
        self.tables: dict[str, Table] = {}

    def __getitem__(self, name: str) -> Table:
        return self.tables[name]

    def __contains__(self, name: str) -> bool:
        return name in self.tables

    def table(self, name: str, title: str, /, **formats: str) -> Table:
        """Begin a table, and print its title and the names of its columns."""
        found = self.tables[name] = Table(formats)
        print(f"\n{title}")
        found.head()
        return found

    def keep(self, name: str, /, **columns: Iterable[Any]) -> Table:
        """Keep columns that are too long to be printed: curves and raw data."""
        found = self.tables[name] = Table(dict.fromkeys(columns, ""), columns)
        return found


def judge(checks: list[Check]) -> Table:
    """Print what was claimed beside what was measured; the checks as a table."""
    if not checks:
        raise ValueError("an experiment must check what it claims, got no check")
    print("\nchecks of what is claimed")
    width = max(len(one.statement) for one in checks)
    table = Table({"": "<5", "statement": f"<{width}", "measured": "<11", "wanted": "<18", "reason": "<1"})
    for one in checks:
        table.row(
            **{"": "holds" if one.holds else "FAILS"},
            statement=one.statement,
            measured=f"{one.measured:.6g}",
            wanted=one.wanted,
            reason=f"({one.reason})" if one.reason else "",
        )
    n_held = sum(one.holds for one in checks)
    print(f"{n_held} of {len(checks)} checks hold")
    names = ("statement", "measured", "at_least", "at_most", "reason", "holds")
    return Table(dict.fromkeys(names, ""), {name: [getattr(one, name) for one in checks] for name in names})
