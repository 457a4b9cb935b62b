"""What a command prints: tables, one JSON object, progress, one-line errors."""

from __future__ import annotations

import contextlib
import json
import math
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

SECONDS_BETWEEN_LINES = 5.0
SECONDS_UNTIL_WORD = 2.0  # without a first tile, which takes a fraction of a second
Report = Callable[..., None]


def complain(message: str) -> None:
    """Print one line on standard error."""
    print(f"lintrans: {message}", file=sys.stderr)


def emit_json(answer: dict[str, Any] | list[Any]) -> None:
    """Print one object or list; NaN and infinities, which JSON lacks, become null."""
    print(json.dumps(_plain(answer), indent=2, allow_nan=False))


def say(*lines: str) -> None:
    """Print lines of an answer."""
    for line in lines:
        print(line)


def say_items(answer: Mapping[str, Any]) -> None:
    """Print an answer, one item per line."""
    for name, value in answer.items():
        print(f"{name}: {_on_one_line(value)}")


def table(rows: Sequence[tuple[str, ...]]) -> None:
    """Print rows in aligned columns, two spaces apart."""
    widths = [max(len(row[i]) for row in rows if i < len(row)) for i in range(max(map(len, rows)))]
    for row in rows:
        print("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=False)).rstrip())


@contextlib.contextmanager
def progress(
    label: str, *, quiet: bool, unit: str = "cells", steps_per_cell: int | None = None
) -> Iterator[Report | None]:
    """Show progress on standard error: a bar on a terminal, otherwise a line every few seconds.

    The report it yields is called with the amount done, the total, and counts of what was found. The rate is
    in map steps if ``steps_per_cell`` is known; steps after an escape count as done.
    """
    if quiet:
        yield None
        return
    pace = _Pace(label, unit, steps_per_cell)
    with _bar(pace) if sys.stderr.isatty() else _lines(pace) as report:
        yield report


class _Pace:
    """Speed of the work, and the time that is left."""

    def __init__(self, label: str, unit: str, steps_per_cell: int | None) -> None:
        self.label, self.unit, self.steps_per_cell = label, unit, steps_per_cell
        self.began = time.monotonic()
        self.first: int | None = None  # done before this run, if it goes on with an older one

    def note(self, done: int) -> float:
        """Note the amount done; returns the time."""
        self.first = done if self.first is None else self.first
        return time.monotonic()

    def rate(self, done: int, *, now: float) -> str:
        """Units or map steps per second since the beginning."""
        per_second = (done - (self.first or 0)) / max(now - self.began, 1e-9)
        if self.steps_per_cell is None:
            return f"{per_second:,.0f} {self.unit}/s"
        return f"{_short(per_second * self.steps_per_cell)} steps/s"

    def seconds_left(self, done: int, total: int, *, now: float) -> float:
        """Seconds until the end at the rate so far."""
        return (now - self.began) / max(done - (self.first or 0), 1) * (total - done)


@contextlib.contextmanager
def _bar(pace: _Pace) -> Iterator[Report]:
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn
    from rich.table import Column

    columns = (TextColumn(pace.label), BarColumn(12), TaskProgressColumn(), TimeRemainingColumn())
    note = TextColumn("{task.fields[note]}", table_column=Column(ratio=1, no_wrap=True))  # cut if too long
    console = Console(stderr=True)
    with Progress(*columns, note, console=console, transient=True, expand=True) as bar:
        task = bar.add_task(pace.label, total=None, note="at work (the first run compiles)")

        def report(done: int, total: int, found: Mapping[str, int] | None = None) -> None:
            now = pace.note(done)
            if done != pace.first:
                bar.update(task, note=f"{pace.rate(done, now=now)}{_counts(found, _short)}")
            bar.update(task, completed=done, total=total)

        yield report


@contextlib.contextmanager
def _lines(pace: _Pace) -> Iterator[Report]:
    last = pace.began
    working = f"{pace.label}: at work (the first run after installation compiles)"
    alarm = threading.Timer(SECONDS_UNTIL_WORD, lambda: print(working, file=sys.stderr, flush=True))
    alarm.daemon = True
    alarm.start()

    def report(done: int, total: int, found: Mapping[str, int] | None = None) -> None:
        nonlocal last
        now = pace.note(done)
        if done == pace.first:
            return
        alarm.cancel()
        if now - last >= SECONDS_BETWEEN_LINES and done < total:
            last = now
            left = f"{pace.rate(done, now=now)}, {pace.seconds_left(done, total, now=now):.0f} s left"
            print(f"{pace.label}: {done} of {total} {pace.unit}, {left}{_counts(found)}", file=sys.stderr)

    try:
        yield report
    finally:
        alarm.cancel()


def _counts(found: Mapping[str, int] | None, write: Callable[[int], str] = str) -> str:
    """Counts by name, the largest first, each after a comma."""
    return "".join(
        f", {name} {write(n)}" for name, n in sorted((found or {}).items(), key=lambda item: -item[1])
    )


def _short(n: float) -> str:
    """Write a number in three digits: 1.61M."""
    unit, size = next(((u, s) for u, s in (("G", 10**9), ("M", 10**6), ("k", 10**3)) if n >= s), ("", 1))
    return f"{n / size:.3g}{unit}"


def _plain(value: Any) -> Any:
    """Turn arrays and NumPy numbers into lists and Python numbers; NaN and infinities into None."""
    if hasattr(value, "tolist"):
        value = value.tolist()
    if isinstance(value, dict):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value


def _on_one_line(value: Any) -> str:
    """Show a JSON value; strings keep their escapes, since the file may come from anywhere."""
    if isinstance(value, dict):
        return ", ".join(f"{json.dumps(str(k))[1:-1]} {_on_one_line(v)}" for k, v in value.items())
    return json.dumps(value)[1:-1] if isinstance(value, str) else json.dumps(value)
