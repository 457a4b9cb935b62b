"""Options that commands of every subject share, each defined once.

A command takes a group as one argument; `grouped` unfolds it into its options. Heavy imports wait
until a method runs.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from dataclasses import dataclass, fields, is_dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, get_type_hints

import typer

if TYPE_CHECKING:
    from lintrans.sweeps.executors import Executor

Json = Annotated[bool, typer.Option("--json", help="Print one JSON object and nothing else.")]
NSteps = Annotated[int, typer.Option("--n-steps", help="Gradient descent steps.")]


@dataclass(frozen=True)
class Workers:
    """Who computes the tiles of a sweep."""

    executor: Annotated[str, typer.Option(help="Where to compute: threads, or dask.")] = "threads"
    scheduler: Annotated[
        str, typer.Option(help="Dask scheduler, as tcp://host:8786.  [default: start one here]")
    ] = ""
    n_workers: Annotated[
        int | None,
        typer.Option(help="Threads, or Dask processes, to start.  [default: all cores]", show_default=False),
    ] = None

    def start(self) -> Executor:
        """Return the executor; a cluster is started once there is work."""
        from lintrans.errors import InputError
        from lintrans.sweeps.executors import Dask, Threads

        if self.executor == "dask":
            return Dask(self.scheduler or None, n_workers=self.n_workers)
        if self.executor != "threads":
            raise InputError(f"--executor must be threads or dask, got {self.executor!r}; choose one")
        if self.scheduler:
            raise InputError(
                f"--scheduler needs --executor dask, got {self.scheduler!r} without it; add --executor dask"
            )
        return Threads(self.n_workers)


@dataclass(frozen=True)
class Files:
    """Where results go."""

    output: Annotated[Path | None, typer.Option(help="HDF5 file to write.", show_default=False)] = None
    figure: Annotated[
        Path | None, typer.Option(help="Figure to draw: .png, .pdf or .svg.", show_default=False)
    ] = None
    force: Annotated[bool, typer.Option("--force", help="Replace existing files.")] = False
    quiet: Annotated[bool, typer.Option("--quiet", help="No progress, no summary.")] = False


def command_group() -> typer.Typer:
    """Return an application for the commands of one module, which the registry names."""
    return typer.Typer(rich_markup_mode=None)


def grouped(command: Callable[..., Any]) -> Callable[..., Any]:
    """Unfold every dataclass argument of a command into its fields, as options of their own."""
    groups: dict[str, Any] = {}
    parameters = []
    hints = get_type_hints(command, include_extras=True)
    for name, parameter in inspect.signature(command).parameters.items():
        group = hints[name]
        if not is_dataclass(group):
            parameters.append(parameter.replace(annotation=group, kind=parameter.KEYWORD_ONLY))
            continue
        groups[name] = group
        field_hints = get_type_hints(group, include_extras=True)
        parameters += [
            inspect.Parameter(
                f.name, parameter.KEYWORD_ONLY, default=f.default, annotation=field_hints[f.name]
            )
            for f in fields(group)
        ]

    @functools.wraps(command)
    def run(**given: Any) -> Any:
        built = {
            name: group(**{f.name: given.pop(f.name) for f in fields(group)})
            for name, group in groups.items()
        }
        return command(**built, **given)

    run.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    run.__annotations__ = {p.name: p.annotation for p in parameters}
    return run
