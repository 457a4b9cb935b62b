"""The application that commands register with, and the options it has without a command."""

from __future__ import annotations

from typing import Annotated

import typer

from lintrans.cli.answers import say

app = typer.Typer(
    name="lintrans",
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)


def _version(show: bool) -> None:
    if show:
        from importlib.metadata import version

        say(f"lintrans {version('lintrans')}")
        raise typer.Exit


@app.callback()
def _root(
    _version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version.")
    ] = False,
    _debug: Annotated[  # read, and taken away, before this is parsed: it may stand anywhere
        bool, typer.Option("--debug", help="Show the traceback of an error.")
    ] = False,
) -> None:
    """Large-step training dynamics of linear transformers: at which learning rate it breaks, and how."""
