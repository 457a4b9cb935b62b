"""The command line: parse, one public call, save and draw. No numerics here.

`lintrans --help` must stay quick: nothing heavier than typer is imported before a command runs.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence

import typer

from lintrans.cli import answers, commands

_UsageError: type[Exception] = typer.BadParameter.__mro__[1]  # click's, which newer typers carry inside


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; returns the exit code: 0, 1 for a failure, 2 for bad input, 130 for Ctrl-C."""
    words = list(sys.argv[1:] if arguments is None else arguments)
    debug = "--debug" in words
    try:
        code = commands.app(
            args=[w for w in words if w != "--debug"], prog_name="lintrans", standalone_mode=False
        )
    except (KeyboardInterrupt, typer.Abort):
        answers.complain("stopped; nothing was written")
        return 130
    except BrokenPipeError:  # the reader of our output has gone, as in `lintrans landmarks | head -1`
        sys.stdout = open(os.devnull, "w")  # noqa: PTH123, SIM115 - keeps the interpreter's last flush quiet
        return 1
    except Exception as error:
        if debug:
            raise
        answers.complain(_one_line(error))
        return 2 if _is_bad_input(error) else 1
    return int(code or 0)


def _one_line(error: Exception) -> str:
    text = error.format_message() if isinstance(error, _UsageError) else str(error)  # type: ignore[attr-defined]
    line = " ".join(text.split())
    if isinstance(error, _UsageError) or _is_bad_input(error):
        return line
    return f"{type(error).__name__}: {line}; run again with --debug for the traceback"


def _is_bad_input(error: Exception) -> bool:
    if isinstance(error, _UsageError):
        return True
    from lintrans.errors import InputError

    return isinstance(error, InputError)
