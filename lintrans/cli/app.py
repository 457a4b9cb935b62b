"""The application: commands by their names in the registry, and every error as one line.

`lintrans --help` must stay quick: a command's module is imported when the command is asked for.
"""

from __future__ import annotations

import gc
import os
import signal
import sys
from collections.abc import Iterator, MutableMapping, Sequence
from importlib import import_module
from itertools import pairwise
from typing import Annotated, Any

import typer
from typer.main import get_group

from lintrans import registry
from lintrans.cli.kit.answers import complain, say
from lintrans.cli.kit.options import Listed, example

_UsageError: type[Exception] = typer.BadParameter.__mro__[1]  # click's, which newer typers carry inside
STOPPED = 130  # by Ctrl-C or SIGTERM: 128 and the number of the signal, as shells count


class _Commands(MutableMapping[str, Any]):
    """Commands of the registry by name; one is imported with its group when it is looked up."""

    def __init__(self) -> None:
        self._modules = {name: group.module for group in registry.groups() for name in group.commands}
        self._found: dict[str, Any] = {}

    def __getitem__(self, name: str) -> Any:
        if name not in self._found:
            self._found |= get_group(import_module(self._modules[name]).app).commands
        return self._found[name]

    def __setitem__(self, name: str, command: Any) -> None:
        self._found[name] = command

    def __delitem__(self, name: str) -> None:
        del self._modules[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._modules)

    def __len__(self) -> int:
        return len(self._modules)


class _Application(Listed):
    """All commands, grouped under titles."""

    def __init__(self, **settings: Any) -> None:
        super().__init__(**settings)
        self.commands = _Commands()

    def sections(self) -> Iterator[tuple[str, Sequence[str]]]:
        """Groups of the registry."""
        return ((group.title, group.commands) for group in registry.groups())


app = typer.Typer(
    name="lintrans",
    cls=_Application,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    epilog="lintrans COMMAND --help explains a command and ends with an example of it.\n\n"
    + example(
        "lintrans reduce example --target progression --context 0:64 --query 64 --standardize --center "
        "--step-size 7e-5"
    ),
)


def _version(show: bool) -> None:
    if show:
        from importlib.metadata import version

        say(f"lintrans {version('lintrans')}")
        raise typer.Exit


@app.callback()
def _root(
    _version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version and exit.")
    ] = False,
    _debug: Annotated[  # read, and taken away, before this is parsed: it may stand anywhere
        bool, typer.Option("--debug", help="Show the full traceback of an error.")
    ] = False,
) -> None:
    """Find at which learning rate training of a linear transformer breaks, and how.

    Trained weights: P = diag(0, w) and K = diag(W, 0), the two-factor model of the paper (arXiv 2605.21292);
    all other weights stay 0. lintrans sandbox is about another model: a small transformer that learns modular
    addition, all weights trained (arXiv 2410.24050).
    """


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; returns the exit code: 0, 1 for a failure, 2 for bad input, 130 if stopped."""
    words = list(sys.argv[1:] if arguments is None else arguments) or ["--help"]
    debug = "--debug" in words
    try:
        code = app(args=[w for w in words if w != "--debug"], prog_name="lintrans", standalone_mode=False)
        if code == STOPPED:  # newer typers catch Ctrl-C themselves
            raise KeyboardInterrupt  # noqa: TRY301
    except (KeyboardInterrupt, typer.Abort):
        complain("stopped")
        return STOPPED
    except BrokenPipeError:  # the reader of our output has gone, as in `lintrans landmarks | head -1`
        sys.stdout = open(os.devnull, "w")  # noqa: PTH123, SIM115 - keeps the interpreter's last flush quiet
        return 1
    except Exception as error:
        if debug:
            raise
        complain(_one_line(error, words))
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
