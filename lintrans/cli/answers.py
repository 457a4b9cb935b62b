"""What a person, or a program, sees: tables, one JSON object, progress, one-line complaints."""

from __future__ import annotations

import contextlib
import json
import math
import sys
import time
from collections.abc import Callable, Iterator
from typing import Any

SECONDS_BETWEEN_LINES = 5.0


def complain(message: str) -> None:
    """Print one line on standard error."""
    print(f"lintrans: {message}", file=sys.stderr)


def emit_json(answer: dict[str, Any]) -> None:
    """Print one object; numbers that JSON has no name for (NaN, infinities) become null."""
    print(json.dumps(_plain(answer), indent=2, allow_nan=False))


def say(*lines: str) -> None:
    """Print lines of an answer."""
    for line in lines:
        print(line)


def table(rows: list[tuple[str, ...]]) -> None:
    """Print rows in aligned columns, two spaces apart."""
    widths = [max(len(row[i]) for row in rows if i < len(row)) for i in range(max(map(len, rows)))]
    for row in rows:
        print("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=False)).rstrip())


@contextlib.contextmanager
def progress(label: str, *, quiet: bool, unit: str = "cells") -> Iterator[Callable[[int, int], None] | None]:
    """Show progress of a sweep on standard error: a bar on a terminal, else a line now and then."""
    if quiet:
        yield None
    elif sys.stderr.isatty():
        with _bar(label, unit) as report:
            yield report
    else:
        yield _lines(label, unit)


@contextlib.contextmanager
def _bar(label: str, unit: str) -> Iterator[Callable[[int, int], None]]:
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (TextColumn(label), BarColumn(), MofNCompleteColumn(), TextColumn(unit))
    with Progress(
        *columns,
        TextColumn("{task.fields[rate]}"),
        TimeRemainingColumn(),
        console=Console(stderr=True),
        transient=True,
    ) as bar:
        task = bar.add_task(label, total=None, rate="compiling")
        began = time.monotonic()

        def report(done: int, total: int) -> None:
            rate = done / max(time.monotonic() - began, 1e-9)
            bar.update(task, completed=done, total=total, rate=f"{rate:,.0f}/s")

        yield report


def _lines(label: str, unit: str) -> Callable[[int, int], None]:
    began = last = time.monotonic()

    def report(done: int, total: int) -> None:
        nonlocal last
        now = time.monotonic()
        if now - last >= SECONDS_BETWEEN_LINES and done < total:
            last = now
            left = (now - began) / done * (total - done)
            print(f"{label}: {done} of {total} {unit}, {left:.0f} s left", file=sys.stderr)

    return report


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
