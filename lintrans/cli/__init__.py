"""The command line: parse, one public call, save and draw. No numerics here.

`app` finds the commands in the registry, `commands` holds those of the shared subjects, `kit` what commands
are made of. Nothing heavier than Typer is imported before a command runs.
"""

from __future__ import annotations

from typing import Any


def __getattr__(name: str) -> Any:
    if name in {"main", "run"}:
        from lintrans.cli import app

        return getattr(app, name)
    raise AttributeError(f"module 'lintrans.cli' has no attribute {name!r}")
