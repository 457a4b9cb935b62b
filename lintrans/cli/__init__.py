"""The command line: parse, one public call, save and draw. No numerics here.

`lintrans --help` must stay quick: nothing heavier than typer is imported before a command runs.
"""

from __future__ import annotations

import gc
import os
import signal
import sys
from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import typer

from lintrans.cli import answers, commands  # noqa: F401
from lintrans.cli.app import app

_UsageError: type[Exception] = typer.BadParameter.__mro__[1]  # click's, which newer typers carry inside
STOPPED = 130  # by Ctrl-C or SIGTERM: 128 and the number of the signal, as shells count


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; returns the exit code: 0, 1 for a failure, 2 for bad input, 130 if stopped."""
    words = list(sys.argv[1:] if arguments is None else arguments) or ["--help"]
    debug = "--debug" in words
    try:
        code = app(args=[w for w in words if w != "--debug"], prog_name="lintrans", standalone_mode=False)
        if code == STOPPED:  # newer typers catch Ctrl-C themselves
            raise KeyboardInterrupt  # noqa: TRY301
    except (KeyboardInterrupt, typer.Abort):
        answers.complain("stopped")
        return STOPPED
    except BrokenPipeError:  # the reader of our output has gone, as in `lintrans landmarks | head -1`
        sys.stdout = open(os.devnull, "w")  # noqa: PTH123, SIM115 - keeps the interpreter's last flush quiet
        return 1
    except Exception as error:
        if debug:
            raise
        answers.complain(_one_line(error, words))
        return _exit_code(error)
    return int(code or 0)


def run() -> int:
    """Run the command line as a process of its own."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # batch systems warn so before they kill
    code = main()
    gc.freeze()  # else Python walks through all of Numba's objects before it ends, for half a second
    return code


def _one_line(error: Exception, words: Sequence[str]) -> str:
    if isinstance(error, _UsageError):
        return _usage(error, words)
    line = " ".join(str(error).split())
    from lintrans.errors import LintransError

    if isinstance(error, LintransError):
        return line
    return f"{type(error).__name__}: {line}; run again with --debug for the traceback"


def _usage(error: Any, words: Sequence[str]) -> str:
    """Typer's complaint, with the value it refused and where to look."""
    text = " ".join(error.format_message().split()).rstrip(".")
    given = _value_given(words, getattr(getattr(error, "param", None), "opts", ()))
    received = "" if given is None or repr(given) in text else f", got {given!r}"
    command = error.ctx.command_path if error.ctx else "lintrans"
    return f"{text}{received}; see {command} --help"


def _value_given(words: Sequence[str], names: Sequence[str]) -> str | None:
    """Return what was given for an option: ``--name value`` or ``--name=value``."""
    pairs = [
        word.partition("=")[::2] if "=" in word else (word, after) for word, after in pairwise([*words, ""])
    ]
    return next((value for name, value in reversed(pairs) if name in names), None)


def _exit_code(error: Exception) -> int:
    if isinstance(error, _UsageError):
        return 2
    from lintrans.errors import InputError, Interrupted

    return STOPPED if isinstance(error, Interrupted) else 2 if isinstance(error, InputError) else 1
