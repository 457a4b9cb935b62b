"""Arguments that several commands of the sandbox take, and how they are read."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, TypeVar

import typer

from lintrans.cli.kit import ranges

if TYPE_CHECKING:
    from lintrans.sandbox import Runs

Number = TypeVar("Number", int, float)
RunFile = Annotated[
    Path, typer.Argument(help="Result file of lintrans sandbox train.", metavar="FILE", show_default=False)
]
Seed = Annotated[
    int | None,
    typer.Option(help="Seed of the run.  [default: the best run of the file]", show_default=False),
]
Label = Annotated[
    str,
    typer.Option(
        help="Take the best run with this circuit: clustering head, signed head, even-weight, irregular or "
        "none.",
        show_default=False,
    ),
]


def read_runs(file: Path) -> Runs:
    """Runs of a file; an InputError if it holds something else."""
    from lintrans.errors import InputError
    from lintrans.sandbox import Runs
    from lintrans.sweeps.store import load

    found = load(file)
    if not isinstance(found, Runs):
        raise InputError(
            f"file must be of lintrans sandbox train, got {file} with {found.kind}; choose another"
        )
    return found


def chosen_seed(runs: Runs, seed: int | None, label: str) -> int:
    """Seed of the run that is asked for: by number, or the best with a label or of all."""
    from lintrans.errors import InputError

    if seed is None:
        return runs.best(label)
    if label:
        raise InputError(f"--seed and --label must not both be given, got {seed} and {label}; leave one out")
    runs.row(seed)
    return seed


def check_page_output(path: Path, *, force: bool) -> None:
    """Refuse a page that could not be written."""
    from lintrans.pages.page import check_page_path
    from lintrans.sweeps.store import check_output

    check_output(check_page_path(path), force=force)


def whole_numbers(name: str, text: str) -> list[int]:
    """Whole numbers of an option, all different; none of an empty text."""
    from lintrans.errors import count

    return _different(name, [count(name, ranges.whole(word), minimum=0) for word in text.split(",") if text])


def numbers(name: str, text: str) -> list[float]:
    """Positive numbers of an option, all different; none of an empty text."""
    from lintrans.errors import positive

    return _different(name, [positive(name, word) for word in text.split(",") if text])


def _different(name: str, values: list[Number]) -> list[Number]:
    from lintrans.errors import InputError

    if len(set(values)) < len(values):
        listed = ",".join(f"{value:g}" for value in values)
        raise InputError(f"{name} must be different, got {listed}; write each once")
    return values
