"""Files that a command leaves: checked before the work, written after it, named in the answer."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from lintrans.cli.answers import say
from lintrans.cli.options import Files, Problem, Weights

if TYPE_CHECKING:
    from lintrans.results import Result


def sweep_files(files: Files, stem: str, *, json: bool) -> Files:
    """Fill in the default names of a sweep and check them before any work is done."""
    output = files.output or Path(f"{stem}.h5")
    figure = files.figure or (None if json else output.with_suffix(".png"))
    filled = Files(output, figure, files.force, files.quiet)
    check(filled)
    return filled


def check(files: Files) -> None:
    """Check the names of both files, before any work is done."""
    from lintrans.store import check_output

    for path in (files.output, files.figure):
        if path is not None:
            check_output(path, force=files.force)
    if files.output is not None and files.figure is not None:
        check_differ(files.output, files.figure)
    if files.figure is not None:
        from lintrans.plotting import check_figure_path

        check_figure_path(files.figure)


def check_differ(data: Path, figure: Path) -> None:
    """Refuse one name for the result and its figure."""
    from lintrans.errors import InputError

    if data.resolve() == figure.resolve():
        raise InputError(f"result and figure must be two files, got {data} for both; end the result in .h5")


def write(result: Result, files: Files, problem: Problem, weights: Weights | None = None) -> dict[str, str]:
    """Save and draw what was asked for; returns the names of the files."""
    from dataclasses import replace

    from lintrans.store import save

    written = {}
    if files.output is not None:
        source = problem.settings()
        if source and weights is not None:
            source["weights"] = vars(weights)
        settings = {**result.settings, **({"problem": source} if source else {})}
        save(replace(result, settings=settings), files.output, force=files.force)
        written["output"] = str(files.output)
    if files.figure is not None:
        from lintrans.plotting import plot, save_figure

        save_figure(plot(result), files.figure, force=files.force)
        written["figure"] = str(files.figure)
    return written


def say_written(written: dict[str, str]) -> None:
    """Name the files that were written."""
    if written:
        say("wrote " + " and ".join(written.values()))
