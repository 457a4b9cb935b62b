"""Files that a command writes: checked before the work, written after it, named in the answer."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from lintrans.cli.kit.answers import emit_json, progress, say, say_items, table
from lintrans.cli.kit.options import Files

if TYPE_CHECKING:
    from lintrans.sweeps.executors import Executor
    from lintrans.sweeps.grid import Sweep
    from lintrans.sweeps.results import Result


def sweep_files(files: Files, stem: str, *, json: bool) -> Files:
    """Fill in the default names of a sweep and check them before any work is done."""
    output = files.output or Path(f"{stem}.h5")
    figure = files.figure or (None if json else output.with_suffix(".png"))
    filled = Files(output, figure, files.force, files.quiet)
    check(filled)
    return filled


def check(files: Files) -> None:
    """Check the names of both files, before any work is done."""
    from lintrans.sweeps.store import check_output

    for path in (files.output, files.figure):
        if path is not None:
            check_output(path, force=files.force)
    if files.output is not None and files.figure is not None:
        check_differ(files.output, files.figure)
    if files.figure is not None:
        from lintrans.plotting import check_figure_path

        check_figure_path(files.figure)


def check_differ(data: Path, figure: Path) -> None:
    """Refuse the same name for two files of a command."""
    from lintrans.errors import InputError

    if data.resolve() == figure.resolve():
        raise InputError(
            f"files of a command must be different, got {data} for two of them; end the result in .h5"
        )


def write(result: Result, files: Files, context: dict[str, Any]) -> dict[str, str]:
    """Save and draw a result as the options say, adding the settings ``context``; returns file names."""
    from dataclasses import replace

    from lintrans.sweeps.store import save

    written = {}
    if files.output is not None:
        save(replace(result, settings=result.settings | context), files.output, force=files.force)
        written["output"] = str(files.output)
    return written | draw(result, files)


def run(
    sweep: Sweep,
    files: Files,
    context: dict[str, Any],
    executor: Executor,
    *,
    label: str,
    json: bool,
    unit: str = "cells",
) -> Any:
    """Compute a sweep into its result file, showing progress; returns the result, read back from it."""
    from lintrans.sweeps.store import load, run_to_file

    assert files.output is not None  # `sweep_files` has filled it in
    steps = sweep.steps_per_cell
    with progress(label, quiet=files.quiet or json, unit=unit, steps_per_cell=steps) as report:
        run_to_file(
            sweep, files.output, context=context, force=files.force, executor=executor, progress=report
        )
    return load(files.output)


def answer(result: Result, files: Files, *, json: bool) -> None:
    """Draw the result of a sweep, and print what it contains and which files were written."""
    written = {"output": str(files.output), **draw(result, files)}
    if json:
        emit_json({**result.answer(), **written})
    elif not files.quiet:
        lines = result.lines()
        if lines:
            table(lines)
        else:
            say_items(result.summary())
        say_written(written)


def draw(result: Result, files: Files) -> dict[str, str]:
    """Draw the figure if the options name one; returns its name."""
    if files.figure is None:
        return {}
    from lintrans.plotting import plot, save_figure

    save_figure(plot(result), files.figure, force=files.force)
    return {"figure": str(files.figure)}


def say_written(written: dict[str, str]) -> None:
    """Name the files that were written."""
    if written:
        say("wrote " + " and ".join(written.values()))
