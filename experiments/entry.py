"""One entry for every experiment: numbers of its config, tables, checks, a file and a figure.

An experiment is a folder with ``README.md``, ``config.toml`` and ``run.py``. In ``run.py``

- ``measure(found)`` measures, and keeps what it prints as tables in ``found``;
- ``claims(found)`` yields a check for every claim, from these tables alone;
- ``draw(found, path)``, where there is a figure, draws it;
- ``options(parser)``, where there are any, adds options of its own.
"""

from __future__ import annotations

import argparse
import copy
import sys
import time
import tomllib
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Any, NoReturn

from experiments import files
from experiments.tables import Found, judge
from lintrans.errors import InputError
from lintrans.sweeps.store import check_output, replacing

HERE = Path(__file__).parent
NAMES = sorted(path.parent.name for path in HERE.glob("*/config.toml"))
FIGURES = (".png", ".pdf", ".svg")
OF_THE_RUN = ("output", "figure", "force")  # options that change nothing in what is found


@cache
def configuration(name: str) -> dict[str, Any]:
    """Numbers of an experiment: one dictionary for all its files, which a quick run changes for its time."""
    return tomllib.loads((HERE / name / "config.toml").read_text())


@contextmanager
def numbers(config: dict[str, Any], *, quick: bool) -> Iterator[None]:
    """Put the numbers of ``[quick]`` in the place of those they are named after, and back at the end."""
    kept = copy.deepcopy(config)
    changes = config.pop("quick")
    try:
        if quick:
            override(config, changes)
        yield
    finally:
        config.clear()
        config.update(kept)


def override(config: dict[str, Any], changes: dict[str, Any]) -> None:
    """Replace entries, in tables within tables too; a list is replaced as a whole."""
    for name, value in changes.items():
        if name not in config:
            raise InputError(f"entries of [quick] must be in the config too, got {name!r}; correct its name")
        if isinstance(value, dict):
            override(config[name], value)
        else:
            config[name] = value


def progress(text: str, began: float | None = None) -> None:
    """Say on standard error how far a long run has come."""
    seconds = "" if began is None else f", {time.monotonic() - began:.0f} s"
    print(f"{text}{seconds}", file=sys.stderr, flush=True)


class Parser(argparse.ArgumentParser):
    """A parser whose complaint is one line."""

    def error(self, message: str) -> NoReturn:
        raise InputError(f"{message}; {self.prog} --help lists the options")


def parser_of(name: str, experiment: ModuleType) -> Parser:
    parser = Parser(prog=f"python -m experiments {name}", description=experiment.__doc__)
    parser.add_argument("--quick", action="store_true", help="fewer of everything, in seconds")
    parser.add_argument("--output", type=Path, metavar="FILE.h5", help="keep the tables and the checks")
    if hasattr(experiment, "draw"):
        parser.add_argument("--figure", type=Path, metavar="FILE.png", help="draw the figure")
    parser.add_argument("--force", action="store_true", help="replace files that exist")
    if hasattr(experiment, "options"):
        experiment.options(parser)
    return parser


def main(words: list[str] | None = None) -> int:
    """Run what the command line asks for: 0 if every check holds, 1 if one fails, 2 for a bad command."""
    words = sys.argv[1:] if words is None else words
    try:
        return dispatch(words)
    except InputError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2


def dispatch(words: list[str]) -> int:
    if not words or words[0] in ("-h", "--help"):
        print(overview())
        return 0 if words else 2
    name, *rest = words
    if name == "all":
        return import_module("experiments.everything").main(rest)
    if name not in NAMES:
        raise InputError(f"experiment must be one of {', '.join(NAMES)} or all, got {name!r}; choose one")
    return run(name, rest)


def overview() -> str:
    lines = [
        "usage: python -m experiments NAME [--quick] [--output FILE.h5] [--force] ...",
        "",
        "NAME is one of",
    ]
    lines += [f"  {name:22} {import_module(f'experiments.{name}').__doc__}" for name in NAMES]
    return "\n".join([*lines, f"  {'all':22} Every experiment, on all cores."])


def run(name: str, words: list[str]) -> int:
    """Measure, check, then write the file and the figure that were asked for."""
    experiment = import_module(f"experiments.{name}.run")
    options = parser_of(name, experiment).parse_args(words)
    figure = getattr(options, "figure", None)
    for path in filter(None, (options.output, figure)):
        check_output(path, force=options.force)
    if figure and figure.suffix not in FIGURES:
        raise InputError(f"figure must end in {', '.join(FIGURES)}, got {figure}; choose another name")
    config = configuration(name)
    with numbers(config, quick=options.quick):
        found = Found(config, options)
        experiment.measure(found)
        checks = list(experiment.claims(found))
        tables = found.tables | {"checks": judge(checks)}
        if options.output:
            chosen = {key: value for key, value in vars(options).items() if key not in OF_THE_RUN}
            files.write(options.output, name, tables, config | {"options": chosen}, force=options.force)
            print(f"wrote {options.output.name}")
        if figure:
            with replacing(figure, force=options.force) as part:
                experiment.draw(found, part)
            print(f"wrote {figure.name}")
    return 0 if all(one.holds for one in checks) else 1
