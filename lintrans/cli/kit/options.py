"""Options that commands of every subject share, each defined once.

A command takes a group as one argument; `grouped` unfolds it into its options, and adds the ``note`` of the
group to the help. `example` ends the help of a command. Heavy imports wait until a method runs.
"""

from __future__ import annotations

import functools
import inspect
import re
import textwrap
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, fields, is_dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, get_type_hints

import typer
from typer.core import TyperGroup

if TYPE_CHECKING:
    from lintrans.sweeps.executors import Executor

Json = Annotated[bool, typer.Option("--json", help="Print the answer as one JSON object and nothing else.")]
NSteps = Annotated[int, typer.Option("--n-steps", help="Number of gradient descent steps.")]


@dataclass(frozen=True)
class Workers:
    """Where the tiles of a sweep are computed."""

    executor: Annotated[str, typer.Option(help="Where to compute: threads or dask.")] = "threads"
    scheduler: Annotated[
        str,
        typer.Option(
            help="Address of a running Dask scheduler, e.g. tcp://host:8786.  "
            "[default: start a cluster on this machine]"
        ),
    ] = ""
    n_workers: Annotated[
        int | None,
        typer.Option(
            help="Number of threads, or of Dask processes, to start.  [default: one per core]",
            show_default=False,
        ),
    ] = None

    def start(self) -> Executor:
        """Return the executor; a cluster is started once there is work."""
        from lintrans.errors import InputError
        from lintrans.sweeps.executors import Dask, Threads

        if self.executor == "dask":
            return Dask(self.scheduler or None, n_workers=self.n_workers)
        if self.executor != "threads":
            raise InputError(f"--executor must be threads or dask, got {self.executor!r}; write one of these")
        if self.scheduler:
            raise InputError(
                f"--scheduler needs --executor dask, got {self.scheduler!r} without it; add --executor dask"
            )
        return Threads(self.n_workers)


@dataclass(frozen=True)
class Files:
    """Which files are written."""

    output: Annotated[Path | None, typer.Option(help="HDF5 result file to write.", show_default=False)] = None
    figure: Annotated[
        Path | None,
        typer.Option(help="Figure to draw; the name ends in .png, .pdf or .svg.", show_default=False),
    ] = None
    force: Annotated[bool, typer.Option("--force", help="Replace files that exist.")] = False
    quiet: Annotated[bool, typer.Option("--quiet", help="Print neither progress nor a summary.")] = False


class Listed(TyperGroup):
    """Commands that are listed in full: each with its first paragraph, wrapped and never cut."""

    def sections(self) -> Iterable[tuple[str, Sequence[str]]]:
        """Titles of the sections of the list, and the names of commands in each."""
        return [("Commands", list(self.commands))]

    def format_commands(self, ctx: Any, formatter: Any) -> None:
        """Write the list."""
        width = max(map(len, self.commands))
        for title, names in self.sections():
            with formatter.section(title):
                formatter.write_dl(
                    [(name.ljust(width), _first_paragraph(self.commands[name])) for name in names]
                )


def _first_paragraph(command: Any) -> str:
    return " ".join((command.help or "").partition("\n\n")[0].split())


def command_group() -> typer.Typer:
    """Return an application for commands that belong together, such as those of a module."""
    return typer.Typer(cls=Listed, rich_markup_mode=None)


def example(command_line: str) -> str:
    """Epilog of a help: one command line that runs as it stands, in lines that can be copied."""
    glued = re.sub(r" (?!--)", "\0", command_line)  # an option and its value stay together
    lines = textwrap.wrap(glued, 70, break_long_words=False, break_on_hyphens=False)
    return "\b\nExample:\n  " + " \\\n    ".join(lines).replace("\0", " ")


def grouped(command: Callable[..., Any]) -> Callable[..., Any]:
    """Unfold every dataclass argument of a command into its fields, as options of their own.

    The command's docstring, which is its help, gets the ``note`` of each group as a last paragraph.
    """
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
    return explained(*(group.note for group in groups.values() if hasattr(group, "note")))(run)


def explained(*notes: str) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Add paragraphs to the help of a command, which is its docstring."""

    def add(command: Callable[..., Any]) -> Callable[..., Any]:
        command.__doc__ = "\n\n".join([inspect.cleandoc(command.__doc__ or ""), *notes])
        return command

    return add
